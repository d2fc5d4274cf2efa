"""Prediction on new videos: the mean over folds of what the streams say together."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import softmax
from tensor_clips import signer

from signfold.core import versions
from signfold.core.clip import Extraction
from signfold.core.errors import SignfoldError
from signfold.core.files import write_json
from signfold.core.settings import KeypointSettings, ModelSettings, TensorSettings
from signfold.core.skeleton import layout
from signfold.core.tables import write_csv
from signfold.inference import predict
from signfold.keypoints.cache import Cache
from signfold.models.io import build_network, load_model, predict_logits, save_model

LABELS = ("1", "2", "3")


def save(folder: Path, labels: tuple[str, ...] = LABELS, frames: int = 8, stream: str = "joint") -> None:
    """Write an untrained network where a run would."""
    settings = TensorSettings(frames=frames)
    joints = list(layout(settings.layout).joints)
    tensors = {"layout": settings.layout, "joints": joints, "channels": list(settings.channels), "frames": frames}
    tensors |= {"settings": dataclasses.asdict(settings), "version": versions.TENSORS}
    network = build_network(tensors, len(labels), ModelSettings(width=0.125))
    described = {"tensors": tensors, "labels": labels, "stream": stream, "provenance": {}}
    save_model(folder, network, settings=ModelSettings(width=0.125), **described)


def evaluated(
    results: Path,
    weights: list[dict[str, dict[str, float]]],
    temperatures: list[dict[str, float]] | None = None,
    version: int = versions.EVALUATE,
) -> None:
    """Write what a run says of its folds, and of each fold's fusion and temperature for each seed."""
    about = {"folds": list(weights[0]), "streams": list(next(iter(weights[0].values()))), "version": version}
    about["temperature_by_fold"] = temperatures or [dict.fromkeys(own) for own in weights]
    write_json(results / predict.METRICS, about | {"fusion_by_fold": weights, "seeds": {"count": len(weights)}})


def clip() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(9, 8, 27)).astype(np.float32)


def test_folds_are_averaged_and_streams_fused(tmp_path: Path) -> None:
    for fold in ("fold-1", "fold-2"):
        for stream in ("joint", "bone"):
            save(tmp_path / "models" / fold / stream / "seed-1", stream=stream)
    evaluated(tmp_path, [{key: {"joint": 0.5, "bone": 0.5} for key in ("fold-1", "fold-2")}])
    together = predict.load_ensemble(tmp_path)
    alone = [dataclasses.replace(together, networks={fold: together.networks[fold]}) for fold in together.networks]
    expected = np.mean([ensemble.probabilities(clip()) for ensemble in alone], axis=0)
    np.testing.assert_allclose(together.probabilities(clip()), expected)
    assert together.probabilities(clip()).sum() == pytest.approx(1)


def test_each_fold_and_seed_has_its_own_weights(tmp_path: Path) -> None:
    """Weights of 0 and 1 make each fold of each seed one network; their mean is the prediction."""
    torch.manual_seed(0)
    for stream in ("joint", "bone"):
        save(tmp_path / "models" / "fold-1" / stream / "seed-1", stream=stream)
        save(tmp_path / "models" / "fold-1" / stream / "seed-2", stream=stream)
        save(tmp_path / "models" / "fold-1" / stream / "seed-3", stream=stream)  # of an earlier run with more seeds
    evaluated(tmp_path, [{"fold-1": {"joint": 1.0, "bone": 0.0}}, {"fold-1": {"joint": 0.0, "bone": 1.0}}])
    chosen = [tmp_path / "models/fold-1/joint/seed-1", tmp_path / "models/fold-1/bone/seed-2"]
    expected = np.mean([softmax(predict_logits(*load_model(folder), clip()[None])[0]) for folder in chosen], axis=0)
    np.testing.assert_allclose(predict.load_ensemble(tmp_path).probabilities(clip()), expected, rtol=1e-5)


def test_each_fold_and_seed_is_calibrated_before_the_mean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    # Untrained networks have logits of some thousands.
    monkeypatch.setattr(predict, "predict_logits", lambda *given: predict_logits(*given) / 1000)
    folders = [tmp_path / "models" / "fold-1" / "joint" / f"seed-{number}" for number in (1, 2)]
    for folder in folders:
        save(folder)
    evaluated(tmp_path, [{"fold-1": {"joint": 1.0}}] * 2, [{"fold-1": 0.3}, {"fold-1": 4.0}])
    logits = [predict_logits(*load_model(folder), clip()[None])[0] / 1000 for folder in folders]
    expected = (softmax(logits[0] / 0.3) + softmax(logits[1] / 4)) / 2
    np.testing.assert_allclose(predict.load_ensemble(tmp_path).probabilities(clip()), expected, rtol=1e-4)


def test_an_evaluation_of_another_version_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "models" / "fold-1" / "joint" / "seed-1")
    evaluated(tmp_path, [{"fold-1": {"joint": 1.0}}], version=versions.EVALUATE - 1)
    with pytest.raises(SignfoldError, match="of another version of signfold; run `snakemake"):
        predict.load_ensemble(tmp_path)


def test_classes_are_shown_by_their_glosses(tmp_path: Path) -> None:
    save(tmp_path / "models" / "fold-1" / "joint" / "seed-1")
    evaluated(tmp_path, [{"fold-1": {"joint": 1.0}}])
    (tmp_path / "classes.csv").write_text("class_id,label,gloss,items\n0,1,house,4\n1,2,,4\n2,3,tree,4\n")
    assert predict.load_ensemble(tmp_path).glosses == ["house", "2", "tree"]
    glosses = pd.DataFrame({"label": ["1", "2", "3"], "gloss": ["=1+1", "@tree", "-"]})
    write_csv(glosses, tmp_path / "classes.csv")  # escaped, for spreadsheets
    assert predict.load_ensemble(tmp_path).glosses == ["=1+1", "@tree", "-"]


def test_a_run_that_is_not_finished_says_so(tmp_path: Path) -> None:
    with pytest.raises(SignfoldError, match="no trained networks"):
        predict.load_ensemble(tmp_path)
    save(tmp_path / "models" / "fold-1" / "joint" / "seed-1")
    save(tmp_path / "models" / "fold-2" / "joint" / "seed-1", labels=("1", "2"))
    evaluated(tmp_path, [{key: {"joint": 1.0} for key in ("fold-1", "fold-2")}])
    with pytest.raises(SignfoldError, match="the networks differ in their classes"):
        predict.load_ensemble(tmp_path)


@pytest.mark.parametrize(("name", "later"), [("NETWORK", {"aagcn": 2}), ("TENSORS", versions.TENSORS + 1)])
def test_weights_of_another_version_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, later: Any
) -> None:
    save(tmp_path)
    load_model(tmp_path)
    monkeypatch.setattr(versions, name, later)
    with pytest.raises(SignfoldError, match=r"model\.safetensors: written by another version.*train it again"):
        load_model(tmp_path)


def test_videos_are_found_in_folders_and_by_name(tmp_path: Path) -> None:
    for name in ("a.mp4", "b/c.webm", "notes.txt", ".hidden.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert predict.videos_in([tmp_path]) == [tmp_path / "a.mp4", tmp_path / "b/c.webm"]
    assert predict.videos_in([tmp_path / "a.mp4"]) == [tmp_path / "a.mp4"]
    with pytest.raises(SignfoldError, match="no videos"):
        predict.videos_in([tmp_path / "notes.txt"])


@pytest.mark.parametrize("gone", ["fold-2", "fold-2/bone", "fold-2/joint/seed-1/model.safetensors"])
def test_a_network_that_is_missing_is_named(tmp_path: Path, gone: str) -> None:
    folds = ("fold-1", "fold-2", "fold-3")
    for fold in folds:
        for stream in ("joint", "bone"):
            save(tmp_path / "models" / fold / stream / "seed-1", stream=stream)
    evaluated(tmp_path, [{fold: {"joint": 0.5, "bone": 0.5} for fold in folds}])
    assert len(predict.load_ensemble(tmp_path).networks) == 3
    path = tmp_path / "models" / gone
    path.unlink() if path.is_file() else shutil.rmtree(path)
    with pytest.raises(SignfoldError, match=rf"^{tmp_path}/models/fold-2/.*/model\.safetensors: no such file, but"):
        predict.load_ensemble(tmp_path)


def test_a_video_that_cannot_be_read_is_a_row_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "models" / "fold-1" / "joint" / "seed-1")
    evaluated(tmp_path, [{"fold-1": {"joint": 1.0}}])
    monkeypatch.setattr(predict, "extraction_settings", lambda results: KeypointSettings())
    monkeypatch.setattr(Cache, "extraction", lambda *given: Extraction(signer()))
    videos = tmp_path / "videos"
    videos.mkdir()
    (videos / "a.mp4").symlink_to(videos / "gone.mp4")
    (videos / "b.mp4").write_bytes(b"any")
    os.mkfifo(tmp_path / "pipe.mp4")
    table = predict.predict(tmp_path, [videos, tmp_path / "pipe.mp4"], tmp_path / "out.csv", Cache(tmp_path / "cache"))
    assert list(table["status"]) == ["ok", "unreadable: a link that leads nowhere", "unreadable: not a regular file"]
    assert list(table["label"].isin(LABELS)) == [True, False, False]
    assert (tmp_path / "out.csv").read_text().count("\n") == 4


@pytest.mark.parametrize("content", ["", "class_id,items\n0,4\n", 'label,gloss\n"1', "\x00"])
def test_a_damaged_table_of_classes_is_named(tmp_path: Path, content: str) -> None:
    save(tmp_path / "models" / "fold-1" / "joint" / "seed-1")
    evaluated(tmp_path, [{"fold-1": {"joint": 1.0}}])
    (tmp_path / "classes.csv").write_text(content)
    with pytest.raises(SignfoldError, match=rf"^{tmp_path}/classes\.csv: damaged, .*; delete it and run again"):
        predict.load_ensemble(tmp_path)

"""A model out of a results folder: the mean over folds of what the streams say together, or the final network."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from saved_models import clip, evaluated, save, save_folds
from scipy.special import softmax

from signfold.core import versions
from signfold.core.errors import SignfoldError
from signfold.core.tables import write_csv
from signfold.inference import model
from signfold.inference.from_results import load_results
from signfold.models.io import load_model, predict_logits


def test_folds_are_averaged_and_streams_fused(tmp_path: Path) -> None:
    for fold in ("fold-1", "fold-2"):
        for stream in ("joint", "bone"):
            save(tmp_path / "models" / fold / stream / "seed-1", stream=stream)
    evaluated(tmp_path, [{key: {"joint": 0.5, "bone": 0.5} for key in ("fold-1", "fold-2")}])
    together = load_results(tmp_path)
    alone = [dataclasses.replace(together, members={name: member}) for name, member in together.members.items()]
    expected = np.mean([each.probabilities(clip()) for each in alone], axis=0)
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
    np.testing.assert_allclose(load_results(tmp_path).probabilities(clip()), expected, rtol=1e-5)


def test_each_fold_and_seed_is_calibrated_before_the_mean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    # Untrained networks have logits of some thousands.
    monkeypatch.setattr(model, "predict_logits", lambda *given: predict_logits(*given) / 1000)
    folders = [tmp_path / "models" / "fold-1" / "joint" / f"seed-{number}" for number in (1, 2)]
    for folder in folders:
        save(folder)
    evaluated(tmp_path, [{"fold-1": {"joint": 1.0}}] * 2, [{"fold-1": 0.3}, {"fold-1": 4.0}])
    logits = [predict_logits(*load_model(folder), clip()[None])[0] / 1000 for folder in folders]
    expected = (softmax(logits[0] / 0.3) + softmax(logits[1] / 4)) / 2
    np.testing.assert_allclose(load_results(tmp_path).probabilities(clip()), expected, rtol=1e-4)


def test_an_evaluation_of_another_version_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "models" / "fold-1" / "joint" / "seed-1")
    evaluated(tmp_path, [{"fold-1": {"joint": 1.0}}], version=versions.EVALUATE - 1)
    with pytest.raises(SignfoldError, match="of another version of signfold; run `snakemake"):
        load_results(tmp_path)


def test_classes_are_shown_by_their_glosses(tmp_path: Path) -> None:
    save(tmp_path / "models" / "fold-1" / "joint" / "seed-1")
    evaluated(tmp_path, [{"fold-1": {"joint": 1.0}}])
    (tmp_path / "classes.csv").write_text("class_id,label,gloss,items\n0,1,house,4\n1,2,,4\n2,3,tree,4\n")
    assert load_results(tmp_path).glosses == ("house", "2", "tree")
    glosses = pd.DataFrame({"label": ["1", "2", "3"], "gloss": ["=1+1", "@tree", "-"]})
    write_csv(glosses, tmp_path / "classes.csv")  # escaped, for spreadsheets
    assert load_results(tmp_path).glosses == ("=1+1", "@tree", "-")


def test_a_run_that_is_not_finished_says_so(tmp_path: Path) -> None:
    with pytest.raises(SignfoldError, match="no trained networks"):
        load_results(tmp_path)
    save(tmp_path / "models" / "fold-1" / "joint" / "seed-1")
    save(tmp_path / "models" / "fold-2" / "joint" / "seed-1", labels=("1", "2"))
    evaluated(tmp_path, [{key: {"joint": 1.0} for key in ("fold-1", "fold-2")}])
    with pytest.raises(SignfoldError, match="the networks differ in their classes"):
        load_results(tmp_path)


@pytest.mark.parametrize(("name", "later"), [("NETWORK", {"conv": 2}), ("TENSORS", versions.TENSORS + 1)])
def test_weights_of_another_version_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, later: Any
) -> None:
    save(tmp_path)
    load_model(tmp_path)
    monkeypatch.setattr(versions, name, later)
    with pytest.raises(SignfoldError, match=r"model\.safetensors: written by another version.*train it again"):
        load_model(tmp_path)


@pytest.mark.parametrize("gone", ["fold-2", "fold-2/bone", "fold-2/joint/seed-1/model.safetensors"])
def test_a_network_that_is_missing_is_named(tmp_path: Path, gone: str) -> None:
    folds = ("fold-1", "fold-2", "fold-3")
    for fold in folds:
        for stream in ("joint", "bone"):
            save(tmp_path / "models" / fold / stream / "seed-1", stream=stream)
    evaluated(tmp_path, [{fold: {"joint": 0.5, "bone": 0.5} for fold in folds}])
    assert len(load_results(tmp_path).members) == 3
    path = tmp_path / "models" / gone
    path.unlink() if path.is_file() else shutil.rmtree(path)
    with pytest.raises(SignfoldError, match=rf"^{tmp_path}/models/fold-2/.*/model\.safetensors: no such file, but"):
        load_results(tmp_path)


@pytest.mark.parametrize("content", ["", "class_id,items\n0,4\n", 'label,gloss\n"1', "\x00"])
def test_a_damaged_table_of_classes_is_named(tmp_path: Path, content: str) -> None:
    save(tmp_path / "models" / "fold-1" / "joint" / "seed-1")
    evaluated(tmp_path, [{"fold-1": {"joint": 1.0}}])
    (tmp_path / "classes.csv").write_text(content)
    with pytest.raises(SignfoldError, match=rf"^{tmp_path}/classes\.csv: damaged, .*; delete it and run again"):
        load_results(tmp_path)


def test_the_final_network_has_the_folds_mean_weights_and_median_temperature(tmp_path: Path) -> None:
    folds = ("fold-1", "fold-2", "fold-3")
    for fold in (*folds, "final"):
        for stream in ("joint", "bone"):
            save(tmp_path / "models" / fold / stream / "seed-1", stream=stream)
    weights = {fold: {"joint": share, "bone": 1 - share} for fold, share in zip(folds, (0.2, 0.3, 0.7), strict=True)}
    evaluated(tmp_path, [weights], [dict(zip(folds, (3.0, 1.1, 1.2), strict=True))])
    loaded = load_results(tmp_path)
    assert loaded.final
    assert list(loaded.members) == ["all/seed-1"]
    member = loaded.members["all/seed-1"]
    assert member.fusion == pytest.approx({"joint": 0.4, "bone": 0.6})
    assert member.temperature == 1.2
    folds_together = load_results(tmp_path, ensemble=True)
    assert not folds_together.final
    assert list(folds_together.members) == [f"{fold}/seed-1" for fold in folds]


def test_a_final_network_that_is_not_whole_or_of_an_earlier_run_is_refused(tmp_path: Path) -> None:
    save_folds(tmp_path, streams=("joint", "bone"))
    with pytest.raises(
        SignfoldError, match=rf"there is no final network .*; run `snakemake .* {tmp_path}/models/final.done` first"
    ):
        load_results(tmp_path, ensemble=False)
    save(tmp_path / "models/final/joint/seed-1")
    with pytest.raises(SignfoldError, match=r"final/bone/seed-1/model.safetensors: no such file"):
        load_results(tmp_path)
    save(tmp_path / "models/final/bone/seed-1", stream="bone", epochs=9)
    with pytest.raises(SignfoldError, match="trained for 9 epochs, but the folds chose 7: it is of an earlier run"):
        load_results(tmp_path)

"""Promises of transfer: what fits is gone on from, what does not is said at once, and nothing tested was seen."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from training_data import CHANNELS, SHORT, edit, example, pretrained, read_rows, run, write_fold

from signfold.config.pretrain_source import initial_weights, pretrain_settings
from signfold.core import files
from signfold.core.errors import SignfoldError
from signfold.core.settings import STREAMS, FoldSettings, ModelSettings, PretrainSettings, TrainingSettings
from signfold.folds.build import SCHEMA
from signfold.folds.pretrain_split import build_pretrain_split
from signfold.models.io import PROVENANCE, load_model

CONFIG: dict[str, Any] = {
    "dataset": "mine",
    "datasets": {"mine": {}, "autsl": {}},
    "tensors": {"frames": 64, "layout": "hands_body_27"},
    "model": {"width": 1.0, "dropout": 0.0},
    "streams": ["joint", "bone"],
    "pretrain": {"dataset": "autsl", "weights": None},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The configuration with one value of the source's settings changed."""
    config = copy.deepcopy(CONFIG)
    section, key = path.split(".")
    config["datasets"]["autsl"]["settings"] = {section: {key: value}}
    return config


def test_each_stream_starts_from_the_sources_network_of_that_stream() -> None:
    start = pretrain_settings(CONFIG, "mine")
    for stream in STREAMS:
        found = initial_weights(start, stream)
        assert found == f"results/autsl/pretrain/{stream}/model.safetensors"


def test_what_is_said_of_all_datasets_leaves_the_source_alone() -> None:
    assert pretrain_settings(CONFIG, "autsl") == PretrainSettings()
    itself = {"mine": {}, "autsl": {"settings": {"pretrain": {"dataset": "autsl"}}}}
    with pytest.raises(SignfoldError, match="autsl cannot be pre-trained on itself"):
        pretrain_settings({**CONFIG, "datasets": itself}, "autsl")


def test_a_stream_can_be_named_in_the_path_of_weights() -> None:
    start = PretrainSettings(weights="old/{stream}/model.safetensors")
    assert initial_weights(start, "bone") == "old/bone/model.safetensors"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("tensors.frames", 80, "tensors.frames is 80 for autsl and 64 for mine"),
        ("tensors.layout", "hands_arms_46", "tensors.layout is 'hands_arms_46' for autsl"),
        ("model.width", 0.5, "model.width is 0.5 for autsl and 1.0 for mine"),
    ],
)
def test_what_would_not_fit_is_said_from_the_configuration_alone(path: str, value: Any, message: str) -> None:
    with pytest.raises(SignfoldError, match=f"mine cannot start from autsl: {message}.*Give both the same"):
        pretrain_settings(changed(path, value), "mine")
    pretrain_settings(changed("model.dropout", 0.5), "mine")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dataset": "autls"}, "no dataset 'autls'.*did you mean 'autsl'"),
        ({"dataset": "mine"}, "mine cannot be pre-trained on itself"),
        ({"dataset": "autsl", "weights": "x"}, "both `dataset` and `weights`"),
        ({"dataset": None, "weights": "gone/model.safetensors"}, "gone/model.safetensors: no such file"),
    ],
)
def test_mistakes_in_the_section_are_said(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SignfoldError, match=message):
        pretrain_settings({**CONFIG, "pretrain": CONFIG["pretrain"] | given}, "mine")


def test_pretraining_tests_nobody_and_says_what_it_saw(tmp_path: Path) -> None:
    given = example(tmp_path)
    rows = [row | {"role": {"test": "none"}.get(row["role"], row["role"])} for row in read_rows(given.fold)]
    given.fold = tmp_path / "pretrain" / "all.parquet"
    write_fold(given.fold, rows)
    metrics = run(given, audit=None, dataset="source")
    assert (metrics["fold"], metrics["n_test"], metrics["pretrained"]) == ("all", 0, None)
    seen = json.loads((given.out / PROVENANCE).read_text())
    assert seen["datasets"] == ["source"]
    assert set(seen["sha256"]) == {row["sha256"] for row in rows if row["role"] in ("train", "val")}


def test_items_become_the_clips_of_pretraining(tmp_path: Path) -> None:
    rows = read_rows(example(tmp_path).fold)
    items = pa.Table.from_pylist(rows, pa.schema([field for field in SCHEMA if field.name != "role"]))
    items = items.append_column("split", pa.array(["train"] * len(rows)))
    files.write_parquet(items, tmp_path / "items.parquet", {"settings": {"balance": "none"}})
    nothing = pa.table({"sample_id": pa.array([], pa.string()), "other_id": pa.array([], pa.string())})
    files.write_parquet(nothing, tmp_path / "duplicates.parquet")
    paths = (tmp_path / name for name in ("items.parquet", "duplicates.parquet", "all.parquet"))
    build_pretrain_split(*paths, FoldSettings(), 0)
    found = files.read_parquet(tmp_path / "all.parquet")
    assert found.schema.names == SCHEMA.names
    assert set(found["role"].to_pylist()) == {"train", "val"}


def test_a_model_says_what_it_was_pretrained_on(tmp_path: Path) -> None:
    old, new = pretrained(tmp_path)
    metrics = run(new, initial=old.out / "model.safetensors", dataset="new")
    assert metrics["pretrained"] == {"datasets": ["old"], "clips": 36, "namesakes": []}
    assert metrics["initial"] == str(old.out / "model.safetensors")


def test_a_stream_from_the_folds_joint_network_is_not_called_pretrained(tmp_path: Path) -> None:
    given = example(tmp_path)
    run(given, dataset="new")
    joint, given.out = given.out, given.out.with_name("bone")
    metrics = run(given, stream="bone", initial=joint / "model.safetensors", dataset="new")
    assert metrics["initial"] == str(joint / "model.safetensors")
    assert metrics["pretrained"] is None
    seen = [json.loads((folder / PROVENANCE).read_text()) for folder in (joint, given.out)]
    assert seen[0]["sha256"] == seen[1]["sha256"]
    assert load_model(given.out)[1]["stream"] == "bone"


def test_a_provenance_that_was_changed_is_refused(tmp_path: Path) -> None:
    old, new = pretrained(tmp_path)
    provenance = old.out / PROVENANCE
    provenance.write_text(json.dumps(json.loads(provenance.read_text()) | {"sha256": []}))
    with pytest.raises(SignfoldError, match=r"is not the one that .* was written with"):
        run(new, SHORT, initial=old.out / "model.safetensors", dataset="new")


def test_transfer_takes_all_but_the_classifier(tmp_path: Path) -> None:
    old, new = pretrained(tmp_path)
    frozen = TrainingSettings(epochs=1, batch_size=8, learning_rate=1e-30)
    run(new, frozen, initial=old.out / "model.safetensors", dataset="new")
    before, after = load_model(old.out)[0].state_dict(), load_model(new.out)[0].state_dict()
    same = {name for name in before if torch.allclose(before[name].double(), after[name].double(), rtol=0, atol=1e-20)}
    trained = {name for name in before if "running" not in name and "tracked" not in name}
    assert trained - same == {"classifier.weight", "classifier.bias"}
    seen = json.loads((new.out / PROVENANCE).read_text())
    assert set(json.loads((old.out / PROVENANCE).read_text())["sha256"]) < set(seen["sha256"])
    assert ["old", "ann"] in seen["signers"]
    assert ["new", "new ann"] in seen["signers"]


def test_transfer_from_weights_that_saw_a_test_clip_is_a_leak(tmp_path: Path) -> None:
    old, _ = pretrained(tmp_path)
    given = example(tmp_path / "leak")
    roles = {"ann": "test", "dia": "train"}
    edit(given, lambda row: row.update(role=roles.get(row["signer"], row["role"])))
    with pytest.raises(SignfoldError, match=r"seen 12 test clips of fold-1, such as 'ann/.*leak"):
        run(given, initial=old.out / "model.safetensors", dataset="new")


def test_transfer_from_weights_that_saw_a_test_signer_is_a_leak(tmp_path: Path) -> None:
    old, new = pretrained(tmp_path)
    edit(new, lambda row: row["role"] == "test" and row.update(signer="ann"))
    assert run(new, initial=old.out / "model.safetensors", dataset="new")["pretrained"]["namesakes"] == ["ann"]
    with pytest.raises(SignfoldError, match="test signers of fold-1: ann"):
        run(new, initial=old.out / "model.safetensors", dataset="old")


def test_transfer_without_provenance_is_refused(tmp_path: Path) -> None:
    old, new = pretrained(tmp_path)
    (old.out / PROVENANCE).unlink()
    with pytest.raises(SignfoldError, match=PROVENANCE):
        run(new, initial=old.out / "model.safetensors")


def test_transfer_between_different_channels_or_sizes_is_refused(tmp_path: Path) -> None:
    old, new = pretrained(tmp_path)
    with pytest.raises(SignfoldError, match="does not fit this network"):
        run(new, initial=old.out / "model.safetensors", model_settings=ModelSettings(width=0.25))
    other = example(tmp_path / "other", channels=(*CHANNELS, "z"))
    with pytest.raises(SignfoldError, match=r"trained on channels \['x', 'y'\]"):
        run(other, initial=old.out / "model.safetensors")

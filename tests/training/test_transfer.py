"""Promises of transfer: weights that fit are taken, others refused with what differs, and no tested clip was seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from training_data import CHANNELS, SHORT, edit, example, pretrained, read_rows, rewrite_digests, run, write_fold

from signfold.core import files
from signfold.core.errors import SignfoldError
from signfold.core.settings import ModelSettings, TrainingSettings
from signfold.models.io import PROVENANCE, load_model


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


def test_a_model_says_what_it_was_pretrained_on(tmp_path: Path) -> None:
    old, new = pretrained(tmp_path)
    metrics = run(new, initial=old.out / "model.safetensors", dataset="new")
    assert metrics["pretrained"] == {"datasets": ["old"], "clips": 36, "namesakes": []}
    assert metrics["initial"] == str(old.out / "model.safetensors")
    same = run(new, initial=old.out / "model.safetensors", dataset="old")
    assert same["pretrained"] == {"datasets": ["old"], "clips": 36, "namesakes": []}


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
    with pytest.raises(SignfoldError, match=r"differs from the file written with .*restore it"):
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
        run(new, initial=old.out / "model.safetensors", model=ModelSettings(width=0.25))
    other = example(tmp_path / "other", channels=(*CHANNELS, "z"))
    with pytest.raises(SignfoldError, match=r"trained on channels \['x', 'y'\]"):
        run(other, initial=old.out / "model.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": 9}, "trained on frames 8, but the tensors have 9; set the section tensors"),
        ({"settings": {"trim": "sign"}}, "trained on tensors with trim None, but these have 'sign'; set tensors.trim"),
    ],
)
def test_tensors_of_other_settings_are_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    old, new = pretrained(tmp_path)
    for path in new.tensors:
        table = path.with_suffix(".parquet")
        files.write_parquet(files.read_parquet(table), table, files.read_metadata(table) | change)
    with pytest.raises(SignfoldError, match=message):
        run(new, initial=old.out / "model.safetensors", dataset="new")


def test_what_the_initial_weights_had_seen_is_passed_on(tmp_path: Path) -> None:
    """A model of a model: the first one's clips stay in the record."""
    old, new = pretrained(tmp_path)
    run(new, initial=old.out / "model.safetensors", dataset="new")
    third = example(tmp_path / "third")
    edit(third, lambda row: row.update(sha256=f"third {row['sha256']}", signer=None))
    for path in third.tensors:
        rewrite_digests(path.with_suffix(".parquet"), lambda digest: f"third {digest}")
    metrics = run(third, initial=new.out / "model.safetensors", dataset="third")
    assert metrics["pretrained"] == {"datasets": ["new", "old"], "clips": 72, "namesakes": []}
    again, roles = example(tmp_path / "again"), {"ann": "test", "dia": "train"}
    edit(again, lambda row: row.update(role=roles.get(row["signer"], row["role"])))
    with pytest.raises(SignfoldError, match="seen 12 test clips"):
        run(again, initial=new.out / "model.safetensors", dataset="x")

"""Simple methods in the same folds: they learn what is plain from training alone, and are compared clip by clip."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from training_data import Example, example, write_fold

from signfold.core import files
from signfold.core.errors import SignfoldError
from signfold.evaluation import baselines
from signfold.folds.roles import read_fold
from signfold.tensors.shards import Shards


@pytest.fixture
def made(tmp_path: Path) -> Example:
    return example(tmp_path)


def told(made: Example) -> dict[str, np.ndarray]:
    fold = read_fold(made.fold, made.audit)
    return {method: found for method, found, _ in baselines.predictions(fold, Shards(made.tensors), seed=0)}


def test_each_method_but_the_majority_learns_a_plain_signal(made: Example) -> None:
    truth = read_fold(made.fold, made.audit).roles["test"].class_id
    found = told(made)
    assert tuple(found) == baselines.METHODS
    for method in ("nearest centroid", "linear"):
        assert (found[method] == truth).all(), method
    # Only the hands' joints of two of the three classes stand out.
    assert (found["1-NN (DTW of hands)"] == truth).mean() > 0.6
    assert len(set(found["majority"])) == 1


def test_where_nobody_validates_the_penalty_is_the_usual_one(made: Example) -> None:
    rows = files.read_parquet(made.fold).to_pandas()
    rows = rows[rows["role"] != "val"]
    write_fold(made.fold, rows.to_dict("records"))
    fold = read_fold(made.fold, made.audit)
    said = {method: (found, detail) for method, found, detail in baselines.predictions(fold, Shards(made.tensors), 0)}
    assert (said["linear"][0] == fold.roles["test"].class_id).all()
    assert said["linear"][1] == f"penalty {baselines.PENALTY:g}"


def test_what_the_test_part_is_called_changes_nothing(made: Example) -> None:
    before = told(made)
    rows = files.read_parquet(made.fold).to_pandas()
    test = rows["role"] == "test"
    rows.loc[test, "class_id"] = (rows.loc[test, "class_id"] + 1) % 3
    rows["label"] = "sign " + rows["class_id"].astype(str)
    write_fold(made.fold, rows.to_dict("records"))
    after = told(made)
    for method in baselines.METHODS:
        np.testing.assert_array_equal(before[method], after[method], err_msg=method)


def test_the_nearest_is_found_however_the_sign_is_timed(made: Example) -> None:
    """Each test clip is a training clip, some frames late: warping finds it, position by position would not."""
    fold = read_fold(made.fold, made.audit)
    train, test = fold.roles["train"], fold.roles["test"]
    for part, late in ((train, 0.0), (test, 0.1)):
        for shard, row, k in zip(part.shard, part.row, part.class_id, strict=True):
            array = np.load(made.fold.parent.parent / f"tensors/{shard}.npy", mmap_mode="r+")
            array[row] = np.sin(np.pi * (k + 1) * (np.linspace(0, 1, array.shape[2]) - late))[None, :, None]
    found = baselines.nearest(Shards(made.tensors), train, np.arange(len(train)), test)
    np.testing.assert_array_equal(found, test.class_id)


def test_few_of_each_keeps_all_classes_alike() -> None:
    classes = np.array([0] * 50 + [1] * 5 + [2])
    kept = classes[baselines.few_of_each(classes, 9, seed=0)]
    assert np.bincount(kept).tolist() == [4, 4, 1]
    assert len(baselines.few_of_each(classes, 100, seed=0)) == 56


def test_copies_count_once(tmp_path: Path) -> None:
    made = example(tmp_path)
    rows = files.read_parquet(made.fold).to_pandas()
    one = rows[rows["role"] == "train"].iloc[[0]]
    copies = pd.concat([one.assign(sample_id=f"copy{n}", copy=n + 1) for n in range(5)])
    write_fold(made.fold, pd.concat([rows, copies]).to_dict("records"))
    train = read_fold(made.fold, made.audit).roles["train"]
    assert len(train) == 24 + 5
    assert len(baselines.without_copies(train)) == 24


def test_gain_is_paired_over_the_same_clips(made: Example, tmp_path: Path) -> None:
    out = tmp_path / "fold-1.parquet"
    baselines.run_baselines(made.fold, made.audit, made.tensors, out, seed=0)
    test = read_fold(made.fold, made.audit).roles["test"]
    clips = pd.DataFrame({"sample_id": test.sample_id[::-1]})
    right = np.ones(len(clips), bool)
    table = baselines.pooled({"fold-1": out}, clips, right, np.arange(len(clips)).astype(object), 200, 0.95, 0)
    rows = table.set_index("method")
    assert list(table["top1"]) == sorted(table["top1"], reverse=True)
    assert rows.loc["majority", "top1"] == pytest.approx(1 / 3)
    assert rows.loc["majority", "gain"] == pytest.approx(2 / 3)
    assert rows.loc["majority", "gain_low"] > 0.3
    assert rows.loc["linear", ["gain", "gain_low", "gain_high"]].tolist() == [0, 0, 0]
    with pytest.raises(SignfoldError, match="not the clips of the folds"):
        baselines.pooled({"fold-1": out}, clips.iloc[1:], right[1:], np.arange(11), 10, 0.95, 0)


def test_shuffled_clips_seem_easier_where_signers_differ(tmp_path: Path) -> None:
    """Each signer has a place of their own that says which sign it is, and shares nothing with the others."""
    made = example(tmp_path, takes=8)
    rows = files.read_parquet(made.fold).to_pandas()
    rng = np.random.default_rng(0)
    own = {signer: rng.permutation(27)[:3] for signer in sorted(set(rows["signer"]))}
    for row in rows.itertuples():
        array = np.load(made.fold.parent.parent / f"tensors/{row.shard}.npy", mmap_mode="r+")
        array[row.row] = rng.normal(0, 0.3, array.shape[1:])
        array[row.row][:, :, own[row.signer][row.class_id]] += 3
    folds = []
    for signer in own:
        role = np.where(rows["signer"] == signer, "test", "train")
        folds.append(made.fold.with_name(f"fold-{signer}.parquet"))
        write_fold(folds[-1], rows.assign(role=role).to_dict("records"))
    baselines.run_shuffled(folds, made.audit, made.tensors, tmp_path / "shuffled.json", seed=0)
    found = json.loads((tmp_path / "shuffled.json").read_text())
    assert found["clips"] == len(rows)
    assert found["shuffled"] > found["apart"] + 0.3


def test_shuffled_clips_are_learnt_from_as_many_of_each_class(made: Example, monkeypatch: pytest.MonkeyPatch) -> None:
    learnt = []

    def told(seen: np.ndarray, truth: np.ndarray, asked: np.ndarray) -> np.ndarray:
        learnt.append(np.bincount(truth))
        return np.zeros(len(asked), np.int64)

    monkeypatch.setattr(baselines, "_linear", told)
    baselines.run_shuffled([made.fold], made.audit, made.tensors, made.fold.with_name("shuffled.json"), seed=0)
    shuffled = learnt[1:]  # the first is the fold itself
    assert len(shuffled) == len(read_fold(made.fold, made.audit).roles["test"]) // 3 > 1
    assert all(len(set(counts)) == 1 for counts in shuffled)

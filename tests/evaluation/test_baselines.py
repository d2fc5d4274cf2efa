"""Simple methods in the same folds: they learn a plain signal, from training clips alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from training_data import Example, example, write_fold

from signfold.core import files
from signfold.evaluation import baselines
from signfold.evaluation.features import WARPED, subset, without_copies
from signfold.folds.roles import read_fold
from signfold.tensors.shards import Shards


@pytest.fixture
def made(tmp_path: Path) -> Example:
    return example(tmp_path)


def told(made: Example) -> dict[str, np.ndarray]:
    fold = read_fold(made.fold, made.audit)
    return {said.method: said.predicted for said in baselines.answers(fold, Shards(made.tensors), seed=0)}


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
    said = {found.method: found for found in baselines.answers(fold, Shards(made.tensors), 0)}
    assert (said["linear"].predicted == fold.roles["test"].class_id).all()
    assert said["linear"].detail == "penalty 100"


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
    found = baselines.nearest_neighbour(Shards(made.tensors), train, test)
    np.testing.assert_array_equal(found, test.class_id)


@pytest.mark.parametrize(("late", "nearest"), [(4, "early"), (5, "still")])
def test_warping_shifts_by_four_moments_at_most(
    made: Example, monkeypatch: pytest.MonkeyPatch, late: int, nearest: str
) -> None:
    fold = read_fold(made.fold, made.audit)
    train, test = fold.roles["train"], subset(fold.roles["test"], np.array([0]))
    early, still = (int(np.flatnonzero(train.class_id == number)[0]) for number in (0, 1))
    train = subset(train, np.array([early, still]))
    moments = np.zeros((3, WARPED, 1))
    moments[0, 5] = moments[2, 5 + late] = 1
    monkeypatch.setattr(baselines, "hand_series", lambda _, asked: moments[2:] if asked is test else moments[:2])
    found = baselines.nearest_neighbour(Shards(made.tensors), train, test)
    assert found.tolist() == [{"early": 0, "still": 1}[nearest]]


def test_copies_count_once(tmp_path: Path) -> None:
    made = example(tmp_path)
    rows = files.read_parquet(made.fold).to_pandas()
    one = rows[rows["role"] == "train"].iloc[[0]]
    copies = pd.concat([one.assign(sample_id=f"copy{n}", copy=n + 1) for n in range(5)])
    write_fold(made.fold, pd.concat([rows, copies]).to_dict("records"))
    train = read_fold(made.fold, made.audit).roles["train"]
    assert len(train) == 24 + 5
    assert len(without_copies(train)) == 24


def test_majority_by_hand() -> None:
    assert baselines.majority_class(np.array([2, 0, 2, 1])) == 2
    assert baselines.majority_class(np.array([1, 0])) == 0


def test_the_penalty_that_is_right_on_most_validation_clips_is_chosen() -> None:
    """The classes differ in one weak column; strong noise columns need a great penalty."""
    rng = np.random.default_rng(0)
    truth, val_truth = np.arange(40) % 2, np.arange(400) % 2
    seen, val = rng.normal(size=(40, 60)), rng.normal(size=(400, 60))
    seen[:, 0] += 2 * truth
    val[:, 0] += 2 * val_truth
    right = {p: (baselines.ridge(seen, truth, val, p) == val_truth).mean() for p in baselines.PENALTIES}
    chosen = baselines.choose_penalty(seen, truth, val, val_truth)
    assert right[chosen] == max(right.values()) > min(right.values())
    assert baselines.choose_penalty(val, val_truth, val[:2] + 100 * (val_truth[:2, None] - 0.5), val_truth[:2]) == 1


def test_one_class_alone_is_always_answered() -> None:
    seen, truth = np.random.default_rng(0).normal(size=(4, 3)), np.full(4, 7)
    for method in (baselines.ridge, baselines.nearest_centroid):
        assert method(seen, truth, seen[:2]).tolist() == [7, 7]


def test_centroid_by_hand() -> None:
    seen, truth = np.array([[0.0], [2.0], [10.0], [12.0]]), np.array([0, 0, 1, 1])
    assert baselines.nearest_centroid(seen, truth, np.array([[5.9], [6.1]])).tolist() == [0, 1]


def test_too_many_pairs_are_thinned_and_said(made: Example, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "MOST_PAIRS", 12 * 6)
    fold = read_fold(made.fold, made.audit)
    said = {found.method: found for found in baselines.answers(fold, Shards(made.tensors), 0)}
    assert said["1-NN (DTW of hands)"].detail == "6 of 24 training clips"
    assert said["nearest centroid"].detail == said["majority"].detail == ""
    monkeypatch.setattr(baselines, "MOST_PAIRS", 0)
    said = {found.method: found for found in baselines.answers(fold, Shards(made.tensors), 0)}
    assert said["1-NN (DTW of hands)"].detail == "1 of 24 training clips"


def test_the_file_has_a_row_for_each_method_and_test_clip(made: Example, tmp_path: Path) -> None:
    out = tmp_path / "baselines.parquet"
    baselines.run_baselines(made.fold, made.audit, made.tensors, out, seed=0)
    assert files.read_parquet(out).column_names == ["sample_id", "class_id", "method", "predicted", "detail"]
    table = files.read_parquet(out).to_pandas()
    test = read_fold(made.fold, made.audit).roles["test"]
    assert table.groupby("method", sort=False).size().to_dict() == dict.fromkeys(baselines.METHODS, len(test))
    own = table[table["method"] == "linear"]
    assert own["sample_id"].tolist() == test.sample_id.tolist()
    assert own["class_id"].tolist() == test.class_id.tolist()
    assert own["predicted"].tolist() == told(made)["linear"].tolist()

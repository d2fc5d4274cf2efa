"""Tables of the pooled results, against figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from signfold.evaluation import tables
from signfold.evaluation.intervals import GroupIntervals, wilson
from signfold.evaluation.metrics import Scored

# Eight clips of classes 0 to 2; class 3 has none. Right: clips 0, 1, 3, 7.
TRUTH = np.array([0, 0, 0, 1, 1, 2, 2, 2])
SAID = np.array([0, 0, 1, 1, 0, 1, 1, 2])
RANK = np.array([1, 1, 2, 1, 6, 2, 7, 1])
SCORED = Scored(TRUTH, SAID, RANK, np.full(8, 0.5), 4)
CLIPS = pd.DataFrame(
    {
        "sample_id": [f"clip{n}" for n in range(8)],
        "fold": ["fold-10"] * 3 + ["fold-2"] * 5,
        "signer": ["ann", "ann", "ben", "ben", "cem", "cem", "cem", None],
        "class_id": TRUTH,
    }
)
ITEMS = pd.DataFrame({"class_id": [0, 1, 2, 3], "label": ["a", "b", "c", "d"], "gloss": ["eat", None, "go", "see"]})


def test_a_label_stands_in_for_a_missing_gloss() -> None:
    names = tables.class_names(pd.concat([ITEMS.iloc[::-1], ITEMS]))
    assert names["gloss"].tolist() == ["eat", "b", "go", "see"]
    assert names.index.tolist() == [0, 1, 2, 3]


def test_per_fold() -> None:
    table = tables.per_fold(CLIPS, SCORED, {"fold-2": 0.75})
    assert table["fold"].tolist() == ["fold-2", "fold-10"]
    assert table["clips"].tolist() == [5, 3]
    assert table["signers"].tolist() == [2, 2]
    assert table["classes"].tolist() == [2, 1]
    assert table["top1"].tolist() == pytest.approx([2 / 5, 2 / 3])
    assert table["val_top1"][0] == 0.75
    assert np.isnan(table["val_top1"][1])


def test_per_signer() -> None:
    table = tables.per_signer(CLIPS, SCORED, 0.95).set_index("signer")
    assert table.index.tolist() == ["ann", "ben", "cem"]
    assert table["fold"].tolist() == ["fold-10", "fold-2, fold-10", "fold-2"]
    assert table["clips"].tolist() == [2, 2, 3]
    assert table["classes"].tolist() == [1, 2, 2]
    assert table["correct"].tolist() == [2, 1, 0]
    assert table["top1"].tolist() == [1, 0.5, 0]
    assert table["top5"].tolist() == pytest.approx([1, 1, 1 / 3])
    assert table.loc["ben", ["low", "high"]].tolist() == [wilson(1, 2, 0.95).low, wilson(1, 2, 0.95).high]
    unknown = tables.per_signer(CLIPS.assign(signer=None), SCORED, 0.95)
    assert list(unknown.columns) == ["signer", *table.columns]
    assert unknown.empty


def test_per_class() -> None:
    table = tables.per_class(CLIPS, SCORED, ITEMS).set_index("class_id")
    assert table["gloss"].tolist() == ["eat", "b", "go", "see"]
    assert table["clips"].tolist() == [3, 2, 3, 0]
    assert table["signers"].tolist() == [2, 2, 1, 0]
    assert table["correct"].tolist() == [2, 1, 1, 0]
    assert table["top1"].tolist()[:3] == pytest.approx([2 / 3, 1 / 2, 1 / 3])
    assert table["top5"].tolist()[:3] == pytest.approx([1, 1 / 2, 2 / 3])
    assert table["precision"].tolist()[:3] == pytest.approx([2 / 3, 1 / 4, 1])
    assert table["f1"].tolist()[:3] == pytest.approx([2 / 3, 1 / 3, 1 / 2])
    assert table.loc[3, ["top1", "top5", "precision", "f1", "mistaken_for"]].isna().all()
    assert table["mistaken_for"].tolist()[:3] == ["b", "eat", "b"]
    some = np.array([0, 3, 5])  # one clip of each class, the last taken for class 1
    table = tables.per_class(CLIPS.iloc[some], SCORED.take(some), ITEMS)
    assert table["precision"].tolist()[:3] == [1, 0.5, 0]
    assert table["top1"].tolist()[:3] == [1, 1, 0]


def test_confusions() -> None:
    table = tables.confusions(SCORED, ITEMS)
    assert table[["true", "predicted", "count", "clips"]].to_numpy().tolist() == [
        [2, 1, 2, 3],
        [1, 0, 1, 2],
        [0, 1, 1, 3],
    ]
    assert table["share"].tolist() == pytest.approx([2 / 3, 1 / 2, 1 / 3])
    assert table["true_gloss"].tolist() == ["go", "b", "eat"]
    assert table["predicted_label"].tolist() == ["b", "a", "b"]
    names = [f"{side}_{name}" for side in ("true", "predicted") for name in ("label", "gloss")]
    assert list(table.columns) == ["true", "predicted", "count", "clips", "share", *names]
    equals = Scored(np.array([2, 2, 1, 1]), np.array([1, 0, 2, 0]), np.full(4, 2), np.full(4, 0.5), 4)
    order = tables.confusions(equals, ITEMS)[["true", "predicted"]].to_numpy().tolist()
    assert order == [[1, 0], [1, 2], [2, 0], [2, 1]]
    assert tables.confusions(SCORED.take(TRUTH == SAID), ITEMS).empty


def test_streams_are_means_over_seeds_with_one_interval() -> None:
    intervals = GroupIntervals.of(np.arange(8) // 2)
    wrong = Scored(TRUTH, (TRUTH + 1) % 3, np.full(8, 2), np.full(8, 0.5), 4)
    table = tables.streams({"joint": [SCORED], "both": [SCORED, wrong]}, intervals).set_index("stream")
    assert table["top1"].tolist() == [0.5, 0.25]
    found = intervals.metrics(SCORED)
    assert table.loc["joint", ["low", "high"]].tolist() == [found["top1"].low, found["top1"].high]
    for metric in ("top5", "macro_f1", "balanced_accuracy"):
        assert table.loc["joint", metric] == found[metric].value


def test_spread() -> None:
    folds, signers = tables.per_fold(CLIPS, SCORED, {}), tables.per_signer(CLIPS, SCORED, 0.95)
    found = tables.spread(folds, signers)
    assert found["fold_mean"] == pytest.approx((2 / 5 + 2 / 3) / 2)
    assert found["fold_sd"] == pytest.approx((2 / 3 - 2 / 5) / np.sqrt(2))
    assert found["best_fold"] == {"fold": "fold-10", "top1": pytest.approx(2 / 3), "clips": 3}
    assert found["worst_signer"] == {"signer": "cem", "top1": 0, "correct": 0, "clips": 3}
    assert found["best_signer"] == {"signer": "ann", "top1": 1, "correct": 2, "clips": 2}
    alone = tables.spread(folds.head(1), signers.head(0))
    assert (alone["fold_sd"], alone["worst_signer"], alone["best_signer"]) == (None, None, None)

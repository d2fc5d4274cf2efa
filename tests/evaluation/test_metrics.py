"""Metrics: figures that can be computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import top_k_accuracy_score

from signfold.evaluation.metrics import Scored, point, score

# Five clips, three classes. Right: clips 0, 1, 4. Truth ranks: 1, 1, 2, 3, 1.
SCORES = np.array([[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.5, 0.4, 0.1], [0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
TRUTH = np.array([0, 0, 1, 2, 2])


def test_metrics_are_those_computed_by_hand() -> None:
    scored = score(SCORES, TRUTH)
    values = point(scored)
    assert len(scored) == 5
    assert scored.rank.tolist() == [1, 1, 2, 3, 1]
    assert scored.predicted.tolist() == [0, 0, 0, 0, 2]
    assert scored.right.tolist() == [True, True, False, False, True]
    assert scored.classes == 3
    assert values["top1"] == pytest.approx(3 / 5)
    # F1: class 0 has precision 2/4, recall 1 -> 2/3; class 1 -> 0; class 2 has precision 1, recall 1/2 -> 2/3.
    assert values["macro_f1"] == pytest.approx((2 / 3 + 0 + 2 / 3) / 3)
    assert values["balanced_accuracy"] == pytest.approx((1 + 0 + 1 / 2) / 3)
    # Bins: 0.8 twice, both right -> |1.6 - 2|; 0.6 once, right -> 0.4; 0.5 twice, both wrong -> 1.0.
    assert values["ece"] == pytest.approx((0.4 + 0.4 + 1.0) / 5)


def test_classes_without_a_clip_do_not_count() -> None:
    scored = score(np.pad(SCORES, ((0, 0), (0, 4))), TRUTH)
    assert point(scored)["balanced_accuracy"] == pytest.approx(point(score(SCORES, TRUTH))["balanced_accuracy"])
    assert point(scored)["macro_f1"] == pytest.approx(point(score(SCORES, TRUTH))["macro_f1"])


def test_top5_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    scores, truth = rng.dirichlet(np.ones(12), 300), rng.integers(12, size=300)
    assert point(score(scores, truth))["top5"] == top_k_accuracy_score(truth, scores, k=5, labels=range(12))


def test_equal_scores_rank_in_the_order_of_class_ids() -> None:
    """A network with equal scores gets the first class right and no other."""
    scored = score(np.full((4, 4), 0.25), np.arange(4))
    assert scored.rank.tolist() == [1, 2, 3, 4]
    assert point(scored)["top1"] == 0.25


def test_parts_are_joined_and_taken_in_order() -> None:
    scored = score(SCORES, TRUTH)
    again = Scored.concatenate([scored.take(np.array([3, 4])), scored.take(np.arange(5) < 3)])
    order = [3, 4, 0, 1, 2]
    for name in ("truth", "predicted", "rank", "confidence"):
        assert getattr(again, name).tolist() == getattr(scored, name)[order].tolist()
    assert again.classes == 3

"""Promises of the rank of the true class."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from signfold.core.ranking import truth_ranks


def test_ranks_by_hand() -> None:
    scores = np.array([[0.1, 0.7, 0.2]] * 3)
    assert truth_ranks(scores, np.array([0, 1, 2])).tolist() == [3, 1, 2]


@given(arrays.arrays(np.float32, (1, 5), elements=st.integers(0, 3).map(float)))
def test_equal_scores_rank_in_the_order_of_class_ids(scores: np.ndarray) -> None:
    ranks = truth_ranks(scores.repeat(5, 0), np.arange(5))
    assert np.argsort(ranks).tolist() == np.argsort(-scores[0], kind="stable").tolist()
    assert ranks[scores[0].argmax()] == 1
    assert sorted(ranks) == [1, 2, 3, 4, 5]


def test_a_score_that_is_no_number_ranks_last() -> None:
    scores = np.array([[np.nan, 1.0, 2.0], [np.nan] * 3, [np.nan, 1.0, 2.0]])
    assert truth_ranks(scores, np.array([0, 0, 2])).tolist() == [3, 3, 2]

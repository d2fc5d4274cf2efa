"""Coverage: what a threshold answers, counted by hand, and the default that keeps the right answers."""

from __future__ import annotations

import numpy as np
import pytest

from signfold.evaluation.coverage import KEPT, STEPS, coverage_table, default_threshold


def test_table_by_hand() -> None:
    table = coverage_table(np.array([0.9, 0.25, 0.5]), np.array([True, False, True])).set_index("threshold")
    assert len(table) == STEPS + 1
    assert table.loc[0.0, ["answered", "right"]].tolist() == [3, 2]
    assert table.loc[0.25, ["answered", "right"]].tolist() == [3, 2]
    assert table.loc[0.26, ["answered", "right", "accuracy"]].tolist() == [2, 2, 1]
    assert table.loc[0.51, ["answered", "coverage"]].tolist() == pytest.approx([1, 1 / 3])
    assert table.loc[1.0, "answered"] == 0
    assert np.isnan(table.loc[1.0, "accuracy"])


@pytest.mark.parametrize("clips", [1, 19, 20, 39, 40, 1000])
def test_the_default_keeps_its_share_of_the_right_answers_and_no_threshold_above_does(clips: int) -> None:
    rng = np.random.default_rng(clips)
    confidence = np.concatenate([rng.random(clips), np.zeros(50)])  # wrong answers have no part in it
    right = np.arange(len(confidence)) < clips
    threshold = default_threshold(confidence, right)
    assert (confidence[right] >= threshold).mean() >= KEPT
    assert (confidence[right] > threshold + 1e-4).mean() < KEPT


def test_the_default_is_rounded_down() -> None:
    assert default_threshold(np.array([0.123456]), np.array([True])) == 0.1234


def test_without_a_right_answer_nothing_is_unknown() -> None:
    assert default_threshold(np.array([0.9, 0.8]), np.array([False, False])) == 0

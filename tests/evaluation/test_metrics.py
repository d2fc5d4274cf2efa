"""Promises of the metrics: figures that can be computed by hand, intervals over signers."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, top_k_accuracy_score

from signfold.evaluation.intervals import bootstrap, resampled, wilson
from signfold.evaluation.metrics import METRICS, Scored, calibration, point, score

# Five clips, three classes. Right: clips 0, 1, 4. Truth ranks: 1, 1, 2, 3, 1.
SCORES = np.array([[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.5, 0.4, 0.1], [0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
TRUTH = np.array([0, 0, 1, 2, 2])


def test_metrics_are_those_computed_by_hand() -> None:
    scored = score(SCORES, TRUTH)
    values = point(scored)
    assert scored.rank.tolist() == [1, 1, 2, 3, 1]
    assert scored.predicted.tolist() == [0, 0, 0, 0, 2]
    assert values["top1"] == pytest.approx(3 / 5)
    assert values["top5"] == 1  # only three classes
    # F1: class 0 has precision 2/4, recall 1 -> 2/3; class 1 -> 0; class 2 has precision 1, recall 1/2 -> 2/3.
    assert values["macro_f1"] == pytest.approx((2 / 3 + 0 + 2 / 3) / 3)
    assert values["balanced_accuracy"] == pytest.approx((1 + 0 + 1 / 2) / 3)
    # Bins: 0.8 twice, both right -> |1.6 - 2|; 0.6 once, right -> 0.4; 0.5 twice, both wrong -> 1.0.
    assert values["ece"] == pytest.approx((0.4 + 0.4 + 1.0) / 5)
    assert calibration(scored)["clips"].sum() == 5


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 9), st.integers(1, 30))
def test_one_group_drawn_whole_gives_the_library_values(seed: int, classes: int, clips: int) -> None:
    """The vectorised sums behind the bootstrap agree with scikit-learn."""
    rng = np.random.default_rng(seed)
    scored = score(rng.dirichlet(np.ones(classes), clips), rng.integers(classes, size=clips))
    whole = resampled(scored, np.zeros(clips), 1, seed)
    values = point(scored)
    for name in METRICS:
        assert whole[name][0] == pytest.approx(values[name]), name
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        assert values["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(scored.truth, scored.predicted))


def test_top5_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    scores, truth = rng.dirichlet(np.ones(12), 300), rng.integers(12, size=300)
    assert point(score(scores, truth))["top5"] == top_k_accuracy_score(truth, scores, k=5, labels=range(12))


def test_equal_scores_do_not_flatter() -> None:
    """A network that says nothing gets the first class right and no other."""
    scored = score(np.full((4, 4), 0.25), np.arange(4))
    assert scored.rank.tolist() == [1, 2, 3, 4]
    assert point(scored)["top1"] == 0.25


def _clips(hits: list[int], each: int) -> tuple[Scored, np.ndarray]:
    """Two classes; signer i has `each` clips, of which `hits[i]` are right."""
    right = np.concatenate([np.arange(each) < n for n in hits])
    truth = np.tile(np.arange(each) % 2, len(hits))
    scored = Scored(truth, np.where(right, truth, 1 - truth), np.where(right, 1, 2), np.full(len(truth), 0.9), 2)
    return scored, np.repeat(np.arange(len(hits)), each)


def test_interval_is_over_signers_not_clips() -> None:
    """Signers who differ make the interval wide, however many clips each has; alike signers leave no width."""
    differing, signers = _clips([100, 90, 30, 20], 100)
    over_signers = bootstrap(differing, signers, 500, 0.95, 0)["top1"]
    over_clips = bootstrap(differing, np.arange(400), 500, 0.95, 0)["top1"]
    assert over_signers["high"] - over_signers["low"] > 4 * (over_clips["high"] - over_clips["low"])
    assert over_signers["low"] < over_signers["value"] == 0.6 < over_signers["high"]
    alike = bootstrap(*_clips([60, 60, 60, 60], 100), 500, 0.95, 0)["top1"]
    assert alike["low"] == alike["value"] == alike["high"] == 0.6


def test_interval_of_two_signers_by_hand() -> None:
    """Two signers with 0 and 1: a resample gives 0, 0.5 or 1 with odds 1:2:1."""
    scored, signers = _clips([0, 10], 10)
    samples = resampled(scored, signers, 4000, 0)["top1"]
    shares = [(samples == value).mean() for value in (0, 0.5, 1)]
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.03)


def test_interval_is_the_same_again_and_narrower_with_less_confidence() -> None:
    scored, signers = _clips([9, 3, 5, 8, 2, 7], 10)
    first = bootstrap(scored, signers, 300, 0.95, 4)
    assert first == bootstrap(scored, signers, 300, 0.95, 4)
    half = bootstrap(scored, signers, 300, 0.5, 4)
    assert half["top1"]["high"] - half["top1"]["low"] < first["top1"]["high"] - first["top1"]["low"]


def test_many_groups_are_drawn_in_blocks() -> None:
    """Blocks of resamples join without a seam: as many values as asked for, around the pooled one."""
    rng = np.random.default_rng(1)
    truth = rng.integers(999, size=30_000)
    predicted = np.where(rng.random(30_000) < 0.7, truth, (truth + 1) % 999)
    scored = Scored(truth, predicted, np.where(truth == predicted, 1, 9), rng.random(30_000), 999)
    samples = resampled(scored, np.arange(30_000), 300, 0)
    assert samples["macro_f1"].shape == (300,)
    assert samples["top1"].mean() == pytest.approx(point(scored)["top1"], abs=0.002)


def test_wilson_interval_by_hand() -> None:
    """Wilson's centre is (hits + z²/2) / (clips + z²)."""
    low, high = wilson(8, 10, 0.95)
    z = 1.959964
    assert (low + high) / 2 == pytest.approx((8 + z**2 / 2) / (10 + z**2), abs=1e-5)


def test_the_interval_over_seeds_draws_the_same_signers_for_all() -> None:
    scored, signers = _clips([9, 3, 5, 8, 2, 7], 10)
    other = score(np.eye(2)[1 - scored.predicted], scored.truth)
    both = bootstrap([scored, other], signers, 300, 0.95, 4)["top1"]
    # What one has right the other has wrong: on every resample the mean is one half.
    assert (both["low"], both["value"], both["high"]) == pytest.approx((0.5, 0.5, 0.5))
    assert bootstrap([scored, scored], signers, 300, 0.95, 4) == bootstrap(scored, signers, 300, 0.95, 4)

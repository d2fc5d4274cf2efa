"""Intervals over signers: they hold what they say on simulated signers, and are never without width."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import t

from signfold.evaluation.intervals import (
    GroupIntervals,
    Interval,
    jackknife_variance,
    metrics_without_each,
    wilson,
)
from signfold.evaluation.metrics import METRICS, Scored, point, score


def clips(hits: list[int], each: int) -> tuple[Scored, np.ndarray]:
    """Two classes; signer i has `each` clips, of which `hits[i]` are right."""
    right = np.concatenate([np.arange(each) < n for n in hits])
    truth = np.tile(np.arange(each) % 2, len(hits))
    scored = Scored(truth, np.where(right, truth, 1 - truth), np.where(right, 1, 2), np.full(len(truth), 0.9), 2)
    return scored, np.repeat(np.arange(len(hits)), each)


def width(interval: Interval) -> float:
    return interval.high - interval.low


def test_the_formula_by_hand() -> None:
    """Four signers of 10 clips with 9, 7, 5 and 3 right."""
    scored, signers = clips([9, 7, 5, 3], 10)
    share, spread, total = 0.6, 0.24, 40
    variance = np.var([0.9, 0.7, 0.5, 0.3], ddof=1) / 4
    between = variance - spread / total
    skewness = (1 - 2 * share) ** 2 * between * 4 / spread**2
    a = t.ppf(0.975, 6) ** 2 / total + t.ppf(0.975, 3) ** 2 * between * (1 + 2.5 * skewness / 2) / spread
    middle, half = (share + a / 2) / (1 + a), np.sqrt(a * spread + a**2 / 4) / (1 + a)
    found = GroupIntervals.of(signers).metrics(scored)["top1"]
    assert (found.value, found.low, found.high) == pytest.approx((share, middle - half, middle + half))
    assert GroupIntervals.of(signers).share(scored.right) == found


def test_skewness_counts_at_most_once() -> None:
    """One signer of four is always wrong: on the logit scale such signers would differ without bound."""
    intervals = GroupIntervals.of(np.repeat(np.arange(4), 1000))
    share, spread = 0.75, 0.1875
    between = 0.0625 - spread / 4000
    a = t.ppf(0.975, 6) ** 2 / 4000 + t.ppf(0.975, 3) ** 2 * between * (1 + 2.5 * 0.25 / 2) / spread
    low = (share + a / 2 - np.sqrt(a * spread + a**2 / 4)) / (1 + a)
    assert intervals.share(np.arange(4000) >= 1000).low == pytest.approx(low)


@pytest.mark.parametrize("each", [1, 12, 1000])
@pytest.mark.parametrize("signers", [2, 5, 30])
@pytest.mark.parametrize("rate", [0, 1])
def test_no_interval_is_without_width(rate: int, signers: int, each: int) -> None:
    """Also where every clip is right, or wrong, or two models never differ."""
    intervals = GroupIntervals.of(np.repeat(np.arange(signers), each))
    right = np.full(signers * each, rate)
    found = intervals.share(right)
    assert width(found) > 1 / (signers * each + 10)
    assert (found.high == 1) == (rate == 1)
    assert (found.low == 0) == (rate == 0)
    same = intervals.difference(right, right)
    assert same.low == pytest.approx(-same.high)
    assert width(same) > 1 / (signers * each + 10)


@pytest.mark.parametrize(
    ("signers", "mean", "spread", "each", "least"),
    [
        (5, 0.0, 0.8, 100, 0.93),
        (5, 1.5, 0.4, 12, 0.93),
        (9, 1.5, 0.8, 100, 0.93),
        (9, 3.0, 0.4, 100, 0.93),
        (30, 3.0, 0.8, 100, 0.92),
        (9, 4.6, 0.2, 12, 0.93),
    ],
)
def test_it_covers_the_truth_as_often_as_it_says(
    signers: int, mean: float, spread: float, each: int, least: float
) -> None:
    rng = np.random.default_rng(1)
    truth = expit(mean + spread * rng.standard_normal(400_000)).mean()
    trials, covered = 700, 0
    intervals = GroupIntervals.of(np.repeat(np.arange(signers), each))
    for _ in range(trials):
        rates = expit(mean + spread * rng.standard_normal(signers))
        found = intervals.share(rng.random(signers * each) < np.repeat(rates, each))
        covered += found.low <= truth <= found.high
    assert covered / trials >= least - 0.01


def test_interval_is_over_signers_not_clips() -> None:
    """Signers who differ make the interval wide, however many clips each has."""
    differing, signers = clips([100, 90, 30, 20], 100)
    over_signers = GroupIntervals.of(signers).metrics(differing)["top1"]
    over_clips = GroupIntervals.of(np.arange(400)).metrics(differing)["top1"]
    assert width(over_signers) > 4 * width(over_clips)
    assert over_signers.low < over_signers.value == 0.6 < over_signers.high
    alike = GroupIntervals.of(signers).metrics(clips([60, 60, 60, 60], 100)[0])["top1"]
    assert width(alike) < 1.5 * width(over_clips)


def test_less_confidence_is_narrower() -> None:
    scored, signers = clips([9, 3, 5, 8, 2, 7], 10)
    wide, narrow = (GroupIntervals.of(signers, confidence=c).metrics(scored)["top1"] for c in (0.95, 0.5))
    assert width(narrow) < 0.5 * width(wide)


def test_signers_of_unequal_size_count_as_fewer() -> None:
    """Nine signers of whom one has nearly all clips say little more than that one."""
    equal = GroupIntervals.of(np.repeat(np.arange(9), 100))
    unequal = GroupIntervals.of(np.repeat(np.arange(9), [820, *[10] * 8]))
    right = np.arange(900) % 10 < 8
    assert width(unequal.share(right)) > 1.5 * width(equal.share(right))
    assert equal._effective_groups() == pytest.approx(9)
    assert unequal._effective_groups() == pytest.approx(900**2 / (820**2 + 8 * 10**2))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 8), st.integers(1, 12))
def test_the_value_lies_within_and_the_ends_are_shares(seed: int, signers: int, each: int) -> None:
    rng = np.random.default_rng(seed)
    group = rng.integers(signers, size=signers * each)
    a, b = (rng.random(len(group)) < rng.random() for _ in range(2))
    intervals = GroupIntervals.of(group)
    share, gain = intervals.share(a), intervals.difference(a, b)
    assert 0 <= share.low <= share.value <= share.high <= 1
    assert -1 <= gain.low <= gain.value <= gain.high <= 1
    other = intervals.difference(b, a)
    assert (other.value, other.low, other.high) == pytest.approx((-gain.value, -gain.high, -gain.low))


def test_difference_by_hand() -> None:
    """Three signers of 10 clips gain 4, 2 and 0."""
    gain = np.concatenate([np.arange(10) < n for n in (4, 2, 0)]).astype(float)
    found = GroupIntervals.of(np.repeat(np.arange(3), 10)).difference(np.zeros(30), gain)
    z, total, value = t.ppf(0.975, 4), 30, 0.2
    between = np.var([0.4, 0.2, 0], ddof=1) / 3 - (0.2 - 0.04) / total
    shrunk = value * total / (total + z**2)
    within = ((6 + z**2 / 2) / (total + z**2) - shrunk**2) / (total + z**2)
    half = np.sqrt(z**2 * within + t.ppf(0.975, 2) ** 2 * between)
    assert (found.value, found.low, found.high) == pytest.approx((value, shrunk - half, shrunk + half))


def test_two_signers_who_differ_leave_nearly_everything_open() -> None:
    """Student's quantile with one degree of freedom is 12.7."""
    intervals = GroupIntervals.of(np.repeat([0, 1], 100))
    right = np.arange(200) >= 80
    assert width(intervals.share(right)) > 0.9
    assert width(intervals.difference(np.zeros(200), right)) > 1
    scored = clips([20, 100], 100)[0]
    assert width(intervals.metrics(scored)["top1"]) > 0.9


def test_difference_is_paired() -> None:
    """Models that fail on the same clips differ for sure; the same shares on other clips do not."""
    right = np.arange(200) % 2 == 0
    intervals = GroupIntervals.of(np.arange(200) // 20)
    better = right | (np.arange(200) % 20 == 1)
    assert intervals.difference(right, better).low > 0
    assert intervals.difference(~right, better).low < 0.02


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 9), st.integers(2, 30))
def test_metrics_without_each_group_are_those_of_the_other_clips(seed: int, classes: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    scored = score(rng.dirichlet(np.ones(classes), count), rng.integers(classes, size=count))
    block = np.concatenate([[0, 1], rng.integers(3, size=count - 2)])
    block = np.unique(block, return_inverse=True)[1]
    without = metrics_without_each(scored, block)
    for group in range(block.max() + 1):
        rest = point(scored.take(block != group))
        for name in METRICS:
            assert without[name][group] == pytest.approx(rest[name]), name


def test_jackknife_of_a_mean_is_its_textbook_variance() -> None:
    values = np.array([1.0, 4.0, 4.0, 7.0])
    assert jackknife_variance((16 - values) / 3) == pytest.approx(values.var(ddof=1) / 4)
    assert jackknife_variance(np.array([])) == 0


def test_many_groups_are_joined_to_blocks() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(999, size=30_000)
    predicted = np.where(rng.random(30_000) < 0.7, truth, (truth + 1) % 999)
    scored = Scored(truth, predicted, np.where(truth == predicted, 1, 9), rng.random(30_000), 999)
    intervals = GroupIntervals.of(np.arange(30_000), "clip")
    found = intervals.metrics(scored)
    assert intervals.groups == 30_000
    assert intervals.block.max() + 1 == 200
    assert width(found["top1"]) == pytest.approx(2 * 1.96 * np.sqrt(0.7 * 0.3 / 30_000), rel=0.15)
    assert found["macro_f1"].low < found["macro_f1"].value < found["macro_f1"].high


def test_over_seeds_metrics_are_averaged_before_the_jackknife() -> None:
    scored, signers = clips([9, 3, 5, 8, 2, 7], 10)
    other = score(np.eye(2)[1 - scored.predicted], scored.truth)
    intervals = GroupIntervals.of(signers)
    both = intervals.metrics([scored, other])["top1"]
    # What one has right the other has wrong: the mean is one half without each signer, too.
    assert both.value == pytest.approx(0.5)
    assert width(both) < width(intervals.metrics(scored)["top1"])
    assert intervals.metrics([scored, scored]) == intervals.metrics(scored)


def test_groups_are_signers_where_each_clip_has_one() -> None:
    table = pd.DataFrame({"signer": ["ann", "ann", "ben"], "sha256": ["x", "y", "y"], "sample_id": ["a", "b", "c"]})
    over = GroupIntervals.of_clips(table, 0.9)
    assert (over.unit, over.groups, over.confidence, over.block.tolist()) == ("signer", 2, 0.9, [0, 0, 1])
    for changed in (table.assign(signer="ann"), table.assign(signer=["ann", None, "ben"])):
        over = GroupIntervals.of_clips(changed)
        assert (over.unit, over.groups, over.confidence, over.block.tolist()) == ("clip", 2, 0.95, [0, 1, 1])
    assert GroupIntervals.of_clips(changed.drop(columns="sha256")).groups == 3


def test_wilson_interval_by_hand() -> None:
    """Wilson's centre is (hits + z²/2) / (clips + z²)."""
    found = wilson(8, 10, 0.95)
    z = 1.959964
    assert found.value == 0.8
    assert (found.low + found.high) / 2 == pytest.approx((8 + z**2 / 2) / (10 + z**2), abs=1e-5)
    assert width(wilson(8, 10, 0.5)) < width(found)

"""Imputation: detections are untouched, gaps are filled between them, a part never seen stays missing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.interpolate import PchipInterpolator

from signfold.tensors.imputation import impute, longest_gap

METHODS = ("linear", "pchip", "hold")
ENDS = ("hold", "average")

quick = settings(max_examples=60, deadline=None)


@st.composite
def parts(draw, least_known=0):
    """A part of 1 to 12 frames with two joints, and times of uneven spacing."""
    frames = draw(st.integers(max(1, least_known), 12))
    known = draw(hnp.arrays(bool, frames).filter(lambda known: known.sum() >= least_known))
    part = draw(hnp.arrays(np.float32, (frames, 2, 3), elements=st.floats(-4, 4, width=32)))
    part[~known] = np.nan
    times = np.cumsum(draw(hnp.arrays(np.int64, frames, elements=st.integers(1, 9)))).astype(float)
    return part, times


@quick
@given(parts(), st.sampled_from((*METHODS, "none")), st.sampled_from(ENDS))
def test_detections_are_untouched(drawn, method, ends):
    part, times = drawn
    before = part.copy()
    found = impute(part, times, method, ends)
    known = ~np.isnan(part)
    np.testing.assert_array_equal(found[known], part[known])
    np.testing.assert_array_equal(part, before)
    assert found.dtype == part.dtype


@quick
@given(parts(), st.sampled_from(METHODS), st.sampled_from(ENDS))
def test_a_part_once_seen_is_complete_and_one_never_seen_stays_missing(drawn, method, ends):
    part, times = drawn
    found = impute(part, times, method, ends)
    assert np.isnan(found).all() if np.isnan(part).all() else not np.isnan(found).any()


@quick
@given(parts(), st.sampled_from((*METHODS, "none")), st.sampled_from(ENDS))
def test_imputing_twice_is_imputing_once(drawn, method, ends):
    part, times = drawn
    once = impute(part, times, method, ends)
    np.testing.assert_array_equal(impute(once, times, method, ends), once)


@quick
@given(parts(least_known=1), st.sampled_from(METHODS), st.sampled_from(ENDS))
def test_nothing_leaves_the_range_of_the_detections(drawn, method, ends):
    part, times = drawn
    found = impute(part, times, method, ends)
    assert (found >= np.nanmin(part, axis=0) - 1e-5).all()
    assert (found <= np.nanmax(part, axis=0) + 1e-5).all()


@quick
@given(parts(least_known=2), st.sampled_from(("linear", "pchip")))
def test_even_motion_is_restored_exactly_between_detections(drawn, method):
    part, times = drawn
    truth = (np.arange(6).reshape(2, 3) - times[:, None, None] * np.array([0.5, -1.0, 2.0])).astype(np.float32)
    missing = np.isnan(part).any(axis=(1, 2))
    found = impute(np.where(missing[:, None, None], np.float32(np.nan), truth), times, method)
    first, last = np.flatnonzero(~missing)[[0, -1]]
    np.testing.assert_allclose(found[first : last + 1], truth[first : last + 1], atol=1e-4)


@quick
@given(parts(least_known=2))
def test_pchip_is_the_monotone_cubic_through_all_detections(drawn):
    part, times = drawn
    known = ~np.isnan(part).any(axis=(1, 2))
    first, last = np.flatnonzero(known)[[0, -1]]
    expected = PchipInterpolator(times[known], part[known].astype(float), axis=0)(times[first : last + 1])
    np.testing.assert_allclose(impute(part, times, "pchip")[first : last + 1], expected, rtol=1e-6, atol=1e-6)


def test_linear_is_the_equation_of_the_seed():
    part = np.full((6, 1, 1), np.nan)
    part[1], part[5] = 3.0, 11.0
    alpha, beta = 1, 3  # frames from frame 2 back to 1 and on to 5
    found = impute(part, np.arange(6.0))
    assert found[2, 0, 0] == pytest.approx((beta * 3.0 + alpha * 11.0) / (alpha + beta))


def test_time_counts_and_not_frames():
    part = np.array([0.0, np.nan, 10.0]).reshape(3, 1, 1)
    assert impute(part, np.array([0.0, 90.0, 100.0]))[1, 0, 0] == pytest.approx(9.0)


def test_hold_repeats_the_last_detection():
    part = np.array([np.nan, 1.0, np.nan, np.nan, 2.0, np.nan]).reshape(6, 1, 1)
    assert impute(part, np.arange(6.0), "hold").ravel().tolist() == [1, 1, 1, 1, 2, 2]


@pytest.mark.parametrize("method", METHODS)
def test_ends_hold_the_nearest(method):
    part = np.array([np.nan, np.nan, 1.0, 3.0, np.nan]).reshape(5, 1, 1)
    assert impute(part, np.arange(5.0), method).ravel().tolist() == [1, 1, 1, 3, 3]


def test_ends_come_from_the_average_if_wanted():
    part = np.array([np.nan, np.nan, 1.0, 3.0, np.nan]).reshape(5, 1, 1)
    assert impute(part, np.arange(5.0), ends="average").ravel().tolist() == [2, 1.5, 1, 3, 2]


@quick
@given(hnp.arrays(bool, st.integers(0, 15)))
def test_longest_gap_is_what_counting_gives(known):
    inner = "".join("x" if seen else "." for seen in known).strip(".")
    assert longest_gap(known) == max(map(len, inner.split("x")))


@pytest.mark.parametrize("method", METHODS)
def test_a_single_detection_fills_the_clip(method):
    part = np.array([np.nan, 4.0, np.nan, np.nan]).reshape(4, 1, 1)
    assert impute(part, np.array([0.0, 1.0, 5.0, 6.0]), method).ravel().tolist() == [4, 4, 4, 4]


def test_the_mean_of_float32_detections_is_taken_in_float64():
    part = np.full((3, 1, 1), np.nan, np.float32)
    part[1] = 0.1
    assert impute(part, np.arange(3.0), ends="average").ravel().tolist() == [np.float32(0.1)] * 3

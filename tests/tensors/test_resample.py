"""Resampling: linear in time, missing frames do not spread, any length becomes T frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from tensor_clips import signer, tensor_of

from signfold.core.clip import Floats
from signfold.tensors.resample import blend, clock, interpolate, neighbours, pad, uniform

quick = settings(max_examples=40, deadline=None)
NAN = np.nan


@quick
@given(st.integers(1, 30), st.integers(1, 70), st.floats(-3, 3), st.integers(0, 5))
def test_what_does_not_move_keeps_still(frames: int, wanted: int, value: float, seed: int) -> None:
    times = np.cumsum(np.random.default_rng(seed).uniform(0.1, 50, frames))
    assert (uniform(np.full((2, frames, 3), value), times, wanted) == value).all()


@quick
@given(st.integers(2, 30), st.integers(2, 70), st.integers(0, 5))
def test_even_motion_is_even_motion_over_the_whole_clip(frames: int, wanted: int, seed: int) -> None:
    times = np.cumsum(np.random.default_rng(seed).uniform(0.1, 50, frames))
    found = uniform(times.reshape(1, -1, 1), times, wanted)
    np.testing.assert_allclose(found.ravel(), np.linspace(times[0], times[-1], wanted))


@quick
@given(hnp.arrays(float, (1, 7, 2), elements=st.floats(-3, 3)))
def test_as_many_frames_as_there_are_changes_nothing(values: Floats) -> None:
    np.testing.assert_allclose(uniform(values, np.arange(7.0), 7), values, atol=1e-12)


@quick
@given(hnp.arrays(bool, 9), st.integers(2, 40))
def test_missing_does_not_spread_beyond_half_a_frame(known: NDArray[np.bool_], wanted: int) -> None:
    found = uniform(np.where(known, 1.0, np.nan).reshape(1, -1, 1), np.arange(9.0), wanted).ravel()
    moments = np.linspace(0, 8, wanted)
    surely = np.array([known[int(np.floor(t))] and known[int(np.ceil(t))] for t in moments])
    nearest = np.array([known[int(np.floor(t + 0.5))] or known[int(np.ceil(t - 0.5))] for t in moments])
    assert np.isfinite(found[surely]).all()
    assert np.isnan(found[~nearest]).all()


def test_a_clip_of_one_frame_is_that_frame_throughout() -> None:
    tensor = tensor_of(signer(frames=1), idle_hand="keep")
    assert tensor.shape == (9, 64, 27)
    assert (tensor == tensor[:, :1]).all()


def test_pad_cuts_long_clips() -> None:
    values = np.arange(30.0).reshape(1, 30, 1)
    assert pad(values, 4).ravel().tolist() == [0, 1, 2, 3]


def test_the_pace_of_the_frames_does_not_matter_only_the_time() -> None:
    keypoints = signer(frames=41)
    kept = np.sort(np.random.default_rng(0).choice(np.arange(1, 40), 15, replace=False))
    kept = np.r_[0, kept, 40]
    parts = {part: getattr(keypoints, part)[kept] for part in ("timestamps_ms", "pose", "left_hand", "right_hand")}
    np.testing.assert_allclose(tensor_of(replace(keypoints, **parts)), tensor_of(keypoints), atol=1e-4)


def test_timestamps_that_stand_still_give_way_to_frame_numbers() -> None:
    keypoints = signer()
    broken = replace(keypoints, timestamps_ms=np.zeros(20))
    np.testing.assert_allclose(tensor_of(broken), tensor_of(keypoints), atol=1e-6)


@quick
@given(st.integers(2, 12), st.integers(1, 20), st.integers(0, 9))
def test_interpolation_is_numpys_wherever_nothing_is_missing(frames: int, wanted: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.1, 50, frames))
    values, moments = rng.normal(size=(frames, 2, 3)), rng.uniform(times[0], times[-1], wanted)
    moments[0] = times[rng.integers(frames)]
    expected = [[np.interp(moments, times, values[:, i, j]) for j in range(3)] for i in range(2)]
    np.testing.assert_allclose(interpolate(values, times, moments), np.moveaxis(expected, 2, 0), atol=1e-12)


def test_interpolation_is_missing_where_a_neighbour_is_and_keeps_the_type() -> None:
    values = np.array([1.0, 3.0, NAN, 7.0], np.float32)
    found = interpolate(values, np.arange(4), np.array([0.0, 0.25, 1.5, 2.5, 3.0]))
    np.testing.assert_array_equal(found, [1.0, 1.5, NAN, NAN, NAN])
    assert found.dtype == np.float32
    np.testing.assert_array_equal(interpolate(values[:1], np.zeros(1), np.zeros(3)), [1, 1, 1])


def test_neighbours_are_the_frames_around_a_time_and_the_weight_of_the_later() -> None:
    before, after, weight = neighbours(np.array([0.0, 10.0, 30.0]), np.array([0.0, 2.5, 10.0, 25.0, 30.0]))
    assert before.tolist() == [0, 0, 0, 1, 1]
    assert after.tolist() == [1, 1, 1, 2, 2]
    assert weight.tolist() == [0, 0.25, 1, 0.75, 1]
    before, after, weight = neighbours(np.array([0.0, 10.0, 30.0]), np.array([-1e-9, 30 + 1e-9]))
    assert (before.tolist(), after.tolist()) == ([0, 1], [1, 2])
    np.testing.assert_allclose(weight, [0, 1], atol=1e-9)


def test_a_blend_is_linear_between_two_frames_and_the_nearer_beside_a_missing_one() -> None:
    weight = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    assert blend(np.full(5, 4.0), np.full(5, 8.0), weight).tolist() == [4, 5, 6, 7, 8]
    np.testing.assert_array_equal(blend(np.full(5, 4.0), np.full(5, NAN), weight), [4, 4, NAN, NAN, NAN])
    np.testing.assert_array_equal(blend(np.full(5, NAN), np.full(5, 8.0), weight), [NAN, NAN, 8, 8, 8])


def test_the_clock_is_the_timestamps_or_frame_numbers_where_they_do_not_increase() -> None:
    assert clock(np.array([0.0, 40.0, 90.0])).tolist() == [0, 40, 90]
    assert clock(np.array([0.0, 40.0, 40.0])).tolist() == [0, 1, 2]
    assert clock(np.array([7.0])).tolist() == [7]


def test_pad_leaves_what_is_after_the_end_missing() -> None:
    np.testing.assert_array_equal(pad(np.ones((2, 3, 1)), 5)[1, :, 0], [1, 1, 1, NAN, NAN])

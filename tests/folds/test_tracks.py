"""Tracks are in shoulder widths on a clock of 50 ms, whatever the picture."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from takes import flipped, resized, take, without_a_hand

from signfold.folds.tracks import BODY, LAYOUT, fast_motion, joint_track, mirrored, motion_size


def joint(track, name):
    return track[:, LAYOUT.joints.index(name)]


@settings(max_examples=30, deadline=None)
@given(st.floats(0.5, 1.5), st.floats(-0.2, 0.2), st.integers(0, 5))
def test_place_and_size_in_the_picture_do_not_matter(scale, shift, number):
    clip = take(number, end=1.0)
    expected = joint_track(clip)
    np.testing.assert_allclose(joint_track(resized(clip, scale, shift)), expected, atol=1e-3)


def test_the_shoulders_are_one_apart_around_the_origin():
    track = joint_track(take(1, noise=0))
    np.testing.assert_allclose(joint(track, "left_shoulder"), [[0.5, 0]] * len(track), atol=1e-6)
    np.testing.assert_allclose(joint(track, "right_shoulder"), [[-0.5, 0]] * len(track), atol=1e-6)
    # 0.15 heights above the shoulders, which are 0.2 widths apart, in a picture of 4 : 3.
    np.testing.assert_allclose(joint(track, "nose"), [[0, -0.15 * 0.75 / 0.2]] * len(track), atol=1e-6)


@pytest.mark.parametrize(("fps", "steps"), [(25.0, 40), (20.0, 40), (10.0, 39), (60.0, 40)])
def test_the_clock_has_a_step_every_50_ms(fps, steps):
    assert len(joint_track(take(1, fps=fps, end=2.0))) == steps


def test_between_frames_joints_move_linearly():
    coarse, fine = (joint_track(take(1, fps=fps, end=2.0, noise=0)) for fps in (10.0, 20.0))
    np.testing.assert_allclose(coarse[::2], fine[: len(coarse) : 2], atol=1e-5)
    np.testing.assert_allclose(coarse[1:-1:2], (coarse[:-2:2] + coarse[2::2]) / 2, atol=1e-5)


@pytest.mark.parametrize(("fps", "assumed"), [(50.0, 50.0), (24.512, 24.512), (0.0, 25.0)])
def test_without_increasing_times_the_frame_rate_counts(fps, assumed):
    clip = take(1, end=2.0)
    still = replace(clip, timestamps_ms=np.zeros(len(clip)), fps=fps)
    assert len(joint_track(still)) == int((len(clip) - 1) * 1000 / assumed / 50) + 1
    quick = replace(clip, timestamps_ms=np.arange(float(len(clip))), fps=fps)  # 49 ms in all
    assert len(joint_track(quick)) == 1


def test_what_is_not_detected_is_missing():
    track = joint_track(without_a_hand(take(1, fps=20.0), 10, 20))
    lost = np.isnan(joint(track, "right_hand_wrist")).all(axis=1)
    assert lost.tolist() == [10 <= step <= 20 for step in range(len(track))]
    assert not np.isnan(joint(track, "left_hand_wrist")).any()


def test_the_track_of_a_mirrored_video_is_the_mirrored_track():
    clip = take(1)
    np.testing.assert_allclose(joint_track(flipped(clip)), mirrored(joint_track(clip)), atol=1e-5)


def test_motion_is_the_distance_from_the_mean_position():
    track = np.zeros((40, len(LAYOUT.joints), 2), np.float32)
    track[::2, BODY, 0], track[1::2, BODY, 0] = 3.0, 1.0  # 1 from the mean, one in so many joints
    assert motion_size(track) == pytest.approx(np.sqrt(len(BODY) / len(LAYOUT.joints)))
    track[:, [v for v in range(track.shape[1]) if v not in BODY]] = np.nan
    assert motion_size(track) == pytest.approx(1.0)
    assert motion_size(np.full_like(track, np.nan)) == 0.0


def test_fast_motion_keeps_what_is_faster_than_half_a_second():
    steps = np.arange(90)
    slow, fast = np.sin(2 * np.pi * steps / 90), np.sin(2 * np.pi * steps / 3)
    known = np.ones(90, bool)
    inside = slice(10, -10)
    assert np.abs(fast_motion(slow, known)[inside]).max() < 0.03
    np.testing.assert_allclose(fast_motion(slow + fast, known)[inside], fast[inside], atol=0.03)


def test_fast_motion_takes_unknown_steps_out_of_the_average():
    values, known = np.full(30, 5.0), np.ones(30, bool)
    values[10:14], known[10:14] = 1000.0, False
    np.testing.assert_allclose(fast_motion(values, known), 0, atol=1e-5)

"""Checks of imported keypoints: digests find exact copies, pixels and another order of values are noticed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keypoint_files import invented

from signfold.core.clip import seen
from signfold.core.errors import SignfoldError
from signfold.core.skeleton import POSE
from signfold.formats.imported import (
    check_coordinates,
    check_order,
    keypoints_digest,
    without_absent,
    wrist_distance,
)


@given(st.integers(0, 11), st.sampled_from(["pose", "left_hand", "right_hand"]))
def test_a_digest_sees_every_value(frame: int, part: str) -> None:
    clip = invented()
    other = invented()
    values = getattr(other, part)
    values[frame, 5, 1] = np.nan if values[frame, 5, 1] == values[frame, 5, 1] else 0.5
    assert keypoints_digest(clip) == keypoints_digest(invented()) != keypoints_digest(other)


def test_a_digest_sees_no_bits_that_mean_nothing() -> None:
    clip, other = invented(), invented()
    clip.pose[3, 5, 2], other.pose[3, 5, 2] = 0.0, -0.0
    missing = np.isnan(other.left_hand)
    assert missing.any()
    other.left_hand[missing] = np.array(0xFFC00001, np.uint32).view(np.float32)
    assert keypoints_digest(clip) == keypoints_digest(other)


def test_wrists_lie_so_many_shoulder_widths_apart_in_picture_widths() -> None:
    clip = replace(invented(4, gaps=0), width=100, height=200)
    for side, down in (("left", 0.03), ("right", 0.06)):
        clip.hand(side)[:, 0, :2] = clip.pose[:, POSE.index(f"{side}_wrist"), :2] + np.float32([0, down])
    clip.left_hand[0] = np.nan
    clip.pose[3] = np.nan
    # Shoulders are 0.3 apart.
    np.testing.assert_allclose(wrist_distance(clip), [0.2, 0.2, 0.4, 0.4, 0.4], rtol=1e-4)


def test_an_order_is_refused_by_the_median_of_the_clips_medians() -> None:
    near, far = np.full(9, 0.1), np.full(9, 3.0)
    check_order("x", [])
    check_order("x", [near, far, near, np.zeros(0)])
    with pytest.raises(SignfoldError, match=r"x: hands lie 3\.0 shoulder widths .*another order"):
        check_order("x", [far, near, far])


def test_coordinates_far_outside_the_picture_are_pixels() -> None:
    clip = invented()
    clip.left_hand[..., :2] *= 9
    check_coordinates("a.npz: hello", clip)
    clip.left_hand[..., :2] *= 9
    with pytest.raises(SignfoldError, match=r"a\.npz: hello: x and y of the left_hand are about \d+"):
        check_coordinates("a.npz: hello", clip)


def test_absent_joints_are_missing_and_a_part_without_its_first_joint_is_missing() -> None:
    part = np.ones((4, 3, 3))
    part[1, 2] = 0
    part[2, 1, 0] = np.inf
    part[3, 0] = 0
    part[0, 1, 0] = 0  # x alone may be zero
    found = without_absent(part, 4)
    assert found.dtype == np.float32
    assert np.isnan(found[..., 3]).all()
    assert np.isnan(found[..., 0]).tolist() == [[False] * 3, [False, False, True], [False, True, False], [True] * 3]
    assert seen(found).tolist() == [True, True, True, False]

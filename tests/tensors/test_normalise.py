"""Normalisation: size, place and shape of the picture do not matter; the unit is the shoulders' distance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tensor_clips import HEIGHT, WIDTH, forget, signer, tensor_of

from signfold.core.settings import CHANNELS
from signfold.core.skeleton import POSE, layout
from signfold.tensors.normalise import LEAST_PALM, LEAST_WIDTH, normalise, palm_length, reference

quick = settings(max_examples=40, deadline=None)


@quick
@given(st.floats(0.3, 2), st.floats(-0.4, 0.4), st.floats(-0.4, 0.4))
def test_size_and_place_in_the_picture_do_not_matter(scale: float, right: float, down: float) -> None:
    keypoints = forget(signer(), left_hand=[2, 3])
    moved = {}
    for part in ("pose", "left_hand", "right_hand"):
        moved[part] = getattr(keypoints, part) * np.float32(scale)
        moved[part][..., :2] += np.array([right, down], dtype=np.float32)
    moved["pose"][..., 3] = keypoints.pose[..., 3]
    channels = list(CHANNELS)
    found = tensor_of(replace(keypoints, **moved), channels=channels)
    np.testing.assert_allclose(found, tensor_of(keypoints, channels=channels), atol=1e-4)


def test_the_shape_of_the_picture_does_not_matter() -> None:
    keypoints = signer()
    stretch = {}
    for part in ("pose", "left_hand", "right_hand"):  # the same scene with bars above and below: twice as high
        stretch[part] = getattr(keypoints, part).copy()
        stretch[part][..., 1] = (stretch[part][..., 1] + 0.5) / 2
    taller = tensor_of(replace(keypoints, **stretch, height=2 * HEIGHT))
    np.testing.assert_allclose(taller, tensor_of(keypoints), atol=1e-5)


def test_shoulders_are_one_apart_about_the_origin() -> None:
    tensor = tensor_of(signer(), channels=["x", "y"])
    places = tensor[:, 0, [layout("hands_body_27").joints.index(f"{side}_shoulder") for side in ("left", "right")]]
    np.testing.assert_allclose(places, [[0.5, -0.5], [0, 0]], atol=1e-5)


def test_one_wild_pose_does_not_move_the_clip() -> None:
    keypoints = signer()
    wild = keypoints.pose.copy()
    wild[7, :, :2] *= 3
    found, expected = reference(replace(keypoints, pose=wild)), reference(keypoints)
    np.testing.assert_allclose(found.origin, expected.origin)
    assert found.unit == expected.unit


def test_none_is_image_coordinates() -> None:
    keypoints = signer()
    tensor = tensor_of(keypoints, normalise="none", channels=["x", "y"], frames=20)
    np.testing.assert_allclose(tensor[:, :, 0], keypoints.pose[:, 0, :2].T, atol=1e-6)


def test_a_palm_is_as_long_from_the_front_as_from_above() -> None:
    shown, pointing = np.zeros((2, 3, 21, 3))
    shown[:, 1:, 1], pointing[:, 1:, 2] = 0.2, -0.1
    clip = replace(signer(3), left_hand=shown, right_hand=pointing, width=200, height=100)
    assert palm_length(clip, "left") == palm_length(clip, "right") == 0.1
    shown[1], shown[2, 5] = np.nan, np.nan
    assert palm_length(clip, "left") == 0.1
    assert palm_length(forget(clip, left_hand=slice(None)), "left") == 1.0


def test_points_are_measured_from_the_origin_in_the_unit_and_depth_is_scaled_only() -> None:
    frame = reference(signer())
    assert frame.aspect == HEIGHT / WIDTH
    np.testing.assert_allclose(frame.origin, [0.5, 0.4 * frame.aspect], rtol=1e-6)
    np.testing.assert_allclose(frame.unit, 0.2, rtol=1e-6)
    found = normalise(np.array([[[0.7, 0.8, 0.6]]]), frame)
    np.testing.assert_allclose(found.ravel(), [1.0, 0.4 * 0.75 / 0.2, 3.0], rtol=1e-5)


def test_without_shoulders_origin_and_unit_are_the_box_around_the_hands() -> None:
    keypoints = forget(signer(), pose=slice(None))
    hands = np.concatenate([keypoints.positions(f"{side}_hand").reshape(-1, 2) for side in ("left", "right")])
    frame = reference(keypoints)
    np.testing.assert_allclose(frame.origin, (hands.min(axis=0) + hands.max(axis=0)) / 2)
    np.testing.assert_allclose(frame.unit, np.ptp(hands, axis=0).max())
    # A frame without the hand does not count, and a hand without any frame neither.
    fewer = forget(keypoints, left_hand=slice(None), right_hand=[0, 1, 2])
    right = fewer.positions("right_hand")[3:].reshape(-1, 2)
    np.testing.assert_allclose(reference(fewer).origin, (right.min(axis=0) + right.max(axis=0)) / 2)


def test_shoulders_that_coincide_are_no_unit() -> None:
    keypoints = signer()
    for width, box in ((0.9 * LEAST_WIDTH, True), (1.1 * LEAST_WIDTH, False)):
        keypoints.pose[:, POSE.index("left_shoulder"), :2] = 0.5 + width, 0.4
        keypoints.pose[:, POSE.index("right_shoulder"), :2] = 0.5, 0.4
        assert (reference(keypoints).unit > 0.2) == box
    exact = np.zeros((20, 33, 4))
    exact[:, POSE.index("left_shoulder"), 0] = LEAST_WIDTH
    assert reference(replace(keypoints, pose=exact)).unit == LEAST_WIDTH
    keypoints.pose[:, POSE.index("left_shoulder"), 0] = 0.5
    nobody = forget(keypoints, left_hand=slice(None), right_hand=slice(None))
    pose = nobody.positions("pose").reshape(-1, 2)
    np.testing.assert_allclose(reference(nobody).unit, np.ptp(pose, axis=0).max())


def test_a_single_point_has_the_least_unit_and_a_hand_of_one_point_the_least_palm() -> None:
    keypoints = forget(signer(), pose=slice(None), left_hand=slice(None))
    keypoints.right_hand[:] = 0.5
    assert reference(keypoints).unit == LEAST_WIDTH == 0.01
    assert palm_length(keypoints, "right") == LEAST_PALM == 1e-4


def test_a_palm_is_the_median_distance_of_four_knuckles_in_picture_widths() -> None:
    keypoints = signer(3)
    keypoints.right_hand[:] = 0
    for knuckle, size in {5: 0.1, 9: 0.9, 13: 0.3, 17: 0.5}.items():
        keypoints.right_hand[:, knuckle, :2] = 0.3 * size, 0.8 * size
    keypoints.right_hand[:, 1] = 9  # the thumb's base does not count
    for height, length in ((100, (0.3**2 + 0.4**2) ** 0.5), (200, (0.3**2 + 0.8**2) ** 0.5)):
        clip = replace(keypoints, width=200, height=height)
        np.testing.assert_allclose(palm_length(clip, "right"), 0.4 * length, rtol=1e-6)

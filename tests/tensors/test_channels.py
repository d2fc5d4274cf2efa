"""Channels: places from the own wrist, in palms, and distances from the own fingertips."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tensor_clips import joints, signer, tensor_of

from signfold.core.settings import CHANNELS
from signfold.core.skeleton import JOINTS, POSE, layout
from signfold.tensors.channels import TIPS, channels_of, pairs


def test_hands_are_measured_from_their_own_wrist_and_other_joints_are_nothing() -> None:
    tensor = tensor_of(signer(), channels=["x", "y", "x_wrist", "y_wrist"], idle_hand="keep")
    for side in ("left", "right"):
        hand = tensor[:, :, joints(side)]
        wrist = hand[:2, :, :1]  # a hand's first joint in a layout is its wrist
        np.testing.assert_allclose(hand[2:], hand[:2] - wrist, atol=1e-5)
    assert (np.delete(tensor[2:], joints("left") + joints("right"), axis=2) == 0).all()


@pytest.mark.parametrize("name", ["hands_body_27", "hands_arms_46"])
def test_the_size_of_a_hand_does_not_matter_in_lengths_of_its_palm(name: str) -> None:
    keypoints = signer()
    hand = keypoints.left_hand
    grown = replace(keypoints, left_hand=hand[:, :1] + 1.5 * (hand - hand[:, :1]))
    options = {"layout": name, "channels": ["x_palm", "y_palm", "x_wrist", "y_wrist"], "idle_hand": "keep"}
    before, after = tensor_of(keypoints, **options), tensor_of(grown, **options)
    left = joints("left", name)
    np.testing.assert_allclose(after[:2], before[:2], atol=1e-4)
    np.testing.assert_allclose(after[2:, :, left], 1.5 * before[2:, :, left], atol=1e-4)
    body = np.delete(before[:2], joints("left", name) + joints("right", name), axis=2)
    assert (body == 0).all()


def test_fingers_that_touch_are_at_no_distance_however_the_hand_is_turned() -> None:
    keypoints = signer()
    hand = keypoints.right_hand.copy()
    hand[:, 8] = hand[:, 4]  # the tip of the index finger on that of the thumb
    keypoints = replace(keypoints, width=100, height=100)
    options = {"channels": list(TIPS), "layout": "hand_21", "trim": "none"}
    distances = tensor_of(replace(keypoints, right_hand=hand), **options)
    tips = dict(zip(TIPS, (4, 8, 12, 16, 20), strict=True))
    for channel, (name, tip) in enumerate(tips.items()):
        joint = layout("hand_21").joints.index(JOINTS[len(POSE) + 21 + tip])
        assert (distances[channel, :, joint] == 0).all(), name
    np.testing.assert_allclose(distances[0], distances[1], atol=1e-6)
    assert (distances[2, :, 1] > 0.1).all()
    turned = hand.copy()
    turned[..., 0], turned[..., 1] = -hand[..., 1], hand[..., 0]
    again = tensor_of(replace(keypoints, right_hand=turned), **options)
    np.testing.assert_allclose(again, distances, atol=1e-5)


def test_distances_from_fingertips_are_in_palms_and_of_the_own_hand() -> None:
    options = {"channels": ["x_palm", "y_palm", "to_pinky"], "idle_hand": "keep"}
    tensor = tensor_of(signer(other="signs"), **options)
    for side in ("left", "right"):
        tip = layout("hands_body_27").joints.index(f"{side}_hand_pinky_tip")
        apart = tensor[:2, :, joints(side)] - tensor[:2, :, [tip]]
        np.testing.assert_allclose(tensor[2][:, joints(side)], np.linalg.norm(apart, axis=0), atol=1e-5)
    assert (np.delete(tensor[2], joints("left") + joints("right"), axis=1) == 0).all()


def test_every_channel_by_hand() -> None:
    names = ["nose", "left_hand_wrist", "left_hand_thumb_tip", "right_hand_wrist", "right_hand_thumb_tip"]
    points = np.array([[[9, 9, 9], [1, 2, 5], [4, 6, 7], [1, 1, 1], [1, 3, 0]]], float)
    palms = {"left": 2.0, "right": 4.0}
    channels = ["z", "x", "y", "x_wrist", "y_wrist", "x_palm", "y_palm", "to_thumb"]
    assert channels_of(points, names, channels, palms)[:, 0].tolist() == [
        [9, 5, 7, 1, 0],
        [9, 1, 4, 1, 1],
        [9, 2, 6, 1, 3],
        [0, 0, 3, 0, 0],
        [0, 0, 4, 0, 2],
        [0, 0, 1.5, 0, 0],
        [0, 0, 2, 0, 0.5],
        [0, 2.5, 0, 0.5, 0],
    ]


def test_vectors_of_the_picture_are_found_among_the_channels() -> None:
    assert pairs(["x", "y", "z", "x_palm", "to_thumb", "y_palm"]) == [(0, 1), (3, 5)]
    assert pairs(["x", "z", "y_wrist"]) == []
    assert pairs(CHANNELS) == [(0, 1), (3, 4), (5, 6)]


def test_every_channel_of_the_configuration_can_be_made() -> None:
    assert tensor_of(signer(), channels=CHANNELS, idle_hand="keep").shape == (len(CHANNELS), 64, 27)

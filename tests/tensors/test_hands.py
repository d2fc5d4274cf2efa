"""Hands: which one signs, which one rests, the mirror image, and where a sign begins and ends."""

from __future__ import annotations

import numpy as np
import pytest
from tensor_clips import forget, joints, lowered, signer, tensor_of

from signfold.core.settings import TensorSettings
from signfold.core.skeleton import HAND, POSE
from signfold.tensors.build import clip_tensor
from signfold.tensors.hands import HandUse, mirror_clip, signing, use_of_hands, without


def test_mirroring_twice_is_the_identity() -> None:
    keypoints = forget(signer(), left_hand=[1, 2], pose=[4])
    twice = mirror_clip(mirror_clip(keypoints))
    for part in ("timestamps_ms", "pose", "left_hand", "right_hand"):
        np.testing.assert_allclose(getattr(twice, part), getattr(keypoints, part), atol=1e-6)


def test_in_a_mirror_left_is_right() -> None:
    keypoints = signer(seed=1)
    found = mirror_clip(keypoints)
    np.testing.assert_allclose(found.left_hand[..., 0], 1 - keypoints.right_hand[..., 0])
    np.testing.assert_array_equal(found.left_hand[..., 1:], keypoints.right_hand[..., 1:])
    left, right = POSE.index("left_knee"), POSE.index("right_knee")
    np.testing.assert_allclose(found.pose[:, left, 0], 1 - keypoints.pose[:, right, 0])
    np.testing.assert_array_equal(found.pose[:, left, 1:], keypoints.pose[:, right, 1:])


def test_a_mirrored_signer_gives_the_same_tensor() -> None:
    keypoints = forget(signer(), right_hand=[5])
    for place in ("shoulders", "none"):
        found = tensor_of(mirror_clip(keypoints), normalise=place)
        np.testing.assert_allclose(found, tensor_of(keypoints, normalise=place), atol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_two_equal_hands_are_not_mirrored_and_do_not_rest(seed: int) -> None:
    rng = np.random.default_rng(seed)
    keypoints = forget(signer(frames=40, other="signs"), right_hand=rng.random(40) < 0.15)
    _, facts = clip_tensor(keypoints, TensorSettings())
    assert not (facts["mirrored"] or facts["resting_left"] or facts["resting_right"])


@pytest.mark.parametrize("signing", ["left", "right"])
def test_the_hand_that_is_up_signs_and_the_one_that_hangs_rests(signing: str) -> None:
    resting = "right" if signing == "left" else "left"
    use = use_of_hands(signer(signing=signing))
    assert (use.dominant, use.resting) == (signing, (resting,))


def test_without_a_pose_the_hand_that_is_seen_signs() -> None:
    keypoints = forget(signer(frames=20), pose=slice(None), right_hand=range(15))
    assert use_of_hands(keypoints).dominant == "left"


def test_a_sign_is_from_the_first_to_the_last_raised_hand_with_all_between() -> None:
    keypoints = lowered(0, 1, 2, 9, 17, 18, 19)
    assert signing(keypoints) == slice(3, 17)
    tensor, facts = clip_tensor(keypoints, TensorSettings(trim="sign", frames=14))
    assert (facts["first_frame"], facts["last_frame"], facts["frames"]) == (3, 16, 20)
    whole = tensor_of(keypoints, frames=20)
    np.testing.assert_allclose(tensor[..., joints("right")], whole[:, 3:17, joints("right")], atol=1e-5)


def test_either_hand_counts() -> None:
    assert signing(signer(signing="left")) == slice(0, 20)


def test_where_no_hand_is_ever_raised_or_nobody_seen_all_frames_stay() -> None:
    assert signing(lowered(*range(20))) == slice(0, 20)
    assert signing(forget(signer(), pose=slice(None))) == slice(0, 20)


def test_a_whole_clip_has_all_its_frames() -> None:
    _, facts = clip_tensor(lowered(0, 19), TensorSettings())
    assert (facts["first_frame"], facts["last_frame"]) == (0, 19)


@pytest.mark.parametrize(
    ("left", "right", "dominant", "resting"),
    [
        (0.81, 0.5, "left", ()),
        (0.8, 0.5, "right", ()),  # not more than 1.5 times as much and 0.05
        (0.2, 0.1, "right", ()),
        (0.04, 0.0, "right", ()),
        (0.06, 0.0, "left", ("right",)),
        (0.24, 1.0, "right", ("left",)),
        (0.25, 1.0, "right", ()),  # not less than a quarter
        (1.0, 0.2, "left", ("right",)),
        (0.1, 0.2, "right", ()),  # not less than half of the other
        (0.09, 0.2, "right", ("left",)),
    ],
)
def test_the_hand_used_clearly_more_is_dominant_and_one_hardly_used_rests(
    left: float, right: float, dominant: str, resting: tuple[str, ...]
) -> None:
    use = HandUse(left, right)
    assert (use.dominant, use.resting) == (dominant, resting)
    assert {use.dominant, use.other} == {"left", "right"}


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(
    ("height", "use"), [(0.0, 0.5), (0.25, 0.75), (-0.25, 0.25), (0.5, 1.0), (0.8, 1.0), (-0.5, 0.0), (-0.8, 0.0)]
)
def test_a_hand_is_used_by_the_height_of_its_wrist_over_its_elbow(side: str, height: float, use: float) -> None:
    """`height` is in shoulder widths of 0.2 picture widths."""
    keypoints = signer(8)
    elbow = keypoints.pose[0, POSE.index(f"{side}_elbow"), 1]
    keypoints.hand(side)[:, HAND.index("wrist"), 1] = elbow - height * 0.2 / keypoints.aspect
    assert getattr(use_of_hands(keypoints), side) == pytest.approx(use, abs=1e-5)
    half = forget(keypoints, **{f"{side}_hand": [0, 2, 4, 6]})
    assert getattr(use_of_hands(half), side) == pytest.approx(use / 2, abs=1e-5)
    assert getattr(use_of_hands(forget(half, pose=slice(None))), side) == 0.5


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_wrist_is_raised_from_a_tenth_of_a_shoulder_width_below_its_elbow(side: str) -> None:
    keypoints = lowered(*range(20))
    elbow, wrist = POSE.index(f"{side}_elbow"), POSE.index(f"{side}_wrist")
    for below, frames in ((0.09, slice(4, 7)), (0.11, slice(0, 20))):
        keypoints.pose[4:7, wrist, 1] = keypoints.pose[4:7, elbow, 1] + below * 0.2 / keypoints.aspect
        assert signing(keypoints) == frames


def test_a_hand_left_out_is_missing_and_nothing_else_is() -> None:
    keypoints = signer()
    found = without(keypoints, ["left"])
    assert np.isnan(found.left_hand).all()
    np.testing.assert_array_equal(found.right_hand, keypoints.right_hand)
    assert not np.isnan(keypoints.left_hand).any()
    assert (found.width, found.height) == (keypoints.width, keypoints.height)

"""Promises of the movements: they stay in the picture, keep bones' lengths, and vary from take to take."""

from __future__ import annotations

import numpy as np
from synthetic_performances import described, performances, performed

from signfold.synth.signers import HEIGHT, WIDTH


def test_signing_hands_stay_in_the_picture_and_rest_below() -> None:
    for act in performances(range(1, 13)).values():
        assert any(arm.active.any() for arm in act.arms.values())
        for arm in act.arms.values():
            joints = arm.joints[arm.active]
            assert (joints[..., 0] > 0).all() and (joints[..., 0] < WIDTH).all()
            assert (joints[..., 1] > 0).all() and (joints[..., 1] < HEIGHT).all()
            assert (arm.joints[[0, -1], :, 1].mean(axis=1) > 600).all()


def test_bones_keep_their_length() -> None:
    for act in performances(range(1, 3)).values():
        for arm in act.arms.values():
            bones = [
                np.linalg.norm(arm.elbow - arm.shoulder, axis=1),
                np.linalg.norm(arm.joints[:, 0] - arm.elbow, axis=1),
            ]
            bones += [np.linalg.norm(arm.joints[:, v] - arm.joints[:, v - 1], axis=1) for v in (3, 4, 6, 7, 8, 18, 20)]
            for bone in bones:
                np.testing.assert_allclose(bone, bone[0], rtol=1e-6)


def test_takes_differ_a_little() -> None:
    first, second = (performed(1, 1, take) for take in (1, 2))
    gap = np.abs(described(first) - described(second)).mean()
    assert 0.001 < gap < 0.2


def test_a_take_begins_and_repeats_when_it_likes() -> None:
    """A method that looks at fixed moments of the clip has a harder time."""
    rhythms = {(act.frames, act.arms["right"].active.argmax()) for act in (performed(1, 1, take) for take in (1, 2))}
    assert len(rhythms) == 2

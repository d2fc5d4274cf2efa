"""Performances of synthetic signers, not drawn, and what a simple method sees of them."""

from __future__ import annotations

import numpy as np

from signfold.core.skeleton import SIDES
from signfold.dataset.synthetic import SynthSettings, synthetic_clips
from signfold.synth import scene
from signfold.synth.motion import Performance
from signfold.synth.signers import signer
from signfold.synth.signs import SIGNS

SET = SynthSettings(signs=len(SIGNS), signers=12, takes=2)
CLIPS = {(clip.signer, clip.sign, clip.take): clip for clip in synthetic_clips(SET)}


def performed(number: int, sign: int = 1, take: int = 1) -> Performance:
    """Return a performance without drawing it."""
    return scene.take(signer(SET.seed, number), CLIPS[number, sign, take], SET.seed)


def performances(signers: range) -> dict[tuple[int, int], Performance]:
    return {(number, sign): performed(number, sign) for number in signers for sign in range(1, len(SIGNS) + 1)}


def described(act: Performance) -> np.ndarray:
    """Both hands over 16 moments, relative to the shoulders, the dominant hand first."""
    dominant = next(side for side in SIDES[::-1] if act.arms[side].active.any())
    sides = (dominant, "left" if dominant == "right" else "right")
    middle = np.mean([arm.shoulder[0] for arm in act.arms.values()], axis=0)
    width = abs(act.arms["left"].shoulder[0, 0] - act.arms["right"].shoulder[0, 0])
    moments = np.linspace(0, act.frames - 1, 16).round().astype(int)
    hands = np.stack([act.arms[side].joints[moments] - middle for side in sides])[..., :2] / width
    return hands * [1 if dominant == "right" else -1, 1]

"""Clips of a standing signer, and their tensors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from signfold.core.clip import Floats, Keypoints
from signfold.core.settings import TensorSettings
from signfold.core.skeleton import POSE, layout
from signfold.tensors.build import clip_tensor

WIDTH, HEIGHT = 640, 480


def signer(frames: int = 20, seed: int = 0, signing: str = "right", other: str = "hangs") -> Keypoints:
    """A standing signer in a 640×480 picture: one hand is up and moves, the other hangs."""
    rng = np.random.default_rng(seed)
    pose = np.tile(rng.uniform(0.4, 0.6, (1, 33, 4)), (frames, 1, 1)).astype(np.float32)
    hands = {}
    for side, x in (("left", 0.6), ("right", 0.4)):
        up = side == signing or other == "signs"
        wrist = np.stack([np.full(frames, x), np.full(frames, 0.45 if up else 0.9), np.zeros(frames)], axis=1)
        wrist[:, 0] += np.linspace(0, 0.1, frames) if up else 0
        pose[:, POSE.index(f"{side}_shoulder"), :2] = x, 0.4
        pose[:, POSE.index(f"{side}_elbow"), :2] = x, 0.65
        pose[:, POSE.index(f"{side}_wrist"), :2] = wrist[:, :2]
        fingers = rng.uniform(-0.05, 0.05, (21, 3))
        fingers[0] = 0
        hands[side] = (wrist[:, None] + fingers).astype(np.float32)
    return Keypoints(np.arange(frames) * 40.0, pose, hands["left"], hands["right"], WIDTH, HEIGHT, 25.0)


def lowered(*frames: int, side: str = "right") -> Keypoints:
    """The signer with the right hand up, whose wrist hangs in some frames."""
    keypoints = signer()
    keypoints.pose[list(frames), POSE.index(f"{side}_wrist"), 1] = 0.9
    return keypoints


def forget(keypoints: Keypoints, **frames: Any) -> Keypoints:
    """The clip with parts missing in the given frames."""
    parts: dict[str, Any] = {part: getattr(keypoints, part).copy() for part in frames}
    for part, missing in frames.items():
        parts[part][missing] = np.nan
    return replace(keypoints, **parts)


def tensor_of(keypoints: Keypoints, **options: Any) -> Floats:
    """The (C, T, V) tensor of a clip."""
    return clip_tensor(keypoints, TensorSettings(**options))[0]


def joints(side: str, name: str = "hands_body_27") -> list[int]:
    """The joints of a hand in a layout."""
    return list(layout(name).hand(side))

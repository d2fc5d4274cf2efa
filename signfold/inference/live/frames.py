"""Frames of the live picture with their landmarks, and the keypoints of a sign made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from signfold.core.clip import PARTS, Floats, Keypoints
from signfold.core.skeleton import POSE, SIDES
from signfold.tensors.hands import raised_wrists

# The values of one frame: those of all parts, one after the other.
VALUES = sum(joints * values for joints, values in PARTS.values())
_WRISTS = [POSE.index(f"{side}_wrist") for side in SIDES]


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture that was tracked.

    Parameters
    ----------
    at
        When it was taken, in milliseconds of the page's clock.
    values
        (258,) float32: pose, left and right hand, NaN where not detected.
    size
        Width and height of the picture in pixels.
    """

    at: float
    values: Floats
    size: tuple[int, int]

    @property
    def raised(self) -> bool:
        """Whether a hand is up and in the picture: of people who sit, the hands in the lap are below it."""
        keypoints = keypoints_of([self])
        inside = keypoints.pose[:, _WRISTS, 1] < 1
        return bool((raised_wrists(keypoints) & inside).any())


def keypoints_of(frames: Sequence[Frame]) -> Keypoints:
    """Return the keypoints of a clip of frames, at least one, all of one size."""
    values = np.stack([frame.values for frame in frames])
    parts: dict[str, Any] = {}
    start = 0
    for part, (joints, numbers) in PARTS.items():
        stop = start + joints * numbers
        parts[part] = values[:, start:stop].reshape(-1, joints, numbers)
        start = stop
    times = np.array([frame.at - frames[0].at for frame in frames])
    width, height = frames[0].size
    fps = 1000 * (len(frames) - 1) / times[-1] if times[-1] else 0.0
    return Keypoints(times, **parts, width=width, height=height, fps=float(fps))


def drawable(keypoints: Keypoints, frame: int) -> dict[str, list[list[float]] | None]:
    """Return what the page draws of a frame: x and y of each joint as shares of the picture; visibility of the pose."""
    drawn: dict[str, list[list[float]] | None] = {}
    for part in PARTS:
        joints = getattr(keypoints, part)[frame]
        shown = joints[:, [0, 1, 3]] if part == "pose" else joints[:, :2]
        drawn[part] = None if np.isnan(shown).any() else np.round(shown.astype(float), 4).tolist()
    return drawn

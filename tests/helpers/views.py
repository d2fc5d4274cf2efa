"""Clips to draw: a person whose left hand was never detected, and gaps in the right one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from signfold.core.clip import Extraction, Keypoints
from signfold.core.settings import TensorSettings
from signfold.visual import draw
from signfold.visual.contact_sheet import ClipView

SIZE = (320, 240)


def person(count: int = 8) -> Keypoints:
    """A body in the middle, the right hand at 30 % of the picture's width, the left never seen."""
    rng = np.random.default_rng(0)
    pose = np.broadcast_to(rng.uniform(0.45, 0.55, (1, 33, 4)), (count, 33, 4)).astype(np.float32)
    hand = np.broadcast_to(rng.uniform(0.28, 0.32, (1, 21, 3)), (count, 21, 3)).astype(np.float32)
    missing = np.full((count, 21, 3), np.nan, np.float32)
    return Keypoints(np.arange(count) * 40.0, pose, missing, hand, *SIZE, 25.0)


def clip_of(keypoints: Keypoints, path: Path = Path("nowhere.mp4"), name: str = "a") -> ClipView:
    return ClipView(name, path, Extraction(keypoints), TensorSettings())


def shows(picture: np.ndarray, colour: draw.Colour) -> np.ndarray:
    """Where a picture has a colour, (H, W); smoothing and video mix colours a little."""
    return np.abs(picture.astype(int) - colour).max(axis=2) < 30


def with_gap(first: int, last: int, count: int = 8) -> Keypoints:
    keypoints = person(count)
    keypoints.right_hand[first : last + 1] = np.nan
    return keypoints

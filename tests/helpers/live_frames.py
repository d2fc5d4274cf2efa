"""A clip as the frames in which it comes live."""

from __future__ import annotations

import numpy as np

from signfold.core.clip import PARTS, Keypoints
from signfold.inference.live.frames import Frame


def frames_of(clip: Keypoints, step: float | None = None) -> list[Frame]:
    """Return the frames of a clip, `step` milliseconds apart, or at its own times."""
    values = np.concatenate([getattr(clip, part).reshape(len(clip), -1) for part in PARTS], axis=1)
    times = clip.timestamps_ms if step is None else step * np.arange(len(clip))
    size = (clip.width, clip.height)
    return [Frame(float(at), own, size) for at, own in zip(times, values, strict=True)]

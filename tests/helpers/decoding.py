"""All frames of a video."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from signfold.keypoints import video


def decoded(path: Path) -> tuple[list[float], list[np.ndarray | None]]:
    with video.opened(path) as opened:
        rows = list(opened.frames())
    return [time for time, _ in rows], [image for _, image in rows]


def times_of(path: Path) -> list[float]:
    with video.opened(path) as opened:
        return [time for time, _ in opened.frames()]

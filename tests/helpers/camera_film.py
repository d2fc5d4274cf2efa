"""A film of a synthetic signer that Chromium takes for a web cam's picture."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from synthetic_performances import CLIPS, SET

from signfold.synth import scene

SIZE = (640, 480)


def pictures(number: int, sign: int) -> list[np.ndarray]:
    """Return a signer's performance of a sign as the camera sees it: BGR, 640 × 480, hands down at both ends."""
    people = scene.parts(CLIPS[number, sign, 1], SET)
    return [cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA) for picture in scene.pictures(people)]


def write_film(path: Path, film: Iterable[np.ndarray], fps: int) -> Path:
    """Write pictures as YUV4MPEG2, which Chromium plays again and again."""
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{SIZE[0]} H{SIZE[1]} F{fps}:1 Ip A1:1 C420jpeg\n".encode())
        for picture in film:
            file.write(b"FRAME\n" + cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420).tobytes())
    return path

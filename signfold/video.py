"""Decoding videos with OpenCV: frames in RGB with their times, and why a file gives none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from signfold.errors import SignfoldError

DECODER = f"opencv {cv2.__version__}"


class Unreadable(SignfoldError):
    """A file that does not open as a video."""


@dataclass(frozen=True)
class Video:
    """An opened video.

    Parameters
    ----------
    capture
        OpenCV's reader.
    fps
        Frames per second as the container says; 0 if it does not.
    promised
        How many frames the container says there are; 0 if it does not.
    """

    capture: cv2.VideoCapture
    fps: float
    promised: int

    def frames(self) -> Iterator[tuple[float, npt.NDArray[Any]]]:
        """Yield (time in milliseconds, (height, width, 3) RGB) of each frame, turned upright as the file says."""
        while True:
            decoded, image = self.capture.read()
            if not decoded:
                return
            yield self.capture.get(cv2.CAP_PROP_POS_MSEC), cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


@contextmanager
def opened(path: str | Path) -> Iterator[Video]:
    """Open a video for reading, with one thread.

    Raises
    ------
    Unreadable
        If it does not open, with the reason where it is plain.
    """
    cv2.setNumThreads(1)
    # An absolute path: FFmpeg takes "a:b.mp4" for a protocol. FFmpeg by name: OpenCV takes "%" for an image sequence.
    absolute = str(Path(path).absolute())
    capture = cv2.VideoCapture(absolute, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    try:
        if not capture.isOpened():
            raise Unreadable(why_unreadable(Path(path)))
        fps, promised = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        yield Video(capture, fps if np.isfinite(fps) else 0.0, max(0, int(promised)))
    finally:
        capture.release()


def why_unreadable(path: Path) -> str:
    """Say why a file does not open as a video, from its size and first bytes."""
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        return "the file is empty (zero bytes); copy it again"
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the video itself; run `git lfs pull`"
    if b"\0" not in head:
        return "a text file, not a video; give it its right name or remove it"
    return f"FFmpeg finds no video in it (the first bytes are {head[:8].hex(' ')}); copy it again or convert it"

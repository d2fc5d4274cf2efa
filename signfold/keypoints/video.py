"""Decoding videos with OpenCV: frames in RGB with their times, those that do not decode, and why a file gives none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from signfold.core.errors import UnreadableFile

DECODER = f"opencv {cv2.__version__}"
# A frame that fails and the end of the file look alike. After this many failures in a row, or as many as there are
# frames still to come, it is the end; no header is believed that promises more than the last figure.
_ATTEMPTS, _MOST_ATTEMPTS = 64, 10_000
# H.264 and H.265 store a frame at most so many places from where it is shown.
_REORDERED = 16

Image = npt.NDArray[Any]


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
    codec
        Four letters, as the container says.
    """

    capture: cv2.VideoCapture
    fps: float
    promised: int
    codec: str = ""

    def frames(self) -> Iterator[tuple[float, Image | None]]:
        """Yield (time in milliseconds, (height, width, 3) RGB) of each frame, turned upright as the file says.

        Time 0 is the start of the video stream; times are the container's. A frame to which it gives none, or none
        after the one before, comes 1 / fps later. A frame that fails to decode, with others after it that do, is
        (NaN, None): it has no time and, where frames are stored out of order, comes up to a few frames early (see
        `settled`).
        """
        decoded = failed = 0
        last = -np.inf
        while failed < min(max(_ATTEMPTS, self.promised - decoded), _MOST_ATTEMPTS):
            there, image = self.capture.read()
            if not there:
                failed += 1
                continue
            for _ in range(failed):
                yield np.nan, None
            time = self.capture.get(cv2.CAP_PROP_POS_MSEC)
            last = last + 1000 / self.fps if time <= last and self.fps else time
            decoded, failed = decoded + 1, 0
            yield last, cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


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
            raise UnreadableFile(why_unreadable(Path(path)))
        fps, promised = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        yield Video(capture, fps if np.isfinite(fps) else 0.0, max(0, int(promised)), _codec(capture))
    finally:
        capture.release()


def _codec(capture: cv2.VideoCapture) -> str:
    code = int(capture.get(cv2.CAP_PROP_FOURCC))
    letters = "".join(chr(code >> shift & 0xFF) for shift in (0, 8, 16, 24))
    return letters.strip("\0 ") if letters.isascii() and letters.replace("\0", " ").isprintable() else "unknown"


def settled(times: list[float]) -> tuple[list[float], list[bool]]:
    """Give frames that failed to decode the times that they left free.

    A lost frame belongs into the first hole, from where it failed on, that is wide enough for one more frame at the
    clip's usual (median) distance; where there is none, into the widest hole nearby. Frames lost before the first that
    decodes, or after the last, are left out: nothing says when they were.

    Parameters
    ----------
    times
        Of each frame, in milliseconds, NaN where it failed, as `Video.frames` gives them.

    Returns
    -------
    times
        Increasing as far as those of the decoded frames are.
    decoded
        For each of them whether that frame was decoded.
    """
    known = [time for time in times if not np.isnan(time)]
    lost = _lost_by_gap(times, np.diff(known))
    out: list[float] = []
    decoded: list[bool] = []
    for place, time in enumerate(known):
        out.append(time)
        decoded.append(True)
        if lost[place]:
            out += np.linspace(time, known[place + 1], lost[place] + 2)[1:-1].tolist()
            decoded += [False] * lost[place]
    return out, decoded


def _lost_by_gap(times: list[float], gaps: npt.NDArray[Any]) -> Counter[int]:
    """Return how many lost frames belong into each gap between neighbouring decoded frames."""
    usual = max(float(np.median(gaps)), 1e-3) if len(gaps) else 1.0
    room = np.rint(gaps / usual) - 1
    lost: Counter[int] = Counter()
    decoded = 0
    for time in times:
        if not np.isnan(time):
            decoded += 1
        elif 0 < decoded <= len(gaps):
            wide = np.flatnonzero(room[decoded - 1 :] > 0)
            nearby = gaps[decoded - 1 : decoded + _REORDERED]
            gap = decoded - 1 + int(wide[0] if len(wide) else np.argmax(nearby))
            room[gap] -= 1
            lost[gap] += 1
    return lost


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

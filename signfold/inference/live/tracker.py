"""MediaPipe in a process of its own: it tracks pictures while they arrive, and a picture that kills it harms no other.

What comes back from it is numbers of fixed length, never pickled objects.
"""

from __future__ import annotations

import os
import struct
import time
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np

from signfold.core.clip import PARTS, Floats
from signfold.core.errors import SignfoldError
from signfold.inference.live.frames import VALUES
from signfold.inference.live.limits import MOST_FRAME_PIXELS
from signfold.keypoints.holistic import Holistic, Landmarks

# A process that has no answer after so long hangs. Loading MediaPipe takes a few seconds on a busy machine.
PATIENCE_SECONDS = 60.0
# Width, height, milliseconds of decoding and of tracking.
_HEAD = struct.Struct("<IIdd")
_NEXT_CLIP, _NOT_DECODED = b"", b""


class TrackerLost(SignfoldError):
    """The tracking process died or hangs."""


@dataclass(frozen=True, eq=False)
class Tracked:
    """What was found in a picture.

    Parameters
    ----------
    size
        Width and height of the picture in pixels.
    values
        (258,) float32 as in `Frame`.
    decode_ms, track_ms
        Time that the JPEG and MediaPipe took.
    """

    size: tuple[int, int]
    values: Floats
    decode_ms: float
    track_ms: float


class Tracker:
    """A process that tracks the pictures of one clip after the other; one that died is replaced with the next clip.

    Parameters
    ----------
    extractor
        Its thresholds are those of the extraction.
    """

    def __init__(self, extractor: Holistic) -> None:
        self._extractor = extractor
        self._start()

    def _start(self) -> None:
        # Forking a process in which libraries have threads can hang.
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(target=_work, args=(theirs, self._extractor), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def alive(self) -> bool:
        """Whether the process lives."""
        return self._process.is_alive()

    def next_clip(self) -> None:
        """Begin with a new graph: nothing is carried over from the pictures before."""
        try:
            self._pipe.send_bytes(_NEXT_CLIP)
        except OSError:
            self.close()
            self._start()

    def track(self, jpeg: bytes) -> Tracked | None:
        """Return what is found in the next picture, None if it does not decode.

        Parameters
        ----------
        jpeg
            The picture; not empty.

        Raises
        ------
        TrackerLost
            If the process died, or gives no answer.
        """
        try:
            self._pipe.send_bytes(jpeg)
            if not self._pipe.poll(PATIENCE_SECONDS):
                raise EOFError
            answer = self._pipe.recv_bytes(_HEAD.size + 4 * VALUES)
        except (EOFError, OSError):
            self.close()
            raise TrackerLost("the tracking process died at a picture, or hung; connect again") from None
        if answer == _NOT_DECODED:
            return None
        width, height, decode_ms, track_ms = _HEAD.unpack_from(answer)
        return Tracked((width, height), np.frombuffer(answer, np.float32, offset=_HEAD.size), decode_ms, track_ms)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _work(pipe: Connection, extractor: Holistic) -> None:
    """Track pictures until the other end closes."""
    # The terminal's Ctrl-C is for the server, which ends this process. MediaPipe logs the same for every clip.
    os.setpgrp()
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(MOST_FRAME_PIXELS)
    import cv2

    cv2.setNumThreads(1)
    while True:
        with extractor.tracker() as track:
            try:
                while (jpeg := pipe.recv_bytes()) != _NEXT_CLIP:
                    started = time.perf_counter()
                    image = decoded(jpeg)
                    if image is None:
                        pipe.send_bytes(_NOT_DECODED)
                        continue
                    half = time.perf_counter()
                    values = flat(track(image))
                    times = 1000 * (half - started), 1000 * (time.perf_counter() - half)
                    pipe.send_bytes(_HEAD.pack(image.shape[1], image.shape[0], *times) + values.tobytes())
            except (EOFError, OSError):
                os._exit(0)


def decoded(jpeg: bytes) -> Any:
    """Return a JPEG's (height, width, 3) RGB; None if it does not decode."""
    import cv2

    try:
        return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        return None


def flat(landmarks: Landmarks) -> Floats:
    """Return all parts of a frame in a row, NaN where not detected."""
    whole = []
    for part, shape in PARTS.items():
        found = landmarks[part]
        whole.append(np.full(shape, np.nan, np.float32) if found is None else found)
    return np.concatenate([part.ravel() for part in whole])

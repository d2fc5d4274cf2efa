"""MediaPipe Holistic as legacy `mp.solutions.holistic` has it: pose and hands, the same to the bit, and no face.

Video mode, complexity 1. `holistic_graph` says what is left out, and why that changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from signfold.core import versions
from signfold.core.clip import PARTS, Extraction, Floats, Keypoints, empty_keypoints
from signfold.core.errors import UnreadableFile
from signfold.keypoints import video
from signfold.keypoints.mediapipe_models import model_digests

NAME = "mediapipe_holistic"
# Frames a second at most: a file of a thousand a second is cut before it takes an hour.
MOST_FPS = 120

# Of each part (joints, values) float32, or None where it was not detected.
Landmarks = dict[str, Floats | None]


@dataclass(frozen=True)
class Holistic:
    """The extractor.

    Parameters
    ----------
    min_detection_confidence, min_tracking_confidence
        As in `mp.solutions.holistic.Holistic`.
    max_seconds
        Frames later than this after the first are left out.
    """

    min_detection_confidence: float = 0.5
    min_tracking_confidence: float = 0.5
    max_seconds: float = 60.0

    @property
    def max_frames(self) -> int:
        """The most frames that are looked at."""
        return round(self.max_seconds * MOST_FPS)

    def description(self) -> dict[str, Any]:
        """Return all that the keypoints of a video depend on: name, versions, models' SHA-256, options.

        The cap is not among them, so that another one costs only the clips that it cuts (see `accepts`).
        """
        models = model_digests()
        return {
            "extractor": NAME,
            "version": versions.EXTRACTOR,
            "mediapipe": version("mediapipe"),
            "decoder": video.DECODER,
            "models": models,
            "options": {
                "model_complexity": 1,
                "static_image_mode": False,
                "smooth_landmarks": True,
                "min_detection_confidence": self.min_detection_confidence,
                "min_tracking_confidence": self.min_tracking_confidence,
            },
        }

    def accepts(self, found: Extraction) -> bool:
        """Tell whether an earlier extraction of the same description ended where this extractor would end it."""
        if found.max_seconds is not None:
            return found.max_seconds == self.max_seconds
        times = found.keypoints.timestamps_ms
        whole = not len(times) or bool(times[-1] - times[0] <= 1000 * self.max_seconds)
        return whole and len(times) <= self.max_frames

    def extract(self, path: str | Path, frame_done: Callable[[], None] = lambda: None) -> Extraction:
        """Find pose and hands in every frame of a video. Never raises for what is in the file.

        Parameters
        ----------
        path
            The video. It is decoded and tracked in one pass, by one thread.
        frame_done
            Called after every frame.
        """
        try:
            with video.opened(path) as opened:
                return self._track(opened, frame_done)
        except UnreadableFile as error:
            return Extraction(empty_keypoints(), "unreadable", str(error))

    @contextmanager
    def tracker(self) -> Iterator[Callable[[video.Image], Landmarks]]:
        """Start a graph, and yield the function that finds the landmarks in a clip's pictures, one after the other.

        A picture is (height, width, 3) RGB, in whole rows. Of each part the function returns (joints, values) float32,
        or None where it was not detected.
        """
        model_digests()  # says what to install where MediaPipe is missing
        # Loaded here: the process that waits for the extraction, and readers of the cache, need no MediaPipe.
        from signfold.keypoints import holistic_graph

        with holistic_graph.solution(self.min_detection_confidence, self.min_tracking_confidence) as solution:

            def track(image: video.Image) -> Landmarks:
                # MediaPipe copies what might still be written to.
                image.flags.writeable = False
                return _landmarks(solution.process(image))

            yield track

    def _track(self, opened: video.Video, frame_done: Callable[[], None]) -> Extraction:
        times: list[float] = []
        found: list[Landmarks] = []
        pictures = _Pictures()
        first, cap = np.nan, None
        # A graph of its own for each video: the tracker must not carry one signer's pose over to the next clip.
        with self.tracker() as track:
            for time, image in opened.frames():
                first = time if np.isnan(first) else first
                if time - first > 1000 * self.max_seconds or len(times) >= self.max_frames:
                    cap = self.max_seconds
                    break
                times.append(time)
                if image is not None:
                    pictures.add(image)
                    found.append(track(image))
                frame_done()
        width, height = pictures.size
        keypoints = replace(_assemble(*video.settled(times), found), width=width, height=height, fps=opened.fps)
        status, error = _judge(keypoints, pictures, opened, cap)
        return Extraction(keypoints, status, error, cap)


class _Pictures:
    """What the decoded pictures of a clip have in common: a decoder may give the same or an empty one for every frame.

    Each is looked at in a grid of about 64 × 64 points: cheap, and two pictures of a camera never agree in all of them.
    """

    def __init__(self) -> None:
        self.count = 0
        self.size = (0, 0)  # width and height, in pixels
        self.blank = self.frozen = True
        self._first: np.ndarray | None = None

    def add(self, image: np.ndarray) -> None:
        """Look at one more picture, (height, width, 3)."""
        height, width = image.shape[:2]
        self.count, self.size = self.count + 1, (width, height)
        points = image[:: max(1, height // 64), :: max(1, width // 64)].copy()
        self._first = points if self._first is None else self._first
        self.blank &= bool((points == points[:1, :1]).all())
        self.frozen &= bool(np.array_equal(points, self._first))


def _judge(keypoints: Keypoints, pictures: _Pictures, opened: video.Video, cap: float | None) -> tuple[str, str | None]:
    """Return the status of a clip and what there is to say about it."""
    if not pictures.count:
        return "no_frames", f"none of its frames (codec {opened.codec}) decodes; copy it again or convert it"
    notes = []
    if cap is not None:
        whole = f" of {opened.promised / opened.fps:.0f}" if opened.fps and opened.promised else ""
        notes.append(f"only the first {cap:g}{whole} seconds were looked at; cut it, or raise keypoints.max_seconds")
    elif pictures.count < 0.9 * opened.promised:
        notes.append(
            f"{pictures.count} of {opened.promised} promised frames could be decoded; the file may be cut short"
        )
    if lost := len(keypoints) - pictures.count:
        notes.append(f"{lost} of {len(keypoints)} frames do not decode; they are kept as missing")
    if opened.interlaced:
        notes.append("interlaced: every picture was deinterlaced")
    status, reason = "ok", None
    if pictures.blank:
        status, reason = "blank", "every picture is of one colour; look at the file, or convert it"
    elif pictures.frozen and pictures.count > 1:
        status, reason = "frozen", f"all {pictures.count} pictures are the same; look at the file, or convert it"
    elif all(np.isnan(getattr(keypoints, part)).all() for part in PARTS):
        status, reason = "no_person", "neither pose nor hands were found in any frame"
    return status, "; ".join(filter(None, [reason, *notes])) or None


def _landmarks(results: Any) -> Landmarks:
    """Return each part of one frame as (joints, values) float32, or None."""
    found: Landmarks = {}
    for part, (_, values) in PARTS.items():
        landmarks = getattr(results, f"{part}_landmarks")
        fields = ("x", "y", "z", "visibility")[:values]
        found[part] = landmarks and np.array(
            [[getattr(joint, field) for field in fields] for joint in landmarks.landmark], np.float32
        )
    return found


def _assemble(times: list[float], decoded: list[bool], found: list[Landmarks]) -> Keypoints:
    """Put together what was found in the decoded frames; the others are missing."""
    parts: dict[str, Any] = {part: np.full((len(times), *shape), np.nan, np.float32) for part, shape in PARTS.items()}
    for frame, landmarks in zip(np.flatnonzero(decoded), found, strict=True):
        for part, values in landmarks.items():
            if values is not None:
                parts[part][frame] = values
    return Keypoints(np.array(times, np.float64), **parts)

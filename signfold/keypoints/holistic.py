"""MediaPipe Holistic as legacy `mp.solutions.holistic` has it: pose and hands, the same to the bit, and no face.

Video mode, complexity 1. `holistic_graph` says what is left out, and why that changes nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from signfold.core import versions
from signfold.core.clip import PARTS, Extraction, Floats, Keypoints, empty_keypoints
from signfold.core.errors import UnreadableFile
from signfold.keypoints import holistic_graph, video
from signfold.keypoints.mediapipe import mediapipe

NAME = "mediapipe_holistic"


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

    def description(self) -> dict[str, Any]:
        """Return all that the keypoints of a video depend on: name, versions, models' SHA-256, options.

        The cap is not among them, so that another one costs only the clips that it cuts (see `accepts`).
        """
        return {
            "extractor": NAME,
            "version": versions.EXTRACTOR,
            "mediapipe": mediapipe.__version__,
            "decoder": video.DECODER,
            "models": _model_digests(),
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
        return not len(times) or bool(times[-1] - times[0] <= 1000 * self.max_seconds)

    def extract(self, path: str | Path) -> Extraction:
        """Find pose and hands in every frame of a video. Never raises for what is in the file.

        Parameters
        ----------
        path
            The video. It is decoded and tracked in one pass, by one thread.
        """
        try:
            with video.opened(path) as opened:
                return self._track(opened)
        except UnreadableFile as error:
            return Extraction(empty_keypoints(), "unreadable", str(error))

    def _track(self, opened: video.Video) -> Extraction:
        times: list[float] = []
        found: list[dict[str, Floats | None]] = []
        width = height = 0
        first, cap = np.nan, None
        # A graph of its own for each video: the tracker must not carry one signer's pose over to the next clip.
        with holistic_graph.solution(self.min_detection_confidence, self.min_tracking_confidence) as solution:
            for time, image in opened.frames():
                first = time if np.isnan(first) else first
                if time - first > 1000 * self.max_seconds:
                    cap = self.max_seconds
                    break
                times.append(time)
                if image is not None:
                    height, width = image.shape[:2]
                    # MediaPipe copies what might still be written to.
                    image.flags.writeable = False
                    found.append(_landmarks(solution.process(image)))
        keypoints = replace(_assemble(*video.settled(times), found), width=width, height=height, fps=opened.fps)
        status, error = _judge(keypoints, len(found), opened, cap)
        return Extraction(keypoints, status, error, cap)


def _judge(keypoints: Keypoints, decoded: int, opened: video.Video, cap: float | None) -> tuple[str, str | None]:
    """Return the status of a clip and what there is to say about it."""
    if not decoded:
        return "no_frames", f"none of its frames (codec {opened.codec}) decodes; copy it again or convert it"
    notes = []
    if cap is not None:
        whole = f" of {opened.promised / opened.fps:.0f}" if opened.fps and opened.promised else ""
        notes.append(f"only the first {cap:g}{whole} seconds were looked at; cut it, or raise keypoints.max_seconds")
    elif decoded < 0.9 * opened.promised:
        notes.append(f"{decoded} of {opened.promised} promised frames could be decoded; the file may be cut short")
    if lost := len(keypoints) - decoded:
        notes.append(f"{lost} of {len(keypoints)} frames do not decode; they are kept as missing")
    if all(np.isnan(getattr(keypoints, part)).all() for part in PARTS):
        return "no_person", "; ".join(["neither pose nor hands were found in any frame", *notes])
    return "ok", "; ".join(notes) or None


@cache
def _model_digests() -> dict[str, str]:
    files = [holistic_graph.PACKAGE / name for name in holistic_graph.MODELS]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def _landmarks(results: Any) -> dict[str, Floats | None]:
    """Return each part of one frame as (joints, values) float32, or None."""
    found: dict[str, Floats | None] = {}
    for part, (_, values) in PARTS.items():
        landmarks = getattr(results, f"{part}_landmarks")
        fields = ("x", "y", "z", "visibility")[:values]
        found[part] = landmarks and np.array(
            [[getattr(joint, field) for field in fields] for joint in landmarks.landmark], np.float32
        )
    return found


def _assemble(times: list[float], decoded: list[bool], found: list[dict[str, Floats | None]]) -> Keypoints:
    """Put together what was found in the decoded frames; the others are missing."""
    parts: dict[str, Any] = {part: np.full((len(times), *shape), np.nan, np.float32) for part, shape in PARTS.items()}
    for frame, landmarks in zip(np.flatnonzero(decoded), found, strict=True):
        for part, values in landmarks.items():
            if values is not None:
                parts[part][frame] = values
    return Keypoints(np.array(times, np.float64), **parts)

"""The models in mediapipe's package that find pose and hands and their digests, without loading MediaPipe."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from signfold.core.errors import SignfoldError

# The models of mediapipe's package that find pose and hands.
MODELS = (
    "modules/pose_detection/pose_detection.tflite",
    "modules/pose_landmark/pose_landmark_full.tflite",
    "modules/holistic_landmark/hand_recrop.tflite",
    "modules/hand_landmark/hand_landmark_full.tflite",
)


@cache
def model_digests() -> dict[str, str]:
    """Return the SHA-256 of each model file by its name.

    Raises
    ------
    SignfoldError
        If MediaPipe is not installed.
    """
    found = find_spec("mediapipe")
    if found is None or not found.submodule_search_locations:
        # Without --no-deps, pip would ask for NumPy 1: see envs/README.md.
        raise SignfoldError(
            "finding keypoints needs MediaPipe, which is not installed; run: pip install --no-deps mediapipe==0.10.21"
        )
    (package,) = found.submodule_search_locations
    files = [Path(package, name) for name in MODELS]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}

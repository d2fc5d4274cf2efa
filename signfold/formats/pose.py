"""`.pose` files (pose-format, https://github.com/sign-language-processing/pose), of MediaPipe Holistic."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np

from signfold.core.clip import PARTS, Floats, Keypoints, seen
from signfold.core.errors import SignfoldError, UnreadableFile
from signfold.core.skeleton import HAND, PART_JOINTS, POSE
from signfold.formats.imported import without_absent

# The file's names of parts and joints are MediaPipe's own, in upper case.
COMPONENTS = {"pose": "POSE_LANDMARKS", "left_hand": "LEFT_HAND_LANDMARKS", "right_hand": "RIGHT_HAND_LANDMARKS"}
COLOURS = {"pose": (0, 90, 200), "left_hand": (200, 60, 0), "right_hand": (0, 140, 60)}
_BODY = (
    "left_shoulder-right_shoulder left_hip-right_hip mouth_left-mouth_right *_shoulder-*_hip *_shoulder-*_elbow "
    "*_elbow-*_wrist *_hip-*_knee *_knee-*_ankle nose-*_eye *_eye-*_ear"
)
_DAMAGE = (struct.error, ValueError, TypeError, IndexError, OverflowError, MemoryError, NotImplementedError)


def read(path: Path) -> Keypoints:
    """Read the first person of a `.pose` file, versions 0.0 to 0.2.

    Parameters
    ----------
    path
        The file. It states size and frame rate; visibility is its confidence.

    Raises
    ------
    UnreadableFile
        If the file is damaged or empty.
    SignfoldError
        If it lacks a component or point of MediaPipe Holistic.
    """
    from pose_format import Pose

    try:
        pose = Pose.read(path.read_bytes())
    except _DAMAGE as error:
        raise UnreadableFile(f"{path}: not a .pose file ({error or type(error).__name__}); copy it again") from None
    points, confidence = np.asarray(pose.body.data.data), np.asarray(pose.body.confidence)
    width, height, fps = pose.header.dimensions.width, pose.header.dimensions.height, float(pose.body.fps)
    if points.ndim != 4 or points.shape[1] < 1 or points.shape[3] < 3 or not width * height * fps > 0:
        raise UnreadableFile(
            f"{path}: found {points.shape} values (frames, people, points, axes), {width}×{height} at {fps} frames a "
            "second; expected a person or more, axes x, y and z, a size and a frame rate"
        )
    scale = np.array([width, height, 1.0])
    parts = {}
    for part, (_, values) in PARTS.items():
        where = _places(path, pose.header, part)
        joints, trust = points[:, 0, where, :3] / scale, confidence[:, 0, where, None]
        joints = np.where(trust > 0, joints, np.nan)
        parts[part] = without_absent(np.concatenate([joints, trust], axis=2)[..., :values], values)
    times = np.arange(len(points)) * 1000.0 / fps
    return Keypoints(times, **parts, width=width, height=height, fps=fps)


def _places(path: Path, header: Any, part: str) -> list[int]:
    """Return where the joints of a part stand among the points of all components."""
    places, start = {}, 0
    for component in header.components:
        places[component.name] = {name: start + place for place, name in enumerate(component.points)}
        start += len(component.points)
    found = places.get(COMPONENTS[part], {})
    missing = [name for name in PART_JOINTS[part] if name.upper() not in found]
    if missing:
        raise SignfoldError(
            f"{path}: no points {', '.join(missing[:3])} ({len(missing)} in all) in {COMPONENTS[part]}; found "
            f"{', '.join(f'{name} ({len(points)} points)' for name, points in places.items())}; expected MediaPipe "
            f"Holistic: {', '.join(COMPONENTS.values())}"
        )
    return [found[name.upper()] for name in PART_JOINTS[part]]


def pose_bytes(keypoints: Keypoints) -> bytes:
    """Return a clip as the content of a `.pose` file, version 0.2.

    x and y are in pixels in the file, z is as MediaPipe gives it. The file has a frame rate, not a time of each frame.

    Parameters
    ----------
    keypoints
        Keypoints of T frames, at least one, with size and frame rate. Parts that were not detected get confidence 0.

    Raises
    ------
    SignfoldError
        If there is no frame.
    """
    from pose_format import Pose
    from pose_format.numpy import NumPyPoseBody
    from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions

    if not len(keypoints):
        raise SignfoldError("a .pose file needs one frame at least; leave the clip out")
    components = [
        PoseHeaderComponent(COMPONENTS[part], [name.upper() for name in joints], _limbs(part), [COLOURS[part]], "XYZC")
        for part, joints in PART_JOINTS.items()
    ]
    size = keypoints.width, keypoints.height
    header = PoseHeader(0.2, PoseHeaderDimensions(*size), components)
    joints = np.concatenate([getattr(keypoints, part)[..., :3] for part in PARTS], axis=1) * [*size, 1.0]
    trust = np.concatenate([confidence(keypoints, part) for part in PARTS], axis=1)
    stream = io.BytesIO()
    # One person: the second of the axes (frames, people, points, values).
    values, confidences = (array[:, None].astype(np.float32) for array in (np.nan_to_num(joints), trust))
    Pose(header, NumPyPoseBody(keypoints.fps, values, confidences)).write(stream)
    return stream.getvalue()


def confidence(keypoints: Keypoints, part: str) -> Floats:
    """Return (T, joints) from 0 to 1: visibility of pose joints, 1 where unknown and in hands, 0 where missing."""
    values = getattr(keypoints, part)
    trust = np.ones(values.shape[:2], np.float32)
    if part == "pose":
        # A joint that was detected must not look like a missing one, however hidden it is.
        trust = np.maximum(np.nan_to_num(values[..., 3], nan=1.0), np.finfo(np.float32).tiny)
    return np.where(seen(values)[:, None] & ~np.isnan(values[..., 0]), trust, np.float32(0))


def _limbs(part: str) -> list[tuple[int, int]]:
    """Return the pairs of points that a drawing joins: fingers from the wrist outwards; trunk, arms, legs and mouth."""
    if part == "pose":
        pairs = (limb.split("-") for limb in _BODY.split())
        sides = {tuple(name.replace("*", side) for name in pair) for pair in pairs for side in ("left", "right")}
        return sorted((POSE.index(a), POSE.index(b)) for a, b in sides)
    return [(0 if joint % 4 == 1 else joint - 1, joint) for joint in range(1, len(HAND))]

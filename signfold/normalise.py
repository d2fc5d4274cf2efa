"""Where a joint is, as seen from the signer: origin and unit of a clip, and the channels made from them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from signfold.frames import Floats, Keypoints, seen
from signfold.joints import FINGERS, POSE, SIDES

CHANNELS = ("x", "y", "z", "x_wrist", "y_wrist", "x_palm", "y_palm")
KNUCKLES = tuple(f"{finger}_mcp" for finger in FINGERS[1:])
# Shoulders nearer than this share of the picture's width are a signer seen from the side, or nobody: no unit of length.
LEAST_WIDTH = 0.01


def reference(keypoints: Keypoints, aspect: float) -> tuple[Floats, float]:
    """Return origin and unit of a clip, in picture widths.

    The origin is the median of the point midway between the shoulders, the unit the median distance between them, over
    the frames with a pose: one of each per clip, so that leaning and turning stay visible. Where shoulders were never
    seen (hands filmed from near), or coincide, origin and unit are the middle and the longer side of the box around all
    that was seen of the hands, or of the pose where there are no hands either.

    Parameters
    ----------
    keypoints
        As detected, not repaired; something must have been.
    aspect
        Height over width of the picture.
    """
    square = np.array([1.0, aspect])
    pose = keypoints.pose[seen(keypoints.pose)][..., :2] * square
    if len(pose):
        left, right = pose[:, POSE.index("left_shoulder")], pose[:, POSE.index("right_shoulder")]
        width = float(np.median(np.linalg.norm(left - right, axis=1)))
        if width >= LEAST_WIDTH:
            return np.median((left + right) / 2, axis=0), width
    hands = [hand[seen(hand)][..., :2] * square for hand in (keypoints.left_hand, keypoints.right_hand)]
    points = np.concatenate([hand.reshape(-1, 2) for hand in hands])
    points = points if len(points) else pose.reshape(-1, 2)
    low, high = points.min(axis=0), points.max(axis=0)
    return (low + high) / 2, max(float((high - low).max()), LEAST_WIDTH)


def normalise(points: Floats, origin: Floats, unit: float, aspect: float) -> Floats:
    """Return image coordinates measured from `origin` in `unit`s, in which a square in the picture is a square.

    Parameters
    ----------
    points
        (T, V, 3) x, y, z. MediaPipe's z has the scale of x, and its origin at the hips or at the hand's wrist, so it is
        only scaled.
    origin, unit, aspect
        As in `reference`.
    """
    return (points * np.array([1.0, aspect, 1.0]) - np.append(origin, 0.0)) / unit


def channels_of(points: Floats, joints: Sequence[str], channels: Sequence[str]) -> Floats:
    """Return (C, T, V): the `channels`, of `CHANNELS`, of (T, V, 3) `points` of the named `joints`.

    `x_wrist` and `y_wrist` are measured from the wrist of the joint's own hand, `x_palm` and `y_palm` also in lengths
    of that hand's palm in the clip (`palm`), whatever its distance from the camera and the signer's build. A joint of
    no hand is measured from itself: 0 where it is there, missing where it is missing, so that a joint is missing in all
    channels or in none.
    """
    anchors = [joints.index(re.sub("_hand_.*", "_hand_wrist", joint)) for joint in joints]
    anchored = points - points[:, anchors]
    values = {"x": points[..., 0], "y": points[..., 1], "z": points[..., 2]}
    values |= {"x_wrist": anchored[..., 0], "y_wrist": anchored[..., 1]}
    if not set(values).issuperset(channels):
        units = np.ones(len(joints))
        for side in SIDES:
            hand = [joint.startswith(f"{side}_hand_") for joint in joints]
            units[hand] = palm(anchored[:, [joints.index(f"{side}_hand_{knuckle}") for knuckle in KNUCKLES]])
        values |= {"x_palm": anchored[..., 0] / units, "y_palm": anchored[..., 1] / units}
    return np.stack([values[channel] for channel in channels])


def palm(knuckles: Floats) -> float:
    """Return the length of a hand's palm: the mean distance of its knuckles from its wrist, median over a clip.

    In space: a hand that points at the camera is as long as one that shows its palm, as well as MediaPipe can tell.

    Parameters
    ----------
    knuckles
        (T, 4, 3) x, y, z of the four fingers' first joints, measured from the wrist; NaN where missing.

    Returns
    -------
    float
        1 for a hand that is never there.
    """
    lengths = np.linalg.norm(knuckles, axis=2).mean(axis=1)
    lengths = lengths[~np.isnan(lengths)]
    return max(float(np.median(lengths)), 1e-3) if len(lengths) else 1.0

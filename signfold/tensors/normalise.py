"""Where a joint is, as seen from the signer: origin and unit of a clip, and the channels made from them."""

from __future__ import annotations

import numpy as np

from signfold.core.clip import Floats, Keypoints, seen
from signfold.core.skeleton import FINGERS, HAND, POSE

# Shoulders nearer than this share of the picture's width are a signer seen from the side, or nobody: no unit of length.
LEAST_WIDTH = 0.01
# Of a palm that is nothing but a point.
LEAST_PALM = 1e-4


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


def palm(hand: Floats, aspect: float) -> float:
    """Return the length of a hand's palm, in picture widths: the median distance of its knuckles from its wrist.

    In space: a hand that points at the camera is as long as one that shows its palm, as well as MediaPipe can tell.

    Parameters
    ----------
    hand
        (T, 21, 3) as detected, not repaired.
    aspect
        Height over width of the picture.

    Returns
    -------
    float
        1 for a hand that is never there.
    """
    knuckles = hand[:, [HAND.index(f"{finger}_mcp") for finger in FINGERS[1:]]] - hand[:, :1]
    lengths = np.linalg.norm(knuckles * np.array([1.0, aspect, 1.0]), axis=2)
    lengths = lengths[~np.isnan(lengths)]
    return max(float(np.median(lengths)), LEAST_PALM) if len(lengths) else 1.0

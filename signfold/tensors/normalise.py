"""Normalisation: the origin and unit of a clip, and its joints measured from that origin in that unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from signfold.core.clip import Floats, Keypoints, seen
from signfold.core.skeleton import FINGERS, HAND, SIDES

# Least shoulder width in picture widths: nearer shoulders belong to a signer seen from the side, or are no detection.
LEAST_WIDTH = 0.01
# Least length of a palm in picture widths, for hands whose joints coincide.
LEAST_PALM = 1e-4


@dataclass(frozen=True, eq=False)
class ReferenceFrame:
    """Origin and unit of a clip.

    Parameters
    ----------
    origin
        (2,) x and y in picture widths.
    unit
        Length of the unit in picture widths.
    aspect
        Height over width of the picture.
    """

    origin: Floats
    unit: float
    aspect: float


def reference(keypoints: Keypoints) -> ReferenceFrame:
    """Return origin and unit of a clip, medians over its frames, so that leaning and turning stay visible.

    The origin is the point midway between the shoulders, the unit the distance between them. Where no shoulders were
    detected (hands filmed from near), or they coincide, origin and unit are the middle and the longer side of the box
    around all detections of the hands, or of the pose where there are no hands either.

    Parameters
    ----------
    keypoints
        Keypoints as detected, before imputation, with a detection in at least one frame.
    """
    width = keypoints.shoulder_width()
    if width >= LEAST_WIDTH:
        left, right = keypoints.shoulders()
        return ReferenceFrame(np.nanmedian((left + right) / 2, axis=0), width, keypoints.aspect)
    hands = [keypoints.positions(f"{side}_hand")[seen(keypoints.hand(side))].reshape(-1, 2) for side in SIDES]
    points = np.concatenate(hands)
    if not len(points):
        points = keypoints.positions("pose")[seen(keypoints.pose)].reshape(-1, 2)
    low, high = points.min(axis=0), points.max(axis=0)
    return ReferenceFrame((low + high) / 2, max(float((high - low).max()), LEAST_WIDTH), keypoints.aspect)


def normalise(points: Floats, frame: ReferenceFrame) -> Floats:
    """Return (T, V, 3) points measured from the frame's origin in its unit; x and y have one scale.

    Parameters
    ----------
    points
        (T, V, 3) x, y, z in image coordinates. MediaPipe's z has the scale of x and its origin at the hips or at the
        hand's wrist, so it is scaled only.
    frame
        Origin and unit of the clip.
    """
    return (points * np.array([1.0, frame.aspect, 1.0]) - np.append(frame.origin, 0.0)) / frame.unit


def palm_length(keypoints: Keypoints, side: str) -> float:
    """Return the length of a hand's palm in picture widths: the median distance of its knuckles from its wrist.

    It is measured in three dimensions: a hand that points at the camera is as long as one that shows its palm, within
    the accuracy of MediaPipe's z.

    Parameters
    ----------
    keypoints
        Keypoints as detected, before imputation.
    side
        `left` or `right`.

    Returns
    -------
    float
        Length of the palm; 1 for a hand that was never detected.
    """
    hand = keypoints.hand(side)
    knuckles = hand[:, [HAND.index(f"{finger}_mcp") for finger in FINGERS[1:]]] - hand[:, :1]
    lengths = np.linalg.norm(knuckles * np.array([1.0, keypoints.aspect, 1.0]), axis=2)
    lengths = lengths[~np.isnan(lengths)]
    return max(float(np.median(lengths)), LEAST_PALM) if len(lengths) else 1.0

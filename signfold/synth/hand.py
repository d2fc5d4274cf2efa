"""A model of the hand: from its shape and turn to its 21 joints in space.

The hand's own axes: x towards the thumb, y along the fingers, z out of the palm; the unit is the distance from the
wrist to the middle finger's knuckle. Lengths follow the proportions of an adult hand.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]

THUMB_BASE = (0.27, 0.20, 0.10)
THUMB_BONES = (0.44, 0.34, 0.29)
KNUCKLES = ((0.29, 0.97, 0.0), (0.05, 1.0, 0.0), (-0.18, 0.94, 0.0), (-0.39, 0.83, 0.0))
FINGER_BONES = ((0.50, 0.29, 0.24), (0.55, 0.33, 0.25), (0.51, 0.31, 0.25), (0.40, 0.23, 0.22))
_FULL_CURL = np.radians((88, 104, 62))
_FULL_SPREAD = np.radians((17, 3, -12, -26))
# Fingers lean a little even when held together.
_LEAN = np.radians((2.5, 0, -2, -5))


def hand_points(shape: Points) -> tuple[Points, Points]:
    """Return joints and palmar directions of hands in their own axes.

    Parameters
    ----------
    shape
        (T, 11): curl of four fingers, spread, and three pairs of thumb angles in degrees, as in `signs.SHAPES`.

    Returns
    -------
    joints
        (T, 21, 3) in MediaPipe's order.
    palmar
        (T, 21, 3): for the bone that ends in each joint, the unit direction to which its palm side looks.
    """
    steps = len(shape)
    joints = np.zeros((steps, 21, 3))
    palmar = np.zeros((steps, 21, 3))
    palmar[..., 2] = 1
    _thumb(shape[:, 5:], joints, palmar)
    for finger in range(4):
        angle = np.cumsum(shape[:, finger, None] * _FULL_CURL, axis=1)
        side = _LEAN[finger] + shape[:, 4] * _FULL_SPREAD[finger] * np.cos(np.minimum(angle[:, 0], np.pi / 2))
        first = 5 + 4 * finger
        joints[:, first] = KNUCKLES[finger]
        for bone, length in enumerate(FINGER_BONES[finger]):
            forward, turned = np.cos(angle[:, bone]), np.sin(angle[:, bone])
            direction = np.stack([np.sin(side) * forward, np.cos(side) * forward, turned], axis=1)
            joints[:, first + bone + 1] = joints[:, first + bone] + length * direction
            palmar[:, first + bone + 1] = np.stack([-np.sin(side) * turned, -np.cos(side) * turned, forward], axis=1)
    return joints, palmar


def _thumb(angles: Points, joints: Points, palmar: Points) -> None:
    """Fill in joints 1 to 4 from (T, 6) angles in degrees: sideways and forward for each bone."""
    sideways, front = np.radians(angles[:, 0::2]), np.radians(angles[:, 1::2])
    joints[:, 1] = THUMB_BASE
    for bone, length in enumerate(THUMB_BONES):
        s, f = sideways[:, bone], front[:, bone]
        direction = np.stack([np.sin(s) * np.cos(f), np.cos(s) * np.cos(f), np.sin(f)], axis=1)
        joints[:, bone + 2] = joints[:, bone + 1] + length * direction
        # The thumb's pad looks across the palm, towards the fingers.
        across = np.stack([-np.cos(s), np.sin(s), np.zeros_like(s)], axis=1) * 0.6 + np.array([0, 0, 0.8])
        across -= direction * np.sum(across * direction, axis=1, keepdims=True)
        palmar[:, bone + 2] = across / np.linalg.norm(across, axis=1, keepdims=True)


def rotation(tilt: Points, yaw: Points, pitch: Points) -> Points:
    """Return (T, 3, 3) matrices from a right hand's axes to the body's (x to the right of the picture, y up, z front).

    Parameters
    ----------
    tilt, yaw, pitch
        (T,) in degrees, as in `signs.Key`.
    """
    # Clockwise in the picture, which is towards the midline for a right hand.
    about_z = _about(2, -np.radians(tilt))
    return about_z @ _about(0, np.radians(pitch)) @ _about(1, np.radians(yaw))


def _about(axis: int, angle: Points) -> Points:
    """Return (T, 3, 3) rotations about a coordinate axis."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.zeros((len(angle), 3, 3))
    matrix[:, axis, axis] = 1
    matrix[:, i, i] = matrix[:, j, j] = np.cos(angle)
    matrix[:, j, i] = np.sin(angle)
    matrix[:, i, j] = -np.sin(angle)
    return matrix

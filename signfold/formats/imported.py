"""Imported keypoints of any format: missing values, digest, and checks of coordinates and order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from signfold.core.clip import PARTS, Floats, Keypoints, seen
from signfold.core.errors import SignfoldError
from signfold.core.skeleton import HAND, POSE, SIDES

# Coordinates are shares of the picture; hands and feet reach beyond its edges, but not this far.
FARTHEST = 10.0
# MediaPipe finds a hand where the pose has its wrist: on real clips they lie 0.1 shoulder widths apart, 0.7 at most.
WRIST_LIMIT = 1.0


def without_absent(part: Floats, values: int) -> Floats:
    """Return a part as float32 (T, joints, values), NaN where it was not detected.

    Joints with zero in all of x, y, z, and joints that are not finite, count as missing: no detection lies exactly at
    zero. A part whose first joint (nose, wrist) is missing is missing as a whole.

    Parameters
    ----------
    part
        (T, joints, 3 or more) x, y, z, ...
    values
        Values of a joint in the result. Those that the source lacks, such as visibility, are NaN.
    """
    part = part.astype(np.float32)
    points = part[..., :3]
    absent = ~np.isfinite(points).all(axis=-1) | (points == 0).all(axis=-1)
    absent |= absent[:, :1]
    whole = np.full((*part.shape[:2], values), np.nan, np.float32)
    whole[..., : part.shape[-1]] = part
    whole[absent] = np.nan
    return whole


def keypoints_digest(keypoints: Keypoints) -> str:
    """Return the SHA-256 of a clip's pose and hands: equal for exact copies in files of any format."""
    state = hashlib.sha256()
    for part in PARTS:
        values = np.array(getattr(keypoints, part), np.float32)
        # One NaN and one zero: both have several bit patterns.
        values[np.isnan(values)] = np.nan
        state.update(f"{part}{values.shape}".encode() + (values + np.float32(0)).astype("<f4").tobytes())
    return state.hexdigest()


def check_coordinates(where: str, keypoints: Keypoints) -> None:
    """Check that coordinates are shares of the picture.

    Parameters
    ----------
    where
        Source of the clip, named in the error.
    keypoints
        Keypoints of the clip.

    Raises
    ------
    SignfoldError
        If they look like pixels.
    """
    for part in PARTS:
        places = np.abs(getattr(keypoints, part)[..., :2])
        typical = np.nanmedian(places) if (places == places).any() else 0.0
        if typical > FARTHEST:
            raise SignfoldError(
                f"{where}: x and y of the {part} are about {typical:.0f}; expected shares of the picture, 0 to 1, as "
                "MediaPipe gives them. Divide x by the width and y by the height"
            )


def wrist_distance(keypoints: Keypoints) -> Floats:
    """Return the distances of the hands' wrists from the pose's wrists, in shoulder widths: (frames with a hand,)."""
    pose, shoulders = keypoints.positions("pose"), keypoints.shoulder_widths()
    found = []
    for side in SIDES:
        hand = keypoints.positions(f"{side}_hand")
        distance = np.linalg.norm(hand[:, HAND.index("wrist")] - pose[:, POSE.index(f"{side}_wrist")], axis=-1)
        known = seen(hand) & (shoulders > 0)
        found.append(distance[known] / shoulders[known])
    return np.concatenate(found)


def check_order(where: str, distances: Sequence[Floats]) -> None:
    """Check that hands lie at the wrists of the pose; elsewhere, the values of a frame are in another order.

    Parameters
    ----------
    where
        Source of the clips, named in the error.
    distances
        `wrist_distance` of each clip.

    Raises
    ------
    SignfoldError
        If the median clip's hands lie elsewhere.
    """
    clips = [float(np.median(values)) for values in distances if len(values)]
    if clips and not np.median(clips) <= WRIST_LIMIT:
        raise SignfoldError(
            f"{where}: hands lie {np.median(clips):.1f} shoulder widths from the pose's wrists in the typical clip, "
            f"expected about 0.1: the values of a frame seem to be in another order. For 1629 values try the other "
            "`order`, kaggle or holistic; else bring them into an order that docs/keypoints.md lists"
        )

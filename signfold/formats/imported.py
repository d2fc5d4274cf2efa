"""A clip as it was read from a file of any format, and what can be checked of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from signfold.core.clip import PARTS, Floats, Keypoints, seen
from signfold.core.errors import SignfoldError
from signfold.core.skeleton import POSE, SIDES

# Coordinates are shares of the picture; hands and feet reach beyond its edges, but not this far.
FARTHEST = 10.0
# MediaPipe finds a hand where the pose has its wrist: on real clips they lie 0.1 shoulder widths apart, 0.7 at most.
WRIST_LIMIT = 1.0


@dataclass(frozen=True, eq=False)
class Clip:
    """What a file says of one clip.

    Parameters
    ----------
    keypoints
        Of T frames.
    width, height
        Of the picture, in pixels, or two numbers of that ratio.
    fps
        Frames per second.
    bytes
        How large it is in its file.
    """

    keypoints: Keypoints
    width: int
    height: int
    fps: float
    bytes: int


def without_absent(part: Floats, values: int) -> Floats:
    """Return a part (T, joints, 3 or more) as float32 with `values` values a joint, NaN where it was not detected.

    Zero in all of x, y, z and what is not finite counts as missing: no detection is exactly there. A part of which the
    first joint (nose, wrist) is missing is missing; values that the source does not have, such as visibility, are NaN.
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
    """Return the SHA-256 of a clip's pose and hands, so that exact copies are found in whichever files they lie."""
    state = hashlib.sha256()
    for part in PARTS:
        values = np.array(getattr(keypoints, part), np.float32)
        # One NaN and one zero: both have several bit patterns.
        values[np.isnan(values)] = np.nan
        state.update(f"{part}{values.shape}".encode() + (values + np.float32(0)).astype("<f4").tobytes())
    return state.hexdigest()


def check_coordinates(where: str, keypoints: Keypoints) -> None:
    """Check that coordinates are shares of the picture.

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
    """Return how far each detected hand's wrist lies from the pose's wrist, in shoulder widths, for all its frames."""
    pose = keypoints.pose[..., :2]
    shoulders = np.linalg.norm(pose[:, POSE.index("left_shoulder")] - pose[:, POSE.index("right_shoulder")], axis=-1)
    found = []
    for side in SIDES:
        hand = getattr(keypoints, f"{side}_hand")
        apart = np.linalg.norm(hand[:, 0, :2] - pose[:, POSE.index(f"{side}_wrist")], axis=-1)
        shown = seen(hand) & (shoulders > 0)
        found.append(apart[shown] / shoulders[shown])
    return np.concatenate(found)


def check_order(where: str, distances: Sequence[Floats]) -> None:
    """Check that hands lie at the wrists of the pose: else the values of a frame are in another order than taken for.

    Parameters
    ----------
    where
        What they come from.
    distances
        What `wrist_distance` says of each clip.

    Raises
    ------
    SignfoldError
        If the typical clip's hands are elsewhere.
    """
    clips = [float(np.median(values)) for values in distances if len(values)]
    if clips and not np.median(clips) <= WRIST_LIMIT:
        raise SignfoldError(
            f"{where}: hands lie {np.median(clips):.1f} shoulder widths from the pose's wrists in the typical clip, "
            f"expected about 0.1: the values of a frame seem to be in another order. For 1629 values try the other "
            "`order`, kaggle or holistic; else bring them into an order that docs/keypoints.md lists"
        )

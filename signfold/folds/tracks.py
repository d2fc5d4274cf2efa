"""Tracks: the joints of a clip on a common clock, in shoulder widths, as the near-duplicate search compares them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from signfold.core.clip import Keypoints, read_clips
from signfold.core.skeleton import JOINTS, layout
from signfold.tensors.normalise import normalise, reference
from signfold.tensors.resample import interpolate

STEP_MS = 50.0
LAYOUT = layout("hands_body_27")
BODY = [
    LAYOUT.joints.index(joint)
    for joint in "nose left_shoulder right_shoulder left_elbow right_elbow left_wrist right_wrist".split()
]
# Steps of the moving average whose removal leaves the details of a motion: 0.45 s.
DETAIL = 9
ASSUMED_FPS = 25.0

Floats = NDArray[np.float32]


def joint_track(keypoints: Keypoints) -> Floats:
    """Return a clip's track: the V joints of `hands_body_27` every 50 ms, shape (T, V, 2), in shoulder widths.

    The origin is the point between the shoulders. Between two frames a joint moves linearly; where one of them lacks
    it, it is NaN.

    Parameters
    ----------
    keypoints
        Keypoints as detected. The frame rate counts where timestamps do not increase.
    """
    times = keypoints.timestamps_ms - keypoints.timestamps_ms[0]
    if not (np.diff(times) > 0).all():
        times = np.arange(len(times)) * 1000 / (keypoints.fps or ASSUMED_FPS)
    points = np.concatenate([keypoints.pose[..., :3], keypoints.left_hand, keypoints.right_hand], axis=1)
    points = points[:, [JOINTS.index(joint) for joint in LAYOUT.joints]]
    own = normalise(points, reference(keypoints))[..., :2]
    return interpolate(own.astype(np.float32), times / STEP_MS, np.arange(0, times[-1] / STEP_MS + 1e-6))


def read_tracks(keypoints: Sequence[Path], wanted: set[str]) -> Iterator[tuple[str, Floats]]:
    """Yield sample_id and track of the wanted clips of shards; one shard is in memory at a time.

    Parameters
    ----------
    keypoints
        Every shard's `keypoints/{shard}.parquet`, each with its `.videos.parquet` beside it.
    wanted
        sample_id of the wanted clips.
    """
    for path in keypoints:
        for sample_id, clip in read_clips(path):
            if sample_id in wanted:
                yield sample_id, joint_track(clip)


def mirrored(track: Floats) -> Floats:
    """Return the track of the mirrored video: left and right joints swapped, x negated."""
    return track[:, LAYOUT.mirror] * np.array([-1, 1], np.float32)


def motion_size(track: Floats) -> float:
    """Return the root mean square distance of a track's joints from their mean positions, in shoulder widths."""
    seen = track[:, ~np.isnan(track).all(axis=(0, 2))]
    return float(np.sqrt(np.nanmean(((seen - np.nanmean(seen, axis=0)) ** 2).sum(axis=2)))) if seen.size else 0.0


def fast_motion(positions: Floats, known: NDArray[np.bool_]) -> Floats:
    """Return positions (T, ...) less their moving averages over 0.45 s of what is known; 0 where not known."""
    share = uniform_filter1d(known.astype(np.float32), DETAIL, axis=0, mode="nearest")
    average = uniform_filter1d(np.where(known, positions, 0), DETAIL, axis=0, mode="nearest") / np.maximum(share, 1e-6)
    return np.where(known, positions - average, 0)

"""Bringing clips of any length to T frames."""

from __future__ import annotations

import numpy as np

from signfold.core.clip import Floats


def clock(timestamps_ms: Floats) -> Floats:
    """Return (T,) times to interpolate over: the timestamps, or frame numbers if the container's do not increase."""
    return timestamps_ms if (np.diff(timestamps_ms) > 0).all() else np.arange(len(timestamps_ms), dtype=np.float64)


def uniform(values: Floats, times: Floats, frames: int) -> Floats:
    """Return `values` at moments evenly spread over the clip, its ends included.

    Between two frames it is linear; between a frame and a missing one the nearer of them counts, so that nothing is
    invented and what is missing does not spread.

    Parameters
    ----------
    values
        (C, T, V), NaN where missing. A single frame is repeated.
    times
        (T,) strictly increasing.
    frames
        How many moments.

    Returns
    -------
    ndarray
        (C, frames, V).
    """
    wanted = np.linspace(times[0], times[-1], frames)
    after = np.searchsorted(times, wanted)
    before = np.maximum(after - 1, 0)
    span = times[after] - times[before]
    weight = np.divide(wanted - times[before], span, out=np.zeros(frames), where=span > 0)[:, None]
    first, second = values[:, before], values[:, after]
    between = first + weight * (second - first)
    return np.where(np.isnan(between), np.where(weight < 0.5, first, second), between)


def pad(values: Floats, frames: int) -> Floats:
    """Return the first `frames` frames of (C, T, V) `values`; what is after the clip's end is missing."""
    padded = np.full((values.shape[0], frames, values.shape[2]), np.nan)
    kept = values[:, :frames]
    padded[:, : kept.shape[1]] = kept
    return padded

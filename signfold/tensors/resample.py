"""Bringing clips of any length to T frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from signfold.core.clip import Floats


def clock(timestamps_ms: Floats) -> Floats:
    """Return (T,) times to interpolate over: the timestamps, or frame numbers if the container's do not increase."""
    return timestamps_ms if (np.diff(timestamps_ms) > 0).all() else np.arange(len(timestamps_ms), dtype=np.float64)


def neighbours(times: Floats, wanted: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Return for N wanted times the frames before and after each, and the weight of the one after: three (N,) arrays.

    Parameters
    ----------
    times
        (T,) strictly increasing.
    wanted
        (N,) times between the first and the last of `times`.
    """
    after = np.clip(np.searchsorted(times, wanted), min(1, len(times) - 1), len(times) - 1)
    before = np.maximum(after - 1, 0)
    span = times[after] - times[before]
    return before, after, np.divide(wanted - times[before], span, out=np.zeros(len(wanted)), where=span > 0)


def interpolate(values: NDArray[Any], times: NDArray[Any], wanted: NDArray[Any]) -> NDArray[Any]:
    """Return `values` (T, ...) at the wanted times (N,), linear between frames; NaN where one of the two is missing.

    Parameters
    ----------
    values
        (T, ...) values of the frames, NaN where missing.
    times, wanted
        As in `neighbours`.
    """
    before, after, weight = neighbours(times, wanted)
    weight = weight.astype(values.dtype).reshape(-1, *[1] * (values.ndim - 1))
    return values[before] * (1 - weight) + values[after] * weight


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
    before, after, weight = neighbours(times, np.linspace(times[0], times[-1], frames))
    weight = weight[:, None]
    first, second = values[:, before], values[:, after]
    between = first + weight * (second - first)
    return np.where(np.isnan(between), np.where(weight < 0.5, first, second), between)


def pad(values: Floats, frames: int) -> Floats:
    """Return the first `frames` frames of (C, T, V) `values`; what is after the clip's end is missing."""
    padded = np.full((values.shape[0], frames, values.shape[2]), np.nan)
    kept = values[:, :frames]
    padded[:, : kept.shape[1]] = kept
    return padded

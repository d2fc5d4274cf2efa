"""Resampling in time: linear interpolation, and clips of any length brought to T frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from signfold.core.clip import Floats


def clock(timestamps_ms: Floats) -> Floats:
    """Return (T,) times to interpolate over: the timestamps, or frame numbers where timestamps do not increase."""
    return timestamps_ms if (np.diff(timestamps_ms) > 0).all() else np.arange(len(timestamps_ms), dtype=np.float64)


def neighbours(times: NDArray[Any], wanted: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Return for N wanted times the frames before and after each, and the weight of the one after: three (N,) arrays.

    Parameters
    ----------
    times
        (T,) strictly increasing.
    wanted
        (N,) times between the first and the last of `times`, or beyond them by rounding.
    """
    after = np.clip(np.searchsorted(times, wanted), min(1, len(times) - 1), len(times) - 1)
    before = np.maximum(after - 1, 0)
    span = times[after] - times[before]
    return before, after, np.divide(wanted - times[before], span, out=np.zeros(len(wanted)), where=span > 0)


def interpolate(values: NDArray[Any], times: NDArray[Any], wanted: NDArray[Any]) -> NDArray[Any]:
    """Return values (N, ...) at the wanted times, linear between frames; NaN where one of the two is missing.

    Parameters
    ----------
    values
        (T, ...) values of the frames, NaN where missing; their type is kept.
    times, wanted
        (T,) and (N,) times, as in `neighbours`.
    """
    before, after, weight = neighbours(times, wanted)
    weight = weight.astype(values.dtype).reshape(-1, *[1] * (values.ndim - 1))
    return values[before] + weight * (values[after] - values[before])


def blend(first: NDArray[Any], second: NDArray[Any], weight: NDArray[Any]) -> NDArray[Any]:
    """Return values between two frames: linear where both are there, else the nearer of them.

    A missing frame neither spreads beyond half a frame nor is filled with what was not detected.

    Parameters
    ----------
    first, second
        Values before and after, NaN where missing.
    weight
        Weight of the second, 0 to 1; broadcast to their shape.
    """
    between = first + weight * (second - first)
    return np.where(np.isnan(between), np.where(weight < 0.5, first, second), between)


def uniform(values: Floats, times: Floats, frames: int) -> Floats:
    """Return (C, frames, V) values at times evenly spread over the clip, its ends included (see `blend`).

    Parameters
    ----------
    values
        (C, T, V), NaN where missing. A single frame is repeated.
    times
        (T,) strictly increasing.
    frames
        Number of frames of the result.
    """
    before, after, weight = neighbours(times, np.linspace(times[0], times[-1], frames))
    return blend(values[:, before], values[:, after], weight[:, None])


def pad(values: Floats, frames: int) -> Floats:
    """Return the first `frames` frames of (C, T, V) values; frames after the clip's end are missing."""
    padded = np.full((values.shape[0], frames, values.shape[2]), np.nan)
    kept = values[:, :frames]
    padded[:, : kept.shape[1]] = kept
    return padded

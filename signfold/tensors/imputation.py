"""Filling the frames in which a part of the body was not detected.

A part (the pose, or one hand) is detected as a whole or not at all, so it is repaired as a whole. What was detected is
never touched, and a part that was never detected stays missing: there is nothing to repair it from.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from signfold.core.clip import Floats, seen
from signfold.core.settings import EdgeFill, Imputation


def impute(part: Floats, times: Floats, method: Imputation = "linear", ends: EdgeFill = "hold") -> Floats:
    """Fill the missing frames of a part from its detections.

    `linear` weights the nearest earlier detection a and the nearest later one b by time,
    ``f(t) = ((b - t) f(a) + (t - a) f(b)) / (b - a)``: with frames evenly spaced, the equation that the seed project
    calls bilinear interpolation. `pchip` is the monotone cubic of Fritsch and Carlson (1980) through all detections;
    `hold` repeats the last detection; `none` fills nothing.

    Parameters
    ----------
    part
        (T, joints, values); NaN throughout a frame in which the part was not detected.
    times
        (T,) time of each frame, strictly increasing, in any unit.
    method
        How frames between two detections are filled.
    ends
        What stands before the first detection and after the last: `hold` repeats the nearest detection; `average` puts
        the mean of all detections in the clip's first and last frame and fills from there as between detections.

    Returns
    -------
    ndarray
        (T, joints, values): a new array, without NaN unless the part was never detected or `method` is `none`.
    """
    filled = part.copy()
    known = seen(part)
    if method == "none" or known.all() or not known.any():
        return filled
    if ends == "average":
        outer = [frame for frame in (0, len(part) - 1) if not known[frame]]
        filled[outer] = part[known].mean(axis=0, dtype=np.float64)
        known[outer] = True
    missing = np.flatnonzero(~known)
    filled[missing] = _between(filled[known], times[known], times[missing], method)
    return filled


def _between(values: Floats, at: Floats, wanted: Floats, method: Imputation) -> Floats:
    """Return the (n, ...) values at the times `wanted`, none of which is in `at`; beyond the ends the nearest hold."""
    if method == "pchip" and len(at) > 1:
        return monotone_cubic(at, values.astype(np.float64), np.clip(wanted, at[0], at[-1]))
    after = np.searchsorted(at, wanted)
    before, after = np.maximum(after - 1, 0), np.minimum(after, len(at) - 1)
    if method == "hold":
        return values[before]
    span = at[after] - at[before]
    weight = np.divide(wanted - at[before], span, out=np.zeros(len(wanted)), where=span > 0)
    weight = weight[:, None, None]
    return (1 - weight) * values[before] + weight * values[after]


def monotone_cubic(at: Floats, values: Floats, wanted: Floats) -> Floats:
    """Return the values of the monotone cubic through (at, values) at the times `wanted`.

    Fritsch and Carlson (1980) with the slopes of Fritsch and Butland (1984): scipy's PchipInterpolator, but for
    importing `scipy.interpolate`, which takes as long as the tensors of a hundred clips.

    Parameters
    ----------
    at
        (n,) at least two times, strictly increasing.
    values
        (n, joints, values) float64.
    wanted
        (m,) times within those of `at`.

    Returns
    -------
    ndarray
        (m, joints, values).
    """
    step = np.diff(at)[:, None, None]
    rise = np.diff(values, axis=0) / step
    slope = _slopes(step, rise)
    left = np.clip(np.searchsorted(at, wanted) - 1, 0, len(at) - 2)
    width, chord = step[left], rise[left]
    past = (wanted - at[left])[:, None, None]
    square = (3 * chord - 2 * slope[left] - slope[left + 1]) / width
    cube = (slope[left] + slope[left + 1] - 2 * chord) / width**2
    return values[left] + past * (slope[left] + past * (square + past * cube))


def _slopes(step: Floats, rise: Floats) -> Floats:
    """Return the slope at each of n points from the n - 1 steps between them, and how values rise over each."""
    if len(step) == 1:
        return np.concatenate([rise, rise])
    weight_before, weight_after = step[:-1] + 2 * step[1:], 2 * step[:-1] + step[1:]
    same = rise[:-1] * rise[1:] > 0
    before, after = (np.where(same, side, 1.0) for side in (rise[:-1], rise[1:]))
    mean = (weight_before + weight_after) / (weight_before / before + weight_after / after)
    within = np.where(same, mean, 0.0)
    ends = [_end_slope(step[:2], rise[:2]), _end_slope(step[:-3:-1], rise[:-3:-1])]
    return np.concatenate([ends[:1], within, ends[1:]])


def _end_slope(step: Floats, rise: Floats) -> Floats:
    """Return the slope at an end from the two steps next to it, the nearer first: a parabola's, within bounds."""
    slope = ((2 * step[0] + step[1]) * rise[0] - step[0] * rise[1]) / (step[0] + step[1])
    slope = np.where(slope * rise[0] > 0, slope, 0.0)
    turns = (rise[0] * rise[1] <= 0) & (abs(slope) > 3 * abs(rise[0]))
    return np.where(turns, 3 * rise[0], slope)


def longest_gap(known: npt.NDArray[np.bool_]) -> int:
    """Return the greatest number of missing frames between two neighbouring detections; 0 if there is no such gap.

    Parameters
    ----------
    known
        (T,) whether the part was detected.
    """
    frames: npt.NDArray[Any] = np.flatnonzero(known)
    return int(np.diff(frames).max(initial=1)) - 1

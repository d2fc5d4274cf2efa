"""Imputation: filling the frames in which a part of the body was not detected.

A part (the pose, or one hand) is detected as a whole or not at all, so it is filled as a whole. Detections are never
changed, and a part that was never detected stays missing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from signfold.core.clip import Floats, seen
from signfold.core.settings import EdgeFill, Imputation
from signfold.tensors.resample import interpolate


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
        Filling of frames between two detections.
    ends
        Filling before the first detection and after the last: `hold` repeats the nearest detection; `average` puts the
        mean of all detections in the clip's first and last frame and fills from there as between detections.

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
    if method == "hold":
        return values[np.maximum(np.searchsorted(at, wanted) - 1, 0)]
    values, within = values.astype(np.float64), np.clip(wanted, at[0], at[-1])
    if method == "linear" or len(at) == 1:
        return interpolate(values, at, within)
    # Here, because the import takes longer than the tensors of a hundred clips, and only this method needs it.
    from scipy.interpolate import PchipInterpolator

    return PchipInterpolator(at, values, axis=0)(within)


def longest_gap(known: npt.NDArray[np.bool_]) -> int:
    """Return the greatest number of missing frames between two neighbouring detections; 0 if there is no such gap.

    Parameters
    ----------
    known
        (T,) whether the part was detected.
    """
    frames: npt.NDArray[Any] = np.flatnonzero(known)
    return int(np.diff(frames).max(initial=1)) - 1

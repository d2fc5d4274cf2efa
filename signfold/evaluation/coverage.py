"""Coverage: how many clips are answered, and how many of these rightly, if a clip is unknown below a threshold.

Thresholds act on the calibrated probability of the best class: selective classification with the softmax response
(Geifman and El-Yaniv 2017, "Selective Classification for Deep Neural Networks").
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# The default threshold answers this share of the clips that are rightly recognised.
KEPT = 0.95
# Thresholds of the table: 0, 0.01, ..., 1.
STEPS = 100


def default_threshold(confidence: NDArray[np.floating], right: NDArray[np.bool_]) -> float:
    """Return the highest threshold, with four digits, that answers `KEPT` of the rightly recognised clips.

    Parameters
    ----------
    confidence
        (N,) probability of the predicted class.
    right
        (N,) whether the predicted class is the true one.

    Returns
    -------
    float
        The threshold; 0 where no clip is right.
    """
    of_right = np.sort(confidence[right])
    if not len(of_right):
        return 0.0
    # Of 20 clips one may be lost; the tolerance is for 0.05 · 20, which is no whole number in floating point.
    lost = math.floor((1 - KEPT) * len(of_right) + 1e-9)
    return math.floor(float(of_right[lost]) * 1e4) / 1e4


def coverage_table(confidence: NDArray[np.floating], right: NDArray[np.bool_]) -> pd.DataFrame:
    """Return per threshold: clips `answered`, `coverage` (their share), `right` of them, `accuracy` (NaN for no clip).

    Parameters
    ----------
    confidence
        (N,) probability of the predicted class, N at least 1.
    right
        (N,) whether the predicted class is the true one.
    """
    thresholds = np.arange(STEPS + 1) / STEPS
    order = np.argsort(confidence)
    ascending = np.asarray(confidence, np.float64)[order]
    below = np.searchsorted(ascending, thresholds, side="left")
    hits = np.append(np.cumsum(right[order][::-1])[::-1], 0)[below]
    answered = len(ascending) - below
    with np.errstate(invalid="ignore"):
        accuracy = hits / answered
    return pd.DataFrame(
        {
            "threshold": thresholds,
            "answered": answered,
            "coverage": answered / len(ascending),
            "right": hits,
            "accuracy": accuracy,
        }
    )

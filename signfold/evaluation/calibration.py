"""Calibration: whether probabilities mean what they say, and the temperature that makes them.

Expected calibration error and temperature scaling as in Guo et al. 2017, "On Calibration of Modern Neural Networks".
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, softmax

BINS = 15
# Standard deviation of the normal prior on log temperature: a few validation clips that are all right, or all wrong,
# must not make every answer certain, or none.
PRIOR = 0.5
LIMITS = (np.log(0.05), np.log(20))


def bins(confidence: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return for each confidence its bin of `BINS` equal ones, closed at the top: (0, 1/15], (1/15, 2/15], ..."""
    return np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)


def calibration_table(confidence: NDArray[np.floating], right: NDArray[np.bool_]) -> pd.DataFrame:
    """Return per confidence bin: `low`, `high`, `clips`, mean `confidence`, `accuracy` (NaN where no clip falls).

    Parameters
    ----------
    confidence
        (N,) probability of the predicted class.
    right
        (N,) whether the predicted class is the true one.
    """
    index = bins(confidence)
    clips = np.bincount(index, minlength=BINS)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(index, confidence, BINS) / clips
        accuracy = np.bincount(index, right, BINS) / clips
    edges = np.linspace(0, 1, BINS + 1)
    return pd.DataFrame(
        {"low": edges[:-1], "high": edges[1:], "clips": clips, "confidence": mean, "accuracy": accuracy}
    )


def calibration_error(table: pd.DataFrame) -> float:
    """Return the expected calibration error of a `calibration_table` (Guo et al. 2017, equation 3)."""
    gap = (table["confidence"] - table["accuracy"]).abs()
    return float((gap * table["clips"]).sum() / table["clips"].sum())


def at_temperature(probabilities: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Return probabilities (N, K) raised to 1 / temperature and brought back to sums of 1; their order stays."""
    return softmax(_logarithm(probabilities) / temperature, axis=1)


def fit_temperature(probabilities: NDArray[np.floating], truth: NDArray[np.int64]) -> float:
    """Return the temperature under which the truth is likeliest: above 1 where a network is too sure of itself.

    Parameters
    ----------
    probabilities
        (N, K) of clips that the networks were neither trained nor tested on.
    truth
        (N,) class ids.
    """
    logits, own = _logarithm(probabilities), (np.arange(len(truth)), truth)

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        return float((logsumexp(scaled, axis=1) - scaled[own]).sum() + (log_temperature / PRIOR) ** 2 / 2)

    return float(np.exp(minimize_scalar(loss, bounds=LIMITS, method="bounded").x))


def _logarithm(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    tiny = np.finfo(np.float64).tiny
    return np.log(np.maximum(np.asarray(probabilities, np.float64), tiny))

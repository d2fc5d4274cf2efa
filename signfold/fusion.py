"""Late fusion: one score per class from the streams of one fold, with weights fixed beforehand."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import softmax

from signfold.errors import SignfoldError


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Return the softmax of `logits` (N, K) along classes, in float64: far classes must not tie at 0."""
    return softmax(np.asarray(logits, dtype=np.float64), axis=1)


def fuse(logits: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> np.ndarray:
    """Return the weighted mean of the streams' softmax scores.

    Softmax scores are added as in 2s-AGCN (Shi et al. 2019). The weights are fixed: nothing is fitted here, so nothing
    can be fitted on the test part. One stream is its own softmax.

    Parameters
    ----------
    logits
        For each stream (N, K), rows and classes in the same order.
    weights
        For each stream a weight of 0 or more.

    Returns
    -------
    numpy.ndarray
        (N, K) float64, rows sum to 1.

    Raises
    ------
    SignfoldError
        If a stream has no weight, or no stream has one above 0.
    """
    if unknown := sorted(set(logits) - set(weights)):
        raise SignfoldError(f"evaluation.fusion: no weight for stream {unknown[0]!r}; known are {', '.join(weights)}")
    used = {stream: weights[stream] for stream in logits}
    total = sum(used.values())
    if total <= 0:
        raise SignfoldError(f"evaluation.fusion: the weights of {', '.join(used)} are all 0; give at least one above 0")
    return sum((weight / total) * probabilities(logits[stream]) for stream, weight in used.items())  # type: ignore[return-value]

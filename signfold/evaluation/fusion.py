"""Late fusion: one score per class from the streams of one fold, with fixed or fitted weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import softmax

from signfold.core.errors import SignfoldError

ROUNDS, CONVERGED = 10_000, 1e-9


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Return the softmax of `logits` (N, K) along classes, in float64: far classes must not tie at 0."""
    return softmax(np.asarray(logits, dtype=np.float64), axis=1)


def fuse(logits: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> np.ndarray:
    """Return the weighted mean of the streams' softmax scores.

    Softmax scores are added as in 2s-AGCN (Shi et al. 2019). One stream is its own softmax.

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


def fit_weights(logits: Mapping[str, np.ndarray], truth: np.ndarray) -> dict[str, float]:
    """Return the weights under which the fused scores give the truth the greatest likelihood.

    The log-likelihood of a mixture with fixed parts is concave in its weights, so expectation maximisation (Dempster,
    Laird and Rubin 1977) climbs to its maximum; it starts at equal weights, and keeps them for streams with equal
    scores.

    Parameters
    ----------
    logits
        For each stream (N, K), of clips that the networks were neither trained nor tested on.
    truth
        (N,) class ids.

    Returns
    -------
    dict
        For each stream a weight of 0 or more; they sum to 1.
    """
    own = np.arange(len(truth)), truth
    said = np.stack([probabilities(values)[own] for values in logits.values()], axis=1)  # (N, streams)
    said = np.maximum(said, np.finfo(np.float64).tiny)
    weights = np.ones(len(logits))
    for _ in range(ROUNDS):
        shares = weights * said
        new = (shares / shares.sum(1, keepdims=True)).mean(0)
        moved, weights = np.abs(new - weights).max(), new
        if moved < CONVERGED:
            break
    return dict(zip(logits, map(float, weights), strict=True))

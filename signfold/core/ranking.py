"""The rank of the true class among the scores, from which top-k accuracy follows, in training and in evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def truth_ranks(scores: NDArray[Any], truth: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return the rank of each sample's true class among its scores, from 1; a sample is right at k if its rank <= k.

    Equal scores rank in the order of class ids, so rank 1 and `scores.argmax(1)` agree. A score that is NaN ranks last.
    (scikit-learn's `top_k_accuracy_score` gives the mean over the samples alone, for one k.)

    Parameters
    ----------
    scores
        Logits or probabilities, shape (N, K).
    truth
        Class ids, shape (N,).

    Returns
    -------
    ndarray of int64, shape (N,)
    """
    own = scores[np.arange(len(truth)), truth][:, None]
    later = np.arange(scores.shape[1]) > truth[:, None]
    return (~((own > scores) | ((own == scores) & later))).sum(1)

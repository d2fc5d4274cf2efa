"""Signs that one signer exchanged: clips labelled `a` look like `b`, and those labelled `b` like `a`; or in a circle.

Hard signs and bad pictures make clips look like this or that sign, but seldom like each other's. So a circle needs less
evidence than a signer who is disbelieved as a whole, and is found where most of a signer's labels are right.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

# How much more a circle's clips look like the exchanged sign than like their label, in units of how much other signers'
# clips look like theirs: mean of the signs, and each. Chosen by planted exchanges (benchmarks/labels.py --kind two).
LEAST_GAIN, LEAST_EACH = 0.6, 0.2
# Clips of a sign that are needed to say anything.
LEAST_CLIPS = 2
# What others' clips get is taken as at least this, and how much a clip looks like a sign as at most so many times that.
_LEAST_EXPECTED, _MOST_LIKE = 0.02, 1.5

Floats = NDArray[np.float64]


def exchanges(
    clips: pd.DataFrame, probabilities: NDArray[np.float32], pairs: pd.DataFrame
) -> dict[str, list[list[int]]]:
    """Return the circles of classes that a signer's labels seem to be exchanged in, by signer.

    Of all ways to give a signer's labels to each other, the one is taken that the clips look most like.

    Parameters
    ----------
    clips
        N rows: signer, class_id.
    probabilities
        (N, K), out of fold.
    pairs
        For each signer and class that can be judged a row: signer, class_id; clips, their number; expected, the mean
        probability that other signers' clips get for their label.

    Returns
    -------
    dict
        Class ids: clips with the label of each look like the next, those of the last like the first.
    """
    rows = clips.reset_index(drop=True).groupby("signer").indices
    found = {}
    for signer, own in pairs[pairs["clips"] >= LEAST_CLIPS].groupby("signer"):
        classes, count = own["class_id"].to_numpy(), own["clips"].to_numpy()
        given = clips["class_id"].to_numpy()[rows[signer]]
        like = _looks_like(given, probabilities[rows[signer]][:, classes], classes)
        like = np.minimum(like / np.maximum(own["expected"].to_numpy(), _LEAST_EXPECTED), _MOST_LIKE)
        taken = linear_sum_assignment(-like * count[:, None])[1]
        gain = like[np.arange(len(taken)), taken] - np.diag(like)
        circles = [circle for circle in _circles(taken) if _is_exchange(gain[circle])]
        if circles:
            found[str(signer)] = [classes[circle].tolist() for circle in circles]
    return found


def _looks_like(given: NDArray[np.int64], probabilities: NDArray[np.float32], classes: NDArray[np.int64]) -> Floats:
    """Return (C, C): the mean probability of each class (column) over the clips of each given class (row)."""
    place = pd.Index(classes).get_indexer(pd.Index(given))
    judged = place >= 0
    sums = np.zeros((len(classes), len(classes)))
    np.add.at(sums, place[judged], probabilities[judged].astype(float))
    return sums / np.bincount(place[judged], minlength=len(classes))[:, None]


def _circles(taken: NDArray[np.int64]) -> Iterator[list[int]]:
    """Yield the circles of a permutation, each from its lowest place; what stays in its place is one by itself."""
    left = set(range(len(taken)))
    while left:
        circle = [min(left)]
        while (following := int(taken[circle[-1]])) != circle[0]:
            circle.append(following)
        left -= set(circle)
        yield circle


def _is_exchange(gain: Floats) -> bool:
    """Return whether the signs of a circle gain enough, together and each; a sign that stays gains nothing."""
    return bool(gain.mean() >= LEAST_GAIN and gain.min() >= LEAST_EACH)

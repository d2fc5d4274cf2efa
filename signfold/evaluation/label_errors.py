"""Clips whose label is probably wrong: the networks are confident of another class.

Confident learning (Northcutt, Jiang and Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels",
section 3.1) on out-of-fold probabilities: no network judges a clip that it was trained on.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

COLUMNS = ["sample_id", "signer", "label", "gloss", "given", "other_label", "other_gloss", "other", "margin"]


def label_errors(clips: pd.DataFrame, probabilities: NDArray[np.float32], items: pd.DataFrame) -> pd.DataFrame:
    """Return the clips that confidently belong to another class than their label, the most confident first.

    A class's threshold is the mean probability that clips with its label get for it. A clip counts for the class with
    the highest probability among those whose threshold it reaches; if that is not its label, it is listed.

    Parameters
    ----------
    clips
        N rows: sample_id, signer, class_id, label, gloss.
    probabilities
        (N, K), out of fold.
    items
        All items, for the labels and glosses of the classes.

    Returns
    -------
    DataFrame
        sample_id, signer, label, gloss; given, the probability of the label; other_label, other_gloss, other, those of
        the class that it probably is; margin, other - given, which falls from row to row.
    """
    given = clips["class_id"].to_numpy()
    own = probabilities[np.arange(len(given)), given]
    total = np.bincount(given, own, probabilities.shape[1])
    with np.errstate(invalid="ignore"):
        threshold = total / np.bincount(given, minlength=probabilities.shape[1])
    # A class without a clip has no threshold, and no clip is counted for it.
    reached = probabilities >= np.where(np.isnan(threshold), np.inf, threshold)
    best = np.where(reached, probabilities, -np.inf).argmax(1)
    suspect = np.flatnonzero(reached.any(1) & (best != given))
    names = items.drop_duplicates("class_id").set_index("class_id")[["label", "gloss"]]
    table = clips.iloc[suspect][["sample_id", "signer", "label", "gloss"]].copy()
    other = best[suspect]
    table["given"], table["other"] = own[suspect], probabilities[suspect, other]
    table["other_label"] = names["label"].reindex(other).to_numpy()
    table["other_gloss"] = names["gloss"].reindex(other).to_numpy()
    table["margin"] = table["other"] - table["given"]
    return table.sort_values("margin", ascending=False, kind="stable")[COLUMNS]

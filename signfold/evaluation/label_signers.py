"""Signers whose labels disagree with everybody else's: another dialect, another vocabulary, folders exchanged.

One clip says little of its label, many of one signer say more. A signer's labels are compared with those of the other
signers of the same classes, so that neither difficult classes nor a weak network name anyone.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# A signer is named whose labels get at most this share of the probability that others' labels get. Chosen by planted
# signers (benchmarks/labels.py --signers).
MOST_SHARE = 0.4
# What is needed to say anything: clips of the signer, other signers of a class, probability of the others' labels.
LEAST_CLIPS, LEAST_OTHERS, LEAST_EXPECTED = 3, 3, 0.2
COLUMNS = ["signer", "clips", "classes", "given", "expected", "share", "seen_as"]
SEEN = 3


def label_signers(clips: pd.DataFrame, probabilities: NDArray[np.float32], items: pd.DataFrame) -> pd.DataFrame:
    """Return the signers whose labels networks that never saw them do not believe, the least believed first.

    For each class of a signer: the mean probability of the label over the signer's clips, and the mean of the same over
    the other signers. Both are averaged over the signer's classes; a signer is named if the first is at most
    `MOST_SHARE` of the second.

    Parameters
    ----------
    clips
        N rows: signer (null where unknown: the clip is left out), class_id.
    probabilities
        (N, K), out of fold.
    items
        All items, for the labels and glosses of the classes.

    Returns
    -------
    DataFrame
        signer; clips and classes, how many are compared; given and expected, the two probabilities; share, given /
        expected; seen_as, what the labels are mostly taken for, such as `hello as goodbye (3 of 4)`.
    """
    given = clips["class_id"].to_numpy()
    own = probabilities[np.arange(len(given)), given]
    table = pd.DataFrame({"signer": clips["signer"].to_numpy(), "class_id": given, "given": own})
    pairs = table.groupby(["signer", "class_id"])["given"].agg(given="mean", clips="size").reset_index()
    of_class = pairs.groupby("class_id")["given"]
    others = of_class.transform("size") - 1
    pairs["expected"] = (of_class.transform("sum") - pairs["given"]) / others.clip(lower=1)
    pairs = pairs[others >= LEAST_OTHERS]
    found = pairs.groupby("signer").agg(
        clips=("clips", "sum"), classes=("class_id", "size"), given=("given", "mean"), expected=("expected", "mean")
    )
    found = found[(found["clips"] >= LEAST_CLIPS) & (found["expected"] >= LEAST_EXPECTED)]
    found["share"] = found["given"] / found["expected"]
    found = found[found["share"] <= MOST_SHARE].sort_values("share", kind="stable").reset_index()
    taken_for = table.assign(predicted=probabilities.argmax(1))
    found["seen_as"] = [_seen_as(taken_for[taken_for["signer"] == signer], items) for signer in found["signer"]]
    return found.reindex(columns=COLUMNS)


def _seen_as(clips: pd.DataFrame, items: pd.DataFrame) -> str:
    """Return what a signer's classes are mostly taken for, the most clips first: class_id and predicted, (N,) each."""
    names = items.drop_duplicates("class_id").set_index("class_id")
    glosses = names["gloss"].fillna(names["label"])
    wrong = clips[clips["class_id"] != clips["predicted"]]
    counts = wrong.groupby(["class_id", "predicted"]).size().sort_values(ascending=False, kind="stable").head(SEEN)
    total = clips["class_id"].value_counts().to_dict()
    rows = counts.reset_index(name="clips")[["class_id", "predicted", "clips"]].to_numpy().tolist()
    return "; ".join(f"{glosses[own]} as {glosses[other]} ({count} of {total[own]})" for own, other, count in rows)

"""Pooled results broken down: by fold, signer, class, pair of classes, and stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_fscore_support

from signfold.core.results import fold_order
from signfold.evaluation.intervals import GroupIntervals, wilson
from signfold.evaluation.metrics import Scored, point


def class_names(items: pd.DataFrame) -> pd.DataFrame:
    """Return `label` and `gloss` of each class id 0..K-1 of a manifest; the label stands in for a missing gloss."""
    table = items.drop_duplicates("class_id").set_index("class_id")[["label", "gloss"]].sort_index()
    table["gloss"] = table["gloss"].fillna(table["label"])
    return table


def per_fold(clips: pd.DataFrame, scored: Scored, validation: Mapping[str, float]) -> pd.DataFrame:
    """Return per fold: clips, signers, classes, the metrics on its test part, and its validation top-1."""
    rows = []
    for fold, part in clips.groupby("fold"):
        values = point(scored.take(part.index.to_numpy()))
        size = {"clips": len(part), "signers": part["signer"].nunique(), "classes": part["class_id"].nunique()}
        rows.append({"fold": fold, **size, **values, "val_top1": validation.get(str(fold))})
    rows.sort(key=lambda row: fold_order(str(row["fold"])))
    return pd.DataFrame(rows)


def per_signer(clips: pd.DataFrame, scored: Scored, confidence: float) -> pd.DataFrame:
    """Return per known signer: clips, classes, hits, top-1 with Wilson's interval over the signer's clips, top-5."""
    columns = ["signer", "fold", "clips", "classes", "correct", "top1", "low", "high", "top5"]
    rows = []
    for signer, part in clips.groupby("signer"):
        own = scored.take(part.index.to_numpy())
        correct = int(own.right.sum())
        found = wilson(correct, len(part), confidence)
        where = ", ".join(sorted(part["fold"].unique(), key=fold_order))
        size = (len(part), part["class_id"].nunique(), correct)
        rows.append((signer, where, *size, found.value, found.low, found.high, float(own.in_top.mean())))
    return pd.DataFrame(rows, columns=columns)


def per_class(clips: pd.DataFrame, scored: Scored, items: pd.DataFrame) -> pd.DataFrame:
    """Return per class: label, gloss, clips, signers, hits, recall (top1), top-5, precision, F1, and its usual error.

    A class without a test clip has no recall: its row has 0 clips and empty figures.
    """
    table = class_names(items)
    ids = table.index.to_numpy()
    options: dict[str, Any] = {"labels": ids, "average": None, "zero_division": 0}
    precision, recall, f1, count = precision_recall_fscore_support(scored.truth, scored.predicted, **options)
    tested = count > 0
    table["clips"] = count
    table["signers"] = clips.groupby("class_id")["signer"].nunique().reindex(ids, fill_value=0)
    table["correct"] = np.bincount(scored.truth[scored.right], minlength=scored.classes)[ids]
    table["top1"] = np.where(tested, recall, np.nan)
    table["top5"] = pd.Series(scored.in_top).groupby(scored.truth).mean().reindex(ids)
    table["precision"] = np.where(tested, precision, np.nan)
    table["f1"] = np.where(tested, f1, np.nan)
    errors = confusions(scored, items).drop_duplicates("true").set_index("true")
    table["mistaken_for"] = errors["predicted_gloss"].reindex(ids)
    return table.reset_index()


def confusions(scored: Scored, items: pd.DataFrame) -> pd.DataFrame:
    """Return each wrong (true, predicted) pair of classes: count, clips of the true class, share; worst first."""
    frame = pd.DataFrame({"true": scored.truth, "predicted": scored.predicted})
    sizes = frame["true"].value_counts()
    table = frame[frame["true"] != frame["predicted"]].value_counts().rename("count").reset_index()
    table["clips"] = table["true"].map(sizes).astype(int)
    table["share"] = table["count"] / table["clips"]
    names = class_names(items)
    for side in ("true", "predicted"):
        for column in ("label", "gloss"):
            table[f"{side}_{column}"] = table[side].map(names[column])
    order = ["count", "share", "true", "predicted"]
    return table.sort_values(order, ascending=[False, False, True, True]).reset_index(drop=True)


def streams(ways: Mapping[str, Sequence[Scored]], intervals: GroupIntervals) -> pd.DataFrame:
    """Return top-1 with its interval, top-5, macro F1 and balanced accuracy of each way to score the clips.

    Parameters
    ----------
    ways
        By name, such as a stream or the fusion: the clips as each seed's networks score them.
    intervals
        The intervals over these clips.
    """
    columns = ["stream", "top1", "low", "high", "top5", "macro_f1", "balanced_accuracy"]
    rows = []
    for name, scored in ways.items():
        found = intervals.metrics(scored)
        others = (found[metric].value for metric in columns[4:])
        rows.append((name, found["top1"].value, found["top1"].low, found["top1"].high, *others))
    return pd.DataFrame(rows, columns=columns)


def spread(folds: pd.DataFrame, signers: pd.DataFrame) -> dict[str, Any]:
    """Return how top-1 differs over folds and signers, which no headline is: mean, deviation, best and worst.

    Parameters
    ----------
    folds, signers
        Tables that `per_fold` and `per_signer` return.

    Returns
    -------
    dict
        fold_mean, fold_sd (None for one fold), best_fold, and worst_signer and best_signer (None where unknown).
    """
    best = folds.iloc[int(folds["top1"].argmax())]
    ranked = signers.sort_values(["top1", "signer"], kind="stable").to_dict("records")
    columns = ("signer", "top1", "correct", "clips")
    ends = [{name: ranked[place][name] for name in columns} if ranked else None for place in (0, -1)]
    return {
        "fold_mean": float(folds["top1"].mean()),
        "fold_sd": float(folds["top1"].std(ddof=1)) if len(folds) > 1 else None,
        "best_fold": {"fold": str(best["fold"]), "top1": float(best["top1"]), "clips": int(best["clips"])},
        "worst_signer": ends[0],
        "best_signer": ends[1],
    }

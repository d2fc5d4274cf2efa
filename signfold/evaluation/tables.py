"""Pooled results broken down: by fold, signer, class, pair of classes, and stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_fscore_support

from signfold.evaluation.intervals import wilson
from signfold.evaluation.metrics import Scored, point


def classes(items: pd.DataFrame) -> pd.DataFrame:
    """Return `label` and `gloss` of each class id 0..K-1 of a manifest; the label stands in for a missing gloss."""
    table = items.drop_duplicates("class_id").set_index("class_id")[["label", "gloss"]].sort_index()
    table["gloss"] = table["gloss"].fillna(table["label"])
    return table


def per_fold(clips: pd.DataFrame, scored: Scored, validation: Mapping[str, float]) -> pd.DataFrame:
    """Return per fold: clips, signers, classes, the metrics on its test part, and its validation top-1."""
    rows = []
    for fold, part in clips.groupby("fold", sort=False):
        values = point(scored.take(part.index.to_numpy()))
        size = {"clips": len(part), "signers": part["signer"].nunique(), "classes": part["class_id"].nunique()}
        rows.append({"fold": fold, **size, **values, "val_top1": validation.get(str(fold))})
    order = {fold: place for place, fold in enumerate(sorted(clips["fold"].unique(), key=_natural))}
    return pd.DataFrame(rows).sort_values("fold", key=lambda names: names.map(order)).reset_index(drop=True)


def _natural(name: str) -> tuple[int, str]:
    """Sort fold-2 before fold-10."""
    return len(name), name


def per_signer(clips: pd.DataFrame, scored: Scored, confidence: float) -> pd.DataFrame:
    """Return per known signer: clips, classes, hits, top-1 with Wilson's interval over the signer's clips, top-5."""
    columns = ["signer", "fold", "clips", "classes", "correct", "top1", "low", "high", "top5"]
    rows = []
    for signer, part in clips.groupby("signer"):
        own = scored.take(part.index.to_numpy())
        correct = int((own.predicted == own.truth).sum())
        low, high = wilson(correct, len(part), confidence)
        where = ", ".join(sorted(part["fold"].unique(), key=_natural))
        size = (len(part), part["class_id"].nunique(), correct, correct / len(part))
        rows.append((signer, where, *size, low, high, float((own.rank <= 5).mean())))
    return pd.DataFrame(rows, columns=columns)


def per_class(clips: pd.DataFrame, scored: Scored, items: pd.DataFrame) -> pd.DataFrame:
    """Return per class: label, gloss, clips, signers, hits, recall (top1), top-5, precision, F1, and its usual error.

    A class without a test clip has no recall: its row has 0 clips and empty figures.
    """
    table = classes(items)
    ids = table.index.to_numpy()
    options: dict[str, Any] = {"labels": ids, "average": None, "zero_division": 0}
    precision, recall, f1, count = precision_recall_fscore_support(scored.truth, scored.predicted, **options)
    tested = count > 0
    table["clips"] = count
    table["signers"] = clips.groupby("class_id")["signer"].nunique().reindex(ids, fill_value=0)
    table["correct"] = np.rint(recall * count).astype(int)
    table["top1"] = np.where(tested, recall, np.nan)
    table["top5"] = pd.Series(scored.rank <= 5).groupby(scored.truth).mean().reindex(ids)
    table["precision"] = np.where(tested, precision, np.nan)
    table["f1"] = np.where(tested, f1, np.nan)
    errors = confusions(scored, items).drop_duplicates("true").set_index("true")
    table["mistaken_for"] = errors["predicted_gloss"].reindex(ids)
    return table.reset_index()


def confusions(scored: Scored, items: pd.DataFrame) -> pd.DataFrame:
    """Return each wrong (true, predicted) pair of classes with its count and share of the true class, worst first."""
    frame = pd.DataFrame({"true": scored.truth, "predicted": scored.predicted})
    sizes = frame["true"].value_counts()
    table = frame[frame["true"] != frame["predicted"]].value_counts().rename("count").reset_index()
    table["share"] = table["count"] / table["true"].map(sizes)
    names = classes(items)
    for side in ("true", "predicted"):
        for column in ("label", "gloss"):
            table[f"{side}_{column}"] = table[side].map(names[column])
    order = ["count", "share", "true", "predicted"]
    return table.sort_values(order, ascending=[False, False, True, True]).reset_index(drop=True)


def streams(
    ways: Mapping[str, Sequence[Scored]], interval: Callable[[Sequence[Scored]], dict[str, dict[str, float]]]
) -> pd.DataFrame:
    """Return the metrics of each way to score the clips, by its name: a stream, the fusion; the top-1 has an interval.

    Each way is there once for each seed.
    """
    columns = ["stream", "top1", "low", "high", "top5", "macro_f1", "balanced_accuracy", "ece"]
    rows = []
    for name, scored in ways.items():
        values = interval(scored)
        ends = {end: values["top1"][end] for end in ("low", "high")}
        rows.append({"stream": name, **{metric: values[metric]["value"] for metric in values}, **ends})
    return pd.DataFrame(rows, columns=columns)


def spread(folds: pd.DataFrame, signers: pd.DataFrame) -> dict[str, Any]:
    """Return mean and standard deviation of the folds' top-1, the best fold, and the worst signer. Not the headline."""
    best = folds.iloc[int(folds["top1"].argmax())]
    deviation = float(folds["top1"].std(ddof=1)) if len(folds) > 1 else None
    worst = None
    if len(signers):
        row = signers.iloc[int(signers["top1"].argmin())]
        worst = {"signer": str(row["signer"]), "top1": float(row["top1"]), "clips": int(row["clips"])}
    return {
        "fold_mean": float(folds["top1"].mean()),
        "fold_sd": deviation,
        "best_fold": {"fold": str(best["fold"]), "top1": float(best["top1"]), "clips": int(best["clips"])},
        "worst_signer": worst,
    }

"""How the figures came about, in a sentence, and what a model that learnt nothing would reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd


def shared_signers(folds: Mapping[str, pd.DataFrame]) -> set[str]:
    """Return the signers that some fold both tests and learns or chooses from."""
    shared: set[str] = set()
    for table in folds.values():
        signers = {role: set(rows.dropna()) for role, rows in table.groupby("role")["signer"]}
        shared |= signers.get("test", set()) & (signers.get("train", set()) | signers.get("val", set()))
    return shared


def protocol(
    folds: Mapping[str, pd.DataFrame],
    clips: pd.DataFrame,
    streams: Sequence[str],
    unit: str,
    confidence: float,
    resamples: int,
) -> str:
    """Return in one sentence how the figures came about."""
    signers, known = clips["signer"].nunique(), clips["signer"].notna().all()
    count = f"{signers} signer{'s' * (signers != 1)}" if known else "Signers unknown"
    shared = shared_signers(folds)
    if "official" in folds:
        split = f"{count} in the test part of the official split"
        kind = "the validation part"
    elif known and not shared:
        split, kind = f"{count}, {len(folds)} signer-wise folds", "validation signers"
    else:
        split, kind = f"{count}, {len(folds)} folds over distinct videos", "validation videos"
    if shared:
        split += ", test signers also in training"
    elif not known:
        split += ", so test signers may be in training"
    if len(streams) > 1:
        kind += f", {' + '.join(streams)} fused with fixed weights"
    interval = f"{100 * confidence:g} % interval: bootstrap over {unit}s ({resamples})"
    if unit != "signer":
        interval += ", too narrow for signers that are not here"
    return f"{split}, epoch chosen on {kind}, each test part scored once; {interval}"


def majority(folds: Mapping[str, pd.DataFrame], clips: pd.DataFrame) -> float:
    """Return the pooled top-1 of always saying the class with the most training clips of the fold (copies left out)."""
    hits = 0
    for fold, table in folds.items():
        trained = table[(table["role"] == "train") & (table["copy"] == 0)]
        if len(trained):
            commonest = trained["class_id"].mode().iloc[0]
            hits += int((clips.loc[clips["fold"] == fold, "class_id"] == commonest).sum())
    return hits / len(clips)

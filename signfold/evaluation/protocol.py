"""How the figures came about, in a sentence, and what a model that learnt nothing would reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
    chosen: bool,
    unit: str,
    confidence: float,
    resamples: int,
    *,
    fusion: str = "fixed weights",
    pretrained: Mapping[str, Any] | None = None,
    seeds: int = 1,
) -> str:
    """Return in one sentence how the figures came about.

    Parameters
    ----------
    folds
        For each fold its rows, with signer and role.
    clips
        All test clips.
    streams
        What was fused.
    chosen
        Whether the epoch was chosen by validation, or is the last one.
    unit, confidence, resamples
        What the bootstrap draws, `signer` or `clip`; its coverage; how often.
    fusion
        What streams were fused with.
    pretrained
        `datasets` and number of `clips` that the networks had seen before, and `namesakes`, test signers whose names
        are there too; None if none.
    seeds
        How many networks there are for each fold and stream.
    """
    split, validation = _split(folds, clips)
    epoch = f"epoch chosen on {validation}" if chosen else "last epoch taken"
    fused = f", {' + '.join(streams)} fused with {fusion}" if len(streams) > 1 else ""
    if pretrained:
        source = " and ".join(pretrained["datasets"])
        split += f", pre-trained on {pretrained['clips']} clips of {source}, none of them tested"
        if pretrained["namesakes"]:
            split += f" (test signers whose names are there too: {len(pretrained['namesakes'])})"
    mean = f", mean over {seeds} seeds" if seeds > 1 else ""
    narrow = "" if unit == "signer" else ", too narrow for signers that are not here"
    return (
        f"{split}, {epoch}{fused}, each test part scored once{mean}; "
        f"{100 * confidence:g} % interval: bootstrap over {unit}s ({resamples}){narrow}"
    )


def _split(folds: Mapping[str, pd.DataFrame], clips: pd.DataFrame) -> tuple[str, str]:
    """Return who was tested and how they were set apart; and what validation consists of."""
    signers, known = clips["signer"].nunique(), clips["signer"].notna().all()
    split = f"{signers} signer{'s' * (signers != 1)}" if known else "Signers unknown"
    shared = bool(shared_signers(folds))
    if "official" in folds:
        split, validation = f"{split} in the test part of the official split", "the validation part"
    elif known and not shared:
        split, validation = f"{split}, {len(folds)} signer-wise folds", "validation signers"
    else:
        split, validation = f"{split}, {len(folds)} folds over distinct videos", "validation videos"
    if shared:
        split += ", test signers also in training"
    elif not known:
        split += ", so test signers may be in training"
    return split, validation


def majority(folds: Mapping[str, pd.DataFrame], clips: pd.DataFrame) -> float:
    """Return the pooled top-1 of always saying the class with the most training clips of the fold (copies left out)."""
    hits = 0
    for fold, table in folds.items():
        trained = table[(table["role"] == "train") & (table["copy"] == 0)]
        if len(trained):
            commonest = trained["class_id"].mode().iloc[0]
            hits += int((clips.loc[clips["fold"] == fold, "class_id"] == commonest).sum())
    return hits / len(clips)

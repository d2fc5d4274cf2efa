"""Pooling: the test parts of all folds put together, each clip exactly once, with the streams' scores fused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from signfold.core.errors import SignfoldError
from signfold.core.files import read_parquet
from signfold.core.settings import STREAMS
from signfold.evaluation.fusion import fit_weights, fuse
from signfold.evaluation.metrics import Scored, score


@dataclass(frozen=True)
class Pool:
    """All test clips, each once, in manifest order.

    Parameters
    ----------
    clips
        N rows: sample_id, fold, signer, class_id, label, gloss, sha256.
    scores
        (N, K) float32, fused probabilities.
    streams
        For each stream its own results, when there are several.
    fusion
        For each fold the weights of its streams, which sum to 1.
    """

    clips: pd.DataFrame
    scores: np.ndarray
    scored: Scored
    streams: dict[str, Scored] = field(default_factory=dict)
    fusion: dict[str, dict[str, float]] = field(default_factory=dict)


def check_cover(folds: Mapping[str, pd.DataFrame], items: pd.DataFrame, paths: Mapping[str, Path]) -> None:
    """Make sure that no clip is in two test parts, no copy in one, and, but for an official split, none in none.

    Raises
    ------
    SignfoldError
        Otherwise.
    """
    seen: dict[str, str] = {}
    for fold, table in folds.items():
        test = table[table["role"] == "test"]
        if test.empty:
            raise SignfoldError(f"{paths[fold]}: no row has the role test; a fold needs a test part")
        if (copies := test[test["copy"] != 0]["sample_id"]).size:
            raise SignfoldError(f"{paths[fold]}: {copies.iloc[0]!r} is a copy in the test part; copies belong in train")
        for sample in test["sample_id"]:
            if sample in seen:
                raise SignfoldError(
                    f"{paths[fold]}: {sample!r} is in the test parts of {seen[sample]} and {fold}; "
                    "each clip is scored once. Make the folds again"
                )
            seen[sample] = fold
    missing = set(items.loc[items["copy"] == 0, "sample_id"]) - set(seen)
    if missing and "official" not in folds:
        raise SignfoldError(
            f"{len(missing)} clips of the manifest, such as {min(missing)!r}, are in no test part of "
            f"{', '.join(folds)}; pass every fold, or make the folds again"
        )


def pool_folds(
    model_dirs: Mapping[tuple[str, str], Path],
    folds: Mapping[str, pd.DataFrame],
    items: pd.DataFrame,
    weights: Mapping[str, float] | None,
) -> Pool:
    """Fuse the streams of each fold and put the test parts together, in manifest order.

    Parameters
    ----------
    model_dirs, folds, items
        Models by (fold, stream); each fold's rows; the manifest.
    weights
        Of each stream; None: each fold's own, fitted on its validation part.
    """
    classes = int(items["class_id"].max()) + 1
    names = [stream for stream in STREAMS if any(stream == other for _, other in model_dirs)]
    parts, fused, used = [], [], {}
    alone: dict[str, list[Scored]] = {stream: [] for stream in names if len(names) > 1}
    for fold, table in folds.items():
        test = table[table["role"] == "test"]
        if lacking := [stream for stream in names if (fold, stream) not in model_dirs]:
            raise SignfoldError(f"{fold}: no model of stream {lacking[0]!r}, which other folds have; train it too")
        models = {stream: model_dirs[fold, stream] for stream in names}
        logits = {stream: read_logits(model, test, classes) for stream, model in models.items()}
        used[fold] = _shares(weights, names) if weights else _fitted(fold, table, models, classes)
        truth = test["class_id"].to_numpy()
        parts.append(test[["sample_id", "signer", "class_id", "label", "sha256"]].assign(fold=fold))
        fused.append(fuse(logits, used[fold]).astype(np.float32))
        for stream in alone:
            alone[stream].append(score(fuse({stream: logits[stream]}, {stream: 1}), truth))
    clips = pd.concat(parts, ignore_index=True)
    order = np.argsort(pd.Index(items["sample_id"]).get_indexer(pd.Index(clips["sample_id"])), kind="stable")
    scores = np.concatenate(fused)[order]
    clips = clips.iloc[order].reset_index(drop=True)
    clips["gloss"] = clips["sample_id"].map(items.set_index("sample_id")["gloss"])
    streams = {stream: Scored.concatenate(parts).take(order) for stream, parts in alone.items()}
    return Pool(clips, scores, score(scores, clips["class_id"].to_numpy()), streams, used)


def _shares(weights: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    """Return the streams' weights, brought to a sum of 1."""
    total = sum(weights[name] for name in names)
    if total <= 0:
        raise SignfoldError(
            f"evaluation.fusion: the weights of {', '.join(names)} are all 0; give at least one above 0"
        )
    return {name: weights[name] / total for name in names}


def _fitted(fold: str, table: pd.DataFrame, models: Mapping[str, Path], classes: int) -> dict[str, float]:
    """Return weights fitted on the fold's validation part alone."""
    rows = table[(table["role"] == "val") & (table["copy"] == 0)]
    if rows.empty:
        raise SignfoldError(
            f"evaluation.fusion: validation, but {fold} has no validation part; give fixed weights such as [2, 2, 1, 1]"
        )
    logits = {stream: read_logits(model, rows, classes, "val") for stream, model in models.items()}
    return fit_weights(logits, rows["class_id"].to_numpy())


def read_logits(model: Path, rows: pd.DataFrame, classes: int, role: str = "test") -> np.ndarray:
    """Return the logits (N, K) of a model for `rows` of a fold, all of one role, in their order.

    Raises
    ------
    SignfoldError
        If a clip is missing, twice there or foreign, its class differs, the width is not K, or a logit is not finite.
    """
    path = model / "predictions.parquet"
    table = read_parquet(path)
    table = table.filter(pc.equal(table["role"], role))
    found, wanted = pd.Index(table["sample_id"].to_pylist()), pd.Index(rows["sample_id"])
    again = "these predictions belong to other folds; delete the model's folder and train again"
    if len(found) != len(wanted) or set(found) != set(wanted):
        odd = sorted(set(found) ^ set(wanted)) or [found[found.duplicated()][0]]
        raise SignfoldError(f"{path}: {len(found)} {role} clips, the fold has {len(wanted)} (see {odd[0]!r}); {again}")
    order = found.get_indexer(wanted)
    if not np.array_equal(table["class_id"].to_numpy()[order], rows["class_id"].to_numpy()):
        raise SignfoldError(f"{path}: class ids differ from those of the fold; {again}")
    flat = table["logits"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    if flat.size != len(found) * classes:
        raise SignfoldError(f"{path}: {flat.size} logits for {len(found)} clips; the manifest has {classes} classes")
    if not np.isfinite(flat).all():
        raise SignfoldError(f"{path}: a logit is not finite: training diverged. Lower training.learning_rate")
    return flat.reshape(-1, classes)[order]


def bootstrap_groups(clips: pd.DataFrame) -> tuple[np.ndarray, str]:
    """Return for each clip what it is drawn with, and the word for it.

    Signers, if there are at least two and every clip has one; otherwise distinct videos (equal SHA-256 stay together).
    """
    if clips["signer"].notna().all() and clips["signer"].nunique() > 1:
        return clips["signer"].to_numpy(dtype=str), "signer"
    return clips["sha256"].to_numpy(dtype=str), "clip"

"""Pooling: the test parts of all folds put together, each clip exactly once, with the streams' scores fused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from numpy.typing import NDArray

from signfold.core.errors import SignfoldError
from signfold.core.files import read_parquet
from signfold.core.settings import STREAMS
from signfold.evaluation.calibration import at_temperature, fit_temperature
from signfold.evaluation.fusion import fit_weights, fuse, probabilities
from signfold.evaluation.metrics import Scored, score


@dataclass(frozen=True)
class Pool:
    """All test clips, each once, in manifest order.

    Parameters
    ----------
    clips
        N rows: sample_id, fold, signer, class_id, label, gloss, sha256.
    scores
        (N, K) float32, fused and calibrated probabilities.
    scored
        The clips scored by these.
    uncalibrated
        The clips scored by the fused probabilities as they were before calibration.
    streams
        For each stream by itself its scored clips, when there are several; uncalibrated.
    fusion
        For each fold the weights of its streams, which sum to 1.
    temperature
        For each fold its temperature; None where nobody validates, so that nothing could be fitted.
    """

    clips: pd.DataFrame
    scores: NDArray[np.float32]
    scored: Scored
    uncalibrated: Scored
    streams: dict[str, Scored] = field(default_factory=dict)
    fusion: dict[str, dict[str, float]] = field(default_factory=dict)
    temperature: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class _FoldScores:
    """The test part of one fold: its rows, calibrated scores (N, K) float32, and what they were fused with."""

    test: pd.DataFrame
    scores: NDArray[np.float32]
    scored: Scored
    uncalibrated: Scored
    streams: dict[str, Scored]
    weights: dict[str, float]
    temperature: float | None


def check_cover(folds: Mapping[str, pd.DataFrame], items: pd.DataFrame, paths: Mapping[str, Path]) -> None:
    """Check that every clip is in one test part and no copy in any; of an official split, clips may be in none.

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
    """Fuse and calibrate the streams of each fold, and put the test parts together, in manifest order.

    Parameters
    ----------
    model_dirs
        The model's folder for each (fold, stream).
    folds
        The rows of each fold.
    items
        The manifest.
    weights
        Weight of each stream; None: each fold's own, fitted on its validation part.
    """
    classes = int(items["class_id"].max()) + 1
    names = [stream for stream in STREAMS if any(stream == other for _, other in model_dirs)]
    parts = {fold: _fold_scores(fold, table, model_dirs, names, classes, weights) for fold, table in folds.items()}
    clips = pd.concat([part.test for part in parts.values()])
    order = np.argsort(pd.Index(items["sample_id"]).get_indexer(pd.Index(clips["sample_id"])), kind="stable")
    clips = clips.iloc[order].reset_index(drop=True)
    clips["gloss"] = clips["sample_id"].map(items.set_index("sample_id")["gloss"])

    def pooled(scored: Sequence[Scored]) -> Scored:
        return Scored.concatenate(scored).take(order)

    return Pool(
        clips,
        np.concatenate([part.scores for part in parts.values()])[order],
        pooled([part.scored for part in parts.values()]),
        pooled([part.uncalibrated for part in parts.values()]),
        {name: pooled([part.streams[name] for part in parts.values()]) for name in (names if len(names) > 1 else ())},
        {fold: part.weights for fold, part in parts.items()},
        {fold: part.temperature for fold, part in parts.items()},
    )


def _fold_scores(
    fold: str,
    table: pd.DataFrame,
    model_dirs: Mapping[tuple[str, str], Path],
    names: Sequence[str],
    classes: int,
    weights: Mapping[str, float] | None,
) -> _FoldScores:
    """Score the test part of a fold; weights and temperature are fitted on its validation part alone."""
    if lacking := [stream for stream in names if (fold, stream) not in model_dirs]:
        raise SignfoldError(f"{fold}: no model of stream {lacking[0]!r}, which other folds have; train it too")
    test, val = (table[(table["role"] == role) & (table["copy"] == 0)] for role in ("test", "val"))
    truth = test["class_id"].to_numpy()
    logits = {name: read_logits(model_dirs[fold, name], test, classes) for name in names}
    held_out = {name: read_logits(model_dirs[fold, name], val, classes, "val") for name in names} if len(val) else {}
    used = _shares(weights, names) if weights else _fitted(fold, held_out, val["class_id"].to_numpy())
    fused, temperature = fuse(logits, used), None
    if held_out:
        temperature = fit_temperature(fuse(held_out, used), val["class_id"].to_numpy())
    scores = at_temperature(fused, temperature) if temperature else fused
    alone = {name: score(probabilities(own), truth) for name, own in logits.items()}
    rows = test[["sample_id", "signer", "class_id", "label", "sha256"]].assign(fold=fold)
    return _FoldScores(
        rows, scores.astype(np.float32), score(scores, truth), score(fused, truth), alone, used, temperature
    )


def _shares(weights: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    """Return the streams' weights, brought to a sum of 1."""
    total = sum(weights[name] for name in names)
    if total <= 0:
        raise SignfoldError(
            f"evaluation.fusion: the weights of {', '.join(names)} are all 0; give at least one above 0"
        )
    return {name: weights[name] / total for name in names}


def _fitted(fold: str, held_out: Mapping[str, NDArray], truth: NDArray[np.int64]) -> dict[str, float]:
    """Return weights fitted on the logits of the fold's validation part."""
    if not held_out:
        raise SignfoldError(
            f"evaluation.fusion: validation, but {fold} has no validation part; give fixed weights such as [2, 2, 1, 1]"
        )
    return fit_weights(held_out, truth)


def read_logits(model: Path, rows: pd.DataFrame, classes: int, role: str = "test") -> NDArray[np.floating]:
    """Return the logits (N, K) of a model for `rows` of a fold, all of one role, in their order.

    Raises
    ------
    SignfoldError
        If a clip is missing, twice there or foreign, its class differs, the width is not K, or a logit is not finite.
    """
    path = model / "predictions.parquet"
    table = read_parquet(path, ["sample_id", "role", "class_id", "logits"])
    table = table.filter(pc.equal(table["role"], role))
    found, wanted = pd.Index(table["sample_id"].to_pylist()), pd.Index(rows["sample_id"])
    again = "these predictions belong to other folds; delete the model's folder and train again"
    if len(found) != len(wanted) or set(found) != set(wanted):
        odd = sorted(set(found) ^ set(wanted)) or [found[found.duplicated()][0]]
        raise SignfoldError(f"{path}: {len(found)} {role} clips, the fold has {len(wanted)} (see {odd[0]!r}); {again}")
    order = found.get_indexer(wanted)
    if not np.array_equal(table["class_id"].to_numpy()[order], rows["class_id"].to_numpy()):
        raise SignfoldError(f"{path}: class ids differ from those of the fold; {again}")
    flat = table["logits"].combine_chunks().flatten().to_numpy()
    if flat.size != len(found) * classes:
        raise SignfoldError(f"{path}: {flat.size} logits for {len(found)} clips; the manifest has {classes} classes")
    if not np.isfinite(flat).all():
        raise SignfoldError(f"{path}: a logit is not finite: training diverged. Lower training.learning_rate")
    return flat.reshape(-1, classes)[order]

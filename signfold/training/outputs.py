"""Scores of a training, and the files that it writes."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch.nn import functional

import signfold
from signfold.core import files
from signfold.core.ranking import truth_ranks
from signfold.folds.roles import Fold
from signfold.models.io import save_model
from signfold.models.registry import parameter_count
from signfold.training.run import Run, State, conditions

COLUMNS = ("epoch", "lr", "train_loss", "train_top1", "val_loss", "val_top1", "seconds")


def split_metrics(logits: NDArray[np.float32], truth: NDArray[np.int64]) -> dict[str, float]:
    """Compare logits (N, K) with the true class ids (N,).

    Returns
    -------
    dict
        `top1` and `top5`, 0 to 1, and `loss`, the mean cross-entropy (infinite if it is not a number); all NaN
        without samples.
    """
    if not len(truth):
        return {"top1": math.nan, "top5": math.nan, "loss": math.nan}
    ranks = truth_ranks(logits, truth)
    loss = functional.cross_entropy(torch.from_numpy(logits).double(), torch.from_numpy(truth)).item()
    return {
        "top1": float((ranks == 1).mean()),
        "top5": float((ranks <= 5).mean()),
        "loss": math.inf if math.isnan(loss) else loss,
    }


def write_outputs(
    out: Path, run: Run, state: State, logits: Mapping[str, NDArray[np.float32]], provenance: Mapping[str, Any]
) -> None:
    """Write the model, its history, its predictions and its metrics.

    Parameters
    ----------
    out
        Folder of the files.
    run, state
        A finished training, with the chosen weights.
    logits
        Logits of the roles val and test, each of shape (N, K).
    provenance
        Content of `provenance.json`.
    """
    save_model(
        out,
        run.evaluated,
        settings=run.task.model,
        tensors=run.shards.metadata,
        labels=run.fold.labels,
        stream=run.task.stream,
        provenance=provenance,
    )
    write_predictions(out / "predictions.parquet", run.fold, logits)
    write_history(out / "history.csv", state.history)
    scores = {role: split_metrics(logits[role], run.fold.roles[role].class_id) for role in logits}
    sources = {key: provenance[key] for key in ("initial", "pretrained")}
    files.write_json(out / "metrics.json", {**training_metrics(run, state), **sources, **finite_or_null(scores)})


def training_metrics(run: Run, state: State) -> dict[str, Any]:
    """Return the content of `metrics.json` except for the scores and the sources of initial weights."""
    return {
        "fold": run.fold.name,
        "stream": run.task.stream,
        "seed": run.task.seed,
        "settings": {name: asdict(getattr(run.task, name)) for name in ("model", "training", "augmentation")},
        "epochs": len(state.history),
        "best_epoch": state.best_epoch if run.checkpoint == "best" else len(state.history),
        "select": run.checkpoint,
        "parameters": parameter_count(run.model),
        "n_classes": len(run.fold.labels),
        **{f"n_{role}": len(samples) for role, samples in run.fold.roles.items()},
        "train_seconds": round(sum(row["seconds"] for row in state.history), 3),
        **conditions(run),
        "versions": {"signfold": signfold.__version__, "torch": torch.__version__, "numpy": np.__version__},
    }


def finite_or_null(scores: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float | None]]:
    """Return the scores with None for NaN and infinity, which JSON does not have."""
    return {role: {k: v if math.isfinite(v) else None for k, v in part.items()} for role, part in scores.items()}


def write_predictions(path: Path, fold: Fold, logits: Mapping[str, NDArray[np.float32]]) -> None:
    """Write a row for each validation and test sample: sample_id, role, class_id, logits [K]."""
    parts = [
        pa.table(
            {
                "sample_id": pa.array(fold.roles[role].sample_id, pa.string()),
                "role": pa.array([role] * len(values), pa.string()),
                "class_id": pa.array(fold.roles[role].class_id, pa.int32()),
                "logits": pa.FixedSizeListArray.from_arrays(pa.array(values.ravel(), pa.float32()), len(fold.labels)),
            }
        )
        for role, values in logits.items()
    ]
    files.write_parquet(pa.concat_tables(parts), path, {"classes": list(fold.labels)})


def write_history(path: Path, history: Sequence[Mapping[str, float]]) -> None:
    """Write a line for each finished epoch; validation columns are empty without a validation part."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in history:
        writer.writerow("" if math.isnan(row[column]) else f"{row[column]:.6g}" for column in COLUMNS)
    files.write_text(path, text.getvalue())

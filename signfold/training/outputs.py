"""What training measures, and the files that say it."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch.nn import functional

from signfold.core import files
from signfold.folds.roles import Fold

COLUMNS = ("epoch", "lr", "train_loss", "train_top1", "val_loss", "val_top1", "seconds")


def score(logits: NDArray[np.float32], truth: NDArray[np.int64]) -> dict[str, float]:
    """Return how well logits (N, K) meet the truth (N,).

    Returns
    -------
    dict
        `top1` and `top5`, 0 to 1, and `loss`, the mean cross-entropy (infinite where it is not a number); all NaN
        without samples.
    """
    if not len(truth):
        return {"top1": math.nan, "top5": math.nan, "loss": math.nan}
    values, targets = torch.from_numpy(logits).double(), torch.from_numpy(truth)
    loss = functional.cross_entropy(values, targets).item()
    ranked = values.topk(min(5, values.shape[1]), dim=1).indices == targets[:, None]
    return {
        "top1": ranked[:, 0].double().mean().item(),
        "top5": ranked.any(1).double().mean().item(),
        "loss": math.inf if math.isnan(loss) else loss,
    }


def jsonable(scores: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float | None]]:
    """Return the scores of each role with null for what is no finite number, which JSON does not have."""
    return {role: {k: v if math.isfinite(v) else None for k, v in part.items()} for role, part in scores.items()}


def write_predictions(path: Path, fold: Fold, logits: dict[str, NDArray[np.float32]]) -> None:
    """Write one row for each validation and test sample: sample_id, role, class_id, logits [K]."""
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
    """Write one line for each finished epoch; empty where nobody validates."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in history:
        writer.writerow("" if math.isnan(row[column]) else f"{row[column]:.6g}" for column in COLUMNS)
    files.write_text(path, text.getvalue())

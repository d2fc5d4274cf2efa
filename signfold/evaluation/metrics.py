"""What is measured on scored clips, and how sure one can be of it: point values, and bootstrap intervals over groups.

Every metric here is a function of sums over clips (hits, per-class counts, per-bin counts). So a resample of signers is
a vector of weights, and 2000 resamples are a few matrix products, also with 30,000 clips of 999 classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, f1_score, recall_score

BINS = 15
METRICS = ("top1", "top5", "macro_f1", "balanced_accuracy", "ece")
_COLUMNS = ("truth", "predicted", "rank", "confidence")


@dataclass(frozen=True)
class Scored:
    """What is left of N clips' scores once they are compared with the truth.

    Parameters
    ----------
    truth, predicted
        (N,) class ids.
    rank
        (N,) place of the truth among the K scores, from 1.
    confidence
        (N,) probability of the predicted class.
    classes
        K.
    """

    truth: np.ndarray
    predicted: np.ndarray
    rank: np.ndarray
    confidence: np.ndarray
    classes: int

    def __len__(self) -> int:
        return len(self.truth)

    @classmethod
    def concatenate(cls, parts: Sequence[Scored]) -> Scored:
        """Return the clips of all `parts`, in their order."""
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}
        return cls(**columns, classes=parts[0].classes)

    def take(self, index: np.ndarray) -> Scored:
        """Return the clips at `index` (positions or a mask)."""
        return Scored(**{name: getattr(self, name)[index] for name in _COLUMNS}, classes=self.classes)


def score(scores: np.ndarray, truth: np.ndarray) -> Scored:
    """Compare class probabilities (N, K) with the truth (N,).

    Equal scores rank in the order of class ids, so that rank 1 and the prediction (the first of the best) always agree.
    """
    own = scores[np.arange(len(truth)), truth][:, None]
    earlier = np.arange(scores.shape[1]) < truth[:, None]
    rank = 1 + (scores > own).sum(1) + ((scores == own) & earlier).sum(1)
    return Scored(truth, scores.argmax(1), rank, scores.max(1), scores.shape[1])


def point(scored: Scored) -> dict[str, float]:
    """Return the value of each of `METRICS`.

    Macro F1 and balanced accuracy (macro recall) average over the classes that have a clip here: the recall of a class
    without one is undefined. With K <= 5, top-5 is 1 by definition.
    """
    present = np.unique(scored.truth)
    options = {"labels": present, "average": "macro", "zero_division": 0}
    return {
        "top1": float(accuracy_score(scored.truth, scored.predicted)),
        "top5": float((scored.rank <= 5).mean()),
        "macro_f1": float(f1_score(scored.truth, scored.predicted, **options)),
        "balanced_accuracy": float(recall_score(scored.truth, scored.predicted, **options)),
        "ece": calibration_error(calibration(scored)),
    }


def bins(confidence: np.ndarray) -> np.ndarray:
    """Return for each confidence its bin of `BINS` equal ones, closed at the top: (0, 1/15], (1/15, 2/15], ..."""
    return np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)


def calibration(scored: Scored) -> pd.DataFrame:
    """Return per confidence bin: `low`, `high`, `clips`, mean `confidence`, `accuracy` (NaN where no clip falls)."""
    index = bins(scored.confidence)
    clips = np.bincount(index, minlength=BINS)
    with np.errstate(invalid="ignore"):
        confidence = np.bincount(index, scored.confidence, BINS) / clips
        accuracy = np.bincount(index, scored.predicted == scored.truth, BINS) / clips
    edges = np.linspace(0, 1, BINS + 1)
    return pd.DataFrame(
        {"low": edges[:-1], "high": edges[1:], "clips": clips, "confidence": confidence, "accuracy": accuracy}
    )


def calibration_error(table: pd.DataFrame) -> float:
    """Return the expected calibration error of a `calibration` table (Guo et al. 2017, equation 3)."""
    gap = (table["confidence"] - table["accuracy"]).abs().fillna(0)
    return float((gap * table["clips"]).sum() / table["clips"].sum())

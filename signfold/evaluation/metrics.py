"""Metrics of scored clips: top-1, top-5, macro F1, balanced accuracy and the calibration error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score, recall_score

from signfold.core.ranking import truth_ranks
from signfold.evaluation.calibration import calibration_error, calibration_table

# With no more classes than this, top-5 is right by definition, and is not reported.
TOP = 5
METRICS = ("top1", "top5", "macro_f1", "balanced_accuracy", "ece")
_COLUMNS = ("truth", "predicted", "rank", "confidence")


@dataclass(frozen=True)
class Scored:
    """N clips with the network's answers beside the truth.

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

    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]
    rank: NDArray[np.int64]
    confidence: NDArray[np.floating]
    classes: int

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def right(self) -> NDArray[np.bool_]:
        """(N,) whether the predicted class is the true one."""
        return self.predicted == self.truth

    @property
    def in_top(self) -> NDArray[np.bool_]:
        """(N,) whether the true class is among the `TOP` with the highest scores."""
        return self.rank <= TOP

    @classmethod
    def concatenate(cls, parts: Sequence[Scored]) -> Scored:
        """Return the clips of all `parts`, in their order."""
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}
        return cls(**columns, classes=parts[0].classes)

    def take(self, index: NDArray) -> Scored:
        """Return the clips at `index` (positions or a mask)."""
        return Scored(**{name: getattr(self, name)[index] for name in _COLUMNS}, classes=self.classes)


def score(scores: NDArray[np.floating], truth: NDArray[np.int64]) -> Scored:
    """Compare class probabilities (N, K) with the truth (N,).

    Equal scores rank in the order of class ids, so that rank 1 and the prediction (the first of the best) always agree.
    """
    return Scored(truth, scores.argmax(1), truth_ranks(scores, truth), scores.max(1), scores.shape[1])


def point(scored: Scored) -> dict[str, float]:
    """Return the value of each of `METRICS`.

    Macro F1 and balanced accuracy (macro recall) average over the classes that have a clip here: the recall of a class
    without one is undefined.
    """
    present = np.unique(scored.truth)
    options = {"labels": present, "average": "macro"}
    return {
        "top1": float(accuracy_score(scored.truth, scored.predicted)),
        "top5": float(scored.in_top.mean()),
        "macro_f1": float(f1_score(scored.truth, scored.predicted, **options)),
        "balanced_accuracy": float(recall_score(scored.truth, scored.predicted, **options)),
        "ece": calibration_error(calibration_table(scored.confidence, scored.right)),
    }

"""How the figures came about, in one sentence that stands beside the headline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from signfold.evaluation.intervals import GroupIntervals


@dataclass(frozen=True)
class Split:
    """What was tested, and how it was set apart from training.

    Parameters
    ----------
    folds
        Names of the folds; an official split is the one fold `official`.
    signers
        Number of test signers; None where a clip's signer is unknown.
    shared
        Whether a test signer is in training too.
    """

    folds: Sequence[str]
    signers: int | None
    shared: bool

    @property
    def apart(self) -> bool:
        """Whether no test signer is known in training."""
        return self.signers is not None and not self.shared

    def __str__(self) -> str:
        told = f"{self.signers} signer{'s' * (self.signers != 1)}" if self.signers is not None else "Signers unknown"
        if "official" in self.folds:
            told += " in the test part of the official split"
        else:
            told += f", {len(self.folds)} {'signer-wise folds' if self.apart else 'folds over distinct videos'}"
        if self.shared:
            return f"{told}, test signers also in training"
        return told if self.apart else f"{told}, so test signers may be in training"


@dataclass(frozen=True)
class Training:
    """How the networks were trained and put together.

    Parameters
    ----------
    streams
        The streams that were fused.
    fitted
        Whether fusion weights were fitted on validation clips, or are fixed.
    chosen
        Number of folds in which validation clips chose the epoch; the last epoch is taken in the others.
    seeds
        Number of networks for each fold and stream.
    pretrained
        `datasets` and number of `clips` that the networks had seen before, and `namesakes`, test signers whose names
        are there too; None if none.
    """

    streams: Sequence[str]
    fitted: bool
    chosen: int
    seeds: int
    pretrained: dict[str, Any] | None


def protocol(split: Split, training: Training, intervals: GroupIntervals) -> str:
    """Return in one sentence how the figures came about, ending with how the interval was made."""
    parts = [str(split)]
    if training.pretrained:
        parts.append(_pretraining(training.pretrained))
    parts.append(_epoch(split, training.chosen))
    if len(training.streams) > 1:
        weights = "weights fitted on validation" if training.fitted else "fixed weights"
        parts.append(f"{' + '.join(training.streams)} fused with {weights}")
    parts.append("each test part scored once")
    if training.seeds > 1:
        parts.append(f"mean over {training.seeds} seeds")
    narrow = "" if intervals.unit == "signer" else ", too narrow for signers that are not here"
    over = f"{100 * intervals.confidence:g} % interval: score interval over {intervals.groups} {intervals.unit}s"
    return f"{', '.join(parts)}; {over}{narrow}"


def _pretraining(seen: dict[str, Any]) -> str:
    told = f"pre-trained on {seen['clips']} clips of {' and '.join(seen['datasets'])}, none of them tested"
    names = len(seen["namesakes"])
    return told + (f" (test signers whose names are there too: {names})" if names else "")


def _epoch(split: Split, chosen: int) -> str:
    """Return how the epoch was taken: no word of validation where nobody validates."""
    if not chosen:
        return "last epoch taken"
    if "official" in split.folds:
        return "epoch chosen on the validation part"
    whom = "validation signers" if split.apart else "validation videos"
    others = len(split.folds) - chosen
    return f"epoch chosen on {whom}" + (f" (last epoch taken in {others} of {len(split.folds)} folds)" * bool(others))

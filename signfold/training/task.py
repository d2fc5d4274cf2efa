"""What is to be trained, and the files of a training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from signfold.core.settings import Augmentation, ModelSettings, TrainingSettings


@dataclass(frozen=True)
class TrainingTask:
    """What is to be trained.

    Parameters
    ----------
    dataset
        Name of the dataset.
    stream
        One of `STREAMS`.
    seed
        Random seed of the initial weights, the order of the samples, augmentation and dropout.
    training, augmentation, model
        Sections `training`, `augmentation` and `model` of the configuration.
    last_epoch
        Epoch after which the training ends, on the schedule of `training.epochs`; None for no earlier end.
    """

    dataset: str
    stream: str
    seed: int
    training: TrainingSettings
    augmentation: Augmentation
    model: ModelSettings
    last_epoch: int | None = None

    @property
    def epochs(self) -> int:
        """The number of epochs that are trained, at most."""
        return self.training.epochs if self.last_epoch is None else min(self.last_epoch, self.training.epochs)


@dataclass(frozen=True)
class TrainingPaths:
    """The files that a training reads and writes.

    Parameters
    ----------
    fold
        `folds/{fold}.parquet`.
    tensors
        `.npy` files of the shards, each with its `.parquet` file beside it.
    audit
        `folds/audit.json`; None for pre-training, which has no test part.
    initial
        `model.safetensors` with the initial weights, with its `provenance.json` beside it; None for random weights.
    out
        Folder of `model.safetensors`, `provenance.json`, `metrics.json`, `history.csv` and `predictions.parquet`.
    checkpoint
        File from which an interrupted training resumes; deleted at the end.
    tensorboard
        Folder of TensorBoard's event files; None for none.
    """

    fold: Path
    tensors: Sequence[Path]
    audit: Path | None
    out: Path
    checkpoint: Path
    initial: Path | None = None
    tensorboard: Path | None = None

"""The parts of a running training: network, optimiser, device and progress."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from signfold.core.settings import TrainingSettings
from signfold.folds.roles import Fold
from signfold.models.registry import build_network
from signfold.tensors.shards import Shards
from signfold.training.batches import in_order, load_batches
from signfold.training.optim import configure_optimiser, precision
from signfold.training.task import TrainingTask

EVALUATION_BATCH = 64


@dataclass
class State:
    """Progress of a training. A checkpoint holds this, the weights and the optimiser's state."""

    epoch: int = 0  # finished epochs
    step: int = 0  # finished steps of the current epoch
    loss: float = 0.0  # weighted sum over the samples of the current epoch
    weight: float = 0.0  # sum of these weights
    correct: int = 0  # samples of the current epoch classified correctly
    seconds: float = 0.0  # time spent in the current epoch
    history: list[dict[str, float]] = field(default_factory=list)  # the rows of history.csv
    best_epoch: int = 0  # from 1
    best: dict[str, Tensor] | None = None  # weights of the best epoch

    def losses(self) -> list[float]:
        """Return the validation loss of each finished epoch, or the training loss without a validation part."""
        return [row["train_loss"] if math.isnan(row["val_loss"]) else row["val_loss"] for row in self.history]

    def end_epoch(self, row: Mapping[str, float]) -> bool:
        """Append the epoch's row to the history and reset the sums; return whether it is the best epoch so far."""
        best = not self.history or row["val_loss"] < min(past["val_loss"] for past in self.history)
        self.history.append(dict(row))
        self.epoch, self.step, self.correct = self.epoch + 1, 0, 0
        self.loss = self.weight = self.seconds = 0.0
        if best:
            self.best_epoch = self.epoch
        return best


@dataclass
class Run:
    """A training's data, network and optimiser."""

    task: TrainingTask
    fold: Fold
    shards: Shards
    model: nn.Module
    optimiser: torch.optim.Optimizer
    device: torch.device
    averaged: AveragedModel | None = None  # running mean of the weights, with training.ema

    @property
    def settings(self) -> TrainingSettings:
        """The section `training`."""
        return self.task.training

    @property
    def evaluated(self) -> nn.Module:
        """The network that is validated, tested and saved: with the running mean of the weights, if there is one."""
        return self.model if self.averaged is None else cast(nn.Module, self.averaged.module)

    @property
    def checkpoint(self) -> str:
        """Which epoch's weights are kept, best or last; last without a validation part."""
        return self.settings.checkpoint if len(self.fold.roles["val"]) else "last"

    def forward(self, model: nn.Module, x: NDArray[np.float32]) -> Tensor:
        """Return float32 logits (N, K) of a batch (N, C + 1, T, V)."""
        dtype = precision(self.settings, self.device)
        inputs = torch.from_numpy(x)
        if self.device.type == "cuda":  # a copy from pinned memory runs in parallel with the previous step
            inputs = inputs.pin_memory()
        inputs = inputs.to(self.device, non_blocking=True)
        with torch.autocast(self.device.type, dtype, enabled=dtype != torch.float32):
            return model(inputs).float()


def configure_torch(threads: int) -> None:
    """Set the number of CPU threads, and make results reproducible, for the whole process."""
    torch.set_num_threads(threads)
    # cuBLAS reads it when CUDA starts; without it, sums may be taken in varying order.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Filling new memory costs 8 % of a step, and only guards against reading what was never written.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False


def create_run(task: TrainingTask, fold: Fold, shards: Shards, gpu: int | None = None) -> Run:
    """Build the network, with weights that depend on the seed alone, and its optimiser.

    Parameters
    ----------
    task
        Settings and seed.
    fold
        Samples of each role.
    shards
        Tensors of the samples.
    gpu
        Number of the CUDA device; None for the CPU.
    """
    device = torch.device("cpu")
    if gpu is not None:
        device = torch.device("cuda", gpu)
        torch.cuda.set_device(device)
    torch.manual_seed(task.seed)
    model = build_network(shards.metadata, len(fold.labels), task.model).to(device)
    averaged = None
    if task.training.ema:
        averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(task.training.ema), use_buffers=True)
    return Run(task, fold, shards, model, configure_optimiser(model, task.training), device, averaged)


def eval_model(run: Run, role: str) -> NDArray[np.float32]:
    """Return the logits of a role's samples, shape (N, K)."""
    samples = run.fold.roles[role]
    batches = in_order(len(samples), EVALUATION_BATCH)
    run.evaluated.eval()
    with torch.no_grad():
        parts = [
            run.forward(run.evaluated, batch.x).cpu().numpy()
            for batch in load_batches(run.shards, samples, batches, run.task.stream)
        ]
    return np.concatenate(parts) if parts else np.empty((0, len(run.fold.labels)), np.float32)


def conditions(run: Run) -> dict[str, Any]:
    """Return what must be equal for bit-identical weights, besides task and data: device, precision, threads."""
    return {
        "device": torch.cuda.get_device_name() if run.device.type == "cuda" else "cpu",
        "precision": str(precision(run.settings, run.device)).removeprefix("torch."),
        "threads": torch.get_num_threads(),
    }

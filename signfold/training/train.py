"""Training one stream on one fold: the loop, its outputs, and going on after a kill.

The epoch is chosen on the validation part, and the test part is scored once, with the chosen weights. Every random
number depends on (seed, epoch, sample) alone, and the learning rate on what has been done, so that a checkpoint is
weights, optimiser and history, and a run that was killed ends with the weights that it would have had.
"""

from __future__ import annotations

import logging
import math
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

import signfold
from signfold.core import devices, files, versions
from signfold.core.errors import SignfoldError
from signfold.core.memory import keep_freed_memory
from signfold.core.settings import Augmentation, ModelSettings, TrainingSettings
from signfold.folds.roles import Fold, Samples, read_fold
from signfold.models.aagcn import AAGCN, parameter_count
from signfold.models.io import build_network, save_model
from signfold.tensors.shards import Shards
from signfold.training import checkpoint as checkpoints
from signfold.training.batches import Batch, in_order, load_batches, shuffled
from signfold.training.optim import configure_optimiser, lr_schedule, precision
from signfold.training.outputs import jsonable, score, write_history, write_predictions
from signfold.training.tensorboard import Board
from signfold.training.transfer import provenance_of, start_from

log = logging.getLogger(__name__)

SAVE_EVERY_SECONDS = 60.0
EVALUATION_BATCH = 64


@dataclass
class State:
    """How far training is. With weights and optimiser, all that a checkpoint holds."""

    epoch: int = 0
    step: int = 0  # within the epoch
    loss: float = 0.0  # weighted sum within the epoch
    weight: float = 0.0
    correct: int = 0
    seconds: float = 0.0  # spent in the epoch so far
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0  # from 1
    best: dict[str, Tensor] | None = None

    def losses(self) -> list[float]:
        """Return the loss of each finished epoch: validation's, or training's where nobody validates."""
        return [row["train_loss"] if math.isnan(row["val_loss"]) else row["val_loss"] for row in self.history]


@dataclass
class Run:
    """What stays the same throughout."""

    fold: Fold
    shards: Shards
    stream: str
    settings: TrainingSettings
    augmentation: Augmentation
    seed: int
    model: AAGCN
    optimiser: torch.optim.Optimizer
    device: torch.device
    select: str
    averaged: AveragedModel | None = None

    @property
    def judged(self) -> AAGCN:
        """The network that validates, tests and is kept: the running mean of the weights where one is wanted."""
        return self.model if self.averaged is None else cast(AAGCN, self.averaged.module)

    def forward(self, model: AAGCN, x: NDArray[np.float32]) -> Tensor:
        """Return float32 logits of a batch."""
        dtype = precision(self.settings, self.device)
        inputs = torch.from_numpy(x)
        if self.device.type == "cuda":  # from pinned memory the copy runs beside the step before
            inputs = inputs.pin_memory()
        inputs = inputs.to(self.device, non_blocking=True)
        with torch.autocast(self.device.type, dtype, enabled=dtype != torch.float32):
            return model(inputs).float()


def train(
    fold_file: Path,
    tensors: Sequence[Path],
    out: Path,
    *,
    stream: str,
    settings: TrainingSettings,
    augmentation: Augmentation,
    model_settings: ModelSettings,
    seed: int,
    threads: int,
    audit: Path | None,
    checkpoint: Path,
    initial: Path | None = None,
    dataset: str = "",
    board: Path | None = None,
) -> None:
    """Train on a fold's training part, choose the epoch on its validation part, and score its test part once.

    Parameters
    ----------
    fold_file
        `folds/{fold}.parquet`.
    tensors
        The shards' `.npy` files, each with its `.parquet` beside it.
    out
        Where `model.safetensors`, `provenance.json`, `metrics.json`, `history.csv` and `predictions.parquet` go.
    stream
        One of `streams.STREAMS`.
    settings, augmentation, model_settings
        The configuration's sections `training`, `augmentation` and `model`.
    seed
        Fixes initial weights, order and variation: on a CPU, the same seed and number of threads give the same weights.
    threads
        CPU threads.
    audit
        `folds/audit.json`, which must have passed; None for pre-training, where nobody is tested.
    checkpoint
        Where to keep what is needed to go on after a kill. Removed when done.
    initial
        A `model.safetensors` to start from, with its `provenance.json` beside it.
    dataset
        Name of the data set, within which signers are compared with those that `initial` has seen.
    board
        Folder of TensorBoard's files; none are written without.

    Raises
    ------
    SignfoldError
        If the fold leaks, tensors do not fit it, initial weights do not fit or have seen test clips, or the loss is not
        finite.
    """
    configure_torch(threads)
    fold, shards = read_fold(fold_file, audit), Shards(tensors)
    for samples in fold.roles.values():
        shards.check(samples)
    depends = {
        "training": asdict(settings),
        "augmentation": asdict(augmentation),
        "model": asdict(model_settings),
        "stream": stream,
        "seed": seed,
    }
    depends |= {"tensors": shards.metadata, "version": versions.training(model_settings.network)}
    identity = checkpoints.run_digest(depends, [fold_file, *tensors, *([initial] if initial else [])])
    with checkpoints.held(checkpoint), devices.claimed(devices.names(torch.cuda.device_count())) as place:
        run = create_run(fold, shards, stream, settings, augmentation, model_settings, seed, place)
        if initial is not None:
            start_from(run.model, initial, fold=fold, tensors=shards.metadata, dataset=dataset)
        state = run_epochs(run, checkpoint, identity, out / "history.csv", board)
        write_outputs(run, state, out, model_settings, provenance_of(fold, dataset, initial))
    checkpoints.remove_checkpoint(checkpoint)


def configure_torch(threads: int) -> None:
    """Set what holds for the whole process: number of threads, and the same results every time."""
    torch.set_num_threads(threads)
    # Without it, cuBLAS may add in another order each time; read when CUDA starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    # That would fill all new memory first, in case somebody reads what was never written: 8 % of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    keep_freed_memory()


def create_run(
    fold: Fold,
    shards: Shards,
    stream: str,
    settings: TrainingSettings,
    augmentation: Augmentation,
    model_settings: ModelSettings,
    seed: int,
    place: int | None = None,
) -> Run:
    """Return a run with a fresh network, whose weights depend on the seed alone, on a CUDA device or on the CPU."""
    device = torch.device("cpu")
    if place is not None:
        device = torch.device("cuda", place)
        torch.cuda.set_device(device)
    torch.manual_seed(seed)
    model = build_network(shards.metadata, len(fold.labels), model_settings).to(device)
    select = settings.checkpoint if len(fold.roles["val"]) else "last"
    optimiser = configure_optimiser(model, settings)
    averaged = None
    if settings.ema:
        averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(settings.ema), use_buffers=True)
    return Run(fold, shards, stream, settings, augmentation, seed, model, optimiser, device, select, averaged)


def run_epochs(run: Run, checkpoint: Path, identity: str, history: Path, board: Path | None = None) -> State:
    """Train from where the checkpoint is, or from the start, to the end; leave the chosen weights in `run.judged`."""
    state = restore(run, checkpoint, identity)
    curves = Board(board, state.history)
    while state.epoch < run.settings.epochs and not _out_of_patience(run, state):
        train_epoch(run, state, lambda: save_checkpoint(run, state, checkpoint, identity))
        end_epoch(run, state)
        write_history(history, state.history)
        curves.add(state.history[-1])
        save_checkpoint(run, state, checkpoint, identity)
    curves.close()
    if run.select == "best" and state.best is not None:
        run.judged.load_state_dict(state.best)
    return state


def restore(run: Run, checkpoint: Path, identity: str) -> State:
    """Return the state of the checkpoint, its weights and optimiser loaded; a fresh one where there is none."""
    saved = checkpoints.load_checkpoint(checkpoint, identity)
    if saved is None:
        return State()
    now = conditions(run)
    before = saved.pop("conditions", now)  # earlier versions did not note them
    if before != now:
        log.warning("going on with %s after %s: not the same to the bit as without the stop", now, before)
    run.model.load_state_dict(saved.pop("model"))
    run.optimiser.load_state_dict(saved.pop("optimiser"))
    if run.averaged is not None:
        run.averaged.load_state_dict(saved.pop("averaged"))
    state = State(**saved)
    log.info("going on at epoch %d, step %d", state.epoch + 1, state.step + 1)
    return state


def save_checkpoint(run: Run, state: State, checkpoint: Path, identity: str) -> None:
    """Write a checkpoint."""
    saved = {"model": run.model.state_dict(), "optimiser": run.optimiser.state_dict(), **vars(state)}
    saved["conditions"] = conditions(run)
    if run.averaged is not None:
        saved["averaged"] = run.averaged.state_dict()
    checkpoints.write_checkpoint(checkpoint, saved, identity)


def _out_of_patience(run: Run, state: State) -> bool:
    patience = run.settings.patience
    if patience is None or not len(run.fold.roles["val"]):
        return False
    return len(state.history) - state.best_epoch >= patience


def train_epoch(run: Run, state: State, keep_state: Any) -> None:
    """Do the steps of an epoch that are not yet done; keep the state every minute or so."""
    samples = run.fold.roles["train"]
    batches = shuffled(len(samples), run.settings.batch_size, run.seed, state.epoch)
    variation = (run.augmentation, run.seed, state.epoch)
    coming = load_batches(run.shards, samples, batches[state.step :], run.stream, variation)
    label = f"epoch {state.epoch + 1}/{run.settings.epochs}"
    rest = 0.5 if sys.stderr.isatty() else 10.0  # in a log, each refresh stays
    bar = tqdm(coming, label, len(batches), False, mininterval=rest, delay=rest, initial=state.step, unit="step")
    run.model.train()
    last = saved = time.monotonic()
    for batch in bar:
        train_step(run, state, batch, len(batches))
        now = time.monotonic()
        state.seconds, last = state.seconds + now - last, now
        if now - saved > SAVE_EVERY_SECONDS and state.step < len(batches):
            keep_state()
            saved = now


def train_step(run: Run, state: State, batch: Batch, steps: int) -> None:
    """Do one step of `steps` in the epoch."""
    settings, samples = run.settings, run.fold.roles["train"]
    done = (state.epoch * steps + state.step) / (settings.epochs * steps)
    for group in run.optimiser.param_groups:
        group["lr"] = lr_schedule(settings, done, state.losses())
    torch.manual_seed(((run.seed * 1_000_003 + state.epoch) * 1_000_003 + state.step) % 2**63)  # dropout
    targets = torch.from_numpy(samples.class_id[batch.index]).to(run.device)
    weight = torch.from_numpy(samples.weight[batch.index]).to(run.device)
    logits = run.forward(run.model, batch.x)
    losses = functional.cross_entropy(logits, targets, reduction="none", label_smoothing=settings.label_smoothing)
    loss = (losses * weight).sum() / weight.sum()
    run.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(run.model.parameters(), settings.grad_clip_norm or math.inf)
    if not (math.isfinite(loss.item()) and math.isfinite(norm.item())):
        raise _not_finite(samples, batch, state)
    run.optimiser.step()
    if run.averaged is not None:
        run.averaged.update_parameters(run.model)
    state.step += 1
    state.loss += loss.item() * weight.sum().item()
    state.weight += weight.sum().item()
    state.correct += int((logits.argmax(1) == targets).sum())


def _not_finite(samples: Samples, batch: Batch, state: State) -> SignfoldError:
    ids = ", ".join(samples.sample_id[batch.index])
    return SignfoldError(
        f"training: the loss or its gradient is not finite in epoch {state.epoch + 1}, step {state.step + 1}. "
        f"Look at the tensors of these samples, or lower training.learning_rate: {ids}"
    )


def end_epoch(run: Run, state: State) -> None:
    """Measure the validation part, note the epoch in the history, and remember its weights if it is the best."""
    start = time.monotonic()
    count = len(run.fold.roles["train"])
    scores = score(eval_model(run, "val"), run.fold.roles["val"].class_id)
    row = {
        "epoch": state.epoch + 1,
        "lr": run.optimiser.param_groups[0]["lr"],
        "train_loss": state.loss / state.weight,
        "train_top1": state.correct / count,
        "val_loss": scores["loss"],
        "val_top1": scores["top1"],
        "seconds": state.seconds + time.monotonic() - start,
    }
    if not state.history or row["val_loss"] < min(past["val_loss"] for past in state.history):
        state.best_epoch = state.epoch + 1
        if run.select == "best":
            state.best = {name: value.detach().clone() for name, value in run.judged.state_dict().items()}
    state.history.append(row)
    log.info("%d of %d epochs: %s", row["epoch"], run.settings.epochs, " ".join(f"{k} {v:.4g}" for k, v in row.items()))
    state.epoch, state.step = state.epoch + 1, 0
    state.loss = state.weight = state.seconds = 0.0
    state.correct = 0


def eval_model(run: Run, role: str) -> NDArray[np.float32]:
    """Return the logits of a role's samples, shape (N, K)."""
    samples = run.fold.roles[role]
    batches = in_order(len(samples), EVALUATION_BATCH)
    run.judged.eval()
    with torch.no_grad():
        parts = [
            run.forward(run.judged, batch.x).cpu().numpy()
            for batch in load_batches(run.shards, samples, batches, run.stream)
        ]
    return np.concatenate(parts) if parts else np.empty((0, len(run.fold.labels)), np.float32)


def write_outputs(run: Run, state: State, out: Path, model_settings: ModelSettings, provenance: dict[str, Any]) -> None:
    """Score validation and test with the chosen weights and write the model, its scores and its predictions."""
    labels = run.fold.labels
    save_model(
        out,
        run.judged,
        settings=model_settings,
        tensors=run.shards.metadata,
        labels=labels,
        stream=run.stream,
        provenance=provenance,
    )
    logits = {role: eval_model(run, role) for role in ("val", "test")}
    write_predictions(out / "predictions.parquet", run.fold, logits)
    write_history(out / "history.csv", state.history)
    scores = {role: score(logits[role], run.fold.roles[role].class_id) for role in logits}
    before = {key: provenance[key] for key in ("initial", "pretrained")}
    files.write_json(out / "metrics.json", {**describe(run, state), **before, **jsonable(scores)})


def conditions(run: Run) -> dict[str, Any]:
    """Return under what the weights come out the same to the bit."""
    return {
        "device": torch.cuda.get_device_name() if run.device.type == "cuda" else "cpu",
        "precision": str(precision(run.settings, run.device)).removeprefix("torch."),
        "threads": torch.get_num_threads(),
    }


def describe(run: Run, state: State) -> dict[str, Any]:
    """Return what `metrics.json` says besides the scores."""
    return {
        "fold": run.fold.name,
        "stream": run.stream,
        "seed": run.seed,
        "epochs": len(state.history),
        "best_epoch": state.best_epoch if run.select == "best" else len(state.history),
        "select": run.select,
        "parameters": parameter_count(run.model),
        "n_classes": len(run.fold.labels),
        **{f"n_{role}": len(samples) for role, samples in run.fold.roles.items()},
        "train_seconds": round(sum(row["seconds"] for row in state.history), 3),
        **conditions(run),
        "versions": {"signfold": signfold.__version__, "torch": torch.__version__, "numpy": np.__version__},
    }

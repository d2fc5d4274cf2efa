"""The training loop.

The epoch is chosen on the validation part; the test part is scored once, with the chosen weights. Every random number
depends on (seed, epoch, sample) alone and the learning rate on the progress alone. So a checkpoint needs no state of
random generators, and an interrupted training ends with the same weights as one without interruption.
"""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Iterator

import torch
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from signfold.core import devices
from signfold.core.errors import SignfoldError
from signfold.folds.roles import Samples, read_fold
from signfold.tensors.shards import Shards
from signfold.training.augment import Variation
from signfold.training.batches import Batch, load_batches, shuffled
from signfold.training.checkpoint import held, load_checkpoint, remove_checkpoint, run_digest, save_checkpoint
from signfold.training.optim import lr_schedule
from signfold.training.outputs import score, write_history, write_outputs
from signfold.training.run import Run, State, configure_torch, create_run, eval_model
from signfold.training.task import TrainingPaths, TrainingTask
from signfold.training.tensorboard import Board
from signfold.training.transfer import load_initial_weights, provenance_of

log = logging.getLogger(__name__)

SAVE_EVERY_SECONDS = 60.0


def train(task: TrainingTask, paths: TrainingPaths, threads: int) -> None:
    """Train on a fold's training part, choose the epoch on its validation part, and score its test part once.

    Parameters
    ----------
    task
        Settings and seed. On a CPU, equal seed and number of threads give equal weights.
    paths
        Files to read and write.
    threads
        Number of CPU threads.

    Raises
    ------
    SignfoldError
        If the fold leaks, the tensors are not the fold's, the initial weights do not fit or have seen test clips, or
        the loss is not finite.
    """
    configure_torch(threads)
    fold, shards = read_fold(paths.fold, paths.audit), Shards(paths.tensors)
    for samples in fold.roles.values():
        shards.check(samples)
    with held(paths.checkpoint), devices.claimed(devices.names(torch.cuda.device_count())) as gpu:
        run = create_run(task, fold, shards, gpu)
        if paths.initial is not None:
            load_initial_weights(run, paths.initial)
        state = run_epochs(run, paths)
        logits = {role: eval_model(run, role) for role in ("val", "test")}
        write_outputs(paths.out, run, state, logits, provenance_of(fold, task.dataset, paths.initial))
    remove_checkpoint(paths.checkpoint)


def run_epochs(run: Run, paths: TrainingPaths) -> State:
    """Train from the checkpoint, or from the start, to the last epoch; leave the chosen weights in `run.evaluated`."""
    task, settings, samples = run.task, run.settings, run.fold.roles["train"]
    identity = run_digest(task, paths, run.shards)
    state = load_checkpoint(run, paths.checkpoint, identity)
    board = Board(paths.tensorboard, state.history)
    while state.epoch < task.epochs and not out_of_patience(run, state):
        batches = shuffled(len(samples), settings.batch_size, task.seed, state.epoch)
        variation = Variation(task.augmentation, task.seed, state.epoch)
        loader = load_batches(run.shards, samples, batches[state.step :], task.stream, variation)
        start, saved = time.monotonic() - state.seconds, time.monotonic()
        run.model.train()
        for batch in progress_bar(loader, run, state, len(batches)):
            done = (state.epoch * len(batches) + state.step) / (settings.epochs * len(batches))
            train_step(run, state, batch, lr_schedule(settings, done, state.losses()))
            state.seconds = time.monotonic() - start
            if time.monotonic() - saved > SAVE_EVERY_SECONDS and state.step < len(batches):
                save_checkpoint(run, state, paths.checkpoint, identity)
                saved = time.monotonic()

        val = score(eval_model(run, "val"), run.fold.roles["val"].class_id)
        row = {
            "epoch": state.epoch + 1,
            "lr": run.optimiser.param_groups[0]["lr"],
            "train_loss": state.loss / state.weight,
            "train_top1": state.correct / len(samples),
            "val_loss": val["loss"],
            "val_top1": val["top1"],
            "seconds": time.monotonic() - start,
        }
        values = " ".join(f"{key} {value:.4g}" for key, value in row.items())
        log.info("%d of %d epochs: %s", state.epoch + 1, task.epochs, values)
        if state.end_epoch(row) and run.checkpoint == "best":
            state.best = {name: value.detach().clone() for name, value in run.evaluated.state_dict().items()}
        write_history(paths.out / "history.csv", state.history)
        board.add(row)
        save_checkpoint(run, state, paths.checkpoint, identity)
    board.close()
    if run.checkpoint == "best" and state.best is not None:
        run.evaluated.load_state_dict(state.best)
    return state


def train_step(run: Run, state: State, batch: Batch, rate: float) -> None:
    """Do one step of the optimiser with the learning rate `rate`, and add its loss to the epoch's sums.

    Raises
    ------
    SignfoldError
        If the loss or its gradient is not finite.
    """
    settings, samples = run.settings, run.fold.roles["train"]
    for group in run.optimiser.param_groups:
        group["lr"] = rate
    torch.manual_seed(((run.task.seed * 1_000_003 + state.epoch) * 1_000_003 + state.step) % 2**63)  # of dropout
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
        f"training: the loss or its gradient is not finite in epoch {state.epoch + 1}, step {state.step + 1}; "
        f"check the tensors of these samples, or lower training.learning_rate: {ids}"
    )


def out_of_patience(run: Run, state: State) -> bool:
    """Return whether the validation loss has not improved for `training.patience` epochs."""
    patience = run.settings.patience
    if patience is None or not len(run.fold.roles["val"]):
        return False
    return len(state.history) - state.best_epoch >= patience


def progress_bar(loader: Iterator[Batch], run: Run, state: State, steps: int) -> Iterator[Batch]:
    """Yield an epoch's batches, with a bar on a terminal and a line every ten seconds in a log."""
    label = f"epoch {state.epoch + 1}/{run.task.epochs}"
    pause = 0.5 if sys.stderr.isatty() else 10.0
    return tqdm(loader, label, steps, False, mininterval=pause, delay=pause, initial=state.step, unit="step")

"""Checkpoints: written atomically, read without unpickling code, used only for the run that wrote them."""

from __future__ import annotations

import glob
import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from signfold.core import files, versions
from signfold.core.errors import SignfoldError
from signfold.tensors.shards import Shards
from signfold.training.run import Run, State, conditions
from signfold.training.task import TrainingPaths, TrainingTask

log = logging.getLogger(__name__)


def digest(values: Mapping[str, Any], contents: Sequence[Path] = ()) -> str:
    """Return the SHA-256 of values and of the contents of files."""
    total = hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode())
    for path in contents:
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def run_digest(task: TrainingTask, paths: TrainingPaths, shards: Shards) -> str:
    """Return a digest of all that a training's weights depend on: settings, seed, version, and its files' contents.

    Parameters
    ----------
    task
        Settings and seed.
    paths
        Files, of which fold and initial weights are read.
    shards
        Tensors, which are read and compared with their digests.

    Raises
    ------
    SignfoldError
        If a tensor file is not the one that was written with its table.
    """
    values = {
        "training": asdict(task.training),
        "augmentation": asdict(task.augmentation),
        "model": asdict(task.model),
        "stream": task.stream,
        "seed": task.seed,
        "tensors": shards.metadata,
        "arrays": shards.verify(),
        "version": versions.training(task.model.network),
    }
    return digest(values, [paths.fold, *([paths.initial] if paths.initial else [])])


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Lock a checkpoint, so that no two trainings write it; the system releases the lock when the process ends.

    Raises
    ------
    SignfoldError
        If another training holds it, for example one that an earlier run left behind on another node of a cluster.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.with_name(f"{path.name}.lock")
    lock = FileLock(file)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise SignfoldError(
            f"{path}: another training holds this checkpoint, perhaps one that an earlier run left; wait until it "
            "has ended, or end it (`squeue --me` or `ps` shows it), then run the same command again"
        ) from None
    except (OSError, NotImplementedError) as error:  # some file systems of clusters have no locks
        log.warning("%s cannot be locked (%s): make sure that no other training uses it", path, error)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
        lock.release()


def save_checkpoint(run: Run, state: State, path: Path, identity: str) -> None:
    """Write weights, optimiser and progress of the run with the digest `identity`."""
    saved = {"model": run.model.state_dict(), "optimiser": run.optimiser.state_dict(), **vars(state)}
    saved["conditions"] = conditions(run)
    if run.averaged is not None:
        saved["averaged"] = run.averaged.state_dict()
    write_checkpoint(path, saved, identity)


def load_checkpoint(run: Run, path: Path, identity: str) -> State:
    """Load the checkpoint of the run with the digest `identity`, and return its progress; without one, a new state."""
    saved = read_checkpoint(path, identity)
    if saved is None:
        return State()
    now, before = conditions(run), saved.pop("conditions")
    if before != now:
        log.warning("resuming with %s, interrupted with %s: weights may differ in the last bits", now, before)
    run.model.load_state_dict(saved.pop("model"))
    run.optimiser.load_state_dict(saved.pop("optimiser"))
    if run.averaged is not None:
        run.averaged.load_state_dict(saved.pop("averaged"))
    state = State(**saved)
    log.info("resuming at epoch %d, step %d", state.epoch + 1, state.step + 1)
    return state


def write_checkpoint(path: Path, state: Mapping[str, Any], identity: str) -> None:
    """Write `state` with the run's digest, atomically."""
    with files.atomic_write(path) as temporary:
        torch.save({"run": identity, "state": dict(state)}, temporary)


def read_checkpoint(path: Path, identity: str) -> dict[str, Any] | None:
    """Return the state that was written with the same digest; None if there is none, or the file is unreadable."""
    if not path.exists():
        return None
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        if saved["run"] == identity:
            return saved["state"]
        log.info("%s was written with other settings or samples: training from the start", path)
    except Exception as error:  # whatever a damaged file makes torch raise, training from the start is right
        log.warning("%s cannot be read (%s): training from the start", path, error)
    return None


def remove_checkpoint(path: Path) -> None:
    """Delete a checkpoint, and the temporary files of those whose writing was interrupted."""
    path.unlink(missing_ok=True)
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        part.unlink(missing_ok=True)

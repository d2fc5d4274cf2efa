"""Stopping and going on: all that training needs, written whole, read without unpickling code."""

from __future__ import annotations

import glob
import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from signfold.core import files
from signfold.core.errors import SignfoldError

log = logging.getLogger(__name__)


def run_digest(parts: Mapping[str, Any], contents: list[Path]) -> str:
    """Return a digest of all that a run depends on: settings by value, files by content."""
    total = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode())
    for path in contents:
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a checkpoint, so that no two trainings write one; the system lets go of it however the process ends.

    Raises
    ------
    SignfoldError
        If another training holds it, as one that a former run left on another node of a cluster.
    """
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.with_name(f"{path.name}.lock")
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise SignfoldError(
            f"{path}: another training holds this checkpoint, perhaps one that a former run left behind; wait until it "
            "has ended, or end it (`squeue --me` or `ps` shows it), then run the same command again"
        ) from None
    except (OSError, NotImplementedError) as error:  # some file systems of clusters have no locks
        log.warning("%s cannot be locked (%s): see that no other training has it", path, error)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
        lock.release()


def write_checkpoint(path: Path, state: Mapping[str, Any], run: str) -> None:
    """Write a checkpoint of the run with the digest `run`, whole or not at all."""
    with files.atomic_write(path) as temporary:
        torch.save({"run": run, "state": dict(state)}, temporary)


def remove_checkpoint(path: Path) -> None:
    """Remove a checkpoint, and what kills in the middle of `save` have left of others."""
    path.unlink(missing_ok=True)
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        part.unlink(missing_ok=True)


def load_checkpoint(path: Path, run: str) -> dict[str, Any] | None:
    """Return the state that `save` wrote for the same run; None where there is none, or one of another run."""
    if not path.exists():
        return None
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        if saved["run"] == run:
            return saved["state"]
        log.info("%s is of other settings or samples: starting anew", path)
    except Exception as error:  # whatever a broken file makes the reader raise, starting anew is right
        log.warning("%s cannot be read (%s): starting anew", path, error)
    return None

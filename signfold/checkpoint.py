"""Stopping and going on: all that training needs, written whole, read without unpickling code."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from signfold import files

log = logging.getLogger(__name__)


def digest(parts: Mapping[str, Any], contents: list[Path]) -> str:
    """Return a digest of all that a run depends on: settings by value, files by content."""
    total = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode())
    for path in contents:
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def save(path: Path, state: Mapping[str, Any], run: str) -> None:
    """Write a checkpoint of the run with the digest `run`, whole or not at all."""
    with files.whole(path) as temporary:
        torch.save({"run": run, "state": dict(state)}, temporary)


def load(path: Path, run: str) -> dict[str, Any] | None:
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

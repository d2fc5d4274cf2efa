"""Digests by which the workflow knows what changed: the files of a dataset, and what the index says of them."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from typing import Any

from signfold.core.errors import SignfoldError
from signfold.dataset import synthetic
from signfold.dataset.index import Index, Sample, is_unrendered


def fingerprint(samples: Sequence[Sample], dataset: Mapping[str, Any]) -> str:
    """Return a digest of which files samples lie in, and of each file's state.

    It tells the workflow which shards to extract again. A file's state is its size, times of modification and of
    change, and its inode: a file that took another's place has another one, whatever modification time it was given.
    The device is left out: a shared disk has another number on each node of a cluster, and after each start. Rendered
    clips have a modification time that is known before they are there, and nothing else counts of them.

    Raises
    ------
    SignfoldError
        If a file has gone.
    """
    coming = None
    if "synth" in dataset and is_unrendered(dataset):
        coming = str(synthetic.modified_ns(synthetic.SynthSettings(**dataset["synth"])))
    state = hashlib.sha256()
    for sample in samples:
        of_file = coming or file_state(sample.path, rendered="synth" in dataset)
        state.update(f"{sample.sample_id}\0{sample.path}\0{of_file}\0".encode("utf-8", "backslashreplace"))
    return state.hexdigest()[:16]


def file_state(path: str, rendered: bool = False) -> str:
    """Return what tells a file from another in its place, without reading it; of a folder, that of all its files."""
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            with os.scandir(path) as entries:
                return repr(sorted((entry.name, _state(entry.stat())) for entry in entries if entry.is_file()))
    except OSError as error:
        why = "has gone" if isinstance(error, FileNotFoundError) else f"cannot be looked at ({error.strerror})"
        raise SignfoldError(f"{path}: the file {why}; run again") from None
    return str(status.st_mtime_ns) if rendered else _state(status)


def _state(status: os.stat_result) -> str:
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


def index_digest(index: Index, *fields: str, excluded: bool = False) -> str:
    """Return a digest of the named fields of all samples, and of what was left out if that is wanted."""
    state = hashlib.sha256()
    for sample in index.samples:
        about = "\0".join(str(getattr(sample, field)) for field in fields)
        state.update(about.encode("utf-8", "backslashreplace") + b"\1")
    for path, reason in index.excluded if excluded else ():
        state.update(f"{path}\0{reason}\2".encode("utf-8", "backslashreplace"))
    return state.hexdigest()[:16]

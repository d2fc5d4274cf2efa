"""What a system refuses (space, writing, memory), said in one line for people. Light: every job imports it first."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from signfold.core.errors import CannotWrite, SignfoldError

# What a system says where it takes nothing more, and what to do about each.
ADVICE = {
    errno.ENOSPC: "free some space on the disk of {folder} ({free:.1f} MB are left)",
    errno.EDQUOT: "your quota on the disk of {folder} is used up: delete something, or ask for more",
    errno.EROFS: "the disk of {folder} is mounted read-only: choose another place, or mount it for writing",
    errno.EACCES: "make {folder} writable",
    errno.EPERM: "make {folder} writable",
}
# What libraries say where the system gives no memory. Their classes are not asked for: importing them takes seconds.
_NO_MEMORY = (
    *("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory", "failed to allocate"),
    *("bad_alloc", "failed to map segment", "can't start new thread"),
)
AGAIN = "then run the same command again: what is finished stays"


def refused(path: str | Path, error: OSError) -> CannotWrite:
    """Return the error that says which file could not be written, why, and what to do.

    Parameters
    ----------
    path
        The file or folder that was to be written.
    error
        What the system said.
    """
    whole = Path(path).absolute()
    folder = next(parent for parent in whole.parents if os.path.isdir(parent))  # noqa: PTH112 -- never raises
    free = shutil.disk_usage(folder).free / 1e6
    advice = ADVICE.get(error.errno or 0, "make {folder} writable").format(folder=folder, free=free)
    said = os.strerror(error.errno) if error.errno else error.strerror  # without what libraries add
    return CannotWrite(f"{path}: cannot be written ({said}); {advice}, {AGAIN}")


def of_memory(text: str) -> str | None:
    """Return the first line of a text in which a library says that it got no memory; None if there is none."""
    return next((line for line in text.splitlines() if any(words in line.lower() for words in _NO_MEMORY)), None)


def explanation(error: Exception) -> str | None:
    """Return what a user can do about an error, in one message; None for a mistake of the program's own."""
    if isinstance(error, SignfoldError):
        return str(error)
    if isinstance(error, OSError) and error.errno in ADVICE and error.filename:
        return str(refused(os.fsdecode(error.filename), error))
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"a file cannot be written ({error.strerror}); free some space (`df -h` shows where), {AGAIN}"
    text = str(error).strip() or type(error).__name__
    said = of_memory(text)
    if said is None:
        if not isinstance(error, MemoryError):
            return None
        said = text.splitlines()[0]
    if "cuda" in said.lower():
        return f"the GPU's memory ran out ({said}); lower training.batch_size, {AGAIN}"
    return f"memory ran out ({said}); run fewer jobs at a time (a smaller --cores) or use a larger machine, {AGAIN}"

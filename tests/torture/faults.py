"""What a fault is, and the list of them.

A fault changes files, limits or processes, yields for a run that is judged, and restores what no rerun can. The dataset
is put back afterwards by the caller.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from world import World


@dataclass(frozen=True)
class Judged:
    """What the next run must tell, and the run itself if it has begun; `compare` its results with a fresh run's."""

    names: str = ""
    process: subprocess.Popen[str] | None = None
    compare: bool = True


Fault = Callable[[World], Iterator[Judged]]
FAULTS: dict[str, Fault] = {}
# Those of the short form: quick, each of another kind; the first needs no run before it, nor the last one after it.
SHORT = ("kill", "bit flip in the cache", "two videos swapped")


def fault(name: str) -> Callable[[Fault], Fault]:
    def register(function: Fault) -> Fault:
        FAULTS[name] = function
        return function

    return register


def forget(world: World, cache: bool = True) -> None:
    """Delete the results, so that a run has all to do; the cache too where videos are to be read."""
    shutil.rmtree(world.results, ignore_errors=True)
    if cache:
        shutil.rmtree(world.folder / "cache", ignore_errors=True)

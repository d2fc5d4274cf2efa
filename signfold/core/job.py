"""What every script of the workflow does around its one call: threads, the rule's log, errors for people."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from signfold.core.errors import SignfoldError

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_NUM_THREADS")


@contextmanager
def job(log: str | Path, threads: int) -> Iterator[None]:
    """Run a script's work: its words go to the rule's log, MediaPipe's C++ chatter too.

    Enter it before anything heavy is imported: the libraries read their number of threads when they are loaded.
    A `SignfoldError` ends the process with status 1 and its message, in the log and on the terminal, no traceback.

    Parameters
    ----------
    log
        The rule's log.
    threads
        How many threads the libraries may start.
    """
    for name in _THREADS:
        os.environ[name] = str(threads)
    # Threads that spin while they wait take the cores from the jobs beside this one: four times slower under load.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    terminal = _redirect(Path(log))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True)
    logging.captureWarnings(True)
    try:
        yield
    except SignfoldError as error:
        logging.getLogger("signfold").error("%s", error)
        with os.fdopen(terminal, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(f"signfold: {error}\n")
        sys.exit(1)


def _redirect(log: Path) -> int:
    """Point the descriptors of standard output and error at the log; return one for the terminal."""
    terminal = os.dup(2)
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    with log.open("a", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    return terminal

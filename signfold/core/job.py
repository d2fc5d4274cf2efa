"""What every script of the workflow does around its one call: threads, the rule's log, errors for people, its end."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from signfold.core.refusals import explanation, refused

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_NUM_THREADS")


@contextmanager
def job(log: str | Path, threads: int) -> Iterator[None]:
    """Run a script's work: its words go to the rule's log, MediaPipe's C++ chatter too.

    Enter it before anything heavy is imported: the libraries read their number of threads when they are loaded.
    An error that the user can correct (a `SignfoldError`, a full disk, no memory) ends the process with status 1 and
    one message in the log, no traceback. The process ends with the Snakemake that started it, however that one ends.

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
    end_with_snakemake()
    try:
        terminal = _redirect(Path(log))
    except OSError as error:
        sys.exit(f"signfold: {refused(log, error)}")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True)
    logging.captureWarnings(True)
    try:
        yield
    except KeyboardInterrupt:
        logging.getLogger("signfold").warning("interrupted")
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        if (message := explanation(error)) is None:
            raise
        _say(message, terminal)
        sys.exit(1)


def end_with_snakemake() -> None:
    """Kill this process, and those it started, as soon as the Snakemake that started it is gone.

    A Snakemake that is killed cannot stop its jobs, and a training that lived on would write beside the next one. On a
    cluster, that Snakemake is the job's own on the node: jobs outlive the one on the login node.
    """
    import psutil

    with suppress(psutil.Error):
        for process in psutil.Process().parents():  # a shell stands between
            if any(Path(word).name == "snakemake" for word in process.cmdline()):
                threading.Thread(target=_follow, args=[process], daemon=True).start()
                return


def _follow(process: object) -> None:
    import psutil

    assert isinstance(process, psutil.Process)
    with suppress(psutil.Error):
        # Not `wait`: that takes a dead process for alive until its parent has asked for it, which some never do.
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.5)
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            child.kill()
    os.kill(os.getpid(), signal.SIGKILL)


def _say(message: str, terminal: int) -> None:
    """Put an error into the log, where Snakemake's terminal finds it; on a full disk, onto the terminal itself."""
    line = logging.Formatter("%(asctime)s ").formatTime(logging.makeLogRecord({}))
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.write(2, f"{line} ERROR signfold: {message}\n".encode(errors="backslashreplace"))
    except OSError:
        os.write(terminal, f"signfold: {message}\n".encode(errors="backslashreplace"))


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

"""Where a script's words go: all of them, MediaPipe's C++ chatter too, to the rule's log."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from signfold.errors import SignfoldError


@contextmanager
def to_log(path: str | Path) -> Iterator[None]:
    """Send standard output and error, down to the file descriptors, to a log for the rest of the process.

    A `SignfoldError` ends the process with status 1 and its message, in the log and on the terminal, and no traceback.

    Parameters
    ----------
    path
        The log; what it held before is kept above (a job that was interrupted leaves its words there).
    """
    terminal = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="backslashreplace")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as log:
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True)
    logging.captureWarnings(True)
    try:
        yield
    except SignfoldError as error:
        logging.getLogger("signfold").error("%s", error)
        terminal.write(f"signfold: {error}\n")
        terminal.flush()
        sys.exit(1)

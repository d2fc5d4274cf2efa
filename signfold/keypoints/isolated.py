"""Extraction in a process of its own, which a video may kill: a crash in a decoder, too little memory, no end.

    python -m signfold.keypoints.isolated FD     # the child; FD is its end of a pipe

The child takes one video after the other, so that MediaPipe is loaded once. Its answers are entries of the cache. What
MediaPipe writes to standard error, the same lines for every video, is shown only where the child dies.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import IO, Any

from signfold.core.clip import Extraction, empty_keypoints
from signfold.core.refusals import of_memory
from signfold.keypoints.cache import CRASHED, entry_bytes, from_bytes
from signfold.keypoints.holistic import Holistic

log = logging.getLogger(__name__)

# A child that decodes no further frame for so long hangs. The slowest frame on a busy machine takes seconds.
PATIENCE_SECONDS = 300.0


@dataclass
class Isolated:
    """An extractor whose work is done by a child process; a child that dies is replaced.

    Parameters
    ----------
    extractor
        The extractor that the child runs.
    """

    extractor: Holistic
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _pipe: Connection | None = field(default=None, init=False)
    _stderr: IO[bytes] = field(default_factory=tempfile.TemporaryFile, init=False)

    def description(self) -> dict[str, Any]:
        """Return the description of the extractor that the child runs."""
        return self.extractor.description()

    def accepts(self, found: Extraction) -> bool:
        """Tell whether an earlier extraction ended where the extractor would end it."""
        return self.extractor.accepts(found)

    def extract(self, path: str | Path) -> Extraction:
        """Return what the extractor finds in a video; the status `crashed` says what killed the child.

        Parameters
        ----------
        path
            The video.
        """
        child, pipe = self._started()
        try:
            pipe.send_bytes(str(Path(path).absolute()).encode("utf-8", "surrogateescape"))
            while pipe.poll(PATIENCE_SECONDS):
                if answer := pipe.recv_bytes():
                    return from_bytes(answer)
        except (EOFError, OSError):
            code = child.wait()
            self._child = None
            self._stderr.seek(0)
            wrote = self._stderr.read()[-2000:].decode(errors="backslashreplace")
            log.warning("%s: %s", path, wrote)
            return _crashed(_death(code, wrote))
        self.close()
        return _crashed(f"it gave no frame for {PATIENCE_SECONDS:.0f} seconds")

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None

    def __enter__(self) -> Isolated:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _started(self) -> tuple[subprocess.Popen[bytes], Connection]:
        if self._child is None or self._pipe is None:
            self._pipe, theirs = Pipe()
            number = theirs.fileno()
            options = json.dumps(asdict(self.extractor))
            command = [sys.executable, "-m", "signfold.keypoints.isolated", str(number), options]
            self._stderr.truncate(0)
            self._child = subprocess.Popen(
                command, pass_fds=[number], stdin=subprocess.DEVNULL, stderr=self._stderr, stdout=self._stderr
            )
            theirs.close()
        return self._child, self._pipe


def _crashed(why: str) -> Extraction:
    reason = f"extraction was given up: {why}; convert the video to H.264, or remove it"
    return Extraction(empty_keypoints(), CRASHED, reason)


def _death(code: int, wrote: str) -> str:
    """Return in words how a process ended, after what it wrote."""
    wanted = code == -signal.SIGKILL or of_memory(wrote)
    memory = ", most likely for want of memory" if wanted else ""
    if code >= 0:
        return f"its process ended with status {code}{memory} (see the log)"
    return f"its process was killed by {signal.Signals(-code).name}{memory}"


def main(number: int, options: dict[str, Any]) -> None:
    """Extract the videos that come through the pipe, until it closes."""
    pipe, extractor = Connection(number), Holistic(**options)

    def frame_done() -> None:
        pipe.send_bytes(b"")

    while True:
        try:
            path = pipe.recv_bytes().decode("utf-8", "surrogateescape")
            try:
                found = extractor.extract(path, frame_done)
            except MemoryError:
                found = _crashed("not enough memory")
            pipe.send_bytes(entry_bytes(found))
        except (EOFError, OSError):
            # The other end has gone: nobody waits for the rest.
            os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(sys.argv[2]))

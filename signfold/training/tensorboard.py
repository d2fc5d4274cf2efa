"""Learning curves for TensorBoard, on request: the rows of history.csv, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class Board:
    """Where the curves of one training go; nothing is written, or imported, without a folder.

    Parameters
    ----------
    folder
        `tensorboard/{fold}/{stream}`; None where nobody asked.
    history
        The rows of the epochs that are done already: they are written anew, in the place of what a killed run left.
    """

    def __init__(self, folder: Path | None, history: Sequence[Mapping[str, float]]) -> None:
        self._writer: Any = None
        if folder is None:
            return
        from tensorboardX import SummaryWriter

        for former in folder.glob("events.out.tfevents.*"):
            former.unlink()
        # Its own thread writes; a second later, TensorBoard shows it.
        self._writer = SummaryWriter(str(folder), flush_secs=1)
        for row in history:
            self.add(row)

    def add(self, row: Mapping[str, float]) -> None:
        """Add an epoch's row: `val_loss` is shown beside `train_loss`; what is not finite is left out."""
        if self._writer is None:
            return
        for name, value in row.items():
            if name != "epoch" and math.isfinite(value):
                role, _, measure = name.rpartition("_")
                self._writer.add_scalar(f"{measure}/{role}" if role else name, value, int(row["epoch"]))

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()

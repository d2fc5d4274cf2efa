"""Learning curves for TensorBoard: the rows of history.csv."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from signfold.core.errors import SignfoldError


class CurveWriter:
    """Writer of a training's learning curves. Without a folder, nothing is written, and TensorBoard is not imported.

    Parameters
    ----------
    folder
        Folder of the event files; those of an earlier, interrupted run are deleted. None for no curves.
    history
        Rows of the epochs that are finished already.

    Raises
    ------
    SignfoldError
        If TensorBoard is not installed.
    """

    def __init__(self, folder: Path | None, history: Sequence[Mapping[str, float]]) -> None:
        self._writer: Any = None
        if folder is None:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise SignfoldError(
                f"tensorboard: true needs TensorBoard, which cannot be imported ({error}); "
                "pip install 'tensorboard>=2.20,<2.21', or set tensorboard: false"
            ) from None
        for former in folder.glob("events.out.tfevents.*"):
            former.unlink()
        self._writer = SummaryWriter(str(folder), flush_secs=1)
        for row in history:
            self.add(row)

    def add(self, row: Mapping[str, float]) -> None:
        """Add an epoch's row, without NaN and infinity; `train_loss` and `val_loss` become loss/train and loss/val."""
        if self._writer is None:
            return
        for name, value in row.items():
            if name != "epoch" and math.isfinite(value):
                role, _, measure = name.rpartition("_")
                self._writer.add_scalar(f"{measure}/{role}" if role else name, value, int(row["epoch"]))

    def close(self) -> None:
        """Write what is buffered."""
        if self._writer is not None:
            self._writer.close()

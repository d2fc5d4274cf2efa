"""The clips of a network that is trained when the folds have been measured: all of them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from signfold.core.settings import FoldSettings
from signfold.folds.build import balance_of, read_items, with_roles, write_fold


def build_final_split(items: Path, duplicates: Path, out: Path, settings: FoldSettings) -> None:
    """Write the items of a dataset, each with the role `train`: nobody validates, and nobody is tested.

    Parameters
    ----------
    items, duplicates
        `items.parquet` and `duplicates.parquet`.
    out
        `models/final/all.parquet`, in the format of a fold's file.
    settings
        The section `folds`.
    """
    rows, clips = read_items(items, duplicates)
    roles = pd.Series("train", index=clips.index)
    write_fold(out, with_roles(rows, roles, balance_of(items)), settings, {"fold": out.stem})

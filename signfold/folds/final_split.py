"""The clips of a network that is trained when the folds have been measured: all of them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa

from signfold.core import versions
from signfold.core.files import read_metadata, write_parquet
from signfold.core.settings import FoldSettings
from signfold.folds.build import SCHEMA, describe_fold, read_items, with_roles


def build_final_split(items: Path, duplicates: Path, out: Path, settings: FoldSettings) -> None:
    """Write the items of a dataset, each with the role `train`: nobody validates, and nobody is tested.

    Parameters
    ----------
    items
        `items.parquet`.
    duplicates
        `duplicates.parquet`, the pairs of clips that show one take.
    out
        `models/final/all.parquet`, in the format of a fold's file.
    settings
        The section `folds`.
    """
    rows, clips = read_items(items, duplicates)
    roles = pd.Series("train", index=clips.index)
    table = with_roles(rows, roles, read_metadata(items).get("settings", {}).get("balance", "none"))
    metadata = {"version": versions.FOLDS, "fold": out.stem, **describe_fold(table, settings)}
    write_parquet(pa.Table.from_pandas(table, schema=SCHEMA, preserve_index=False), out, metadata)

"""The index as a table: `index.parquet`, and the list of what was left out."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa

from signfold.core import files, versions
from signfold.core.tables import write_csv
from signfold.dataset import spelling
from signfold.dataset.index import COLUMNS, Index, shard_of


def index_table(index: Index, shards: int) -> pa.Table:
    """Return the rows of `index.parquet`: one for each video."""
    columns: dict[str, list[str | None]] = {name: [getattr(s, name) for s in index.samples] for name in COLUMNS}
    columns["shard"] = [shard_of(sample.sample_id, shards) for sample in index.samples]
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def similar_names(index: Path) -> list[str]:
    """Return the near-equal names of signers and labels that an `index.parquet` tells of, a line for each group."""
    return spelling.near_equal_lines(files.read_metadata(index).get("near_equal", {}))


def write_index(index: Index, shards: int, out: Path, out_excluded: Path) -> None:
    """Write `index.parquet` (one row a video) and `index.excluded.csv` (path, reason).

    The metadata have `near_equal`: groups of names of signers and of labels that may mean one thing.
    """
    printable = [(path.encode("utf-8", "backslashreplace").decode(), reason) for path, reason in index.excluded]
    write_csv(pd.DataFrame(printable, columns=["path", "reason"]), out_excluded)
    metadata = {"version": versions.INDEX, "shards": shards, "excluded": len(index.excluded)}
    files.write_parquet(index_table(index, shards), out, {**metadata, "near_equal": index.near_equal})

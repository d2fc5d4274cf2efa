"""The size of keypoints of real clips on disk, by encoding, as a Markdown table.

    python benchmarks/storage.py results/mine [results/another ...]

Every shard of the named results is written again in each encoding, in memory. GB are those of 30,000 clips of the same
mean length. The error of a lossy encoding is the largest and the median difference of any x or y, in pixels of a
picture 1,000 wide.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from signfold.core.clip import PARTS
from signfold.core.files import read_parquet

CLIPS = 30_000
Change = Callable[[np.ndarray], np.ndarray]


def as_is(values: np.ndarray) -> np.ndarray:
    """Return the values unchanged."""
    return values


def half(values: np.ndarray) -> np.ndarray:
    """Return the values as float16."""
    return values.astype(np.float16)


def to_grid(values: np.ndarray) -> np.ndarray:
    """Return float32 rounded to a grid of 1/16,384: later bits are 0 and compress to nothing."""
    return np.round(values * 2**14).astype(np.float32) / np.float32(2**14)


SPLIT = {"use_dictionary": False, "use_byte_stream_split": True}
ENCODINGS: dict[str, tuple[Change, Mapping[str, Any]]] = {
    "float32, uncompressed": (as_is, {"compression": "none", "use_dictionary": False}),
    "float32, snappy": (as_is, {"compression": "snappy"}),
    "float32, zstd 1": (as_is, {"compression": "zstd"}),
    "float32, zstd 3": (as_is, {"compression": "zstd", "compression_level": 3}),
    "float32, zstd 9": (as_is, {"compression": "zstd", "compression_level": 9}),
    "float32, zstd 19": (as_is, {"compression": "zstd", "compression_level": 19}),
    "float32, bytes split, zstd 1 (as written)": (as_is, {"compression": "zstd", **SPLIT}),
    "float32, bytes split, zstd 9": (as_is, {"compression": "zstd", "compression_level": 9, **SPLIT}),
    "float16, zstd 1": (half, {"compression": "zstd", "use_dictionary": False}),
    "grid of 1/16,384, bytes split, zstd 1": (to_grid, {"compression": "zstd", **SPLIT}),
}


def changed(table: pa.Table, change: Change) -> pa.Table:
    """Return a table of frames with the keypoints' values changed and all else unchanged."""
    for part, (joints, values) in PARTS.items():
        column = table[part].combine_chunks()
        flat = change(column.values.to_numpy(zero_copy_only=False))
        lists = pa.FixedSizeListArray.from_arrays(pa.array(flat), joints * values, mask=pc.is_null(column))
        table = table.set_column(table.schema.get_field_index(part), part, lists)
    return table


def errors(table: pa.Table, change: Change) -> np.ndarray:
    """Return the absolute errors of all x and y, in thousandths of the picture."""
    found = []
    for part, (_, values) in PARTS.items():
        flat = table[part].combine_chunks().drop_null().flatten().to_numpy().reshape(-1, values)[:, :2]
        found.append(np.abs(change(flat).astype(np.float64) - flat).ravel())
    return 1000 * np.concatenate(found)


def row(name: str, tables: list[pa.Table], clips: int) -> str:
    """Measure one encoding; return its row of the table."""
    change, options = ENCODINGS[name]
    size, seconds = 0, 0.0
    for table in (changed(table, change) for table in tables):
        # Only the floats of the parts are split; sample ids keep their dictionary.
        columns = {**options}
        if columns.pop("use_byte_stream_split", False):
            columns["use_byte_stream_split"] = [f"{part}.list.element" for part in PARTS]
            columns["use_dictionary"] = ["sample_id"]
        sink = pa.BufferOutputStream()
        start = time.process_time()
        pq.write_table(table, sink, **columns)
        seconds += time.process_time() - start
        size += sink.getvalue().size
    off = np.concatenate([errors(table, change) for table in tables])
    error = f"{off.max():.3f} / {np.median(off):.3f}" if off.any() else "0"
    kilobytes = size / clips / 1e3
    return f"| {name} | {kilobytes:.1f} | {kilobytes * CLIPS / 1e6:.2f} | {1e3 * seconds / clips:.1f} | {error} |"


def main() -> None:
    """Measure all encodings on the results named on the command line."""
    folders = [Path(name) for name in sys.argv[1:]]
    paths = [path for folder in folders for path in sorted(folder.glob("keypoints/*.parquet"))]
    tables = [table for path in paths if "videos" not in path.name if len(table := read_parquet(path))]
    clips = sum(len(table["sample_id"].unique()) for table in tables)
    frames = sum(map(len, tables))
    print(f"{clips} clips of {frames / clips:.0f} frames\n")
    print(f"| encoding | KB a clip | GB of {CLIPS:,} clips | ms to write a clip | error (px of 1,000): most / median |")
    print("|---|---:|---:|---:|---|")
    for name in ENCODINGS:
        print(row(name, tables, clips))


if __name__ == "__main__":
    main()

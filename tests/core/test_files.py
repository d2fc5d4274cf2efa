"""Tables come back as they were written, and small."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from signfold.core import files
from signfold.core.clip import PARTS, Extraction, Keypoints, to_table
from signfold.keypoints.cache import write_entry


def a_clip(count: int = 40) -> Keypoints:
    rng = np.random.default_rng(0)
    parts = {part: rng.random((count, *shape), dtype=np.float32) for part, shape in PARTS.items()}
    parts["left_hand"][3:9] = np.nan
    return Keypoints(np.arange(count) * 40.0, **parts)


def test_every_kind_of_column_comes_back_bit_by_bit(tmp_path: Path) -> None:
    lists = pa.array([[0.1, -0.0], None, []], pa.list_(pa.float32()))
    table = pa.table(
        {"name": ["a", None, "ü"], "count": [1, 2, None], "share": [0.1, None, float("nan")], "list": lists}
    )
    for columns in (["name", "count"], ["share"], ["list"], table.column_names):
        files.write_parquet(table.select(columns), tmp_path / "table.parquet")
        back = files.read_parquet(tmp_path / "table.parquet")
        assert str(back.to_pylist()) == str(table.select(columns).to_pylist())
        assert back.schema == table.select(columns).schema


def test_keypoints_take_less_than_their_raw_bytes(tmp_path: Path) -> None:
    table = to_table("a", a_clip())
    files.write_parquet(table, tmp_path / "clip.parquet")
    assert files.read_parquet(tmp_path / "clip.parquet").equals(table)
    columns = pq.ParquetFile(tmp_path / "clip.parquet").metadata.row_group(0)
    sizes = {(column := columns.column(i)).path_in_schema: column for i in range(columns.num_columns)}
    for part in PARTS:
        assert "BYTE_STREAM_SPLIT" in sizes[f"{part}.list.element"].encodings
        assert sizes[f"{part}.list.element"].total_compressed_size < table[part].nbytes


def write_again_and_again(path: Path) -> None:
    for _ in range(100):
        write_entry(path, Extraction(a_clip(300)), {"sha256": "0"})


def test_two_jobs_that_write_one_entry_harm_no_reader(tmp_path: Path) -> None:
    path = tmp_path / "ab/abcd.parquet"
    write_again_and_again(path)
    expected = path.read_bytes()
    fresh = multiprocessing.get_context("spawn")
    jobs = [fresh.Process(target=write_again_and_again, args=[path]) for _ in range(2)]
    for job in jobs:
        job.start()
    looks = 0
    while any(job.is_alive() for job in jobs):
        assert path.read_bytes() == expected
        looks += 1
    assert [job.exitcode for job in jobs] == [0, 0]
    assert looks > 100
    assert list(path.parent.iterdir()) == [path]

"""Tables come back as they were written, and small."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from signfold.core import files
from signfold.core.clip import PARTS, Extraction, Keypoints, to_table
from signfold.core.errors import SignfoldError
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


JSON = {
    "empty": b"",
    "cut": b'{"folds": {"fold-1"',
    "a list": b"[1, 2]",
    "null": b"null",
    "binary": b"\xff\xfe\x00",
    "deep": b"[" * 100_000,
    "of another kind": b'{"other": 1}',
}


@pytest.mark.parametrize("content", JSON.values(), ids=JSON.keys())
def test_damaged_json_is_one_sentence_with_the_files_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "audit.json"
    path.write_bytes(content)
    with pytest.raises(SignfoldError, match=rf"^{path}: damaged, or of another version: .*; delete it and run again$"):
        files.read_json(path, "folds")


def test_json_and_tables_that_are_absent_are_named(tmp_path: Path) -> None:
    for read in (files.read_json, files.read_parquet, files.read_metadata):
        with pytest.raises(SignfoldError, match=rf"^{tmp_path}/none: no such file; run the stage that makes it$"):
            read(tmp_path / "none")
    with pytest.raises(SignfoldError, match=rf"^{tmp_path}: cannot be read \(Is a directory\)"):
        files.read_json(tmp_path)


@pytest.mark.parametrize("part", [0, 1, 4, 0.1, 0.5, 0.9, -1])
def test_a_truncated_table_is_one_sentence_with_the_files_name(tmp_path: Path, part: float) -> None:
    path = tmp_path / "table.parquet"
    files.write_parquet(to_table("a", a_clip()), path, {"x": 1})
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content)) if 0 < part < 1 else int(part)])
    for read in (files.read_parquet, files.read_metadata):
        with pytest.raises(SignfoldError, match=rf"^{path}: damaged, .*not a whole Parquet file.*delete it and run"):
            read(path)


def test_a_flipped_bit_in_a_tables_values_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    files.write_parquet(to_table("a", a_clip()), path)
    content = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    for place in rng.integers(200, pq.ParquetFile(path).metadata.row_group(0).total_byte_size // 2, 30):
        flipped = bytearray(content)
        flipped[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(flipped)
        with pytest.raises(SignfoldError, match=rf"^{path}: damaged"):
            files.read_parquet(path)


def test_a_table_of_other_columns_says_which_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    files.write_parquet(pa.table({"a": [1], "b": [2]}), path)
    assert files.read_parquet(path, ("b", "a")).column_names == ["b", "a"]
    with pytest.raises(SignfoldError, match=rf"^{path}: damaged, or of another version: has no column c; delete it"):
        files.read_parquet(path, ["a", "c"])


def test_metadata_that_are_no_mapping_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    table = pa.table({"a": [1]})
    for raw in (b"[1]", b"{", b"3"):
        pq.write_table(table.replace_schema_metadata({b"signfold": raw}), path)
        with pytest.raises(SignfoldError, match=rf"^{path}: damaged"):
            files.read_metadata(path)


def test_no_flipped_bit_of_a_table_changes_what_is_read(tmp_path: Path) -> None:
    """Of the footer neither, which has names, kinds of columns and our metadata, and no checksum of its own."""
    path, table = tmp_path / "table.parquet", pa.table({"name": ["ann", None, "bob"], "count": [1, 2, 3]})
    files.write_parquet(table, path, {"version": 3, "settings": {"seed": 5}})
    content, expected = path.read_bytes(), (table.to_pylist(), files.read_metadata(path))
    refused = 0
    for place in np.random.default_rng(0).choice(8 * len(content), 1500, replace=False).tolist():
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        try:
            assert (files.read_parquet(path).to_pylist(), files.read_metadata(path)) == expected
        except SignfoldError:
            refused += 1
    assert refused > 1000


def test_a_table_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "old.parquet")
    assert files.read_parquet(tmp_path / "old.parquet").to_pylist() == [{"a": 1}]

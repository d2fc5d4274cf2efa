"""Tensors of many shards: rows are read as they were written, and rows of other clips are refused."""

from __future__ import annotations

import resource
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tensor_clips import signer, tensor_of

from signfold.core import files
from signfold.core.clip import Extraction, ShardClip, write_shard
from signfold.core.errors import SignfoldError
from signfold.core.settings import TensorSettings
from signfold.core.skeleton import layout
from signfold.tensors.build import build_tensors
from signfold.tensors.shards import MOST_OPEN, Shards

CLIPS = {"0": ["a", "b"], "1": ["c"]}


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """The tensors of two shards."""
    made = []
    for shard, names in CLIPS.items():
        clips = [ShardClip(name, f"digest of {name}", 1, Extraction(signer(9, ord(name)))) for name in names]
        keypoints = tmp_path / "k.parquet", tmp_path / "k.videos.parquet"
        write_shard(clips, *keypoints, {})
        made.append(tmp_path / f"{shard}.npy")
        build_tensors(*keypoints, made[-1], made[-1].with_suffix(".parquet"), TensorSettings())
    return made


def samples(*rows: tuple[str, str, int]) -> SimpleNamespace:
    """Samples by clip, shard and row."""
    names, shards, places = zip(*rows, strict=True)
    digests = np.array([f"digest of {name}" for name in names], object)
    return SimpleNamespace(
        source_id=np.array(names, object),
        shard=np.array(shards, object),
        row=np.array(places, np.int64),
        sha256=digests,
    )


def test_rows_are_those_of_the_named_shards_in_the_named_order(paths: list[Path]) -> None:
    asked = samples(("c", "1", 0), ("b", "0", 1), ("a", "0", 0), ("b", "0", 1))
    shards = Shards(paths)
    shards.check(asked)
    found = shards.read(asked.shard, asked.row)
    np.testing.assert_array_equal(found, np.stack([tensor_of(signer(9, ord(name))) for name in asked.source_id]))
    assert (shards.channels, shards.layout) == (TensorSettings().channels, layout("hands_body_27"))


@pytest.mark.parametrize("row", [("a", "0", 1), ("a", "0", 2), ("c", "1", 1)])
def test_a_row_that_holds_another_clip_or_none_is_refused(paths: list[Path], row: tuple[str, str, int]) -> None:
    name, shard, place = row
    with pytest.raises(SignfoldError, match=rf"{shard}\.parquet: row {place} is not '{name}' as the fold says"):
        Shards(paths).check(samples(("b", "0", 1), row))


def test_a_shard_that_was_not_given_is_named(paths: list[Path]) -> None:
    with pytest.raises(SignfoldError, match="shard '1' of 'c' was not given"):
        Shards(paths[:1]).check(samples(("a", "0", 0), ("c", "1", 0)))


def test_shards_that_disagree_are_refused_and_so_are_none(paths: list[Path]) -> None:
    table = paths[1].with_suffix(".parquet")
    files.write_parquet(files.read_parquet(table), table, files.read_metadata(table) | {"frames": 9, "layout": "x"})
    with pytest.raises(SignfoldError, match=r"1\.npy: (layout, frames|frames, layout) differ"):
        Shards(paths)
    with pytest.raises(SignfoldError, match="run the tensor stage first"):
        Shards([])


def test_there_may_be_more_shards_than_files_may_be_open(paths: list[Path], tmp_path: Path) -> None:
    many = [tmp_path / f"many-{number}.npy" for number in range(MOST_OPEN + 150)]
    for path in many:
        path.hardlink_to(paths[1])
        path.with_suffix(".parquet").hardlink_to(paths[1].with_suffix(".parquet"))
    shards = Shards(many)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_OPEN + 100, limits[1]))
    try:
        rows = shards.read(np.array([path.stem for path in many]), np.zeros(len(many), np.int64))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    np.testing.assert_array_equal(rows, np.repeat(np.load(many[0]), len(many), axis=0))


DAMAGE = {
    "empty": lambda content: b"",
    "a part of the header": lambda content: content[:40],
    "half": lambda content: content[: len(content) // 2],
    "text": lambda content: b"no array" * 100,
    "another type": lambda content: content.replace(b"<f4", b"<i4"),
    "other axes": lambda content: content.replace(b"(2, 9, 64, 27)", b"(2, 64, 9, 27)"),
}


@pytest.mark.parametrize("change", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_array_is_one_sentence_with_the_files_name(paths: list[Path], change: Any) -> None:
    content = paths[0].read_bytes()
    assert change(content) != content
    paths[0].write_bytes(change(content))
    asked = samples(("a", "0", 0))
    for use in (lambda shards: shards.read(asked.shard, asked.row), lambda shards: shards.verify()):
        with pytest.raises(SignfoldError, match=rf"^{paths[0]}: damaged, .*; delete it and run again$"):
            use(Shards(paths))


def test_arrays_that_changed_places_are_an_error(paths: list[Path]) -> None:
    first, second = (path.read_bytes() for path in paths)
    paths[0].write_bytes(second)
    paths[1].write_bytes(first)
    with pytest.raises(SignfoldError, match=rf"^{paths[0]}: damaged, .*not the array that was written with 0\.parquet"):
        Shards(paths).verify()


def test_a_flipped_bit_of_an_array_is_an_error(paths: list[Path]) -> None:
    assert Shards(paths).verify().keys() == {"0", "1"}
    content, random = paths[1].read_bytes(), np.random.default_rng(0)
    for place in random.integers(0, len(content), 30):
        flipped = bytearray(content)
        flipped[place] ^= 1 << int(random.integers(8))
        paths[1].write_bytes(flipped)
        with pytest.raises(SignfoldError, match=rf"^{paths[1]}: damaged, "):
            Shards(paths).verify()


def test_an_array_that_is_absent_is_named(paths: list[Path]) -> None:
    paths[1].unlink()
    asked = samples(("c", "1", 0))
    for use in (lambda shards: shards.read(asked.shard, asked.row), lambda shards: shards.verify()):
        with pytest.raises(SignfoldError, match=rf"^{paths[1]}: no such file; run the stage that makes it"):
            use(Shards(paths))


def test_a_table_without_what_is_needed_is_named(paths: list[Path]) -> None:
    table = paths[0].with_suffix(".parquet")
    files.write_parquet(files.read_parquet(table), table, {"layout": "hands_body_27"})
    with pytest.raises(SignfoldError, match=rf"^{table}: damaged, .*has no channels, frames, .* in its metadata"):
        Shards(paths)

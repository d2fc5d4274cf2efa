"""Promises of folds read and batches made."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from training_data import CHANNELS, LAYOUT, example, read_rows, write_fold

from signfold.core import files
from signfold.core.errors import SignfoldError
from signfold.core.settings import STREAMS, Augmentation
from signfold.folds.roles import Samples, read_fold
from signfold.tensors.shards import MOST_OPEN, Shards
from signfold.tensors.streams import masked
from signfold.training.augment import augment
from signfold.training.batches import in_order, load_batches, make_batch, shuffled

ALL = Augmentation(mirror=True)


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 3))
def test_an_epoch_has_every_sample_once_and_no_lonely_batch(count: int, size: int, epoch: int) -> None:
    batches = shuffled(count, size, 0, epoch)
    assert sorted(np.concatenate(batches)) == list(range(count))
    assert all(len(batch) <= size + 1 for batch in batches)
    if size > 1:
        assert len(batches) == 1 or min(map(len, batches)) > 1


def test_order_is_fixed_by_seed_and_epoch() -> None:
    orders = [np.concatenate(shuffled(50, 8, seed, epoch)) for seed, epoch in ((0, 0), (0, 0), (0, 1), (1, 0))]
    assert_array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[0], orders[2])
    assert not np.array_equal(orders[0], orders[3])


def parts(folder: Path) -> tuple[Shards, Samples]:
    given = example(folder)
    return Shards(given.tensors), read_fold(given.fold, given.audit).roles["train"]


def test_batches_hold_the_rows_that_the_fold_names(tmp_path: Path) -> None:
    shards, samples = parts(tmp_path)
    shards.check(samples)
    got = list(load_batches(shards, samples, in_order(len(samples), 5), "joint"))
    assert_array_equal(np.concatenate([batch.index for batch in got]), np.arange(len(samples)))
    x = np.concatenate([batch.x for batch in got])
    for i in range(len(samples)):
        row = np.load(tmp_path / "tensors" / f"{samples.shard[i]}.npy")[samples.row[i]]
        assert_array_equal(x[i], masked(row[None])[0])


def test_tensors_are_memory_mapped(tmp_path: Path) -> None:
    shards, samples = parts(tmp_path)
    assert not shards._array.cache_info().currsize, "opening reads no tensors"
    make_batch(shards, samples, np.arange(8), "joint")
    assert all(isinstance(shards._array(shard), np.memmap) for shard in samples.shard)


def test_there_may_be_more_shards_than_files_may_be_open(tmp_path: Path) -> None:
    example(tmp_path)
    many = [tmp_path / f"{number}.npy" for number in range(400)]
    for path in many:
        path.hardlink_to(tmp_path / "tensors" / "0000.npy")
        path.with_suffix(".parquet").hardlink_to(tmp_path / "tensors" / "0000.parquet")
    shards = Shards(many)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_OPEN + 100, limits[1]))
    try:
        rows = shards.read(np.array([path.stem for path in many]), np.zeros(len(many), np.int64))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert_array_equal(rows, np.repeat(np.load(many[0])[:1], len(many), axis=0))


@pytest.mark.parametrize("name", STREAMS)
def test_the_network_never_gets_nan(tmp_path: Path, name: str) -> None:
    shards, samples = parts(tmp_path)
    batch = make_batch(shards, samples, np.arange(len(samples)), name, (ALL, 0, 0))
    assert np.isfinite(batch.x).all()
    assert batch.x.shape == (len(samples), 3, 8, 27)
    assert batch.x.dtype == np.float32


def test_training_batches_are_varied_and_others_are_not(tmp_path: Path) -> None:
    shards, samples = parts(tmp_path)
    rows = np.arange(len(samples))
    plain, varied = make_batch(shards, samples, rows, "joint"), make_batch(shards, samples, rows, "joint", (ALL, 0, 0))
    expected = augment(
        shards.read(samples.shard, samples.row), rows, seed=0, epoch=0, settings=ALL, channels=CHANNELS, layout=LAYOUT
    )
    assert_array_equal(varied.x, masked(expected))
    assert not np.array_equal(varied.x, plain.x)


def test_an_error_while_loading_is_not_swallowed(tmp_path: Path) -> None:
    shards, samples = parts(tmp_path)
    (tmp_path / "tensors" / f"{samples.shard[-1]}.npy").unlink()
    with pytest.raises(FileNotFoundError):
        list(load_batches(shards, samples, in_order(len(samples), 4), "joint"))


def test_shards_that_disagree_are_refused(tmp_path: Path) -> None:
    given = example(tmp_path)
    path = given.tensors[1].with_suffix(".parquet")
    files.write_parquet(files.read_parquet(path), path, {**files.read_metadata(path), "frames": 9})
    with pytest.raises(SignfoldError, match=r"0001.*frames"):
        Shards(given.tensors)


def test_a_row_that_holds_another_clip_is_refused(tmp_path: Path) -> None:
    given = example(tmp_path)
    rows = read_rows(given.fold)
    rows[0]["row"], rows[1]["row"] = rows[1]["row"], rows[0]["row"]
    write_fold(given.fold, rows)
    with pytest.raises(SignfoldError, match=r"0000.*row 1 is not 'ann/0-0'"):
        Shards(given.tensors).check(read_fold(given.fold, given.audit).roles["train"])


@pytest.mark.parametrize("column", ["signer", "sha256", "source_id"])
def test_a_group_in_two_roles_stops_the_run(tmp_path: Path, column: str) -> None:
    given = example(tmp_path)
    rows = read_rows(given.fold)
    test_row = next(row for row in rows if row["role"] == "test")
    rows[0][column] = test_row[column]
    write_fold(given.fold, rows)
    with pytest.raises(SignfoldError, match=f"{column} '{test_row[column]}' is both in train and in test"):
        read_fold(given.fold, given.audit)


def test_official_splits_may_share_signers_but_never_clips(tmp_path: Path) -> None:
    given = example(tmp_path)
    files.write_json(given.audit, {"ok": True, "shared_signers": True})
    rows = read_rows(given.fold)
    test_row = next(row for row in rows if row["role"] == "test")
    rows[0]["signer"] = test_row["signer"]
    write_fold(given.fold, rows)
    read_fold(given.fold, given.audit)
    rows[0]["sha256"] = test_row["sha256"]
    write_fold(given.fold, rows)
    with pytest.raises(SignfoldError, match="sha256"):
        read_fold(given.fold, given.audit)


@pytest.mark.parametrize("report", [None, {"ok": False}])
def test_training_needs_the_audit_to_have_passed(tmp_path: Path, report: dict | None) -> None:
    given = example(tmp_path)
    given.audit.unlink()
    if report:
        files.write_json(given.audit, report)
    with pytest.raises(SignfoldError, match="audit"):
        read_fold(given.fold, given.audit)


def test_copies_are_trained_on_but_never_scored(tmp_path: Path) -> None:
    given = example(tmp_path)
    rows = read_rows(given.fold)
    copies = [{**row, "sample_id": f"{row['sample_id']}#1", "copy": 1} for row in rows]
    write_fold(given.fold, rows + copies)
    roles = read_fold(given.fold, given.audit).roles
    assert {role: len(samples) for role, samples in roles.items()} == {"train": 48, "val": 12, "test": 12}


@pytest.mark.parametrize("role", ["train", "test"])
def test_a_fold_without_training_or_test_samples_is_refused(tmp_path: Path, role: str) -> None:
    given = example(tmp_path)
    write_fold(given.fold, [{**row, "role": "none"} if row["role"] == role else row for row in read_rows(given.fold)])
    with pytest.raises(SignfoldError, match=f"no sample has the role '{role}'"):
        read_fold(given.fold, given.audit)


def test_class_ids_with_a_hole_are_refused(tmp_path: Path) -> None:
    given = example(tmp_path)
    write_fold(given.fold, [{**row, "class_id": 2 * row["class_id"]} for row in read_rows(given.fold)])
    with pytest.raises(SignfoldError, match=r"expected 0\.\.K-1"):
        read_fold(given.fold, given.audit)

"""Promises of batches: every sample once an epoch, read from mapped files, augmented in training alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example as case
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from training_data import CHANNELS, LAYOUT, example

from signfold.core.errors import SignfoldError
from signfold.core.settings import STREAMS, Augmentation
from signfold.folds.roles import Samples, read_fold
from signfold.tensors.shards import Shards
from signfold.tensors.streams import masked
from signfold.training.augment import Variation, augment
from signfold.training.batches import in_order, load_batches, make_batch, shuffled

ALL = Augmentation(mirror=True)


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 3))
@case(9, 8, 0)
@case(17, 8, 0)
@case(18, 8, 0)
def test_an_epoch_has_every_sample_once_and_no_batch_of_one(count: int, size: int, epoch: int) -> None:
    batches = shuffled(count, size, 0, epoch)
    assert sorted(np.concatenate(batches)) == list(range(count))
    assert all(len(batch) <= size + 1 for batch in batches)
    if size > 1:
        assert len(batches) == 1 or min(map(len, batches)) > 1
        assert len(batches) == max(1, count // size + (count % size > 1))


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


@pytest.mark.parametrize("name", STREAMS)
def test_the_network_never_gets_nan(tmp_path: Path, name: str) -> None:
    shards, samples = parts(tmp_path)
    batch = make_batch(shards, samples, np.arange(len(samples)), name, Variation(ALL, 0, 0))
    assert np.isfinite(batch.x).all()
    assert batch.x.shape == (len(samples), 3, 8, 27)
    assert batch.x.dtype == np.float32


def test_training_batches_are_varied_and_others_are_not(tmp_path: Path) -> None:
    shards, samples = parts(tmp_path)
    rows = np.arange(len(samples))
    plain = make_batch(shards, samples, rows, "joint")
    varied = make_batch(shards, samples, rows, "joint", Variation(ALL, 0, 0))
    expected = augment(shards.read(samples.shard, samples.row), rows, Variation(ALL, 0, 0), CHANNELS, LAYOUT)
    assert_array_equal(varied.x, masked(expected))
    assert not np.array_equal(varied.x, plain.x)


def test_an_error_while_loading_is_not_swallowed(tmp_path: Path) -> None:
    shards, samples = parts(tmp_path)
    (tmp_path / "tensors" / f"{samples.shard[-1]}.npy").unlink()
    with pytest.raises(SignfoldError, match="no such file"):
        list(load_batches(shards, samples, in_order(len(samples), 4), "joint"))

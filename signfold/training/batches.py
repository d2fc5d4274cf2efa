"""Batches of a fold's samples, read from memory-mapped tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signfold.folds.roles import Samples
from signfold.tensors.shards import Shards
from signfold.tensors.streams import masked, stream
from signfold.training.augment import Variation, augment


@dataclass(frozen=True)
class Batch:
    """The input of one step."""

    x: NDArray[np.float32]  # (N, C + 1, T, V); the last channel is the mask
    index: NDArray[np.int64]  # (N,), indices of the role's samples


def make_batch(
    shards: Shards,
    samples: Samples,
    index: NDArray[np.int64],
    name: str,
    variation: Variation | None = None,
) -> Batch:
    """Read samples, augment them, derive the stream, and append the mask.

    Parameters
    ----------
    shards
        Tensors of the samples.
    samples
        Samples of one role.
    index
        Indices of the batch's samples, shape (N,).
    name
        One of `STREAMS`.
    variation
        Augmentation; None for validation and test.
    """
    x = shards.read(samples.shard[index], samples.row[index])
    if variation is not None:
        x = augment(x, index, variation, shards.channels, shards.layout)
    return Batch(masked(stream(x, name, shards.layout)), index)


def shuffled(count: int, size: int, seed: int, epoch: int) -> list[NDArray[np.int64]]:
    """Return an epoch's batches of the indices 0..count-1, each once, in an order that depends on (seed, epoch) alone.

    A single last sample joins the batch before: batch norm needs more than one.
    """
    order = np.random.default_rng((seed, epoch)).permutation(count)
    batches = in_order(count, size)
    if len(batches[-1]) == 1:
        batches[-2:] = [np.concatenate(batches[-2:])]
    return [order[batch] for batch in batches]


def in_order(count: int, size: int) -> list[NDArray[np.int64]]:
    """Return 0..count-1 in batches of `size`."""
    return [np.arange(start, min(start + size, count)) for start in range(0, count, size)]


def load_batches(
    shards: Shards,
    samples: Samples,
    batches: Sequence[NDArray[np.int64]],
    name: str,
    variation: Variation | None = None,
) -> Iterator[Batch]:
    """Yield batches; a thread makes the next one while the current one is in use. Parameters as of `make_batch`."""
    with ThreadPoolExecutor(1) as thread:
        ahead = [thread.submit(make_batch, shards, samples, index, name, variation) for index in batches[:1]]
        for index in batches[1:]:
            ahead.append(thread.submit(make_batch, shards, samples, index, name, variation))
            yield ahead.pop(0).result()
        for last in ahead:
            yield last.result()

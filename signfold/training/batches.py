"""A fold's samples, read from memory-mapped tensors and made into batches for the network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signfold.core.settings import Augmentation
from signfold.folds.roles import Samples
from signfold.tensors.shards import Shards
from signfold.tensors.streams import masked, stream
from signfold.training.augment import augment


@dataclass(frozen=True)
class Batch:
    """What one step needs."""

    x: NDArray[np.float32]  # (N, C + 1, T, V), the last channel the mask
    index: NDArray[np.int64]  # (N,), into the role's samples


def make_batch(
    shards: Shards,
    samples: Samples,
    index: NDArray[np.int64],
    name: str,
    variation: tuple[Augmentation, int, int] | None = None,
) -> Batch:
    """Read samples, vary them, derive the stream, and mask what is missing.

    Parameters
    ----------
    shards
        Where tensors are.
    samples
        One role's samples.
    index
        Which of them, shape (N,).
    name
        The stream.
    variation
        Augmentation, seed and epoch; none for validation and test.
    """
    x = shards.read(samples.shard[index], samples.row[index])
    if variation is not None:
        settings, seed, epoch = variation
        x = augment(x, index, seed=seed, epoch=epoch, settings=settings, channels=shards.channels, layout=shards.layout)
    return Batch(masked(stream(x, name, shards.layout)), index)


def shuffled(count: int, size: int, seed: int, epoch: int) -> list[NDArray[np.int64]]:
    """Return an epoch's batches of indices: all of 0..count-1 once, in an order that (seed, epoch) fixes.

    A last batch of one would spoil batch norm: its sample joins the batch before.
    """
    order = np.random.default_rng((seed, epoch)).permutation(count)
    batches = in_order(count, size)
    if len(batches) > 1 and len(batches[-1]) == 1:
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
    variation: tuple[Augmentation, int, int] | None = None,
) -> Iterator[Batch]:
    """Yield batches, each made in a thread while the one before is in use."""
    with ThreadPoolExecutor(1) as thread:
        ahead = [thread.submit(make_batch, shards, samples, index, name, variation) for index in batches[:1]]
        for index in batches[1:]:
            ahead.append(thread.submit(make_batch, shards, samples, index, name, variation))
            yield ahead.pop(0).result()
        for last in ahead:
            yield last.result()

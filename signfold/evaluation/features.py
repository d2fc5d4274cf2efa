"""Clips as the simple methods see them: fixed numbers of moments, 0 where a joint is missing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signfold.core.skeleton import SIDES
from signfold.folds.roles import Samples
from signfold.tensors.shards import Shards

# Moments of a clip for the linear methods, and for dynamic time warping.
FRAMES, WARPED = 16, 32
# Clips that are read at a time.
BLOCK = 256

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


def without_copies(samples: Samples) -> Samples:
    """Return the samples that are no copy of another."""
    return take(samples, samples.sample_id == samples.source_id)


def take(samples: Samples, index: NDArray) -> Samples:
    """Return the samples at `index` (positions or a mask)."""
    return Samples(**{name: values[index] for name, values in vars(samples).items()})


def few_of_each(classes: Ints, most: int, seed: int) -> Ints:
    """Return the positions of all items, or of `most` at random, with as many of each class as can be.

    Parameters
    ----------
    classes
        (N,) class ids.
    most
        Largest number of positions.
    seed
        Random seed of the choice.
    """
    order = np.random.default_rng(seed).permutation(len(classes))
    place = pd.Series(classes[order]).groupby(classes[order]).cumcount().to_numpy()
    return np.sort(order[np.argsort(place, kind="stable")[:most]])


def moments(array: Floats, frames: int) -> Floats:
    """Return `frames` evenly spaced moments of clips (N, C, T, V), as (N, C, frames, V), 0 where a joint is missing."""
    index = np.linspace(0, array.shape[2] - 1, frames).round().astype(int)
    return np.nan_to_num(array[:, :, index], nan=0.0)


def features(shards: Shards, samples: Samples) -> Floats:
    """Return clips as (N, C * FRAMES * V)."""
    width = len(shards.channels) * FRAMES * len(shards.layout.joints)
    blocks = [moments(shards.read(shard, row), FRAMES) for shard, row in _blocks(samples)]
    return np.concatenate([np.empty((0, width), np.float32), *(block.reshape(-1, width) for block in blocks)])


def hands(shards: Shards, samples: Samples) -> NDArray[np.float64]:
    """Return the hands' joints of clips as series (N, WARPED, D)."""
    own = [joint for side in SIDES for joint in shards.layout.hand(side)]
    blocks = [moments(shards.read(shard, row), WARPED)[..., own] for shard, row in _blocks(samples)]
    series = np.concatenate([block.transpose(0, 2, 1, 3).reshape(len(block), WARPED, -1) for block in blocks])
    return series.astype(np.float64)


def _blocks(samples: Samples) -> Iterator[tuple[NDArray, Ints]]:
    """Yield shard names and rows of `BLOCK` samples at a time."""
    for start in range(0, len(samples), BLOCK):
        yield samples.shard[start : start + BLOCK], samples.row[start : start + BLOCK]

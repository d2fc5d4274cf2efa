"""A fold's samples, read from memory-mapped tensors and made into batches for the network."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from signfold import files, joints
from signfold.augment import Augmentation, augment
from signfold.errors import SignfoldError
from signfold.streams import masked, stream

ROLES = ("train", "val", "test")
# Each mapped file holds a descriptor, and 1,024 is what a process may usually have.
MOST_OPEN = 256


@dataclass(frozen=True)
class Samples:
    """The samples of one role, in the order of the fold's file. All fields but the last two have one entry for each."""

    sample_id: NDArray[Any]
    source_id: NDArray[Any]
    sha256: NDArray[Any]
    signer: NDArray[Any]  # None where unknown
    class_id: NDArray[np.int64]
    weight: NDArray[np.float32]
    shard: NDArray[Any]
    row: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.sample_id)


@dataclass(frozen=True)
class Fold:
    """Who trains, who chooses the epoch, who tests; and the K labels by class id."""

    name: str
    roles: Mapping[str, Samples]
    labels: tuple[str, ...]


def read_fold(path: Path, audit: Path | None) -> Fold:
    """Read a fold, and make sure that nothing is in two of its roles.

    Parameters
    ----------
    path
        `folds/{fold}.parquet`.
    audit
        `folds/audit.json`, which must say that the folds do not leak; None for `pretrain/all.parquet`, where nobody is
        tested, and signers may validate what they train.

    Raises
    ------
    SignfoldError
        If the audit is missing or not passed, if a signer, content digest or source is in two roles, if class ids are
        not 0..K-1, or if there is nothing to train on or to test on.
    """
    report = {"ok": True, "shared_signers": True} if audit is None else {}
    if audit is not None and audit.exists():
        report = json.loads(audit.read_text(encoding="utf-8"))
    if not report.get("ok"):
        raise SignfoldError(f"{audit}: the leak audit did not pass; see its entries, mend the folds, and run it again")
    table = files.read_parquet(path)
    roles = {}
    for role in ROLES:
        rows = table.filter(pc.equal(table["role"], role))
        if role != "train":  # copies balance training; nobody is scored twice
            rows = rows.filter(pc.equal(rows["copy"], 0))
        roles[role] = _samples(rows.to_pydict())
        if role in (("train",) if audit is None else ("train", "test")) and not len(roles[role]):
            raise SignfoldError(f"{path}: no sample has the role {role!r}; the fold needs at least one")
    _check_apart(path, roles, allow_shared_signers=bool(report.get("shared_signers")))
    return Fold(path.stem, roles, _labels(path, table.to_pydict()))


def _samples(columns: Mapping[str, list[Any]]) -> Samples:
    return Samples(
        **{
            name: np.array(columns[name], dtype=object)
            for name in ("sample_id", "source_id", "sha256", "signer", "shard")
        },
        class_id=np.array(columns["class_id"], dtype=np.int64),
        weight=np.array(columns["weight"], dtype=np.float32),
        row=np.array(columns["row"], dtype=np.int64),
    )


def _labels(path: Path, columns: Mapping[str, list[Any]]) -> tuple[str, ...]:
    labels = dict(zip(columns["class_id"], columns["label"], strict=True))
    if sorted(labels) != list(range(len(labels))):
        raise SignfoldError(f"{path}: class ids are {sorted(labels)[:5]}...; expected 0..K-1. Make the manifest again")
    return tuple(labels[class_id] for class_id in range(len(labels)))


def _check_apart(path: Path, roles: Mapping[str, Samples], allow_shared_signers: bool) -> None:
    """Raise if a group is in two roles: the audit's promise, kept here once more for the very rows that are used."""
    for name in ("source_id", "sha256", *(() if allow_shared_signers else ("signer",))):
        seen: dict[Any, str] = {}
        for role, samples in roles.items():
            for group in set(getattr(samples, name)) - {None}:
                if group in seen:
                    raise SignfoldError(f"{path}: {name} {group!r} is both in {seen[group]} and in {role}: a leak")
                seen[group] = role


class Shards:
    """Tensors of many shards, memory-mapped: only the rows of a batch are ever in memory.

    Parameters
    ----------
    paths
        The shards' `.npy` files, each with its `.parquet` beside it.

    Raises
    ------
    SignfoldError
        If shards disagree about layout, channels, joints or frames.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = {path.stem: path for path in paths}
        self._array = functools.lru_cache(MOST_OPEN)(self._mapped)
        self.metadata: dict[str, Any] = {}
        for path in self._paths.values():
            metadata = files.read_metadata(path.with_suffix(".parquet"))
            if self.metadata and metadata != self.metadata:
                differing = [key for key in self.metadata if metadata.get(key) != self.metadata[key]]
                raise SignfoldError(
                    f"{path}: {', '.join(differing)} differ from the other shards'; delete it and run again"
                )
            self.metadata = metadata
        if not self.metadata:
            raise SignfoldError("training was given no tensors; run the tensor stage first")

    @property
    def channels(self) -> tuple[str, ...]:
        """The C channel names."""
        return tuple(self.metadata["channels"])

    @property
    def layout(self) -> joints.Layout:
        """Whose joints the last axis holds."""
        return joints.layout(self.metadata["layout"])

    def check(self, samples: Samples) -> None:
        """Raise unless each sample's row holds that sample, by digest."""
        of_shard: dict[str, list[int]] = {}
        for i, shard in enumerate(samples.shard):
            of_shard.setdefault(shard, []).append(i)
        for shard, own in sorted(of_shard.items()):
            if shard not in self._paths:
                raise SignfoldError(f"shard {shard!r} of {samples.sample_id[own[0]]!r} was not given")
            path = self._paths[shard].with_suffix(".parquet")
            digests = files.read_parquet(path)["sha256"].to_pylist()
            for i in own:
                row = samples.row[i]
                if row >= len(digests) or digests[row] != samples.sha256[i]:
                    raise SignfoldError(
                        f"{path}: row {row} is not {samples.source_id[i]!r} as the fold says; "
                        "run the manifest and the folds again"
                    )

    def read(self, shards: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the named rows, shape (N, C, T, V), NaN where missing."""
        found = np.empty((len(rows), *self._array(shards[0]).shape[1:]), np.float32)
        for i, (shard, row) in enumerate(zip(shards, rows, strict=True)):
            found[i] = self._array(shard)[row]
        return found

    def _mapped(self, shard: str) -> NDArray[np.float32]:
        return np.load(self._paths[shard], mmap_mode="r")


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


def load(
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

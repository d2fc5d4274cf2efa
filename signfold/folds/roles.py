"""Who trains, who validates, who tests: a fold as training and evaluation read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from signfold.core import files
from signfold.core.errors import SignfoldError

ROLES = ("train", "val", "test")


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

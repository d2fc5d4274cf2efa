"""A fold as training and evaluation read it: the samples of each role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from signfold.core import files, versions
from signfold.core.errors import SignfoldError
from signfold.core.results import ROLES

FOLD_SCHEMA = pa.schema(
    [
        ("sample_id", pa.string()),
        ("source_id", pa.string()),
        ("copy", pa.int32()),
        ("class_id", pa.int32()),
        ("label", pa.string()),
        ("signer", pa.string()),
        ("sha256", pa.string()),
        ("shard", pa.string()),
        ("row", pa.int32()),
        ("weight", pa.float32()),
        ("role", pa.string()),
    ]
)


@dataclass(frozen=True)
class Samples:
    """The N samples of one role, in the order of the fold's file. Every field has shape (N,)."""

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
    """The samples of each role, and the K labels by class id. The role `val` may be empty: then nobody validates."""

    name: str
    roles: Mapping[str, Samples]
    labels: tuple[str, ...]


def read_fold(path: Path, audit: Path | None) -> Fold:
    """Read a fold, and check that nothing is in two of its roles.

    Parameters
    ----------
    path
        `folds/{fold}.parquet`.
    audit
        `folds/audit.json`, which must say that the folds do not leak; None for `pretrain/all.parquet`, which has no
        test part and no audit.

    Raises
    ------
    SignfoldError
        If the audit is missing or not passed, if the file is of another version, if a signer, content digest or source
        is in two roles, if class ids are not 0..K-1, or if there is nothing to train on or to test on.
    """
    report = {} if audit is None else _read_audit(audit)
    table, metadata = files.read_parquet(path, FOLD_SCHEMA.names), files.read_metadata(path)
    if found := other_version(metadata):
        raise SignfoldError(f"{path}: {found}. Delete the file and run again")
    roles = {role: _samples(table, role) for role in ROLES}
    for role in ("train",) if audit is None else ("train", "test"):
        if not len(roles[role]):
            raise SignfoldError(f"{path}: no sample has the role {role!r}; the fold needs at least one")
    shared = bool(report.get("shared_signers")) if audit else signers_may_share(metadata)
    _check_apart(path, roles, allow_shared_signers=shared)
    return Fold(path.stem, roles, _labels(path, table))


def other_version(metadata: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the version in a fold's metadata, or None if it is today's."""
    if metadata.get("version") == versions.FOLDS:
        return None
    return f"roles of version {metadata.get('version')} of the folds stage, expected version {versions.FOLDS}"


def signers_may_share(metadata: Mapping[str, Any]) -> bool:
    """Return whether a fold's protocol allows a signer in two roles: an official split, or folds over videos."""
    return metadata.get("method") == "official" or metadata.get("group") == "sample"


def _read_audit(path: Path) -> dict[str, Any]:
    report = files.read_json(path) if path.exists() else {}
    if not report.get("ok"):
        raise SignfoldError(f"{path}: the leak audit did not pass; correct what it lists, and run it again")
    return report


def _samples(table: pa.Table, role: str) -> Samples:
    rows = table.filter(pc.equal(table["role"], role))
    if role != "train":  # copies balance training; a clip is scored once
        rows = rows.filter(pc.equal(rows["copy"], 0))
    columns = rows.to_pydict()
    return Samples(
        **{
            name: np.array(columns[name], dtype=object)
            for name in ("sample_id", "source_id", "sha256", "signer", "shard")
        },
        class_id=np.array(columns["class_id"], dtype=np.int64),
        weight=np.array(columns["weight"], dtype=np.float32),
        row=np.array(columns["row"], dtype=np.int64),
    )


def _labels(path: Path, table: pa.Table) -> tuple[str, ...]:
    labels = dict(zip(table["class_id"].to_pylist(), table["label"].to_pylist(), strict=True))
    if sorted(labels) != list(range(len(labels))):
        raise SignfoldError(f"{path}: class ids are {sorted(labels)[:5]}...; expected 0..K-1. Make the manifest again")
    return tuple(labels[class_id] for class_id in range(len(labels)))


def _check_apart(path: Path, roles: Mapping[str, Samples], allow_shared_signers: bool) -> None:
    """Raise if a group is in two roles: the audit's promise, checked again for the very rows that are used."""
    for name in ("source_id", "sha256", *(() if allow_shared_signers else ("signer",))):
        seen: dict[Any, str] = {}
        for role, samples in roles.items():
            for group in set(getattr(samples, name)) - {None}:
                if group in seen:
                    raise SignfoldError(f"{path}: {name} {group!r} is both in {seen[group]} and in {role}: a leak")
                seen[group] = role

"""Which clips train, validate and test: signers apart.

A group (a signer, or what a video shows) is in one role of a fold. Twins of one take, exact copies or re-encoded or
trimmed ones (`duplicates`), have a role only once in a fold: test before val before train. A copy made for balance is
in train if its source is, and has no role otherwise, so that the classes of a training part are filled up evenly only
as far as the manifest's copies, drawn evenly over signers, fall into it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from signfold.core import versions
from signfold.core.errors import SignfoldError
from signfold.core.files import read_metadata, read_parquet, write_parquet
from signfold.core.settings import FoldSettings
from signfold.dataset.manifest import class_weights
from signfold.folds.duplicates import takes
from signfold.folds.stratify import assign_groups

SCHEMA = pa.schema(
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
ROLES = ("test", "val", "train")  # the most precious first

log = logging.getLogger(__name__)


def groups_of(clips: pd.DataFrame, group: str) -> pd.Series:
    """Return each clip's group: its signer, or its take if the signer is unknown or `group` is `sample`."""
    contents = "content " + clips["take"].astype(str)
    if group == "sample":
        return contents
    return ("signer " + clips["signer"].astype(str)).where(clips["signer"].notna(), contents)


def fold(clips: pd.DataFrame, name: str, names: Sequence[str], settings: FoldSettings, seed: int) -> pd.Series:
    """Return the role of every clip in one fold: `train`, `val`, `test`, or `none`.

    Parameters
    ----------
    clips
        Rows of the manifest with copy 0; columns sample_id, class_id, signer, split, take.
    name, names
        The fold, and all folds.
    settings
        How they are made.
    seed
        Of what is left to chance.

    Raises
    ------
    SignfoldError
        If there are not enough groups, or a role would be empty.
    """
    groups = groups_of(clips, settings.group)
    if settings.method == "official":
        roles = clips["split"].where(clips["split"].isin(ROLES), "none")
    else:
        _check_groups(clips, groups, names)
        part = groups.map(assign_groups(list(groups), list(clips["class_id"]), len(names), [seed]))
        roles = pd.Series(np.where(part == names.index(name), "test", "train"), index=clips.index)
    if settings.val_fraction and not (roles == "val").any():
        roles = roles.mask(
            validation(clips, groups, roles == "train", settings.val_fraction, [seed, names.index(name)]), "val"
        )
    roles = twins_apart(clips["take"], roles)
    _check_roles(name, roles, settings)
    return roles


def validation(clips: pd.DataFrame, groups: pd.Series, train: pd.Series, share: float, seed: list[int]) -> pd.Series:
    """Return which training clips validate: of the parts that the training groups deal into, the best one.

    The best part has most of the classes, then the size nearest to `share`. With one group only (one signer), contents
    are dealt instead.
    """
    groups = groups[train]
    if groups.nunique() < 2:
        groups = groups_of(clips[train], "sample")
    if groups.nunique() < 2:
        return pd.Series(False, index=clips.index)
    classes = clips.loc[train, "class_id"]
    parts = min(groups.nunique(), max(2, round(1 / share)))
    part = groups.map(assign_groups(list(groups), list(classes), parts, seed))
    sizes = part.value_counts().sort_index()
    covered = classes.groupby(part).nunique()
    off = (sizes - share * len(part)).abs()
    best = pd.DataFrame({"covered": -covered, "off": off}).sort_values(["covered", "off"], kind="stable").index[0]
    return (part == best).reindex(clips.index, fill_value=False)


def twins_apart(takes: pd.Series, roles: pd.Series) -> pd.Series:
    """Return the roles, `none` for a video that shows a take with a more precious role in this fold."""
    rank = roles.map({role: number for number, role in enumerate((*ROLES, "none"))})
    return roles.mask(rank > rank.groupby(takes).transform("min"), "none")


def _check_groups(clips: pd.DataFrame, groups: pd.Series, names: Sequence[str]) -> None:
    found = sorted(groups.unique())
    if len(found) >= max(2, len(names)):
        return
    if len(found) == 1 and clips["signer"].notna().all():
        raise SignfoldError(
            f"folds.group: all {len(clips)} usable videos are by one signer, {clips['signer'].iloc[0]!r}, and at least "
            "two are needed to keep signers apart. Set folds.group: sample (the report will say that signers are not "
            "apart), or folds.method: official if the dataset has a split of its own"
        )
    listed = ", ".join(found[:10]) + (", ..." if len(found) > 10 else "")
    raise SignfoldError(
        f"folds.k: {len(names)} folds are planned, but the usable videos form only {len(found)} groups ({listed}); "
        f"manifest.excluded.csv says which videos are left out and why. Mend them"
        + (f", or set folds.k: {len(found)}" if len(found) > 1 else "")
    )


def _check_roles(name: str, roles: pd.Series, settings: FoldSettings) -> None:
    counts = roles.value_counts()
    needed = ("train", "val", "test") if settings.val_fraction else ("train", "test")
    empty = [role for role in needed if not counts.get(role)]
    if not empty:
        return
    found = ", ".join(f"{count} {role}" for role, count in counts.items())
    remedy = "use more videos"
    if settings.method == "official":
        remedy = "check the split column of the dataset's labels, or set folds.method: signers"
    raise SignfoldError(f"folds/{name}: no video is left for {' and '.join(empty)} (found {found}); {remedy}")


def with_roles(manifest: pd.DataFrame, roles: pd.Series, balance: str) -> pd.DataFrame:
    """Return the manifest with a `role` for every row, copies included, and weights by the classes of the train part.

    Parameters
    ----------
    manifest
        The manifest.
    roles
        Of the clips, by `sample_id`.
    balance
        `manifest.balance`; for `weights`, what a class weighs is decided by the fold's training clips alone.
    """
    role = manifest["source_id"].map(roles)
    role = role.mask((manifest["copy"] > 0) & (role != "train"), "none")
    table = manifest.assign(role=role)
    if balance == "weights":
        train = table["role"] == "train"
        table["weight"] = 1.0
        table.loc[train, "weight"] = class_weights(table.loc[train, "class_id"])
    return table


def describe(table: pd.DataFrame, settings: FoldSettings) -> dict[str, Any]:
    """Return what a fold is, for its metadata, the audit and the report."""
    clips = table[table["copy"] == 0]
    known = bool(clips["signer"].notna().any())
    signers = {role: set(clips.loc[clips["role"] == role, "signer"].dropna()) for role in ROLES}
    return {
        "method": settings.method,
        "group": "signer" if settings.group == "signer" and known else "sample",
        # With a single training signer, validation can only be other clips by the same person.
        "val_group": "signer" if known and signers["val"] and not signers["val"] & signers["train"] else "sample",
        "unknown_signers": int(clips["signer"].isna().sum()),
        "clips": {role: int((clips["role"] == role).sum()) for role in ("train", "val", "test", "none")},
        "signers": {role: sorted(signers[role]) for role in ("train", "val", "test")},
        "copies": int(((table["copy"] > 0) & (table["role"] == "train")).sum()),
        "unlearnt_test_classes": len(
            set(clips.loc[clips["role"] == "test", "class_id"]) - set(clips.loc[clips["role"] == "train", "class_id"])
        ),
    }


def build_fold(
    manifest: str | Path,
    out: str | Path,
    name: str,
    names: Sequence[str],
    settings: FoldSettings,
    seed: int,
    duplicates: str | Path | None = None,
) -> None:
    """Write one fold.

    Parameters
    ----------
    manifest
        `items.parquet`, or `manifest.parquet`: glosses are left out.
    out
        `folds/{fold}.parquet`: the manifest's rows, in their order, each with a role.
    name, names
        The fold, and all folds in their order.
    settings
        How they are made.
    seed
        Of what is left to chance.
    duplicates
        `duplicates.parquet`, the pairs of clips that show one take; without it, takes are told by content alone.

    Raises
    ------
    SignfoldError
        If there are not enough groups, or a role would be empty.
    """
    rows = read_parquet(manifest).to_pandas()
    pairs = read_parquet(duplicates).to_pandas() if duplicates else None
    clips = rows[rows["copy"] == 0].set_index("sample_id", drop=False).rename_axis(None)
    clips["take"] = takes(clips, pairs)
    roles = fold(clips, name, list(names), settings, seed)
    balance = read_metadata(manifest).get("settings", {}).get("balance", "none")
    table = with_roles(rows, roles, balance)
    facts = describe(table, settings)
    if facts["unknown_signers"] and settings.group == "signer":
        log.warning("%s: %d videos by unknown signers are kept apart by content only", name, facts["unknown_signers"])
    metadata = {
        "version": versions.FOLDS,
        "fold": name,
        "folds": list(names),
        "settings": asdict(settings),
        "seed": seed,
    }
    write_parquet(pa.Table.from_pandas(table, schema=SCHEMA, preserve_index=False), out, metadata | facts)

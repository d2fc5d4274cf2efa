"""Folds: the role of every clip, with no signer and no take in two roles.

A group (a signer, or a take where signers are unknown) has one role in a fold. A take that is there several times
(exact copies, or those that `duplicates` finds) keeps one role in a fold: test before train before val. Copies for
balance train with their source, or have no role.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from signfold.core import versions
from signfold.core.errors import SignfoldError
from signfold.core.files import read_metadata, read_parquet, write_parquet
from signfold.core.results import ROLES
from signfold.core.settings import FoldSettings
from signfold.core.text import shortened
from signfold.dataset.manifest import ITEMS_SCHEMA, class_weights
from signfold.folds.duplicates import assign_takes
from signfold.folds.roles import FOLD_SCHEMA
from signfold.folds.stratify import assign_groups
from signfold.folds.validation import choose_validation

# Of a take that has several roles, the first of these counts: what is tested is learnt nowhere, and what validates is
# never taken from training.
PRECEDENCE = ("test", "train", "val", "none")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FoldPlan:
    """One fold among all.

    Parameters
    ----------
    name
        Name of the fold, one of `names`.
    names
        Names of all folds, in order.
    settings
        The configuration's section `folds`.
    seed
        Random seed of the order of groups of equal size.
    """

    name: str
    names: tuple[str, ...]
    settings: FoldSettings
    seed: int

    @property
    def number(self) -> int:
        """The place of the fold among all, from 0."""
        return self.names.index(self.name)


def clip_groups(clips: pd.DataFrame, group: str) -> pd.Series:
    """Return each clip's group: its signer, or its take if the signer is unknown or `group` is `sample`."""
    takes = "take " + clips["take"].astype(str)
    if group == "sample":
        return takes
    return ("signer " + clips["signer"].astype(str)).where(clips["signer"].notna(), takes)


def assign_roles(clips: pd.DataFrame, plan: FoldPlan) -> pd.Series:
    """Return the role of every clip in one fold: `train`, `val`, `test`, or `none`.

    Parameters
    ----------
    clips
        Rows of the manifest with copy 0, indexed by sample_id; columns sample_id, class_id, signer, split, take.
    plan
        The fold.

    Raises
    ------
    SignfoldError
        If there are fewer groups than folds, or nothing to train on or to test on.
    """
    if plan.settings.method == "official":
        roles = clips["split"].where(clips["split"].isin(ROLES), "none")
    else:
        groups = clip_groups(clips, plan.settings.group)
        _check_groups(clips, groups, plan)
        part = groups.map(assign_groups(list(groups), list(clips["class_id"]), len(plan.names), [plan.seed]))
        roles = pd.Series(np.where(part == plan.number, "test", "train"), index=clips.index)
    roles = with_validation(clips, roles, plan.settings, [plan.seed, plan.number])
    _check_roles(plan, roles)
    return roles


def with_validation(clips: pd.DataFrame, roles: pd.Series, settings: FoldSettings, seed: list[int]) -> pd.Series:
    """Return the roles with every take in one of them, and some training groups in `val` if nobody validates yet."""
    roles = separate_takes(clips["take"], roles)
    if settings.val_fraction and not (roles == "val").any():
        train = clips[roles == "train"]
        chosen = choose_validation(clip_groups(train, settings.group), train["class_id"], settings.val_fraction, seed)
        roles = roles.mask(chosen.reindex(roles.index, fill_value=False), "val")
    return separate_takes(clips["take"], roles)


def separate_takes(takes: pd.Series, roles: pd.Series) -> pd.Series:
    """Return the roles, with `none` for a clip whose take has a role of higher precedence in this fold."""
    rank = roles.map({role: number for number, role in enumerate(PRECEDENCE)})
    return roles.mask(rank > rank.groupby(takes).transform("min"), "none")


def _check_groups(clips: pd.DataFrame, groups: pd.Series, plan: FoldPlan) -> None:
    found = sorted(groups.unique())
    if len(found) >= max(2, len(plan.names)):
        return
    if len(found) == 1 and clips["signer"].notna().all():
        raise SignfoldError(
            f"folds.group: all {len(clips)} usable videos are by one signer, {clips['signer'].iloc[0]!r}, and at least "
            "two are needed to keep signers apart. Set folds.group: sample (the report will say that signers are not "
            "apart), or folds.method: official if the dataset has a split of its own"
        )
    raise SignfoldError(
        f"folds.k: {len(plan.names)} folds are planned, but the usable videos form only {len(found)} groups "
        f"({shortened(found, 10)}); manifest.excluded.csv lists the videos that are left out and why. Correct or "
        "replace these" + (f", or set folds.k: {len(found)}" if len(found) > 1 else "")
    )


def _check_roles(plan: FoldPlan, roles: pd.Series) -> None:
    counts = roles.value_counts()
    empty = [role for role in ("train", "test") if not counts.get(role)]
    if not empty:
        return
    found = ", ".join(f"{count} {role}" for role, count in counts.items())
    remedy = "use more videos"
    if plan.settings.method == "official":
        remedy = "check the split column of the dataset's labels, or set folds.method: signers"
    raise SignfoldError(f"folds/{plan.name}: no video is left for {' and '.join(empty)} (found {found}); {remedy}")


def with_roles(manifest: pd.DataFrame, roles: pd.Series, balance: str) -> pd.DataFrame:
    """Return the manifest with a `role` for every row, copies included, and weights by the classes of the train part.

    Parameters
    ----------
    manifest
        All rows of the manifest.
    roles
        Role of every clip, indexed by sample_id.
    balance
        The configuration's `manifest.balance`. With `weights`, a class's weight comes from the fold's training clips
        alone.
    """
    role = manifest["source_id"].map(roles)
    role = role.mask((manifest["copy"] > 0) & (role != "train"), "none")
    table = manifest.assign(role=role)
    if balance == "weights":
        train = table["role"] == "train"
        table["weight"] = 1.0
        table.loc[train, "weight"] = class_weights(table.loc[train, "class_id"])
    return table


def describe_fold(table: pd.DataFrame, settings: FoldSettings) -> dict[str, Any]:
    """Return a fold's metadata for audit and report: what is kept apart, counts, signers by role.

    `val_group` is `signer` if validation signers do not train, `sample` if they may, and None if nobody validates.
    """
    clips = table[table["copy"] == 0]
    known = bool(clips["signer"].notna().any())
    rows = {role: clips[clips["role"] == role] for role in (*ROLES, "none")}
    signers = {role: set(rows[role]["signer"].dropna()) for role in ROLES}
    val_group = None
    if len(rows["val"]):
        val_group = "signer" if signers["val"] and not signers["val"] & signers["train"] else "sample"
    return {
        "method": settings.method,
        "group": "signer" if settings.group == "signer" and known else "sample",
        "val_group": val_group,
        "unknown_signers": int(clips["signer"].isna().sum()),
        "clips": {role: len(found) for role, found in rows.items()},
        "signers": {role: sorted(found) for role, found in signers.items()},
        "copies": int(((table["copy"] > 0) & (table["role"] == "train")).sum()),
        "unlearnt_test_classes": len(set(rows["test"]["class_id"]) - set(rows["train"]["class_id"])),
    }


def build_fold(items: Path, duplicates: Path, out: Path, plan: FoldPlan) -> None:
    """Write one fold.

    Parameters
    ----------
    items, duplicates
        `items.parquet` and `duplicates.parquet`, the pairs of clips that show one take.
    out
        `folds/{fold}.parquet`: the rows of `items`, in their order, each with a role.
    plan
        The fold.

    Raises
    ------
    SignfoldError
        If there are fewer groups than folds, or nothing to train on or to test on.
    """
    rows, clips = read_items(items, duplicates)
    roles = assign_roles(clips, plan)
    table = with_roles(rows, roles, balance_of(items))
    about = {"fold": plan.name, "folds": list(plan.names), "seed": plan.seed, "settings": asdict(plan.settings)}
    facts = write_fold(out, table, plan.settings, about)
    if facts["unknown_signers"] and plan.settings.group == "signer":
        log.warning("%s: %d videos of unknown signers; only takes are kept apart", plan.name, facts["unknown_signers"])
    if plan.settings.val_fraction and not facts["val_group"]:
        log.warning("%s: no signer can be spared for validation; the last epoch will be taken", plan.name)


def balance_of(items: Path) -> str:
    """Return the `manifest.balance` that `items.parquet` was made with."""
    return read_metadata(items).get("settings", {}).get("balance", "none")


def write_fold(out: Path, table: pd.DataFrame, settings: FoldSettings, about: Mapping[str, Any]) -> dict[str, Any]:
    """Write items with their roles; return what `describe_fold` says of them.

    Parameters
    ----------
    out
        The fold's file.
    table
        Items with a `role`, as `with_roles` returns them.
    settings
        The section `folds`.
    about
        Further metadata, `fold` (the fold's name) among them.
    """
    facts = describe_fold(table, settings)
    metadata = {"version": versions.FOLDS, **about, **facts}
    write_parquet(pa.Table.from_pandas(table, schema=FOLD_SCHEMA, preserve_index=False), out, metadata)
    return facts


def read_items(items: Path, duplicates: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return all rows of `items.parquet`, and its clips (copy 0) by sample_id with the take that each shows."""
    rows = read_parquet(items, ITEMS_SCHEMA.names).to_pandas()
    clips = rows[rows["copy"] == 0].set_index("sample_id", drop=False).rename_axis(None)
    return rows, clips.assign(take=assign_takes(clips, read_parquet(duplicates, ["sample_id", "other_id"]).to_pandas()))

"""Which clips of a dataset train a network that others go on from."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa

from signfold.core import versions
from signfold.core.errors import SignfoldError
from signfold.core.files import read_metadata, read_parquet, write_parquet
from signfold.core.settings import FoldSettings
from signfold.folds.build import SCHEMA, groups_of, twins_apart, validation, with_roles
from signfold.folds.duplicates import takes


def roles_of(clips: pd.DataFrame, settings: FoldSettings, seed: int) -> pd.Series:
    """Return the role of every clip: `train`, `val`, or `none`; never `test`.

    With an official split its test part stays unseen, so that it can still be tested on. Otherwise all clips are learnt
    from. Validation is the split's own, or a share of the groups as in any fold, where there are two at least.

    Parameters
    ----------
    clips
        Rows of the items with copy 0 and their takes, indexed by sample_id.
    settings
        The dataset's own folds.
    seed
        Of what is left to chance.
    """
    roles = pd.Series("train", index=clips.index)
    if settings.method == "official":
        roles = clips["split"].where(clips["split"].isin(["train", "val"]), "none")
        # A test clip's take stays unseen under another name, too.
        roles = roles.mask(clips["take"].isin(clips.loc[clips["split"] == "test", "take"]), "none")
    if settings.val_fraction and not (roles == "val").any():
        groups = groups_of(clips, settings.group)
        roles = roles.mask(validation(clips, groups, roles == "train", settings.val_fraction, [seed]), "val")
    return twins_apart(clips["take"], roles)


def build_pretrain_split(items: Path, duplicates: Path, out: Path, settings: FoldSettings, seed: int) -> None:
    """Write the items of a dataset, each with its role in pre-training.

    Parameters
    ----------
    items
        `items.parquet`.
    duplicates
        `duplicates.parquet`, the pairs of clips that show one take.
    out
        `pretrain/all.parquet`, in the shape of a fold's file.
    settings, seed
        The dataset's own folds; of what is left to chance.

    Raises
    ------
    SignfoldError
        If nothing is left to train on.
    """
    rows = read_parquet(items).to_pandas()
    clips = rows[rows["copy"] == 0].set_index("sample_id", drop=False).rename_axis(None)
    clips["take"] = takes(clips, read_parquet(duplicates).to_pandas())
    roles = roles_of(clips, settings, seed)
    if not (roles == "train").any():
        raise SignfoldError(f"{items}: no clip is in the train part of the official split; set folds.method: signers")
    table = with_roles(rows, roles, read_metadata(items).get("settings", {}).get("balance", "none"))
    metadata = {"version": versions.FOLDS, "fold": out.stem, "seed": seed, "method": settings.method}
    write_parquet(pa.Table.from_pandas(table, schema=SCHEMA, preserve_index=False), out, metadata)

"""Which clips of a dataset train a network that other datasets start from."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from signfold.core.errors import SignfoldError
from signfold.core.settings import FoldSettings
from signfold.folds.build import balance_of, read_items, with_roles, with_validation, write_fold


def pretrain_roles(clips: pd.DataFrame, settings: FoldSettings, seed: int) -> pd.Series:
    """Return the role of every clip in pre-training: `train`, `val`, or `none`; never `test`.

    With an official split its test part has no role, so that it can still be tested on; otherwise all clips are used.
    Validation is the split's own, or chosen as in any fold.

    Parameters
    ----------
    clips
        Rows of the items with copy 0 and their takes, indexed by sample_id.
    settings
        The dataset's own section `folds`.
    seed
        Random seed of the choice of validation groups.
    """
    roles = pd.Series("train", index=clips.index)
    if settings.method == "official":
        tested = clips["take"].isin(clips.loc[clips["split"] == "test", "take"])
        roles = clips["split"].where(clips["split"].isin(["train", "val"]) & ~tested, "none")
    return with_validation(clips, roles, settings, [seed])


def build_pretrain_split(items: Path, duplicates: Path, out: Path, settings: FoldSettings, seed: int) -> None:
    """Write the items of a dataset, each with its role in pre-training.

    Parameters
    ----------
    items, duplicates
        `items.parquet` and `duplicates.parquet`.
    out
        `pretrain/all.parquet`, in the format of a fold's file.
    settings
        The dataset's own section `folds`.
    seed
        Random seed of the choice of validation groups.

    Raises
    ------
    SignfoldError
        If nothing is left to train on.
    """
    rows, clips = read_items(items, duplicates)
    roles = pretrain_roles(clips, settings, seed)
    if not (roles == "train").any():
        raise SignfoldError(f"{items}: no clip is in the train part of the official split; set folds.method: signers")
    write_fold(out, with_roles(rows, roles, balance_of(items)), settings, {"fold": out.stem, "seed": seed})

"""Classes that no model can get right, since training of their fold has no clip of them, and the ceiling they set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from signfold.evaluation.tables import class_names


def ceiling(folds: Mapping[str, pd.DataFrame], clips: pd.DataFrame, items: pd.DataFrame) -> dict[str, Any]:
    """Return the classes with test clips whose fold does not train on them, and the top-1 that is left to reach.

    Such is every class of one clip, or of one signer where signers are apart.

    Parameters
    ----------
    folds
        The rows of each fold: class_id, role.
    clips
        The N test clips: fold, class_id.
    items
        The manifest.

    Returns
    -------
    dict
        top1, the highest share of clips that can be right; classes, for each its gloss, label, number of `clips` that
        cannot be right, `signers` and all its clips (`of`) in the manifest.
    """
    trained = {fold: set(table.loc[table["role"] == "train", "class_id"]) for fold, table in folds.items()}
    lost = clips[[k not in trained[fold] for fold, k in zip(clips["fold"], clips["class_id"], strict=True)]]
    own = items[items["copy"] == 0].groupby("class_id")
    table = class_names(items).assign(
        of=own.size(), signers=own["signer"].nunique(), clips=lost.groupby("class_id").size()
    )
    rows = table.dropna(subset="clips").sort_values("clips", ascending=False, kind="stable").astype({"clips": int})
    columns = ["gloss", "label", "clips", "of", "signers"]
    return {"top1": 1 - len(lost) / len(clips), "classes": rows[columns].to_dict("records")}

"""Classes that nobody could get right are found, with the share of clips that is left."""

from __future__ import annotations

import pandas as pd
import pytest

from signfold.evaluation.ceiling import ceiling


def test_a_class_of_one_clip_and_one_of_one_signer_cannot_be_right() -> None:
    rows = [
        ("ann", 0, 0), ("ann", 1, 0), ("ann", 2, 0), ("ann", 2, 0), ("ben", 0, 0), ("ben", 3, 0), ("cem", 3, 0),
        ("cem", 0, 1),
    ]  # fmt: skip
    items = pd.DataFrame(rows, columns=["signer", "class_id", "copy"])
    items["sample_id"], items["label"] = [f"clip{n}" for n in range(8)], [f"sign {k}" for k in items["class_id"]]
    items["gloss"] = items["class_id"].map({1: "only once", 2: "ann's own"})
    folds = {}
    for signer in ("ann", "ben", "cem"):
        role = items["signer"].eq(signer).map({True: "test", False: "train"})
        folds[f"fold-{signer}"] = items.assign(role=role)
    own = items[items["copy"] == 0]
    clips = own.assign(fold="fold-" + own["signer"])
    found = ceiling(folds, clips, items)
    assert found["top1"] == pytest.approx(4 / 7)
    assert found["classes"] == [
        {"gloss": "ann's own", "label": "sign 2", "clips": 2, "of": 2, "signers": 1},
        {"gloss": "only once", "label": "sign 1", "clips": 1, "of": 1, "signers": 1},
    ]


def test_validation_clips_teach_nobody() -> None:
    rows = [("a", "test"), ("b", "val")]
    table = pd.DataFrame(rows, columns=["sample_id", "role"]).assign(
        class_id=0, signer="x", copy=0, label="l", gloss="g"
    )
    clips = table.iloc[[0]].assign(fold="f")
    assert ceiling({"f": table}, clips, table)["top1"] == 0
    taught = table.assign(role=["test", "train"])
    assert ceiling({"f": taught}, clips, table) == {"top1": 1.0, "classes": []}

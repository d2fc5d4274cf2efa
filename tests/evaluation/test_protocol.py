"""The sentence beside the headline says how the figures came about, and nothing that is not so."""

from __future__ import annotations

import numpy as np
import pytest

from signfold.evaluation.intervals import GroupIntervals
from signfold.evaluation.protocol import Split, Training, protocol

FOLDS = ["fold-1", "fold-2", "fold-3"]
SIGNERS = GroupIntervals.of(np.arange(6))
ONE = {"streams": ["joint"], "fitted": False, "chosen": 3, "seeds": 1, "pretrained": None}


def said(split: Split, intervals: GroupIntervals = SIGNERS, **changes: object) -> str:
    return protocol(split, Training(**{**ONE, **changes}), intervals)


def test_signers_apart() -> None:
    assert said(Split(FOLDS, 6, False)) == (
        "6 signers, 3 signer-wise folds, epoch chosen on validation signers, each test part scored once; "
        "95 % interval: score interval over 6 signers"
    )
    assert said(Split(FOLDS, 1, False)).startswith("1 signer, ")


def test_no_word_of_validation_where_nobody_validates() -> None:
    told = said(Split(FOLDS, 6, False), chosen=0)
    assert "last epoch taken" in told
    assert "validation" not in told
    some = said(Split(FOLDS, 6, False), chosen=2)
    assert "epoch chosen on validation signers (last epoch taken in 1 of 3 folds)," in some


@pytest.mark.parametrize(
    ("split", "start", "epoch"),
    [
        (Split(["official"], 6, False), "6 signers in the test part of the official split, epoch", "validation part"),
        (Split(FOLDS, 6, True), "6 signers, 3 folds over distinct videos, test signers also in training", "videos"),
        (Split(FOLDS, None, False), "Signers unknown, 3 folds over distinct videos, so test signers may be", "videos"),
    ],
)
def test_who_was_tested_and_how_set_apart(split: Split, start: str, epoch: str) -> None:
    told = said(split)
    assert told.startswith(start)
    assert f"epoch chosen on {'the ' if epoch.endswith('part') else ''}validation" in told
    assert epoch in told


def test_fusion_seeds_and_earlier_training_are_said() -> None:
    seen = {"datasets": ["autsl", "lsa64"], "clips": 1200, "namesakes": []}
    tested = Split(FOLDS, 6, False)
    told = said(tested, streams=["joint", "bone"], seeds=3, pretrained=seen)
    assert ", pre-trained on 1200 clips of autsl and lsa64, none of them tested, " in told
    assert "joint + bone fused with fixed weights, each test part scored once, mean over 3 seeds;" in told
    told = said(tested, streams=["joint", "bone"], fitted=True, pretrained=seen | {"namesakes": ["p1", "p2"]})
    assert "none of them tested (test signers whose names are there too: 2), " in told
    assert "fused with weights fitted on validation" in told
    assert "seeds" not in told
    assert "mean over 2 seeds" in said(tested, seeds=2)


def test_an_interval_over_clips_is_called_too_narrow() -> None:
    told = said(Split(FOLDS, None, False), GroupIntervals.of(np.arange(9), "clip", 0.9))
    assert told.endswith("90 % interval: score interval over 9 clips, too narrow for signers that are not here")

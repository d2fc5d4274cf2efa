"""Promises of the signs: a classifier separates them on new signers, and minimal pairs differ in one thing alone."""

from __future__ import annotations

import numpy as np
import yaml
from paths import PROJECT
from synthetic_performances import described, performances

from signfold.dataset.synthetic import MOST_SIGNS
from signfold.synth.signs import SHAPES, SIGNS


def test_signs_can_be_told_apart_on_signers_never_seen() -> None:
    acts = performances(range(1, 7))
    features = {key: described(act) for key, act in acts.items()}
    hits = []
    for (number, sign), feature in features.items():
        others = {key: np.abs(other - feature).mean() for key, other in features.items() if key[0] != number}
        hits.append(min(others, key=others.__getitem__)[1] == sign)
    # By fixed moments of the nearest clip: far above chance, and not all.
    assert 0.65 < np.mean(hits) < 0.95


def test_every_sign_has_a_gloss_of_its_own() -> None:
    names = yaml.safe_load((PROJECT / "config/datasets/demo.yaml").read_text())["glosses"]["names"]
    assert list(names) == list(range(1, len(SIGNS) + 1)) == list(range(1, MOST_SIGNS + 1))
    assert len(set(names.values())) == len(SIGNS)


def test_minimal_pairs_differ_in_hand_shape_place_or_movement_alone() -> None:
    pairs = {"shape": [(4, 5), (10, 11), (14, 15)], "place": [(8, 9), (12, 13)], "waves": [(2, 3), (6, 7)]}
    for differs, numbers in pairs.items():
        for one, other in ((SIGNS[a - 1], SIGNS[b - 1]) for a, b in numbers):
            assert one.other == other.other
            assert (one.waves != other.waves) == (differs == "waves")
            for mine, theirs in zip(one.keys, other.keys, strict=True):
                assert mine.turn == theirs.turn
                assert (mine.shape != theirs.shape) == (differs == "shape")
                assert (mine.place != theirs.place) == (differs == "place")


def test_every_hand_shape_is_used() -> None:
    assert set(SHAPES) - {"relaxed"} == {key.shape for sign in SIGNS for key in sign.keys}

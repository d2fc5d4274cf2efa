"""Signs that one signer exchanged are found in their circles, and nothing is found where there is none."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signfold.evaluation.label_exchanges import LEAST_EACH, LEAST_GAIN, exchanges

CLASSES = 6
EXPECTED = 0.8


def looks(taken: Mapping[int, int], own: float = 0.05, other: float = 0.85, each: int = 2) -> tuple:
    """Clips of one signer whose label `a` gets `own` and whose other class, `taken[a]`, gets `other`."""
    given_class = np.repeat(sorted(taken), each)
    probabilities = np.full((len(given_class), CLASSES), 0.01, np.float32)
    for row, label in enumerate(given_class):
        probabilities[row, label] = own
        probabilities[row, taken[label]] = other
    clips = pd.DataFrame({"signer": "ann", "class_id": given_class})
    pairs = pd.DataFrame({"signer": "ann", "class_id": sorted(taken), "clips": each, "expected": EXPECTED})
    return clips, probabilities, pairs


@given(st.permutations(range(CLASSES)))
def test_every_exchange_is_found_as_its_circles(taken: list[int]) -> None:
    found = exchanges(*looks(dict(enumerate(taken)))).get("ann", [])
    assert {place for circle in found for place in circle} == {a for a, b in enumerate(taken) if a != b}
    for circle in found:
        assert circle[0] == min(circle)
        assert [taken[place] for place in circle] == [*circle[1:], circle[0]]


def test_two_signs_that_look_like_a_third_are_no_exchange() -> None:
    assert exchanges(*looks({0: 2, 1: 2, 2: 2})) == {}


@pytest.mark.parametrize(("more", "found"), [(0.01, True), (-0.01, False)])
def test_the_limit_is_in_units_of_what_others_clips_get(more: float, found: bool) -> None:
    other = 0.1 + EXPECTED * (LEAST_GAIN + more)
    assert bool(exchanges(*looks({0: 1, 1: 0}, own=0.1, other=other))) == found


def test_one_clip_of_a_sign_says_nothing() -> None:
    assert exchanges(*looks({0: 1, 1: 0}, each=1)) == {}


def test_the_larger_classes_decide_which_exchange_it_is() -> None:
    """Class 1 looks like 0 and like 2; 0 and 2 look like 1; 2 has more clips."""
    clips, probabilities, pairs = looks({0: 1, 1: 0, 2: 1})
    probabilities[2:4, 2] = probabilities[2:4, 0] = 0.45
    more = pd.concat([clips, clips[4:]], ignore_index=True)
    pairs.loc[2, "clips"] = 4
    assert exchanges(more, np.concatenate([probabilities, probabilities[4:]]), pairs) == {"ann": [[1, 2]]}


@pytest.mark.parametrize(("more", "found"), [(0.02, True), (-0.02, False)])
def test_each_sign_must_look_like_the_other(more: float, found: bool) -> None:
    clips, probabilities, pairs = looks({0: 1, 1: 0}, own=0.01, other=0.99)
    probabilities[2:, 0] = 0.01 + EXPECTED * (LEAST_EACH + more)
    assert bool(exchanges(clips, probabilities, pairs)) == found


def test_one_strong_resemblance_is_no_exchange() -> None:
    clips, probabilities, pairs = looks({0: 1, 1: 0}, own=0.01, other=0.81)
    probabilities[2:, 0] = 0.17
    assert exchanges(clips, probabilities, pairs) == {"ann": [[0, 1]]}
    probabilities[:2, 1] = 0.71
    assert exchanges(clips, probabilities, pairs) == {}


def test_a_rare_sign_does_not_count_beyond_measure() -> None:
    """Where others' clips hardly get their label, a small probability is many times theirs."""
    clips, probabilities, pairs = looks({0: 1, 1: 0}, own=0.0, other=0.3)
    pairs["expected"] = [0.8, 0.05]
    assert exchanges(clips, probabilities, pairs) == {"ann": [[0, 1]]}
    probabilities[2:, 0] = 0.0
    assert exchanges(clips, probabilities, pairs) == {}


def test_classes_that_cannot_be_judged_are_passed_over_and_other_signers_clips_too() -> None:
    clips, probabilities, pairs = looks({0: 1, 1: 0, 3: 4, 4: 3})
    bob, like, own = looks({0: 0, 1: 1})
    table = pd.concat([bob, clips], ignore_index=True)
    table.loc[: len(bob) - 1, "signer"] = "bob"
    table["signer"] = table["signer"].astype(object)
    table.loc[len(table)] = [None, 0]
    scores = np.concatenate([like, probabilities, like[:1]])
    judged = pd.concat([own.assign(signer="bob"), pairs[pairs["class_id"] != 4]])
    assert exchanges(table, scores, judged) == {"ann": [[0, 1]]}

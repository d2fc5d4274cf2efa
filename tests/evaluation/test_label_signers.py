"""A signer whose labels disagree with everybody else's is named, and nobody else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signfold.evaluation.label_signers import COLUMNS, MOST_SHARE, label_signers

LABELS = ["hello", "bye", "good"]
ITEMS = pd.DataFrame({"class_id": range(3), "label": LABELS, "gloss": [None, "goodbye", None]})


def clips(beliefs: dict[str, list[tuple[int, int, float]]]) -> tuple[pd.DataFrame, np.ndarray]:
    """Return clips and probabilities of signers: (given class, predicted class, probability of the given one) each."""
    rows = [(signer, *clip) for signer, own in beliefs.items() for clip in own]
    probabilities = np.zeros((len(rows), 3), np.float32)
    for place, (_, label, predicted, own) in enumerate(rows):
        probabilities[place] = (1 - own) / 2
        probabilities[place, label] = own
        if predicted != label:
            other = 3 - label - predicted
            probabilities[place, [predicted, other]] = 1 - own - 0.01, 0.01
    return pd.DataFrame({"signer": [row[0] for row in rows], "class_id": [row[1] for row in rows]}), probabilities


def others(count: int, own: float = 0.8) -> dict[str, list[tuple[int, int, float]]]:
    return {f"s{number}": [(label, label, own) for label in range(3) for _ in range(2)] for number in range(count)}


def exchanged(own: float = 0.1) -> list[tuple[int, int, float]]:
    return [(0, 1, own), (0, 1, own), (0, 2, own), (1, 0, own), (1, 0, own)]


def test_a_signer_who_exchanged_two_signs_is_named_with_what_they_look_like() -> None:
    found = label_signers(*clips({**others(4), "ann": exchanged()}), ITEMS)
    assert list(found.columns) == COLUMNS
    row = found.iloc[0]
    assert (len(found), row["signer"], row["clips"], row["classes"]) == (1, "ann", 5, 2)
    assert row["given"] == pytest.approx(0.1)
    assert row["expected"] == pytest.approx(0.8)
    assert row["share"] == pytest.approx(0.125)
    assert row["seen_as"] == "hello as goodbye (2 of 3); goodbye as hello (2 of 2); hello as good (1 of 3)"


def test_the_limit_is_a_share_of_what_others_get() -> None:
    for own, named in ((MOST_SHARE * 0.8 - 0.001, True), (MOST_SHARE * 0.8 + 0.001, False)):
        found = label_signers(*clips({**others(4), "ann": exchanged(own)}), ITEMS)
        assert (len(found) == 1) == named


def test_a_network_that_believes_nobody_names_nobody() -> None:
    assert label_signers(*clips({**others(4, own=0.15), "ann": exchanged(0.01)}), ITEMS).empty


def test_a_difficult_sign_names_nobody() -> None:
    """All signers of a class are equally disbelieved: the sign is hard, not the signer's another."""
    hard = {f"s{number}": [(0, 1, 0.25)] * 3 for number in range(5)}
    assert label_signers(*clips(hard), ITEMS).empty


@pytest.mark.parametrize(("signers", "named"), [(2, False), (3, True)])
def test_three_others_must_show_a_sign(signers: int, named: bool) -> None:
    assert label_signers(*clips({**others(signers), "ann": exchanged()}), ITEMS).empty != named


def test_two_clips_name_nobody() -> None:
    assert label_signers(*clips({**others(4), "ann": exchanged()[:2]}), ITEMS).empty
    assert len(label_signers(*clips({**others(4), "ann": exchanged()[:3]}), ITEMS)) == 1


def test_clips_of_unknown_signers_are_left_out() -> None:
    table, probabilities = clips({**others(4), "ann": exchanged()})
    table["signer"] = table["signer"].astype(object).where(table["signer"] != "ann", None)
    assert label_signers(table, probabilities, ITEMS).empty
    assert list(label_signers(table.assign(signer=None), probabilities, ITEMS).columns) == COLUMNS


@given(st.lists(st.integers(0, 2), min_size=1, max_size=12), st.randoms())
def test_the_order_of_clips_changes_nothing(labels: list[int], random: object) -> None:
    table, probabilities = clips({**others(4), "ann": [(label, (label + 1) % 3, 0.05) for label in labels]})
    order = list(range(len(table)))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = label_signers(table.iloc[order].reset_index(drop=True), probabilities[order], ITEMS)
    whole = label_signers(table, probabilities, ITEMS)
    pd.testing.assert_frame_equal(shuffled.drop(columns="seen_as"), whole.drop(columns="seen_as"))

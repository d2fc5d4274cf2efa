"""Wrong labels that were planted come out on top."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from signfold.evaluation.label_errors import COLUMNS, label_errors

CLASSES, EACH = 10, 30


def scored(wrong: int, skill: float, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame, set[str]]:
    """Clips judged by a network of some skill; the first few of a random order carry a wrong label."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(CLASSES), EACH)
    logits = rng.normal(size=(len(truth), CLASSES))
    logits[np.arange(len(truth)), truth] += skill
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    planted = rng.permutation(len(truth))[:wrong]
    given = truth.copy()
    given[planted] = (given[planted] + 1 + rng.integers(CLASSES - 1, size=wrong)) % CLASSES
    labels = np.array([f"sign {k}" for k in range(CLASSES)])
    ids = np.array([f"clip {i}" for i in range(len(truth))])
    clips = pd.DataFrame({"sample_id": ids, "signer": "ann", "class_id": given, "label": labels[given], "gloss": None})
    items = pd.DataFrame({"class_id": np.arange(CLASSES), "label": labels, "gloss": None})
    return clips, probabilities.astype(np.float32), items, set(ids[planted])


@pytest.mark.parametrize(("skill", "least"), [(5.0, 0.8), (3.0, 0.6)])
def test_planted_wrong_labels_lead_the_list(skill: float, least: float) -> None:
    clips, probabilities, items, planted = scored(wrong=15, skill=skill)
    top = label_errors(clips, probabilities, items)["sample_id"].head(15)
    assert len(planted & set(top)) >= least * 15


def test_the_class_that_it_seems_to_be_is_named() -> None:
    clips, probabilities, items, _ = scored(wrong=15, skill=6.0)
    table = label_errors(clips, probabilities, items)
    assert list(table.columns) == COLUMNS
    row = table.iloc[0]
    index = int(row["sample_id"].split()[1])
    assert row["other_label"] == f"sign {index // EACH}"
    assert row["other"] == pytest.approx(probabilities[index].max())
    assert (table["margin"].diff().dropna() <= 0).all()


def test_a_network_that_is_always_right_suspects_nobody() -> None:
    clips, probabilities, items, _ = scored(wrong=0, skill=20.0)
    assert label_errors(clips, probabilities, items).empty


def test_thresholds_by_hand() -> None:
    """The only clip of b reaches its own threshold, 0.6; the last of a reaches that of b alone."""
    clips = pd.DataFrame({"sample_id": list("xyz"), "signer": "ann", "class_id": [0, 1, 0], "label": list("aba")})
    items = clips.assign(gloss=clips["label"])
    found = label_errors(items, np.array([[0.9, 0.1], [0.5, 0.6], [0.1, 0.8]], np.float32), items)
    assert found[["sample_id", "other_label"]].to_numpy().tolist() == [["z", "b"]]
    assert found[["given", "other", "margin"]].to_numpy().tolist() == [pytest.approx([0.1, 0.8, 0.7])]


def test_a_class_without_a_clip_attracts_nobody() -> None:
    clips, probabilities, items, _ = scored(wrong=15, skill=4.0)
    without = clips["class_id"] != 3
    table = label_errors(clips[without].reset_index(drop=True), probabilities[without.to_numpy()], items)
    assert "sign 3" not in set(table["other_label"])

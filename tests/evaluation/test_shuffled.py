"""Shuffled clips and signers apart: compared on the same clips, by models of as many training clips."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from training_data import Example, example, rewrite_array, write_fold

from signfold.core import files
from signfold.evaluation import shuffled
from signfold.folds.roles import read_fold


@pytest.fixture
def made(tmp_path: Path) -> Example:
    return example(tmp_path, takes=8)


def folds_of(made: Example, rows: pd.DataFrame) -> list[Path]:
    """A fold for each signer, who is its test part."""
    paths = []
    for signer in sorted(set(rows["signer"])):
        role = np.where(rows["signer"] == signer, "test", "train")
        paths.append(made.fold.with_name(f"fold-{signer}.parquet"))
        write_fold(paths[-1], rows.assign(role=role).to_dict("records"))
    return paths


def rows_of(made: Example) -> pd.DataFrame:
    return files.read_parquet(made.fold).to_pandas()


def run(made: Example, folds: list[Path]) -> dict:
    out = made.fold.with_name("shuffled.json")
    shuffled.run_shuffled(folds, made.audit, made.tensors, out, seed=0)
    return json.loads(out.read_text())


def test_shuffled_clips_seem_easier_where_signers_differ(made: Example) -> None:
    """Each signer has a place of their own that says which sign it is, and shares nothing with the others."""
    rows = rows_of(made)
    rng = np.random.default_rng(0)
    own = {signer: rng.permutation(27)[:3] for signer in sorted(set(rows["signer"]))}
    for row in rows.itertuples():
        path = made.fold.parent.parent / f"tensors/{row.shard}.npy"
        array = np.load(path)
        array[row.row] = rng.normal(0, 0.3, array.shape[1:])
        array[row.row][:, :, own[row.signer][row.class_id]] += 3
        rewrite_array(path, array)
    found = run(made, folds_of(made, rows))
    assert found["clips"] == len(rows)
    assert found["trained"] == len(rows) * 3 // 4
    assert found["shuffled"] > found["apart"] + 0.3
    assert found["difference"]["value"] == pytest.approx(found["shuffled"] - found["apart"])
    assert found["difference"]["low"] > 0


def test_where_signers_do_not_differ_no_difference_is_told(made: Example) -> None:
    found = run(made, folds_of(made, rows_of(made)))
    assert found["apart"] == found["shuffled"] == 1
    assert found["difference"]["low"] < 0 < found["difference"]["high"]


def test_an_official_split_is_compared_on_all_of_its_clips(made: Example) -> None:
    found = run(made, [made.fold])
    assert found["clips"] == len(rows_of(made)) == 96
    assert found["trained"] == 72  # four signers make four of the five parts


def test_there_are_as_many_parts_as_folds(made: Example) -> None:
    folds = folds_of(made, rows_of(made))
    assert run(made, folds[:2])["trained"] == 48
    assert run(made, folds[:3])["trained"] == 48  # three parts of four signers: one has two


@pytest.mark.parametrize("kind", ["unknown", "one signer", "own classes", "one class"])
def test_nothing_is_said_where_it_cannot_be_told(made: Example, kind: str) -> None:
    rows = rows_of(made)
    if kind == "unknown":
        rows["signer"] = [None, *rows["signer"][1:]]
    elif kind == "one signer":
        rows["signer"] = "ann"
        files.write_json(made.audit, {"ok": True, "shared_signers": True})
    elif kind == "one class":
        rows = rows.assign(class_id=0, label="sign 0")
    else:
        rows["class_id"] = rows["signer"].map({"ann": 0, "ben": 1, "cem": 2, "dia": 3})
        rows["label"] = rows["class_id"].astype(str)
    write_fold(made.fold, rows.astype({"signer": object}).replace({np.nan: None}).to_dict("records"))
    assert run(made, [made.fold]) == {}


def test_classes_of_one_signer_are_left_out(made: Example) -> None:
    """With signers apart nobody could know them, so they would count as recognising people."""
    rows = rows_of(made)
    mine = (rows["signer"] == "ann") & (rows["class_id"] == 2)
    rows = rows[mine | (rows["class_id"] != 2)]
    assert run(made, folds_of(made, rows))["clips"] == len(rows) - mine.sum()


def test_every_clip_is_asked_once_of_models_of_as_many_others(made: Example, monkeypatch: pytest.MonkeyPatch) -> None:
    learnt = []

    def first_class(seen: np.ndarray, truth: np.ndarray, asked: np.ndarray) -> np.ndarray:
        learnt.append(len(truth))
        return np.zeros(len(asked), np.int64)

    monkeypatch.setattr(shuffled, "ridge", first_class)
    rows = rows_of(made).iloc[:-5]
    found = run(made, folds_of(made, rows))
    assert learnt == [found["trained"]] * 8
    share = (rows["class_id"] == 0).mean()
    assert found["apart"] == found["shuffled"] == pytest.approx(share)


def test_copies_and_repeated_roles_count_once(made: Example) -> None:
    rows = rows_of(made)
    copy = rows[rows["role"] == "train"].iloc[[0]].assign(sample_id="copy", copy=1)
    write_fold(made.fold, pd.concat([rows, copy]).to_dict("records"))
    everyone = shuffled.all_samples([made.fold, made.fold], made.audit)
    assert sorted(everyone.sample_id) == sorted(rows["sample_id"])
    assert len(read_fold(made.fold, made.audit).roles["train"]) == 49


def test_models_learn_from_other_clips_only() -> None:
    """Ten clips of two far classes, the first of each labelled wrong: asked of the others, it is answered right."""
    seen = np.repeat([[0.0], [9.0]], 5, axis=0).astype(np.float32) + np.linspace(0, 1, 10)[:, None]
    truth = np.repeat([0, 1], 5)
    given = truth.copy()
    given[[0, 5]] = [1, 0]
    splits = [
        (np.setdiff1d(np.arange(10), [0, 5]), np.array([0, 5])),
        (np.array([0, 5]), np.setdiff1d(np.arange(10), [0, 5])),
    ]
    said = shuffled.ask_each(seen, given, splits, 2, seed=0)
    assert (said[[1, 2, 6, 7]] == given[[0, 0, 5, 5]]).all()
    said = shuffled.ask_each(seen, given, splits[:1], 8, seed=0)
    assert (said[[0, 5]] == truth[[0, 5]]).all()

"""Promises of scores and of the files that training writes."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from training_data import SHORT, example, read_rows, run

from signfold.core import files
from signfold.training.outputs import finite_or_null, split_metrics, write_history


def test_scores_by_hand() -> None:
    logits = np.log(np.array([[0.7, 0.2, 0.1], [0.2, 0.5, 0.3]], dtype=np.float32))
    found = split_metrics(logits, np.array([0, 2]))
    assert found == pytest.approx({"top1": 0.5, "top5": 1.0, "loss": -(np.log(0.7) + np.log(0.3)) / 2})
    many = split_metrics(np.arange(8, dtype=np.float32)[None].repeat(2, 0), np.array([3, 2]))
    assert many["top5"] == 0.5


def test_without_samples_there_is_no_score() -> None:
    assert all(map(math.isnan, split_metrics(np.empty((0, 3), np.float32), np.empty(0, np.int64)).values()))


def test_logits_that_are_no_numbers_are_wrong_and_infinitely_costly() -> None:
    found = split_metrics(np.full((2, 7), np.nan, np.float32), np.array([0, 6]))
    assert found == {"top1": 0, "top5": 0, "loss": math.inf}
    assert finite_or_null({"val": found}) == {"val": {"top1": 0, "top5": 0, "loss": None}}


def test_predictions_are_of_validation_and_test_samples_alone(tmp_path: Path) -> None:
    given = example(tmp_path)
    run(given)
    table = files.read_parquet(given.out / "predictions.parquet").to_pandas()
    scored = [row for row in read_rows(given.fold) if row["role"] in ("val", "test")]
    assert set(zip(table["sample_id"], table["role"], table["class_id"], strict=True)) == {
        (row["sample_id"], row["role"], row["class_id"]) for row in scored
    }
    assert len(table) == len(scored)
    assert np.stack(table["logits"]).shape == (24, 3)


def test_history_has_a_line_for_each_epoch_and_nothing_for_what_was_not_measured(tmp_path: Path) -> None:
    row = {"epoch": 1, "lr": 0.002, "train_loss": 1.23456789, "train_top1": 0.5, "seconds": 61.0}
    write_history(tmp_path / "history.csv", [{**row, "val_loss": math.nan, "val_top1": 1 / 3}])
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert lines == ["epoch,lr,train_loss,train_top1,val_loss,val_top1,seconds", "1,0.002,1.23457,0.5,,0.333333,61"]


def test_metrics_say_what_was_trained_how_and_with_what_result(tmp_path: Path) -> None:
    given = example(tmp_path)
    metrics = run(given, SHORT, seed=3, stream="bone")
    wanted = {"fold": "fold-1", "stream": "bone", "seed": 3, "epochs": 2, "select": "best", "n_classes": 3}
    wanted |= {"n_train": 24, "n_val": 12, "n_test": 12, "device": "cpu", "threads": 1}
    wanted |= {"initial": None, "pretrained": None}
    assert wanted.items() <= metrics.items()
    predictions = files.read_parquet(given.out / "predictions.parquet").to_pandas()
    for role in ("val", "test"):
        own = predictions[predictions["role"] == role]
        found = split_metrics(np.stack(own["logits"].tolist()), own["class_id"].to_numpy(np.int64))
        assert metrics[role] == pytest.approx(found)
    assert files.read_metadata(given.out / "predictions.parquet") == {"classes": ["sign 0", "sign 1", "sign 2"]}
    history = (given.out / "history.csv").read_text().splitlines()[1:]
    seconds = sum(float(line.split(",")[-1]) for line in history)
    assert metrics["train_seconds"] == round(metrics["train_seconds"], 3) == pytest.approx(seconds, abs=0.01)
    assert set(metrics["versions"]) == {"signfold", "torch", "numpy"}
    assert json.loads((given.out / "provenance.json").read_text())["datasets"] == ["mine"]

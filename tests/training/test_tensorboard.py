"""Promises of the learning curves: each epoch once, also after an interruption, and nothing unless asked for."""

from __future__ import annotations

import csv
import math
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from training_data import example, run

from signfold.core.errors import SignfoldError
from signfold.core.settings import TrainingSettings
from signfold.training import train as training
from signfold.training.tensorboard import CurveWriter

SETTINGS = TrainingSettings(epochs=3, batch_size=8)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[int, float]]:
    """Stand in for torch's writer: what it is given, by tag and step, of one folder's file."""
    curves: dict[str, dict[int, float]] = {}

    class Writer:
        def __init__(self, folder: str, flush_secs: int) -> None:
            assert flush_secs == 1
            assert not list(Path(folder).glob("events*"))
            curves.clear()
            Path(folder).mkdir(parents=True, exist_ok=True)
            (Path(folder) / "events.out.tfevents.1").touch()

        def add_scalar(self, tag: str, value: float, step: int) -> None:
            assert step not in curves.setdefault(tag, {})
            curves[tag][step] = value

        def close(self) -> None:
            curves["closed"] = {}

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=Writer))  # type: ignore[arg-type]
    return curves


def test_each_epoch_is_written_once_also_after_an_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: dict[str, dict[int, float]]
) -> None:
    given, original, calls = example(tmp_path), training.save_checkpoint, []

    def dying(*arguments: Any) -> None:
        calls.append(0)
        if len(calls) == 2:  # after the second epoch's curves, before its checkpoint
            raise KeyboardInterrupt
        original(*arguments)

    monkeypatch.setattr(training, "save_checkpoint", dying)
    with pytest.raises(KeyboardInterrupt):
        run(given, SETTINGS, tensorboard=tmp_path / "board")
    run(given, SETTINGS, tensorboard=tmp_path / "board")
    with (given.out / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    assert set(written) == {"loss/train", "top1/train", "loss/val", "top1/val", "lr", "seconds", "closed"}
    assert list(written["loss/val"]) == [1, 2, 3]
    for row in history:
        assert written["loss/val"][int(row["epoch"])] == pytest.approx(float(row["val_loss"]), rel=1e-5)


def test_values_that_are_not_finite_are_left_out(tmp_path: Path, written: dict[str, dict[int, float]]) -> None:
    CurveWriter(tmp_path, [{"epoch": 1, "val_loss": math.inf, "train_loss": 0.5, "val_top1": math.nan}])
    assert written == {"loss/train": {1: 0.5}}


def test_without_a_folder_nothing_is_written_or_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    run(example(tmp_path), TrainingSettings(epochs=1, batch_size=8))
    assert not list(tmp_path.glob("**/events*"))


def test_a_missing_package_is_an_error_that_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(
        SignfoldError, match=r"^tensorboard: true needs .* pip install 'tensorboard>=2\.20,<2\.21', or set"
    ):
        CurveWriter(tmp_path, [])


def test_tensorboard_reads_what_was_written(tmp_path: Path) -> None:
    events: ModuleType = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard, an extra, is not installed"
    )
    board = CurveWriter(tmp_path, [{"epoch": 1, "val_loss": 0.5}])
    board.add({"epoch": 2, "val_loss": 0.25})
    board.close()
    accumulator = events.EventAccumulator(str(tmp_path)).Reload()
    assert [(event.step, event.value) for event in accumulator.Scalars("loss/val")] == [(1, 0.5), (2, 0.25)]

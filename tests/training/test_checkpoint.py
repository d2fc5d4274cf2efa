"""Promises of training that is killed: a rerun goes on, and ends as though nothing had happened."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from training_data import Example, example, run, weights

from signfold.core.errors import SignfoldError
from signfold.core.settings import TrainingSettings
from signfold.training import checkpoint
from signfold.training import train as training

MOMENTS = [("before a step", 2), ("before a step", 6), ("after a step", 4), ("after a step", 9), ("in a checkpoint", 3)]


class Killed(BaseException):
    """Stands for a kill: nothing may catch it."""


@pytest.mark.parametrize(("at", "optimiser", "ema"), [(2, "adamw", 0.0), (4, "sgd", 0.9), (6, "adamw", 0.9)])
def test_stopped_and_rerun_ends_with_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, optimiser: str, ema: float
) -> None:
    settings = TrainingSettings(epochs=3, batch_size=8, optimiser=optimiser, ema=ema)
    whole, stopped = example(tmp_path / "a"), example(tmp_path / "b")
    run(whole, settings)
    monkeypatch.setattr(training, "SAVE_EVERY_SECONDS", 0.0)
    original, calls = training.train_step, []

    def dying(*arguments: Any) -> None:
        calls.append(0)
        if len(calls) == at:
            raise Killed
        original(*arguments)

    monkeypatch.setattr(training, "train_step", dying)
    with pytest.raises(Killed):
        run(stopped, settings)
    assert stopped.checkpoint.exists()
    run(stopped, settings)
    assert len(calls) == 9 + 1, "steps that were done are not done again"
    assert weights(stopped) == weights(whole)
    assert not stopped.checkpoint.exists()


def killed_at(given: Example, settings: TrainingSettings, moment: str, count: int, every: float) -> bool:
    """Train in a fork that is killed by SIGKILL at its `count`-th such moment; return whether it was."""
    child = os.fork()
    if child == 0:
        left, step, save = [count], training.train_step, torch.save

        def die() -> None:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

        def stepping(*arguments: Any) -> None:
            if moment == "before a step":
                die()
            step(*arguments)
            if moment == "after a step":
                die()

        def saving(state: Any, path: Path) -> None:
            save(state, path)
            if moment == "in a checkpoint":
                os.truncate(path, path.stat().st_size // 2)
                die()
                save(state, path)

        training.train_step, training.SAVE_EVERY_SECONDS, torch.save = stepping, every, saving
        try:
            run(given, settings)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("every", [0.0, 3600.0])
def test_killed_for_real_at_any_moment_it_ends_with_the_same_bits(tmp_path: Path, every: float) -> None:
    """Before, after and in a checkpoint, and between checkpoints that are an epoch apart."""
    settings = TrainingSettings(epochs=3, batch_size=8)
    whole = example(tmp_path / "whole")
    run(whole, settings)
    for number, (moment, count) in enumerate(MOMENTS):
        given = example(tmp_path / str(number))
        assert killed_at(given, settings, moment, count, every), moment
        assert not (given.out / "metrics.json").exists()
        assert killed_at(given, settings, "after a step", 1, every), "and once more, early in the rerun"
        run(given, settings)
        assert weights(given) == weights(whole), moment
        assert not list(given.checkpoint.parent.iterdir()), "of a kill in a checkpoint, nothing stays either"


def test_going_on_under_other_conditions_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    given = example(tmp_path)
    assert killed_at(given, TrainingSettings(epochs=2, batch_size=8), "after a step", 4, 0.0)
    found = training.conditions
    monkeypatch.setattr(training, "conditions", lambda run: {**found(run), "threads": 64})
    with caplog.at_level("WARNING"):
        run(given, TrainingSettings(epochs=2, batch_size=8))
    assert re.search("going on with .*'threads': 64.* after .*'threads': 1.*: not the same to the bit", caplog.text)


def test_a_checkpoint_of_other_settings_is_not_resumed(tmp_path: Path) -> None:
    fresh, stale = example(tmp_path / "a"), example(tmp_path / "b")
    run(fresh)
    checkpoint.write_checkpoint(stale.checkpoint, {"epoch": 1}, "another run")
    run(stale)
    assert weights(stale) == weights(fresh)


def test_a_broken_checkpoint_is_not_resumed(tmp_path: Path) -> None:
    fresh, broken = example(tmp_path / "a"), example(tmp_path / "b")
    run(fresh)
    broken.checkpoint.parent.mkdir(parents=True)
    broken.checkpoint.write_bytes(b"PK\x03\x04 half a file")
    run(broken)
    assert weights(broken) == weights(fresh)


def curves(folder: Path) -> dict[str, dict[int, float]]:
    """Read TensorBoard's only file: records of a length (8 bytes), its checksum (4), an event, its checksum (4)."""
    from tensorboardX.proto.event_pb2 import Event

    found: dict[str, dict[int, float]] = {}
    (path,) = folder.glob("events*")
    content, place = path.read_bytes(), 0
    while place < len(content):
        length = int.from_bytes(content[place : place + 8], "little")
        event = Event.FromString(content[place + 12 : place + 12 + length])
        place += 16 + length
        for value in event.summary.value:
            assert event.step not in found.setdefault(value.tag, {})
            found[value.tag][event.step] = value.simple_value
    return found


def test_tensorboard_gets_each_epoch_once_also_after_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, settings = example(tmp_path), TrainingSettings(epochs=3, batch_size=8)
    original, calls = training.save_checkpoint, []

    def dying(*arguments: Any) -> None:
        calls.append(0)
        if len(calls) == 2:  # after the second epoch's curves, before its checkpoint
            raise Killed
        original(*arguments)

    monkeypatch.setattr(training, "save_checkpoint", dying)
    with pytest.raises(Killed):
        run(given, settings, board=tmp_path / "board")
    run(given, settings, board=tmp_path / "board")
    with (given.out / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    found = curves(tmp_path / "board")
    assert {"loss/train", "loss/val", "top1/val", "lr", "seconds"} <= set(found)
    for row in history:
        assert found["loss/val"][int(row["epoch"])] == pytest.approx(float(row["val_loss"]), rel=1e-5)
    assert len(found["loss/val"]) == 3
    run(given, TrainingSettings(epochs=1, batch_size=8), board=tmp_path / "board")
    assert set(curves(tmp_path / "board")["loss/val"]) == {1}, "another run starts anew"


def test_two_trainings_never_hold_one_checkpoint(tmp_path: Path) -> None:
    """The first is another process, as one that a former run has left; the system takes its lock when it dies."""
    given = example(tmp_path)
    script = (
        "import sys, time; from pathlib import Path; from signfold.training import checkpoint\n"
        "with checkpoint.held(Path(sys.argv[1])): print('has it', flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(given.checkpoint)]
    other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "has it\n"
    settings = TrainingSettings(epochs=1, batch_size=8)
    with pytest.raises(SignfoldError, match="another training holds this checkpoint"):
        run(given, settings)
    other.kill()
    other.wait()
    run(given, settings)
    assert (given.out / "metrics.json").exists()

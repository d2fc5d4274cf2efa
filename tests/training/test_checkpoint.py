"""Promises of checkpoints: an interrupted training resumes, and ends with the same bits as one without interruption."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from training_data import Example, example, rewrite_array, run, task, weights

from signfold.core import files
from signfold.core.errors import SignfoldError
from signfold.core.settings import Augmentation, ModelSettings, TrainingSettings
from signfold.tensors.shards import Shards
from signfold.training import checkpoint
from signfold.training import train as training
from signfold.training.task import TrainingTask

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


def test_resuming_under_other_conditions_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    given = example(tmp_path)
    assert killed_at(given, TrainingSettings(epochs=2, batch_size=8), "after a step", 6, 0.0)
    found = checkpoint.conditions
    monkeypatch.setattr(checkpoint, "conditions", lambda run: {**found(run), "threads": 64})
    with caplog.at_level("INFO"):
        run(given, TrainingSettings(epochs=2, batch_size=8))
    assert "resuming at epoch 2, step 3" in caplog.text
    assert "2 of 2 epochs: epoch 2 lr" in caplog.text
    assert re.search(
        "resuming with .*'threads': 64.* interrupted with .*'threads': 1.*: weights may differ", caplog.text
    )


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


def test_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    class Code:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    checkpoint.write_checkpoint(tmp_path / "state.pt", {"epoch": Code()}, "run")
    assert checkpoint.read_checkpoint(tmp_path / "state.pt", "run") is None
    assert not (tmp_path / "ran").exists()


def test_the_digest_depends_on_all_that_the_weights_depend_on(tmp_path: Path) -> None:
    given = example(tmp_path)

    def found(asked: TrainingTask | None = None, **changes: Any) -> str:
        return checkpoint.run_digest(asked or task(), given.paths(**changes), Shards(given.tensors))

    assert checkpoint.digest({"a": 1, "b": 2}) == checkpoint.digest({"b": 2, "a": 1})
    digests = [found(), found(replace(task(), dataset="x"))]
    assert digests[0] == digests[1], "the name of the dataset changes nothing"
    changes: list[dict[str, Any]] = [
        {"training": TrainingSettings(epochs=9)},
        {"augmentation": Augmentation(noise=0.5)},
        {"model": ModelSettings(width=0.5)},
        {"stream": "bone"},
        {"seed": 1},
    ]
    digests += [found(task(**change)) for change in changes]
    digests.append(found(initial=given.audit))
    given.fold.write_bytes(given.fold.read_bytes() + b" ")
    digests.append(found())
    rewrite_array(given.tensors[1], np.load(given.tensors[1]) + 1)
    digests.append(found())
    for path in given.tensors:
        table = path.with_suffix(".parquet")
        files.write_parquet(files.read_parquet(table), table, files.read_metadata(table) | {"settings": {"x": 1}})
    digests.append(found())
    assert len(set(digests)) == len(digests) - 1


@pytest.mark.parametrize("bit", [5, 8 * 100 + 3, -3])
def test_a_flipped_bit_of_a_tensor_stops_the_training(tmp_path: Path, bit: int) -> None:
    given = example(tmp_path)
    content = bytearray(given.tensors[1].read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    given.tensors[1].write_bytes(content)
    with pytest.raises(SignfoldError, match=r"tensors/0001\.npy: damaged, .*; delete it and run again"):
        run(given)
    assert not given.out.exists()


def test_a_checkpoint_is_written_about_once_a_minute_and_at_the_end_of_each_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments: list[tuple[int, int]] = []
    monkeypatch.setattr(training, "save_checkpoint", lambda run, state, *_: moments.append((state.epoch, state.step)))
    steps_take(monkeypatch, [30, 30, 1] * 4)
    run(example(tmp_path), TrainingSettings(epochs=2, batch_size=4))
    assert moments == [(0, 3), (1, 0), (1, 3), (2, 0)]


def steps_take(monkeypatch: pytest.MonkeyPatch, seconds: list[float]) -> None:
    """Let the clock stand still but for steps, which take so many seconds one after the other."""
    clock, step = [1000.0], training.train_step

    def stepping(*arguments: Any) -> None:
        step(*arguments)
        clock[0] += seconds.pop(0)

    monkeypatch.setattr(training, "train_step", stepping)
    monkeypatch.setattr(training, "time", SimpleNamespace(monotonic=lambda: clock[0]))


def test_the_seconds_of_an_epoch_are_of_its_steps_before_and_after_an_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, settings = example(tmp_path), TrainingSettings(epochs=2, batch_size=8)
    with monkeypatch.context() as patch:
        steps_take(patch, [2, 4, 8, 70])  # and then no fifth
        with pytest.raises(IndexError):
            run(given, settings)
    steps_take(monkeypatch, [16, 32])
    run(given, settings)
    lines = (given.out / "history.csv").read_text().splitlines()[1:]
    assert [line.split(",")[-1] for line in lines] == ["14", str(70 + 16 + 32)]


def test_removal_leaves_other_files_alone(tmp_path: Path) -> None:
    for name in ("state.pt", ".state.pt.x1.part", ".other.pt.x1.part", "other.pt"):
        (tmp_path / name).touch()
    checkpoint.remove_checkpoint(tmp_path / "state.pt")
    assert {path.name for path in tmp_path.iterdir()} == {".other.pt.x1.part", "other.pt"}
    checkpoint.remove_checkpoint(tmp_path / "state.pt")


def test_where_nothing_can_be_locked_training_goes_on_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def acquire(*_: Any, **__: Any) -> None:
        raise NotImplementedError("no locks here")

    monkeypatch.setattr(checkpoint.FileLock, "acquire", acquire)
    with checkpoint.held(tmp_path / "state.pt"):
        pass
    assert "state.pt cannot be locked (no locks here): make sure that no other training uses it" in caplog.text


def test_two_trainings_never_hold_one_checkpoint(tmp_path: Path) -> None:
    """The first is another process, such as one that an earlier run left behind; its lock ends with it."""
    given, settings = example(tmp_path), TrainingSettings(epochs=1, batch_size=8)
    script = (
        "import sys, time; from pathlib import Path; from signfold.training import checkpoint\n"
        "with checkpoint.held(Path(sys.argv[1])): print('has it', flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(given.checkpoint)]
    other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "has it\n"
    with pytest.raises(SignfoldError, match="another training holds this checkpoint"):
        run(given, settings)
    other.kill()
    other.wait()
    run(given, settings)
    assert (given.out / "metrics.json").exists()
    assert not list(given.checkpoint.parent.iterdir())

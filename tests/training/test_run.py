"""Promises of a run: weights by the seed, progress counted, logits in the order of the samples."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from training_data import SHORT, TINY, edit, example, task

from signfold.folds.roles import read_fold
from signfold.tensors.shards import Shards
from signfold.training import run as runs
from signfold.training.run import Run, State, configure_torch, create_run, eval_model


def created(folder: Path, **changes: Any) -> Run:
    given = example(folder)
    return create_run(task(**changes), read_fold(given.fold, given.audit), Shards(given.tensors))


def state_dict(run: Run) -> dict[str, torch.Tensor]:
    return run.model.state_dict()


def test_initial_weights_depend_on_the_seed_alone(tmp_path: Path) -> None:
    first = state_dict(created(tmp_path / "a"))
    torch.rand(3)
    again, other = state_dict(created(tmp_path / "b")), state_dict(created(tmp_path / "c", seed=1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["classifier.weight"], other["classifier.weight"])


def test_an_epoch_ends_with_its_row_and_empty_sums() -> None:
    assert State().best_epoch == 0
    state = State(epoch=0, step=3, loss=6.0, weight=3.0, correct=2, seconds=9.0)
    row = {"train_loss": 2.0, "val_loss": 1.0}
    assert state.end_epoch(row)
    assert state == State(epoch=1, history=[row], best_epoch=1)
    assert not state.end_epoch({"train_loss": 1.0, "val_loss": 1.0}), "as good is no better"
    assert state.end_epoch({"train_loss": 1.0, "val_loss": 0.5})
    assert (state.epoch, state.best_epoch) == (3, 3)
    assert state.losses() == [1.0, 1.0, 0.5]


def test_without_validation_the_losses_are_the_training_losses() -> None:
    state = State()
    state.end_epoch({"train_loss": 2.0, "val_loss": math.nan})
    assert state.losses() == [2.0]


def test_logits_come_in_the_order_of_the_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = created(tmp_path)
    expected = eval_model(whole, "test")
    assert expected.shape == (12, 3)
    assert not whole.model.training
    monkeypatch.setattr(runs, "EVALUATION_BATCH", 5)
    np.testing.assert_allclose(eval_model(whole, "test"), expected, rtol=0.02, atol=0.02)
    samples = whole.fold.roles["test"]
    for values in vars(samples).values():
        values[:] = values[::-1].copy()
    np.testing.assert_allclose(eval_model(whole, "test"), expected[::-1], rtol=0.02, atol=0.02)


def test_a_role_without_samples_has_no_logits(tmp_path: Path) -> None:
    given = example(tmp_path)
    edit(given, lambda row: row["role"] == "val" and row.update(role="none"))
    whole = create_run(task(), read_fold(given.fold, given.audit), Shards(given.tensors))
    assert eval_model(whole, "val").shape == (0, 3)
    assert whole.checkpoint == "last"


def test_the_running_mean_is_evaluated_where_there_is_one(tmp_path: Path) -> None:
    assert (plain := created(tmp_path / "a")).evaluated is plain.model
    whole = created(tmp_path / "b", training=runs.TrainingSettings(ema=0.9))
    assert whole.evaluated is not whole.model
    assert whole.checkpoint == "best"


def test_precision_and_threads_are_noted(tmp_path: Path) -> None:
    whole = created(tmp_path, training=runs.TrainingSettings(precision="bf16"), model=TINY)
    assert runs.conditions(whole) == {"device": "cpu", "precision": "bfloat16", "threads": torch.get_num_threads()}
    assert whole.settings != SHORT
    x = np.random.default_rng(0).normal(size=(2, 3, 8, 27)).astype(np.float32)
    rounded = whole.forward(whole.model.eval(), x)
    whole.task = task(training=runs.TrainingSettings(precision="fp32"))
    exact = whole.forward(whole.model, x)
    assert (rounded.dtype, exact.dtype) == (torch.float32, torch.float32)
    assert not torch.equal(rounded, exact)
    torch.testing.assert_close(exact, whole.model(torch.from_numpy(x)), rtol=0, atol=0)


def test_torch_is_told_to_be_reproducible() -> None:
    configure_torch(1)
    assert torch.get_num_threads() == 1
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.is_deterministic_algorithms_warn_only_enabled()
    assert not torch.backends.cudnn.benchmark
    assert not torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]

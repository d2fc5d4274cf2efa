"""Promises of the training loop: honest choices, reproducible weights, and clear errors."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from training_data import SHORT, edit, example, rewrite_array, run, task, weights

from signfold.core import files
from signfold.core.errors import SignfoldError
from signfold.core.settings import Augmentation, ModelSettings, TrainingSettings
from signfold.folds.roles import read_fold
from signfold.models.io import load_model
from signfold.tensors.shards import Shards
from signfold.training import train as training
from signfold.training.batches import Batch, make_batch
from signfold.training.optim import lr_schedule
from signfold.training.outputs import COLUMNS
from signfold.training.run import Run, State, create_run


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Keep these tiny networks from waiting on each other's threads."""
    torch.set_num_threads(1)


def test_training_learns_and_writes_what_was_promised(tmp_path: Path) -> None:
    given = example(tmp_path)
    metrics = run(given, TrainingSettings(epochs=10, batch_size=8, learning_rate=5e-3))
    assert metrics["test"]["top1"] > 2 / 3 > 1 / 3
    wanted = {"fold": "fold-1", "stream": "joint", "seed": 0, "epochs": 10, "n_train": 24, "n_val": 12, "n_test": 12}
    assert {key: metrics[key] for key in wanted} == wanted
    assert metrics["n_classes"] == 3
    with (given.out / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    assert list(history[0]) == list(COLUMNS)
    assert float(history[-1]["train_loss"]) < np.log(3)
    assert 1 / 3 < float(history[-1]["train_top1"]) <= 1
    losses = [float(row["val_loss"]) for row in history]
    assert metrics["best_epoch"] == 1 + int(np.argmin(losses))
    assert metrics["val"]["loss"] == pytest.approx(min(losses), rel=1e-4)
    assert not given.checkpoint.exists()


def test_a_last_epoch_ends_the_training_where_a_longer_one_would_pass(tmp_path: Path) -> None:
    """The schedule stays that of all epochs: the weights are those that a fold has when it chooses this epoch."""
    settings = replace(SHORT, epochs=6, checkpoint="last")
    ended, passed = example(tmp_path / "ended"), example(tmp_path / "passed")
    assert run(ended, settings, last_epoch=3)["best_epoch"] == 3
    run(passed, settings)
    rows = [list(csv.DictReader((given.out / "history.csv").open())) for given in (ended, passed)]
    losses = [[row["train_loss"] for row in own] for own in rows]
    assert losses[0] == losses[1][:3]
    assert [row["lr"] for row in rows[0]] == [row["lr"] for row in rows[1][:3]]
    assert run(example(tmp_path / "beyond"), settings, last_epoch=9)["epochs"] == 6


def test_any_seed_that_the_configuration_takes_trains(tmp_path: Path) -> None:
    assert run(example(tmp_path), replace(SHORT, epochs=1), seed=4_294_967_099)["seed"] == 4_294_967_099


def test_same_seed_same_weights_and_another_seed_others(tmp_path: Path) -> None:
    results = []
    for number, seed in enumerate((0, 0, 1)):
        given = example(tmp_path / str(number))
        run(given, seed=seed)
        results.append(weights(given))
    assert results[0] == results[1]
    assert results[0] != results[2]


def test_test_samples_influence_nothing(tmp_path: Path) -> None:
    honest, poisoned = example(tmp_path / "a"), example(tmp_path / "b")
    edit(poisoned, lambda row: row["role"] == "test" and row.update(class_id=(row["class_id"] + 1) % 3))
    edit(poisoned, lambda row: row.update(label=f"sign {row['class_id']}"))
    first, second = run(honest), run(poisoned)
    assert weights(honest) == weights(poisoned)
    assert first["best_epoch"] == second["best_epoch"]
    assert first["test"] != second["test"]


def test_test_part_is_scored_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    original = training.eval_model
    monkeypatch.setattr(training, "eval_model", lambda run, role: (asked.append(role), original(run, role))[1])
    run(example(tmp_path))
    # Each epoch, and at the end with the chosen weights: no choice can have seen the test part.
    assert asked == ["val", "val", "val", "test"]


def test_loss_that_is_not_finite_names_the_samples(tmp_path: Path) -> None:
    given = example(tmp_path)
    tensors = np.load(given.tensors[0])
    tensors[0] = np.inf
    rewrite_array(given.tensors[0], tensors)
    still = Augmentation(rotation_deg=0, scale=0, shear=0, noise=0, time_warp=0)
    with pytest.raises(SignfoldError, match=r"not finite in epoch 1, step \d.*ann/0-0"):
        run(given, TrainingSettings(epochs=1, batch_size=8), augmentation=still)
    assert not (given.out / "model.safetensors").exists()


def test_without_validation_the_last_epoch_is_taken(tmp_path: Path) -> None:
    given = example(tmp_path)
    edit(given, lambda row: row["role"] == "val" and row.update(role="none"))
    metrics = run(given, TrainingSettings(epochs=3, batch_size=8, patience=1))
    assert (metrics["select"], metrics["best_epoch"], metrics["n_val"]) == ("last", 3, 0)
    assert metrics["val"] == {"top1": None, "top5": None, "loss": None}


def test_the_running_mean_of_the_weights_is_what_is_kept_and_judged(tmp_path: Path) -> None:
    plain, mean = example(tmp_path / "a"), example(tmp_path / "b")
    settings = TrainingSettings(epochs=2, batch_size=8, checkpoint="last")
    run(plain, settings)
    run(mean, replace(settings, ema=0.5))
    # Six steps: the mean starts as the first step's weights and moves half of the way to each later step's.
    states: list[dict[str, torch.Tensor]] = []
    steps = example(tmp_path / "c")
    original = training.train_step

    def noting(this: Any, *arguments: Any) -> None:
        original(this, *arguments)
        states.append({name: value.detach().clone() for name, value in this.model.state_dict().items()})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "train_step", noting)
        run(steps, settings)
    expected = states[0]
    for state in states[1:]:
        expected = {name: (value + state[name]) / 2 for name, value in expected.items()}
    found = load_model(mean.out)[0].state_dict()
    for name, value in found.items():
        if value.is_floating_point():
            torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-6)
    assert weights(mean) != weights(plain)


def test_last_takes_the_last_epoch(tmp_path: Path) -> None:
    metrics = run(example(tmp_path), TrainingSettings(epochs=2, batch_size=8, checkpoint="last"))
    assert (metrics["select"], metrics["best_epoch"]) == ("last", 2)


def test_patience_stops_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([3.0, 2.0, 2.0, 2.5, 1.0])  # validation's; the best of the first four is the second epoch's
    monkeypatch.setattr(training, "split_metrics", lambda *_: {"loss": next(losses), "top1": 0.0, "top5": 0.0})
    metrics = run(example(tmp_path), TrainingSettings(epochs=5, batch_size=8, patience=2))
    assert (metrics["epochs"], metrics["best_epoch"]) == (4, 2)


def test_the_kept_weights_are_the_best_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As though training had ended there: a constant learning rate makes epochs independent of their number."""
    losses = [3.0, 1.0, 2.0]
    monkeypatch.setattr(training, "split_metrics", lambda *_: {"loss": losses.pop(0), "top1": 0.0, "top5": 0.0})
    best, ended = example(tmp_path / "a"), example(tmp_path / "b")
    run(best, TrainingSettings(epochs=3, batch_size=8, schedule="plateau"))
    losses = [3.0, 1.0]
    run(ended, TrainingSettings(epochs=2, batch_size=8, schedule="plateau", checkpoint="last"))
    assert weights(best) == weights(ended)


def test_a_class_may_be_without_training_clips(tmp_path: Path) -> None:
    given = example(tmp_path)
    edit(given, lambda row: row["role"] == "train" and row["class_id"] == 2 and row.update(role="none"))
    metrics = run(given)
    assert (metrics["n_classes"], metrics["n_train"]) == (3, 16)
    assert files.read_parquet(given.out / "predictions.parquet")["logits"].type.list_size == 3


def test_a_single_training_clip_is_enough_to_run(tmp_path: Path) -> None:
    given = example(tmp_path)
    edit(given, lambda row: row["role"] == "train" and row["sample_id"] != "ann/0-0" and row.update(role="none"))
    assert run(given)["n_train"] == 1


def test_class_weights_count(tmp_path: Path) -> None:
    plain, weighted = example(tmp_path / "a"), example(tmp_path / "b")
    edit(weighted, lambda row: row.update(weight=4.0 if row["class_id"] == 0 else 0.5))
    run(plain)
    run(weighted)
    assert weights(plain) != weights(weighted)


def created(folder: Path, **changes: Any) -> Run:
    """Return a run on the example in fp32, of a network without random parts, before its first step."""
    given = example(folder)
    settings = replace(TrainingSettings(schedule="plateau", precision="fp32"), **changes)
    return create_run(
        task(training=settings, model=ModelSettings("aagcn", 0.125)),
        read_fold(given.fold, given.audit),
        Shards(given.tensors),
    )


def batch(run: Run) -> Batch:
    """Return all training samples as one batch, without augmentation."""
    return make_batch(run.shards, run.fold.roles["train"], np.arange(24), "joint")


def stepped(folder: Path, **changes: Any) -> tuple[float, float]:
    """Return the distance that one step of plain gradient descent moves the weights, and the loss."""
    whole, state = created(folder, optimiser="sgd", **changes), State()
    for group in whole.optimiser.param_groups:
        group.update(momentum=0.0, nesterov=False, weight_decay=0.0)
    before = [parameter.detach().clone() for parameter in whole.model.parameters()]
    training.train_step(whole, state, batch(whole), whole.settings.learning_rate)
    moved = sum(
        float((now - was).detach().square().sum()) for now, was in zip(whole.model.parameters(), before, strict=True)
    )
    return moved**0.5, state.loss / state.weight


def test_one_batch_can_be_overfitted(tmp_path: Path) -> None:
    whole, state = created(tmp_path, label_smoothing=0.0), State()
    targets = torch.from_numpy(whole.fold.roles["train"].class_id)
    # Labels that have nothing to do with the samples: only learning by heart helps.
    targets[:] = torch.randint(3, targets.shape, generator=torch.Generator().manual_seed(0))
    for _ in range(40):
        state.loss = state.weight = state.correct = 0
        whole.model.train()
        training.train_step(whole, state, batch(whole), 0.005)
    assert state.loss / state.weight < 0.2
    assert state.correct == 24


def test_a_step_adds_up_loss_weights_and_hits(tmp_path: Path) -> None:
    whole, state = created(tmp_path), State(loss=1.0, weight=2.0, correct=3, step=4)
    whole.fold.roles["train"].weight[:] = np.linspace(0.5, 2, 24, dtype=np.float32)
    logits = whole.forward(whole.model.train(), batch(whole).x).detach()
    truth, weight = whole.fold.roles["train"].class_id, whole.fold.roles["train"].weight
    losses = cross_entropy(logits, torch.from_numpy(truth), reduction="none", label_smoothing=0.1).numpy()
    training.train_step(whole, state, batch(whole), 0.1)
    assert state.step == 5
    assert state.weight == pytest.approx(2 + weight.sum())
    assert state.loss == pytest.approx(1 + (losses * weight).sum(), rel=1e-4)
    assert state.correct == 3 + (logits.numpy().argmax(1) == truth).sum()
    assert {group["lr"] for group in whole.optimiser.param_groups} == {0.1}


def test_dropout_depends_on_seed_epoch_and_step_alone(tmp_path: Path) -> None:
    def loss(seed: int, epoch: int, step: int) -> float:
        whole, state = created(tmp_path / f"{seed}-{epoch}-{step}"), State(epoch, step)
        whole.task = replace(whole.task, seed=seed)
        whole.model.dropout.p = 0.5  # type: ignore[union-attr]
        torch.manual_seed(int(np.random.default_rng().integers(1000)))
        training.train_step(whole, state, batch(whole), 0.0)
        return state.loss

    places = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)]
    assert len({loss(*place) for place in places}) == 4
    assert loss(0, 1, 0) == loss(0, 1, 0)


@pytest.mark.parametrize(
    ("seed", "epoch", "step", "expected"),
    [(2, 3, 4, 2_000_015_000_031), (4_294_967_295, 1, 1, 6_125_067_704_954_954_939)],
)
def test_a_step_means_the_same_dropout_in_every_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, epoch: int, step: int, expected: int
) -> None:
    """Bump versions.TRAIN if this has to change: results of the same settings are then others."""
    whole = created(tmp_path)
    whole.task = replace(whole.task, seed=seed)
    seeds: list[int] = []
    monkeypatch.setattr(torch, "manual_seed", seeds.append)
    training.train_step(whole, State(epoch, step), batch(whole), 0.0)
    assert seeds == [expected]


def test_the_learning_rate_follows_the_steps_over_all_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates, original = [], training.train_step
    monkeypatch.setattr(training, "train_step", lambda *given: (rates.append(given[3]), original(*given)))
    settings = TrainingSettings(epochs=2, batch_size=8)
    run(example(tmp_path), settings)
    assert rates == [lr_schedule(settings, step / 6, []) for step in range(6)]


def test_a_gradient_that_is_not_finite_stops_the_training_though_the_loss_is(tmp_path: Path) -> None:
    whole = created(tmp_path)
    next(whole.model.parameters()).register_hook(lambda gradient: gradient * np.inf)
    with pytest.raises(SignfoldError, match="the loss or its gradient is not finite in epoch 1, step 1"):
        training.train_step(whole, State(), batch(whole), 0.1)


@pytest.mark.parametrize(("terminal", "pause"), [(True, 0.5), (False, 10.0)])
def test_the_bar_is_rare_in_a_log_and_leaves_no_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal: bool, pause: float
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    bar: Any = training.progress_bar(iter([]), created(tmp_path), State(step=1), 3)
    assert (bar.mininterval, bar.delay, bar.initial, bar.total, bar.leave) == (pause, pause, 1, 3, False)


def test_no_step_is_longer_than_the_clipped_gradient(tmp_path: Path) -> None:
    free, _ = stepped(tmp_path / "a", learning_rate=1.0, grad_clip_norm=0.0)
    clipped, _ = stepped(tmp_path / "b", learning_rate=1.0, grad_clip_norm=0.01)
    assert free > 0.1
    assert clipped == pytest.approx(0.01, rel=1e-3)


def test_smoothed_labels_are_what_the_loss_is_of(tmp_path: Path) -> None:
    """Each target is the label for 1 - s, and every class alike for s."""
    losses = [stepped(tmp_path / str(share), label_smoothing=share)[1] for share in (0.0, 0.3, 0.9)]
    assert losses[1] == pytest.approx((2 * losses[0] + losses[2]) / 3, rel=1e-5)
    assert abs(losses[0] - losses[2]) > 1e-3


def test_mixed_precision_trains(tmp_path: Path) -> None:
    metrics = run(example(tmp_path), TrainingSettings(epochs=1, batch_size=8, precision="bf16"))
    assert metrics["precision"] == "bfloat16"
    assert np.isfinite(metrics["test"]["loss"])

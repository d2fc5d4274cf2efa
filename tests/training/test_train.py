"""Promises of training: honest choices, the same weights after a kill, and clear errors."""

from __future__ import annotations

import csv
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from training_data import LAYOUT, SHORT, TINY, edit, example, read_rows, run, weights

from signfold.core import files
from signfold.core.errors import SignfoldError
from signfold.core.settings import Augmentation, ModelSettings, TrainingSettings
from signfold.folds.roles import read_fold
from signfold.models.aagcn import AAGCN, parameter_count
from signfold.models.graph import spatial_partition
from signfold.models.io import load_model, predict_logits
from signfold.tensors.shards import Shards
from signfold.training import batches
from signfold.training import train as training
from signfold.training.optim import configure_optimiser, lr_schedule, precision
from signfold.training.outputs import COLUMNS, score


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Keep these tiny networks from waiting on each other's threads."""
    torch.set_num_threads(1)


def test_one_batch_can_be_learnt_by_heart() -> None:
    torch.manual_seed(0)
    model = AAGCN(spatial_partition(LAYOUT), 3, 4, ModelSettings(width=0.125))
    x, y = torch.randn(8, 3, 8, 27), torch.arange(8) % 4
    x[:, -1] = 1
    optimiser = configure_optimiser(model, TrainingSettings())
    for _ in range(40):
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.05


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
    losses = [float(row["val_loss"]) for row in history]
    assert metrics["best_epoch"] == 1 + int(np.argmin(losses))
    assert metrics["val"]["loss"] == pytest.approx(min(losses), rel=1e-4)
    assert not given.checkpoint.exists()


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


def test_a_saved_model_predicts_what_training_predicted(tmp_path: Path) -> None:
    given = example(tmp_path)
    metrics = run(given, replace(SHORT, precision="fp32"), stream="bone_motion")  # as predictions are made, everywhere
    model, metadata = load_model(given.out)
    assert parameter_count(model) == metrics["parameters"]
    assert metadata["classes"] == ["sign 0", "sign 1", "sign 2"]
    assert (metadata["stream"], metadata["layout"], metadata["frames"]) == ("bone_motion", LAYOUT.name, 8)
    predictions = {
        row["sample_id"]: row["logits"] for row in files.read_parquet(given.out / "predictions.parquet").to_pylist()
    }
    for row in read_rows(given.fold):
        if row["role"] == "test":
            clip = np.load(tmp_path / "tensors" / f"{row['shard']}.npy")[row["row"]][None]
            found = predict_logits(model, metadata, clip)[0]
            np.testing.assert_allclose(found, predictions[row["sample_id"]], rtol=1e-4, atol=1e-4)
    with pytest.raises(SignfoldError, match="the model expects 2 and 27"):
        predict_logits(model, metadata, np.zeros((1, 2, 8, 46), np.float32))


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
    np.save(given.tensors[0], tensors)
    still = Augmentation(rotation_deg=0, scale=0, shear=0, noise=0, time_warp=0)
    with pytest.raises(SignfoldError, match=r"not finite in epoch 1, step \d.*ann/0-0"):
        run(given, TrainingSettings(epochs=1, batch_size=8), augmentation=still)
    assert not (given.out / "model.safetensors").exists()


def test_without_validation_the_last_epoch_is_taken(tmp_path: Path) -> None:
    given = example(tmp_path)
    edit(given, lambda row: row["role"] == "val" and row.update(role="none"))
    metrics = run(given, TrainingSettings(epochs=2, batch_size=8, patience=1))
    assert (metrics["select"], metrics["best_epoch"], metrics["n_val"]) == ("last", 2, 0)
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


def test_patience_stops_early(tmp_path: Path) -> None:
    metrics = run(example(tmp_path), TrainingSettings(epochs=30, batch_size=8, learning_rate=1e-9, patience=1))
    assert metrics["epochs"] < 30


def test_a_class_without_training_clips_is_simply_never_right(tmp_path: Path) -> None:
    given = example(tmp_path)
    edit(given, lambda row: row["role"] == "train" and row["class_id"] == 2 and row.update(role="none"))
    metrics = run(given)
    assert (metrics["n_classes"], metrics["n_train"]) == (3, 16)


def test_a_single_training_clip_is_enough_to_run(tmp_path: Path) -> None:
    given = example(tmp_path)
    edit(given, lambda row: row["role"] == "train" and row["sample_id"] != "ann/0-0" and row.update(role="none"))
    assert run(given)["n_train"] == 1


def test_scores_by_hand() -> None:
    logits = np.log(np.array([[0.7, 0.2, 0.1], [0.2, 0.5, 0.3]], dtype=np.float32))
    found = score(logits, np.array([0, 2]))
    assert found == pytest.approx({"top1": 0.5, "top5": 1.0, "loss": -(np.log(0.7) + np.log(0.3)) / 2})
    many = score(np.arange(8, dtype=np.float32)[None].repeat(2, 0), np.array([3, 2]))
    assert many["top5"] == 0.5


def test_class_weights_count(tmp_path: Path) -> None:
    plain, weighted = example(tmp_path / "a"), example(tmp_path / "b")
    edit(weighted, lambda row: row.update(weight=4.0 if row["class_id"] == 0 else 0.5))
    run(plain)
    run(weighted)
    assert weights(plain) != weights(weighted)


def test_one_cycle_rises_and_falls() -> None:
    settings = TrainingSettings(learning_rate=1.0)
    rates = [lr_schedule(settings, step / 100, []) for step in range(100)]
    assert rates[0] == pytest.approx(1 / 25)
    assert max(rates) == pytest.approx(1.0) == rates[30]
    assert rates[-1] < 0.01


def test_cosine_rises_soon_and_falls_to_nothing() -> None:
    settings = TrainingSettings(learning_rate=1.0, schedule="cosine")
    rates = [lr_schedule(settings, part, []) for part in (0.0, 0.025, 0.05, 0.525, 1.0)]
    assert rates == pytest.approx([0.0, 0.5, 1.0, 0.5, 0.0], abs=2e-5)


def test_plateau_waits_and_divides_by_ten() -> None:
    settings = TrainingSettings(learning_rate=1.0, schedule="plateau")
    improving = [1.0 / (epoch + 1) for epoch in range(50)]
    assert lr_schedule(settings, 0.5, improving) == 1.0
    assert lr_schedule(settings, 0.5, [1.0] * 11) == 1.0
    assert lr_schedule(settings, 0.5, [1.0] * 12) == pytest.approx(0.1)
    assert lr_schedule(settings, 0.5, [1.0] * 23) == pytest.approx(0.01)


def test_weights_decay_but_the_graph_and_norms_do_not() -> None:
    model = AAGCN(spatial_partition(LAYOUT), 3, 4, TINY)
    decayed, free = configure_optimiser(model, TrainingSettings()).param_groups
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    kept = {names[id(parameter)] for parameter in free["params"]}
    assert {"blocks.0.graph.adjacency", "blocks.0.graph.alpha", "norm.weight", "classifier.bias"} <= kept
    assert len(decayed["params"]) + len(free["params"]) == len(names)
    assert not any(name.endswith("bias") for name in names.values() if name not in kept)
    assert (decayed["weight_decay"], free["weight_decay"]) == (TrainingSettings().weight_decay, 0)


def stepped(folder: Path, **changes: Any) -> tuple[float, float]:
    """Return how far one step of plain gradient descent moves all weights together, and its loss."""
    given = example(folder)
    settings = replace(TrainingSettings(optimiser="sgd", schedule="plateau", precision="fp32"), **changes)
    fold, shards = read_fold(given.fold, given.audit), Shards(given.tensors)
    whole = training.create_run(fold, shards, "joint", settings, Augmentation(), ModelSettings(width=0.125), 0)
    for group in whole.optimiser.param_groups:
        group.update(momentum=0.0, nesterov=False, weight_decay=0.0)
    before = [parameter.detach().clone() for parameter in whole.model.parameters()]
    state = training.State()
    training.train_step(whole, state, batches.make_batch(shards, fold.roles["train"], np.arange(24), "joint"), 1)
    moved = sum(
        float((now - was).detach().square().sum()) for now, was in zip(whole.model.parameters(), before, strict=True)
    )
    return moved**0.5, state.loss / state.weight


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


def test_features_are_dropped_out_in_training_alone() -> None:
    model = AAGCN(spatial_partition(LAYOUT), 3, 4, ModelSettings(width=0.125, dropout=0.5))
    x = torch.ones(2, 3, 8, 27)
    assert torch.equal(model.eval()(x), model(x))
    assert not torch.equal(model.train()(x), model(x))


def test_precision_is_what_was_asked_for() -> None:
    cpu = torch.device("cpu")
    assert precision(TrainingSettings(precision="fp32"), cpu) == torch.float32
    assert precision(TrainingSettings(precision="bf16"), cpu) == torch.bfloat16


def test_mixed_precision_trains(tmp_path: Path) -> None:
    metrics = run(example(tmp_path), TrainingSettings(epochs=1, batch_size=8, precision="bf16"))
    assert metrics["precision"] == "bfloat16"
    assert np.isfinite(metrics["test"]["loss"])


def test_tensorboard_is_not_even_imported_unless_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    run(example(tmp_path), TrainingSettings(epochs=1, batch_size=8))
    assert not list(tmp_path.glob("**/events*"))

"""Promises of training: honest choices, the same weights after a kill, and clear errors."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from training_data import CHANNELS, LAYOUT, Example, example, read_rows, write_fold

from signfold import batches, checkpoint, files
from signfold import train as training
from signfold.aagcn import AAGCN, ModelSettings, parameter_count
from signfold.errors import SignfoldError
from signfold.graph import spatial_partition
from signfold.recipe import TrainingSettings, learning_rate, make_optimiser, precision
from signfold.scores import COLUMNS, score
from signfold.train import train
from signfold.weights import PROVENANCE, load_model, predict_logits

TINY = ModelSettings(width=0.125, dropout=0.2)
SHORT = TrainingSettings(epochs=2, batch_size=8, learning_rate=5e-3)


def run(given: Example, settings: TrainingSettings = SHORT, **changes: Any) -> dict[str, Any]:
    options = {"stream": "joint", "model_settings": TINY, "seed": 0, "threads": 1, **given.arguments(), **changes}
    train(settings=settings, **options)
    return json.loads((options["out"] / "metrics.json").read_text())


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Keep these tiny networks from waiting on each other's threads."""
    torch.set_num_threads(1)


def weights(given: Example) -> bytes:
    return (given.out / "model.safetensors").read_bytes()


def edit(given: Example, change: Any) -> None:
    rows = read_rows(given.fold)
    for row in rows:
        change(row)
    write_fold(given.fold, rows)


def test_one_batch_can_be_learnt_by_heart() -> None:
    torch.manual_seed(0)
    model = AAGCN(spatial_partition(LAYOUT), 3, 4, ModelSettings(width=0.125))
    x, y = torch.randn(8, 3, 8, 27), torch.arange(8) % 4
    x[:, -1] = 1
    optimiser = make_optimiser(model, TrainingSettings())
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
    original = training.logits_of
    monkeypatch.setattr(training, "logits_of", lambda run, role: (asked.append(role), original(run, role))[1])
    run(example(tmp_path))
    # Each epoch, and at the end with the chosen weights: no choice can have seen the test part.
    assert asked == ["val", "val", "val", "test"]


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


def test_killed_by_the_system_and_rerun_ends_with_the_same_bits(tmp_path: Path) -> None:
    settings = TrainingSettings(epochs=3, batch_size=8)
    whole, killed = example(tmp_path / "a"), example(tmp_path / "b")
    run(whole, settings)
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from pathlib import Path\n"
        "from signfold import train as t\n"
        "from test_train import TrainingSettings, example, run\n"
        "t.SAVE_EVERY_SECONDS = 0.0\n"
        "step = t.train_step\n"
        "t.train_step = lambda *a: (step(*a), __import__('time').sleep(0.2))\n"
        f"run(example(Path({str(tmp_path / 'b')!r})), TrainingSettings(epochs=3, batch_size=8))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 600
    while not killed.checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert process.poll() is None, "it was not to finish before the kill"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (killed.out / "metrics.json").exists()
    run(killed, settings)
    assert weights(killed) == weights(whole)


def test_a_checkpoint_of_other_settings_is_not_resumed(tmp_path: Path) -> None:
    fresh, stale = example(tmp_path / "a"), example(tmp_path / "b")
    run(fresh)
    checkpoint.save(stale.checkpoint, {"epoch": 1}, "another run")
    run(stale)
    assert weights(stale) == weights(fresh)


def test_a_broken_checkpoint_is_not_resumed(tmp_path: Path) -> None:
    fresh, broken = example(tmp_path / "a"), example(tmp_path / "b")
    run(fresh)
    broken.checkpoint.parent.mkdir(parents=True)
    broken.checkpoint.write_bytes(b"PK\x03\x04 half a file")
    run(broken)
    assert weights(broken) == weights(fresh)


def test_loss_that_is_not_finite_names_the_samples(tmp_path: Path) -> None:
    given = example(tmp_path)
    tensors = np.load(given.tensors[0])
    tensors[0] = np.inf
    np.save(given.tensors[0], tensors)
    still = TrainingSettings(epochs=1, batch_size=8, rotation_deg=0, scale=0, shear=0, noise=0, time_warp=0)
    with pytest.raises(SignfoldError, match=r"not finite in epoch 1, step \d.*ann/0-0"):
        run(given, still)
    assert not (given.out / "model.safetensors").exists()


def test_without_validation_the_last_epoch_is_taken(tmp_path: Path) -> None:
    given = example(tmp_path)
    edit(given, lambda row: row["role"] == "val" and row.update(role="none"))
    metrics = run(given, TrainingSettings(epochs=2, batch_size=8, patience=1))
    assert (metrics["select"], metrics["best_epoch"], metrics["n_val"]) == ("last", 2, 0)
    assert metrics["val"] == {"top1": None, "top5": None, "loss": None}


def test_the_running_mean_of_the_weights_is_what_is_kept_and_judged(tmp_path: Path) -> None:
    plain, mean = example(tmp_path / "a"), example(tmp_path / "b")
    settings = TrainingSettings(epochs=2, batch_size=8, select="last")
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
    metrics = run(example(tmp_path), TrainingSettings(epochs=2, batch_size=8, select="last"))
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


def pretrained(tmp_path: Path) -> tuple[Example, Example]:
    """A model, and another fold whose people and clips it has not seen."""
    old, new = example(tmp_path / "old"), example(tmp_path / "new")
    run(old, dataset="old")
    edit(new, lambda row: row.update(sha256=row["sha256"][::-1], signer=f"new {row['signer']}"))
    for path in new.tensors:
        table = files.read_parquet(path.with_suffix(".parquet"))
        digests = [value[::-1] for value in table["sha256"].to_pylist()]
        index = table.column_names.index("sha256")
        metadata = files.read_metadata(path.with_suffix(".parquet"))
        files.write_parquet(table.set_column(index, "sha256", [digests]), path.with_suffix(".parquet"), metadata)
    return old, new


def test_transfer_takes_all_but_the_classifier(tmp_path: Path) -> None:
    old, new = pretrained(tmp_path)
    frozen = TrainingSettings(epochs=1, batch_size=8, learning_rate=0.0)
    run(new, frozen, initial=old.out / "model.safetensors", dataset="new")
    before, after = load_model(old.out)[0].state_dict(), load_model(new.out)[0].state_dict()
    same = {name for name in before if torch.equal(before[name], after[name])}
    trained = {name for name in before if "running" not in name and "tracked" not in name}
    assert trained - same == {"classifier.weight", "classifier.bias"}
    seen = json.loads((new.out / PROVENANCE).read_text())
    assert set(json.loads((old.out / PROVENANCE).read_text())["sha256"]) < set(seen["sha256"])
    assert ["old", "ann"] in seen["signers"]
    assert ["new", "new ann"] in seen["signers"]


def test_transfer_from_weights_that_saw_a_test_clip_is_a_leak(tmp_path: Path) -> None:
    old, _ = pretrained(tmp_path)
    given = example(tmp_path / "leak")
    roles = {"ann": "test", "dia": "train"}
    edit(given, lambda row: row.update(role=roles.get(row["signer"], row["role"])))
    with pytest.raises(SignfoldError, match=r"seen 12 test clips of fold-1, such as 'ann/.*leak"):
        run(given, initial=old.out / "model.safetensors", dataset="new")


def test_transfer_from_weights_that_saw_a_test_signer_is_a_leak(tmp_path: Path) -> None:
    old, new = pretrained(tmp_path)
    edit(new, lambda row: row["role"] == "test" and row.update(signer="ann"))
    run(new, initial=old.out / "model.safetensors", dataset="new")
    with pytest.raises(SignfoldError, match="test signers of fold-1: ann"):
        run(new, initial=old.out / "model.safetensors", dataset="old")


def test_transfer_without_provenance_is_refused(tmp_path: Path) -> None:
    old, new = pretrained(tmp_path)
    (old.out / PROVENANCE).unlink()
    with pytest.raises(SignfoldError, match=PROVENANCE):
        run(new, initial=old.out / "model.safetensors")


def test_transfer_between_different_channels_or_sizes_is_refused(tmp_path: Path) -> None:
    old, new = pretrained(tmp_path)
    with pytest.raises(SignfoldError, match="does not fit this network"):
        run(new, initial=old.out / "model.safetensors", model_settings=ModelSettings(width=0.25))
    other = example(tmp_path / "other", channels=(*CHANNELS, "z"))
    with pytest.raises(SignfoldError, match=r"trained on channels \['x', 'y'\]"):
        run(other, initial=old.out / "model.safetensors")


def test_one_cycle_rises_and_falls() -> None:
    settings = TrainingSettings(learning_rate=1.0)
    rates = [learning_rate(settings, step / 100, []) for step in range(100)]
    assert rates[0] == pytest.approx(1 / 25)
    assert max(rates) == pytest.approx(1.0) == rates[30]
    assert rates[-1] < 0.01


def test_plateau_waits_and_divides_by_ten() -> None:
    settings = TrainingSettings(learning_rate=1.0, schedule="plateau")
    improving = [1.0 / (epoch + 1) for epoch in range(50)]
    assert learning_rate(settings, 0.5, improving) == 1.0
    assert learning_rate(settings, 0.5, [1.0] * 11) == 1.0
    assert learning_rate(settings, 0.5, [1.0] * 12) == pytest.approx(0.1)
    assert learning_rate(settings, 0.5, [1.0] * 23) == pytest.approx(0.01)


def test_weights_decay_but_the_graph_and_norms_do_not() -> None:
    model = AAGCN(spatial_partition(LAYOUT), 3, 4, TINY)
    decayed, free = make_optimiser(model, TrainingSettings()).param_groups
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    kept = {names[id(parameter)] for parameter in free["params"]}
    assert {"blocks.0.graph.adjacency", "blocks.0.graph.alpha", "norm.weight", "classifier.bias"} <= kept
    assert len(decayed["params"]) + len(free["params"]) == len(names)
    assert not any(name.endswith("bias") for name in names.values() if name not in kept)


@pytest.mark.parametrize("key", ["optimiser", "schedule", "precision", "select"])
def test_a_wrong_choice_names_the_key_and_the_choices(key: str) -> None:
    with pytest.raises(SignfoldError, match=rf"training.{key}: found 'test', expected one of "):
        TrainingSettings(**{key: "test"})


def test_precision_is_what_was_asked_for() -> None:
    cpu = torch.device("cpu")
    assert precision(TrainingSettings(precision="fp32"), cpu) == torch.float32
    assert precision(TrainingSettings(precision="bf16"), cpu) == torch.bfloat16


def test_mixed_precision_trains(tmp_path: Path) -> None:
    metrics = run(example(tmp_path), TrainingSettings(epochs=1, batch_size=8, precision="bf16"))
    assert metrics["precision"] == "bfloat16"
    assert np.isfinite(metrics["test"]["loss"])


def test_batches_are_not_all_in_memory(tmp_path: Path) -> None:
    given = example(tmp_path)
    shards = batches.Shards(given.tensors)
    assert not shards._arrays, "opening reads no tensors"


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
    original, calls = training.keep, []

    def dying(*arguments: Any) -> None:
        calls.append(0)
        if len(calls) == 2:  # after the second epoch's curves, before its checkpoint
            raise Killed
        original(*arguments)

    monkeypatch.setattr(training, "keep", dying)
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


def test_tensorboard_is_not_even_imported_unless_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    run(example(tmp_path), TrainingSettings(epochs=1, batch_size=8))
    assert not list(tmp_path.glob("**/events*"))


MOMENTS = [("before a step", 2), ("before a step", 6), ("after a step", 4), ("after a step", 9), ("in a checkpoint", 3)]


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
        assert not given.checkpoint.exists()

"""Promises of the optimiser, the learning rate and the precision."""

from __future__ import annotations

import pytest
import torch
from training_data import LAYOUT, TINY

from signfold.core.settings import TrainingSettings
from signfold.models.aagcn import AAGCN
from signfold.training.optim import configure_optimiser, lr_schedule, precision

CPU = torch.device("cpu")


def test_one_cycle_rises_and_falls() -> None:
    settings = TrainingSettings(learning_rate=1.0)
    rates = [lr_schedule(settings, part, []) for part in (0.0, 0.15, 0.3, 0.65, 1.0)]
    assert rates == pytest.approx([0.04, 0.52, 1.0, 0.5, 1e-5])
    assert lr_schedule(TrainingSettings(learning_rate=0.002), 0.65, []) == pytest.approx(0.001)


def test_cosine_rises_soon_and_falls_to_nothing() -> None:
    settings = TrainingSettings(learning_rate=1.0, schedule="cosine")
    rates = [lr_schedule(settings, part, []) for part in (0.0, 0.025, 0.05, 0.525, 1.0)]
    assert rates == pytest.approx([1e-5, 0.5, 1.0, 0.5, 1e-5])


def test_plateau_waits_and_divides_by_ten() -> None:
    settings = TrainingSettings(learning_rate=1.0, schedule="plateau")
    improving = [1.0 / (epoch + 1) for epoch in range(50)]
    assert lr_schedule(settings, 0.5, improving) == 1.0
    assert lr_schedule(settings, 0.5, [1.0] * 11) == 1.0
    assert lr_schedule(settings, 0.5, [1.0] * 12) == pytest.approx(0.1)
    assert lr_schedule(settings, 0.5, [1.0] * 22) == pytest.approx(0.1)
    assert lr_schedule(settings, 0.5, [1.0] * 23) == pytest.approx(0.01)
    # An improvement starts the wait anew; the loss to improve on is the best so far.
    assert lr_schedule(settings, 0.5, [1.0] * 11 + [0.9] * 11) == 1.0
    assert lr_schedule(settings, 0.5, [0.9] + [1.0, 0.95] * 5 + [0.9]) == pytest.approx(0.1)
    assert lr_schedule(settings, 0.5, [0.9] + [1.0] * 11 + [0.8] * 11) == pytest.approx(0.1)


def test_weights_decay_but_the_graph_and_norms_do_not() -> None:
    model = AAGCN(LAYOUT, 2, 4, TINY)
    decayed, free = configure_optimiser(model, TrainingSettings()).param_groups
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    kept = {names[id(parameter)] for parameter in free["params"]}
    assert {"classifier.weight", "blocks.0.graph.weight"} <= set(names.values()) - kept
    assert {"blocks.0.graph.adjacency", "blocks.0.graph.alpha", "norm.weight", "classifier.bias"} <= kept
    assert len(decayed["params"]) + len(free["params"]) == len(names)
    assert not any(name.endswith("bias") for name in names.values() if name not in kept)
    assert (decayed["weight_decay"], free["weight_decay"]) == (TrainingSettings().weight_decay, 0)


@pytest.mark.parametrize(
    ("name", "kind", "options"),
    [
        ("adamw", torch.optim.AdamW, {"betas": (0.9, 0.999), "eps": 1e-8}),
        ("adam", torch.optim.Adam, {"betas": (0.9, 0.999), "eps": 1e-8}),
        ("sgd", torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    ],
)
def test_the_optimiser_is_the_one_that_was_asked_for(name: str, kind: type, options: dict[str, object]) -> None:
    settings = TrainingSettings(optimiser=name, learning_rate=0.3)  # type: ignore[arg-type]
    optimiser = configure_optimiser(AAGCN(LAYOUT, 2, 4, TINY), settings)
    assert type(optimiser) is kind
    for group in optimiser.param_groups:
        assert {key: group[key] for key in options} == options
        assert (group["lr"], group["fused"]) == (0.3, True)


@pytest.mark.parametrize(
    ("asked", "capabilities", "expected"),
    [
        ("fp32", {"avx512_bf16": True}, torch.float32),
        ("bf16", {}, torch.bfloat16),
        ("auto", {}, torch.float32),
        ("auto", {"avx512_bf16": False, "avx512_f": True}, torch.float32),
        ("auto", {"avx512_bf16": True}, torch.bfloat16),
        ("auto", {"amx_bf16": True}, torch.bfloat16),
        ("auto", {"bf16": True}, torch.bfloat16),
    ],
)
def test_bfloat16_is_taken_where_the_processor_has_it_or_on_demand(
    asked: str, capabilities: dict[str, bool], expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert precision(TrainingSettings(precision=asked), CPU) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("native", [False, True])
def test_an_emulated_bfloat16_of_a_gpu_does_not_count(native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native or including_emulation)
    found = precision(TrainingSettings(precision="auto"), torch.device("cuda"))
    assert found == (torch.bfloat16 if native else torch.float32)

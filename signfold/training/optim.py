"""Optimiser, learning rate schedule and precision."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from signfold.core.settings import TrainingSettings

PLATEAU_PATIENCE = 10
PLATEAU_FACTOR = 0.1


def configure_optimiser(model: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    """Return the optimiser, without weight decay for biases, batch norm, attention's α and the learned graphs."""
    decayed = {name: value for name, value in model.named_parameters() if _decays(name, value)}
    others = [value for name, value in model.named_parameters() if name not in decayed]
    groups = [
        {"params": list(decayed.values()), "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    # Fused: one kernel for all parameters, since a loop over hundreds of small ones takes longer than the arithmetic.
    if settings.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=settings.learning_rate, momentum=0.9, nesterov=True, fused=True)
    kind = torch.optim.AdamW if settings.optimiser == "adamw" else torch.optim.Adam
    return kind(groups, lr=settings.learning_rate, fused=True)


def _decays(name: str, parameter: nn.Parameter) -> bool:
    """Return whether a parameter is a weight: decay would pull the learned graphs from the skeleton to 0."""
    return parameter.ndim > 1 and not name.endswith(("bias", "adjacency")) and not name.startswith("norm.")


def lr_schedule(settings: TrainingSettings, progress: float, losses: Sequence[float]) -> float:
    """Return the learning rate, a function of the progress alone, so that resuming needs no scheduler state.

    Parameters
    ----------
    settings
        Highest learning rate and schedule.
    progress
        Finished share of all steps, 0 to 1.
    losses
        Loss of each finished epoch, for "plateau".
    """
    if settings.schedule == "plateau":
        return settings.learning_rate * PLATEAU_FACTOR ** _plateaus(losses)
    warmup, low = (0.3, 1 / 25) if settings.schedule == "onecycle" else (0.05, 0.0)
    if progress < warmup:
        share = low + (1 - low) * _half_cosine(progress / warmup)
    else:
        share = 1 - _half_cosine((progress - warmup) / (1 - warmup))
    return settings.learning_rate * max(share, 1e-5)


def _half_cosine(part: float) -> float:
    """Rise from 0 to 1 along half a period of a cosine."""
    return (1 - math.cos(math.pi * part)) / 2


def _plateaus(losses: Sequence[float]) -> int:
    """Count how often the loss has not improved for more than `PLATEAU_PATIENCE` epochs."""
    count, waited, best = 0, 0, math.inf
    for loss in losses:
        waited = 0 if loss < best else waited + 1
        best = min(best, loss)
        if waited > PLATEAU_PATIENCE:
            count, waited = count + 1, 0
    return count


def precision(settings: TrainingSettings, device: torch.device) -> torch.dtype:
    """Return the type of matrix products: bfloat16 if the settings demand it, or the hardware has it, else float32."""
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = any(torch.cpu.get_capabilities().get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    wanted = settings.precision == "bf16" or (settings.precision == "auto" and native)
    return torch.bfloat16 if wanted else torch.float32

"""How the network is trained: the options, the optimiser, and the learning rate at every step."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from signfold.core.settings import TrainingSettings

PLATEAU_PATIENCE = 10
PLATEAU_FACTOR = 0.1


def configure_optimiser(model: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    """Return the optimiser. Decay would pull batch norm to silence and the learned graphs away from the skeleton."""
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        (
            free if parameter.ndim < 2 or name.endswith(("bias", "adjacency")) or name.startswith("norm.") else decayed
        ).append(parameter)
    groups = [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": free, "weight_decay": 0.0}]
    # One kernel for all parameters: a loop over hundreds of small ones takes longer than the arithmetic.
    if settings.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=settings.learning_rate, momentum=0.9, nesterov=True, fused=True)
    kind = torch.optim.AdamW if settings.optimiser == "adamw" else torch.optim.Adam
    return kind(groups, lr=settings.learning_rate, fused=True)


def lr_schedule(settings: TrainingSettings, progress: float, losses: Sequence[float]) -> float:
    """Return the learning rate, from nothing but what has happened so far: there is no state to restore.

    Parameters
    ----------
    settings
        Highest rate and schedule.
    progress
        Share of all steps that are done, 0 to 1.
    losses
        Loss of each finished epoch, for "plateau".
    """
    if settings.schedule == "plateau":
        return settings.learning_rate * PLATEAU_FACTOR ** _plateaus(losses)
    rise, low = (0.3, 1 / 25) if settings.schedule == "onecycle" else (0.05, 0.0)
    if progress < rise:
        share = low + (1 - low) * _smooth(progress / rise)
    else:
        share = 1 - _smooth((progress - rise) / (1 - rise))
    return settings.learning_rate * max(share, 1e-5)


def _smooth(part: float) -> float:
    """Rise from 0 to 1 along half a cosine."""
    return (1 - math.cos(math.pi * part)) / 2


def _plateaus(losses: Sequence[float]) -> int:
    """Count how often the loss went without improvement for longer than the patience."""
    count, waited, best = 0, 0, math.inf
    for loss in losses:
        waited = 0 if loss < best else waited + 1
        best = min(best, loss)
        if waited > PLATEAU_PATIENCE:
            count, waited = count + 1, 0
    return count


def precision(settings: TrainingSettings, device: torch.device) -> torch.dtype:
    """Return the type that products are computed in: bfloat16 only where the hardware has it, or by demand."""
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = any(torch.cpu.get_capabilities().get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    wanted = settings.precision == "bf16" or (settings.precision == "auto" and native)
    return torch.bfloat16 if wanted else torch.float32

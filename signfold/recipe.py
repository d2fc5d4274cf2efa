"""How the network is trained: the options, the optimiser, and the learning rate at every step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from signfold.augment import Augmentation
from signfold.errors import SignfoldError

PLATEAU_PATIENCE = 10
PLATEAU_FACTOR = 0.1


@dataclass(frozen=True)
class TrainingSettings(Augmentation):
    """Options of training: the configuration's section `training`, which says how samples are varied, too.

    Parameters
    ----------
    epochs
        Passes over the training samples.
    batch_size
        Samples in a step.
    optimiser
        "adamw", "adam" (weight decay added to the gradient) or "sgd" (Nesterov momentum 0.9).
    learning_rate
        The highest that the schedule reaches.
    weight_decay
        On weights; not on biases, batch norm, α, or the learned graphs.
    schedule
        "onecycle" (up over the first 30 %, down to nearly 0), "cosine" (up over the first 5 %, down to 0), or "plateau"
        (divided by 10 whenever the validation loss has not improved for 10 epochs).
    label_smoothing
        Share of each target that is spread over all classes.
    clip_grad
        Largest norm of the gradient; 0 for no limit.
    precision
        "fp32", "bf16" (mixed), or "auto": bf16 where the hardware multiplies it natively.
    select
        "best": the epoch with the lowest validation loss; "last": the last. Never by the test part.
    patience
        Stop after this many epochs without a lower validation loss; null never.
    ema
        Decay per step of a running mean of the weights, which then validates, tests and is kept; 0 for the weights.
    """

    epochs: int = 60
    batch_size: int = 16
    optimiser: str = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    schedule: str = "onecycle"
    label_smoothing: float = 0.1
    clip_grad: float = 1.0
    precision: str = "auto"
    select: str = "best"
    patience: int | None = None
    ema: float = 0.0

    def __post_init__(self) -> None:
        choices = {
            "optimiser": ("adamw", "adam", "sgd"),
            "schedule": ("onecycle", "cosine", "plateau"),
            "precision": ("auto", "fp32", "bf16"),
            "select": ("best", "last"),
        }
        for key, allowed in choices.items():
            if getattr(self, key) not in allowed:
                raise SignfoldError(
                    f"training.{key}: found {getattr(self, key)!r}, expected one of {', '.join(allowed)}"
                )


def make_optimiser(model: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
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


def learning_rate(settings: TrainingSettings, progress: float, losses: Sequence[float]) -> float:
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

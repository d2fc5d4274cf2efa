"""Tiny networks and their inputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from signfold.core.settings import ModelSettings
from signfold.core.skeleton import layout
from signfold.models.registry import build_network

SKELETON = layout("hands_body_27")


def small(classes: int = 5, channels: int = 2, width: float = 0.125, network: str = "aagcn") -> Any:
    """Return a narrow network for clips of `channels` coordinates; always with the same weights."""
    torch.manual_seed(0)
    about = {"layout": SKELETON.name, "channels": ["x"] * channels}
    return build_network(about, classes, ModelSettings(network, width))  # type: ignore[arg-type]


def stirred(model: Any) -> Any:
    """Give every parameter and statistic a value of its own, so that none is hidden behind a zero."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if not value.is_floating_point():
                continue
            if name.endswith("running_var"):
                value.copy_(0.5 + torch.rand(value.shape, generator=generator))
            else:
                value.add_(0.1 * torch.randn(value.shape, generator=generator))
    return model


def clips(count: int, frames: int = 12) -> Tensor:
    """Return two coordinates and the mask: a third of the joints is missing at random, one joint throughout."""
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(count, 3, frames, len(SKELETON.joints), generator=generator)
    x[:, -1] = (torch.rand(x[:, -1].shape, generator=generator) > 0.3).float()
    x[:, -1, :, 5] = 0
    return x

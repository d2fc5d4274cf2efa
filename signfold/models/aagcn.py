"""AAGCN: the attention-enhanced adaptive graph convolutional network.

Shi, Zhang, Cheng and Lu, "Skeleton-Based Action Recognition with Multi-Stream Adaptive Graph Convolutional Networks",
IEEE Transactions on Image Processing 29, 2020 (doi 10.1109/TIP.2020.3028207); adaptive graph convolution as in their
2s-AGCN (CVPR 2019, section 4.1).

The network takes (N, C, T, V): samples, channels, frames, joints. Its layers are in `signfold.models.layers`.
"""

from __future__ import annotations

import math

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from signfold.core.settings import ModelSettings
from signfold.models.layers import KERNEL, Attention, Branches, Convolution, DataNorm, GraphConvolution

# Channels and temporal stride of the ten blocks (section IV-B of the paper).
BLOCKS = ((64, 1), (64, 1), (64, 1), (64, 1), (128, 2), (128, 1), (128, 1), (256, 2), (256, 1), (256, 1))
# The lighter network's: it halves the frames in its first block too, and ends narrower.
LIGHT_BLOCKS = ((64, 2), *BLOCKS[1:7], (224, 2), (224, 1), (224, 1))


class Block(nn.Module):
    """Graph convolution, attention, temporal convolution, and a residual around all three."""

    def __init__(self, channels_in: int, channels_out: int, stride: int, adjacency: Tensor, first: bool) -> None:
        super().__init__()
        self.graph = GraphConvolution(channels_in, channels_out, adjacency)
        self.attention = Attention(channels_out, adjacency.shape[-1])
        self.temporal = Convolution(channels_out, channels_out, KERNEL, stride)
        self.first = first
        self.residual: nn.Module = nn.Identity()
        if not first and (channels_in != channels_out or stride != 1):
            self.residual = Convolution(channels_in, channels_out)
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, V, T) to (N, C', V, T / stride)."""
        y = self.temporal(self.attention(self.graph(x)))
        if self.first:
            return torch.relu_(y)
        # Every second frame first, then a plain convolution: the same as a strided one, whose backward pass in torch
        # 2.13 corrupts memory on the CPU for 8 channels in this memory format.
        return torch.relu_(y.add_(self.residual(x[..., :: self.stride])))


class LightBlock(nn.Module):
    """Frames halved where wanted, then graph convolution, attention, branches, and a residual around these.

    A joint that is there in one frame of two counts half, and its mask says so.
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int, adjacency: Tensor, first: bool) -> None:
        super().__init__()
        self.graph = GraphConvolution(channels_in, channels_out, adjacency, light=True)
        self.attention = Attention(channels_out, adjacency.shape[-1], light=True)
        self.temporal = Branches(channels_out)
        self.residual: nn.Module | None = None
        if not first:
            self.residual = nn.Identity() if channels_in == channels_out else Convolution(channels_in, channels_out)
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, V, T) to (N, C', V, T / stride), rounded up."""
        if self.stride > 1:
            x = functional.avg_pool2d(x, (1, self.stride), ceil_mode=True)
        y = self.temporal(self.attention(self.graph(x)))
        return torch.relu(y if self.residual is None else y + self.residual(x))


class AAGCN(nn.Module):
    """The network.

    Parameters
    ----------
    adjacency
        Three subsets of the normalised adjacency, shape (3, V, V): `graph.spatial_partition`.
    channels
        C + 1 of the input: coordinates and the mask.
    classes
        K.
    settings
        Kind of network, width and dropout.
    """

    def __init__(self, adjacency: NDArray, channels: int, classes: int, settings: ModelSettings | None = None) -> None:
        super().__init__()
        settings = settings or ModelSettings()
        graph = torch.as_tensor(adjacency, dtype=torch.float32)
        self.norm = DataNorm(channels - 1, graph.shape[-1])
        kind, sizes = (LightBlock, LIGHT_BLOCKS) if settings.light else (Block, BLOCKS)
        blocks: list[nn.Module] = []
        width = channels
        for published, stride in sizes:
            wider = settings.channels(published)
            blocks.append(kind(width, wider, stride, graph, first=not blocks))
            width = wider
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(settings.dropout)
        self.classifier = nn.Linear(width, classes)
        nn.init.normal_(self.classifier.weight, std=math.sqrt(2 / classes))
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits.

        Parameters
        ----------
        x
            Shape (N, C + 1, T, V), without NaN; the last channel is the mask, as `streams.masked` makes it.

        Returns
        -------
        Tensor
            Shape (N, K).
        """
        there = x[:, -1:]
        x = torch.cat([self.norm(x[:, :-1], there), there], 1)
        x = x.transpose(2, 3).contiguous(memory_format=torch.channels_last)
        return self.classifier(self.dropout(self.blocks(x).mean((2, 3))))


def parameter_count(model: nn.Module) -> int:
    """Return the number of trainable numbers in `model`."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)

"""AAGCN: the attention-enhanced adaptive graph convolutional network.

Shi, Zhang, Cheng and Lu, "Skeleton-Based Action Recognition with Multi-Stream Adaptive Graph Convolutional Networks",
IEEE Transactions on Image Processing 29, 2020 (doi 10.1109/TIP.2020.3028207); adaptive graph convolution as in their
2s-AGCN (CVPR 2019, section 4.1). The layers are in `signfold.models.layers`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from signfold.core.settings import ModelSettings
from signfold.core.skeleton import Layout
from signfold.models.graph import spatial_partition
from signfold.models.layers import TEMPORAL_KERNEL, Attention, Convolution, DataNorm, GraphConvolution

# Output channels and temporal stride of the ten blocks (section IV-B).
BLOCKS = ((64, 1), (64, 1), (64, 1), (64, 1), (128, 2), (128, 1), (128, 1), (256, 2), (256, 1), (256, 1))


class Block(nn.Module):
    """Graph convolution, attention, temporal convolution, and a residual around all three.

    Parameters
    ----------
    channels_in, channels_out
        Numbers of channels, C and C'.
    stride
        Temporal stride, 1 or 2.
    adjacency
        Initial graphs of the three subsets, shape (3, V, V).
    first
        Whether it is the network's first block, which has no residual.
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int, adjacency: Tensor, first: bool) -> None:
        super().__init__()
        self.graph = GraphConvolution(channels_in, channels_out, adjacency)
        self.attention = Attention(channels_out, adjacency.shape[-1])
        self.temporal = Convolution(channels_out, channels_out, TEMPORAL_KERNEL, stride)
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
        # Take every second frame, then convolve: equal to a strided convolution, whose backward pass in torch 2.13
        # corrupts memory on the CPU for 8 channels in channels-last memory format.
        return torch.relu_(y.add_(self.residual(x[..., :: self.stride])))


class AAGCN(nn.Module):
    """The network of the paper, with the mask of missing joints as one more input channel.

    Parameters
    ----------
    layout
        Joints and bones, V joints.
    channels
        Number of coordinate channels, C.
    classes
        Number of classes, K.
    settings
        Width and dropout.
    """

    block: type[nn.Module] = Block
    sizes: tuple[tuple[int, int], ...] = BLOCKS

    def __init__(self, layout: Layout, channels: int, classes: int, settings: ModelSettings | None = None) -> None:
        super().__init__()
        settings = settings or ModelSettings()
        adjacency = torch.from_numpy(spatial_partition(layout))
        self.norm = DataNorm(channels, adjacency.shape[-1])
        blocks: list[nn.Module] = []
        width = channels + 1  # the mask
        for published, stride in self.sizes:
            wider = settings.channels(published)
            blocks.append(self.block(width, wider, stride, adjacency, first=not blocks))
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
        mask = x[:, -1:]
        x = torch.cat([self.norm(x[:, :-1], mask), mask], 1)
        x = x.transpose(2, 3).contiguous(memory_format=torch.channels_last)
        return self.classifier(self.dropout(self.blocks(x).mean((2, 3))))

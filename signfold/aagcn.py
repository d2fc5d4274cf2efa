"""AAGCN: the attention-enhanced adaptive graph convolutional network.

Shi, Zhang, Cheng and Lu, "Skeleton-Based Action Recognition with Multi-Stream Adaptive Graph Convolutional Networks",
IEEE Transactions on Image Processing 29, 2020 (doi 10.1109/TIP.2020.3028207); adaptive graph convolution as in their
2s-AGCN (CVPR 2019, section 4.1). Shapes are (N, C, T, V): samples, channels, frames, joints.

The three subsets of a graph convolution share one convolution for their embeddings, one product for spreading features
along their graphs, and one convolution for their weights: the same arithmetic as three of each, in fewer, larger steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

SUBSETS = 3
# Channels and temporal stride of the ten blocks (section IV-B of the paper).
BLOCKS = ((64, 1), (64, 1), (64, 1), (64, 1), (128, 2), (128, 1), (128, 1), (256, 2), (256, 1), (256, 1))
KERNEL = 9


@dataclass(frozen=True)
class ModelSettings:
    """Options of the network: the configuration's section `model`.

    Parameters
    ----------
    width
        Factor on the channels of all blocks, which are then rounded to multiples of 8. 1 is the published network.
    dropout
        Share of the pooled features that is dropped before the classifier in training.
    """

    width: float = 1.0
    dropout: float = 0.0

    def channels(self, published: int) -> int:
        """Return the number of channels of a block that has `published` of them in the paper."""
        return max(8, 8 * round(published * self.width / 8))


class GraphConvolution(nn.Module):
    """Adaptive graph convolution with batch norm and residual.

    f_out = Σ_k W_k f_in (B_k + α C_k), C_k = tanh(θ_kᵀ φ_k / size): B_k is learned and starts as the skeleton, C_k is
    each sample's own graph, and α starts at 0 (section III-B).
    """

    def __init__(self, channels_in: int, channels_out: int, adjacency: Tensor) -> None:
        super().__init__()
        self.adjacency = nn.Parameter(adjacency.clone())
        self.alpha = nn.Parameter(torch.zeros(1))
        # Output channels: θ of the three subsets, then φ of the three subsets.
        self.embed = nn.Conv2d(channels_in, 2 * SUBSETS * (channels_out // 4), 1)
        self.weight = nn.Parameter(torch.empty(channels_out, channels_in, SUBSETS))
        self.bias = nn.Parameter(torch.zeros(SUBSETS, channels_out))
        self.norm = nn.BatchNorm2d(channels_out)
        self.residual: nn.Module = nn.Identity()
        if channels_in != channels_out:
            self.residual = convolution(channels_in, channels_out)
        # Fan-out of one subset's 1×1 convolution, as though each were a module of its own.
        nn.init.normal_(self.embed.weight, std=math.sqrt(2 / (channels_out // 4)))
        nn.init.zeros_(self.embed.bias)  # type: ignore[arg-type]
        nn.init.normal_(self.weight, std=math.sqrt(2 / (channels_out * channels_in * SUBSETS)))
        # The block starts as its residual.
        nn.init.constant_(self.norm.weight, 1e-6)

    def graph(self, x: Tensor) -> Tensor:
        """Return each sample's three graphs B_k + α C_k, shape (N, 3, V, V)."""
        n, _, _, v = x.shape
        theta, phi = self.embed(x).view(n, 2, SUBSETS, -1, v).unbind(1)
        similarity = (theta.transpose(-1, -2) @ phi) / theta.shape[-2]
        return self.adjacency + self.alpha * torch.tanh(similarity)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, T, V) to (N, C', T, V)."""
        n, c, t, v = x.shape
        side_by_side = self.graph(x).transpose(1, 2).reshape(n, v, SUBSETS * v)
        spread = x.reshape(n, c * t, v) @ side_by_side
        # (C, T, 3, V) seen as (C, 3T, V): a convolution of kernel 3 and stride 3 along it sums over the subsets.
        spread = spread.view(n, c, SUBSETS * t, v)
        y = functional.conv2d(spread, self.weight.unsqueeze(-1), self.bias.sum(0), stride=(SUBSETS, 1))
        return torch.relu(self.norm(y) + self.residual(x))


class Attention(nn.Module):
    """Spatial, temporal and channel attention, one after the other, each y·σ(...) + y (section III-C).

    All start at σ(0) = 0.5: their last layers start at zero.
    """

    def __init__(self, channels: int, joints: int) -> None:
        super().__init__()
        kernel = joints if joints % 2 else joints - 1
        self.spatial = nn.Conv1d(channels, 1, kernel, padding=kernel // 2)
        self.temporal = nn.Conv1d(channels, 1, KERNEL, padding=KERNEL // 2)
        self.squeeze = nn.Linear(channels, channels // 2)
        self.channel = nn.Linear(channels // 2, channels)
        nn.init.kaiming_normal_(self.squeeze.weight)
        nn.init.zeros_(self.squeeze.bias)
        for layer in (self.spatial, self.temporal, self.channel):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, y: Tensor) -> Tensor:
        """Map (N, C, T, V) to the same shape."""
        y = y * (1 + torch.sigmoid(self.spatial(y.mean(2)))).unsqueeze(2)
        y = y * (1 + torch.sigmoid(self.temporal(y.mean(3)))).unsqueeze(3)
        squeezed = torch.relu(self.squeeze(y.mean((2, 3))))
        return y * (1 + torch.sigmoid(self.channel(squeezed)))[:, :, None, None]


def convolution(channels_in: int, channels_out: int, kernel: int = 1, stride: int = 1) -> nn.Sequential:
    """Return a convolution along time (kernel × 1) followed by batch norm."""
    layer = nn.Conv2d(channels_in, channels_out, (kernel, 1), stride=(stride, 1), padding=(kernel // 2, 0))
    nn.init.kaiming_normal_(layer.weight, mode="fan_out")
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return nn.Sequential(layer, nn.BatchNorm2d(channels_out))


class Block(nn.Module):
    """Graph convolution, attention, temporal convolution, and a residual around all three."""

    def __init__(self, channels_in: int, channels_out: int, stride: int, adjacency: Tensor, first: bool) -> None:
        super().__init__()
        self.graph = GraphConvolution(channels_in, channels_out, adjacency)
        self.attention = Attention(channels_out, adjacency.shape[-1])
        self.temporal = convolution(channels_out, channels_out, KERNEL, stride)
        self.first = first
        self.residual: nn.Module = nn.Identity()
        if not first and (channels_in != channels_out or stride != 1):
            self.residual = convolution(channels_in, channels_out, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, T, V) to (N, C', T / stride, V)."""
        y = self.temporal(self.attention(self.graph(x)))
        return torch.relu(y if self.first else y + self.residual(x))


class AAGCN(nn.Module):
    """The network.

    Parameters
    ----------
    adjacency
        Three subsets of the normalised adjacency, shape (3, V, V): `graph.spatial_partition`.
    channels
        C of the input.
    classes
        K.
    settings
        Width and dropout.
    """

    def __init__(self, adjacency: NDArray, channels: int, classes: int, settings: ModelSettings | None = None) -> None:
        super().__init__()
        settings = settings or ModelSettings()
        graph = torch.as_tensor(adjacency, dtype=torch.float32)
        self.norm = nn.BatchNorm1d(channels * graph.shape[-1])
        blocks: list[Block] = []
        width = channels
        for published, stride in BLOCKS:
            wider = settings.channels(published)
            blocks.append(Block(width, wider, stride, graph, first=not blocks))
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
            Shape (N, C, T, V), without NaN.

        Returns
        -------
        Tensor
            Shape (N, K).
        """
        n, c, t, v = x.shape
        x = self.norm(x.permute(0, 3, 1, 2).reshape(n, v * c, t))
        x = x.view(n, v, c, t).permute(0, 2, 3, 1).contiguous()
        return self.classifier(self.dropout(self.blocks(x).mean((2, 3))))


def parameter_count(model: nn.Module) -> int:
    """Return the number of trainable numbers in `model`."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)

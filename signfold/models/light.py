"""A lighter AAGCN: a third of the parameters, 3.6 times as fast on a CPU (docs/experiments.md)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from signfold.models.aagcn import AAGCN, BLOCKS
from signfold.models.layers import Attention, Convolution, GraphConvolution

# Output channels and temporal stride: the first block halves the frames too, and the last three are narrower.
LIGHT_BLOCKS = ((64, 2), *BLOCKS[1:7], (224, 2), (224, 1), (224, 1))


class Branches(nn.Module):
    """Temporal convolutions of several widths in parallel, each over a quarter of the channels.

    After a 1×1 convolution, one quarter is convolved over 5 neighbouring frames, one over 5 frames that are two apart,
    one takes the maximum of 3 frames, one is unchanged: the multi-branch temporal convolution of ST-GCN++ (Duan et al.
    2022, section 3.2) with the branches of CTR-GCN (Chen et al. 2021, section 3.4).

    Parameters
    ----------
    channels
        Number of channels, a multiple of 4.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = Convolution(channels, channels)
        quarter = channels // 4
        self.near = nn.Conv2d(quarter, quarter, (1, 5), padding=(0, 2))
        self.far = nn.Conv2d(quarter, quarter, (1, 5), padding=(0, 4), dilation=(1, 2))
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, y: Tensor) -> Tensor:
        """Map (N, C, V, T) to the same shape."""
        near, far, pooled, same = self.mix(y).relu_().chunk(4, 1)
        pooled = functional.max_pool2d(pooled, (1, 3), 1, (0, 1))
        return self.norm(torch.cat([self.near(near), self.far(far), pooled, same], 1))


class LightBlock(nn.Module):
    """Average pooling of pairs of frames (with stride 2), then graph convolution, attention, branches, and a residual.

    A joint that was detected in one frame of a pair enters the mean with half its value, and its mask is 0.5.
    Parameters as of `aagcn.Block`.
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


class LightAAGCN(AAGCN):
    """AAGCN with `LightBlock` for its blocks."""

    block = LightBlock
    sizes = LIGHT_BLOCKS

"""Conv: convolutions over time, and attention between frames, on a frame's joints as one vector.

After the network that won Google's isolated sign language recognition challenge (Kaggle, 2023), as its author Hoyeol
Sohn describes it in his write-up of the first place. It knows no skeleton: which joints belong together is learned. A
frame's channels, with their changes over one and over two frames and the mask, become one vector, which the blocks then
work on. So it costs a fraction of a graph convolution, which keeps a vector for every joint of every frame.

Features have shape (N, T, C), samples, frames, channels: every product is one of (N·T, C) with a matrix.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from signfold.core.settings import ModelSettings
from signfold.core.skeleton import Layout
from signfold.models.layers import DataNorm

WIDTH = 192
EXPANSION = 2
# Width in frames of the convolution over time, and in channels of the one that makes channel attention.
TEMPORAL_KERNEL, CHANNEL_KERNEL = 17, 5
# Share of the samples of a training batch that skip a block.
DROP_PATH = 0.2
HEADS = 4
# Kinds of blocks, in order.
BLOCKS = ("convolution", "convolution", "convolution", "attention") * 2


class FrameNorm(nn.BatchNorm1d):
    """Batch norm of each channel over all frames of all samples, (N, T, C) to the same shape."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x of shape (N, T, C)."""
        return super().forward(x.flatten(0, 1)).view_as(x)


class DropPath(nn.Module):
    """Stochastic depth: in training a block's output is left out for some samples (Huang et al. 2016, section 3)."""

    def forward(self, y: Tensor) -> Tensor:
        """Map (N, T, C) to the same shape; the mean over many batches stays."""
        if not self.training:
            return y
        kept = torch.rand(len(y), 1, 1, device=y.device) >= DROP_PATH
        return y * (kept / (1 - DROP_PATH)).to(y)


class ChannelAttention(nn.Module):
    """Efficient channel attention: a factor σ(...) for each channel (Wang et al. 2020, section 3.2)."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv1d(1, 1, CHANNEL_KERNEL, padding=CHANNEL_KERNEL // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, T, C) to the same shape."""
        return x * torch.sigmoid(self.mix(x.mean(1, keepdim=True))).to(x)


class ConvolutionBlock(nn.Module):
    """Expand the channels, convolve each over time, attend to channels, project back, and add.

    Parameters
    ----------
    channels
        Number of channels, C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        wider = EXPANSION * channels
        self.expand = nn.Linear(channels, wider)
        padding = (0, TEMPORAL_KERNEL // 2)
        self.temporal = nn.Conv2d(wider, wider, (1, TEMPORAL_KERNEL), padding=padding, groups=wider, bias=False)
        self.norm = FrameNorm(wider)
        self.attention = ChannelAttention()
        self.project = nn.Linear(wider, channels)
        self.drop = DropPath()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, T, C) to the same shape."""
        y = functional.silu(self.expand(x))
        # (N, C, 1, T) in channels-last memory format, which this already is; as (N, C, T) it is 17 times slower.
        y = self.temporal(y.transpose(1, 2).unsqueeze(2)).squeeze(2).transpose(1, 2)
        return x + self.drop(self.project(self.attention(self.norm(y))))


class AttentionBlock(nn.Module):
    """Attention between all frames, then a layer for each frame, each after batch norm and with a residual.

    Parameters
    ----------
    channels
        Number of channels, C, a multiple of `HEADS`.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(FrameNorm(channels) for _ in range(2))
        self.embed = nn.Linear(channels, 3 * channels, bias=False)
        self.join = nn.Linear(channels, channels, bias=False)
        self.expand = nn.Linear(channels, EXPANSION * channels)
        self.project = nn.Linear(EXPANSION * channels, channels)
        self.drop = DropPath()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, T, C) to the same shape."""
        n, t, c = x.shape
        query, key, value = self.embed(self.norms[0](x)).view(n, t, 3, HEADS, c // HEADS).permute(2, 0, 3, 1, 4)
        # For so few frames, written out it is five times as fast on a CPU as torch's scaled_dot_product_attention.
        weights = torch.softmax(query @ key.transpose(2, 3) / math.sqrt(c // HEADS), 3)
        seen = (weights.to(value) @ value).transpose(1, 2).reshape(n, t, c)
        x = x + self.drop(self.join(seen))
        return x + self.drop(self.project(functional.silu(self.expand(self.norms[1](x)))))


def changes(x: Tensor, mask: Tensor, frames: int) -> Tensor:
    """Return x[t + frames] - x[t], shape (N, C, T, V): 0 where the joint is missing in either, and at the end.

    Parameters
    ----------
    x
        Coordinates, (N, C, T, V).
    mask
        (N, 1, T, V), 1 where the joint is there.
    frames
        From how many frames before.
    """
    both = mask[:, :, frames:] * mask[:, :, :-frames]
    change = (x[:, :, frames:] - x[:, :, :-frames]) * both
    return functional.pad(change, (0, 0, 0, x.shape[2] - change.shape[2]))


class ConvNetwork(nn.Module):
    """The network: stem, two times three convolution blocks and an attention block, mean over frames, classifier.

    Parameters
    ----------
    layout
        Joints, V of them.
    channels
        Number of coordinate channels, C.
    classes
        Number of classes, K.
    settings
        Width and dropout.
    """

    def __init__(self, layout: Layout, channels: int, classes: int, settings: ModelSettings) -> None:
        super().__init__()
        joints, width = len(layout.joints), settings.channels(WIDTH)
        self.norm = DataNorm(channels, joints)
        self.stem = nn.Linear((3 * channels + 1) * joints, width, bias=False)
        self.stem_norm = FrameNorm(width)
        kinds = {"convolution": ConvolutionBlock, "attention": AttentionBlock}
        self.blocks = nn.Sequential(*(kinds[kind](width) for kind in BLOCKS))
        self.head = nn.Linear(width, 2 * width)
        self.dropout = nn.Dropout(settings.dropout)
        self.classifier = nn.Linear(2 * width, classes)
        nn.init.normal_(self.classifier.weight, std=1 / math.sqrt(2 * width))
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, K) of x (N, C + 1, T, V), whose last channel is the mask."""
        mask = x[:, -1:]
        x = self.norm(x[:, :-1], mask)
        x = torch.cat([x, changes(x, mask, 1), changes(x, mask, 2), mask], 1)
        x = self.blocks(self.stem_norm(self.stem(x.transpose(1, 2).flatten(2))))
        there = mask[:, 0].amax(2, keepdim=True)  # (N, T, 1): frames with any joint
        pooled = (self.head(x) * there).sum(1) / there.sum(1).clamp(min=1)
        return self.classifier(self.dropout(pooled))

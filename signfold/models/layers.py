"""The layers of AAGCN: adaptive graph convolution, attention, temporal convolution, batch norm of the data.

Sections are those of Shi et al. 2020 (`signfold.models.aagcn`), unless another paper is named.

Features have shape (N, C, V, T), samples, channels, joints, frames, in channels-last memory format, that is
(N, V, T, C). In that order a 1×1 convolution is one matrix product, the product of features with a sample's graph is
one of (V, V) with (V, T·C), and neither needs a copy.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

SUBSETS = 3
# Width in frames of the temporal convolution and of temporal attention.
TEMPORAL_KERNEL = 9
MOMENTUM = 0.1
# Added to the variance of the data (published code: 1e-5): a joint that hardly moves in the training clips must not be
# scaled up without bound in a clip where it does move.
DATA_EPS = 1e-2


class GraphConvolution(nn.Module):
    """Adaptive graph convolution with batch norm and residual.

    f_out = Σ_k W_k f_in (B_k + α C_k), C_k = tanh(θ_kᵀ φ_k / size): B_k is learned and starts as the skeleton, C_k is
    computed from each sample, and α starts at 0 (section III-B). The parameters of the three subsets are stacked.

    Parameters
    ----------
    channels_in, channels_out
        Numbers of channels, C and C'.
    adjacency
        Initial graphs of the three subsets, shape (3, V, V).
    light
        Whether all subsets share one sample graph C, from embeddings of half the size of the features' temporal means
        (as in CTR-GCN: Chen et al. 2021, section 3.2).
    """

    def __init__(self, channels_in: int, channels_out: int, adjacency: Tensor, light: bool = False) -> None:
        super().__init__()
        self.sample_graphs = 1 if light else SUBSETS
        embedded = channels_out // (8 if light else 4)
        self.adjacency = nn.Parameter(adjacency.clone())
        self.alpha = nn.Parameter(torch.zeros(1))
        # Rows: θ of each sample graph, then φ of each.
        self.embed = nn.Linear(channels_in, 2 * self.sample_graphs * embedded)
        self.weight = nn.Parameter(torch.empty(SUBSETS, channels_out, channels_in))
        self.bias = nn.Parameter(torch.zeros(SUBSETS, channels_out))
        self.norm = nn.BatchNorm2d(channels_out)
        self.residual: nn.Module = nn.Identity()
        if channels_in != channels_out:
            self.residual = Convolution(channels_in, channels_out)
        # Fan-out of one subset's 1×1 convolution, as in the published code, where each is a module.
        nn.init.normal_(self.embed.weight, std=math.sqrt(2 / embedded))
        nn.init.zeros_(self.embed.bias)
        nn.init.normal_(self.weight, std=math.sqrt(2 / (channels_out * channels_in * SUBSETS)))
        # The block starts as its residual.
        nn.init.constant_(self.norm.weight, 1e-6)

    def graphs(self, features: Tensor) -> list[Tensor]:
        """Return the graphs B_k + α C_k, one of shape (N, V, V) for each subset, from features (N, V, T, C)."""
        n, v, _, _ = features.shape
        if self.sample_graphs == 1:
            features = temporal_mean(features)
        rows = self.embed.weight.shape[0] // (2 * self.sample_graphs)
        halves = zip(self.embed.weight.split(rows), self.embed.bias.split(rows), strict=True)
        embedded = [functional.linear(features, weight, bias).reshape(n, v, -1) for weight, bias in halves]
        size = embedded[0].shape[-1]
        pairs = zip(embedded[: self.sample_graphs], embedded[self.sample_graphs :], strict=True)
        own = [self.alpha * torch.tanh(theta @ phi.transpose(1, 2) / size) for theta, phi in pairs]
        return [adjacency + own[k % self.sample_graphs] for k, adjacency in enumerate(self.adjacency)]

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, V, T) to (N, C', V, T)."""
        n, c, v, t = x.shape
        features = x.permute(0, 2, 3, 1)
        flat = features.reshape(n, v, t * c)
        weights, bias = self.weight.transpose(0, 1), self.bias.sum(0)
        if not self.training:
            weights, bias = fold_batch_norm(weights, bias, self.norm)
        y = bias
        for k, graph in enumerate(self.graphs(features)):
            spread, weight = (graph.transpose(1, 2) @ flat).view(-1, c), weights[:, k].T
            y = y.addmm_(spread, weight.to(spread)) if k else torch.addmm(y, spread, weight)
        y = y.view(n, v, t, -1).permute(0, 3, 1, 2)
        return (self.norm(y) if self.training else y).add_(self.residual(x)).relu_()


class Attention(nn.Module):
    """Spatial, temporal and channel attention in sequence, each y·σ(...) + y (section III-C).

    Their last layers start at zero, so each attention starts at σ(0) = 0.5.

    Parameters
    ----------
    channels
        Number of channels, C.
    joints
        Number of joints, V.
    light
        Whether channel attention squeezes to a quarter of the channels instead of half.
    """

    def __init__(self, channels: int, joints: int, light: bool = False) -> None:
        super().__init__()
        squeezed = channels // (4 if light else 2)
        kernel = joints if joints % 2 else joints - 1
        self.spatial = nn.Conv1d(channels, 1, kernel, padding=kernel // 2)
        self.temporal = nn.Conv1d(channels, 1, TEMPORAL_KERNEL, padding=TEMPORAL_KERNEL // 2)
        self.squeeze = nn.Linear(channels, squeezed)
        self.channel = nn.Linear(squeezed, channels)
        nn.init.kaiming_normal_(self.squeeze.weight)
        nn.init.zeros_(self.squeeze.bias)
        for layer in (self.spatial, self.temporal, self.channel):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, y: Tensor) -> Tensor:
        """Map (N, C, V, T) to the same shape.

        Each attention is a factor for each joint, frame or channel. A mean of features that an earlier factor scales is
        a weighted mean of `y`, so `y` itself is multiplied only once, by the product of all three.
        """
        n, c, v, t = y.shape
        features = y.permute(0, 2, 3, 1)
        means = temporal_mean(features).transpose(1, 2)  # (N, C, V)
        joints = 1 + torch.sigmoid(joint_convolution(means, self.spatial))  # (N, 1, V)
        means = (joints @ features.reshape(n, v, t * c)).view(n, t, c).transpose(1, 2) / v  # (N, C, T)
        frames = 1 + torch.sigmoid(self.temporal(means))  # (N, 1, T)
        squeezed = torch.relu(self.squeeze((means * frames).mean(2)))
        channels = 1 + torch.sigmoid(self.channel(squeezed))  # (N, C)
        return y * (joints.unsqueeze(3) * frames.unsqueeze(2)).to(y) * channels[:, :, None, None].to(y)


def temporal_mean(features: Tensor) -> Tensor:
    """Return the mean over time, (N, V, C), of features (N, V, T, C); the product is many times faster than `mean`."""
    n, v, t, c = features.shape
    return (features.new_ones(1, t) @ features.reshape(n * v, t, c)).view(n, v, c) / t


def joint_convolution(x: Tensor, layer: nn.Conv1d) -> Tensor:
    """Return `layer(x)` for a convolution (N, C, V) → (N, 1, V) whose kernel is about as wide as V.

    One matrix product gives the contribution of every joint at every kernel position; those of one output lie on a
    diagonal. It is several times faster on a CPU than the convolution, which is slow for one output channel.
    """
    _, _, v = x.shape
    kernel, side = layer.kernel_size[0], int(layer.padding[0])
    weighed = functional.pad(layer.weight[0].T @ x, (side, side))  # (N, K, V + 2 side)
    # Reading with rows that are one longer shifts row k by k, which turns diagonals into columns.
    skewed = functional.pad(weighed.flatten(1), (0, kernel)).view(-1, kernel, v + 2 * side + 1)
    return skewed[:, :, :v].sum(1, keepdim=True) + layer.bias[:, None]  # type: ignore[index]


def fold_batch_norm(weight: Tensor, bias: Tensor, norm: Any) -> tuple[Tensor, Tensor]:
    """Return weight (C', ...) and bias (C',) of a layer equal to the given one followed by `norm` in evaluation mode.

    In evaluation mode batch norm is a factor and an offset for each channel; this saves a pass over the features.
    """
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    return weight * scale.view(-1, *(1,) * (weight.ndim - 1)), (bias - norm.running_mean) * scale + norm.bias


class Convolution(nn.Sequential):
    """Temporal convolution (1 × kernel) followed by batch norm."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int = 1, stride: int = 1) -> None:
        layer = nn.Conv2d(channels_in, channels_out, (1, kernel), stride=(1, stride), padding=(0, kernel // 2))
        nn.init.kaiming_normal_(layer.weight, mode="fan_out")
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        super().__init__(layer, nn.BatchNorm2d(channels_out))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, V, T) to (N, C', V, T / stride)."""
        if self.training:
            return super().forward(x)
        layer: Any = self[0]
        weight, bias = fold_batch_norm(layer.weight, layer.bias, self[1])
        return functional.conv2d(x, weight, bias, layer.stride, layer.padding)


class DataNorm(nn.Module):
    """Batch norm of each joint's coordinates over the frames in which it was detected; missing joints become 0.

    Without missing joints it equals the paper's batch norm over (V·C), except for `DATA_EPS`. If missing joints counted
    as zeros, the statistics would depend on how often a hand was detected. A joint that no training clip has keeps mean
    0 and variance 1.

    Parameters
    ----------
    channels
        Number of coordinate channels, C.
    joints
        Number of joints, V.
    """

    def __init__(self, channels: int, joints: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, joints))
        self.bias = nn.Parameter(torch.zeros(channels, joints))
        self.running_mean: Tensor
        self.running_var: Tensor
        self.register_buffer("running_mean", torch.zeros(channels, joints))
        self.register_buffer("running_var", torch.ones(channels, joints))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map (N, C, T, V), with a mask (N, 1, T, V) of 0 and 1, to the same shape."""
        mean, var = self._statistics(x, mask) if self.training else (self.running_mean, self.running_var)
        scale = self.weight / torch.sqrt(var + DATA_EPS)
        return ((x - mean[:, None]) * scale[:, None] + self.bias[:, None]) * mask

    def _statistics(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the batch's mean and variance, (C, V), or the running ones of an absent joint; update the latter."""
        count = mask.sum((0, 2))  # (1, V)
        mean = (x * mask).sum((0, 2)) / count.clamp(min=1)
        var = ((x - mean[:, None]).square() * mask).sum((0, 2)) / count.clamp(min=1)
        unbiased = var.detach() * count / (count - 1).clamp(min=1)
        share = MOMENTUM * (count > 0)
        mean = torch.where(count > 0, mean, self.running_mean)
        var = torch.where(count > 0, var, self.running_var)
        with torch.no_grad():
            self.running_mean += share * (mean - self.running_mean)
            self.running_var += share * (unbiased - self.running_var)
        return mean, var

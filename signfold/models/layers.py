"""The layers that the networks are made of: adaptive graph convolution, attention, convolutions along time.

Sections are those of Shi et al. 2020 (`signfold.models.aagcn`), unless another paper is named.

Features are (N, C, V, T), samples, channels, joints, frames, with the channels last in memory, that is (N, V, T, C):
there a 1×1 convolution is one matrix product, spreading features along a sample's graph is one product of (V, V) with
(V, T·C), and nothing is copied to get from one to the other.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

SUBSETS = 3
KERNEL = 9
MOMENTUM = 0.1
# Added to the variance of the data; published code has 1e-5. A joint that hardly moves in training must not be blown up
# in a clip in which it does.
FLOOR = 1e-2


class GraphConvolution(nn.Module):
    """Adaptive graph convolution with batch norm and residual.

    f_out = Σ_k W_k f_in (B_k + α C_k), C_k = tanh(θ_kᵀ φ_k / size): B_k is learned and starts as the skeleton, C_k is
    each sample's own graph, and α starts at 0 (section III-B). Parameters of the three subsets lie side by side. The
    light one has one graph C for all subsets, from embeddings of half the size of the features' means over time (as
    CTR-GCN does: Chen et al. 2021, section 3.2).
    """

    def __init__(self, channels_in: int, channels_out: int, adjacency: Tensor, light: bool = False) -> None:
        super().__init__()
        self.own = 1 if light else SUBSETS
        embedded = channels_out // (8 if light else 4)
        self.adjacency = nn.Parameter(adjacency.clone())
        self.alpha = nn.Parameter(torch.zeros(1))
        # Rows: θ of the (three) own graphs, then φ.
        self.embed = nn.Linear(channels_in, 2 * self.own * embedded)
        self.weight = nn.Parameter(torch.empty(SUBSETS, channels_out, channels_in))
        self.bias = nn.Parameter(torch.zeros(SUBSETS, channels_out))
        self.norm = nn.BatchNorm2d(channels_out)
        self.residual: nn.Module = nn.Identity()
        if channels_in != channels_out:
            self.residual = Convolution(channels_in, channels_out)
        # Fan-out of one subset's 1×1 convolution, as though each were a module of its own.
        nn.init.normal_(self.embed.weight, std=math.sqrt(2 / embedded))
        nn.init.zeros_(self.embed.bias)
        nn.init.normal_(self.weight, std=math.sqrt(2 / (channels_out * channels_in * SUBSETS)))
        # The block starts as its residual.
        nn.init.constant_(self.norm.weight, 1e-6)

    def graphs(self, features: Tensor) -> list[Tensor]:
        """Return each sample's graphs B_k + α C_k from features (N, V, T, C): one (N, V, V) for each subset."""
        n, v, _, _ = features.shape
        if self.own == 1:
            features = over_time(features)
        rows = self.embed.weight.shape[0] // (2 * self.own)
        halves = zip(self.embed.weight.split(rows), self.embed.bias.split(rows), strict=True)
        embedded = [functional.linear(features, weight, bias).reshape(n, v, -1) for weight, bias in halves]
        size = embedded[0].shape[-1]
        pairs = zip(embedded[: self.own], embedded[self.own :], strict=True)
        own = [self.alpha * torch.tanh(theta @ phi.transpose(1, 2) / size) for theta, phi in pairs]
        return [adjacency + own[k % self.own] for k, adjacency in enumerate(self.adjacency)]

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, V, T) to (N, C', V, T)."""
        n, c, v, t = x.shape
        features = x.permute(0, 2, 3, 1)
        flat = features.reshape(n, v, t * c)
        weights, bias = self.weight.transpose(0, 1), self.bias.sum(0)
        if not self.training:
            weights, bias = normed(weights, bias, self.norm)
        y = bias
        for k, graph in enumerate(self.graphs(features)):
            spread, weight = (graph.transpose(1, 2) @ flat).view(-1, c), weights[:, k].T
            y = y.addmm_(spread, weight.to(spread)) if k else torch.addmm(y, spread, weight)
        y = y.view(n, v, t, -1).permute(0, 3, 1, 2)
        return (self.norm(y) if self.training else y).add_(self.residual(x)).relu_()


class Attention(nn.Module):
    """Spatial, temporal and channel attention, one after the other, each y·σ(...) + y (section III-C).

    All start at σ(0) = 0.5: their last layers start at zero.
    """

    def __init__(self, channels: int, joints: int, light: bool = False) -> None:
        super().__init__()
        squeezed = channels // (4 if light else 2)
        kernel = joints if joints % 2 else joints - 1
        self.spatial = nn.Conv1d(channels, 1, kernel, padding=kernel // 2)
        self.temporal = nn.Conv1d(channels, 1, KERNEL, padding=KERNEL // 2)
        self.squeeze = nn.Linear(channels, squeezed)
        self.channel = nn.Linear(squeezed, channels)
        nn.init.kaiming_normal_(self.squeeze.weight)
        nn.init.zeros_(self.squeeze.bias)
        for layer in (self.spatial, self.temporal, self.channel):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, y: Tensor) -> Tensor:
        """Map (N, C, V, T) to the same shape.

        Each attention is one factor for all channels of a joint, of a frame, or for all of a channel; means of what the
        earlier factors scale are weighted means of `y`, so only the product of all three is multiplied out.
        """
        n, c, v, t = y.shape
        features = y.permute(0, 2, 3, 1)
        joints = 1 + torch.sigmoid(along_joints(over_time(features).transpose(1, 2), self.spatial))  # (N, 1, V)
        means = (joints @ features.reshape(n, v, t * c)).view(n, t, c).transpose(1, 2) / v  # (N, C, T)
        frames = 1 + torch.sigmoid(self.temporal(means))  # (N, 1, T)
        squeezed = torch.relu(self.squeeze((means * frames).mean(2)))
        channels = 1 + torch.sigmoid(self.channel(squeezed))  # (N, C)
        return y * (joints.unsqueeze(3) * frames.unsqueeze(2)).to(y) * channels[:, :, None, None].to(y)


def over_time(features: Tensor) -> Tensor:
    """Return the means over time, (N, V, C), of features (N, V, T, C): as a product, many times as fast as `mean`."""
    n, v, t, c = features.shape
    return (features.new_ones(1, t) @ features.reshape(n * v, t, c)).view(n, v, c) / t


def along_joints(x: Tensor, layer: nn.Conv1d) -> Tensor:
    """Return `layer(x)` for a convolution (N, C, V) → (N, 1, V) that is about as wide as the joints are many.

    One matrix product weighs every joint for every place in the kernel; what belongs to one output then lies along a
    diagonal. Several times as fast on a CPU as the convolution, which has no good kernel for one output channel.
    """
    _, _, v = x.shape
    kernel, side = layer.kernel_size[0], int(layer.padding[0])
    weighed = functional.pad(layer.weight[0].T @ x, (side, side))  # (N, K, V + 2 side)
    # Row k begins k places further on where a row is taken to be one place longer than it is.
    skewed = functional.pad(weighed.flatten(1), (0, kernel)).view(-1, kernel, v + 2 * side + 1)
    return skewed[:, :, :v].sum(1, keepdim=True) + layer.bias[:, None]  # type: ignore[index]


def normed(weight: Tensor, bias: Tensor, norm: Any) -> tuple[Tensor, Tensor]:
    """Return weight (C', ...) and bias (C',) of a layer that gives what `norm` makes of another's in evaluation.

    Its statistics are fixed then: a factor and a shift for each channel, and one pass over the features less.
    """
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    return weight * scale.view(-1, *(1,) * (weight.ndim - 1)), (bias - norm.running_mean) * scale + norm.bias


class Convolution(nn.Sequential):
    """Convolution along time (1 × kernel) followed by batch norm."""

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
        weight, bias = normed(layer.weight, layer.bias, self[1])
        return functional.conv2d(x, weight, bias, layer.stride, layer.padding)


class Branches(nn.Module):
    """Convolutions of several reaches along time, side by side, each over a quarter of the channels.

    Mixed by a 1×1 convolution, one quarter goes through a convolution over 5 neighbouring frames, one over 5 frames two
    apart, one takes the largest of 3 frames, one stays as it is: the multi-branch temporal convolution of ST-GCN++
    (Duan et al. 2022, section 3.2) with the branches of CTR-GCN (Chen et al. 2021, section 3.4).
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
        near, far, most, same = self.mix(y).relu_().chunk(4, 1)
        most = functional.max_pool2d(most, (1, 3), 1, (0, 1))
        return self.norm(torch.cat([self.near(near), self.far(far), most, same], 1))


class DataNorm(nn.Module):
    """Batch norm of each joint's coordinates, over the frames in which it is there; what is missing becomes 0.

    Where nothing is missing, the paper's batch norm over (V·C), but for `FLOOR`. With zeros in the place of missing
    joints, one signer whose second hand is in sight would shift the statistics of all. A joint that no training clip
    shows keeps mean 0 and variance 1.
    """

    def __init__(self, channels: int, joints: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, joints))
        self.bias = nn.Parameter(torch.zeros(channels, joints))
        self.running_mean: Tensor
        self.running_var: Tensor
        self.register_buffer("running_mean", torch.zeros(channels, joints))
        self.register_buffer("running_var", torch.ones(channels, joints))

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        """Map (N, C, T, V), with a mask (N, 1, T, V) of 0 and 1, to the same shape."""
        mean, var = self._statistics(x, there) if self.training else (self.running_mean, self.running_var)
        scale = self.weight / torch.sqrt(var + FLOOR)
        return ((x - mean[:, None]) * scale[:, None] + self.bias[:, None]) * there

    def _statistics(self, x: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
        """Return the batch's mean and variance, or the running ones of a joint that is not in it; update these."""
        count = there.sum((0, 2))  # (1, V)
        mean = (x * there).sum((0, 2)) / count.clamp(min=1)
        var = ((x - mean[:, None]).square() * there).sum((0, 2)) / count.clamp(min=1)
        unbiased = var.detach() * count / (count - 1).clamp(min=1)
        share = MOMENTUM * (count > 0)
        mean = torch.where(count > 0, mean, self.running_mean)
        var = torch.where(count > 0, var, self.running_var)
        with torch.no_grad():
            self.running_mean += share * (mean - self.running_mean)
            self.running_var += share * (unbiased - self.running_var)
        return mean, var

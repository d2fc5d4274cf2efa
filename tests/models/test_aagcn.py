"""Promises of AAGCN: it computes the published equations, and missing joints have no influence."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import pytest
import torch
from networks import SKELETON, clips, small, stirred
from torch import Tensor
from torch.nn import functional

from signfold.core.settings import ModelSettings
from signfold.core.skeleton import layout
from signfold.models.aagcn import AAGCN, BLOCKS
from signfold.models.graph import spatial_partition
from signfold.models.layers import TEMPORAL_KERNEL
from signfold.models.registry import parameter_count

ADJACENCY = spatial_partition(SKELETON)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Keep these tiny networks from waiting on each other's threads."""
    torch.set_num_threads(1)


def reference(weights: Mapping[str, Tensor], x: Tensor, training: bool) -> Tensor:
    """AAGCN written down plainly from the papers' equations: one subset at a time, nothing fused, nothing clever."""

    def norm(y: Tensor, name: str) -> Tensor:
        shape = [1, -1] + [1] * (y.ndim - 2)
        if training:
            axes = [axis for axis in range(y.ndim) if axis != 1]
            mean, var = y.mean(axes), y.var(axes, unbiased=False)
        else:
            mean, var = weights[f"{name}.running_mean"], weights[f"{name}.running_var"]
        y = (y - mean.view(shape)) / torch.sqrt(var.view(shape) + 1e-5)
        return y * weights[f"{name}.weight"].view(shape) + weights[f"{name}.bias"].view(shape)

    def conv(y: Tensor, name: str, kernel: int, stride: int) -> Tensor:
        weight, bias = weights[f"{name}.0.weight"].reshape(-1, y.shape[1], kernel, 1), weights[f"{name}.0.bias"]
        y = functional.conv2d(y, weight, bias, stride=(stride, 1), padding=(kernel // 2, 0))
        return norm(y, f"{name}.1")

    def pointwise(y: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.einsum("nctv,dc->ndtv", y, weight) + bias.view(1, -1, 1, 1)

    def graph_convolution(y: Tensor, name: str) -> Tensor:
        out = weights[f"{name}.norm.weight"].numel()
        i = out // 4
        embed, embed_bias = weights[f"{name}.embed.weight"], weights[f"{name}.embed.bias"]
        total = torch.zeros(())
        for k in range(3):
            theta = pointwise(y, embed[k * i : (k + 1) * i], embed_bias[k * i : (k + 1) * i])
            phi = pointwise(y, embed[(3 + k) * i : (4 + k) * i], embed_bias[(3 + k) * i : (4 + k) * i])
            own = torch.tanh(torch.einsum("nitv,nitw->nvw", theta, phi) / (i * y.shape[2]))
            graph = weights[f"{name}.adjacency"][k] + weights[f"{name}.alpha"] * own
            spread = torch.einsum("nctv,nvw->nctw", y, graph)
            total = total + pointwise(spread, weights[f"{name}.weight"][k], weights[f"{name}.bias"][k])
        shortcut = conv(y, f"{name}.residual", 1, 1) if f"{name}.residual.0.weight" in weights else y
        return torch.relu(norm(total, f"{name}.norm") + shortcut)

    def attention(y: Tensor, name: str) -> Tensor:
        for layer, axis in (("spatial", 2), ("temporal", 3)):
            weight, bias = weights[f"{name}.{layer}.weight"], weights[f"{name}.{layer}.bias"]
            score = functional.conv1d(y.mean(axis), weight, bias, padding=weight.shape[-1] // 2)
            y = y * torch.sigmoid(score).unsqueeze(axis) + y
        score = y.mean((2, 3)) @ weights[f"{name}.squeeze.weight"].T + weights[f"{name}.squeeze.bias"]
        score = torch.relu(score) @ weights[f"{name}.channel.weight"].T + weights[f"{name}.channel.bias"]
        return y * torch.sigmoid(score)[:, :, None, None] + y

    def data_norm(y: Tensor, there: Tensor) -> Tensor:
        y = y.clone()
        for c, v in itertools.product(range(y.shape[1]), range(y.shape[3])):
            seen = y[:, c, :, v][there[..., v]]
            mean, var = weights["norm.running_mean"][c, v], weights["norm.running_var"][c, v]
            if training and len(seen):
                mean, var = seen.mean(), seen.var(unbiased=False)
            y[:, c, :, v] = (y[:, c, :, v] - mean) / torch.sqrt(var + 1e-2)
            y[:, c, :, v] = y[:, c, :, v] * weights["norm.weight"][c, v] + weights["norm.bias"][c, v]
            y[:, c, :, v][~there[..., v]] = 0
        return y

    y = torch.cat([data_norm(x[:, :-1], x[:, -1] > 0), x[:, -1:]], 1)
    for b, (_, stride) in enumerate(BLOCKS):
        name = f"blocks.{b}"
        z = conv(attention(graph_convolution(y, f"{name}.graph"), f"{name}.attention"), f"{name}.temporal", 9, stride)
        if f"{name}.residual.0.weight" in weights:
            z = z + conv(y, f"{name}.residual", 1, stride)
        elif b > 0:
            z = z + y
        y = torch.relu(z)
    return y.mean((2, 3)) @ weights["classifier.weight"].T + weights["classifier.bias"]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("stir", [False, True])
def test_forward_equals_the_equations(training: bool, stir: bool) -> None:
    model = stirred(small()) if stir else small()
    x = clips(4)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    expected = reference(before, x, training)
    with torch.no_grad():
        found = model.train(training)(x)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


def published_count(joints: int, channels: int, classes: int) -> int:
    """Count the published network's parameters layer by layer."""
    count = 2 * (channels - 1) * joints
    kernel = joints if joints % 2 else joints - 1
    for b, (wider, stride) in enumerate(BLOCKS):
        embeddings = 6 * (channels * (wider // 4) + wider // 4)
        graph = 3 * joints**2 + 1 + embeddings + 3 * (channels * wider + wider) + 2 * wider
        down = channels * wider + wider + 2 * wider
        attention = wider * kernel + 1 + wider * TEMPORAL_KERNEL + 1
        attention += wider * (wider // 2) + wider // 2 + (wider // 2) * wider + wider
        temporal = TEMPORAL_KERNEL * wider * wider + wider + 2 * wider
        count += graph + attention + temporal + down * (channels != wider)
        count += down * (b > 0 and (channels != wider or stride > 1))
        channels = wider
    return count + channels * classes + classes


@pytest.mark.parametrize(("name", "channels", "classes"), [("hands_arms_46", 3, 226), ("hands_body_27", 4, 26)])
def test_parameter_count_is_the_published_one(name: str, channels: int, classes: int) -> None:
    model = AAGCN(layout(name), channels - 1, classes)
    assert parameter_count(model) == published_count(len(layout(name).joints), channels, classes)


def test_seed_network_has_about_3_9_million_parameters() -> None:
    # The published 3,896,752 for x and y, and the first block's weights of the mask, a third channel.
    mask = 6 * 16 + 3 * 64 + 64
    assert parameter_count(AAGCN(layout("hands_arms_46"), 2, 226)) == 3_896_752 + mask


def test_width_is_rounded_to_multiples_of_eight() -> None:
    assert [ModelSettings(width=0.4).channels(c) for c in (64, 128, 256)] == [24, 48, 104]
    assert ModelSettings(width=0.01).channels(64) == 8


def test_attention_starts_at_one_half_and_alpha_at_zero() -> None:
    model = small()
    y = torch.rand(2, 8, 27, 6)
    for block in model.blocks:
        assert block.graph.alpha.item() == 0
        torch.testing.assert_close(block.graph.adjacency.data, torch.from_numpy(ADJACENCY))
        assert torch.all(block.graph.norm.weight == 1e-6)
    torch.testing.assert_close(model.blocks[0].attention(y), y * 1.5**3)

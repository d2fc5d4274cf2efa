"""Promises of the network: what the published equations say, and nothing else."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from signfold.core.settings import ModelSettings
from signfold.core.skeleton import layout
from signfold.models.aagcn import AAGCN, BLOCKS, LIGHT_BLOCKS, parameter_count
from signfold.models.graph import spatial_partition
from signfold.models.layers import KERNEL, Branches, DataNorm

SKELETON = layout("hands_body_27")
ADJACENCY = spatial_partition(SKELETON)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Keep these tiny networks from waiting on each other's threads."""
    torch.set_num_threads(1)


def small(classes: int = 5, channels: int = 3, width: float = 0.125, network: str = "aagcn") -> AAGCN:
    torch.manual_seed(0)
    return AAGCN(ADJACENCY, channels, classes, ModelSettings(network, width))


def stirred(model: AAGCN) -> AAGCN:
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
    """Two coordinates and the mask: a third of the joints is missing here and there, one joint throughout."""
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(count, 3, frames, len(SKELETON.joints), generator=generator)
    x[:, -1] = (torch.rand(x[:, -1].shape, generator=generator) > 0.3).float()
    x[:, -1, :, 5] = 0
    return x


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
        attention = wider * kernel + 1 + wider * KERNEL + 1
        attention += wider * (wider // 2) + wider // 2 + (wider // 2) * wider + wider
        temporal = KERNEL * wider * wider + wider + 2 * wider
        count += graph + attention + temporal + down * (channels != wider)
        count += down * (b > 0 and (channels != wider or stride > 1))
        channels = wider
    return count + channels * classes + classes


@pytest.mark.parametrize(("name", "channels", "classes"), [("hands_arms_46", 3, 226), ("hands_body_27", 4, 26)])
def test_parameter_count_is_the_published_one(name: str, channels: int, classes: int) -> None:
    model = AAGCN(spatial_partition(layout(name)), channels, classes)
    assert parameter_count(model) == published_count(len(layout(name).joints), channels, classes)


def test_seed_network_has_about_3_9_million_parameters() -> None:
    graph = spatial_partition(layout("hands_arms_46"))
    # Of x and y, the published 3,896,752; and what the first block needs to see the mask as a third channel.
    mask = 6 * 16 + 3 * 64 + 64
    assert parameter_count(AAGCN(graph, 3, 226)) == 3_896_752 + mask


@pytest.mark.parametrize("frames", [1, 9, 16, 19])
@pytest.mark.parametrize("network", ["aagcn", "light"])
def test_logits_have_one_column_per_class(frames: int, network: str) -> None:
    assert small(classes=7, network=network).eval()(torch.randn(2, 3, frames, 27)).shape == (2, 7)


def test_the_lighter_network_has_less_than_half_of_the_parameters() -> None:
    graph = spatial_partition(layout("hands_arms_46"))
    assert parameter_count(AAGCN(graph, 2, 226, ModelSettings("light"))) == 1_329_140


def test_the_lighter_network_halves_the_frames_three_times_by_means_of_pairs() -> None:
    model, lengths = small(network="light").eval(), []
    for block in model.blocks:
        block.register_forward_hook(lambda _module, _inputs, output: lengths.append(output.shape[-1]))
    model(torch.randn(2, 3, 20, 27))
    assert lengths == [10, 10, 10, 10, 5, 5, 5, 3, 3, 3]
    assert [stride for _, stride in LIGHT_BLOCKS].count(2) == 3
    x = torch.randn(2, 3, 27, 5)
    means = torch.stack([(x[..., 0] + x[..., 1]) / 2] * 2 + [(x[..., 2] + x[..., 3]) / 2] * 2 + [x[..., 4]], -1)
    assert torch.allclose(model.blocks[0](x), model.blocks[0](means), atol=1e-6)
    assert not torch.allclose(model.blocks[0](x), model.blocks[0](x.flip(-1)))


def test_branches_reach_as_far_as_they_say() -> None:
    torch.manual_seed(0)
    branches = Branches(8).eval()
    y = torch.randn(1, 8, 3, 21)
    changed = y.clone()
    changed[..., 10] += 100
    with torch.no_grad():
        moved = (branches(changed) - branches(y)).abs().sum(2)[0] > 1e-4
    for quarter, reach in zip(moved.split(2), ([8, 9, 10, 11, 12], [6, 8, 10, 12, 14], [9, 10, 11], [10]), strict=True):
        assert set(torch.nonzero(quarter.any(0)).flatten().tolist()) <= set(reach)
        assert quarter.any(0)[reach[0]] or quarter.any(0)[reach[-1]] or len(reach) == 3


def test_an_unknown_network_is_an_error_that_names_the_known() -> None:
    with pytest.raises(ValueError, match="Input should be 'aagcn' or 'light'"):
        ModelSettings("small")


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


@pytest.mark.parametrize("network", ["aagcn", "light"])
def test_gradients_reach_every_parameter(network: str) -> None:
    # With the batch's own statistics, a bias before batch norm has no gradient, rightly: use fixed statistics.
    model, x = stirred(small(width=0.25, network=network)), clips(4)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            module.momentum = 1.0
    for block in model.blocks:  # so small a layer may have no unit alive
        torch.nn.init.constant_(block.attention.squeeze.bias, 5)
    model(x)
    model.eval()(x).square().sum().backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []


def test_same_seed_same_network() -> None:
    first, second = small().state_dict(), small().state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_joints_that_no_training_clip_showed_do_not_blow_up_a_clip_that_shows_them() -> None:
    model, hidden = small(), clips(16)
    hidden[:, -1, :, 5:] = 0
    hidden[:, :-1, :, 5:] = 0
    for _ in range(50):
        model.train()(hidden)
    shown = clips(16)
    with torch.no_grad():
        inputs = model.eval().norm(shown[:, :-1], shown[:, -1:])
    assert float(inputs.abs().max()) < 2 * float(shown.abs().max())


@pytest.mark.parametrize("network", ["aagcn", "light"])
@pytest.mark.parametrize("training", [False, True])
def test_what_stands_in_the_place_of_a_missing_joint_changes_nothing(training: bool, network: str) -> None:
    x = clips(4)
    other = x.clone()
    other[:, :-1] += 100 * (1 - x[:, -1:])
    with torch.no_grad():
        found, expected = (stirred(small(network=network)).train(training)(each) for each in (other, x))
    torch.testing.assert_close(found, expected)


def test_running_statistics_become_those_of_what_is_there() -> None:
    norm, x = DataNorm(2, 27), clips(64)
    x[:, :-1] = 3 + 2 * x[:, :-1]
    for _ in range(200):
        norm(x[:, :-1], x[:, -1:])
    seen = x[:, 0, :, 7][x[:, -1, :, 7] > 0]
    torch.testing.assert_close(norm.running_mean[0, 7], seen.mean())
    torch.testing.assert_close(norm.running_var[0, 7], seen.var())
    assert (norm.running_mean[0, 5], norm.running_var[0, 5]) == (0, 1)

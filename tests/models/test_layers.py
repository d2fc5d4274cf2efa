"""Promises of the layers: the fast ways give what the plain ones give."""

from __future__ import annotations

import pytest
import torch
from networks import SKELETON, clips, small, stirred
from torch import nn

from signfold.models.graph import spatial_partition
from signfold.models.layers import (
    Attention,
    Convolution,
    DataNorm,
    GraphConvolution,
    fold_batch_norm,
    joint_convolution,
    temporal_mean,
)

ADJACENCY = torch.from_numpy(spatial_partition(SKELETON))


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Keep these tiny networks from waiting on each other's threads."""
    torch.set_num_threads(1)


def test_the_temporal_mean_is_the_mean() -> None:
    features = torch.randn(2, 5, 7, 3)
    torch.testing.assert_close(temporal_mean(features), features.mean(2))


@pytest.mark.parametrize("kernel", [1, 3, 27])
def test_the_convolution_over_joints_is_the_convolution(kernel: int) -> None:
    layer, x = nn.Conv1d(4, 1, kernel, padding=kernel // 2), torch.randn(2, 4, 27)
    torch.testing.assert_close(joint_convolution(x, layer), layer(x))


def test_a_folded_batch_norm_is_the_layer_and_its_norm() -> None:
    torch.manual_seed(0)
    layer, norm, x = nn.Linear(3, 4), stirred(nn.BatchNorm1d(4)).eval(), torch.randn(5, 3)
    weight, bias = fold_batch_norm(layer.weight, layer.bias, norm)
    torch.testing.assert_close(nn.functional.linear(x, weight, bias), norm(layer(x)))
    convolution = stirred(Convolution(3, 8, 9, 2)).eval()
    y = torch.randn(2, 3, 5, 12)
    torch.testing.assert_close(convolution(y), convolution[1](convolution[0](y)))
    assert convolution(y).shape == (2, 8, 5, 6)


def test_each_attention_is_a_factor_from_the_mean_of_what_the_former_scaled() -> None:
    torch.manual_seed(0)
    layer, y = stirred(Attention(8, 27)), torch.randn(2, 8, 27, 12)
    expected = y * (1 + torch.sigmoid(layer.spatial(y.mean(3)))).unsqueeze(3)
    expected = expected * (1 + torch.sigmoid(layer.temporal(expected.mean(2)))).unsqueeze(2)
    squeezed = torch.relu(layer.squeeze(expected.mean((2, 3))))
    expected = expected * (1 + torch.sigmoid(layer.channel(squeezed)))[:, :, None, None]
    torch.testing.assert_close(layer(y), expected)
    assert layer.squeeze.out_features == 4
    assert Attention(8, 46, light=True).squeeze.out_features == 2
    assert Attention(8, 46).spatial.kernel_size == (45,)


def test_a_light_graph_convolution_has_one_sample_graph_for_all_subsets() -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 27, 12, 8)
    light, full = (stirred(GraphConvolution(8, 16, ADJACENCY, light)) for light in (True, False))
    own = [graph - subset for graph, subset in zip(light.graphs(features), light.adjacency, strict=True)]
    torch.testing.assert_close(own[0], own[1])
    torch.testing.assert_close(own[0], own[2])
    # Embeddings of the means over time, 16 / 8 channels: θ, then φ.
    theta, phi = light.embed(features.mean(2)).split(2, -1)
    torch.testing.assert_close(own[0], light.alpha * torch.tanh(theta @ phi.transpose(1, 2) / 2))
    own = [graph - subset for graph, subset in zip(full.graphs(features), full.adjacency, strict=True)]
    assert not torch.allclose(own[0], own[1])


def test_a_graph_convolution_starts_as_its_residual() -> None:
    layer, y = GraphConvolution(8, 8, ADJACENCY), torch.rand(2, 8, 27, 12)
    torch.testing.assert_close(layer(y), y, atol=1e-4, rtol=1e-4)


def test_joints_of_no_training_clip_are_not_scaled_up_in_a_clip_that_has_them() -> None:
    model, hidden = small(), clips(16)
    hidden[:, -1, :, 5:] = 0
    hidden[:, :-1, :, 5:] = 0
    for _ in range(50):
        model.train()(hidden)
    shown = clips(16)
    with torch.no_grad():
        inputs = model.eval().norm(shown[:, :-1], shown[:, -1:])
    assert float(inputs.abs().max()) < 2 * float(shown.abs().max())


def test_running_statistics_become_those_of_what_is_there() -> None:
    norm, x = DataNorm(2, 27), clips(64)
    x[:, :-1] = 3 + 2 * x[:, :-1]
    for _ in range(200):
        norm(x[:, :-1], x[:, -1:])
    seen = x[:, 0, :, 7][x[:, -1, :, 7] > 0]
    torch.testing.assert_close(norm.running_mean[0, 7], seen.mean())
    torch.testing.assert_close(norm.running_var[0, 7], seen.var())
    assert (norm.running_mean[0, 5], norm.running_var[0, 5]) == (0, 1)

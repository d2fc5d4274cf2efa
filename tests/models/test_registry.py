"""Promises of every network: one interface, whatever its class."""

from __future__ import annotations

import typing

import pytest
import torch
from networks import SKELETON, clips, small, stirred
from torch import nn

from signfold.core import versions
from signfold.core.settings import ModelSettings
from signfold.core.skeleton import LAYOUTS
from signfold.models.registry import NETWORKS, build_network, parameter_count


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Keep these tiny networks from waiting on each other's threads."""
    torch.set_num_threads(1)


def test_settings_versions_and_registry_name_the_same_networks() -> None:
    options = typing.get_args(typing.get_type_hints(ModelSettings)["network"])
    assert list(options) == list(versions.NETWORK) == list(NETWORKS)


def test_an_unknown_network_is_an_error_that_names_the_known() -> None:
    with pytest.raises(ValueError, match="Input should be 'aagcn', 'light' or 'conv'"):
        ModelSettings("small")


@pytest.mark.parametrize("frames", [1, 9, 16, 19])
@pytest.mark.parametrize("network", list(NETWORKS))
def test_logits_have_one_column_per_class(frames: int, network: str) -> None:
    assert small(classes=7, network=network).eval()(torch.randn(2, 3, frames, 27)).shape == (2, 7)


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("network", list(NETWORKS))
def test_a_network_is_made_for_the_joints_and_channels_of_the_tensors(name: str, network: str) -> None:
    about = {"layout": name, "channels": ["x", "y", "z"]}
    model = build_network(about, 2, ModelSettings(network, 0.125))  # type: ignore[arg-type]
    assert model.eval()(torch.zeros(2, 4, 8, len(LAYOUTS[name].joints))).shape == (2, 2)


@pytest.mark.parametrize("network", list(NETWORKS))
def test_the_classifier_alone_depends_on_the_classes(network: str) -> None:
    few, many = (small(classes, network=network).state_dict() for classes in (3, 8))
    differing = {name for name in few if not torch.equal(few[name], many[name])}
    assert differing == {"classifier.weight", "classifier.bias"}
    assert few.keys() == many.keys()


@pytest.mark.parametrize("network", list(NETWORKS))
def test_a_wider_network_has_more_parameters_and_all_are_counted(network: str) -> None:
    narrow, wide = small(network=network), small(width=0.25, network=network)
    assert parameter_count(wide) > 2 * parameter_count(narrow)
    assert parameter_count(narrow) == sum(value.numel() for value in narrow.parameters())
    narrow.classifier.requires_grad_(False)
    assert parameter_count(narrow) == parameter_count(small(network=network)) - sum(
        value.numel() for value in narrow.classifier.parameters()
    )


@pytest.mark.parametrize("network", list(NETWORKS))
def test_features_are_dropped_out_in_training_alone(network: str) -> None:
    about = {"layout": SKELETON.name, "channels": ["x", "y"]}
    model, x = build_network(about, 4, ModelSettings(network, 0.125, 0.5)), torch.ones(2, 3, 8, 27)  # type: ignore[arg-type]
    assert torch.equal(model.eval()(x), model(x))
    assert not torch.equal(model.train()(x), model(x))


@pytest.mark.parametrize("network", list(NETWORKS))
def test_same_seed_same_network(network: str) -> None:
    first, second = small(network=network).state_dict(), small(network=network).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("network", list(NETWORKS))
def test_gradients_reach_every_parameter(network: str) -> None:
    # With the batch's own statistics, a bias before batch norm has no gradient, rightly: use fixed statistics.
    model, x = stirred(small(width=0.25, network=network)), clips(4)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            module.momentum = 1.0
    for name, bias in model.named_parameters():  # so small a layer may have no unit alive
        if name.endswith("squeeze.bias"):
            torch.nn.init.constant_(bias, 5)
    model(x)
    model.eval()(x).square().sum().backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []


@pytest.mark.parametrize("network", list(NETWORKS))
@pytest.mark.parametrize("training", [False, True])
def test_what_stands_in_the_place_of_a_missing_joint_changes_nothing(training: bool, network: str) -> None:
    x = clips(4)
    other = x.clone()
    other[:, :-1] += 100 * (1 - x[:, -1:])
    with torch.no_grad():
        found, expected = (stirred(small(network=network)).train(training)(each) for each in (other, x))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("network", list(NETWORKS))
def test_samples_do_not_influence_each_other_in_evaluation(network: str) -> None:
    model, x = stirred(small(network=network)).eval(), clips(4)
    with torch.no_grad():
        whole, part = model(x), model(x[1:3])
    torch.testing.assert_close(whole[1:3], part, rtol=1e-4, atol=1e-6 * float(whole.abs().max()))


@pytest.mark.parametrize("network", list(NETWORKS))
def test_a_network_can_be_saved_by_its_state(network: str) -> None:
    model, other = stirred(small(network=network)).eval(), small(network=network).eval()
    assert isinstance(model, nn.Module)
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        assert torch.equal(model(clips(2)), other(clips(2)))

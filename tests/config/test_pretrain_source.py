"""Promises of the source of initial weights: known, and checked, from the configuration alone."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from signfold.config.pretrain_source import initial_weights, pretrain_settings
from signfold.core.errors import SignfoldError
from signfold.core.settings import STREAMS, PretrainSettings

CONFIG: dict[str, Any] = {
    "dataset": "mine",
    "datasets": {"mine": {}, "autsl": {}},
    "tensors": {"frames": 64, "layout": "hands_body_27"},
    "model": {"width": 1.0, "dropout": 0.0},
    "streams": ["joint", "bone"],
    "pretrain": {"dataset": "autsl", "weights": None},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The configuration with one value of the source's settings changed."""
    config = copy.deepcopy(CONFIG)
    section, key = path.split(".")
    config["datasets"]["autsl"]["settings"] = {section: {key: value}}
    return config


def test_each_stream_starts_from_the_sources_network_of_that_stream() -> None:
    start = pretrain_settings(CONFIG, "mine")
    for stream in STREAMS:
        found = initial_weights(start, stream)
        assert found == f"results/autsl/pretrain/{stream}/model.safetensors"


def test_what_is_said_of_all_datasets_leaves_the_source_alone() -> None:
    assert pretrain_settings(CONFIG, "autsl") == PretrainSettings()
    itself = {"mine": {}, "autsl": {"settings": {"pretrain": {"dataset": "autsl"}}}}
    with pytest.raises(SignfoldError, match="autsl cannot be pre-trained on itself"):
        pretrain_settings({**CONFIG, "datasets": itself}, "autsl")


def test_a_stream_can_be_named_in_the_path_of_weights() -> None:
    start = PretrainSettings(weights="old/{stream}/model.safetensors")
    assert initial_weights(start, "bone") == "old/bone/model.safetensors"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("tensors.frames", 80, "tensors.frames is 80 for autsl and 64 for mine"),
        ("tensors.layout", "hands_arms_46", "tensors.layout is 'hands_arms_46' for autsl"),
        ("model.width", 0.5, "model.width is 0.5 for autsl and 1.0 for mine"),
    ],
)
def test_what_would_not_fit_is_said_from_the_configuration_alone(path: str, value: Any, message: str) -> None:
    with pytest.raises(SignfoldError, match=f"mine cannot start from autsl: {message}.*Give both the same"):
        pretrain_settings(changed(path, value), "mine")
    pretrain_settings(changed("model.dropout", 0.5), "mine")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dataset": "autls"}, "no dataset 'autls'.*did you mean 'autsl'"),
        ({"dataset": "mine"}, "mine cannot be pre-trained on itself"),
        ({"dataset": "autsl", "weights": "x"}, "both `dataset` and `weights`"),
        ({"dataset": None, "weights": "gone/model.safetensors"}, "gone/model.safetensors: no such file"),
    ],
)
def test_mistakes_in_the_section_are_said(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SignfoldError, match=message):
        pretrain_settings({**CONFIG, "pretrain": CONFIG["pretrain"] | given}, "mine")

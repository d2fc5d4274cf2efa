"""Initial weights of a dataset's networks, known before anything is computed. Light: the Snakefile imports it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from signfold.config.load import dataset_settings
from signfold.core.errors import SignfoldError
from signfold.core.settings import PretrainSettings
from signfold.core.text import did_you_mean


def initial_weights(settings: PretrainSettings, stream: str) -> str | None:
    """Return the `model.safetensors` that networks of a stream start from; None for random weights.

    Parameters
    ----------
    settings
        The source, checked by `pretrain_settings`.
    stream
        The stream of the network.
    """
    if settings.dataset is not None:
        return f"results/{settings.dataset}/pretrain/{stream}/model.safetensors"
    return None if settings.weights is None else settings.weights.replace("{stream}", stream)


def pretrain_settings(config: Mapping[str, Any], name: str) -> PretrainSettings:
    """Return where the networks of the dataset `name` start from, as far as the resolved configuration tells.

    Raises
    ------
    SignfoldError
        If the source is not configured, is the dataset itself, has other tensors or another network, or two are given.
    """
    own = dataset_settings(config, name)
    settings = own.pretrain
    if settings.weights is not None:
        settings = replace(settings, weights=str(Path(settings.weights).expanduser()))
    named = (config["datasets"][name].get("settings") or {}).get("pretrain", {}).get("dataset")
    if settings.dataset == name and name not in (config["dataset"], named):
        settings = replace(settings, dataset=None)  # the key stands in the general section, and this is the source
    if settings.dataset is not None and settings.weights is not None:
        raise SignfoldError("pretrain: both `dataset` and `weights` are given; set one of them to null")
    if settings.dataset is not None:
        _check_source(config, name, settings.dataset)
        source = dataset_settings(config, settings.dataset)
        _check_alike(name, asdict(own), settings.dataset, asdict(source))
    if settings.weights is not None:
        _check_files(settings.weights, own.streams)
    return settings


def _check_source(config: Mapping[str, Any], name: str, source: str) -> None:
    if source == name:
        raise SignfoldError(f"pretrain.dataset: {name} cannot be pre-trained on itself; name another dataset, or null")
    if source not in config["datasets"]:
        hint = did_you_mean(source, config["datasets"]) or f"known are {', '.join(config['datasets'])}"
        raise SignfoldError(f"pretrain.dataset: no dataset {source!r} under `datasets`; {hint}")


def _check_alike(name: str, own: Mapping[str, Any], source: str, other: Mapping[str, Any]) -> None:
    """Raise if tensors mean something else or networks have other sizes: hours later, nothing would fit."""
    differing = [
        f"{section}.{key} is {other[section][key]!r} for {source} and {own[section][key]!r} for {name}"
        for section, free in (("tensors", set()), ("model", {"dropout"}))
        for key in own[section]
        if key not in free and own[section][key] != other[section][key]
    ]
    if differing:
        raise SignfoldError(
            f"pretrain.dataset: {name} cannot start from {source}: {'; '.join(differing)}. "
            f"Give both the same under `settings` of datasets.{source} and datasets.{name}"
        )


def _check_files(weights: str, streams: Sequence[str]) -> None:
    for stream in streams:
        path = Path(weights.replace("{stream}", stream))
        for wanted in (path, path.with_name("provenance.json")):
            if not wanted.is_file():
                raise SignfoldError(
                    f"pretrain.weights: {wanted}: no such file; expected a model.safetensors that signfold wrote, "
                    "with its provenance.json beside it"
                )

"""Where a network starts from, before anything is computed: light, the Snakefile imports it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from signfold.config import load as configuration
from signfold.core.errors import SignfoldError
from signfold.core.results import model_folder
from signfold.core.settings import PretrainSettings


def initial_weights(settings: PretrainSettings, dataset: str, fold: str, stream: str, number: int = 1) -> str | None:
    """Return the `model.safetensors` that a network of `dataset` starts from; None for random weights.

    Parameters
    ----------
    settings
        Checked by `settings_of`.
    dataset, fold, stream
        Whose network.
    number
        Of the seed, from 1.
    """
    if settings.from_joint and stream != "joint":
        return f"{model_folder(dataset, fold, 'joint', number)}/model.safetensors"
    if settings.dataset is not None:
        return f"results/{settings.dataset}/pretrain/{stream}/model.safetensors"
    return None if settings.weights is None else settings.weights.replace("{stream}", stream)


def pretrain_settings(config: Mapping[str, Any], name: str, command_line: Mapping[str, Any]) -> PretrainSettings:
    """Return where a dataset's networks start from, checked as far as the configuration tells.

    Parameters
    ----------
    config, name, command_line
        As for `config.settings_of`.

    Raises
    ------
    SignfoldError
        If the source is not configured, is the dataset itself, has other tensors or another network, or two are given.
    """
    own = configuration.dataset_settings(config, name, command_line)
    settings = PretrainSettings(**own["pretrain"])
    named = config["datasets"][name].get("settings", {}).get("pretrain", {}).get("dataset")
    if settings.dataset == name and name not in (config["dataset"], named):
        settings = replace(settings, dataset=None)  # said of all datasets, and this is the source
    if settings.dataset is not None and settings.weights is not None:
        raise SignfoldError("pretrain: both `dataset` and `weights` are given; set one of them to null")
    if settings.dataset is not None:
        _check_source(config, name, settings.dataset)
        _check_alike(
            name, own, settings.dataset, configuration.dataset_settings(config, settings.dataset, command_line)
        )
    if settings.weights is not None:
        _check_files(settings, own["streams"])
    return settings


def _check_source(config: Mapping[str, Any], name: str, source: str) -> None:
    if source == name:
        raise SignfoldError(f"pretrain.dataset: {name} cannot be pre-trained on itself; name another dataset, or null")
    if source not in config["datasets"]:
        nearest = difflib.get_close_matches(source, config["datasets"], n=1, cutoff=0.5)
        hint = f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(config['datasets'])}"
        raise SignfoldError(f"pretrain.dataset: no dataset {source!r} under `datasets`; {hint}")


def _check_alike(name: str, own: Mapping[str, Any], source: str, other: Mapping[str, Any]) -> None:
    """Raise if tensors mean something else or networks have other sizes: hours later, nothing would fit."""
    differing = [
        f"{section}.{key} is {other[section].get(key)!r} for {source} and {own[section].get(key)!r} for {name}"
        for section, free in (("tensors", set()), ("model", {"dropout"}))
        for key in sorted({*own[section], *other[section]} - free)
        if own[section].get(key) != other[section].get(key)
    ]
    if differing:
        raise SignfoldError(
            f"pretrain.dataset: {name} cannot go on from {source}: {'; '.join(differing)}. "
            f"Give both the same under `settings` of datasets.{source} and datasets.{name}"
        )


def _check_files(settings: PretrainSettings, streams: list[str]) -> None:
    for stream in ["joint"] if settings.from_joint else streams:
        path = Path(str(settings.weights).replace("{stream}", stream))
        for wanted in (path, path.with_name("provenance.json")):
            if not wanted.is_file():
                raise SignfoldError(
                    f"pretrain.weights: {wanted}: no such file; expected a model.safetensors that signfold wrote, "
                    "with its provenance.json beside it"
                )

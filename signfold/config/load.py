"""The configuration read, checked, and resolved to what holds for one dataset. Light: the Snakefile imports it."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from signfold.config.schema import Config
from signfold.config.yaml_file import read_yaml
from signfold.core.errors import SignfoldError
from signfold.core.settings import Settings
from signfold.core.text import did_you_mean

HOME = Path(__file__).parent / "files"


def check_config(config: Mapping[str, Any]) -> None:
    """Check a whole configuration: keys, types, bounds and choices.

    Parameters
    ----------
    config
        Whole configuration, as a mapping read from YAML.

    Raises
    ------
    SignfoldError
        All errors at once; an unknown key comes with the nearest known one.
    """
    errors = _errors(Config, config)
    datasets = config.get("datasets")
    for name, dataset in datasets.items() if isinstance(datasets, Mapping) else ():
        if isinstance(dataset, Mapping) and isinstance(dataset.get("settings"), Mapping):
            errors += _errors(Settings, dataset["settings"], ("datasets", name, "settings"))
    if errors:
        raise SignfoldError("\n".join(["the configuration has errors:", *errors]))
    _check_cache(config)
    if config["dataset"] not in config["datasets"]:
        raise SignfoldError(_unknown_key("datasets", config["dataset"], list(config["datasets"])))


def _check_cache(config: Mapping[str, Any]) -> None:
    cache = Path(os.path.abspath(config["cache"]))  # noqa: PTH100 -- without following links
    for name in config["datasets"]:
        results = Path.cwd() / "results" / name
        if results == cache or results in cache.parents or cache in results.parents:
            raise SignfoldError(
                f"datasets.{name}: its results would lie in results/{name}, and the cache in {config['cache']}; "
                "rename the dataset, or set `cache` to a folder of its own"
            )


_checker = functools.cache(TypeAdapter)


def _validated(section: type, given: Any) -> Any:
    return _checker(section).validate_python(_whole_numbers(given))


def _whole_numbers(value: Any) -> Any:
    """Return the same with 2 for 2.0: files and the command line may give either, and both mean one thing."""
    if isinstance(value, Mapping):
        return {key: _whole_numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _errors(section: type, given: Any, where: Sequence[Any] = ()) -> list[str]:
    """Return one line for each key that is wrong."""
    try:
        _validated(section, given)
    except ValidationError as error:
        told: dict[str, list[str]] = {}
        for each in error.errors():
            path = _path(given, each["loc"])
            told.setdefault(".".join(map(str, (*where, *path))), []).append(_explain(section, each, path))
        return [f"  {key or 'config'}: {', or '.join(dict.fromkeys(texts))}" for key, texts in told.items()]
    return []


def _path(given: Any, location: Sequence[Any]) -> list[Any]:
    """Return the keys of an error's location that are the user's own: pydantic adds the names of alternatives."""
    path: list[Any] = []
    for key in location:
        inside = isinstance(given, Mapping) and key in given
        if inside or (isinstance(given, Sequence) and not isinstance(given, str) and isinstance(key, int)):
            path.append(key)
            given = given[key] if inside or key < len(given) else None
    return path


def _explain(section: type, error: Any, path: Sequence[Any]) -> str:
    if error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return _nearest(str(path[-1]), _known_keys(section, path[:-1]))
    if error["loc"][-1] == "[key]":
        return f"the name {error['input']!r}: expected text of letters, digits, `_`, `-` and `.`, in quotes if a number"
    text = error["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    return text if error["type"] == "value_error" else f"found {error['input']!r}; {text}"


def _known_keys(section: type, path: Sequence[Any]) -> list[str]:
    """Return the fields of the class that a path leads to; names of datasets and places in lists are passed over."""
    for key in path:
        hints = get_type_hints(section)
        section = _class_in(hints[key]) or section if key in hints else section
    return [field.name for field in fields(section)]


def _class_in(hint: Any) -> type | None:
    """Return the dataclass inside a type such as `dict[str, X]` or `X | None`."""
    if is_dataclass(hint):
        return hint if isinstance(hint, type) else None
    return next((found for inner in get_args(hint) if (found := _class_in(inner))), None)


def _nearest(key: str, known: Sequence[str]) -> str:
    return "unknown key; " + (did_you_mean(key, known, "`") or f"known keys: {', '.join(known)}")


def _unknown_key(where: str, key: str, known: Sequence[str]) -> str:
    return f"{where}.{key}: {_nearest(key, known)}"


def typed(value: Any) -> Any:
    """Return a value of `--config` with its numbers as numbers: Snakemake leaves what is inside braces as text."""
    if isinstance(value, Mapping):
        return {key: typed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [typed(inner) for inner in value]
    if not isinstance(value, str):
        return value
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        return value


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `over` laid on it, mapping by mapping; lists and values are replaced."""
    result = deepcopy(dict(base))
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if both else deepcopy(value)
    return result


def resolved(config: Mapping[str, Any], command_line: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration with the command line over everything, a dataset's own settings too; checked.

    With a `run`, `dataset` is that run's: the same dataset by the name `run_name`.

    Parameters
    ----------
    config
        The configuration as Snakemake read it from files and `--config`.
    command_line
        The keys of `--config` alone.

    Raises
    ------
    SignfoldError
        If a key or value is wrong.
    """
    given = typed(command_line)
    result = _with_run(merged(config, given))
    for key in ("cache", "predict"):
        result[key] = result[key] and os.path.expanduser(result[key])  # noqa: PTH111 -- stays a text
    settings = {key: value for key, value in given.items() if key in _SETTINGS}
    for dataset in result["datasets"].values():
        if settings and "settings" in dataset:
            dataset["settings"] = merged(dataset["settings"], settings)
    return result


def run_name(dataset: str, run: str | int | None) -> str:
    """Return the name that a dataset's results have in a run, `DATASET-RUN`; without a run, the dataset's own."""
    return dataset if run is None else f"{dataset}-{run}"


def _with_run(config: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration, checked, with the configured dataset under its run's name as well, if it has one."""
    check_config(config)
    if config.get("run") is None:
        return config
    name = run_name(config["dataset"], config["run"])
    if name in config["datasets"]:
        raise SignfoldError(
            f"run: {config['run']}: its results would lie in results/{name}, where those of datasets.{name} lie; "
            "give the run another name"
        )
    again = deepcopy(config["datasets"][config["dataset"]])
    config = config | {"dataset": name, "datasets": config["datasets"] | {name: again}}
    check_config(config)
    return config


_SETTINGS = tuple(field.name for field in fields(Settings))


def dataset_settings(config: Mapping[str, Any], name: str) -> Settings:
    """Return the settings that hold for a dataset: the general sections with its own `settings` over them.

    Parameters
    ----------
    config
        The resolved configuration.
    name
        A key of `datasets`.

    Raises
    ------
    SignfoldError
        If settings that are valid by themselves do not go together.
    """
    general = {key: config[key] for key in _SETTINGS if key in config}
    together = merged(general, config["datasets"][name].get("settings") or {})
    errors = _errors(Settings, together)
    if errors:
        raise SignfoldError("\n".join([f"the settings of dataset {name}:", *errors]))
    return _validated(Settings, together)


def dataset_of(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return how a dataset is read: its preset with its own keys over it.

    Parameters
    ----------
    config
        The checked configuration.
    name
        A key of `datasets`.

    Raises
    ------
    SignfoldError
        If there is no such dataset or preset, or no root.
    """
    if name not in config["datasets"]:
        raise SignfoldError(_unknown_key("datasets", name, list(config["datasets"])))
    own = dict(config["datasets"][name])
    preset = own.pop("preset", None)
    if preset is not None:
        own = _preset(preset) | own
    if "synth" in own:
        own["root"] = f"results/{name}/videos"
    if "root" not in own:
        raise SignfoldError(f"datasets.{name}: no `root`; give the folder with the videos")
    return own | {"root": os.path.expanduser(own["root"])}  # noqa: PTH111 -- a Path would drop a leading ./


def _preset(preset: str) -> dict[str, Any]:
    known = {path.stem: path for path in sorted((HOME / "datasets").glob("*.yaml"))}
    if preset not in known:
        raise SignfoldError(f"preset: there is no {preset!r}; known presets: {', '.join(known)}")
    return yaml.safe_load(known[preset].read_text(encoding="utf-8"))


def read_config(*files: str | Path | None) -> dict[str, Any]:
    """Return the checked configuration: the defaults with the keys of files over them, one after the other.

    Raises
    ------
    SignfoldError
        If there is no such file, or a key that does not exist.
    """
    config = read_yaml(HOME / "config.yaml")
    for file in files:
        config = merged(config, read_yaml(file) if file else {})
    check_config(config)
    return config

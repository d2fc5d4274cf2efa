"""The configuration: checked against the schema, and what holds for one dataset. Light, the Snakefile imports it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from signfold.core.errors import SignfoldError
from signfold.dataset.synthetic import GLOSSES

HOME = Path(__file__).parents[2] / "config"


def check_config(config: Mapping[str, Any]) -> None:
    """Check a configuration against `config/schema.yaml`.

    Parameters
    ----------
    config
        As read from YAML.

    Raises
    ------
    SignfoldError
        All errors at once; a mistyped key comes with the nearest valid one.
    """
    schema = yaml.safe_load((HOME / "schema.yaml").read_text(encoding="utf-8"))
    if any(not isinstance(name, str) for name in config.get("datasets", {})):
        raise SignfoldError(f"datasets: a name is not text: {list(config['datasets'])}; put quotes around it")
    errors = sorted(jsonschema.Draft202012Validator(schema).iter_errors(config), key=lambda error: list(error.path))
    if errors:
        lines = [line for error in errors for line in _explain(error)]
        raise SignfoldError("\n".join(["the configuration has errors:", *lines]))
    if config["dataset"] not in config["datasets"]:
        raise SignfoldError(_unknown_key("datasets", config["dataset"], list(config["datasets"])))


def _explain(error: jsonschema.ValidationError) -> list[str]:
    where = ".".join(map(str, error.absolute_path))
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = list(error.schema["properties"])
        return [_unknown_key(where, key, known) for key in error.instance if key not in known]
    return [f"  {where or 'config'}: {error.message}"]


def _unknown_key(where: str, key: str, known: list[str]) -> str:
    name = f"{where}.{key}" if where else str(key)
    nearest = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
    hint = f"did you mean `{nearest[0]}`?" if nearest else f"known keys: {', '.join(known)}"
    return f"  {name}: unknown key; {hint}"


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
        own.setdefault("glosses", {"names": {str(number): gloss for number, gloss in enumerate(GLOSSES, 1)}})
    if "root" not in own:
        raise SignfoldError(f"datasets.{name}: no `root`; give the folder with the videos")
    return own


def _preset(preset: str) -> dict[str, Any]:
    presets = HOME / "datasets"
    file = presets / f"{preset}.yaml"
    if not file.is_file():
        known = sorted(path.stem for path in presets.glob("*.yaml"))
        raise SignfoldError(f"preset: there is no {preset!r}; known presets: {', '.join(known)}")
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def read_config(file: str | Path | None) -> dict[str, Any]:
    """Return the checked configuration: the defaults with a file's keys over them.

    Raises
    ------
    SignfoldError
        If there is no such file, or a key that does not exist.
    """
    config: dict[str, Any] = yaml.safe_load((HOME / "config.yaml").read_text(encoding="utf-8"))
    if file is not None:
        if not Path(file).is_file():
            raise SignfoldError(f"{file}: no such file; give the file that you give to `snakemake --configfile`")
        config = merged(config, yaml.safe_load(Path(file).read_text(encoding="utf-8")) or {})
    check_config(config)
    return config


def dataset_settings(config: Mapping[str, Any], name: str, command_line: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that hold for a dataset.

    What is said nearest to the user's hand counts: the command line (`--config`), then the dataset's own `settings`,
    then the general sections.

    Parameters
    ----------
    config
        The checked configuration, with the command line's keys already in it.
    name
        A key of `datasets`.
    command_line
        What `--config` gave.
    """
    general = {key: value for key, value in config.items() if key not in ("dataset", "datasets")}
    own = config["datasets"][name].get("settings", {})
    typed = {key: value for key, value in command_line.items() if key in general}
    return merged(merged(general, own), typed)

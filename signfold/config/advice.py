"""What a user's file says that has no effect, or another effect than it seems. Light: the Snakefile imports it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from signfold.config.load import run_name, typed
from signfold.core.errors import SignfoldError


def check_dataset_is_named(given: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Check that a file which defines datasets says which of them to build.

    Parameters
    ----------
    given
        What the user's files and `--config` say.
    config
        The whole configuration, with the defaults below.

    Raises
    ------
    SignfoldError
        If it would build another dataset, the demo.
    """
    own = list(given.get("datasets") or {})
    if own and "dataset" not in given and config["dataset"] not in [run_name(each, config.get("run")) for each in own]:
        raise SignfoldError(
            f"dataset: not given, so that {config['dataset']!r} would be built, and not {' or '.join(map(repr, own))} "
            f"of your file; add the line `dataset: {own[0]}`"
        )


def overruled(given: Mapping[str, Any], config: Mapping[str, Any], name: str) -> list[str]:
    """Return a sentence for each setting of the user's general sections that a dataset's own `settings` overrule.

    Parameters
    ----------
    given
        What the user's files and `--config` say.
    config
        The resolved configuration, in which `--config` counts most.
    name
        A key of `datasets`.
    """
    own = dict(_leaves(config["datasets"][name].get("settings") or {}))
    general = dict(_leaves({key: typed(value) for key, value in given.items() if key != "datasets"}))
    return [
        f"{key}: {_short(general[key])} has no effect on {name}: datasets.{name}.settings says {_short(own[key])}"
        for key in general
        if key in own and own[key] != general[key]
    ]


def _leaves(section: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

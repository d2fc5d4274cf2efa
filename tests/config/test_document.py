"""An option stands in one place: schema, tables and comments are made from it or held to it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from signfold.config.document import options, readme_text, schema_text, sections
from signfold.config.schema import Config

CONFIG = Path(__file__).parents[2] / "config"
TEXT = (CONFIG / "config.yaml").read_text(encoding="utf-8")
CLASSES = {"": Config, **sections()}


def comment_above(key: str, section: str) -> str:
    """The comment lines right above a key of config.yaml, as one line."""
    lines = TEXT.splitlines()
    start = lines.index(f"{section}:") if section else 0
    indent = "  " if section else ""
    place = next(i for i in range(start, len(lines)) if lines[i].startswith(f"{indent}{key}:"))
    first = place
    while lines[first - 1].startswith(f"{indent}# "):
        first -= 1
    return re.sub(r"\s*# ", " ", " ".join(lines[first:place])).strip()


@pytest.mark.parametrize("section", CLASSES)
def test_config_yaml_has_every_option_with_its_default_and_its_sentence(section: str) -> None:
    config = yaml.safe_load(TEXT)
    given: dict[str, Any] = config[section] if section else config
    for name, _, default, sentence in options(CLASSES[section]):
        assert given[name] == yaml.safe_load(default)
        assert comment_above(name, section) == sentence
    known = {name for name, *_ in options(CLASSES[section])}
    assert set(given) - known == ({"datasets", *sections()} if not section else set())


def test_schema_and_tables_are_those_of_the_settings() -> None:
    assert (CONFIG / "schema.yaml").read_text(encoding="utf-8") == schema_text(), "run `make config`"
    readme = (CONFIG / "README.md").read_text(encoding="utf-8")
    assert readme == readme_text(readme), "run `make config`"


def test_the_schema_accepts_the_shipped_configuration_and_refuses_an_unknown_key() -> None:
    validator = jsonschema.Draft202012Validator(yaml.safe_load(schema_text()))
    config = yaml.safe_load(TEXT)
    assert validator.is_valid(config)
    assert not validator.is_valid({**config, "shard": 3})

"""The options as documents: `config/schema.yaml` and the tables of `config/README.md`, made from the settings' classes.

    python -m signfold.config.document      # writes both anew: `make config`

The comments of `config/config.yaml` are written by hand and held to the same sentences by a test.
"""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import yaml
from pydantic import TypeAdapter

from signfold.config.load import HOME
from signfold.config.schema import Config

MARK = "<!-- made by `make config` -->"


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a configuration."""
    return TypeAdapter(Config).json_schema()


def schema_text() -> str:
    """Return the content of `config/schema.yaml`."""
    head = "# The JSON schema of config.yaml, for editors. Made from signfold/core/settings.py by `make config`.\n"
    return head + yaml.safe_dump(json_schema(), sort_keys=False, allow_unicode=True, width=120)


def options(section: type) -> list[tuple[str, str, str, str]]:
    """Return (name, choices or bounds, default, sentence) of each option of a class; sections of it are left out."""
    schema = TypeAdapter(section).json_schema()
    found = []
    for field in fields(section):
        about = schema["properties"][field.name]
        if "description" in about:
            found.append((field.name, _allowed(about, schema), _shown(about.get("default")), about["description"]))
    return found


def sections() -> dict[str, type]:
    """Return the class of each section by its name."""
    return {
        name: kind for name, kind in get_type_hints(Config).items() if isinstance(kind, type) and is_dataclass(kind)
    }


def _shown(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("...\n").strip()


def _allowed(about: dict[str, Any], schema: dict[str, Any]) -> str:
    """Return in words what a value may be."""
    if "anyOf" in about:
        return " or ".join(dict.fromkeys(_allowed(choice, schema) for choice in about["anyOf"]))
    if "enum" in about:
        return ", ".join(map(str, about["enum"]))
    if "const" in about:
        return str(about["const"])
    if "$ref" in about:
        return "mapping"
    if about.get("type") == "array":
        return f"list of {_allowed(about.get('items', {}), schema) or 'values'}"
    words = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true, false"}
    bounds = [
        f"{sign} {about[key]:g}"
        for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
        if key in about
    ]
    kind = about.get("type", "")
    return " ".join([words.get(kind, kind), ", ".join(bounds)]).strip()


def tables() -> str:
    """Return the tables of all options in Markdown: the top level first, then a table for each section."""
    parts = [_table("Top level", Config)]
    parts += [_table(f"`{name}`", section) for name, section in sections().items()]
    return "\n".join(parts)


def _table(title: str, section: Any) -> str:
    rows = [f"| `{name}` | {allowed} | `{default}` | {text} |" for name, allowed, default, text in options(section)]
    head = [f"## {title}", "", re.sub(r"\s+", " ", section.__doc__ or "").strip(), ""]
    return "\n".join([*head, "| key | values | default | |", "|---|---|---|---|", *rows, ""])


def readme_text(present: str) -> str:
    """Return `config/README.md` with its tables made anew: all that follows the mark."""
    return present[: present.index(MARK)] + f"{MARK}\n\n{tables()}"


def main(home: Path = HOME) -> None:
    """Write the schema and the tables."""
    (home / "schema.yaml").write_text(schema_text(), encoding="utf-8")
    readme = home / "README.md"
    readme.write_text(readme_text(readme.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()

"""A configuration file as its user wrote it, and what is wrong with it. Light: the Snakefile imports it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from signfold.core.errors import SignfoldError


def read_yaml(file: str | Path) -> dict[str, Any]:
    """Return the keys of a configuration file; an empty file has none.

    Raises
    ------
    SignfoldError
        If there is no such file, or it is no YAML or no mapping.
    """
    file = Path(file)
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise SignfoldError(f"{file}: {_absent(file)}") from None
    except OSError as error:
        raise SignfoldError(f"{file}: cannot be read ({error.strerror}); give a configuration file") from None
    except UnicodeDecodeError as error:
        raise SignfoldError(f"{file}: not UTF-8 ({error}); save it as UTF-8") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise SignfoldError(_not_yaml(file, error)) from None
    if not isinstance(found, dict | None):
        raise SignfoldError(f"{file}: found {type(found).__name__}; expected keys, such as `dataset: mine`")
    return found or {}


def _absent(file: Path) -> str:
    if file.parts[:1] == ("results",) or file.suffix in (".html", ".parquet", ".done", ".csv", ".safetensors"):
        return f"no such configuration file. Write -- before a target: snakemake --configfile mine.yaml -- {file}"
    near = sorted(path.name for path in file.parent.glob("*.yaml")) if file.parent.is_dir() else []
    listed = f"; there are {', '.join(near[:5])}" if near else ""
    return f"no such file{listed}. Give the file that you give to `snakemake --configfile`"


def _not_yaml(file: Path, error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    problem = getattr(error, "problem", None) or str(error) or type(error).__name__
    return (
        f"{file}: {where}not YAML ({problem}). Indent by blanks, and put regexes in single quotes: "
        "match: '(?P<label>[^/]+)/[^/]+$'"
    )

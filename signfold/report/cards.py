"""Model card and data card: what a reader must know before using either, in Markdown, filled from the run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from signfold.core.files import write_text
from signfold.report import format, sections
from signfold.report.results import Results

TEMPLATES = Path(__file__).parent / "templates"


def cards(
    results: Path,
    model_card: Path,
    data_card: Path,
    dataset: str,
    config: Mapping[str, Any],
    versions: Mapping[str, str],
    command: str,
) -> None:
    """Write both cards.

    Parameters
    ----------
    results
        The folder `results/{dataset}`, evaluated.
    model_card, data_card
        The Markdown files. After Mitchell et al. 2019, "Model Cards for Model Reporting", and Gebru et al. 2021,
        "Datasheets for Datasets"; what no run can know (consent, licence, who the signers are) is left as a question.
    dataset, config, versions, command
        What was run, as the report shows it.
    """
    found = Results(Path(results))
    parts = ("headline", "data", "quality", "folds", "signers", "baselines", "models")
    context = {name: getattr(sections, name)(found) for name in parts}
    context |= {"dataset": dataset, "config": config, "versions": versions, "command": command}
    for template, out in (("model_card.md", model_card), ("data_card.md", data_card)):
        write_text(out, _environment().get_template(template).render(context))


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
    )  # fmt: skip
    for name in ("share", "span", "count", "number", "duration", "plural", "points", "tally", "both"):
        environment.filters[name] = getattr(format, name)
    environment.filters["cell"] = cell
    return environment


def cell(name: Any) -> str:
    """Return a name as Markdown takes it literally, in a table too."""
    text = format.shown(name)
    return "".join(f"\\{character}" if character in "\\`*_{}[]<>#|!" else character for character in text)

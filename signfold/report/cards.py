"""Model card and data card: what a reader must know before using either, in Markdown, filled from the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from signfold.core.files import write_text
from signfold.report import format, sections
from signfold.report.results import Results, Run
from signfold.report.sheets import with_faces

TEMPLATES = Path(__file__).parent / "templates"
# The places in which frames of videos are shown, by their section.
FACES = {
    "quality": "the section Keypoints and `figures/quality.html` (the least-seen clips)",
    "labels": "the section Labels (the label errors)",
}


def cards(results: Results, model_card: Path, data_card: Path, run: Run) -> None:
    """Write both cards.

    Parameters
    ----------
    results
        Results of the dataset, evaluated.
    model_card, data_card
        Paths of the Markdown files. After Mitchell et al. 2019, "Model Cards for Model Reporting", and Gebru et al.
        2021, "Datasheets for Datasets"; what no run can know (consent, licence, who the signers are) is left as a
        question.
    run
        What was run.
    """
    parts = ("headline", "data", "quality", "folds", "signers", "baselines", "models", "labels")
    context: dict[str, Any] = {name: getattr(sections, name)(results) for name in parts}
    context |= {"faces": [FACES[name] for name in with_faces(context)], **vars(run)}
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

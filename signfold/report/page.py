"""The page: each section in its template, with style, script and the plotting library inside."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from signfold.core.files import write_text
from signfold.report import format, sections
from signfold.report.made_with import made_with, replaced
from signfold.report.planted import planted
from signfold.report.plots import Figure
from signfold.report.results import Results, Run
from signfold.report.sheets import with_faces

TEMPLATES = Path(__file__).parent / "templates"
TITLES = {
    "planted": "Planted flaws",
    "data": "Data",
    "quality": "Keypoints",
    "folds": "Folds",
    "baselines": "Simple methods",
    "curves": "Learning",
    "signers": "Signers",
    "confusion": "Confusions",
    "classes": "Signs",
    "labels": "Labels",
    "calibration": "Calibration",
    "models": "Models",
    "stages": "Time and memory",
    "reproduction": "Reproduction",
}
# File name of each figure that stands alone, and its section.
ALONE = {"per_signer": "signers", "learning_curves": "curves", "confusion": "confusion", "quality": "quality"}


def build(results: Results, out: Path, run: Run) -> None:
    """Write the report as one HTML page that needs nothing else and asks nothing of the network.

    Parameters
    ----------
    results
        Results of the dataset; what is missing there is said to be missing.
    out
        Path of the page.
    run
        What was run.
    """
    note = planted(results)
    shown = {"planted": note} if note else {}
    shown |= {name: getattr(sections, name)(results) for name in TITLES if name not in ("planted", "reproduction")}
    made, differing = made_with(results, run.config)
    shown["reproduction"] = sections.reproduction(replace(run, config=made))
    shown["reproduction"] |= {"differing": differing, "replaced": replaced(results)}
    write_text(out, _render("page.html", shown, dataset=run.dataset, headline=sections.headline(results)))


def figures(results: Results, out_dir: Path) -> None:
    """Write the main figures as pages of their own, for `snakemake --report`.

    Parameters
    ----------
    results
        Results of the dataset.
    out_dir
        Folder of per_signer.html, learning_curves.html, confusion.html and quality.html.
    """
    for file, name in ALONE.items():
        shown = {name: getattr(sections, name)(results)}
        write_text(out_dir / f"{file}.html", _render("figure.html", shown, dataset=results.root.name))


def _render(template: str, shown: Mapping[str, sections.Section], **context: Any) -> str:
    drawn = list(_figures(shown.values()))
    text = _environment().get_template(template)
    context |= {"specs": _embedded([figure.spec for figure in drawn]), "plotly": _plotly() if drawn else ""}
    moving = shown.get("confusion", {}).get("drawings", [])
    titles = {name: TITLES[name] for name in shown}
    context["faces"] = with_faces(shown)
    return text.render(shown=shown, titles=titles, skeletons=_embedded(moving) if moving else "", **context)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    for name in (
        "share",
        "span",
        "count",
        "number",
        "duration",
        "memory",
        "plural",
        "points",
        "shown",
        "tally",
        "both",
    ):
        environment.filters[name] = getattr(format, name)
    environment.globals["asset"] = lambda name: Markup((TEMPLATES / name).read_text(encoding="utf-8"))
    return environment


def _figures(found: Iterable[Any]) -> Iterator[Figure]:
    """Find the figures among the sections' values."""
    for value in found:
        if isinstance(value, Figure):
            yield value
        elif isinstance(value, Mapping):
            yield from _figures(value.values())
        elif isinstance(value, list):
            yield from _figures(value)


def _embedded(values: list[Any]) -> Markup:
    """Return values as JSON that cannot end its script element."""
    text = json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _plotly() -> Markup:
    """Return the plotting library."""
    from plotly.offline import get_plotlyjs

    return Markup(get_plotlyjs())

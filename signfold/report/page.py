"""The page: each section in its template, with style, script and the plotting library inside."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from signfold.core.files import write_text
from signfold.report import format, sections
from signfold.report.made_with import made_with, replaced
from signfold.report.planted import planted
from signfold.report.plots import Figure
from signfold.report.results import Results

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


def build(
    results: Path, out: Path, dataset: str, config: Mapping[str, Any], versions: Mapping[str, str], command: str
) -> None:
    """Write the report as one HTML page that needs nothing else and asks nothing of the network.

    Parameters
    ----------
    results
        The folder `results/{dataset}`; what is missing there is said to be missing.
    out
        The page.
    dataset
        Its name.
    config, versions, command
        What was run, as the section on reproduction shows it: settings as the files have them, and where they differ.
    """
    found = Results(Path(results))
    note = planted(found)
    shown = {"planted": note} if note else {}
    shown |= {name: getattr(sections, name)(found) for name in TITLES if name not in ("planted", "reproduction")}
    made, differing = made_with(found, config)
    shown["reproduction"] = sections.reproduction(made, versions, command)
    shown["reproduction"] |= {"differing": differing, "replaced": replaced(found)}
    write_text(out, _render("page.html", shown, dataset=dataset, headline=sections.headline(found)))


def figures(results: Path, out_dir: Path) -> None:
    """Write the main figures as pages of their own, for `snakemake --report`.

    Parameters
    ----------
    results
        The folder `results/{dataset}`.
    out_dir
        Folder of per_signer.html, learning_curves.html, confusion.html and quality.html.
    """
    found = Results(Path(results))
    for file, name in ALONE.items():
        shown = {name: getattr(sections, name)(found)}
        write_text(Path(out_dir) / f"{file}.html", _render("figure.html", shown, dataset=found.root.name))


def _render(template: str, shown: Mapping[str, sections.Section], **context: Any) -> str:
    drawn = list(_figures(shown.values()))
    text = _environment().get_template(template)
    context |= {"specs": _embedded([figure.spec for figure in drawn]), "plotly": _plotly() if drawn else ""}
    moving = shown.get("confusion", {}).get("drawings", [])
    titles = {name: TITLES[name] for name in shown}
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

"""Runs side by side: how their settings differ, what they reach on the same clips, and how long they trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signfold.core.errors import SignfoldError
from signfold.core.files import read_json
from signfold.core.made_with import shown, stated_in
from signfold.core.results import ResultsFolder, fold_order, seed_folder
from signfold.core.text import duration
from signfold.evaluation.compare import Incomparable, compare

HEADER = ("run", "clips", "top-1", "difference", "training", "settings")


@dataclass(frozen=True)
class Run:
    """An evaluated run.

    Parameters
    ----------
    results
        Its folder, such as `results/demo`.
    settings
        By section and option the values that its files were made with, as text: one, unless the files differ.
    metrics
        The evaluation's `metrics.json`.
    seconds
        How long its networks trained, one after the other.
    newer
        Whether a network is newer than the evaluation.
    """

    results: Path
    settings: Mapping[str, tuple[str, ...]]
    metrics: Mapping[str, Any]
    seconds: float
    newer: bool


@dataclass(frozen=True)
class Row:
    """A run beside the first: the paired difference on the clips of both, and where its settings differ."""

    run: Run
    difference: str
    settings: str


def find_runs(below: Path) -> tuple[list[Run], list[str]]:
    """Return the evaluated runs in the folders below, by name, and a line for each that cannot be shown.

    Raises
    ------
    SignfoldError
        If there is none.
    """
    runs, left_out = [], []
    for path in sorted(below.glob("*/evaluation/metrics.json")):
        try:
            runs.append(read_run(path.parents[1]))
        except SignfoldError as error:
            left_out.append(f"left out: {error}")
    if not runs:
        found = f"no folder in it has an evaluation ({'; '.join(left_out) or 'evaluation/metrics.json'})"
        raise SignfoldError(f"{below}: {found}; run `snakemake --cores all` first, or name the folders of the runs")
    return runs, left_out


def read_run(results: Path) -> Run:
    """Read a run.

    Raises
    ------
    SignfoldError
        If the folder has no results, the run is not evaluated, or a network that was evaluated is gone.
    """
    folder = ResultsFolder(results)
    metrics = folder.metrics
    if metrics is None:
        raise _not_evaluated(folder)
    streams = [results / "models" / fold / stream for fold in metrics["folds"] for stream in metrics["streams"]]
    numbers = range(1, folder.seeds + 1)
    files = [seed_folder(stream, number) / "metrics.json" for number in numbers for stream in streams]
    if gone := [file for file in files if not file.is_file()]:
        what = f"{results}: incomplete: {len(gone)} of {len(files)} networks that were evaluated are gone"
        raise folder.missing(f"{what}, such as {gone[0].parent.relative_to(results)}")
    networks = [read_json(file, "train_seconds") for file in files]
    seconds = sum(each["train_seconds"] for each in networks)
    evaluated = (results / "evaluation/metrics.json").stat().st_mtime
    newer = any(file.stat().st_mtime > evaluated for file in files)
    return Run(results, _settings(folder, networks), metrics, seconds, newer)


def _not_evaluated(folder: ResultsFolder) -> SignfoldError:
    root, folds = folder.root, folder.folds
    if not any((root / name).exists() for name in ("index.parquet", "folds", "models")):
        return SignfoldError(f"{root}: no results of a run: no index, no folds, no models; name one as results/demo")
    trained = sum(any((root / "models" / fold).glob("*/seed-*/metrics.json")) for fold in folds)
    return folder.missing(f"{root}: incomplete: not evaluated; networks of {trained} of {len(folds)} folds are trained")


def _settings(folder: ResultsFolder, networks: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Return what the files were made with, and what else the training time depends on, by name."""
    values: dict[str, set[str]] = {}

    def add(name: str, value: Any) -> None:
        values.setdefault(name, set()).add(value if isinstance(value, str) else shown(value).replace('"', ""))

    for _, section, options in stated_in(folder):
        for key, value in options.items():
            add(f"{section}.{key}", value)
    metrics = folder.metrics or {}
    add("streams", metrics["streams"])
    add("seeds", folder.seeds)
    add("seed", min(each.get("seed", 0) for each in networks))
    add("pretrain", (metrics.get("pretrained") or {}).get("datasets") or None)
    add("evaluation.confidence", metrics["interval"]["confidence"])
    if len(metrics["streams"]) > 1:
        add("evaluation.fusion", metrics.get("fusion") or "validation")
    for each in networks:
        for key, name in (("device", "device"), ("threads", "threads"), ("precision", "products")):
            if key in each:
                add(name, each[key])
    return {name: tuple(sorted(found, key=fold_order)) for name, found in values.items()}


def compared(runs: Sequence[Run]) -> list[Row]:
    """Return each run beside the first."""
    first = runs[0]
    names = dict.fromkeys(name for run in runs for name in run.settings)
    differing = [name for name in names if len({run.settings.get(name) for run in runs}) > 1]
    rows = []
    for run in runs:
        told = differing if run is first else [n for n in differing if run.settings.get(n) != first.settings.get(n)]
        text = "; ".join(_stated(run, name) for name in told)
        rows.append(Row(run, "" if run is first else _difference(first, run), text or "as the first"))
    return rows


def _stated(run: Run, name: str) -> str:
    return f"{name} {' / '.join(run.settings.get(name, ['not stated']))}"


def _difference(first: Run, run: Run) -> str:
    try:
        found = compare(first.results, run.results)
    except Incomparable as error:
        return error.reason
    gain = found.gain
    text = f"{100 * gain.value:+.1f} ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})"
    return f"{text}, on {len(found.clips)} clips of both" if found.only_a or found.only_b else text


def listing(runs: Sequence[Run], markdown: bool = False) -> list[str]:
    """Return the table of runs, and below it what its columns mean.

    Parameters
    ----------
    runs
        The runs, of which the first is the one that the others are compared with.
    markdown
        A table in Markdown, in the place of one with blanks.
    """
    cells = [HEADER, *(_cells(row) for row in compared(runs))]
    legend = _legend(runs)
    return [*_markdown(cells), "", *(f"- {line}" for line in legend)] if markdown else [*_aligned(cells), "", *legend]


def _cells(row: Row) -> tuple[str, ...]:
    metrics = row.run.metrics
    value, low, high = (f"{100 * metrics['top1'][key]:.1f}" for key in ("value", "low", "high"))
    own = (str(row.run.results), str(metrics["clips"]), f"{value} ({low} to {high})")
    return (*own, row.difference, duration(row.run.seconds), row.settings)


def _legend(runs: Sequence[Run]) -> list[str]:
    confidence = " or ".join(sorted({f"{run.metrics['interval']['confidence']:.0%}" for run in runs}))
    unit = " or ".join(sorted({f"{run.metrics['interval']['unit']}s" for run in runs}))
    first = runs[0].results
    lines = [
        f"top-1: percent, with its {confidence} interval over {unit}",
        f"difference: points more than {first} on the same clips, paired, with its 95% interval (`signfold compare`)",
        "training: of all folds' networks, one after the other",
        "settings: those that differ between these runs; after the first row, where they differ from it",
    ]
    if any(run.metrics["seeds"]["count"] > 1 for run in runs):
        lines.append("of several seeds, top-1 is the mean, and the difference is the first seed's")
    for run in runs:
        if several := [_stated(run, name) for name, values in run.settings.items() if len(values) > 1]:
            lines.append(f"{run.results}: its files were not all made alike: {'; '.join(several)}")
        if run.newer:
            what = "a network is newer than the evaluation, whose figures may be of an earlier one"
            lines.append(f"{run.results}: {what}; run snakemake again")
    return lines


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    safe = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in safe]
    return [lines[0], f"|{'---|' * len(rows[0])}", *lines[1:]]

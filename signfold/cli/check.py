"""What a configuration will do, said before anything runs: videos, classes × signers, what is left out, folds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from signfold.config import overview
from signfold.config.advice import check_dataset_is_named, overruled
from signfold.config.load import merged, read_config, resolved
from signfold.config.project import Dataset, Project
from signfold.config.yaml_file import read_yaml
from signfold.core.errors import SignfoldError
from signfold.core.text import counted, shortened
from signfold.dataset import spelling
from signfold.dataset.index import reasons
from signfold.dataset.listing import text_in_place_of_video
from signfold.dataset.manifest import natural, numbered
from signfold.folds.build import FoldPlan, assign_roles

# The table has so many classes and signers; so many folds, reasons and names are listed.
CLASSES, SIGNERS, LISTED = 12, 8, 10


def check(files: Sequence[Path], name: str | None = None) -> list[str]:
    """Return the lines that say what a run would work on.

    Parameters
    ----------
    files
        Configuration files, each laid over those before it.
    name
        A key of `datasets`; by default the configuration's `dataset`.

    Raises
    ------
    SignfoldError
        If anything would stop a run before its first job.
    """
    given: dict[str, Any] = {}
    for file in files:
        given = merged(given, read_yaml(file))
    config = resolved(read_config(*files), {})
    if name is None:
        check_dataset_is_named(given, config)
    project = Project(config)
    dataset = project.named(name or config["dataset"])
    _ = dataset.pretrain
    lines = overview.head(dataset)
    lines += [f"{dataset.name}: note: {line}" for line in overruled(given, config, dataset.name)]
    for title, part in [
        ("classes × signers, in clips", classes_by_signers(dataset)),
        ("left out", _first(reasons(dataset.index.excluded))),
        ("cannot be read", _first(unreadable(dataset))),
        ("folds: clips and signers of each role", roles(dataset)),
        ("cannot be learnt", unlearnable_lines(dataset)),
        ("spelt in several ways", spellings(dataset)),
        ("written to", written(dataset)),
    ]:
        lines += ["", title, *(f"  {line}" for line in part)] if part else []
    return lines


def classes_by_signers(dataset: Dataset) -> list[str]:
    """Return a table: the most frequent signers across, classes down, with their glosses."""
    samples = dataset.index.samples
    signers = Counter(sample.signer or "unknown" for sample in samples)
    shown = sorted([signer for signer, _ in signers.most_common(SIGNERS)], key=natural)
    counts = Counter((sample.label, sample.signer or "unknown") for sample in samples)
    sizes = Counter(sample.label for sample in samples)
    glosses = {sample.label: sample.gloss for sample in samples}
    labels = sorted(sizes, key=natural)
    rows = [["", *shown, *(["others"] if len(signers) > SIGNERS else []), "all", ""]]
    for label in labels[:CLASSES]:
        cells = [counts[label, signer] for signer in shown]
        others = [sizes[label] - sum(cells)] if len(signers) > SIGNERS else []
        rows.append([label, *(str(cell or "·") for cell in [*cells, *others]), str(sizes[label]), glosses[label] or ""])
    if len(labels) > CLASSES:
        rows.append([f"{len(labels) - CLASSES} more", *([""] * (len(rows[0]) - 1))])
    return _aligned(rows)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines: the first and last column to the left, the others to the right."""
    short = [[cell if len(cell) <= 24 else f"{cell[:23]}…" for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*short, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place in (0, len(row) - 1) else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in short
    ]


def roles(dataset: Dataset) -> list[str]:
    """Return for each fold how many clips and which signers train, validate and test."""
    samples, settings = dataset.index.samples, dataset.settings
    clips = numbered(pd.DataFrame([vars(sample) for sample in samples], index=[s.sample_id for s in samples]))
    clips["take"] = range(len(clips))
    lines = []
    for name in dataset.folds[:LISTED]:
        plan = FoldPlan(name, tuple(dataset.folds), settings.folds, settings.seed)
        found = assign_roles(clips, plan)
        parts = [f"{role} {_people(clips[found == role])}" for role in ("train", "val", "test")]
        lines.append(f"{name:<8}  {'; '.join(parts)}")
    more = len(dataset.folds) - LISTED
    return [*lines, f"and {more} more"] if more > 0 else lines


def _people(clips: pd.DataFrame) -> str:
    if clips.empty:
        return "nobody"
    names = sorted(set(clips["signer"].dropna()), key=natural)
    return f"{len(clips)} ({shortened(names, 3)})" if names else str(len(clips))


def unlearnable_lines(dataset: Dataset) -> list[str]:
    """Return the classes that are tested and never learnt."""
    lines = []
    for why, labels in overview.unlearnable(dataset).items():
        listed = ", ".join(_first(sorted(labels, key=natural)))
        lines.append(f"{counted(len(labels), 'class', 'classes')} with {why}: {listed}")
    return lines


def spellings(dataset: Dataset) -> list[str]:
    """Return the near-equal names of signers and labels."""
    return _first(spelling.near_equal_lines(dataset.index.near_equal))


def unreadable(dataset: Dataset) -> list[str]:
    """Return the videos that will be set aside, as far as their first bytes tell.

    Raises
    ------
    SignfoldError
        If that is all of them.
    """
    if dataset.imported or dataset.truth:
        return []
    refused = []
    for sample in dataset.index.samples:
        try:
            reason = text_in_place_of_video(sample.path)
        except OSError as error:
            reason = f"cannot be read ({error.strerror})"
        if reason:
            refused.append((sample.path, reason.partition(" (it begins")[0]))
    if len(refused) == len(dataset.index.samples):
        raise SignfoldError(f"{dataset.source['root']}: no file is a video: {reasons(refused)[0]}")
    return reasons(refused)


def written(dataset: Dataset) -> list[str]:
    """Return the folders that a run writes to."""
    lines = [f"results/{dataset.name}: report.html, keypoints in {len(dataset.shards)} shards, tensors, models"]
    if not dataset.imported:
        lines.append(f"{dataset.config['cache']}: each extracted video, by its content")
    return [*lines, "`signfold plan` estimates time and disk"]


def _first(lines: Sequence[str]) -> list[str]:
    more = [f"and {len(lines) - LISTED} more"] if len(lines) > LISTED else []
    return [*lines[:LISTED], *more]

"""Which datasets a command's targets belong to, and whether these are there. Light: the Snakefile imports it."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import PurePosixPath

from signfold.config.load import run_name
from signfold.config.project import Project
from signfold.core.errors import SignfoldError
from signfold.core.text import did_you_mean

# What is made of one shard or of the index, before there are folds.
_BEFORE_FOLDS = {"videos", "keypoints", "tensors", "index.parquet", "index.excluded.csv", "items.parquet"}
_BEFORE_FOLDS |= {"manifest.parquet", "manifest.excluded.csv", "classes.csv", "duplicates.parquet", "pretrain"}


def wanted(project: Project, targets: Collection[str]) -> dict[str, bool]:
    """Return the datasets that targets belong to, and of each whether its folds are needed.

    Parameters
    ----------
    project
        The configured datasets.
    targets
        Files, as on Snakemake's command line; without any, the report of the configured dataset. Names of rules and
        files elsewhere say nothing.

    Raises
    ------
    SignfoldError
        If a target names a dataset or a fold that is not there, or one of the dataset whose further run this is.
    """
    found: dict[str, bool] = {}
    for target in targets:
        parts = PurePosixPath(target).parts
        if len(parts) > 2 and parts[0] == "results" and parts[1] != "cache":
            _check_dataset(project, target, parts[1])
            found[parts[1]] = found.get(parts[1], False) or parts[2] not in _BEFORE_FOLDS
            if fold := re.fullmatch(r"(fold-[0-9]+|official)(\..*)?", parts[3] if len(parts) > 3 else ""):
                _check_fold(project, target, parts[1], fold[1])
    if not targets or "all" in targets:
        found[project.config["dataset"]] = True
    return found


def _check_dataset(project: Project, target: str, name: str) -> None:
    known, run, built = list(project.config["datasets"]), project.config.get("run"), project.config["dataset"]
    if run is not None and run_name(name, run) == built:
        raise SignfoldError(
            f"{target}: with run: {run} the results of {name} are in results/{built}; name a file there, or leave "
            "`run` out"
        )
    if name not in known:
        hint = did_you_mean(name, known) or f"there are {', '.join(known)}"
        raise SignfoldError(f"{target}: no dataset {name!r} in the configuration; {hint}")


def _check_fold(project: Project, target: str, name: str, fold: str) -> None:
    folds = project[name].folds
    if fold not in folds:
        there = folds[0] if len(folds) == 1 else f"{folds[0]} to {folds[-1]}"
        raise SignfoldError(f"{target}: {name} has no {fold}; it has {there}")

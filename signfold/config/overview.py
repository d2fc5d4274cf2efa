"""What a run will work on, from names of files alone: three lines for its head. Light: the Snakefile imports it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from signfold.config.advice import check_dataset_is_named, overruled
from signfold.config.project import Dataset, Project
from signfold.config.targets import wanted
from signfold.core.errors import SignfoldError
from signfold.dataset.index import Sample, reasons

_NONE_VALIDATES = "folds: {val_fraction: 0}"


def introduction(
    project: Project, given: Mapping[str, Any], targets: Collection[str], until: Collection[str] = ()
) -> list[str]:
    """Return what a run says first of the datasets that its targets belong to.

    Parameters
    ----------
    project
        The configured datasets.
    given
        What the user's files and `--config` say.
    targets
        As on Snakemake's command line; none stands for the report of the configured dataset.
    until
        Rules at which the run ends: with any, a dataset need not be split.

    Raises
    ------
    SignfoldError
        If a target or dataset cannot be made, or it is not said which dataset to build.
    """
    named = wanted(project, targets)
    if not targets or "all" in targets:
        check_dataset_is_named(given, project.config)
        named[project.config["dataset"]] = True
    said = []
    for name, folds_needed in named.items():
        said += head(project[name], folds_needed and not until)
        said += [f"{name}: note: {line}" for line in overruled(given, project.config, name)]
    return said


def head(dataset: Dataset, folds_needed: bool = True) -> list[str]:
    """Return three lines: what is found, which folds there will be, what is written; and a line for each warning.

    Parameters
    ----------
    dataset
        A configured dataset.
    folds_needed
        Whether a dataset that cannot be split is an error.

    Raises
    ------
    SignfoldError
        If the dataset cannot be read, or not be split though its folds are needed.
    """
    try:
        check_classes(dataset)
        folds, shape = len(dataset.folds), describe_folds(dataset)
    except SignfoldError as error:
        if folds_needed:
            raise
        folds, shape = 0, f"none can be made: {error}"
    lines = [f"found: {describe_samples(dataset)}", f"folds: {shape}", f"writes: {describe_outputs(dataset, folds)}"]
    return [f"{dataset.name}: {line}" for line in [*lines, *(f"warning: {line}" for line in warnings(dataset))]]


def check_classes(dataset: Dataset) -> None:
    """Check that there are two classes at least.

    Raises
    ------
    SignfoldError
        If all clips are of one class.
    """
    labels = {sample.label for sample in dataset.index.samples}
    if len(labels) == 1:
        raise SignfoldError(
            f"one class only, {labels.pop()!r}; a recogniser needs two. Correct `match` or the labels' column of "
            f"datasets.{dataset.name}"
        )


def describe_samples(dataset: Dataset) -> str:
    """Return how many videos, classes and signers there are, and how much was left out."""
    samples, excluded = dataset.index.samples, dataset.index.excluded
    what = "clips" if dataset.imported else "videos"
    unknown = sum(sample.signer is None for sample in samples)
    signers = counted(len(dataset.index.signers), "signer")
    if unknown == len(samples):
        signers = "signers unknown"
    elif unknown:
        signers += f" (unknown for {unknown} {what})"
    labels = len({sample.label for sample in samples})
    text = f"{counted(len(samples), what[:-1])}, {counted(labels, 'class', 'classes')}, {signers}"
    return f"{text}; left out: {len(excluded)}, {reasons(excluded)[0]}" if excluded else f"{text}; nothing left out"


def describe_folds(dataset: Dataset) -> str:
    """Return how clips are set apart.

    Raises
    ------
    SignfoldError
        If the dataset cannot be split.
    """
    settings, samples = dataset.settings.folds, dataset.index.samples
    if settings.method == "official":
        parts = Counter(sample.split for sample in samples)
        return "the official split: " + ", ".join(f"{parts[part]} {part}" for part in ("train", "val", "test"))
    if settings.group == "signer" and all(sample.signer is not None for sample in samples):
        return f"{len(dataset.folds)}, no signer in two roles"
    why = "folds.group is sample" if settings.group == "sample" else "signers are unknown"
    return f"{len(dataset.folds)}; {why}, so that one person may be in training and test"


def describe_outputs(dataset: Dataset, folds: int) -> str:
    """Return what a whole run trains and writes."""
    settings = dataset.settings
    networks = folds * len(settings.streams) * settings.seeds
    parts = [counted(folds, "fold"), counted(len(settings.streams), "stream"), counted(settings.seeds, "seed")]
    final = ", and of all clips " + counted(len(list(dataset.final_models())), "network") if settings.final else ""
    return f"results/{dataset.name}/report.html, from {counted(networks, 'network')} ({' × '.join(parts)}){final}"


def warnings(dataset: Dataset) -> list[str]:
    """Return what a user should know before hours of work: classes that cannot be right, names that may be one."""
    said = [
        f"{counted(len(found), 'class', 'classes')} cannot be right: {why}, as {found[0]!r}"
        for why, found in unlearnable(dataset).items()
    ]
    said += few_to_train(dataset)
    for field, groups in dataset.index.near_equal.items():
        alike = " and ".join(map(repr, groups[0]))
        said.append(
            f"{counted(len(groups), field)} may be spelt in several ways, as {alike}; set "
            f"datasets.{dataset.name}.spellings to join or keep"
        )
    return said


def few_to_train(dataset: Dataset) -> list[str]:
    """Return what validation costs where few signers train: there it takes half of them, or nobody can be spared."""
    settings, signers = dataset.settings.folds, dataset.index.signers
    if settings.method == "official" or settings.group != "signer" or not settings.val_fraction or len(signers) < 2:
        return []
    training = len(signers) - -(-len(signers) // min(settings.k, len(signers)))
    if training > 2 or any(sample.signer is None for sample in dataset.index.samples):
        return []
    who = counted(len(signers), "signer")
    if training == 1:
        return [f"{who}: none can be spared for validation, and the last epoch is taken, as with {_NONE_VALIDATES}"]
    return [f"{who}: of two who train one validates; {_NONE_VALIDATES} trains on both and takes the last epoch"]


def unlearnable(dataset: Dataset) -> dict[str, list[str]]:
    """Return the classes that are tested and never learnt in one fold or in all, by why."""
    samples = dataset.index.samples
    if dataset.settings.folds.method == "official":
        parts = {(sample.label, sample.split) for sample in samples}
        absent = sorted(label for label, part in parts if part == "test" and (label, "train") not in parts)
        return {"in the test part and not in training": absent} if absent else {}
    single = sorted(_in_one_group(samples, by_signer=dataset.settings.folds.group == "signer"))
    sizes = Counter(sample.label for sample in samples) if single else Counter()
    alone = [label for label in single if sizes[label] == 1]
    others = [label for label in single if sizes[label] > 1]
    found = {"one clip, never learnt where it is tested": alone, "one signer, never learnt where tested": others}
    return {why: labels for why, labels in found.items() if labels}


def _in_one_group(samples: Iterable[Sample], by_signer: bool) -> set[str]:
    """Return the classes whose clips are all of one signer, or that have one clip alone."""
    first: dict[str, tuple[str, bool]] = {}
    several = set()
    for sample in samples:
        if sample.label not in several:
            known = by_signer and sample.signer is not None
            group = (sample.signer or "" if known else sample.sample_id, known)
            if first.setdefault(sample.label, group) != group:
                several.add(sample.label)
    return first.keys() - several


def counted(number: int, one: str, many: str = "") -> str:
    """Return "1 video" or "2,000 videos"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"

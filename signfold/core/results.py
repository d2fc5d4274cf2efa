"""Which files of a results folder belong to the last run: those of former shards and folds may lie beside them."""

from __future__ import annotations

import json
from pathlib import Path

from signfold.core.errors import SignfoldError

# What a clip does in a fold, beside `none`.
ROLES = ("train", "val", "test")

# What a clip does in a fold, beside `none`.
ROLES = ("train", "val", "test")


def shard_files(results: Path, folder: str, suffix: str) -> list[Path]:
    """Return the files of the present shards, in order of their names.

    Parameters
    ----------
    results
        `results/{dataset}`. Where there is no index yet, all files count.
    folder, suffix
        As `keypoints` and `.videos.parquet`.
    """
    there = sorted((results / folder).glob(f"[!.]*{suffix}"))
    index = results / "index.parquet"
    if not index.exists():
        return there
    # Here, because the Snakefile imports this module in every job.
    import pyarrow.parquet as pq

    shards = set(pq.read_table(index, columns=["shard"], partitioning=None)["shard"].to_pylist())
    return [path for path in there if path.name.removesuffix(suffix) in shards]


def frames_of(videos_file: Path) -> Path:
    """Return where the frames are of the videos that a shard's `keypoints/{shard}.videos.parquet` lists."""
    return videos_file.with_name(f"{videos_file.name.removesuffix('.videos.parquet')}.parquet")


def fold_order(name: str) -> tuple[int, str]:
    """Return a sorting key by which fold-2 comes before fold-10."""
    return len(name), name


def present_folds(results: Path) -> list[str]:
    """Return the names of the present folds, fold-2 before fold-10; where there is no audit yet, all that are there."""
    audit = results / "folds" / "audit.json"
    if audit.exists():
        names = list(json.loads(audit.read_text(encoding="utf-8"))["folds"])
    else:
        names = [path.stem for path in (results / "folds").glob("[!.]*.parquet")]
    return sorted(names, key=fold_order)


def how_to_run(results: Path) -> str:
    """Return the words that tell a user how to make what is missing in `results/{dataset}`."""
    return f"run `snakemake --cores all {results}/report.html` first, with the --configfile of that run if it had one"


def seed_folder(stream: Path, number: int) -> Path:
    """Return the folder of a seed's network below its stream's, `models/{fold}/{stream}`."""
    return stream / f"seed-{number}"


def present_models(results: Path, number: int = 1) -> list[Path]:
    """Return the folders of a seed's present models, fold by fold; before the evaluation, all that are there.

    Parameters
    ----------
    results
        `results/{dataset}`.
    number
        Of the seed, from 1. `seeds` says how many there are.
    """
    metrics = results / "evaluation" / "metrics.json"
    if metrics.exists():
        about = json.loads(metrics.read_text(encoding="utf-8"))
        there = [results / "models" / fold / stream for fold in about["folds"] for stream in about["streams"]]
    else:
        there = sorted(path.parent.parent for path in (results / "models").glob(f"*/*/seed-{number}/model.safetensors"))
    return [found for folder in there if (found := seed_folder(folder, number)).is_dir()]


def present_seeds(results: Path) -> int:
    """Return how many networks of the last run there are for each fold and stream; before the evaluation, 1."""
    metrics = results / "evaluation" / "metrics.json"
    return json.loads(metrics.read_text(encoding="utf-8"))["seeds"]["count"] if metrics.exists() else 1


def model_folder(dataset: str, fold: str, stream: str, number: int) -> str:
    """Return the folder of a network: of a dataset, a fold, a stream, and a seed's number from 1."""
    return f"results/{dataset}/models/{fold}/{stream}/seed-{number}"


def headline(results: Path) -> list[str]:
    """Return where the report is, and top-1 with its interval: what a run ends with.

    Raises
    ------
    SignfoldError
        If nothing has been evaluated there yet.
    """
    file = results / "evaluation" / "metrics.json"
    if not file.is_file():
        raise SignfoldError(f"{file}: no such file; run `snakemake --cores all {results}/report.html` first")
    metrics = json.loads(file.read_text(encoding="utf-8"))
    top1, confidence = metrics["top1"], metrics["interval"]["confidence"]
    interval = f"{confidence:.0%} interval {top1['low']:.1%} to {top1['high']:.1%}"
    return [
        f"report: {results / 'report.html'}",
        f"top-1 {top1['value']:.1%} ({interval}); {metrics['protocol']}",
    ]

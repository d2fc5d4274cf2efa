"""A results folder, `results/{dataset}`: which of its files belong to the last run, and how to make what is missing."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signfold.core.errors import SignfoldError

# What a clip does in a fold, beside `none`.
ROLES = ("train", "val", "test")
# Below the results folder: the networks that are trained on all clips.
FINAL = "models/final"


def fold_order(name: str) -> tuple[int, str]:
    """Return a sorting key by which fold-2 comes before fold-10."""
    return len(name), name


def frames_of(videos_file: Path) -> Path:
    """Return the file of frames that belongs to a shard's `keypoints/{shard}.videos.parquet`."""
    return videos_file.with_name(f"{videos_file.name.removesuffix('.videos.parquet')}.parquet")


def seed_folder(stream: Path, number: int) -> Path:
    """Return the folder of a seed's network below its stream's, `models/{fold}/{stream}`."""
    return stream / f"seed-{number}"


def final_folder(dataset: str, stream: str, number: int) -> str:
    """Return the folder of a network that is trained on all clips: of a dataset, a stream, and a seed's number."""
    return f"results/{dataset}/{FINAL}/{stream}/seed-{number}"


def model_folder(dataset: str, fold: str, stream: str, number: int) -> str:
    """Return the folder of a network: of a dataset, a fold, a stream, and a seed's number from 1."""
    return f"results/{dataset}/models/{fold}/{stream}/seed-{number}"


def median_epoch(chosen: Iterable[int]) -> int:
    """Return the median of the epochs that the folds' networks are of; between two, the earlier."""
    return statistics.median_low(chosen)


@dataclass(frozen=True)
class ResultsFolder:
    """A results folder. Files of former shards, folds and seeds may lie beside the last run's.

    Parameters
    ----------
    root
        `results/{dataset}`.
    """

    root: Path

    def missing(self, what: str, target: str = "report.html") -> SignfoldError:
        """Return the error that something is not there, which says how to make it.

        Parameters
        ----------
        what
            What is missing.
        target
            The file below the folder that makes it.
        """
        command = f"snakemake --cores all {self.root / target}"
        return SignfoldError(f"{what}; run `{command}` first, with that run's --configfile and --config, if any")

    @property
    def metrics(self) -> dict[str, Any] | None:
        """The evaluation's `metrics.json`; None before the evaluation."""
        return self._json("evaluation/metrics.json", "folds", "streams", "seeds")

    @property
    def folds(self) -> list[str]:
        """The names of the last run's folds, fold-2 before fold-10; before the audit, all that are there."""
        audit = self._json("folds/audit.json", "folds")
        names = [path.stem for path in (self.root / "folds").glob("[!.]*.parquet")] if audit is None else audit["folds"]
        return sorted(names, key=fold_order)

    @property
    def seeds(self) -> int:
        """The number of networks for each fold and stream; 1 before the evaluation."""
        metrics = self.metrics
        return 1 if metrics is None else metrics["seeds"]["count"]

    def models(self, number: int = 1) -> list[Path]:
        """Return the folders of a seed's networks, fold by fold; before the evaluation, all that are there.

        Parameters
        ----------
        number
            Number of the seed, from 1.
        """
        metrics = self.metrics
        models = self.root / "models"
        if metrics is None:
            streams = sorted(path.parents[1] for path in models.glob(f"*/*/seed-{number}/model.safetensors"))
        else:
            streams = [models / fold / stream for fold in metrics["folds"] for stream in metrics["streams"]]
        return [folder for stream in streams if (folder := seed_folder(stream, number)).is_dir()]

    def final_folders(self) -> list[Path]:
        """Return the folders that networks trained on all clips are in, or would be; none before the evaluation."""
        metrics = self.metrics or {"streams": []}
        streams = [self.root / FINAL / stream for stream in metrics["streams"]]
        return [seed_folder(stream, number) for number in range(1, self.seeds + 1) for stream in streams]

    def final_models(self) -> list[Path]:
        """Return those of `final_folders` in which there is a network."""
        return [folder for folder in self.final_folders() if (folder / "model.safetensors").is_file()]

    def chosen_epochs(self, stream: str) -> int:
        """Return the median over folds and seeds of the epoch that a stream's networks are of."""
        from signfold.core.files import read_json

        folders = [folder for number in range(1, self.seeds + 1) for folder in self.models(number)]
        files = [folder / "metrics.json" for folder in folders if folder.parent.name == stream]
        return median_epoch(read_json(file, "best_epoch")["best_epoch"] for file in files)

    def shard_files(self, folder: str, suffix: str) -> list[Path]:
        """Return the files of the last run's shards, in order of their names; before the index, all that are there.

        Parameters
        ----------
        folder, suffix
            Such as `keypoints` and `.videos.parquet`.
        """
        there = sorted((self.root / folder).glob(f"[!.]*{suffix}"))
        index = self.root / "index.parquet"
        if not index.exists():
            return there
        # Here, because the Snakefile imports this module in every job.
        from signfold.core.files import read_parquet

        shards = set(read_parquet(index, ["shard"])["shard"].to_pylist())
        return [path for path in there if path.name.removesuffix(suffix) in shards]

    def headline(self) -> list[str]:
        """Return where the report is, and top-1 with its interval: what a run ends with.

        Raises
        ------
        SignfoldError
            If nothing has been evaluated there yet.
        """
        metrics = self.metrics
        if metrics is None:
            raise self.missing(f"{self.root / 'evaluation' / 'metrics.json'}: no such file")
        top1, confidence = metrics["top1"], metrics["interval"]["confidence"]
        interval = f"{confidence:.0%} interval {top1['low']:.1%} to {top1['high']:.1%}"
        return [
            f"report: {self.root / 'report.html'}",
            f"top-1 {top1['value']:.1%} ({interval}); {metrics['protocol']}",
        ]

    def _json(self, name: str, *keys: str) -> dict[str, Any] | None:
        """Return a JSON file below the folder, which must have some keys; None where there is none."""
        # Here, because the Snakefile imports this module in every job, and `files` loads PyArrow.
        from signfold.core.files import read_json

        path = self.root / name
        return read_json(path, *keys) if path.exists() else None

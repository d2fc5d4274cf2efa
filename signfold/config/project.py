"""A project: all that the Snakefile asks of its datasets, from the configuration and the names of files alone.

Light: the Snakefile imports this module in every job. Each answer is computed once in a process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from signfold.config.load import dataset_of, dataset_settings
from signfold.config.pretrain_source import initial_weights, pretrain_settings
from signfold.core.errors import SignfoldError
from signfold.core.results import final_folder, model_folder
from signfold.core.settings import PretrainSettings, Settings
from signfold.core.text import shortened
from signfold.dataset import index, keypoint_files
from signfold.dataset.index import Index, Sample
from signfold.dataset.listing import files_below
from signfold.dataset.state import file_state, fingerprint, index_digest
from signfold.folds import names

Shards = dict[str, tuple[Sample, ...]]


class Dataset:
    """A configured dataset.

    Parameters
    ----------
    config
        The resolved configuration (`config.load.resolved`).
    name
        A key of `datasets`.
    """

    def __init__(self, config: Mapping[str, Any], name: str) -> None:
        self.config, self.name = config, name

    @cached_property
    def source(self) -> dict[str, Any]:
        """How the dataset is read: its preset with its own keys over it, but for its settings."""
        return {key: value for key, value in dataset_of(self.config, self.name).items() if key != "settings"}

    @cached_property
    def settings(self) -> Settings:
        """The settings that hold for the dataset."""
        return dataset_settings(self.config, self.name)

    @cached_property
    def plain(self) -> dict[str, Any]:
        """The settings as Snakemake keeps them: mappings in a fixed order, numbers, texts, lists."""
        return _as_lists(asdict(self.settings))

    def section(self, key: str) -> Any:
        """Return a section or number of the settings."""
        return self.plain[key]

    @cached_property
    def imported(self) -> bool:
        """Whether keypoints are imported, not extracted."""
        return "keypoints" in self.source

    @property
    def import_settings(self) -> dict[str, Any]:
        """How imported keypoints are read."""
        return vars(keypoint_files.import_settings(self.source))

    @property
    def pictures(self) -> bool:
        """Whether the report has frames of videos: they are wanted, and there are videos."""
        return self.settings.report.pictures and not self.imported

    @property
    def keypoint_options(self) -> dict[str, Any]:
        """The options that the dataset's keypoints are to be made with, as their files' metadata name them."""
        if self.imported:
            return _as_lists(self.import_settings)
        return {key: value for key, value in self.plain["keypoints"].items() if key != "on_bad_video"}

    @property
    def truth(self) -> str | None:
        """The last file that rendering of a synthetic dataset writes; None for a real one."""
        return f"results/{self.name}/videos/truth.parquet" if "synth" in self.source else None

    @cached_property
    def index(self) -> Index:
        """The index, from file names and label tables."""
        return index.read_index(self.source)

    @cached_property
    def shards(self) -> Shards:
        """The samples of each shard that has any, by the shard's name."""
        return index.by_shard(self.index, self.settings.shards)

    def samples(self, shard: str) -> tuple[Sample, ...]:
        """Return the samples of a shard.

        Raises
        ------
        SignfoldError
            If the dataset has no samples in such a shard.
        """
        if shard not in self.shards:
            known = shortened(list(self.shards), 10)
            raise SignfoldError(f"{self.name} has no clips in a shard {shard!r}; it has shards {known}")
        return self.shards[shard]

    def shard_state(self, shard: str) -> str:
        """Return a digest of which videos a shard has and of their state: extraction depends on it."""
        return fingerprint(self.samples(shard), self.source)

    @cached_property
    def index_state(self) -> str:
        """A digest of all that the index says: the index file depends on it."""
        return index_digest(self.index, *index.COLUMNS, excluded=True)

    @cached_property
    def class_state(self) -> str:
        """A digest of what decides what is learnt; glosses do not, so that a changed gloss does not train again."""
        return index_digest(self.index, "sample_id", "label", "signer", "split")

    @cached_property
    def folds(self) -> list[str]:
        """The names of the folds, from the signers.

        Raises
        ------
        SignfoldError
            If the dataset cannot be split as the settings say.
        """
        signers = [sample.signer for sample in self.index.samples]
        names.check_splittable(signers, (sample.split for sample in self.index.samples), self.settings.folds)
        return names.fold_names(names.count_groups(signers, self.settings.folds), self.settings.folds)

    @cached_property
    def pretrain(self) -> PretrainSettings:
        """Where the networks start from."""
        return pretrain_settings(self.config, self.name)

    def initial_weights(self, stream: str) -> str | None:
        """Return the file that networks of a stream start from; None for random weights."""
        return initial_weights(self.pretrain, stream)

    def models(self, fold: str | None = None) -> Iterator[str]:
        """Yield the folders of all networks, or of one fold's: seed by seed, fold by fold, stream by stream."""
        for number in range(1, self.settings.seeds + 1):
            for name in self.folds if fold is None else [fold]:
                for stream in self.settings.streams:
                    yield model_folder(self.name, name, stream, number)

    def final_models(self) -> Iterator[str]:
        """Yield the folders of the networks that are trained on all clips: seed by seed, stream by stream."""
        for number in range(1, self.settings.seeds + 1):
            for stream in self.settings.streams:
                yield final_folder(self.name, stream, number)


class Project:
    """The datasets of a configuration, by name.

    Parameters
    ----------
    config
        The resolved configuration (`config.load.resolved`).
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config
        self._datasets = {name: Dataset(config, name) for name in config["datasets"]}

    def __getitem__(self, name: str) -> Dataset:
        return self._datasets[name]

    def named(self, name: str) -> Dataset:
        """Return a dataset.

        Raises
        ------
        SignfoldError
            If there is none of this name.
        """
        dataset_of(self.config, name)
        return self._datasets[name]

    def imported(self, wanted: bool) -> list[str]:
        """Return the datasets whose keypoints are imported, or those whose keypoints are extracted."""
        return [name for name, dataset in self._datasets.items() if dataset.imported == wanted]

    def check_pretraining(self) -> None:
        """Check where networks start from: the configured dataset's, and those of datasets that say so themselves.

        Raises
        ------
        SignfoldError
            If a source does not fit.
        """
        for name, about in self.config["datasets"].items():
            if name == self.config["dataset"] or "pretrain" in (about.get("settings") or {}):
                _ = self[name].pretrain

    def new_clips(self) -> dict[str, list[tuple[str, str]]]:
        """Return the folder to predict with its files and the state of each.

        Raises
        ------
        SignfoldError
            If the configuration names no folder with videos or keypoint files.
        """
        if not self.config["predict"]:
            raise SignfoldError("predict: no clips; give their folder: --config predict=FOLDER")
        folder = Path(self.config["predict"])
        if not folder.is_dir():
            raise SignfoldError(
                f"predict: {folder}: no such folder (looked for from {Path.cwd()}); give that of the clips"
            )
        suffixes = index.VIDEO_SUFFIXES | set(keypoint_files.SUFFIXES.values())
        names = [name for name in files_below(folder) if Path(name).suffix.lower() in suffixes]
        if not names:
            raise SignfoldError(f"predict: {folder}: no videos and no keypoints ({' '.join(sorted(suffixes))})")
        return {str(folder): [(name, file_state(str(folder / name))) for name in names]}


def _as_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_lists(inner) for key, inner in value.items()}
    return [_as_lists(inner) for inner in value] if isinstance(value, list | tuple) else value

"""Recognise the signs in new videos with the networks of all folds together."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch.nn import Module
from tqdm import tqdm

from signfold.core import versions
from signfold.core.clip import Extraction, Floats, empty_keypoints
from signfold.core.errors import CannotWrite, SignfoldError
from signfold.core.files import damaged, read_metadata
from signfold.core.made_with import check_made_with, keypoint_options
from signfold.core.results import ResultsFolder, seed_folder
from signfold.core.settings import KeypointSettings, TensorSettings, settings_of_file
from signfold.core.tables import read_csv_texts, write_csv
from signfold.dataset import index
from signfold.dataset.listing import files_below, list_files
from signfold.evaluation.calibration import at_temperature
from signfold.evaluation.fusion import fuse
from signfold.keypoints.cache import Cache, file_digest
from signfold.keypoints.extract import holistic_of
from signfold.models.io import load_model, predict_logits
from signfold.tensors.build import clip_tensor

BEST = 5
METRICS = Path("evaluation", "metrics.json")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ensemble:
    """The networks of a dataset's folds and streams.

    Parameters
    ----------
    networks
        (network, its metadata) by fold and number of the seed, then stream.
    labels, glosses
        K of each, by class id.
    fusion
        The weight of each stream, by fold and number of the seed.
    temperature
        The temperature that calibrates the fused probabilities, by fold and number of the seed; None where the run had
        no validation clips to fit one.
    """

    networks: Mapping[tuple[str, int], Mapping[str, tuple[Module, dict[str, Any]]]]
    labels: Sequence[str]
    glosses: Sequence[str]
    fusion: Mapping[tuple[str, int], Mapping[str, float]]
    temperature: Mapping[tuple[str, int], float | None]

    @property
    def tensors(self) -> TensorSettings:
        """How clips must be brought to tensors."""
        streams = next(iter(self.networks.values()))
        made = next(iter(streams.values()))[1]["tensors"]
        return settings_of_file(TensorSettings, made.get("settings"), "model.safetensors")

    @property
    def keypoints(self) -> dict[str, Any]:
        """Options of the configuration that the keypoints behind the networks were extracted with."""
        streams = next(iter(self.networks.values()))
        made = next(iter(streams.values()))[1]["tensors"].get("keypoints") or {}
        known = {field.name for field in fields(KeypointSettings)}
        return {key: value for key, value in made.items() if key in known}

    def probabilities(self, tensor: Floats) -> Floats:
        """Return (K,) probabilities of a clip's (C, T, V) tensor.

        Streams are fused and calibrated as in the evaluation; folds and seeds are averaged.
        """
        found = []
        for key, streams in self.networks.items():
            logits = {stream: predict_logits(*network, tensor[None]) for stream, network in streams.items()}
            fused, temperature = fuse(logits, self.fusion[key]), self.temperature[key]
            found.append(at_temperature(fused, temperature) if temperature else fused)
        return np.mean(found, axis=0)[0]


def extraction_settings(results: Path) -> KeypointSettings:
    """Return how the run extracted keypoints, as its files say.

    Raises
    ------
    SignfoldError
        If the run has not come to its end, or its keypoints were imported.
    """
    folder = ResultsFolder(results)
    shards = folder.shard_files("keypoints", ".videos.parquet")
    if not shards or folder.metrics is None:
        raise folder.missing(f"{results}: no finished run")
    about = read_metadata(shards[0])
    if "options" not in about:
        raise SignfoldError(f"{results}: its keypoints were imported; videos need a run on videos")
    known = {field.name for field in fields(KeypointSettings)}
    options = {key: value for key, value in keypoint_options(about).items() if key in known}
    return settings_of_file(KeypointSettings, options, shards[0])


def load_ensemble(results: Path) -> Ensemble:
    """Load the networks that are under `results/{dataset}/models`, and the weights that their streams are fused with.

    Raises
    ------
    SignfoldError
        If the run has not come to its end, one of the networks that were evaluated is missing or damaged, or they do
        not know the same classes or tensors.
    """
    folder = ResultsFolder(results)
    summary = folder.metrics
    if summary is None:
        raise folder.missing(f"{results}: no trained networks")
    if summary.get("version") != versions.EVALUATE:
        raise folder.missing(f"{results / METRICS}: of another version of signfold")
    networks: dict[tuple[str, int], dict[str, tuple[Module, dict[str, Any]]]] = {}
    for number in range(1, summary["seeds"]["count"] + 1):
        for fold in summary["folds"]:
            models = {stream: seed_folder(results / "models" / fold / stream, number) for stream in summary["streams"]}
            networks[fold, number] = {stream: load_model(_there(model, folder)) for stream, model in models.items()}
    metadata = [about for streams in networks.values() for _, about in streams.values()]
    for key in ("classes", "tensors"):
        if any(about[key] != metadata[0][key] for about in metadata):
            raise SignfoldError(f"{results}/models: the networks differ in their {key}; run the workflow to its end")
    labels = metadata[0]["classes"]
    fusion, temperature = (
        {(fold, number): summary[key][number - 1][fold] for fold, number in networks}
        for key in ("fusion_by_fold", "temperature_by_fold")
    )
    return Ensemble(networks, labels, _glosses(results / "classes.csv", labels), fusion, temperature)


def _there(model: Path, folder: ResultsFolder) -> Path:
    """Return the folder of a network that was evaluated; all of them predict together, so none may be missing."""
    if not (model / "model.safetensors").is_file():
        evaluation = folder.root / METRICS
        raise folder.missing(f"{model / 'model.safetensors'}: no such file, but {evaluation} was measured with it")
    return model


def _glosses(file: Path, labels: Sequence[str]) -> list[str]:
    """Return the gloss of each label, or the label itself."""
    if not file.is_file():
        return list(labels)
    try:
        table = read_csv_texts(file)
        known = dict(zip(table["label"], table["gloss"], strict=True))
    except (ValueError, KeyError) as error:  # what pandas raises for a damaged table is a ValueError
        raise damaged(file, f"not a table of labels and glosses ({error})") from None
    return [known.get(label) or label for label in labels]


def videos_in(paths: Sequence[Path]) -> list[Path]:
    """Return the videos among files and below folders.

    Raises
    ------
    SignfoldError
        If there are none.
    """
    found: list[Path] = []
    for path in paths:
        found += [path / name for name in files_below(path)] if path.is_dir() else [path] if path.is_file() else []
    videos = [path for path in found if path.suffix.lower() in index.VIDEO_SUFFIXES]
    if not videos:
        raise SignfoldError(f"{', '.join(map(str, paths))}: no videos ({' '.join(sorted(index.VIDEO_SUFFIXES))})")
    return videos


def refused_in(paths: Sequence[Path]) -> list[tuple[Path, str]]:
    """Return what is no regular file among files and below folders, such as dead links, each with the reason."""
    found: list[tuple[Path, str]] = []
    for path in paths:
        if path.is_dir():
            found += [(path / name, reason) for name, reason in list_files(path).refused]
        elif not path.is_file():
            found.append((path, "not a regular file" if path.exists() else "no such file"))
    return found


def predict(results: Path, paths: Sequence[Path], out: Path, cache: Cache) -> pd.DataFrame:
    """Recognise the signs in videos, and write them as a table.

    Parameters
    ----------
    results
        `results/{dataset}` of a finished run.
    paths
        Videos, or folders of videos.
    out
        The CSV: video, status, label, gloss, probability, and `best`, the likeliest signs with their probabilities.
    cache
        Cache of extractions.

    Returns
    -------
    DataFrame
        What was written.

    Raises
    ------
    SignfoldError
        If there are no networks or no videos.
    """
    videos = videos_in(paths)
    keypoints, ensemble = extraction_settings(results), load_ensemble(results)
    check_made_with(results / "keypoints", vars(keypoints), ensemble.keypoints, "keypoints")
    rows = []
    for video in tqdm(videos, unit="video", desc="predict"):
        try:
            found = cache.extraction(video, file_digest(video)[0], holistic_of(keypoints))
        except CannotWrite:
            raise  # so it would be for each video that follows
        except (OSError, SignfoldError) as error:  # no permission, a file that changes: the others go on
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            found = Extraction(empty_keypoints(), "unreadable", reason)
        rows.append({"video": str(video), **_row(ensemble, found)})
    for path, reason in refused_in(paths):
        found = Extraction(empty_keypoints(), "unreadable", reason)
        rows.append({"video": str(path), **_row(ensemble, found)})
    table = pd.DataFrame(rows)
    write_csv(table, out)
    return table


def _row(ensemble: Ensemble, found: Extraction) -> dict[str, Any]:
    if found.status != "ok":
        return {"status": f"{found.status}: {found.error}", "label": "", "gloss": "", "probability": None, "best": ""}
    tensor, _ = clip_tensor(found.keypoints, ensemble.tensors)
    probabilities = ensemble.probabilities(tensor)
    order = np.argsort(-probabilities, kind="stable")[:BEST]
    return {
        "status": "ok",
        "label": ensemble.labels[order[0]],
        "gloss": ensemble.glosses[order[0]],
        "probability": round(float(probabilities[order[0]]), 4),
        "best": "; ".join(f"{ensemble.glosses[k]} {probabilities[k]:.3f}" for k in order),
    }

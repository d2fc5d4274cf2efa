"""A model out of a results folder: the final network, or the networks of all folds together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean, median
from typing import Any

from signfold.core import versions
from signfold.core.errors import SignfoldError
from signfold.core.files import damaged, read_json, read_metadata
from signfold.core.results import FINAL, ResultsFolder, seed_folder
from signfold.core.settings import KeypointSettings, TensorSettings, settings_of_file
from signfold.core.tables import read_csv_texts
from signfold.dataset.keypoint_files import ImportSettings
from signfold.inference.model import Member, Model, Network
from signfold.models.io import load_model

# What an extraction's description has to be equal in, so that a model sees what it was trained on.
EXTRACTOR = ("extractor", "version", "mediapipe", "decoder", "models")
METRICS = Path("evaluation", "metrics.json")


def load_results(results: Path, ensemble: bool | None = None) -> Model:
    """Load the networks of a finished run, and the weights that their streams are fused with.

    Parameters
    ----------
    results
        `results/{dataset}`.
    ensemble
        True: the networks of all folds, whose probabilities are averaged. False: the final network, one for each
        stream and seed. None: the final network where there is one, else those of the folds.

    Raises
    ------
    SignfoldError
        If the run has not come to its end, a network is missing, damaged or of an earlier run, or networks do not know
        the same classes or tensors.
    """
    folder = ResultsFolder(results)
    summary = folder.metrics
    if summary is None:
        raise folder.missing(f"{results}: no trained networks")
    if summary.get("version") != versions.EVALUATE:
        raise folder.missing(f"{results / METRICS}: of another version of signfold")
    if ensemble is None:
        ensemble = not folder.final_models()
    members = dict(_folds(folder, summary) if ensemble else _final(folder, summary))
    labels = check_alike(results / "models", members)
    return Model(
        name=results.resolve().name,
        members=members,
        labels=labels,
        glosses=_glosses(results / "classes.csv", labels),
        threshold=float(summary.get("threshold", 0.0)),
        extractor=_extractor(folder),
        metrics=summary,
    )


def check_alike(path: str | Path, members: Mapping[str, Member]) -> tuple[str, ...]:
    """Return the labels of the members' networks.

    Raises
    ------
    SignfoldError
        If they do not know the same classes or tensors, or their settings are none.
    """
    found = [network.metadata for member in members.values() for network in member.networks.values()]
    for key in ("classes", "tensors"):
        if any(about[key] != found[0][key] for about in found):
            raise SignfoldError(f"{path}: the networks differ in their {key}; run the workflow to its end")
    tensors = found[0]["tensors"]
    settings = settings_of_file(TensorSettings, tensors.get("settings"), path)
    for key in ("layout", "frames", "channels"):
        own = getattr(settings, key)
        if (list(own) if key == "channels" else own) != tensors[key]:
            raise damaged(path, f"networks for tensors of {key} {tensors[key]}, made with {key} {own}")
    made = tensors.get("keypoints") or {}
    if not isinstance(made, dict):
        raise damaged(path, f"its keypoints were made with {made!r}, expected options")
    known = {key: value for key, value in made.items() if key in KeypointSettings.__dataclass_fields__}
    settings_of_file(KeypointSettings, known, path)
    if "format" in made:
        settings_of_file(ImportSettings, made, path)
    return tuple(found[0]["classes"])


def _folds(folder: ResultsFolder, summary: Mapping[str, Any]) -> Iterator[tuple[str, Member]]:
    """Yield the member of each seed and fold, with its own fusion and temperature."""
    for number in range(1, summary["seeds"]["count"] + 1):
        for fold in summary["folds"]:
            networks = {}
            for stream in summary["streams"]:
                model = seed_folder(folder.root / "models" / fold / stream, number)
                networks[stream] = Network(*load_model(_there(model, folder)))
            fusion, temperature = (summary[f"{key}_by_fold"][number - 1][fold] for key in ("fusion", "temperature"))
            yield f"{fold}/seed-{number}", Member(networks, fusion, temperature)


def _final(folder: ResultsFolder, summary: Mapping[str, Any]) -> Iterator[tuple[str, Member]]:
    """Yield the member of each seed that was trained on all clips.

    Nobody is left to fit anything on, so its streams have the mean of the folds' weights, and its temperature is the
    median of the folds'.
    """
    there = folder.final_models()
    if lacking := [model for model in folder.final_folders() if model not in there]:
        raise folder.missing(
            f"{lacking[0] / 'model.safetensors'}: no such file, so there is no final network (--ensemble takes those "
            "of the folds)",
            f"{FINAL}.done",
        )
    weights = [fusion for seed in summary["fusion_by_fold"] for fusion in seed.values()]
    fusion = {stream: fmean(each[stream] for each in weights) for stream in summary["streams"]}
    known = [value for seed in summary["temperature_by_fold"] for value in seed.values() if value]
    for number in range(1, summary["seeds"]["count"] + 1):
        networks = {}
        for stream in summary["streams"]:
            model = seed_folder(folder.root / FINAL / stream, number)
            _check_epochs(folder, model, stream)
            networks[stream] = Network(*load_model(model))
        yield f"all/seed-{number}", Member(networks, fusion, median(known) if known else None)


def _check_epochs(folder: ResultsFolder, model: Path, stream: str) -> None:
    """Check that a final network was trained for as long as the folds' networks that are there now chose."""
    trained = read_json(model / "metrics.json", "epochs")["epochs"]
    if trained != (chosen := folder.chosen_epochs(stream)):
        raise folder.missing(
            f"{model}: trained for {trained} epochs, but the folds chose {chosen}: it is of an earlier run",
            f"{FINAL}.done",
        )


def _there(model: Path, folder: ResultsFolder) -> Path:
    """Return the folder of a network that was evaluated; all of them predict together, so none may be missing."""
    if not (model / "model.safetensors").is_file():
        evaluation = folder.root / METRICS
        raise folder.missing(f"{model / 'model.safetensors'}: no such file, but {evaluation} was measured with it")
    return model


def _extractor(folder: ResultsFolder) -> dict[str, Any]:
    """Return what extracted the run's keypoints, as their files say; empty where they are not there."""
    shards = folder.shard_files("keypoints", ".videos.parquet")
    about = read_metadata(shards[0]) if shards else {}
    return {key: about[key] for key in EXTRACTOR if key in about}


def _glosses(file: Path, labels: tuple[str, ...]) -> tuple[str, ...]:
    """Return the gloss of each label, or the label itself."""
    if not file.is_file():
        return labels
    try:
        table = read_csv_texts(file)
        known = dict(zip(table["label"], table["gloss"], strict=True))
    except (ValueError, KeyError) as error:  # what pandas raises for a damaged table is a ValueError
        raise damaged(file, f"not a table of labels and glosses ({error})") from None
    return tuple(known.get(label) or label for label in labels)

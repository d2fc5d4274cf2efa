"""What a file was made with, as its metadata say, beside what the configuration asks for.

Snakemake reruns what a changed setting concerns only as long as its records in `.snakemake` are there. The files
themselves know better.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from signfold.core.errors import SignfoldError
from signfold.core.results import ResultsFolder

# Key of a shard's list of videos: the SHA-256 of the file with their frames. Tensors keep that of their keypoints.
FRAMES_SHA256 = "frames_sha256"


def keypoint_options(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a shard's keypoints were extracted or imported with, by its metadata."""
    options = dict(metadata.get("options") or {})
    return options | ({"max_seconds": metadata["max_seconds"]} if "max_seconds" in metadata else {})


def stated(stage: str, metadata: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the options that a file was made with, by section of the configuration.

    Parameters
    ----------
    stage
        What the file is of: keypoints, tensors, manifest, folds or models.
    metadata
        Metadata of a shard, of the items, or of a fold; for models, what `metrics.json` has.
    """
    if stage == "keypoints":
        return {"keypoints": keypoint_options(metadata)}
    settings = metadata.get("settings") or {}
    if stage == "models":
        return settings
    found = {stage: settings}
    return found | {"keypoints": metadata.get("keypoints") or {}} if stage == "tensors" else found


def stated_in(folder: ResultsFolder) -> Iterator[tuple[Path, str, dict[str, Any]]]:
    """Yield what a last run's files were made with: file, section of the configuration, options."""
    # Here, because the Snakefile imports this module in every job, and `files` loads PyArrow.
    from signfold.core.files import read_json, read_metadata

    root = folder.root
    tables = [(file, "keypoints") for file in folder.shard_files("keypoints", ".videos.parquet")]
    tables += [(file, "tensors") for file in folder.shard_files("tensors", ".parquet")]
    tables += [(root / "manifest.parquet", "manifest")]
    tables += [(root / "folds" / f"{name}.parquet", "folds") for name in folder.folds]
    made = [(file, stage, read_metadata(file)) for file, stage in tables if file.exists()]
    networks = [own / "metrics.json" for number in range(1, folder.seeds + 1) for own in folder.models(number)]
    made += [(file.parents[1], "models", read_json(file)) for file in networks if file.exists()]
    for file, stage, metadata in made:
        for section, options in stated(stage, metadata).items():
            yield file, section, options


def differences(made: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the options that a file has otherwise than asked for, or lacks: (found, asked) by name."""
    made, asked = _plain(made), _plain(asked)
    return {key: (made.get(key), asked[key]) for key in asked if made.get(key) != asked[key]}


def check_made_with(path: str | Path, made: Mapping[str, Any], asked: Mapping[str, Any], section: str) -> None:
    """Check that a file was made with the options that the configuration asks for.

    Parameters
    ----------
    path
        The file.
    made
        Options in its metadata.
    asked
        Options in the configuration; others of the file are passed over.
    section
        Section of the configuration, such as `keypoints`.

    Raises
    ------
    SignfoldError
        If an option differs.
    """
    for key, (found, wanted) in differences(made, asked).items():
        raise SignfoldError(
            f"{path}: made with {section}.{key} {shown(found)}, but the configuration says {shown(wanted)}; delete "
            f"the file and run again, or set {section}.{key} to {shown(found)}"
        )


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as they come back from JSON: lists for tuples."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(values), default=str))
    return plain


def shown(value: Any) -> str:
    """Return a value of an option as one writes it."""
    return json.dumps(value, ensure_ascii=False)

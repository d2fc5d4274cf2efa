"""The settings that the results were made with, read from the files, and where the configuration says otherwise."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signfold.core.files import read_metadata
from signfold.core.made_with import FRAMES_SHA256, differences, stated_in
from signfold.report.results import Results


@dataclass(frozen=True)
class Difference:
    """An option that a file was made with otherwise than the configuration says."""

    option: str
    file: Path
    found: Any
    asked: Any


def made_with(results: Results, config: Mapping[str, Any]) -> tuple[dict[str, Any], list[Difference]]:
    """Return the configuration as the files have it, and where they differ from it.

    Parameters
    ----------
    results
        The results folder.
    config
        The configuration, with its sections.

    Returns
    -------
    dict
        The configuration, with the values of the files in the place of those that differ.
    list of Difference
        One for each option, with the first file that differs.
    """
    shown, found = copy.deepcopy(dict(config)), {}
    for file, section, options in _stated(results):
        asked = {key: value for key, value in (config.get(section) or {}).items() if key in options}
        for key, (value, wanted) in differences(options, asked).items():
            if f"{section}.{key}" not in found:
                found[f"{section}.{key}"] = Difference(f"{section}.{key}", file, value, wanted)
                shown[section][key] = value
    return shown, list(found.values())


def _stated(results: Results) -> Iterator[tuple[Path, str, dict[str, Any]]]:
    """Yield what the files say: file, section of the configuration, options."""
    yield from stated_in(results.folder)
    if results.summary:
        confidence = {"confidence": results.summary["interval"]["confidence"]}
        yield results.root / "evaluation" / "metrics.json", "evaluation", confidence


def replaced(results: Results) -> list[Path]:
    """Return the keypoint files that are not those which the tensors were made of."""
    found = []
    for table in results.folder.shard_files("tensors", ".parquet"):
        videos = results.root / "keypoints" / f"{table.stem}.videos.parquet"
        if videos.exists() and read_metadata(table).get(FRAMES_SHA256) != read_metadata(videos).get(FRAMES_SHA256):
            found.append(videos)
    return found

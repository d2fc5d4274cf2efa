"""Results that Snakemake has lost its records of: whether they were made with the settings that are asked for.

Snakemake notices a changed setting by its records in `.snakemake`. Without them it takes every file for up to date.
Light: the Snakefile imports it; a file is read only where its record is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from signfold.config.project import Dataset
from signfold.core.errors import SignfoldError
from signfold.core.made_with import differences, shown, stated


def check_settings(dataset: Dataset, recorded: Callable[[str], bool]) -> None:
    """Check one file of each stage that Snakemake has no record of.

    Parameters
    ----------
    dataset
        A configured dataset.
    recorded
        Whether Snakemake has a record of a file that is there.

    Raises
    ------
    SignfoldError
        If such a file was made with other settings; the message has a line for each.
    """
    said: list[str] = []
    for stage, file in _first_files(dataset):
        if file.exists() and not recorded(str(file)):
            said += _differing(dataset, stage, file)
    if said:
        raise SignfoldError("\n".join(["Snakemake has lost its records (.snakemake), so this would stay:", *said]))


def _first_files(dataset: Dataset) -> Iterator[tuple[str, Path]]:
    """Yield for each stage a file that says what it was made with."""
    root, shard = Path("results", dataset.name), min(dataset.shards, default="0")
    yield "keypoints", root / f"keypoints/{shard}.videos.parquet"
    yield "tensors", root / f"tensors/{shard}.parquet"
    yield "manifest", root / "items.parquet"
    for stage, pattern in (("folds", "folds/[!.]*.parquet"), ("models", "models/*/*/*/metrics.json")):
        yield from ((stage, file) for file in sorted(root.glob(pattern))[:1])


def _differing(dataset: Dataset, stage: str, file: Path) -> Iterator[str]:
    from signfold.core.files import read_json, read_metadata  # loads pyarrow

    made: dict[str, Any] = read_json(file) if file.suffix == ".json" else read_metadata(file)
    delete = file if stage == "manifest" else Path(*file.parts[:3])
    for section, options in stated(stage, made).items():
        asked = dataset.keypoint_options if section == "keypoints" else dataset.section(section)
        asked = {key: value for key, value in asked.items() if key in options}
        for key, (found, wanted) in differences(options, asked).items():
            yield (
                f"  {file}: made with {section}.{key} {shown(found)}, but the configuration says {shown(wanted)}; "
                f"delete {delete} and run again, or set {section}.{key} to {shown(found)}"
            )

"""Results that Snakemake has lost its records of: whether they are of these videos and labels, with these settings.

Snakemake notices what has changed by its records in `.snakemake`. Without them it takes every file for up to date.
Light: the Snakefile imports it; a file is read only where its record is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from signfold.config.project import Dataset
from signfold.core.errors import SignfoldError
from signfold.core.made_with import differences, shown, stated
from signfold.core.results import frames_of
from signfold.dataset.index import COLUMNS


def check_unrecorded(dataset: Dataset, recorded: Callable[[str], bool]) -> None:
    """Check results of which Snakemake has no record at all.

    A killed run leaves single files without a record; Snakemake knows of these, and makes them again.

    Parameters
    ----------
    dataset
        A configured dataset.
    recorded
        Whether Snakemake has a record of a file that is there.

    Raises
    ------
    SignfoldError
        If they were made of other videos, labels or settings; the message has a line for each difference.
    """
    root = Path("results", dataset.name)
    index = root / "index.parquet"
    shards = {shard: root / f"keypoints/{shard}.videos.parquet" for shard in dataset.shards}
    stages = [(stage, file) for stage, file in _first_files(root, shards) if file.exists()]
    there = [file for file in (index, *shards.values()) if file.exists()]
    if any(recorded(str(file)) for file in (*there, *(file for _, file in stages))):
        return
    said = {stage: list(_differing(dataset, stage, file)) for stage, file in stages}
    said.setdefault("keypoints", []).extend(
        _replaced(dataset, {shard: shards[shard] for shard in shards if shards[shard] in there})
    )
    said["index"] = _relabelled(dataset, index) if index in there else []
    if found := [line for lines in said.values() for line in lines]:
        rules = " ".join(_rules(dataset, stage) for stage, lines in said.items() if lines)
        raise SignfoldError(
            "\n".join(["Snakemake has lost its records (.snakemake), so that this would stay:", *found])
            + f"\nTo make anew what it concerns, give the same command with --forcerun {rules} (and -- before a target)"
        )


def _rules(dataset: Dataset, stage: str) -> str:
    """Return the rules that make a stage's files, and all that follows from them."""
    rules = {"manifest": "items", "models": "train", "index": "index items"}
    return "import_keypoints" if stage == "keypoints" and dataset.imported else rules.get(stage, stage)


def _first_files(root: Path, shards: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    """Yield for each stage a file that says what it was made with."""
    for shard in list(shards)[:1]:
        yield "keypoints", shards[shard]
        yield "tensors", root / f"tensors/{shard}.parquet"
    yield "manifest", root / "items.parquet"
    for stage, pattern in (("folds", "folds/[!.]*.parquet"), ("models", "models/*/*/*/metrics.json")):
        yield from ((stage, file) for file in sorted(root.glob(pattern))[:1])


def _differing(dataset: Dataset, stage: str, file: Path) -> Iterator[str]:
    from signfold.core.files import read_json, read_metadata  # loads pyarrow

    made: dict[str, Any] = read_json(file) if file.suffix == ".json" else read_metadata(file)
    for section, options in stated(stage, made).items():
        asked = dataset.keypoint_options if section == "keypoints" else dataset.section(section)
        asked = {key: value for key, value in asked.items() if key in options}
        for key, (found, wanted) in differences(options, asked).items():
            yield f"  {file}: made with {section}.{key} {shown(found)}, but the configuration says {shown(wanted)}"


def _replaced(dataset: Dataset, shards: Mapping[str, Path]) -> Iterator[str]:
    """Yield a line for the shards whose videos are others now."""
    changed = {file: video for shard, file in shards.items() if (video := _other_video(dataset, shard, file))}
    for file in list(changed)[:1]:
        more = f"; so it is with {len(changed) - 1} more shards" if len(changed) > 1 else ""
        yield f"  {frames_of(file)}: {changed[file]} is not what it was made of{more}"


def _other_video(dataset: Dataset, shard: str, file: Path) -> str | None:
    """Return a sample of a shard that came, went or was replaced since its keypoints were made; None without any."""
    from signfold.core.files import file_sha256, read_parquet

    rows = read_parquet(file, ["sample_id", "sha256", "bytes"]).to_pylist()
    made, made_at = {row["sample_id"]: row for row in rows}, file.stat().st_mtime
    samples = {sample.sample_id: Path(sample.path) for sample in dataset.samples(shard)}
    if odd := sorted(made.keys() ^ samples.keys()):
        return odd[0]
    for name, path in samples.items():
        # Imports have other digests; clips that are to be rendered are not there yet.
        if dataset.imported or not path.exists():
            continue
        status, row = path.stat(), made[name]
        if status.st_size != row["bytes"] or (status.st_mtime > made_at and file_sha256(path) != row["sha256"]):
            return name
    return None


def _relabelled(dataset: Dataset, file: Path) -> list[str]:
    """Return a line if the index says something else now: a label, a signer, a split, a gloss or a path."""
    from signfold.core.files import read_parquet

    made = read_parquet(file, COLUMNS).to_pylist()
    now = [{field: getattr(sample, field) for field in COLUMNS} for sample in dataset.index.samples]
    first = next((one or other for one, other in zip_longest(made, now) if one != other), None)
    return [f"  {file}: {first['sample_id']} is another row now"] if first else []

"""Results without Snakemake's records that were made with other settings stop a run, in a line for each setting."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
import yaml
from paths import PROJECT

from signfold.config.load import merged, resolved
from signfold.config.lost_records import check_unrecorded
from signfold.config.project import Dataset, Project
from signfold.core.errors import SignfoldError
from signfold.core.files import write_json, write_parquet
from signfold.dataset.index_table import write_index

DEFAULT = yaml.safe_load((PROJECT / "config" / "config.yaml").read_text())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results of one shard, made with the default settings."""
    monkeypatch.chdir(tmp_path)
    for name in ("yes_ann", "no_ann", "yes_bob", "no_bob"):
        (tmp_path / "videos").mkdir(exist_ok=True)
        (tmp_path / "videos" / f"{name}.mp4").write_bytes(b"x")
    now = dataset()
    root = Path("results/mine")
    rows = [
        {"sample_id": path.stem, "sha256": hashlib.sha256(b"x").hexdigest(), "bytes": 1}
        for path in sorted(Path("videos").iterdir())
    ]
    tables = {
        "keypoints/0.videos": {"options": {**now.keypoint_options}, "max_seconds": now.keypoint_options["max_seconds"]},
        "tensors/0": {"settings": now.section("tensors"), "keypoints": now.keypoint_options},
        "items": {"settings": now.section("manifest")},
        "folds/fold-1": {"settings": now.section("folds")},
    }
    for name, metadata in tables.items():
        write_parquet(pa.Table.from_pylist(rows), root / f"{name}.parquet", metadata)
    write_index(now.index, 1, root / "index.parquet", root / "index.excluded.csv")
    made = {"settings": {"training": now.section("training"), "model": now.section("model")}}
    write_json(root / "models/fold-1/joint/seed-1/metrics.json", made)
    return root


def dataset(**settings: object) -> Dataset:
    own: dict[str, object] = {
        "root": "videos",
        "match": r"(?P<label>[a-z]+)_(?P<signer>[a-z]+)\.mp4$",
        "settings": {"shards": 1, **settings},
    }
    return Project(resolved(merged(DEFAULT, {"dataset": "mine", "datasets": {"mine": own}}), {}))["mine"]


def never(_: str) -> bool:
    return False


def test_files_made_as_asked_for_need_no_record(folder: Path) -> None:
    check_unrecorded(dataset(), never)


@pytest.mark.parametrize(
    ("changed", "files", "rules"),
    [
        ({"keypoints": {"max_seconds": 7}}, ["keypoints/0.videos.parquet", "tensors/0.parquet"], "keypoints tensors"),
        ({"tensors": {"frames": 9}}, ["tensors/0.parquet"], "tensors"),
        ({"manifest": {"min_hand_share": 0.7}}, ["items.parquet"], "items"),
        ({"folds": {"k": 2}}, ["folds/fold-1.parquet"], "folds"),
        ({"training": {"epochs": 3}}, ["models/fold-1/joint/seed-1/metrics.json"], "train"),
    ],
)
def test_each_file_that_was_made_otherwise_is_named(
    folder: Path, changed: dict[str, object], files: list[str], rules: str
) -> None:
    with pytest.raises(SignfoldError) as error:
        check_unrecorded(dataset(**changed), never)
    first, *lines, last = str(error.value).splitlines()
    assert "lost its records" in first
    ((section, options),) = changed.items()
    assert [line.split(":")[0] for line in lines] == [f"  results/mine/{name}" for name in files]
    for line in lines:
        ((key, value),) = options.items()
        assert f"made with {section}.{key} " in line
        assert f"the configuration says {value}" in line
    assert f"with --forcerun {rules} (" in last


def replace(video: Path) -> None:
    """Another content of the same size, with a later time."""
    video.write_bytes(b"y")
    os.utime(video, (4e9, 4e9))


@pytest.mark.parametrize(
    "change",
    [
        lambda video: video.write_bytes(b"longer"),
        replace,
        Path.unlink,
        lambda video: shutil.copy(video, "videos/no_cy.mp4"),
    ],
)
def test_a_video_that_came_went_or_was_replaced_is_named(folder: Path, change: Callable[[Path], object]) -> None:
    os.utime("videos/yes_bob.mp4", (4e9, 4e9))  # later than its keypoints, as after a copy of the dataset
    check_unrecorded(dataset(), never)
    change(Path("videos/yes_ann.mp4"))
    with pytest.raises(SignfoldError) as error:
        check_unrecorded(dataset(), never)
    name = "no_cy" if Path("videos/no_cy.mp4").exists() else "yes_ann"
    line = f"  results/mine/keypoints/0.parquet: {name} is not what it was made of"
    assert line in str(error.value).splitlines()
    assert "--forcerun keypoints" in str(error.value)


def test_a_label_that_has_changed_is_named(folder: Path) -> None:
    other = dataset()
    other.source["match"] = r"(?P<signer>[a-z]+)_(?P<label>[a-z]+)\.mp4$"
    with pytest.raises(
        SignfoldError, match=r"results/mine/index\.parquet: no_ann is another row now\n.* --forcerun index items "
    ):
        check_unrecorded(other, never)


def test_with_one_record_all_is_left_to_snakemake(folder: Path) -> None:
    """A killed run leaves files without a record, which Snakemake makes again."""
    check_unrecorded(dataset(tensors={"frames": 9}), lambda file: file == "results/mine/keypoints/0.videos.parquet")
    (folder / "tensors/0.parquet").unlink()
    check_unrecorded(dataset(tensors={"frames": 9}), never)

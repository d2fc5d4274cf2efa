"""What the Snakefile asks of its datasets, without Snakemake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from signfold.config.load import merged, resolved
from signfold.config.project import Project
from signfold.core.errors import SignfoldError

DEFAULT = yaml.safe_load((Path(__file__).parents[2] / "config" / "config.yaml").read_text())
MATCH = "(?P<label>[^/]+)/(?P<signer>[^_/]+)_[^/]*$"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for label in ("yes", "no"):
        for signer in ("ann", "bob", "cy"):
            file = tmp_path / "videos" / label / f"{signer}_1.mp4"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"video")
    return tmp_path / "videos"


def project(folder: Path, **changes: Any) -> Project:
    mine = {"root": str(folder), "match": MATCH, "settings": {"shards": 4, "folds": {"k": 2}}}
    config = merged(DEFAULT, {"dataset": "mine", "datasets": {"mine": mine}})
    return Project(resolved(merged(config, changes), {}))


def test_every_sample_is_in_one_shard(folder: Path) -> None:
    mine = project(folder)["mine"]
    names = [sample.sample_id for samples in mine.shards.values() for sample in samples]
    assert sorted(names) == [sample.sample_id for sample in mine.index.samples]
    assert len(names) == 6


def test_a_shard_without_samples_is_an_error_that_lists_the_others(folder: Path) -> None:
    mine = project(folder)["mine"]
    with pytest.raises(SignfoldError, match="mine has no clips in a shard '9'; it has shards 0"):
        mine.samples("9")


def test_a_changed_video_changes_the_state_of_its_shard_alone(folder: Path) -> None:
    before = {shard: project(folder)["mine"].shard_state(shard) for shard in project(folder)["mine"].shards}
    (folder / "yes" / "ann_1.mp4").write_bytes(b"another")
    after = project(folder)["mine"]
    changed = [shard for shard in before if after.shard_state(shard) != before[shard]]
    assert ["yes/ann_1" in [s.sample_id for s in after.samples(shard)] for shard in changed] == [True]


def test_a_gloss_changes_the_index_but_not_what_is_learnt(folder: Path) -> None:
    plain = project(folder)["mine"]
    glossed = project(folder, datasets={"mine": {"glosses": {"names": {"yes": "JA"}}}})["mine"]
    assert plain.class_state == glossed.class_state
    assert plain.index_state != glossed.index_state


def test_models_are_named_seed_by_seed_and_fold_by_fold(folder: Path) -> None:
    mine = project(folder, seeds=2, streams=["joint", "bone"])["mine"]
    found = list(mine.models())
    assert found[0] == "results/mine/models/fold-1/joint/seed-1"
    assert len(found) == len(set(found)) == 2 * 2 * 2
    assert list(mine.models("fold-2")) == [name for name in found if "/fold-2/" in name]


def test_networks_of_all_clips_are_one_for_each_stream_and_seed(folder: Path) -> None:
    mine = project(folder, seeds=2, streams=["joint", "bone"])["mine"]
    found = list(mine.final_models())
    assert found == [f"results/mine/models/final/{stream}/seed-{n}" for n in (1, 2) for stream in ("joint", "bone")]


def test_sections_are_plain_and_in_a_fixed_order_however_they_were_written(folder: Path) -> None:
    one = project(folder, tensors={"frames": 32, "layout": "hand_21"})["mine"].section("tensors")
    other = project(folder, tensors={"layout": "hand_21", "frames": 32.0})["mine"].section("tensors")
    assert list(one.items()) == list(other.items())
    assert repr(one) == repr(other)
    assert isinstance(one["channels"], list)


def test_datasets_of_videos_and_of_keypoints_are_told_by_the_key(folder: Path) -> None:
    found = project(folder, datasets={"theirs": {"root": str(folder), "keypoints": "npz", "fps": 25}})
    assert found.imported(True) == ["theirs"]
    assert found.imported(False) == ["demo", "mine"]
    assert found["theirs"].import_settings["fps"] == 25
    assert found["demo"].truth == "results/demo/videos/truth.parquet"
    assert found["mine"].truth is None


def test_only_sources_that_are_asked_for_must_fit(folder: Path) -> None:
    project(folder, datasets={"demo": {"settings": {"tensors": {"frames": 8}}}}).check_pretraining()
    asked = project(folder, datasets={"mine": {"settings": {"pretrain": {"dataset": "demo"}}}})
    with pytest.raises(SignfoldError, match=r"mine cannot start from demo: tensors\.frames is 32"):
        asked.check_pretraining()
    assert asked["demo"].initial_weights("joint") is None


def test_the_folder_to_predict_is_listed_with_its_files_times(folder: Path) -> None:
    with pytest.raises(SignfoldError, match="predict: no clips; give their folder"):
        project(folder).new_clips()
    listed = project(folder, predict=str(folder)).new_clips()
    assert next(name for name, _ in listed[str(folder)]) == "no/ann_1.mp4"
    (folder / "notes").mkdir()
    with pytest.raises(SignfoldError, match=r"notes: no videos and no keypoints \(\.3gp"):
        project(folder, predict=str(folder / "notes")).new_clips()
    with pytest.raises(SignfoldError, match="nowhere: no such folder"):
        project(folder, predict="nowhere").new_clips()


def test_the_report_has_pictures_where_they_are_wanted_and_there_are_videos(folder: Path) -> None:
    assert project(folder)["mine"].pictures
    assert not project(folder, report={"pictures": False})["mine"].pictures
    assert not project(folder, datasets={"mine": {"keypoints": "npz"}})["mine"].pictures

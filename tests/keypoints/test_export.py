"""Keypoints for other tools: what was detected and what was not comes through, and folds become splits."""

from __future__ import annotations

import csv
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from keypoint_files import assert_same, flat, invented, write_npz

from signfold.cli.main import main
from signfold.core.clip import PARTS, Extraction, Keypoints, ShardClip, read_clips, write_shard
from signfold.core.errors import SignfoldError
from signfold.core.files import write_parquet
from signfold.keypoints.export import to_pose, to_pyskl, usable_clips
from signfold.keypoints.import_files import import_folder

SIZE = (640, 360)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Five usable clips of two signs, and one without anybody."""
    clips = [invented(seed=seed) for seed in range(3)]
    write_npz(tmp_path / "in" / "good day.npz", clips)
    empty = np.zeros_like(flat(clips[0], (("pose", 4), ("left_hand", 3), ("right_hand", 3))))
    rest = [flat(invented(seed=seed), (("pose", 4), ("left_hand", 3), ("right_hand", 3))) for seed in (3, 4)]
    np.savez(tmp_path / "in" / "日本.npz", sequences=np.stack([*rest, empty]))
    keys = {"root": str(tmp_path / "in"), "keypoints": "npz", "match": r"(?P<label>[^/]+)\.npz$"}
    import_folder({**keys, "size": SIZE, "fps": 25}, tmp_path / "results")
    return tmp_path / "results"


def with_folds(results: Path) -> Path:
    """Two folds in which every clip but one is used, and a copy that balances classes."""
    names = ["good day/0", "good day/1", "good day/2", "日本/0"]
    for number, roles in enumerate((["train", "val", "test", "train"], ["test", "train", "train", "val"]), 1):
        rows: list[dict[str, Any]] = [
            {"sample_id": name, "source_id": name, "copy": 0, "class_id": int(name[0] != "g"), "role": role}
            for name, role in zip(names, roles, strict=True)
        ]
        rows.append({"sample_id": "日本/0#1", "source_id": "日本/0", "copy": 1, "class_id": 1, "role": "train"})
        write_parquet(pa.Table.from_pylist(rows), results / "folds" / f"fold-{number}.parquet")
    return results


def replace_shard(results: Path, clips: dict[str, Keypoints]) -> None:
    found = [ShardClip(name, None, 0, Extraction(clip)) for name, clip in clips.items()]
    write_shard(found, results / "keypoints" / "0.parquet", results / "keypoints" / "0.videos.parquet", {})


def keypoints_of(results: Path) -> dict[str, Keypoints]:
    return dict(read_clips(results / "keypoints" / "0.parquet"))


def test_pose_files_come_back_as_they_went(results: Path, tmp_path: Path) -> None:
    pytest.importorskip("pose_format", reason="pose-format is not installed")
    assert to_pose(results, tmp_path / "out") == 5
    back = tmp_path / "back"
    videos = import_folder(
        {"root": str(tmp_path / "out"), "keypoints": "pose", "labels": {"file": "labels.csv"}}, back
    ).to_pylist()
    before, after = keypoints_of(results), keypoints_of(back)
    assert set(after) == set(before) - {"日本/2"}
    for name, clip in after.items():
        assert_same(clip, before[name], tolerance=1e-6)
    assert {(row["width"], row["height"], row["fps"]) for row in videos} == {(*SIZE, 25.0)}


def test_the_table_beside_the_pose_files_says_who_signs_what(results: Path, tmp_path: Path) -> None:
    pytest.importorskip("pose_format", reason="pose-format is not installed")
    to_pose(results, tmp_path / "out")
    with (tmp_path / "out" / "labels.csv").open(newline="", encoding="utf-8") as stream:
        rows = {row["video"]: row["label"] for row in csv.DictReader(stream)}
    assert rows == {
        "good day/0": "good day",
        "good day/1": "good day",
        "good day/2": "good day",
        "日本/0": "日本",
        "日本/1": "日本",
    }
    assert all((tmp_path / "out" / f"{name}.pose").is_file() for name in rows)


def test_pose_format_itself_masks_what_was_not_detected(results: Path, tmp_path: Path) -> None:
    formats = pytest.importorskip("pose_format", reason="pose-format is not installed")
    to_pose(results, tmp_path / "out")
    pose = formats.Pose.read((tmp_path / "out" / "good day" / "1.pose").read_bytes())
    clip = keypoints_of(results)["good day/1"]
    points = np.concatenate([getattr(clip, part)[..., :3] for part in PARTS], axis=1)
    np.testing.assert_array_equal(np.ma.getmaskarray(pose.body.data)[:, 0, :, 0], np.isnan(points[..., 0]))
    np.testing.assert_allclose(pose.body.data[:, 0, 0, 1], points[:, 0, 1] * SIZE[1], rtol=1e-6)
    assert [component.name for component in pose.header.components] == [
        "POSE_LANDMARKS",
        "LEFT_HAND_LANDMARKS",
        "RIGHT_HAND_LANDMARKS",
    ]


def test_clips_export_to_the_same_bytes(results: Path, tmp_path: Path) -> None:
    with_folds(results)
    for name in ("a.pkl", "b.pkl"):
        to_pyskl(results, tmp_path / name)
    assert (tmp_path / "a.pkl").read_bytes() == (tmp_path / "b.pkl").read_bytes()


def test_pyskls_pickle_has_a_split_for_each_role_of_each_fold(results: Path, tmp_path: Path) -> None:
    assert to_pyskl(with_folds(results), tmp_path / "out.pkl") == 4
    # The test's own file: pickles of strangers are never read.
    loaded = pickle.loads((tmp_path / "out.pkl").read_bytes())
    assert set(loaded) == {"split", "annotations"}
    assert loaded["split"] == {
        "fold-1_train": ["good day/0", "日本/0"],
        "fold-1_val": ["good day/1"],
        "fold-1_test": ["good day/2"],
        "fold-2_train": ["good day/1", "good day/2"],
        "fold-2_val": ["日本/0"],
        "fold-2_test": ["good day/0"],
    }
    annotations = {annotation["frame_dir"]: annotation for annotation in loaded["annotations"]}
    assert {name: annotation["label"] for name, annotation in annotations.items()} == {
        "good day/0": 0,
        "good day/1": 0,
        "good day/2": 0,
        "日本/0": 1,
    }


def test_pyskls_annotations_are_in_pixels_and_missing_joints_have_no_score(results: Path, tmp_path: Path) -> None:
    to_pyskl(with_folds(results), tmp_path / "out.pkl")
    found = pickle.loads((tmp_path / "out.pkl").read_bytes())["annotations"][1]
    clip = keypoints_of(results)["good day/1"]
    assert (found["total_frames"], found["img_shape"], found["original_shape"]) == (12, (360, 640), (360, 640))
    assert (found["keypoint"].shape, found["keypoint_score"].shape) == ((1, 12, 75, 2), (1, 12, 75))
    missing = np.isnan(clip.left_hand[:, 0, 0])
    assert missing.any()
    left = slice(33, 54)
    assert (found["keypoint_score"][0, missing, left] == 0).all()
    assert (found["keypoint"][0, missing, left] == 0).all()
    assert (found["keypoint_score"][0, ~missing, left] == 1).all()
    np.testing.assert_allclose(found["keypoint"][0, ~missing, left], clip.left_hand[~missing, :, :2] * SIZE, rtol=1e-6)
    np.testing.assert_allclose(found["keypoint_score"][0, :, :33], clip.pose[..., 3])
    found["keypoint"] += 1  # pyskl changes them in place


def test_the_pickle_names_nothing_that_older_numpy_lacks(results: Path, tmp_path: Path) -> None:
    to_pyskl(with_folds(results), tmp_path / "out.pkl")
    assert b"numpy.core" not in (tmp_path / "out.pkl").read_bytes()
    assert b"numpy._core" not in (tmp_path / "out.pkl").read_bytes()


def test_without_a_frame_rate_the_times_tell_it(results: Path) -> None:
    clip = invented()
    times = np.array([0.0, 50.0, 100.0])
    short = Keypoints(times, clip.pose[:3], clip.left_hand[:3], clip.right_hand[:3])
    (results / "index.parquet").unlink()
    replace_shard(results, {"even": short, "still": short[:1], "known": replace(short, fps=24.0)})
    assert [clip.fps for _, clip in usable_clips(results)] == [20.0, 30.0, 24.0]


def test_a_name_cannot_lead_out_of_the_folder(results: Path, tmp_path: Path) -> None:
    pytest.importorskip("pose_format", reason="pose-format is not installed")
    replace_shard(results, {"../../x": invented()})
    with pytest.raises(SignfoldError, match=r"'\.\./\.\./x' leads out of"):
        to_pose(results, tmp_path / "deep" / "er")


def test_the_command_says_what_is_missing(results: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    said = run(main, ["export", str(results), str(tmp_path / "x.pkl"), "--format", "pyskl"])
    assert (said.exit_code, "no folds; run `snakemake" in said.output) == (1, True)
    said = run(main, ["export", str(tmp_path / "in"), str(tmp_path / "x"), "--format", "pose"])
    assert said.exit_code == 1
    with_folds(results)
    said = run(main, ["export", str(results), str(tmp_path / "x.pkl"), "--format", "pyskl"])
    assert (said.exit_code, said.output.startswith("4 clips")) == (0, True)

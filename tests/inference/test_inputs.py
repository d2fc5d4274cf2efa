"""What is recognised among files and folders, and what is named as something else."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from keypoint_files import VALUES_258, flat, invented, write_kaggle, write_npz

from signfold.core.errors import SignfoldError
from signfold.dataset.keypoint_files import ImportSettings
from signfold.inference.inputs import Clip, Inputs, find_inputs

READING = ImportSettings("npy", (640, 480), 25.0, "holistic")


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")


def test_videos_are_found_in_folders_and_by_name(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b/c.WEBM", "notes.txt", ".hidden.mp4", "b/list.csv")
    videos = [Clip(str(tmp_path / name), tmp_path / name) for name in ("a.mp4", "b/c.WEBM")]
    others = [str(tmp_path / name) for name in ("notes.txt", "b/list.csv")]
    assert find_inputs([tmp_path], READING) == Inputs(videos, [], others)
    assert find_inputs([tmp_path / "a.mp4"], READING) == Inputs(videos[:1])


def test_what_is_no_file_is_refused_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").symlink_to(tmp_path / "gone.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    found = find_inputs([tmp_path, tmp_path / "pipe.mp4", tmp_path / "gone.mp4"], READING)
    assert found.refused == [
        (str(tmp_path / "a.mp4"), "a link that leads nowhere"),
        (str(tmp_path / "pipe.mp4"), "a named pipe, not a regular file"),
        (str(tmp_path / "pipe.mp4"), "not a regular file"),
        (str(tmp_path / "gone.mp4"), "no such file"),
    ]


def test_each_clip_of_a_keypoint_file_is_one(tmp_path: Path) -> None:
    write_npz(tmp_path / "hello.npz", [invented(seed=seed) for seed in range(2)])
    write_kaggle(tmp_path / "k.parquet", invented(2), [0, 1])
    for number in range(3):
        (tmp_path / "frames/7").mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / f"frames/7/{number}.npy", flat(invented(), VALUES_258)[number])
    (tmp_path / "damaged.npy").write_bytes(b"no array")
    found = find_inputs([tmp_path], READING)
    by_name = {Path(clip.name).relative_to(tmp_path).as_posix(): clip for clip in found.clips}
    assert sorted(by_name) == ["frames/7.npy", "hello.npz/0", "hello.npz/1", "k.parquet"]
    assert by_name["frames/7.npy"].path == tmp_path / "frames/7"
    assert by_name["hello.npz/1"].settings == ImportSettings("npz", (640, 480), 25.0, "holistic")
    assert by_name["k.parquet"].settings == ImportSettings("kaggle", (640, 480), 25.0, "holistic")
    ((name, reason),) = found.refused
    assert name == str(tmp_path / "damaged.npy")
    assert "not a NumPy array" in reason


def test_a_folder_without_clips_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path, "notes.txt")
    with pytest.raises(SignfoldError, match=rf"{tmp_path}: no videos \(.*\.mp4.*\) and no keypoints \(.*\.npz"):
        find_inputs([tmp_path], READING)

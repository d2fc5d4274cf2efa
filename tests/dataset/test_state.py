"""A file that took another's place is noticed, whatever modification time it was given."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from signfold.core.errors import SignfoldError
from signfold.dataset import index
from signfold.dataset.state import fingerprint


def dataset(root: Path, **keys: Any) -> dict[str, Any]:
    return {"root": str(root), "match": "(?P<label>[^/]+)/[^/]+$", **keys}


def state(root: Path, **keys: Any) -> str:
    return fingerprint(index.read_index(dataset(root, **keys)).samples, dataset(root, **keys))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "videos" / "house"
    folder.mkdir(parents=True)
    for name in ("a.mp4", "b.mp4"):
        (folder / name).write_bytes(name.encode())
        os.utime(folder / name, (1_000_000_000, 1_000_000_000))
    return folder.parent


def test_nothing_changed_is_the_same(root: Path) -> None:
    assert state(root) == state(root)


def test_swapped_clips_of_one_time_and_size(root: Path) -> None:
    before = state(root)
    shutil.copy2(root / "house/a.mp4", root / "c")
    shutil.copy2(root / "house/b.mp4", root / "house/a.mp4")
    shutil.move(root / "c", root / "house/b.mp4")
    assert state(root) != before


def test_other_content_with_the_old_time(root: Path) -> None:
    before = state(root)
    (root / "house/a.mp4").write_bytes(b"another video")
    os.utime(root / "house/a.mp4", (1_000_000_000, 1_000_000_000))
    assert state(root) != before


def test_another_folder_with_the_same_names(root: Path) -> None:
    before = state(root)
    root.rename(root.parent / "others")
    assert state(root.parent / "others") != before


def test_another_container_of_one_name(root: Path) -> None:
    before = state(root)
    (root / "house/a.mp4").rename(root / "house/a.mkv")
    assert state(root) != before


def test_a_frame_of_a_folder_of_frames(tmp_path: Path) -> None:
    frames = tmp_path / "hello" / "0"
    frames.mkdir(parents=True)
    for number in range(2):
        np.save(frames / f"{number}.npy", np.zeros(258, np.float32))
        os.utime(frames / f"{number}.npy", (1_000_000_000, 1_000_000_000))
    before = state(tmp_path, keypoints="npy")
    np.save(frames / "1.npy", np.ones(258, np.float32))
    os.utime(frames / "1.npy", (1_000_000_000, 1_000_000_000))
    assert state(tmp_path, keypoints="npy") != before


def test_a_video_that_has_gone_is_named(root: Path) -> None:
    samples = index.read_index(dataset(root)).samples
    (root / "house/b.mp4").unlink()
    with pytest.raises(SignfoldError, match=r"b\.mp4: the file has gone; run again"):
        fingerprint(samples, dataset(root))

"""Kaggle's Parquet: rows in any order, frames that are left out, and what does not fit is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from keypoint_files import assert_same, invented, write_kaggle

from signfold.core.clip import Keypoints
from signfold.core.errors import SignfoldError, UnreadableFile
from signfold.dataset.keypoint_files import ImportSettings
from signfold.formats import kaggle


def test_kaggle_rows_in_any_order_and_with_frames_left_out(tmp_path: Path) -> None:
    clip = invented(4)
    file = write_kaggle(tmp_path / "a.parquet", clip, [20, 21, 24, 25])
    found = kaggle.read(file, ImportSettings("kaggle", (640, 480), 30))
    times = np.array([0, 1, 4, 5]) * 1000 / 30
    assert_same(found, Keypoints(times, clip.pose, clip.left_hand, clip.right_hand), False, 1e-7)
    assert (found.width, found.height) == (640, 480)


def test_kaggle_files_of_other_columns_or_landmarks_are_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"frame": [0], "x_face_0": [0.5]}), tmp_path / "wide.parquet")
    with pytest.raises(SignfoldError, match=r"wide\.parquet: no column type, landmark_index, .*found frame, x_face_0"):
        kaggle.read(tmp_path / "wide.parquet", ImportSettings("kaggle"))
    table = {"frame": [0], "type": ["left_hand"], "landmark_index": [21], "x": [0.5], "y": [0.5], "z": [0.5]}
    pq.write_table(pa.table(table), tmp_path / "more.parquet")
    with pytest.raises(SignfoldError, match=r"left_hand goes from 21 to 21; expected 0 to 20"):
        kaggle.read(tmp_path / "more.parquet", ImportSettings("kaggle"))
    (tmp_path / "text.parquet").write_text("no")
    with pytest.raises(UnreadableFile, match="not a Parquet file"):
        kaggle.read(tmp_path / "text.parquet", ImportSettings("kaggle"))

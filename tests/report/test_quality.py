"""Hands seen: counted over the sign, from the keypoints of its frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from signfold.core.clip import Keypoints, to_table
from signfold.core.files import write_parquet
from signfold.report.quality import hand_shares, over_the_sign, quality
from signfold.report.results import Results


def keypoints(left: list[int], right: list[int]) -> Keypoints:
    """A clip whose hands are seen where the lists have a 1."""
    seen = [np.where(np.array(side, bool)[:, None, None], 0.5, np.nan).astype(np.float32) for side in (left, right)]
    parts = [np.broadcast_to(side, (len(left), 21, 3)).copy() for side in seen]
    return Keypoints(np.arange(len(left)) * 40.0, np.zeros((len(left), 33, 4), np.float32), *parts)


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """Clip a signs in frames 2 to 5 of 10, clip b in all of 4; clip c has no tensor."""
    clips = {
        "a": keypoints([0] * 10, [0, 0, 1, 0, 0, 1, 0, 0, 0, 1]),
        "b": keypoints([1, 0, 0, 0], [1, 1, 1, 0]),
        "c": keypoints([1], [1]),
    }
    frames = pa.concat_tables([to_table(name, clip) for name, clip in clips.items()])
    write_parquet(frames, tmp_path / "keypoints/0000.parquet")
    write_parquet(
        pa.table({"sample_id": list(clips), "status": ["ok"] * 3}), tmp_path / "keypoints/0000.videos.parquet"
    )
    whole = pd.DataFrame(
        {
            "sample_id": ["b", "a"], "frames": [4, 10], "duration_ms": [120.0, 360.0], "seen_left": [0.25, 0.0],
            "seen_right": [0.75, 0.3], "imputed_left": [0.75, 1.0], "imputed_right": [0.0, 0.7], "longest_gap": [0, 3],
            "mirrored": False, "first_frame": [0, 2], "last_frame": [3, 5],
        }
    )  # fmt: skip
    write_parquet(pa.Table.from_pandas(whole, preserve_index=False), tmp_path / "tensors/0000.parquet")
    return Results(tmp_path)


def test_hands_are_counted_over_the_sign(results: Results) -> None:
    table = over_the_sign(results).set_index("sample_id")
    assert sorted(table.index) == ["a", "b"]
    assert table.loc["a", ["frames", "seen_left", "seen_right", "longest_gap"]].tolist() == [4, 0, 0.5, 2]
    assert table.loc["b", ["frames", "seen_left", "seen_right", "longest_gap"]].tolist() == [4, 0.25, 0.75, 0]
    assert table.loc["a", ["imputed_left", "imputed_right"]].tolist() == [1, 0.5]
    assert table.loc["b", "imputed_right"] == 0, "nothing was imputed there"


def test_the_section_shows_them(results: Results) -> None:
    section = quality(results)
    assert (section["clips"], section["median"], section["poor"]) == (2, 0.625, 0)
    assert [row["sample_id"] for row in section["worst"]] == ["a", "b"]


def test_without_keypoint_files_the_whole_clip_counts(results: Results) -> None:
    (results.root / "keypoints/0000.parquet").unlink()
    assert over_the_sign(results).set_index("sample_id").loc["a", "seen_right"] == pytest.approx(0.3)


def test_the_better_seen_hand_is_the_one_that_is_filled_in() -> None:
    columns = {
        "seen_left": [0.2, 0.9],
        "seen_right": [0.5, np.nan],
        "imputed_left": [0.8, 0.1],
        "imputed_right": [0.5, 1],
    }
    table = hand_shares(pd.DataFrame(columns))
    assert table["better"].tolist() == [0.5, 0.9]
    assert table["other"].tolist() == [0.2, 0.0]
    assert table["filled"].tolist() == [0.5, 0.1]

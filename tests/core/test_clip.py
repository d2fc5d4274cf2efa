"""Clips come back from a shard's two files as they were written, each with its size and frame rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from signfold.core.clip import (
    FRAMES_SCHEMA,
    PARTS,
    VIDEOS_SCHEMA,
    Extraction,
    Keypoints,
    ShardClip,
    empty_keypoints,
    from_table,
    read_clips,
    read_shard,
    to_table,
    write_shard,
)
from signfold.core.errors import SignfoldError
from signfold.core.files import file_sha256, read_metadata, read_parquet, write_parquet
from signfold.core.made_with import FRAMES_SHA256
from signfold.core.skeleton import POSE


def clip(frames: int, seed: int = 0) -> Keypoints:
    rng = np.random.default_rng(seed)
    parts = {part: rng.random((frames, *shape), dtype=np.float32) for part, shape in PARTS.items()}
    for part in parts.values():
        part[rng.random(frames) < 0.4] = np.nan
    return Keypoints(np.arange(frames) * 40.0, **parts, width=640, height=480 + seed, fps=25.0)


def write(folder: Path, clips: Mapping[str, Extraction]) -> tuple[Path, Path]:
    paths = folder / "7.parquet", folder / "7.videos.parquet"
    records = [ShardClip(name, f"digest of {name}", 9, found) for name, found in clips.items()]
    write_shard(records, *paths, {"version": 3})
    return paths


def assert_same(found: Keypoints, expected: Keypoints) -> None:
    for part in ("timestamps_ms", *PARTS):
        np.testing.assert_array_equal(getattr(found, part), getattr(expected, part))
    assert (found.width, found.height, found.fps) == (expected.width, expected.height, expected.fps)


def test_clips_come_back_from_a_shard_bit_for_bit_with_size_and_frame_rate(tmp_path: Path) -> None:
    clips = {f"folder/clip {n}": clip(frames, n) for n, frames in enumerate([3, 1, 40])}
    path, _ = write(tmp_path, {name: Extraction(keypoints) for name, keypoints in clips.items()})
    found = dict(read_clips(path))
    assert list(found) == list(clips)
    for sample_id, expected in clips.items():
        assert_same(found[sample_id], expected)


def test_a_shard_lists_clips_without_frames_with_their_reason(tmp_path: Path) -> None:
    bad = Extraction(empty_keypoints(), "unreadable", "zero bytes")
    paths = write(tmp_path, {"z": Extraction(clip(4)), "bad": bad, "a": Extraction(clip(2), "no_person", "nobody")})
    found = list(read_shard(*paths))
    assert [(one.sample_id, one.found.status, one.found.error, one.usable) for one in found] == [
        ("z", "ok", None, True),
        ("bad", "unreadable", "zero bytes", False),
        ("a", "no_person", "nobody", False),
    ]
    assert [len(one.keypoints) for one in found] == [4, 0, 2]
    assert {(one.sha256, one.bytes) for one in found} == {(f"digest of {name}", 9) for name in ("z", "bad", "a")}
    assert [name for name, _ in read_clips(paths[0])] == ["z", "a"]


def test_both_files_of_a_shard_have_their_schema_counts_and_metadata(tmp_path: Path) -> None:
    keypoints = clip(30)
    frames, videos = write(tmp_path, {"a": Extraction(keypoints)})
    tables = read_parquet(frames), read_parquet(videos)
    assert [table.schema.remove_metadata() for table in tables] == [FRAMES_SCHEMA, VIDEOS_SCHEMA]
    assert read_metadata(frames) == {"version": 3}
    assert read_metadata(videos) == {"version": 3, FRAMES_SHA256: file_sha256(frames)}
    (row,) = tables[1].to_pylist()
    assert row["frames"] == 30
    for part in PARTS:
        assert row[f"frames_{part}"] == 30 - tables[0][part].null_count


def test_a_shard_without_clips_has_two_valid_files(tmp_path: Path) -> None:
    assert list(read_shard(*write(tmp_path, {}))) == []


def test_a_usable_clip_without_frames_is_an_error_that_names_it(tmp_path: Path) -> None:
    paths = write(tmp_path, {"a": Extraction(clip(3)), "lost": Extraction(empty_keypoints())})
    with pytest.raises(SignfoldError, match=r"7\.parquet: no frame of 'lost', which .*7\.videos\.parquet lists as ok"):
        list(read_shard(*paths))


def test_a_slice_is_a_clip_of_its_frames_with_the_same_size() -> None:
    whole = clip(9)
    some = whole[2:5]
    assert some.timestamps_ms.tolist() == [80, 120, 160]
    assert_same(some, replace(whole, **{part: getattr(whole, part)[2:5] for part in ("timestamps_ms", *PARTS)}))


@pytest.mark.parametrize(
    ("width", "height", "aspect"), [(640, 480, 0.75), (0, 0, 1.0), (0, 480, 1.0), (640, 0, 1.0), (480, 640, 4 / 3)]
)
def test_the_aspect_is_height_over_width_and_one_where_unknown(width: int, height: int, aspect: float) -> None:
    assert replace(clip(1), width=width, height=height).aspect == aspect


def test_positions_and_shoulder_widths_are_in_picture_widths() -> None:
    pose = np.zeros((4, 33, 4), np.float32)
    pose[:, POSE.index("left_shoulder"), :2] = [[0.75, 0.5], [0.5, 0.75], [0.75, 0.5], [0.75, 0.5]]
    pose[:, POSE.index("right_shoulder"), :2] = [0.5, 0.5]
    pose[2] = np.nan
    keypoints = replace(clip(4), pose=pose, width=100, height=200)
    np.testing.assert_allclose(keypoints.shoulder_widths(), [0.25, 0.5, np.nan, 0.25])
    assert keypoints.shoulder_width() == 0.25
    left, right = keypoints.shoulders()
    np.testing.assert_allclose(left[1], [0.5, 1.5])
    np.testing.assert_allclose(right[1], [0.5, 1.0])
    assert np.isnan(replace(keypoints, pose=np.full_like(pose, np.nan)).shoulder_width())
    np.testing.assert_allclose(keypoints.positions("left_hand"), keypoints.left_hand[..., :2] * [1, 2], rtol=1e-6)
    assert keypoints.hand("left") is keypoints.left_hand
    assert keypoints.hand("right") is keypoints.right_hand


def test_missing_is_null_in_the_table_and_never_a_number() -> None:
    keypoints = clip(20)
    table = to_table("a", keypoints)
    assert table.schema.equals(FRAMES_SCHEMA)
    for part in PARTS:
        missing = np.isnan(getattr(keypoints, part)).any(axis=(1, 2))
        assert missing.any()
        assert table[part].is_null().to_pylist() == missing.tolist()


def test_a_table_cut_anywhere_gives_the_same_frames() -> None:
    first, second = clip(10, 1), clip(5, 2)
    table = pa.concat_tables([to_table("a", first), to_table("b", second)])
    for whole in (table, table.combine_chunks()):
        (_, a), (_, b) = from_table(whole.slice(4, 8))
        np.testing.assert_array_equal(a.left_hand, first.left_hand[4:])
        np.testing.assert_array_equal(b.pose, second.pose[:2])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SignfoldError, match=r"gone\.parquet"):
        list(read_clips(tmp_path / "gone.parquet"))
    write_parquet(to_table("a", clip(2)), tmp_path / "x.parquet")
    with pytest.raises(SignfoldError, match=r"x\.videos\.parquet"):
        list(read_clips(tmp_path / "x.parquet"))

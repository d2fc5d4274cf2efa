import numpy as np
import pyarrow as pa
import pytest

from signfold.core.clip import FRAMES_SCHEMA, PARTS, Keypoints, from_table, read_clips, to_table
from signfold.core.errors import SignfoldError
from signfold.core.files import write_parquet


def clip(frames, seed=0):
    rng = np.random.default_rng(seed)
    parts = {part: rng.random((frames, *shape), dtype=np.float32) for part, shape in PARTS.items()}
    for part in parts.values():
        part[rng.random(frames) < 0.4] = np.nan
    return Keypoints(np.arange(frames) * 40.0, **parts)


def assert_same(found, expected):
    for part in ("timestamps_ms", *PARTS):
        np.testing.assert_array_equal(getattr(found, part), getattr(expected, part))


def test_clips_come_back_from_a_file_bit_for_bit(tmp_path):
    clips = {f"folder/clip {n}": clip(frames, n) for n, frames in enumerate([3, 1, 40])}
    write_parquet(pa.concat_tables([to_table(*item) for item in clips.items()]), tmp_path / "x.parquet")
    found = dict(read_clips(tmp_path / "x.parquet"))
    assert list(found) == list(clips)
    for sample_id, expected in clips.items():
        assert_same(found[sample_id], expected)


def test_missing_is_null_in_the_table_and_never_a_number():
    keypoints = clip(20)
    table = to_table("a", keypoints)
    assert table.schema.equals(FRAMES_SCHEMA)
    for part in PARTS:
        missing = np.isnan(getattr(keypoints, part)).any(axis=(1, 2))
        assert missing.any()
        assert table[part].is_null().to_pylist() == missing.tolist()


def test_a_table_cut_anywhere_gives_the_same_frames():
    first, second = clip(10, 1), clip(5, 2)
    table = pa.concat_tables([to_table("a", first), to_table("b", second)])
    for whole in (table, table.combine_chunks()):
        (_, a), (_, b) = from_table(whole.slice(4, 8))
        np.testing.assert_array_equal(a.left_hand, first.left_hand[4:])
        np.testing.assert_array_equal(b.pose, second.pose[:2])


def test_no_frame_is_no_clip(tmp_path):
    write_parquet(to_table("a", clip(0)), tmp_path / "x.parquet")
    assert list(read_clips(tmp_path / "x.parquet")) == []


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SignfoldError, match=r"gone\.parquet"):
        list(read_clips(tmp_path / "gone.parquet"))

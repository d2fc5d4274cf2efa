"""The same take is found re-encoded, resized, cropped, trimmed, mirrored or at another speed; others are left alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from takes import at_speed, flipped, resized, take, without_a_hand

from signfold.core.clip import PARTS, Extraction, Keypoints, ShardClip, write_shard
from signfold.core.files import read_metadata, read_parquet, write_parquet
from signfold.folds import duplicates
from signfold.folds.candidates import Candidate
from signfold.folds.tracks import joint_track, motion_size
from signfold.tensors.resample import interpolate


def found(*clips: Keypoints) -> pd.DataFrame:
    tracks = [joint_track(clip) for clip in clips]
    return duplicates.near_duplicates([f"clip {number}" for number in range(len(clips))], tracks, 1)


def write_clips(folder: Path, shard: str, clips: dict[str, Keypoints]) -> Path:
    """Write the keypoints of a shard as the extraction does."""
    path = folder / f"{shard}.parquet"
    found = [ShardClip(name, None, 0, Extraction(clip)) for name, clip in clips.items()]
    write_shard(found, path, path.with_suffix(".videos.parquet"), {})
    return path


@pytest.mark.parametrize(
    "again",
    [
        take(1, noise=0.003),
        take(1, fps=15.0),
        take(1, start=0.4, end=2.6),
        take(1, fps=30.0, start=0.33),
        resized(take(1, fps=12.0, end=2.0), 0.8, 0.05),
        without_a_hand(take(1, start=0.2), 10, 40),
        flipped(take(1, fps=30.0)),
        flipped(take(1, start=0.4, end=2.6)),
        at_speed(take(1, fps=30.0), 0.8),
        at_speed(take(1, fps=30.0), 1.04),
        at_speed(take(1, fps=60.0), 1.5),
        flipped(at_speed(take(1, fps=60.0), 1.25)),
    ],
    ids=[
        "re-encoded",
        "15 fps",
        "trimmed",
        "30 fps and trimmed",
        "cropped, 12 fps and trimmed",
        "a hand lost",
        "mirrored",
        "mirrored and trimmed",
        "slower",
        "25 for 24 frames a second",
        "faster",
        "mirrored and faster",
    ],
)
def test_the_same_take_is_found_among_others(again: Keypoints) -> None:
    others = [take(number) for number in range(2, 12)]
    pairs = found(take(1), *others, again)
    assert pairs[["sample_id", "other_id"]].to_numpy().tolist() == [["clip 0", "clip 11"]]


def test_the_shift_is_where_the_trim_began() -> None:
    (shift,) = found(take(1), take(1, start=0.33, end=2.8))["shift_ms"]
    assert shift == pytest.approx(-330, abs=10)


def test_the_row_says_how_the_copies_differ() -> None:
    (row,) = found(take(1), flipped(at_speed(take(1, fps=60.0), 1.25))).to_dict("records")
    assert row["mirrored"]
    assert row["speed"] == pytest.approx(0.8, abs=0.02)
    (row,) = found(take(1), take(1, fps=30.0)).to_dict("records")
    assert (row["mirrored"], row["speed"]) == (False, 1.0)
    assert row["distance"] < 0.03
    assert row["agreement"] > 0.95
    assert row["overlap_ms"] == pytest.approx(2900, abs=60)


@pytest.mark.parametrize("turned", [False, True])
def test_the_speed_of_short_clips_is_that_of_their_lengths(turned: bool) -> None:
    """One second, and the same at 1.25 times the speed."""
    whole = joint_track(take(1, fps=20.0, noise=0))[:21]
    fast = interpolate(whole, np.arange(21), np.linspace(0, 20, 17))
    pair = (whole, fast) if turned else (fast, whole)
    row = duplicates.align_candidate(*pair, Candidate(0, 1, False, False))
    assert row is not None
    assert row.speed == pytest.approx(0.8 if turned else 1.25, rel=0.005)
    assert row.shift_ms == pytest.approx(0, abs=3)
    assert row.distance < 0.005


def test_the_threshold_of_motion_is_where_it_says() -> None:
    """Motion alone decides: the same joints, scaled about their mean positions."""
    moving = joint_track(take(1, noise=0))
    mean = moving.mean(axis=0)
    for factor, pairs in ((1.1, 1), (0.9, 0)):
        scaled = mean + (moving - mean) * factor * duplicates.STILL / motion_size(moving)
        assert len(duplicates.near_duplicates(["a", "b"], [scaled, scaled.copy()], 1)) == pairs


def test_other_takes_are_left_alone() -> None:
    assert found(*(take(number) for number in range(30))).empty


def test_a_take_like_another_is_left_alone() -> None:
    """The same way, at other moments by a tenth of a second, as a person repeats a sign."""
    one = take(1)
    again = take(1, noise=0.002)
    bent = np.interp(again.timestamps_ms, again.timestamps_ms, np.arange(len(again)))
    bent = bent + 2.5 * np.sin(np.arange(len(again)) / len(again) * 2 * np.pi)
    rows = np.clip(bent.round().astype(int), 0, len(again) - 1)
    warped = replace(again, **{part: getattr(again, part)[rows] for part in PARTS})
    assert found(one, warped).empty


def test_people_who_stand_still_are_not_compared() -> None:
    """Two clips without motion say nothing about whether they are one."""
    still = [take(1, end=0.04, noise=0) for _ in range(2)]
    stretched = [
        Keypoints(np.arange(50) * 40.0, *(np.repeat(p, 50, axis=0) for p in (c.pose, c.left_hand, c.right_hand)))
        for c in still
    ]
    assert found(*stretched).empty


def test_what_is_short_or_without_a_person_is_passed_over() -> None:
    nobody = Keypoints(
        np.arange(50) * 40.0, *(np.full((50, *s), np.nan, np.float32) for s in ((33, 4), (21, 3), (21, 3)))
    )
    nobody.left_hand[:] = 0.5
    assert found(take(1, end=0.2), take(1, end=0.2), nobody, nobody).empty
    assert found().empty


def test_the_order_of_clips_does_not_matter() -> None:
    clips = [take(3), take(1), take(2), take(1, fps=15.0)]
    names = list("abcd")
    tracks = [joint_track(clip) for clip in clips]
    one = duplicates.near_duplicates(names, tracks, 1)
    other = duplicates.near_duplicates(names[::-1], tracks[::-1], 1)
    assert set(map(frozenset, one[["sample_id", "other_id"]].to_numpy())) == {frozenset("bd")}
    assert set(map(frozenset, other[["sample_id", "other_id"]].to_numpy())) == {frozenset("bd")}


def test_the_file_names_the_pairs_of_items_alone(tmp_path: Path) -> None:
    clips = {"a": take(1), "b": take(2), "c": take(1, fps=15.0), "gone": take(1, start=0.2)}
    shards = [write_clips(tmp_path, "0", {name: clips[name] for name in "ab"})]
    shards.append(write_clips(tmp_path, "1", {name: clips[name] for name in ("c", "gone")}))
    items = pa.table({"sample_id": ["a", "b", "c", "a#1"], "copy": pa.array([0, 0, 0, 1], pa.int32())})
    write_parquet(items, tmp_path / "items.parquet", {})
    duplicates.find_duplicates(tmp_path / "items.parquet", shards, tmp_path / "duplicates.parquet", 1)
    table = read_parquet(tmp_path / "duplicates.parquet").to_pandas()
    assert table[["sample_id", "other_id"]].to_numpy().tolist() == [["a", "c"]]
    assert read_metadata(tmp_path / "duplicates.parquet")["clips"] == 3


def test_takes_are_linked_by_content_and_by_pairs() -> None:
    clips = pd.DataFrame({"sample_id": list("abcdef"), "sha256": ["5", "4", "5", "3", "2", "1"]}, index=list("abcdef"))
    pairs = pd.DataFrame({"sample_id": ["b", "x"], "other_id": ["c", "a"]})
    assert duplicates.assign_takes(clips, pairs).tolist() == ["4", "4", "4", "3", "2", "1"]
    assert duplicates.assign_takes(clips, pairs.head(0)).tolist() == ["5", "4", "5", "3", "2", "1"]

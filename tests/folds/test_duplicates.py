"""Promises about takes: the same one is found re-encoded, resized, cropped, trimmed; another one is left alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signfold.core.clip import VIDEOS_SCHEMA, Keypoints, to_table
from signfold.core.files import read_metadata, read_parquet, write_parquet
from signfold.core.skeleton import HAND, POSE
from signfold.folds import duplicates
from signfold.folds.alignment import track

SECONDS = 3.0
BODY = {"nose": (0.5, 0.3), "left_shoulder": (0.6, 0.45), "right_shoulder": (0.4, 0.45), "left_elbow": (0.65, 0.6)}
BODY |= {"right_elbow": (0.35, 0.6), "left_wrist": (0.6, 0.75), "right_wrist": (0.4, 0.75)}


def take(number: int, fps: float = 25.0, start: float = 0.0, end: float = SECONDS, noise: float = 0.002) -> Keypoints:
    """Return a signer whose hands wander in a way that `number` decides, filmed from `start` to `end` seconds."""
    rng = np.random.default_rng(number)
    phases, speeds = rng.uniform(0, 6, (2, 2, 4)), rng.uniform(1, 8, (2, 2, 4))
    times = np.arange(start, end, 1 / fps)
    way = 0.04 * np.sin(times[:, None, None, None] * speeds + phases).sum(axis=-1)  # (T, 2 hands, 2 axes)
    pose = np.full((len(times), 33, 4), 0.5, np.float32)
    for joint, place in BODY.items():
        pose[:, POSE.index(joint), :2] = place
    hands = []
    for hand, side in enumerate(("left", "right")):
        wrist = np.array(BODY[f"{side}_wrist"]) + way[:, hand]
        pose[:, POSE.index(f"{side}_wrist"), :2] = wrist
        pose[:, POSE.index(f"{side}_elbow"), :2] += way[:, hand] / 2
        fingers = rng.uniform(-0.04, 0.04, (len(HAND), 2))
        points = wrist[:, None] + fingers
        hands.append(np.concatenate([points, np.zeros((*points.shape[:2], 1))], axis=2).astype(np.float32))
    pixels = np.random.default_rng((number, int(fps), int(1000 * start)))
    for part in (pose, *hands):
        part[..., :2] += pixels.normal(0, noise, part[..., :2].shape).astype(np.float32)
    return Keypoints((times - start) * 1000, pose, *hands)


def resized(clip: Keypoints, scale: float, shift: float) -> Keypoints:
    """Return the clip as another crop of the picture shows it."""
    parts = [part.copy() for part in (clip.pose, clip.left_hand, clip.right_hand)]
    for part in parts:
        part[..., :2] = part[..., :2] * scale + shift
    return Keypoints(clip.timestamps_ms, *parts)


def without_a_hand(clip: Keypoints, first: int, last: int) -> Keypoints:
    """Return the clip with the right hand lost for some frames."""
    hand = clip.right_hand.copy()
    hand[first:last] = np.nan
    return Keypoints(clip.timestamps_ms, clip.pose, clip.left_hand, hand)


def found(*clips: Keypoints) -> pd.DataFrame:
    tracks = [track(clip, 0.75, 25.0) for clip in clips]
    return duplicates.pairs([f"clip {number}" for number in range(len(clips))], tracks)


def write_shard(folder: Path, shard: str, clips: dict[str, Keypoints]) -> Path:
    """Write the keypoints of a shard as the extraction does."""
    path = folder / f"{shard}.parquet"
    write_parquet(pa.concat_tables([to_table(name, clip) for name, clip in clips.items()]), path, {})
    about = {"width": 640, "height": 480, "fps": 25.0, "status": "ok"}
    rows = [{"sample_id": name, "frames": len(clip), **about} for name, clip in clips.items()]
    write_parquet(pa.Table.from_pylist(rows, schema=VIDEOS_SCHEMA), path.with_suffix(".videos.parquet"), {})
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
    ],
    ids=["re-encoded", "15 fps", "trimmed", "30 fps and trimmed", "cropped, 12 fps and trimmed", "a hand lost"],
)
def test_the_same_take_is_found_among_others(again: Keypoints) -> None:
    others = [take(number) for number in range(2, 12)]
    pairs = found(take(1), *others, again)
    assert pairs[["sample_id", "other_id"]].to_numpy().tolist() == [["clip 0", "clip 11"]]


def test_the_shift_is_where_the_trim_began() -> None:
    (shift,) = found(take(1), take(1, start=0.33, end=2.8))["shift_ms"]
    assert shift == pytest.approx(-330, abs=10)


def test_other_takes_are_left_alone() -> None:
    assert found(*(take(number) for number in range(30))).empty


def test_a_take_like_another_is_left_alone() -> None:
    """The same way, at other moments by a tenth of a second, as a person repeats a sign."""
    one = take(1)
    again = take(1, noise=0.002)
    bent = np.interp(again.timestamps_ms, again.timestamps_ms, np.arange(len(again)))
    bent = bent + 2.5 * np.sin(np.arange(len(again)) / len(again) * 2 * np.pi)
    rows = np.clip(bent.round().astype(int), 0, len(again) - 1)
    warped = Keypoints(again.timestamps_ms, again.pose[rows], again.left_hand[rows], again.right_hand[rows])
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
    tracks = [track(clip, 0.75, 25.0) for clip in clips]
    one = duplicates.pairs(names, tracks)
    other = duplicates.pairs(names[::-1], tracks[::-1])
    assert set(map(frozenset, one[["sample_id", "other_id"]].to_numpy())) == {frozenset("bd")}
    assert set(map(frozenset, other[["sample_id", "other_id"]].to_numpy())) == {frozenset("bd")}


def test_the_file_names_the_pairs_of_items_alone(tmp_path: Path) -> None:
    clips = {"a": take(1), "b": take(2), "c": take(1, fps=15.0), "gone": take(1, start=0.2)}
    shards = [write_shard(tmp_path, "0", {name: clips[name] for name in "ab"})]
    shards.append(write_shard(tmp_path, "1", {name: clips[name] for name in ("c", "gone")}))
    items = pa.table({"sample_id": ["a", "b", "c", "a#1"], "copy": pa.array([0, 0, 0, 1], pa.int32())})
    write_parquet(items, tmp_path / "items.parquet", {})
    duplicates.find_duplicates(tmp_path / "items.parquet", shards, tmp_path / "duplicates.parquet")
    table = read_parquet(tmp_path / "duplicates.parquet").to_pandas()
    assert table[["sample_id", "other_id"]].to_numpy().tolist() == [["a", "c"]]
    assert read_metadata(tmp_path / "duplicates.parquet")["clips"] == 3


def test_takes_are_linked_by_content_and_by_pairs() -> None:
    clips = pd.DataFrame({"sample_id": list("abcdef"), "sha256": ["5", "4", "5", "3", "2", "1"]}, index=list("abcdef"))
    pairs = pd.DataFrame({"sample_id": ["b", "x"], "other_id": ["c", "a"]})
    assert duplicates.assign_takes(clips, pairs).tolist() == ["4", "4", "4", "3", "2", "1"]
    assert duplicates.assign_takes(clips, None).tolist() == ["5", "4", "5", "3", "2", "1"]


@settings(max_examples=30, deadline=None)
@given(st.floats(0.5, 1.5), st.floats(-0.2, 0.2), st.integers(0, 5))
def test_a_track_does_not_depend_on_place_and_size_in_the_picture(scale: float, shift: float, number: int) -> None:
    clip = take(number, end=1.0)
    expected = track(clip, 0.75, 25.0)
    np.testing.assert_allclose(track(resized(clip, scale, shift), 0.75, 25.0), expected, atol=1e-3)

"""The doctor names what is bad, suspicious or there twice, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner

from signfold.cli import doctor
from signfold.cli.main import main
from signfold.core import files
from signfold.core.clip import PARTS, VIDEOS_SCHEMA, Keypoints, empty_keypoints, seen, to_table
from signfold.core.errors import SignfoldError
from signfold.core.made_with import FRAMES_SHA256
from signfold.core.skeleton import POSE

WIDTH, HEIGHT = 640, 480


def clip(count: int = 60, step_ms: float = 40.0) -> Keypoints:
    """A signer whose shoulders are 0.2 apart and whose hands wave as fast as hands do, 5 shoulder widths a second."""
    time = np.arange(count)[:, None] * step_ms / 1000
    pose = np.full((count, 33, 4), 0.5, np.float32)
    pose[:, POSE.index("left_shoulder"), 0] = 0.6
    pose[:, POSE.index("right_shoulder"), 0] = 0.4
    hand = np.full((count, 21, 3), 0.5, np.float32)
    hand[..., 0] += 0.1 * np.sin(10 * time)
    return Keypoints(np.arange(count) * step_ms, pose, hand - 0.2, hand + 0.2)


def write(results: Path, clips: dict[str, Keypoints], **other: dict[str, Any]) -> Path:
    """Write index and keypoints of clips, two a shard; `other` holds what differs in the rows of a clip."""
    rows = []
    for number, (name, keypoints) in enumerate(clips.items()):
        row = {"sample_id": name, "path": f"videos/{name}.mp4", "label": "house", "gloss": None, "signer": "s1"}
        row |= {"split": None, "shard": str(number // 2), "sha256": f"digest of {name}", "bytes": 1, "fps": 25.0}
        row |= {"width": WIDTH, "height": HEIGHT, "frames": len(keypoints), "status": "ok", "error": None}
        row |= {f"frames_{part}": int(seen(getattr(keypoints, part)).sum()) for part in PARTS}
        rows.append(row | other.get(name, {}))
    for shard in {row["shard"] for row in rows}:
        mine = [row for row in rows if row["shard"] == shard]
        table = pa.concat_tables([to_table(row["sample_id"], clips[row["sample_id"]]) for row in mine])
        frames = results / "keypoints" / f"{shard}.parquet"
        files.write_parquet(table, frames)
        videos = pa.Table.from_pylist(mine, schema=VIDEOS_SCHEMA)
        about = {FRAMES_SHA256: files.file_sha256(frames)}
        files.write_parquet(videos, results / "keypoints" / f"{shard}.videos.parquet", about)
    files.write_parquet(pa.Table.from_pylist(rows), results / "index.parquet")
    return results


def reasons(findings: Iterable[doctor.Finding]) -> dict[str, str]:
    return {finding.sample_id: finding.why for finding in findings}


def test_healthy_clips_are_not_listed(tmp_path: Path) -> None:
    found = doctor.diagnose(write(tmp_path, {name: clip() for name in "abc"}))
    assert (found.videos, found.waiting, found.healthy) == (3, 0, True)


def test_bad_videos_are_listed_with_status_and_reason(tmp_path: Path) -> None:
    bad = {"b": {"status": "unreadable", "error": "the file is empty"}, "c": {"status": "no_person", "error": "nobody"}}
    results = write(tmp_path, {"a": clip(), "b": empty_keypoints(), "c": clip()}, **bad)
    found = doctor.diagnose(results)
    assert reasons(found.bad) == {"b": "unreadable: the file is empty", "c": "no_person: nobody"}
    assert not found.suspicious
    lines = "\n".join(doctor.diagnosis_lines(found, results))
    assert "ffprobe videos/b.mp4" in lines  # there is no frame to look at
    assert f"signfold view c --results {results}" in lines


def test_names_that_may_be_one_person_are_listed(tmp_path: Path) -> None:
    results = write(tmp_path, {"a": clip()})
    table = files.read_parquet(results / "index.parquet")
    files.write_parquet(table, results / "index.parquet", {"near_equal": {"signer": [["Anna", "anna"]]}})
    found = doctor.diagnose(results)
    assert found.spellings == ["signer: 'Anna', 'anna'"]
    lines = doctor.diagnosis_lines(found, results)
    assert lines[:2] == [
        "Perhaps one name each: set `spellings` of the dataset to join or keep",
        "  signer: 'Anna', 'anna'",
    ]


def test_clips_with_few_or_no_hands_are_suspicious(tmp_path: Path) -> None:
    clips = {name: clip() for name in ("none", "few", "one")}
    clips["none"].left_hand[:] = clips["none"].right_hand[:] = np.nan
    clips["few"].left_hand[:] = clips["few"].right_hand[12:] = np.nan
    clips["one"].left_hand[:] = np.nan  # one hand is all that many signs take
    found = doctor.diagnose(write(tmp_path, clips))
    assert reasons(found.suspicious) == {"none": "no hand in any frame", "few": "a hand in only 20% of 60 frames"}
    assert list(reasons(doctor.diagnose(tmp_path, hands=0.1).suspicious)) == ["none"]


def test_notes_of_the_extraction_are_shown(tmp_path: Path) -> None:
    found = doctor.diagnose(write(tmp_path, {"a": clip()}, a={"error": "3 of 60 frames do not decode"}))
    assert reasons(found.suspicious) == {"a": "3 of 60 frames do not decode"}


def test_a_hand_taken_for_the_other_jumps(tmp_path: Path) -> None:
    keypoints = clip()
    keypoints.left_hand[30] = keypoints.right_hand[30]
    keypoints.left_hand[50:] += 0.3
    found = doctor.diagnose(write(tmp_path, {"a": keypoints}))
    assert reasons(found.suspicious) == {"a": "left hand jumps at 1.20, 1.24, 2.00 s"}


def test_another_person_jumps() -> None:
    keypoints = clip()
    keypoints.pose[20:, :, 0] += 0.3
    assert doctor.jumps(keypoints) == ["person jumps at 0.80 s"]


def test_many_jumps_are_counted() -> None:
    keypoints = clip()
    keypoints.right_hand[10:20:2] += 0.3
    assert doctor.jumps(keypoints) == ["right hand jumps at 0.40, 0.44, 0.48 s and 7 times more"]


@pytest.mark.parametrize("step_ms", [17.0, 40.0, 83.0])
def test_a_move_is_judged_by_its_speed_whatever_the_frame_rate(step_ms: float) -> None:
    fast, slow = clip(step_ms=step_ms), clip(step_ms=step_ms)
    for keypoints, speed in ((fast, 25.0), (slow, 15.0)):
        keypoints.right_hand[:] = 0.5
        keypoints.right_hand[30:, :, 0] += 0.2 * speed * step_ms / 1000
    assert doctor.jumps(slow) == []
    assert len(doctor.jumps(fast)) == 1


def test_a_lost_hand_and_a_stuttering_clock_are_no_jumps() -> None:
    keypoints = clip()
    keypoints.right_hand[20:30] = np.nan
    keypoints.right_hand[30:] += 0.3
    keypoints.timestamps_ms[40] = keypoints.timestamps_ms[39] + 1
    assert doctor.jumps(keypoints) == []


@pytest.mark.parametrize("count", [0, 1])
def test_without_motion_or_pose_nothing_jumps(count: int) -> None:
    assert doctor.jumps(clip(count)) == []
    keypoints = clip()
    keypoints.pose[:] = np.nan
    assert doctor.jumps(keypoints) == []


def test_copies_are_grouped_and_say_what_differs(tmp_path: Path) -> None:
    other = {"b": {"sha256": "digest of a"}, "c": {"sha256": "digest of a", "label": "tree"}}
    results = write(tmp_path, {name: clip() for name in "abcd"}, **other)
    found = doctor.diagnose(results)
    (group,) = found.duplicates
    assert reasons(group)["a"] == "label house, signer s1; labels differ"
    assert sorted(reasons(group)) == ["a", "b", "c"]
    assert doctor.diagnosis_lines(found, results)[-1] == "4 videos: 0 bad, 0 suspicious, 3 with the content of another."


def test_what_left_the_index_is_not_listed_and_what_is_not_extracted_is_counted(tmp_path: Path) -> None:
    results = write(tmp_path, {name: clip() for name in "abcd"}, a={"status": "no_person", "error": "nobody"})
    rows = files.read_parquet(results / "index.parquet").to_pylist()
    files.write_parquet(pa.Table.from_pylist(rows[1:]), results / "index.parquet")
    (results / "keypoints" / "1.videos.parquet").unlink()
    found = doctor.diagnose(results)
    assert (found.videos, found.waiting, found.bad) == (1, 2, [])


def test_strict_fails_where_there_is_something_to_list(tmp_path: Path) -> None:
    healthy, sick = write(tmp_path / "a", {"a": clip()}), write(tmp_path / "b", {"a": clip()}, a={"error": "odd"})
    for results, options, status in ((healthy, ["--strict"], 0), (sick, [], 0), (sick, ["--strict"], 1)):
        result = CliRunner().invoke(main, ["doctor", str(results), *options])
        assert result.exit_code == status, result.output
    assert "1 videos: 0 bad, 1 suspicious" in result.output


def test_without_keypoints_it_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(SignfoldError, match="no shard is extracted"):
        doctor.diagnose(tmp_path)

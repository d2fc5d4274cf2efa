"""Frames that do not decode: each leaves its place free, and moves no other."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from decoding import decoded, times_of
from hypothesis import given
from hypothesis import strategies as st

from signfold.keypoints import holistic, video


def with_bad_frames(path: Path, bad: list[int], count: int = 20) -> Path:
    """A Motion JPEG clip at 25 frames a second in which some frames are no JPEG."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (96, 64))
    for number in range(count):
        writer.write(np.full((64, 96, 3), 2 * number, np.uint8))
    writer.release()
    content, place = path.read_bytes(), 0
    for number in range(count):
        place = content.index(b"\xff\xd8\xff", place + 1)
        if number in bad:
            content = content[:place] + bytes(200) + content[place + 200 :]
    path.write_bytes(content)
    return path


def test_frames_that_fail_in_the_middle_are_missing_rows_at_their_times(tmp_path: Path) -> None:
    path = with_bad_frames(tmp_path / "a.avi", bad=[4, 9, 10, 11])
    found = holistic.Holistic().extract(path)
    np.testing.assert_allclose(found.keypoints.timestamps_ms, np.arange(20) * 40.0)
    assert "4 of 20 frames do not decode; they are kept as missing" in str(found.error)
    _, ok = video.settled(times_of(path))
    assert np.flatnonzero(~np.array(ok)).tolist() == [4, 9, 10, 11]


def test_a_long_bad_stretch_is_not_taken_for_the_end(tmp_path: Path) -> None:
    times, images = decoded(with_bad_frames(tmp_path / "a.avi", bad=list(range(5, 105)), count=110))
    assert len(times) == 110
    assert sum(image is not None for image in images) == 10


def test_a_file_of_which_nothing_decodes_names_its_codec(tmp_path: Path) -> None:
    found = holistic.Holistic().extract(with_bad_frames(tmp_path / "a.avi", bad=list(range(20))))
    assert (found.status, len(found.keypoints)) == ("no_frames", 0)
    assert "codec mjpeg" in str(found.error)


def test_packets_that_fail_in_h264_are_missing_where_they_are_shown(
    tmp_path: Path, ffmpeg: Callable[..., None]
) -> None:
    path = tmp_path / "a.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=2", "-c:v", "libx264", "-bf", "2", path)
    options = ["-v", "error", "-show_entries", "packet=pos,size,pts_time", "-of", "json"]
    packets = json.loads(subprocess.check_output(["ffprobe", *options, path], text=True))["packets"]
    content = bytearray(path.read_bytes())
    for packet in packets[20:23]:
        start, size = int(packet["pos"]), int(packet["size"])
        content[start : start + size] = b"\xff" * size  # no length of a NAL unit that fits
    path.write_bytes(content)
    times, ok = video.settled(times_of(path))
    np.testing.assert_allclose(times, np.arange(50) * 40.0)
    wanted = sorted(1000 * float(packet["pts_time"]) for packet in packets[20:23])
    np.testing.assert_allclose(np.array(times)[~np.array(ok)], wanted)


@given(st.lists(st.floats(1, 500), min_size=1, max_size=40), st.data())
def test_lost_frames_never_move_those_that_decode(steps: list[float], data: st.DataObject) -> None:
    known = np.cumsum(steps).tolist()
    times = list(known)
    for place in sorted(data.draw(st.lists(st.integers(0, len(known)), max_size=5)), reverse=True):
        times.insert(place, np.nan)
    settled, ok = video.settled(times)
    assert [time for time, good in zip(settled, ok, strict=True) if good] == known
    assert (np.diff(settled) > 0).all()
    first, last = np.flatnonzero(~np.isnan(times))[[0, -1]]
    assert len(settled) - len(known) == np.isnan(times[first:last]).sum()


@given(st.integers(3, 30), st.sets(st.integers(1, 28), max_size=10))
def test_at_a_constant_rate_lost_frames_come_back_to_their_places(count: int, lost: set[int]) -> None:
    lost = {number for number in lost if number < count - 1}
    true = [40.0 * number for number in range(count)]
    gaps = np.diff([time for number, time in enumerate(true) if number not in lost])
    if np.median(gaps) == 40:
        settled, ok = video.settled([np.nan if number in lost else time for number, time in enumerate(true)])
        np.testing.assert_allclose(settled, true)
        assert {number for number, good in enumerate(ok) if not good} == lost

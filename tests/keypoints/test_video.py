"""Decoding: every frame, upright, at the time that the container says; what does not decode leaves its place free."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signfold.core.clip import Extraction
from signfold.core.errors import UnreadableFile
from signfold.keypoints import holistic, video
from signfold.keypoints.cache import Cache, file_digest

ODD = [
    "avatar_anime_hello.mp4",
    "avi_skeleton_hi.avi",
    "gif_1.gif",
    "hand_only_portrait_Num2.mp4",
    "hebrew_ללכת_בית.mp4",
    "mpeg4part2_200x200_BUY.mp4",
    "no_person_spinner_dots_in_name....mp4",
    "nonascii_animal_vl_5.mp4",
    "rotflag-90_vfr13fps_hand_FanOn.mp4",
    "rotflag90_A.mp4",
    "short_golg_thanks.mp4",
    "space_dont understand.mp4",
    "truncated_head_40kB.mp4",
]
SIGNERS = ["aw09", "cris", "golg", "mari", "sak0", "sak1", "sak2", "sak3", "tols"]


def decoded(path: Path) -> tuple[list[float], list[np.ndarray | None]]:
    with video.opened(path) as opened:
        rows = list(opened.frames())
    return [time for time, _ in rows], [image for _, image in rows]


def times_of(path: Path) -> list[float]:
    with video.opened(path) as opened:
        return [time for time, _ in opened.frames()]


def ffprobe(path: Path) -> tuple[list[float], int]:
    """The times of a file's frames in milliseconds from the start of its video stream, and `-count_frames`."""
    wanted = "stream=nb_read_frames,start_time:frame=best_effort_timestamp_time"
    options = ["-v", "quiet", "-select_streams", "v:0", "-count_frames", "-show_entries", wanted, "-of", "json"]
    said = json.loads(subprocess.run(["ffprobe", *options, path], capture_output=True, text=True).stdout)
    (stream,) = said["streams"]
    start = float(stream.get("start_time", 0))
    times = [1000 * (float(frame["best_effort_timestamp_time"]) - start) for frame in said.get("frames", [])]
    return times, int(stream.get("nb_read_frames", 0))


@pytest.fixture(scope="session")
def ffmpeg() -> Callable[..., None]:
    """FFmpeg's command line: users need not have it, tests of rare formats do."""
    if not shutil.which("ffmpeg") or not shutil.which("ffprobe"):
        pytest.skip("no ffmpeg and ffprobe on this machine: apt-get install ffmpeg")

    def run(*arguments: str | Path) -> None:
        subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True)

    return run


@pytest.mark.usefixtures("ffmpeg")
@pytest.mark.parametrize("name", ODD)
def test_frames_and_times_of_odd_files_are_ffprobes(shared: Path, name: str) -> None:
    times, count = ffprobe(shared / "odd" / name)
    ours = times_of(shared / "odd" / name)
    assert len(ours) == count
    np.testing.assert_allclose(ours, times, atol=1e-3)


@pytest.mark.usefixtures("ffmpeg")
@pytest.mark.parametrize("signer", SIGNERS)
def test_frames_and_times_of_ordinary_clips_are_ffprobes(shared: Path, signer: str) -> None:
    path = sorted(shared.glob(f"letters26/[C-H]/*__{signer}__*"))[SIGNERS.index(signer) % 3]
    times, count = ffprobe(path)
    ours = times_of(path)
    assert len(ours) == count > 0
    np.testing.assert_allclose(ours, times, atol=1e-3)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_rotated_clip_comes_upright(tmp_path: Path, degrees: int) -> None:
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:20, :20] = 255  # the mark is top left as the sensor saw it
    path = tmp_path / "a.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (96, 64))
    for _ in range(3):
        writer.write(picture)
    writer.release()
    turn = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[degrees]
    content = path.read_bytes()
    # The track header holds its matrix 44 bytes after its name: a b u c d v x y w.
    matrix = content.index(b"tkhd") + 4 + 40
    a, b, c, d = (value * 0x10000 for value in turn)
    numbers = b"".join(value.to_bytes(4, "big", signed=True) for value in (a, b, 0, c, d, 0, 0, 0, 1 << 30))
    path.write_bytes(content[:matrix] + numbers + content[matrix + 36 :])
    image = decoded(path)[1][0]
    assert image is not None
    np.testing.assert_allclose(image.astype(float), np.rot90(picture, -degrees // 90), atol=40)


def test_variable_frame_rate_keeps_the_containers_times(tmp_path: Path) -> None:
    animation, durations = cv2.Animation(), [40, 200, 40, 100, 40]
    animation.frames = [np.full((64, 96, 3), 40 * number, np.uint8) for number in range(5)]
    animation.durations = durations
    cv2.imwriteanimation(str(tmp_path / "a.gif"), animation)
    np.testing.assert_allclose(times_of(tmp_path / "a.gif"), np.cumsum([0, *durations[:-1]]))


SOURCES = {
    "alpha.webm": ["-pix_fmt", "yuva420p", "-c:v", "libvpx-vp9", "-crf", "10", "-b:v", "0", "-cpu-used", "8"],
    "alpha.mov": ["-pix_fmt", "rgba", "-c:v", "png"],
    "ten.mp4": ["-pix_fmt", "yuv420p10le", "-c:v", "libx264", "-crf", "5"],
    "hevc.mp4": ["-pix_fmt", "yuv420p10le", "-c:v", "libx265", "-crf", "5", "-x265-params", "log-level=none"],
    "grey10.mkv": ["-pix_fmt", "gray10le", "-c:v", "ffv1"],
    "grey.mp4": ["-pix_fmt", "gray", "-c:v", "libx264", "-crf", "5"],
    "odd.mp4": ["-vf", "crop=161:121:0:0:exact=1", "-pix_fmt", "yuv444p", "-c:v", "libx264", "-crf", "5"],
    "odd.mov": ["-vf", "crop=161:121:0:0:exact=1", "-pix_fmt", "rgb24", "-c:v", "png"],
    "part2.avi": ["-c:v", "mpeg4", "-q:v", "2", "-bf", "2"],
    "raw.h264": ["-c:v", "libx264", "-crf", "5", "-bf", "2"],
    "vp8.webm": ["-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "16", "-crf", "4", "-b:v", "4M"],
}


@pytest.mark.parametrize("name", SOURCES)
def test_alpha_grey_ten_bits_odd_sizes_and_codecs(tmp_path: Path, ffmpeg: Callable[..., None], name: str) -> None:
    source = ["-f", "lavfi", "-i", "smptebars=size=162x122:rate=25:duration=1"]
    ffmpeg(*source, *SOURCES[name], tmp_path / name)
    ffmpeg(*source, "-frames:v", "1", "-pix_fmt", "gray" if "grey" in name else "rgb24", tmp_path / "true.png")
    times, images = decoded(tmp_path / name)
    # AVI gives B-frames' times late, and none to the last ones: what is left is the order and the rate.
    np.testing.assert_allclose(np.array(times) - times[0], np.arange(25) * 40.0)
    true = cv2.cvtColor(cv2.imread(str(tmp_path / "true.png"), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    height, width = (121, 161) if name.startswith("odd") else (122, 162)
    assert images[0] is not None
    assert images[0].shape == (height, width, 3)
    assert np.abs(images[0].astype(int) - true[:height, :width]).mean() < 12


# Every kind of field order and chroma that cameras and archives write.
INTERLACED = {
    "avchd.mts": ["-flags", "+ilme+ildct", "-c:v", "libx264", "-x264opts", "tff=1"],
    "h264.mp4": ["-flags", "+ilme+ildct", "-c:v", "libx264", "-x264opts", "bff=1"],
    "mpeg2.ts": ["-flags", "+ilme+ildct", "-c:v", "mpeg2video", "-q:v", "2", "-top", "1"],
    "dv.avi": ["-target", "pal-dv"],
    "prores.mov": ["-flags", "+ilme+ildct", "-c:v", "prores_ks", "-top", "1"],
}
PROGRESSIVE = {
    "h264.mp4": ["-c:v", "libx264", "-bf", "2"],
    "hevc.mp4": ["-c:v", "libx265", "-x265-params", "log-level=none"],
    "av1.mp4": ["-c:v", "libaom-av1", "-cpu-used", "8", "-crf", "30"],
    "vp9.webm": ["-c:v", "libvpx-vp9", "-cpu-used", "8"],
    "vp8.webm": ["-c:v", "libvpx", "-b:v", "2M"],
    "part2.avi": ["-c:v", "mpeg4", "-q:v", "2"],
    "mjpeg.avi": ["-c:v", "mjpeg", "-q:v", "2"],
    "mpeg1.mpg": ["-c:v", "mpeg1video", "-q:v", "2"],
    "wmv.wmv": ["-c:v", "wmv2", "-b:v", "2M"],
    "theora.ogv": ["-c:v", "libtheora", "-q:v", "8"],
    "flv.flv": ["-c:v", "flv", "-q:v", "2"],
    "full.mp4": ["-pix_fmt", "yuvj420p", "-c:v", "libx264"],
    "444.mp4": ["-pix_fmt", "yuv444p", "-c:v", "libx264"],
    "ten.mkv": ["-pix_fmt", "yuv420p10le", "-c:v", "libx265", "-x265-params", "log-level=none"],
    "alpha.mov": ["-pix_fmt", "yuva444p10le", "-c:v", "prores_ks"],
}


def ffmpegs(path: Path, size: tuple[int, int]) -> np.ndarray:
    """FFmpeg's own RGB frames of a file, deinterlaced where they are interlaced: (T, height, width, 3)."""
    filtered = ["-vf", "bwdif=mode=send_frame:deint=interlaced", "-pix_fmt", "rgb24", "-fps_mode", "passthrough"]
    raw = subprocess.check_output(["ffmpeg", "-v", "error", "-i", path, *filtered, "-f", "rawvideo", "-"])
    return np.frombuffer(raw, np.uint8).reshape(-1, size[1], size[0], 3)


@pytest.mark.parametrize("name", [*INTERLACED, *(f"progressive {name}" for name in PROGRESSIVE)])
def test_pictures_are_ffmpegs(tmp_path: Path, ffmpeg: Callable[..., None], name: str) -> None:
    interlaced = name in INTERLACED
    options = INTERLACED[name] if interlaced else PROGRESSIVE[name.removeprefix("progressive ")]
    size = (720, 576) if name == "dv.avi" else (160, 120)
    path = tmp_path / name.replace("progressive ", "")
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=size={size[0]}x{size[1]}:rate=25:duration=0.4", *options, path)
    with video.opened(path) as opened:
        images = [image for _, image in opened.frames()]
        assert opened.interlaced == interlaced
    true = ffmpegs(path, size)
    assert len(images) == len(true) >= 9
    # Two versions of FFmpeg differ a little in the last deinterlaced frame, and in how they enlarge 10-bit chroma.
    assert max(np.abs(ours.astype(int) - theirs).mean() for ours, theirs in zip(images, true, strict=True)) < 4


@pytest.mark.parametrize(
    ("source", "status"), [("color=black", "blank"), ("color=white,drawbox=40:40:20:20:red:fill", "frozen")]
)
def test_pictures_that_say_nothing_are_set_aside(
    tmp_path: Path, ffmpeg: Callable[..., None], source: str, status: str
) -> None:
    ffmpeg("-f", "lavfi", "-i", source, "-t", "0.4", "-c:v", "libx264", tmp_path / "a.mp4")
    found = holistic.Holistic().extract(tmp_path / "a.mp4")
    assert found.status == status
    assert "look at the file" in str(found.error)


def test_playlists_and_image_sequences_are_no_videos(tmp_path: Path, write_video: Callable[..., Path]) -> None:
    inner = write_video(tmp_path / "elsewhere" / "inner.mp4")
    texts = {
        "concat.mp4": f"ffconcat version 1.0\nfile '{inner}'\n",
        "list.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{inner}\n#EXT-X-ENDLIST\n",
        "session.mp4": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(UnreadableFile, match="a text file, not a video"), video.opened(tmp_path / name):
            pass


def test_pictures_beyond_8k_and_a_thousand_frames_a_second_are_capped(
    tmp_path: Path, ffmpeg: Callable[..., None]
) -> None:
    ffmpeg("-f", "lavfi", "-i", "color=black:size=8192x8192:rate=1:duration=1", "-c:v", "mjpeg", tmp_path / "a.avi")
    found = holistic.Holistic().extract(tmp_path / "a.avi")
    assert (found.status, len(found.keypoints)) == ("unreadable", 0)
    assert "8192×8192 pixels, more than 7680×4320" in str(found.error)
    fast = "testsrc2=size=64x64:rate=1000:duration=0.2"
    ffmpeg("-f", "lavfi", "-i", fast, "-c:v", "libx264", tmp_path / "b.mp4")
    found = holistic.Holistic(max_seconds=0.1).extract(tmp_path / "b.mp4")
    assert len(found.keypoints) == 12
    assert "only the first 0.1" in str(found.error)


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


def test_a_long_clip_is_cut_with_a_warning_and_is_what_a_short_one_would_be(
    tmp_path: Path, write_video: Callable[..., Path]
) -> None:
    path = write_video(tmp_path / "a.mp4", frames=20)
    whole, cut = holistic.Holistic().extract(path), holistic.Holistic(max_seconds=0.2).extract(path)
    assert (len(whole.keypoints), len(cut.keypoints)) == (20, 6)
    np.testing.assert_array_equal(cut.keypoints.pose, whole.keypoints.pose[:6])
    assert "only the first 0.2 of 1 seconds were looked at" in str(cut.error)
    assert "seconds" not in str(whole.error)


def test_another_cap_costs_only_the_clips_that_it_cuts(
    tmp_path: Path, write_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    extracted: list[str] = []
    extract = holistic.Holistic.extract

    def counting(self: holistic.Holistic, path: Path) -> Extraction:
        extracted.append(path.stem)
        return extract(self, path)

    monkeypatch.setattr(holistic.Holistic, "extract", counting)
    paths = [write_video(tmp_path / f"{count}.mp4", frames=count) for count in (5, 20)]
    kept = Cache(tmp_path / "cache")

    def frames_with(cap: float) -> list[int]:
        extractor = holistic.Holistic(max_seconds=cap)
        return [len(kept.extraction(path, file_digest(path)[0], extractor).keypoints) for path in paths]

    assert frames_with(0.2) == [5, 6]
    assert frames_with(0.2) == [5, 6]
    assert extracted == ["5", "20"]
    assert frames_with(0.4) == [5, 11]
    assert frames_with(60) == [5, 20]
    assert frames_with(0.4) == [5, 11]
    assert extracted == ["5", "20", "20", "20", "20"]


def test_a_file_of_which_nothing_decodes_names_its_codec(tmp_path: Path) -> None:
    found = holistic.Holistic().extract(with_bad_frames(tmp_path / "a.avi", bad=list(range(20))))
    assert (found.status, len(found.keypoints)) == ("no_frames", 0)
    assert "codec mjpeg" in str(found.error)

"""Decoding: every frame, upright, at the time that the container says."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from decoding import decoded, times_of

from signfold.core.errors import UnreadableFile
from signfold.keypoints import holistic, video

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


def ffprobe(path: Path) -> tuple[list[float], int]:
    """The times of a file's frames in milliseconds from the start of its video stream, and `-count_frames`."""
    wanted = "stream=nb_read_frames,start_time:frame=best_effort_timestamp_time"
    options = ["-v", "quiet", "-select_streams", "v:0", "-count_frames", "-show_entries", wanted, "-of", "json"]
    said = json.loads(subprocess.run(["ffprobe", *options, path], capture_output=True, text=True).stdout)
    (stream,) = said["streams"]
    start = float(stream.get("start_time", 0))
    times = [1000 * (float(frame["best_effort_timestamp_time"]) - start) for frame in said.get("frames", [])]
    return times, int(stream.get("nb_read_frames", 0))


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

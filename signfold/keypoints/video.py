"""Decoding of videos with PyAV (FFmpeg): upright RGB frames with their times, and the reason why a file gives none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.filter import Graph

from signfold.core.errors import UnreadableFile

DECODER = f"pyav {version('av')}"
# Containers that hold a video themselves: a playlist would open other files, wherever they are.
_CONTAINERS = (
    "mov,matroska,avi,mpeg,mpegts,mpegvideo,flv,gif,ogg,asf,h264,hevc,av1,obu,m4v,dv,mxf,ivf,mjpeg,swf,vc1,rm,nut"
)
# The largest picture that is decoded, in pixels: 8K.
MOST_PIXELS = 7680 * 4320
# H.264 and H.265 store a frame at most so many places from where it is shown.
_REORDERED = 16

Image = npt.NDArray[Any]


@dataclass
class Video:
    """An opened video.

    Parameters
    ----------
    container, stream
        PyAV's container and its first video stream.
    fps
        Frames per second as the container says; 0 if it does not.
    promised
        Number of frames as the container says; 0 if it does not.
    codec
        Name of the codec, such as h264.
    interlaced
        Whether a frame read so far was interlaced.
    """

    container: Any
    stream: Any
    fps: float
    promised: int
    codec: str = ""
    interlaced: bool = False

    def frames(self) -> Iterator[tuple[float, Image | None]]:
        """Yield (time in milliseconds, (height, width, 3) RGB) of each frame: upright, deinterlaced.

        Time 0 is the start of the video stream; times are the container's. A frame to which it gives none, or none
        after the one before, comes 1 / fps later. A frame that fails to decode, with others after it that do, is
        (NaN, None): it has no time and, where frames are stored out of order, comes up to a few frames early (see
        `settled`).

        Raises
        ------
        UnreadableFile
            If pictures are larger than `MOST_PIXELS`.
        """
        failed, last = 0, -np.inf
        for frame in self._deinterlaced():
            if frame is None:
                failed += 1
                continue
            for _ in range(failed):
                yield np.nan, None
            failed = 0
            time = np.nan if frame.time is None else 1000.0 * frame.time - self._start
            if not time > last:
                time = max(last, -1000 / self.fps) + 1000 / self.fps if self.fps else max(last, 0.0)
            last = time
            yield last, _upright(frame)

    def _deinterlaced(self) -> Iterator[Any]:
        """Yield the frames, through FFmpeg's bwdif filter from the first interlaced one on; None for lost ones."""
        graph: Graph | None = None
        for frame in self._decoded():
            if graph is None and frame is not None and frame.interlaced_frame:
                graph, self.interlaced = _deinterlacer(self.stream), True
            if graph is None or frame is None:
                yield frame
            else:
                graph.push(frame)
                yield from _pulled(graph)
        if graph is not None:
            graph.push(None)
            yield from _pulled(graph)

    @property
    def _start(self) -> float:
        """Return the start of the stream, in milliseconds."""
        return 1000.0 * float((self.stream.start_time or 0) * self.stream.time_base)

    def _decoded(self) -> Iterator[Any]:
        """Yield the frames; None for each packet that fails to decode."""
        for packet in self._packets():
            try:
                yield from packet.decode()
            except av.error.FFmpegError:
                yield None

    def _packets(self) -> Iterator[Any]:
        """Yield the packets up to the end, or up to where the file is cut."""
        try:
            yield from self.container.demux(self.stream)
        except av.error.FFmpegError:
            yield from ()


def _deinterlacer(stream: Any) -> Graph:
    """Return a filter that gives one progressive frame for each interlaced one, and passes the others on."""
    graph = Graph()
    graph.link_nodes(
        graph.add_buffer(template=stream),
        graph.add("bwdif", "mode=send_frame:deint=interlaced"),
        graph.add("buffersink"),
    ).configure()
    return graph


def _pulled(graph: Graph) -> Iterator[Any]:
    """Yield the frames that a filter has ready."""
    while True:
        try:
            yield graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return


def _upright(frame: Any) -> Image:
    """Return a frame's (height, width, 3) RGB, turned as the file says."""
    if frame.width * frame.height > MOST_PIXELS:
        raise UnreadableFile(f"pictures of {frame.width}×{frame.height} pixels, more than 7680×4320; scale it down")
    image = frame.to_ndarray(format="rgb24", interpolation="BICUBIC")
    turns = round(frame.rotation / 90) % 4
    # MediaPipe takes whole rows only; FFmpeg pads those of widths that are no multiple of 8.
    return np.ascontiguousarray(np.rot90(image, turns))


@contextmanager
def opened(path: str | Path) -> Iterator[Video]:
    """Open a video for reading, with one thread.

    Raises
    ------
    UnreadableFile
        If it does not open, with the reason where it is plain.
    """
    options = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}
    try:
        # The protocol by name: FFmpeg takes "a:b.mp4" for one.
        container = av.open(f"file:{Path(path).absolute()}", options=options, metadata_errors="ignore")
    except (av.error.FFmpegError, ValueError):
        raise UnreadableFile(why_unreadable(Path(path))) from None
    with container:
        if not container.streams.video:
            raise UnreadableFile(why_unreadable(Path(path)))
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "NONE", 1
        rate = stream.guessed_rate or stream.average_rate
        yield Video(container, stream, float(rate or 0.0), stream.frames, stream.codec.canonical_name)


def settled(times: list[float]) -> tuple[list[float], list[bool]]:
    """Give frames that failed to decode the times that they left free.

    A lost frame belongs into the first hole, from where it failed on, that is wide enough for one more frame at the
    clip's usual (median) distance; where there is none, into the widest hole nearby. Frames lost before the first that
    decodes, or after the last, are left out: nothing says when they were.

    Parameters
    ----------
    times
        Of each frame, in milliseconds, NaN where it failed, as `Video.frames` gives them.

    Returns
    -------
    times
        Increasing as far as those of the decoded frames are.
    decoded
        For each of them whether that frame was decoded.
    """
    known = [time for time in times if not np.isnan(time)]
    lost = _lost_by_gap(times, np.diff(known))
    out: list[float] = []
    decoded: list[bool] = []
    for place, time in enumerate(known):
        out.append(time)
        decoded.append(True)
        if lost[place]:
            out += np.linspace(time, known[place + 1], lost[place] + 2)[1:-1].tolist()
            decoded += [False] * lost[place]
    return out, decoded


def _lost_by_gap(times: list[float], gaps: npt.NDArray[Any]) -> Counter[int]:
    """Return how many lost frames belong into each gap between neighbouring decoded frames."""
    usual = max(float(np.median(gaps)), 1e-3) if len(gaps) else 1.0
    room = np.rint(gaps / usual) - 1
    lost: Counter[int] = Counter()
    decoded = 0
    for time in times:
        if not np.isnan(time):
            decoded += 1
        elif 0 < decoded <= len(gaps):
            wide = np.flatnonzero(room[decoded - 1 :] > 0)
            nearby = gaps[decoded - 1 : decoded + _REORDERED]
            gap = decoded - 1 + int(wide[0] if len(wide) else np.argmax(nearby))
            room[gap] -= 1
            lost[gap] += 1
    return lost


def why_unreadable(path: Path) -> str:
    """Say why a file does not open as a video, from its size and first bytes."""
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        return "the file is empty (zero bytes); copy it again"
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the video itself; run `git lfs pull`"
    if b"\0" not in head:
        return "a text file, not a video; give it its right name or remove it"
    return f"FFmpeg finds no video in it (the first bytes are {head[:8].hex(' ')}); copy it again or convert it"

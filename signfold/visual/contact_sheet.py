"""Pictures of a clip with its keypoints: tiles, a contact sheet, and the frames of a film."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from signfold.core.clip import PARTS, Extraction, Floats, Keypoints, seen
from signfold.core.errors import UnreadableFile
from signfold.core.settings import TensorSettings
from signfold.keypoints import video
from signfold.tensors.build import impute_parts
from signfold.tensors.imputation import longest_gap
from signfold.tensors.resample import clock
from signfold.visual import draw
from signfold.visual.draw import DETECTED, FILLED, MISSING, Picture

_MARGIN, _GAP, _HEAD = 20, 8, 66
# The picture is dimmed so that the figure stands out.
_DIMMED = 0.7
# Figures are drawn so many times as large, and shrunk: smooth lines.
_FINER = 2
_SIZE = (640, 480)  # of the ground where the video has none


@dataclass(frozen=True, eq=False)
class ClipView:
    """A clip with its keypoints, to be drawn.

    Parameters
    ----------
    name
        Name in the heading.
    path
        Path of the video; where it does not open, or is None, the figure is drawn on an empty ground.
    found
        Keypoints of every frame, at least one, with status and remark.
    settings
        Options of the tensors, of which the imputation counts.
    """

    name: str
    path: Path | None
    found: Extraction
    settings: TensorSettings

    @cached_property
    def imputed(self) -> Keypoints:
        """The keypoints with missing frames filled, as in the tensors."""
        return impute_parts(self.found.keypoints, clock(self.found.keypoints.timestamps_ms), self.settings)

    @cached_property
    def states(self) -> npt.NDArray[np.int_]:
        """(3, T) state of each part in each frame: MISSING, DETECTED or FILLED."""
        pairs = [(seen(getattr(self.found.keypoints, part)), seen(getattr(self.imputed, part))) for part in PARTS]
        return np.array([np.where(known, DETECTED, np.where(there, FILLED, MISSING)) for known, there in pairs])

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.found.keypoints)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture."""
        clip = self.found.keypoints
        return (clip.width, clip.height) if clip.width and clip.height else _SIZE

    @property
    def has_pictures(self) -> bool:
        """Whether any frame of the video decodes."""
        return next(self._decoded(), None) is not None

    def pictures(self) -> Iterator[tuple[int, Picture | None]]:
        """Yield each frame's number and its picture; None where it does not decode or there is no video."""
        due = 0
        for frame, picture in self._decoded():
            yield from ((missing, None) for missing in range(due, frame))
            yield frame, picture
            due = frame + 1
        yield from ((missing, None) for missing in range(due, len(self)))

    def _decoded(self) -> Iterator[tuple[int, Picture]]:
        """Yield number and picture of each frame that decodes, up to the first error."""
        if self.path is None:
            return
        times = self.found.keypoints.timestamps_ms
        try:
            with video.opened(self.path) as opened:
                for time, picture in opened.frames():
                    frame = int(np.searchsorted(times, time - 1e-3)) if picture is not None else len(times)
                    if picture is not None and frame < len(times):
                        yield frame, picture
        except (UnreadableFile, OSError):
            pass

    def summary(self) -> str:
        """Return one line: size and length, shares of detected frames, longest gap, imputation, remark."""
        shares = [f"{draw.NAMES[part]} {share:.0%}" for part, share in zip(PARTS, self._shares(), strict=True)]
        seconds = (self.found.keypoints.timestamps_ms[-1] - self.found.keypoints.timestamps_ms[0]) / 1000
        size = f"{self.size[0]}×{self.size[1]}, {len(self)} frames, {seconds:.1f} s"
        gap = max(longest_gap(row == DETECTED) for row in self.states[1:])
        filled = f"longest gap {gap} frames, imputation: {self.settings.imputation}"
        return "   ".join([size, "detected: " + ", ".join(shares), filled, *filter(None, [self.found.error])])

    def _shares(self) -> list[float]:
        return [float((row == DETECTED).mean()) for row in self.states]


def _points(keypoints: Keypoints, frame: int) -> dict[str, Floats]:
    return {part: getattr(keypoints, part)[frame] for part in PARTS}


def _panel(
    picture: Picture | None, size: tuple[int, int], parts: dict[str, Floats], filled: Sequence[str] = ()
) -> Picture:
    """Return the figure over a frame's dimmed picture, or over an empty ground if there is none, at a size."""
    finer = (size[0] * _FINER, size[1] * _FINER)
    if picture is None:
        panel: Picture = np.full((finer[1], finer[0], 3), draw.EMPTY, np.uint8)
    else:
        resized = cv2.resize(picture, finer, interpolation=cv2.INTER_AREA)
        panel = np.asarray(cv2.convertScaleAbs(resized, alpha=_DIMMED), np.uint8)
    draw.figure(panel, parts, filled)
    return cv2.resize(panel, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _filled(clip: ClipView, frame: int) -> list[str]:
    return [part for part, state in zip(PARTS, clip.states[:, frame], strict=True) if state == FILLED]


def _label(panel: Picture, clip: ClipView, frame: int, *, lost: bool) -> None:
    """Write the time at the bottom, and the imputed parts at the top."""
    time = clip.found.keypoints.timestamps_ms[frame] / 1000
    draw.chip(panel, f"{time:.2f} s   frame {frame}", (6, panel.shape[0] - 6))
    x = 6
    for part in _filled(clip, frame):
        x = draw.chip(panel, f"{draw.NAMES[part]} imputed", (x, 25), draw.IMPUTED, draw.INK) + 4
    if lost:
        draw.words(panel, "does not decode", (10, panel.shape[0] / 2), draw.FAINT, 15)


def tile(clip: ClipView, frame: int, picture: Picture | None, size: tuple[int, int], *, lost: bool = False) -> Picture:
    """Return one frame with the imputed figure, marked where it was imputed.

    Parameters
    ----------
    clip
        Clip of the frame.
    frame
        Number of the frame.
    picture
        (height, width, 3) RGB; None for an empty ground.
    size
        (width, height) of the result, in pixels.
    lost
        Whether the frame does not decode.
    """
    panel = _panel(picture, size, _points(clip.imputed, frame), _filled(clip, frame))
    _label(panel, clip, frame, lost=lost)
    if _filled(clip, frame):
        cv2.rectangle(panel, (1, 1), (size[0] - 2, size[1] - 2), draw.IMPUTED, 2)
    return panel


def sheet(clip: ClipView, tiles: int = 12, width: int = 1600) -> Picture:
    """Return a contact sheet: evenly spaced frames, the first and the last among them, over a strip of the whole clip.

    Parameters
    ----------
    clip
        Clip to draw.
    tiles
        Greatest number of frames.
    width
        Width of the sheet, in pixels.
    """
    chosen = np.unique(np.linspace(0, len(clip) - 1, tiles).round().astype(int))
    columns = _columns(len(chosen), clip.size[0] / clip.size[1])
    rows = -(-len(chosen) // columns)
    wide = (width - 2 * _MARGIN - (columns - 1) * _GAP) // columns
    high = round(wide * clip.size[1] / clip.size[0])
    strip = draw.strip(width - 2 * _MARGIN, clip.states)
    page = np.full((_HEAD + rows * (high + _GAP) + len(strip) + 2 * _MARGIN, width, 3), draw.PAPER, np.uint8)
    _heading(page, clip)
    shown = {frame: picture for frame, picture in clip.pictures() if frame in chosen}
    video_there = any(picture is not None for picture in shown.values())
    for place, frame in enumerate(chosen.tolist()):
        x, y = _MARGIN + place % columns * (wide + _GAP), _HEAD + place // columns * (high + _GAP)
        lost = video_there and shown[frame] is None
        page[y : y + high, x : x + wide] = tile(clip, frame, shown[frame], (wide, high), lost=lost)
    top = page.shape[0] - _MARGIN - len(strip)
    page[top : top + len(strip), _MARGIN : width - _MARGIN] = strip
    _ticks(page, clip, chosen.tolist(), top - 4, top + len(strip) + 4)
    return page


def _columns(tiles: int, aspect: float) -> int:
    """Return the number of columns that makes a sheet about 1.6 times as wide as high."""
    return min(tiles, max(1, round((tiles * 1.6 / aspect) ** 0.5)))


def _heading(page: Picture, clip: ClipView) -> None:
    draw.legend(page, (page.shape[1] - _MARGIN, 30))
    draw.words(page[:, : page.shape[1] - 420], clip.name, (_MARGIN, 30), size=20, bold=True)
    draw.words(page, clip.summary(), (_MARGIN, 54), draw.FAINT, 14)


def _ticks(page: Picture, clip: ClipView, chosen: Sequence[int], top: int, bottom: int) -> None:
    """Mark frames on the strip that lies from `top` to `bottom`."""
    for frame in chosen:
        x = _MARGIN + round((frame + 0.5) / len(clip) * (page.shape[1] - 2 * _MARGIN))
        cv2.line(page, (x, top), (x, bottom), draw.TEXT, 1, cv2.LINE_AA)


def film(clip: ClipView, height: int = 480) -> Iterator[Picture]:
    """Yield the frames of a film: as detected on the left, imputed on the right, below them a strip with a cursor.

    Parameters
    ----------
    clip
        Clip to draw.
    height
        Greatest height of the video's picture within a frame, in pixels; its width is 640 at most.
    """
    scale = min(height / clip.size[1], 640 / clip.size[0])
    wide, high = (max(2, round(side * scale)) for side in clip.size)
    width = max(2 * wide + _GAP + 2 * _MARGIN, 720) // 2 * 2
    strip = draw.strip(width - 2 * _MARGIN, clip.states)
    page = np.full(((_HEAD + high + len(strip) + 2 * _MARGIN) // 2 * 2, width, 3), draw.PAPER, np.uint8)
    _heading(page, clip)
    left = (width - 2 * wide - _GAP) // 2
    top = _HEAD + high + _MARGIN // 2
    page[top : top + len(strip), _MARGIN : width - _MARGIN] = strip
    some = False
    for frame, picture in clip.pictures():
        some = some or picture is not None
        shown = page.copy()
        raw = _panel(picture, (wide, high), _points(clip.found.keypoints, frame))
        draw.chip(raw, "as detected", (6, high - 6))
        filled = tile(clip, frame, picture, (wide, high), lost=some and picture is None)
        draw.chip(filled, "imputed", (wide - draw.width_of("imputed", 12, bold=True) - 18, high - 6))
        for x, panel in ((left, raw), (left + wide + _GAP, filled)):
            shown[_HEAD : _HEAD + high, x : x + wide] = panel
        _ticks(shown, clip, [frame], top - 4, top + len(strip) + 4)
        yield shown

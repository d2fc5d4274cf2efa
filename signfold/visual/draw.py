"""Drawing: the figure of a person over a picture, words, and a strip that shows a whole clip at a glance.

Pictures are (height, width, 3) uint8, RGB, and are drawn into.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from signfold.core.clip import PARTS, Floats
from signfold.core.skeleton import HAND, POSE, SIDES, layout

Picture = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

PAPER: Colour = (20, 24, 31)
EMPTY: Colour = (47, 54, 66)
INK: Colour = (10, 12, 16)
TEXT: Colour = (238, 241, 245)
FAINT: Colour = (152, 161, 174)
IMPUTED: Colour = (255, 72, 146)
COLOURS: dict[str, Colour] = {"pose": (232, 236, 241), "left_hand": (64, 190, 255), "right_hand": (255, 183, 50)}
NAMES = {"pose": "body", "left_hand": "left hand", "right_hand": "right hand"}
# States of a part in a frame.
MISSING, DETECTED, FILLED = 0, 1, 2

_BODY = (
    "left_shoulder-right_shoulder left_shoulder-left_elbow left_elbow-left_wrist right_shoulder-right_elbow "
    "right_elbow-right_wrist left_shoulder-left_hip right_shoulder-right_hip left_hip-right_hip left_ear-left_eye "
    "left_eye-nose nose-right_eye right_eye-right_ear mouth_left-mouth_right"
)
_SHIFT = 4  # bits of fraction in OpenCV's coordinates


@cache
def drawn_bones(part: str) -> tuple[tuple[int, int], ...]:
    """Return the pairs of joints of a part, as in `signfold.core.clip.PARTS`, between which a line is drawn."""
    if part == "pose":
        return tuple((POSE.index(a), POSE.index(b)) for a, b in (bone.split("-") for bone in _BODY.split()))
    prefix = f"{SIDES[0]}_hand_"
    pairs = [pair for pair in layout("hands_arms_46").bones if all(name.startswith(prefix) for name in pair)]
    return tuple((HAND.index(a.removeprefix(prefix)), HAND.index(b.removeprefix(prefix))) for a, b in pairs)


def figure(picture: Picture, parts: Mapping[str, Floats], imputed: Collection[str] = ()) -> None:
    """Draw the parts of a person in one frame.

    Parameters
    ----------
    picture
        Picture to draw into.
    parts
        (joints, 2 or more) image-normalised x, y, ... of each part; NaN where it is missing.
    imputed
        Names of imputed parts: drawn in another colour, with hollow joints.
    """
    size = np.array(picture.shape[1::-1])
    unit = max(1.0, min(size) / 280)
    for part in PARTS:
        points = parts[part][:, :2]
        if not np.isnan(points).any():
            colour = IMPUTED if part in imputed else COLOURS[part]
            width = unit * (1.6 if part == "pose" else 1.1)
            _lines(picture, points * size, drawn_bones(part), width + 0.9 * unit, INK)
            _lines(picture, points * size, drawn_bones(part), width, colour)
            _dots(picture, points * size, drawn_bones(part), 1.1 * width, colour, hollow=part in imputed)


def _fixed(point: Floats) -> tuple[int, int]:
    x, y = np.clip(point, -1e4, 1e4) * 2**_SHIFT
    return round(float(x)), round(float(y))


def _lines(picture: Picture, points: Floats, pairs: Sequence[tuple[int, int]], width: float, colour: Colour) -> None:
    for a, b in pairs:
        cv2.line(picture, _fixed(points[a]), _fixed(points[b]), colour, max(1, round(width)), cv2.LINE_AA, _SHIFT)


def _dots(
    picture: Picture, points: Floats, pairs: Sequence[tuple[int, int]], radius: float, colour: Colour, *, hollow: bool
) -> None:
    for joint in sorted({joint for pair in pairs for joint in pair}):
        centre = _fixed(points[joint])
        cv2.circle(picture, centre, round(1.3 * radius * 2**_SHIFT), INK, -1, cv2.LINE_AA, _SHIFT)
        cv2.circle(picture, centre, round(radius * 2**_SHIFT), colour, -1, cv2.LINE_AA, _SHIFT)
        if hollow:
            cv2.circle(picture, centre, round(0.5 * radius * 2**_SHIFT), INK, -1, cv2.LINE_AA, _SHIFT)


@cache
def _font() -> cv2.FontFace:
    return cv2.FontFace("sans")


def words(
    picture: Picture, text: str, at: tuple[float, float], colour: Colour = TEXT, size: int = 15, *, bold: bool = False
) -> int:
    """Write one line, cut to what fits, from the left end `at` of its base line; return the x where it ends."""
    x, y = round(at[0]), round(at[1])
    weight = 600 if bold else 400
    shown = text
    while shown and x + width_of(shown, size, bold=bold) > picture.shape[1] - 4:
        text = text[:-1]
        shown = f"{text}…" if text else ""
    if not shown:
        return x
    return int(cv2.putText(picture, shown, (x, y), colour, _font(), size, weight)[0][0])


def width_of(text: str, size: int, *, bold: bool = False) -> int:
    """Return the width of a text as `words` writes it, in pixels."""
    _, _, width, _ = cv2.getTextSize((10_000, 100), text, (0, 0), _font(), size, 600 if bold else 400)
    return int(width)


def legend(picture: Picture, at: tuple[float, float]) -> None:
    """Write the meaning of the colours, up to the right end `at` of the base line."""
    size = 14
    entries = [(NAMES[part], COLOURS[part]) for part in PARTS] + [("imputed", IMPUTED)]
    x = at[0] - sum(width_of(name, size) + 2.4 * size for name, _ in entries) + size
    for name, colour in entries:
        middle = _fixed(np.array([x, at[1] - 0.35 * size]))
        cv2.circle(picture, middle, round(0.36 * size * 2**_SHIFT), colour, -1, cv2.LINE_AA, _SHIFT)
        words(picture, name, (x + 0.7 * size, at[1]), FAINT, size)
        x += width_of(name, size) + 2.4 * size


def chip(picture: Picture, text: str, at: tuple[float, float], ground: Colour = PAPER, colour: Colour = TEXT) -> int:
    """Write a word on a filled ground, whose lower left corner is `at`; return the x where the ground ends."""
    size = 12
    left, bottom = round(at[0]), round(at[1])
    right, top = left + width_of(text, size, bold=True) + size, bottom - round(1.6 * size)
    cv2.rectangle(picture, (left, top), (right, bottom), ground, -1, cv2.LINE_AA)
    words(picture, text, (left + size / 2, bottom - 0.45 * size), colour, size, bold=True)
    return right


def strip(width: int, states: npt.NDArray[np.int_]) -> Picture:
    """Return a strip that shows a clip from left to right: a row for body, left hand, right hand.

    Parameters
    ----------
    width
        Width of the strip, in pixels.
    states
        (3, T) MISSING, DETECTED or FILLED, in the order of `PARTS`.
    """
    row, gap = 7, 3  # pixels
    picture = np.full((len(states) * (row + gap) - gap, width, 3), PAPER, np.uint8)
    frame = np.minimum(np.arange(width) * states.shape[1] // width, states.shape[1] - 1)
    for place, (part, state) in enumerate(zip(PARTS, states, strict=True)):
        palette = np.array([EMPTY, COLOURS[part], IMPUTED], np.uint8)
        picture[place * (row + gap) :][:row] = palette[state[frame]]
    return picture

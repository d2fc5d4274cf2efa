"""Drawing keypoints: the figure over a picture, words, and a strip that shows a whole clip at a glance.

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
REPAIRED: Colour = (255, 72, 146)
COLOURS: dict[str, Colour] = {"pose": (232, 236, 241), "left_hand": (64, 190, 255), "right_hand": (255, 183, 50)}
NAMES = {"pose": "body", "left_hand": "left hand", "right_hand": "right hand"}
# What a frame of a part is, in a strip.
MISSING, DETECTED, FILLED = 0, 1, 2

_BODY = (
    "left_shoulder-right_shoulder left_shoulder-left_elbow left_elbow-left_wrist right_shoulder-right_elbow "
    "right_elbow-right_wrist left_shoulder-left_hip right_shoulder-right_hip left_hip-right_hip left_ear-left_eye "
    "left_eye-nose nose-right_eye right_eye-right_ear mouth_left-mouth_right"
)
_SHIFT = 4  # bits of fraction in OpenCV's coordinates


@cache
def bones(part: str) -> tuple[tuple[int, int], ...]:
    """Return the pairs of joints of a part, as in `signfold.core.clip.PARTS`, between which a line is drawn."""
    if part == "pose":
        return tuple((POSE.index(a), POSE.index(b)) for a, b in (bone.split("-") for bone in _BODY.split()))
    prefix = f"{SIDES[0]}_hand_"
    pairs = [pair for pair in layout("hands_arms_46").bones if all(name.startswith(prefix) for name in pair)]
    return tuple((HAND.index(a.removeprefix(prefix)), HAND.index(b.removeprefix(prefix))) for a, b in pairs)


def figure(picture: Picture, parts: Mapping[str, Floats], repaired: Collection[str] = ()) -> None:
    """Draw what is known of a person in one frame.

    Parameters
    ----------
    picture
        Where.
    parts
        For each part (joints, 2 or more) image-normalised x, y, ...; NaN where it is missing.
    repaired
        The parts that were filled in: drawn in another colour, their joints hollow.
    """
    size = np.array(picture.shape[1::-1])
    unit = max(1.0, min(size) / 280)
    for part in PARTS:
        points = parts[part][:, :2]
        if not np.isnan(points).any():
            colour = REPAIRED if part in repaired else COLOURS[part]
            width = unit * (1.6 if part == "pose" else 1.1)
            _lines(picture, points * size, bones(part), width + 0.9 * unit, INK)
            _lines(picture, points * size, bones(part), width, colour)
            _dots(picture, points * size, bones(part), 1.1 * width, colour, hollow=part in repaired)


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
    """Write one line, cut to what fits; `at` is the left end of its base line. Returns the x where it ends."""
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
    """Return how many pixels wide `words` writes a text."""
    _, _, width, _ = cv2.getTextSize((10_000, 100), text, (0, 0), _font(), size, 600 if bold else 400)
    return int(width)


def legend(picture: Picture, at: tuple[float, float], size: int = 14) -> None:
    """Write what the colours mean; `at` is the right end of the base line."""
    entries = [(NAMES[part], COLOURS[part]) for part in PARTS] + [("repaired", REPAIRED)]
    x = at[0] - sum(width_of(name, size) + 2.4 * size for name, _ in entries) + size
    for name, colour in entries:
        middle = _fixed(np.array([x, at[1] - 0.35 * size]))
        cv2.circle(picture, middle, round(0.36 * size * 2**_SHIFT), colour, -1, cv2.LINE_AA, _SHIFT)
        words(picture, name, (x + 0.7 * size, at[1]), FAINT, size)
        x += width_of(name, size) + 2.4 * size


def chip(
    picture: Picture, text: str, at: tuple[float, float], ground: Colour = PAPER, colour: Colour = TEXT, size: int = 12
) -> int:
    """Write a word on a filled ground; `at` is the ground's lower left corner. Returns the x where the ground ends."""
    left, bottom = round(at[0]), round(at[1])
    right, top = left + width_of(text, size, bold=True) + size, bottom - round(1.6 * size)
    cv2.rectangle(picture, (left, top), (right, bottom), ground, -1, cv2.LINE_AA)
    words(picture, text, (left + size / 2, bottom - 0.45 * size), colour, size, bold=True)
    return right


def strip(width: int, states: npt.NDArray[np.int_], row: int = 7, gap: int = 3) -> Picture:
    """Return a strip that shows a clip from left to right: a row for body, left hand, right hand.

    Parameters
    ----------
    width
        In pixels.
    states
        (3, T) of MISSING, DETECTED, FILLED, in the order of `PARTS`.
    row, gap
        Height of a row and of what is between them, in pixels.
    """
    picture = np.full((len(states) * (row + gap) - gap, width, 3), PAPER, np.uint8)
    frame = np.minimum(np.arange(width) * states.shape[1] // width, states.shape[1] - 1)
    for place, (part, state) in enumerate(zip(PARTS, states, strict=True)):
        palette = np.array([EMPTY, COLOURS[part], REPAIRED], np.uint8)
        picture[place * (row + gap) :][:row] = palette[state[frame]]
    return picture

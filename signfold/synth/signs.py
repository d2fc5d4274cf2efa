"""The invented signs: where the hands go, how they turn, and what shape they have.

Everything is told for a right-handed signer's dominant hand. Places are those of the wrist, in shoulder widths from the
middle of the shoulders: x away from the body's midline (negative on the dominant side of the picture), y up, z towards
the viewer. Angles are degrees.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

# What is interpolated over time: the wrist's place, three turns, and eleven numbers of hand shape (see `hand.points`).
PARTS = (
    "x y z tilt yaw pitch index middle ring pinky spread thumb_side_1 thumb_front_1 thumb_side_2 thumb_front_2 "
    "thumb_side_3 thumb_front_3"
).split()

# Curl of four fingers (0 straight, 1 in the palm), spread (1 wide), and for each bone of the thumb its angle from the
# fingers' direction sideways and forward out of the palm.
_ALONG = (46, 22, 16, 12, 8, 8)
_OUT = (62, 18, 52, 8, 46, 4)
_ACROSS = (34, 46, -22, 34, -64, 6)
_FOLDED = (30, 40, -18, 44, -62, 8)
_MEETS = (40, 44, 6, 48, -8, 40)
SHAPES: dict[str, tuple[float, ...]] = {
    "relaxed": (0.24, 0.28, 0.32, 0.36, 0.10, 42, 30, 18, 24, 8, 16),
    "flat": (0.02, 0.0, 0.0, 0.02, 0.05, *_ALONG),
    "five": (0.03, 0.0, 0.02, 0.04, 0.85, *_OUT),
    "claw": (0.36, 0.36, 0.36, 0.36, 0.80, 58, 30, 40, 34, 24, 40),
    "fist": (0.97, 1.0, 1.0, 0.98, 0.0, *_ACROSS),
    "point": (0.0, 0.98, 1.0, 1.0, 0.0, *_FOLDED),
    "vee": (0.0, 0.0, 0.98, 1.0, 0.62, *_FOLDED),
    "call": (0.97, 1.0, 0.97, 0.0, 0.35, *_OUT),
    "thumb": (0.97, 1.0, 1.0, 0.98, 0.0, 70, 10, 64, 4, 58, 0),
    "pinch": (0.46, 0.12, 0.10, 0.10, 0.50, *_MEETS),
    "open_pinch": (0.16, 0.10, 0.08, 0.08, 0.50, 58, 30, 44, 24, 34, 16),
}


@dataclass(frozen=True)
class Key:
    """A moment of a sign: wrist at `place`, hand turned by `turn` (tilt, yaw, pitch), fingers in `shape`.

    Tilt turns the hand in the picture plane (0 = fingers up, positive = towards the midline), yaw about the fingers'
    direction (0 = palm to the viewer, 180 = back to the viewer), pitch tips the fingers towards the viewer.
    """

    place: tuple[float, float, float]
    turn: tuple[float, float, float]
    shape: str

    def values(self) -> npt.NDArray[np.float64]:
        """Return the numbers that `PARTS` names."""
        return np.array([*self.place, *self.turn, *SHAPES[self.shape]])


@dataclass(frozen=True)
class Wave:
    """A repeated movement of one of `PARTS`: `size` times the sine of `cycles` turns, starting at `phase` turns."""

    part: str
    size: float
    cycles: float
    phase: float = 0.0


@dataclass(frozen=True)
class Sign:
    """A sign: keys at even intervals, repeated movements on top, and what the other hand does meanwhile."""

    keys: tuple[Key, ...]
    waves: tuple[Wave, ...] = ()
    other: Literal["rests", "mirrors", "alternates"] = "rests"


REST = Key((-0.66, -1.32, 0.12), (176, -118, 6), "relaxed")


def _in_shape(sign: Sign, shape: str) -> Sign:
    """Return a sign's minimal pair: the same movement with another hand shape."""
    return replace(sign, keys=tuple(replace(key, shape=shape) for key in sign.keys))


def _with_waves(sign: Sign, *waves: Wave) -> Sign:
    """Return a sign's minimal pair: the same hand at the same place, moved in another way."""
    return replace(sign, waves=waves)


def _moved(sign: Sign, by: tuple[float, float, float]) -> Sign:
    """Return a sign's minimal pair: the same hand at another place."""
    x, y, z = by
    places = [(key.place[0] + x, key.place[1] + y, key.place[2] + z) for key in sign.keys]
    return replace(sign, keys=tuple(replace(key, place=to) for key, to in zip(sign.keys, places, strict=True)))


# YES: a fist nods in front of the shoulder.
_YES = Sign((Key((-0.52, -0.22, 0.50), (2, 8, 4), "fist"),), (Wave("pitch", 26, 2.5), Wave("y", -0.10, 2.5)))
# WHERE: a raised finger wags.
_WHERE = Sign((Key((-0.42, -0.20, 0.55), (4, 2, 2), "point"),), (Wave("tilt", 20, 3), Wave("x", 0.10, 3)))
# THANKS: a flat hand comes down from the chin.
_THANKS = Sign(
    (
        Key((-0.22, -0.36, 0.55), (10, 6, 2), "flat"),
        Key((-0.24, -0.36, 0.56), (10, 6, 2), "flat"),
        Key((-0.52, -0.74, 0.75), (4, 2, 30), "flat"),
    )
)
# PHONE: thumb and little finger, beside the ear.
_PHONE = Sign((Key((-0.62, 0.16, 0.40), (-16, 0, 2), "call"),), (Wave("tilt", 9, 2), Wave("z", 0.05, 2)))
# RAIN: both hands come down twice, fingers spread.
_RAIN = Sign(
    (
        Key((-0.56, 0.22, 0.50), (-4, 0, 6), "claw"),
        Key((-0.58, -0.48, 0.55), (-10, 0, 12), "claw"),
        Key((-0.56, 0.18, 0.50), (-4, 0, 6), "claw"),
        Key((-0.58, -0.52, 0.55), (-10, 0, 12), "claw"),
    ),
    (Wave("index", 0.12, 5), Wave("middle", 0.12, 5, 0.3), Wave("ring", 0.12, 5, 0.6)),
    "mirrors",
)
# ALL: a flat hand draws a wide circle.
_ALL = Sign(
    (Key((-0.56, -0.20, 0.55), (0, 0, 4), "flat"),),
    (Wave("x", 0.30, 1.5), Wave("y", 0.30, 1.5, 0.25)),
)
# BIG: two flat hands move apart at chest height.
_BIG = Sign(
    (
        Key((-0.24, -0.50, 0.60), (-2, 0, 4), "flat"),
        Key((-0.26, -0.50, 0.60), (-2, 0, 4), "flat"),
        Key((-0.98, -0.36, 0.50), (-24, 0, 4), "flat"),
        Key((-1.00, -0.36, 0.50), (-26, 0, 4), "flat"),
    ),
    other="mirrors",
)

# The number of a sign, from 1, is its place here; config/datasets/demo.yaml has the names.
SIGNS: tuple[Sign, ...] = (
    # HELLO: an open hand waves beside the head.
    Sign((Key((-0.74, 0.10, 0.40), (-4, 0, 4), "five"),), (Wave("tilt", 22, 2.5), Wave("x", 0.07, 2.5))),
    _YES,
    # NO: as YES, from side to side.
    _with_waves(_YES, Wave("tilt", 20, 2.5), Wave("x", 0.10, 2.5)),
    _WHERE,
    # WHEN: as WHERE, with two fingers.
    _in_shape(_WHERE, "vee"),
    _ALL,
    # AGAIN: as ALL, the other way round.
    _with_waves(_ALL, Wave("x", 0.30, 1.5), Wave("y", -0.30, 1.5, 0.25)),
    _THANKS,
    # PLEASE: as THANKS, from the chest.
    _moved(_THANKS, (0.0, -0.26, 0.0)),
    _RAIN,
    # SNOW: as RAIN, with open hands.
    _in_shape(_RAIN, "five"),
    _PHONE,
    # DRINK: as PHONE, beside the mouth.
    _moved(_PHONE, (0.28, -0.14, 0.08)),
    _BIG,
    # STRONG: as BIG, with fists.
    _in_shape(_BIG, "fist"),
    # LOOK: two fingers go from the eyes outwards.
    Sign(
        (
            Key((-0.30, 0.00, 0.55), (10, 4, 2), "vee"),
            Key((-0.42, 0.02, 0.60), (0, 2, 4), "vee"),
            Key((-1.00, -0.10, 0.55), (-26, 0, 8), "vee"),
            Key((-1.02, -0.12, 0.55), (-28, 0, 8), "vee"),
        )
    ),
    # WORLD: two fists circle around each other.
    Sign(
        (Key((-0.44, -0.48, 0.60), (4, 4, 4), "fist"),),
        (Wave("x", 0.16, 2), Wave("y", 0.24, 2, 0.25)),
        "alternates",
    ),
    # PROUD: a raised thumb goes up the chest.
    Sign((Key((-0.52, -0.72, 0.60), (70, 176, 0), "thumb"), Key((-0.52, -0.10, 0.55), (62, 176, 0), "thumb"))),
    # BIRD: finger and thumb open and close beside the mouth.
    Sign(
        tuple(
            Key((-0.40, -0.18, 0.60), (8, 10, 6), shape)
            for shape in ("pinch", "open_pinch", "pinch", "open_pinch", "pinch")
        )
    ),
    # SAME: two forefingers come together, twice.
    Sign(
        tuple(Key((x, -0.40, 0.60), (4, 0, 4), "point") for x in (-0.56, -0.15, -0.50, -0.15)),
        other="mirrors",
    ),
    # WAIT: two open hands, fingers rippling.
    Sign(
        (Key((-0.66, -0.34, 0.55), (-16, 0, 4), "five"),),
        tuple(Wave(finger, 0.22, 3, 0.15 * place) for place, finger in enumerate(("index", "middle", "ring", "pinky"))),
        "mirrors",
    ),
)

"""Drawing heads.

Lengths are in heights of the head, from its middle, y down: the crown is near -0.5 and the chin at 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from signfold.synth.canvas import Canvas, closed, smooth
from signfold.synth.limbs import Paint
from signfold.synth.relief import Array
from signfold.synth.signers import Signer

MARGIN = 0.95  # from the middle of the head to the sprite's edges
DROP = 0.55  # from the middle of the head to the point about which it turns

_FACE = [(0.0, -0.47), (0.20, -0.45), (0.335, -0.30), (0.365, -0.08), (0.350, 0.12), (0.290, 0.30), (0.172, 0.44)]
_FACE += [(0.078, 0.498), (0.0, 0.507)]
# MediaPipe's names of the points of the face, for the signer's left, which is on the right of the picture.
LANDMARKS = {"eye_inner": (0.105, 0.0), "eye": (0.163, -0.002), "eye_outer": (0.222, -0.004), "ear": (0.375, 0.045)}
MOUTH, NOSE = (0.112, 0.279), (0.0, 0.150)
_SHORT = [(0.0, -0.60), (0.22, -0.565), (0.36, -0.44), (0.415, -0.25), (0.41, -0.09), (0.375, -0.05), (0.352, -0.20)]
_SHORT += [(0.27, -0.315), (0.10, -0.335), (0.0, -0.32)]
_TIED = [(0.0, -0.575), (0.22, -0.54), (0.35, -0.42), (0.405, -0.22), (0.405, -0.06), (0.365, 0.0), (0.345, -0.15)]
_TIED += [(0.24, -0.33), (0.10, -0.395), (0.0, -0.40)]
# Parted: the hair falls to both sides from a line beside the middle.
_PARTED: list[tuple[float, float]] = [
    (0.06, -0.61),
    (0.25, -0.56),
    (0.375, -0.43),
    (0.43, -0.22),
    (0.43, -0.02),
    (0.395, 0.16),
    (0.365, 0.0),
]
_PARTED += [(0.335, -0.17), (0.22, -0.30), (0.11, -0.42), (-0.05, -0.33), (-0.22, -0.235), (-0.335, -0.10)]
_PARTED += [(-0.365, 0.02), (-0.395, 0.16), (-0.43, -0.02), (-0.43, -0.22), (-0.375, -0.43), (-0.22, -0.57)]
_CAPS = {"short": closed(_SHORT), "bun": closed(_TIED), "curls": closed(_TIED), "long": _PARTED, "bob": _PARTED}
_CAPS["side"] = [(x, y if y < -0.12 else -0.12 + (y + 0.12) * 0.35) for x, y in _PARTED]
_BEHIND = {
    "long": [(0.0, -0.60), (0.25, -0.555), (0.40, -0.40), (0.455, -0.16), (0.475, 0.12), (0.49, 0.42), (0.47, 0.74)],
    "bob": [(0.0, -0.59), (0.25, -0.55), (0.40, -0.39), (0.46, -0.14), (0.478, 0.10), (0.475, 0.30), (0.41, 0.40)],
    "bun": [(0.0, -0.56), (0.23, -0.53), (0.39, -0.33), (0.385, -0.02), (0.2, 0.1)],
}
_ENDS = {"long": [(0.36, 0.80), (0.0, 0.72)], "bob": [(0.2, 0.36), (0.0, 0.36)], "bun": [(0.0, 0.1)]}
_KNOT = [(0.0, -0.80), (0.13, -0.76), (0.16, -0.64), (0.10, -0.53), (0.0, -0.5)]


@dataclass(frozen=True)
class Tints:
    """Colours derived from a signer's hair, as (3,) BGR arrays."""

    hair: Array
    hair_shadow: Array
    brow: Array


def head_sprite(signer: Signer, paint: Paint, eyes_closed: bool) -> Array:
    """Return the sprite (4, S, S) of a head, its middle in the sprite's middle."""
    unit = signer.head * signer.unit
    size = 2 * round(MARGIN * unit)
    canvas = Canvas.empty(size, size, (size / 2, size / 2), unit, signer.light)
    hair = np.array(signer.hair, np.float32)
    tints = Tints(hair, hair * np.float32(0.42), hair * np.float32(0.72))
    _hair_behind(canvas, signer, tints)
    _ears(canvas, paint)
    canvas.shape(closed(_FACE), paint.skin, paint.skin_shadow, cushion=0.24)
    face = canvas.mask(smooth(closed(_FACE)))
    _cheeks(canvas, paint, face)
    if signer.beard:
        _beard(canvas, tints, face)
    for side in (-1, 1):
        _eye(canvas, paint, tints, side, eyes_closed)
        if signer.glasses:
            _glass(canvas, side)
    _nose(canvas, paint, signer)
    _mouth(canvas, paint)
    _hair_before(canvas, signer, tints, face)
    return canvas.sprite()


def _ears(canvas: Canvas, paint: Paint) -> None:
    for side in (-1, 1):
        ear = [(0.33, -0.07), (0.40, -0.09), (0.43, -0.02), (0.41, 0.08), (0.375, 0.145), (0.335, 0.12)]
        canvas.shape([(side * x, y) for x, y in ear], paint.skin, paint.skin_shadow, cushion=0.07)
        fold = [(side * 0.365, -0.045), (side * 0.405, -0.02), (side * 0.39, 0.06)]
        canvas.line(fold, paint.skin_shadow, (0.006, 0.016, 0.004), 0.45)


def _cheeks(canvas: Canvas, paint: Paint, face: Array) -> None:
    """Warm the cheeks, and hollow the eye sockets a little."""
    blush = paint.skin * np.array([0.78, 0.76, 1.0], np.float32)
    for side in (-1, 1):
        cheek = [(side * x, y) for x, y in ((0.21, 0.10), (0.30, 0.16), (0.22, 0.24), (0.13, 0.17))]
        canvas.shape(cheek, blush, opacity=0.55, within=face, soft=0.045)
        socket = [(side * x, y) for x, y in ((0.07, -0.06), (0.16, -0.085), (0.26, -0.04), (0.16, 0.03))]
        canvas.shape(socket, paint.skin_shadow, opacity=0.26, within=face, soft=0.025)
    canvas.shape([(-0.1, 0.36), (0.1, 0.36), (0.0, 0.395)], paint.skin_shadow, opacity=0.28, within=face, soft=0.018)


def _eye(canvas: Canvas, paint: Paint, tints: Tints, side: int, closed: bool) -> None:
    """Draw an eye with its lid and brow."""
    upper = [(0.098, 0.008), (0.125, -0.026), (0.166, -0.040), (0.205, -0.026), (0.230, -0.002)]
    lower = [(0.205, 0.020), (0.166, 0.030), (0.125, 0.020)]
    lid = [(side * x, y) for x, y in upper]
    dark = tints.hair_shadow * np.float32(0.5) + np.float32(12)
    if closed:
        canvas.line([(side * x, y * -0.55 + 0.004) for x, y in upper], dark, (0.008, 0.018, 0.018, 0.008))
    else:
        outline = lid + [(side * x, y) for x, y in lower]
        canvas.shape(outline, np.array([236, 240, 243], np.float32))
        white = canvas.mask(smooth(outline))
        canvas.disc((side * 0.164, -0.004), 0.036, np.array([42, 66, 96], np.float32), white)
        canvas.disc((side * 0.164, -0.004), 0.019, np.array([14, 14, 18], np.float32), white)
        canvas.disc((side * 0.164 - 0.012, -0.017), 0.008, np.array([255, 255, 255], np.float32), white)
        canvas.line(lid, dark, (0.010, 0.020, 0.022, 0.014))
        canvas.line([(x, y - 0.026) for x, y in lid[1:]], paint.skin_shadow, (0.004, 0.009, 0.004), 0.6)
    brow = [(0.078, -0.108), (0.15, -0.142), (0.215, -0.135), (0.262, -0.098)]
    canvas.line([(side * x, y) for x, y in brow], tints.brow, (0.030, 0.036, 0.030, 0.008), 0.95)


def _nose(canvas: Canvas, paint: Paint, signer: Signer) -> None:
    """Shade the side of the nose away from the light, and its tip."""
    away = -1.0 if signer.light.direction[0] > 0 else 1.0
    ridge = [(0.022, -0.05), (0.034, 0.04), (0.060, 0.13), (0.058, 0.175), (0.012, 0.12)]
    canvas.shape([(away * x, y) for x, y in ridge], paint.skin_shadow, opacity=0.36, soft=0.012)
    canvas.shape(
        closed([(0.0, 0.165), (0.045, 0.172), (0.035, 0.196), (0.0, 0.203)]), paint.skin_shadow, opacity=0.5, soft=0.01
    )
    bright = paint.skin + (255 - paint.skin) * np.float32(0.4)
    canvas.shape(closed([(0.0, 0.10), (0.022, 0.13), (0.0, 0.158)]), bright, opacity=0.5, soft=0.012)
    for side in (-1, 1):
        nostril = [(side * x, y) for x, y in ((0.018, 0.184), (0.034, 0.176), (0.046, 0.184))]
        canvas.line(nostril, paint.skin_shadow * np.float32(0.6), (0.004, 0.016, 0.006), 0.85)


def _mouth(canvas: Canvas, paint: Paint) -> None:
    lip = paint.skin * np.array([0.62, 0.58, 0.90], np.float32)
    canvas.shape(
        closed([(0.0, 0.262), (0.030, 0.254), (0.075, 0.266), (0.114, 0.276), (0.06, 0.296), (0.0, 0.298)]),
        lip * np.float32(0.92),
    )
    canvas.shape(closed([(0.0, 0.297), (0.06, 0.295), (0.110, 0.278), (0.068, 0.324), (0.0, 0.338)]), lip)
    canvas.shape(
        closed([(0.0, 0.306), (0.035, 0.309), (0.0, 0.320)]),
        lip + (255 - lip) * np.float32(0.35),
        opacity=0.6,
        soft=0.008,
    )
    seam = [(-0.120, 0.271), (-0.06, 0.293), (0, 0.297), (0.06, 0.293), (0.120, 0.271)]
    canvas.line(seam, lip * np.float32(0.45), (0.006, 0.010, 0.009, 0.010, 0.006))


def _glass(canvas: Canvas, side: int) -> None:
    frame = np.array([38, 32, 30], np.float32)
    angle = np.linspace(0, 2 * np.pi, 17)
    ring = [(side * 0.165 + 0.098 * np.cos(a), 0.005 + 0.083 * np.sin(a)) for a in angle]
    canvas.line(ring, frame, (0.014, 0.014))
    canvas.line([(side * 0.263, -0.01), (side * 0.32, -0.02), (side * 0.365, -0.025)], frame, (0.014, 0.012))
    canvas.line([(side * 0.068, 0.0), (side * 0.03, -0.012), (0, -0.014)], frame, (0.012, 0.012))


def _beard(canvas: Canvas, tints: Tints, face: Array) -> None:
    jaw = [(0.37, 0.02), (0.36, 0.20), (0.30, 0.35), (0.18, 0.49), (0.0, 0.54)]
    lip = [(0.0, 0.205), (0.10, 0.215), (0.20, 0.265), (0.28, 0.20), (0.335, 0.04)]
    beard = closed([*lip, *jaw])
    canvas.shape(beard, tints.hair, tints.hair_shadow, cushion=0.1, opacity=0.82, within=face, soft=0.012)


def _hair_behind(canvas: Canvas, signer: Signer, tints: Tints) -> None:
    """Draw the hair behind face and ears."""
    cut = signer.haircut
    if cut == "bun":
        canvas.shape(closed(_KNOT), tints.hair, tints.hair_shadow, cushion=0.12)
    if cut == "curls":
        _curls(canvas, tints, -0.62, 0.08)
    if cut in _BEHIND:
        dim = np.float32(0.8)
        canvas.shape(closed(_BEHIND[cut] + _ENDS[cut]), tints.hair * dim, tints.hair_shadow * dim, cushion=0.14)


def _curls(canvas: Canvas, tints: Tints, top: float, bottom: float) -> None:
    """Draw a cloud of locks around the crown."""
    rng = np.random.default_rng(5)
    for angle in np.linspace(-0.2, np.pi + 0.2, 19):
        radius = 0.115 + 0.025 * rng.random()
        x, y = 0.40 * np.cos(angle), (top + 0.52) - 0.42 * np.sin(angle)
        if y > bottom:
            continue
        ring = [(x + radius * np.cos(a), y + radius * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 8, endpoint=False)]
        canvas.shape(ring, tints.hair, tints.hair_shadow, cushion=0.09)


def _hair_before(canvas: Canvas, signer: Signer, tints: Tints, face: Array) -> None:
    """Draw the hair on top of the forehead, and the shade it throws."""
    outline = _CAPS[signer.haircut]
    lower = [(x * 0.97, y + 0.035) for x, y in outline]
    canvas.shape(lower, tints.hair_shadow, opacity=0.35, within=face, soft=0.02)
    canvas.shape(outline, tints.hair, tints.hair_shadow, cushion=0.13)
    shine = tints.hair + (255 - tints.hair) * np.float32(0.35)
    toward = 1.0 if signer.light.direction[0] > 0 else -1.0
    gleam = [(toward * x, y) for x, y in ((0.05, -0.53), (0.18, -0.50), (0.30, -0.38), (0.19, -0.45))]
    canvas.shape(gleam, shine, opacity=0.5, soft=0.02)
    if signer.haircut == "curls":
        _curls(canvas, tints, -0.56, -0.30)

"""Drawing the wall and the upper body, which stay still in a clip.

Lengths are in shoulder widths, from the middle of the shoulders, y down.
"""

from __future__ import annotations

import cv2
import numpy as np

from signfold.synth.canvas import Canvas, closed, on, smooth
from signfold.synth.limbs import Paint
from signfold.synth.relief import Array
from signfold.synth.signers import HEIGHT, WIDTH, Signer

_SHIRT = [(0, -0.10), (0.12, -0.16), (0.20, -0.165), (0.33, -0.125), (0.46, -0.105), (0.58, -0.06), (0.645, 0.06)]
_SHIRT += [(0.635, 0.20), (0.53, 0.36), (0.50, 0.75), (0.49, 1.10), (0.52, 1.6), (0.53, 2.2), (0.2, 2.3), (0, 2.3)]
_NECK = [(0.0, -0.60), (0.13, -0.58), (0.150, -0.40), (0.150, -0.24), (0.175, -0.17), (0.235, -0.13)]
_NECKLINES = {
    "crew": [(0.235, -0.13), (0.19, -0.07), (0.10, -0.015), (0.0, 0.0)],
    "vee": [(0.235, -0.13), (0.18, -0.02), (0.09, 0.12), (0.0, 0.23)],
    "collar": [(0.215, -0.15), (0.15, -0.05), (0.07, 0.06), (0.0, 0.15)],
}


def wall(signer: Signer) -> Array:
    """Return the background (3, HEIGHT, WIDTH): a plain wall, lighter where the light comes from."""
    x = np.linspace(-1, 1, WIDTH, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, HEIGHT, dtype=np.float32)[:, None]
    side, up, _ = signer.light.direction
    glow = 0.055 * (x * side + y * up) - 0.05 * (x * x + y * y) + 0.02
    return np.clip(np.array(signer.wall, np.float32)[:, None, None] * (1 + glow), 0, 255)


def torso(signer: Signer, paint: Paint) -> Array:
    """Return the sprite (4, HEIGHT, WIDTH) of neck and shirt, at its place in the picture."""
    canvas = Canvas.empty(WIDTH, HEIGHT, signer.middle, signer.unit, signer.light)
    wide = signer.girth**0.5
    outline = closed([(x * wide, y) for x, y in _SHIRT])
    canvas.shape(outline, paint.shirt, paint.shirt_shadow * np.float32(1.25), cushion=0.34)
    shirt = canvas.mask(smooth(outline))
    _folds(canvas, paint, shirt)
    neck = closed([*_NECK, *_NECKLINES[signer.neckline][1:]])
    trim = closed([(x * 1.16, y * 1.0 + 0.028) for x, y in [*_NECK[3:], *_NECKLINES[signer.neckline][1:]]])
    if signer.neckline != "collar":
        canvas.shape(trim, paint.shirt * np.float32(0.80), within=shirt)
    canvas.shape(neck, paint.skin, paint.skin_shadow, cushion=0.13)
    _throat(canvas, paint, signer)
    if signer.neckline == "collar":
        _collar(canvas, paint)
    return canvas.sprite()


def _throat(canvas: Canvas, paint: Paint, signer: Signer) -> None:
    """Shade the neck below the chin, and hint at the collar bones."""
    solid = canvas.pixels[3].copy()
    neck = canvas.mask(closed([*_NECK, (0.16, -0.05), (0.0, -0.03)]))
    canvas.shape(
        [(-0.2, -0.6), (0.2, -0.6), (0.19, -0.25), (0.0, -0.175), (-0.19, -0.25)],
        paint.skin_shadow,
        opacity=0.62,
        within=solid * neck,
        soft=0.022,
    )
    if signer.neckline == "vee":
        for side in (-1, 1):
            bone = [(side * 0.03, -0.012), (side * 0.09, -0.04), (side * 0.15, -0.058)]
            canvas.line(bone, paint.skin_shadow, (0.004, 0.012, 0.002), 0.4)


def _folds(canvas: Canvas, paint: Paint, shirt: Array) -> None:
    """Put soft folds where the arms join and at the waist."""
    shade = paint.shirt_shadow
    for side in (-1, 1):
        for start, end, width in (
            ((0.43, 0.30), (0.24, 0.52), 0.030),
            ((0.46, 0.42), (0.33, 0.66), 0.026),
            ((0.48, 1.02), (0.22, 1.16), 0.030),
            ((0.49, 1.20), (0.30, 1.36), 0.024),
        ):
            middle = ((start[0] + end[0]) / 2 + 0.03, (start[1] + end[1]) / 2 + 0.02)
            fold = [(side * x, y) for x, y in (start, middle, end)]
            lens = [*fold, (side * (middle[0] - width), middle[1] - width)]
            canvas.shape(lens, shade, opacity=0.35, within=shirt, soft=0.012)


def _collar(canvas: Canvas, paint: Paint) -> None:
    """Add a shirt collar with a row of buttons."""
    light = np.clip(paint.shirt * np.float32(1.12), 0, 255)
    canvas.line([(0, 0.15), (0, 0.8), (0, 2.2)], paint.shirt_shadow, (0.008, 0.008), 0.5)
    for y in (0.30, 0.58, 0.86, 1.14):
        canvas.disc((0.028, y), 0.017, light)
        canvas.disc((0.028, y), 0.006, paint.shirt_shadow)
    for side in (-1, 1):
        leaf = [(0.20, -0.225), (0.245, -0.14), (0.235, -0.02), (0.165, 0.13), (0.07, 0.085), (0.0, 0.15), (0.09, 0.0)]
        leaf = [(side * x, y) for x, y in [*leaf, (0.165, -0.12)]]
        canvas.shape([(x + 0.006 * side, y + 0.02) for x, y in leaf], paint.shirt_shadow, opacity=0.5, soft=0.012)
        canvas.shape(leaf, light, paint.shirt * np.float32(0.62), cushion=0.05)


def stand(picture: Array, signer: Signer, body: Array) -> None:
    """Draw an upper body, as `torso` gives it, and its soft shadow onto a picture of shape (3, HEIGHT, WIDTH)."""
    side = -26 if signer.light.direction[0] > 0 else 26
    cover = cv2.copyMakeBorder(body[3], 0, 120, 0, 0, cv2.BORDER_REPLICATE)
    moved = cv2.warpAffine(cover, np.array([[1, 0, side], [0, 1, 16]], np.float32), cover.shape[::-1])
    picture *= 1 - 0.16 * cv2.GaussianBlur(moved, (0, 0), 22)[:HEIGHT]
    on(picture, body, 0, 0)

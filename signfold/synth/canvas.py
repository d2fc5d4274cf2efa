"""A canvas for sprites: smooth shapes, filled and modelled.

Shapes are smooth closed curves. A shape's inside is taken for a cushion whose slope falls from its outline inwards, and
is lit like the arms are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

from signfold.synth import relief
from signfold.synth.relief import Array, Light

FINER = 3  # portraits are drawn so many times as fine as the picture, and shrunk
SUBPIXEL = 4  # bits of fraction in OpenCV's integer coordinates

Curve = Sequence[tuple[float, float]]
Points = npt.NDArray[np.float64]


@dataclass
class Canvas:
    """A transparent canvas for one sprite: `pixels` of shape (4, H, W), premultiplied BGR and alpha 0..1.

    Coordinates of its methods are in units of `unit` fine pixels from `origin` (fine pixels), y down.
    """

    pixels: Array
    origin: tuple[float, float]
    unit: float
    light: Light

    @staticmethod
    def empty(width: int, height: int, origin: tuple[float, float], unit: float, light: Light) -> Canvas:
        """Return a canvas for a sprite of `width` by `height` picture pixels; `origin` and `unit` likewise."""
        pixels = np.zeros((4, height * FINER, width * FINER), np.float32)
        return Canvas(pixels, (origin[0] * FINER, origin[1] * FINER), unit * FINER, light)

    def mask(self, outline: Curve | Points, soft: float = 0.0) -> Array:
        """Return the coverage (H, W), 0..1, of a polygon, its outline blurred by `soft` units."""
        cover = np.zeros(self.pixels.shape[1:], np.float32)
        window, part = self._cover(np.asarray(outline, float), soft)
        cover[window] = part
        return cover

    def _cover(self, outline: Points, soft: float) -> tuple[tuple[slice, slice], Array]:
        """Return the window that a polygon touches, and its coverage there."""
        corners = outline * self.unit + np.array(self.origin)
        margin = 3 + 3 * soft * self.unit
        limits = np.array(self.pixels.shape[:0:-1])
        left, top = np.clip((corners.min(axis=0) - margin).astype(int), 0, limits)
        right, bottom = np.clip((corners.max(axis=0) + margin).astype(int), 0, limits)
        cover = np.zeros((bottom - top, right - left), np.uint8)
        fixed = np.round((corners - [left, top]) * 2**SUBPIXEL).astype(np.int32)
        cv2.fillPoly(cover, [fixed], 255, cv2.LINE_AA, SUBPIXEL)
        part = cover.astype(np.float32) * np.float32(1 / 255)
        if soft:
            cv2.GaussianBlur(part, (0, 0), soft * self.unit, dst=part)
        return (slice(top, bottom), slice(left, right)), part

    def _lay(self, window: tuple[slice, slice], colour: Array, alpha: Array) -> None:
        """Lay a colour (3,) or picture (3, H, W) over a window of the canvas."""
        part = self.pixels[:, *window]
        part[:3] += ((colour[:, None, None] if colour.ndim == 1 else colour) - part[:3]) * alpha
        part[3] += (1 - part[3]) * alpha

    def shape(
        self,
        curve: Curve,
        colour: Array,
        shadow: Array | None = None,
        *,
        cushion: float = 0.0,
        opacity: float = 1.0,
        within: Array | None = None,
        soft: float = 0.0,
    ) -> None:
        """Fill a smooth closed curve.

        With `shadow`, it is modelled over a border of width `cushion` units. `within` is a coverage (H, W) that clips
        it, and `soft` blurs its outline, in units.
        """
        window, cover = self._cover(smooth(curve), soft)
        alpha = cover * np.float32(opacity)
        if within is not None:
            alpha *= within[window]
        self._lay(window, colour if shadow is None else self._modelled(cover, colour, shadow, cushion), alpha)

    def _modelled(self, cover: Array, colour: Array, shadow: Array, cushion: float) -> Array:
        """Return the picture (3, H, W) of a cushion over a coverage."""
        width = np.float32(cushion * self.unit)
        depth = cv2.distanceTransform((cover > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
        rise = np.clip(depth / width, 0, 1)
        height = cv2.GaussianBlur(width * np.sqrt(1 - np.square(1 - rise)), (0, 0), float(width) * 0.16)
        slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=0.125)
        slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=0.125)
        length = np.sqrt(slope_x**2 + slope_y**2 + 1)
        normal = (-slope_x / length, -slope_y / length, 1 / length)
        return relief.tone(colour, shadow, relief.lit(normal, self.light))

    def line(self, curve: Curve, colour: Array, widths: Sequence[float], opacity: float = 1.0) -> None:
        """Draw an open smooth stroke whose width, in units, goes through `widths` along the way."""
        points = smooth(curve, closed=False)
        tangent = np.gradient(points, axis=0)
        across = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
        across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
        steps = np.linspace(0, len(widths) - 1, len(points))
        half = np.interp(steps, np.arange(len(widths)), widths)[:, None] / 2
        window, cover = self._cover(np.concatenate([points + across * half, (points - across * half)[::-1]]), 0)
        self._lay(window, colour, cover * np.float32(opacity))

    def disc(self, centre: tuple[float, float], radius: float, colour: Array, within: Array | None = None) -> None:
        """Fill a circle."""
        angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        ring = np.array(centre) + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        window, cover = self._cover(ring, 0)
        self._lay(window, colour, cover if within is None else cover * within[window])

    def sprite(self) -> Array:
        """Return the canvas at the picture's resolution, (4, H, W)."""
        size = (self.pixels.shape[2] // FINER, self.pixels.shape[1] // FINER)
        return np.stack([cv2.resize(layer, size, interpolation=cv2.INTER_AREA) for layer in self.pixels])


def smooth(curve: Curve, closed: bool = True) -> Points:
    """Return a dense smooth curve through points, of shape (N, 2)."""
    points = np.asarray(curve, float)
    if closed:
        points = np.concatenate([points, points[:1]])
    gaps = np.sqrt(np.linalg.norm(np.diff(points, axis=0), axis=1))
    moments = np.concatenate([[0], np.cumsum(gaps)])
    spline = CubicSpline(moments, points, bc_type="periodic" if closed else "natural")
    return spline(np.linspace(0, moments[-1], 24 * len(points)))


def closed(half: Curve) -> list[tuple[float, float]]:
    """Close a curve given from top to bottom on the right by its mirror image; points at x = 0 are kept once."""
    return [*half, *((-x, y) for x, y in reversed(half) if x != 0)]


def on(picture: Array, sprite: Array, left: int, top: int) -> None:
    """Lay a sprite (4, h, w) over a picture (3, H, W), in place, its corner at (left, top).

    What sticks out is cut off.
    """
    height, width = picture.shape[1:]
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + sprite.shape[2], width), min(top + sprite.shape[1], height)
    if x0 >= x1 or y0 >= y1:
        return
    part = sprite[:, y0 - top : y1 - top, x0 - left : x1 - left]
    window = picture[:, y0:y1, x0:x1]
    window *= 1 - part[3]
    window += part[:3]

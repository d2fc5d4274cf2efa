"""Shaded relief: limbs and fingers as cones with round ends, lit from one side.

A round cone is the envelope of spheres whose centres and radii change linearly from one end to the other. Seen along
the z axis its surface has a closed form, so a picture of it takes a handful of array operations. Coordinates are
pixels: x to the right, y down, z towards the viewer.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Light:
    """Where light comes from (a unit vector in picture coordinates) and how strongly it models."""

    direction: tuple[float, float, float]
    contrast: float


@dataclass(frozen=True)
class Cone:
    """A round cone from `start` to `end`, points of shape (3,), with a radius at each end, in pixels."""

    start: Array
    end: Array
    start_radius: float
    end_radius: float


@dataclass
class Surface:
    """What is seen of a cone on a grid of pixels of shape (H, W).

    `along` runs from 0 at the start to 1 at the end; `normal` are the three parts of the unit normal; `edge` is the
    distance to the outline in pixels, positive inside; `height` is z.
    """

    along: Array
    normal: tuple[Array, Array, Array]
    edge: Array
    height: Array


def surface(cone: Cone, x: Array, y: Array) -> Surface:
    """Return the visible surface of a cone at the columns `x` of shape (1, W) and the rows `y` of shape (H, 1).

    The visible sphere maximises z(t) + sqrt(g(t)), where g(t) = r(t)^2 - |p - c(t)|^2 is quadratic in t, and a zero
    derivative gives t in closed form. Outside the outline t is that of the nearest sphere, where
    `edge` continues.
    """
    bx, by, bz = (float(v) for v in cone.end - cone.start)
    taper = cone.end_radius - cone.start_radius
    qx, qy = x - cone.start[0], y - cone.start[1]
    # Seen end on, a cone has no outline of its own; a flattened one does, and differs by less than a pixel.
    a = min(taper**2 - bx**2 - by**2, -1e-2)
    b = (qx * (2 * bx) + 2 * cone.start_radius * taper) + qy * (2 * by)
    c = (cone.start_radius**2 - qx**2) - qy**2
    discriminant = b * b - (4 * a) * c
    root = np.sqrt(np.maximum(discriminant, 0) * (0.25 / (bz * bz - a)))
    along = np.clip((root * (-2 * bz) - b) * (0.5 / a), 0, 1)
    g = (a * along + b) * along + c
    radius = along * taper + cone.start_radius
    depth = np.sqrt(np.maximum(g, 0))
    inverse = 1 / radius
    normal = ((qx - along * bx) * inverse, (qy - along * by) * inverse, depth * inverse)
    return Surface(along, normal, g * (0.5 * inverse), along * bz + (depth + cone.start[2]))


def box(cones: list[Cone], margin: float, shape: tuple[int, ...]) -> tuple[slice, slice] | None:
    """Return the rows and columns that the cones touch in a picture of `shape`, or None if they are outside it."""
    ends = np.array([[*p[:2], r] for k in cones for p, r in ((k.start, k.start_radius), (k.end, k.end_radius))])
    low = np.floor(np.min(ends[:, :2] - ends[:, 2:], axis=0) - margin).astype(int)
    high = np.ceil(np.max(ends[:, :2] + ends[:, 2:], axis=0) + margin).astype(int)
    left, top = max(low[0], 0), max(low[1], 0)
    right, bottom = min(high[0], shape[1]), min(high[1], shape[0])
    return (slice(top, bottom), slice(left, right)) if left < right and top < bottom else None


def grid(rows: slice, columns: slice, scale: int = 1) -> tuple[Array, Array]:
    """Return pixel centres as columns of shape (1, W) and rows of shape (H, 1), `scale` times as fine as the picture.

    OpenCV puts the centre of the first pixel at 0.
    """
    x = (np.arange(columns.start * scale, columns.stop * scale) + 0.5) / scale - 0.5
    y = (np.arange(rows.start * scale, rows.stop * scale) + 0.5) / scale - 0.5
    return x[None, :].astype(np.float32), y[:, None].astype(np.float32)


def lit(normal: tuple[Array, Array, Array], light: Light) -> Array:
    """Return brightness 0..1 of a surface: soft wrapped diffuse light, darker where the surface turns away."""
    lx, ly, lz = light.direction
    diffuse = (normal[0] * lx + normal[1] * ly + normal[2] * lz + 0.35) * (1 / 1.35)
    rim = 1 - np.clip(normal[2], 0, 1)
    return np.clip(1 - light.contrast * (1 - diffuse) - 0.30 * rim * rim * rim, 0, 1)


def tone(colour: Array, shadow: Array, brightness: Array) -> Array:
    """Mix a lit `colour` and its `shadow`, both (3,) BGR, by brightness of shape (H, W); gives shape (3, H, W)."""
    return shadow[:, None, None] + (colour - shadow)[:, None, None] * brightness


def paint(
    picture: Array,
    cones: list[Cone],
    colours: tuple[Array, Array],
    light: Light,
    *,
    fade: float = 0,
    over: Array | None = None,
    hem: float = 0,
) -> None:
    """Paint a chain of cones as one surface with a smooth outline, onto `picture` of shape (3, H, W).

    Parameters
    ----------
    colours
        Lit and in shadow.
    fade
        Over so many pixels the chain appears at its start, so that it grows out of what is there.
    over
        Where that is, (H, W) of 0..1; elsewhere the chain appears at once. Without it, everywhere.
    hem
        If not 0, the chain ends like a sleeve: open, with a seam of so many pixels.
    """
    where = box(cones, 1, picture.shape[1:])
    if where is None:
        return
    x, y = grid(*where)
    chain = [surface(cone, x, y) for cone in cones]
    alpha = np.clip(chain[0].edge + 0.5, 0, 1)
    if fade:
        missing = 1 - np.clip(chain[0].along * (_length(cones[0]) / fade), 0, 1)
        alpha *= 1 - (missing if over is None else missing * np.clip(2 * over[where] - 1, 0, 1))
    for seen in chain[1:]:
        alpha = np.maximum(alpha, np.clip(seen.edge + 0.5, 0, 1))
    brightness = lit(_joined(chain, cones), light)
    if hem:
        left = _to_opening(cones[-1], x, y)
        alpha *= np.clip(left + 0.5, 0, 1)
        brightness *= 1 - 0.22 * np.clip(1.5 - np.abs(left - hem), 0, 1) - 0.12 * (left < hem)
    window = picture[:, *where]
    window += (tone(*colours, brightness) - window) * alpha


def _length(cone: Cone) -> float:
    """Return a cone's length as seen, in pixels."""
    return float(np.hypot(*(cone.end - cone.start)[:2]))


def _joined(chain: list[Surface], cones: list[Cone]) -> tuple[Array, Array, Array]:
    """Return the normal of the foremost of some surfaces, averaged where they meet."""
    normal = chain[0].normal
    if len(chain) == 1:
        return normal
    height = np.where(chain[0].edge > -1, chain[0].height, np.float32(-1e4))
    for seen in chain[1:]:
        front = (seen.edge > -1) & (seen.height > height)
        height = np.where(front, seen.height, height)
        normal = tuple(np.where(front, new, old) for new, old in zip(seen.normal, normal, strict=True))  # type: ignore[assignment]
    return melted(normal, height > -1e3, 0.35 * cones[0].end_radius)


def melted(
    normal: tuple[Array, Array, Array], inside: npt.NDArray[np.bool_], radius: float
) -> tuple[Array, Array, Array]:
    """Average normals over neighbours inside, so that surfaces run into one another."""
    cover = inside.astype(np.float32)
    size = (2 * round(radius) + 1,) * 2
    share = np.maximum(cv2.blur(cover, size), 1e-3)
    x, y, z = (np.where(inside, cv2.blur(part * cover, size) / share, part) for part in normal)
    return x, y, z


def _to_opening(cone: Cone, x: Array, y: Array) -> Array:
    """Return the distance along the cone to the near rim of its open end, in pixels, negative beyond it."""
    bx, by, bz = (float(v) for v in cone.end - cone.start)
    flat = max(np.hypot(bx, by), 1e-3)
    qx, qy = x - cone.start[0], y - cone.start[1]
    across = (qx * by - qy * bx) / flat
    bow = np.sqrt(np.maximum(cone.end_radius**2 - across * across, 0))
    # A sleeve is a little rounder to the eye than its slant alone would make it.
    slant = bz / np.sqrt(flat**2 + bz**2) - 0.18
    return flat - slant * bow - (qx * bx + qy * by) / flat


def cast_shadow(picture: Array, cone: Cone, offset: tuple[float, float], softness: float, strength: float) -> None:
    """Darken what lies behind a cone, softly."""
    move = np.array([*offset, 0], np.float32)
    moved = Cone(cone.start + move, cone.end + move, cone.start_radius, cone.end_radius)
    where = box([moved], softness, picture.shape[1:])
    if where is None:
        return
    edge = surface(moved, *grid(*where)).edge
    cover = np.clip(edge / (2 * softness) + 0.5, 0, 1)
    picture[:, *where] *= 1 - strength * cover * cover * (3 - 2 * cover)

"""Drawing a hand: cones in a depth buffer, shaded, with creases and nails."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from signfold.synth import relief
from signfold.synth.limbs import Paint
from signfold.synth.relief import Array, Cone, Surface
from signfold.synth.signers import Signer

FINER = 2  # hands are drawn so many times as fine as the picture, and shrunk

# Radii of the hand's joints as shares of the hand's unit, in MediaPipe's order.
_FINGER = (0.138, 0.130, 0.115, 0.095)
RADII = [0.27, 0.19, 0.165, 0.142, 0.112]
RADII += [radius * share for share in (1.0, 1.03, 0.98, 0.86) for radius in _FINGER]
TIPS = (4, 8, 12, 16, 20)
KNUCKLES = (5, 9, 13, 17)
_MARKS = ("palm", "crease", "nail", "fade")

Window = tuple[slice, slice]


@dataclass
class Relief:
    """Many cones on one grid, each pixel showing the nearest.

    Parameters
    ----------
    x, y
        The grid, as `relief.grid` gives it.

    Attributes
    ----------
    height
        (H, W), far below zero where nothing is.
    normal
        Three of (H, W).
    marks
        (H, W) each: `palm`, how far the surface looks the palm's way (-1..1); `crease`, `nail`, and opacity `fade`.
    """

    x: Array
    y: Array
    height: Array = field(init=False)
    normal: tuple[Array, Array, Array] = field(init=False)
    marks: dict[str, Array] = field(init=False)

    def __post_init__(self) -> None:
        shape = (self.y.shape[0], self.x.shape[1])
        self.height = np.full(shape, -1e4, np.float32)
        self.normal = (np.zeros(shape, np.float32), np.zeros(shape, np.float32), np.zeros(shape, np.float32))
        self.marks = {name: np.zeros(shape, np.float32) for name in _MARKS}

    @property
    def inside(self) -> npt.NDArray[np.bool_]:
        """Where anything is."""
        return self.height > -1e3

    def add(self, cone: Cone) -> tuple[Window, Surface, npt.NDArray[np.bool_]] | None:
        """Add a cone; return the window it touches, its surface there, and where it is in front of all before."""
        step = float(self.x[0, 1] - self.x[0, 0])
        low = np.minimum(cone.start[:2] - cone.start_radius, cone.end[:2] - cone.end_radius)
        high = np.maximum(cone.start[:2] + cone.start_radius, cone.end[:2] + cone.end_radius)
        origin = np.array([self.x[0, 0], self.y[0, 0]])
        first = np.maximum(((low - origin) / step).astype(int), 0)
        last = np.minimum(((high - origin) / step).astype(int) + 2, [self.x.shape[1], self.y.shape[0]])
        if (last <= first).any():
            return None
        window = (slice(first[1], last[1]), slice(first[0], last[0]))
        seen = relief.surface(cone, self.x[:, window[1]], self.y[window[0]])
        front = (seen.edge > 0) & (seen.height > self.height[window])
        np.copyto(self.height[window], seen.height, where=front)
        for old, new in zip(self.normal, seen.normal, strict=True):
            np.copyto(old[window], new, where=front)
        return window, seen, front


def draw(picture: Array, joints: Array, palmar: Array, elbow: Array, signer: Signer, paint: Paint) -> None:
    """Draw a hand onto a picture of shape (3, H, W).

    Parameters
    ----------
    joints, palmar
        (21, 3) each, as in `motion.Arm`.
    elbow
        (3,), to which the wrist leads.
    """
    unit = signer.hand * signer.unit
    cones = _palm(joints, elbow, unit)
    fingers = {
        joint: Cone(joints[joint - 1], joints[joint], RADII[joint - 1] * unit, RADII[joint] * unit)
        for joint in range(3, 21)
        if joint not in KNUCKLES
    }
    where = relief.box([*cones, *fingers.values()], 12, picture.shape[1:])
    if where is None:
        return
    image = Relief(*relief.grid(*where, FINER))
    for place, cone in enumerate(cones):
        _add_palm(image, cone, palmar[0], is_wrist=place == 0)
    image.normal = relief.melted(image.normal, image.inside, 0.07 * unit * FINER)
    for joint, cone in fingers.items():
        _add_finger(image, cone, palmar[joint], is_tip=joint in TIPS, unit=unit)
    _compose(picture[:, *where], image, signer, paint, unit)


def _palm(joints: Array, elbow: Array, unit: float) -> list[Cone]:
    """Return the cones of the wrist, which comes first, and of the palm."""
    wrist, knuckles = joints[0], joints[list(KNUCKLES)]
    arm = (elbow - wrist) / max(float(np.linalg.norm(elbow - wrist)), 1.0)
    heel = wrist + 0.24 * (knuckles - knuckles.mean(axis=0)) + 0.06 * (knuckles - wrist)
    cones = [Cone(wrist, wrist + arm * np.float32(0.5 * unit), 0.27 * unit, 0.28 * unit)]
    for start, end, radius in zip(heel, knuckles, (0.155, 0.155, 0.15, 0.145), strict=True):
        cones.append(Cone(start, end, 0.195 * unit, radius * unit))
    cones += [Cone(a, b, 0.135 * unit, 0.135 * unit) for a, b in pairwise(knuckles)]
    base, knuckle = joints[1:3]
    cones += [Cone(heel[0], base, 0.19 * unit, 0.19 * unit), Cone(base, knuckle, 0.19 * unit, RADII[2] * unit)]
    web = knuckles[0] + (wrist - knuckles[0]) * np.float32(0.4)
    return [*cones, Cone(web, base + (knuckle - base) * np.float32(0.6), 0.13 * unit, 0.13 * unit)]


def _add_palm(image: Relief, cone: Cone, palmar: Array, is_wrist: bool) -> None:
    added = image.add(cone)
    if added is None:
        return
    window, seen, front = added
    np.copyto(image.marks["palm"][window], _facing(seen, palmar), where=front)
    # Towards the elbow the wrist gives way to the forearm, which is drawn already.
    np.copyto(image.marks["fade"][window], 1 - seen.along if is_wrist else np.float32(1), where=front)


def _add_finger(image: Relief, cone: Cone, palmar: Array, is_tip: bool, unit: float) -> None:
    added = image.add(cone)
    if added is None:
        return
    window, seen, front = added
    facing = _facing(seen, palmar)
    length = float(np.linalg.norm(cone.end - cone.start)) / unit
    # The skin folds at the joint where a bone begins, more so on the palm's side.
    fold = np.exp(-np.square(seen.along * np.float32(length / 0.03))) * (0.55 + 0.45 * facing)
    nail = np.clip((-facing - 0.62) * 6, 0, 1) * np.clip((seen.along - 0.42) * 9, 0, 1) if is_tip else np.float32(0)
    for name, value in zip(_MARKS, (facing, fold, nail, np.float32(1)), strict=True):
        np.copyto(image.marks[name][window], value, where=front)


def _facing(seen: Surface, palmar: Array) -> Array:
    """Return how far the surface looks the palm's way, from -1 (back) to 1."""
    nx, ny, nz = seen.normal
    return nx * palmar[0] + ny * palmar[1] + nz * palmar[2]


def _compose(picture: Array, image: Relief, signer: Signer, paint: Paint, unit: float) -> None:
    """Shade a relief and lay it over the part of the picture that it covers."""
    inside = np.flatnonzero(image.inside)
    if not len(inside):
        return
    fade = image.marks["fade"].take(inside)
    layers = np.zeros((4, image.height.size), np.float32)
    layers[3, inside] = fade
    for channel, colour in enumerate(_colour(image, inside, signer, paint, unit)):
        layers[channel, inside] = colour * fade
    size = (picture.shape[2], picture.shape[1])
    fine = layers.reshape(4, *image.height.shape)
    small = [cv2.resize(layer, size, interpolation=cv2.INTER_AREA) for layer in fine]
    _shade_behind(picture, small[3], signer)
    picture *= 1 - small[3]
    for channel in range(3):
        picture[channel] += small[channel]


def _colour(image: Relief, inside: npt.NDArray[np.intp], signer: Signer, paint: Paint, unit: float) -> Array:
    """Return the colours (3, N) of the N pixels inside."""
    marks = {name: mark.take(inside) for name, mark in image.marks.items()}
    x, y, z = (part.take(inside) for part in image.normal)
    brightness = relief.lit((x, y, z), signer.light)
    brightness *= (1 - _covered(image, inside, unit)) * (1 - 0.30 * marks["crease"])
    palm = np.clip(marks["palm"] * 1.4 + 0.3, 0, 1)
    tints = (paint.skin, paint.palm, paint.skin_shadow, paint.palm_shadow, paint.nail)
    skin, skin_palm, dark, dark_palm, nails = (tint[:, None] for tint in tints)
    bright = skin + (skin_palm - skin) * palm
    bright += (nails - bright) * marks["nail"]
    shadow = dark + (dark_palm - dark) * palm
    return shadow + (bright - shadow) * brightness


def _covered(image: Relief, inside: npt.NDArray[np.intp], unit: float) -> Array:
    """Return how much of the light (N,) is kept from each pixel because it lies behind its surroundings.

    It sets fingers off from the palm and from each other (depth darkening: Luft et al. 2006, Image enhancement by
    unsharp masking the depth buffer).
    """
    depth = image.height.take(inside)
    height = np.maximum(image.height, depth.min())
    width = round(0.16 * unit * FINER)
    return np.clip((cv2.blur(height, (width, width)).take(inside) - depth) * np.float32(3.2 / unit), 0, 0.55)


def _shade_behind(picture: Array, alpha: Array, signer: Signer) -> None:
    """Let the hand throw a soft shadow on what is behind it."""
    side = -7 if signer.light.direction[0] > 0 else 7
    moved = cv2.warpAffine(alpha, np.array([[1, 0, side], [0, 1, 8]], np.float32), alpha.shape[::-1])
    picture *= 1 - 0.28 * cv2.blur(moved, (15, 15))

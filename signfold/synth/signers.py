"""The synthetic signers: looks and ways of signing, drawn at random from a seed and a number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from signfold.synth.relief import Light

WIDTH, HEIGHT = 960, 720

# Colours are red, green, blue, as people write them.
SKINS = ("#f6d0b1", "#8d5a3b", "#e3ab82", "#5f3b28", "#f2bfa0", "#c68a5c", "#ffd9c0", "#a86f48")
HAIRS = ("#3a2a22", "#16120f", "#8a5a2c", "#211812", "#c9a15a", "#5b2f1d", "#9aa0a6", "#2b2b33")
SHIRTS = ("#2f5d8a", "#b5523b", "#2f7d6b", "#6a4c93", "#33415c", "#d08c2e", "#8b2f4b", "#4f6d3a")
WALLS = ("#e9eef2", "#f3ece0", "#e4efe6", "#efe6ee", "#e6ebf5", "#f1f0ec")
HAIRCUTS = ("short", "long", "side", "bun", "bob", "curls")
NECKLINES = ("crew", "vee", "collar")


@dataclass(frozen=True)
class Signer:
    """One person and how they are filmed: sizes in pixels or as ratios, colours as (3,) BGR tuples 0..255.

    `unit` is the distance between the shoulder joints; `middle` is the point between them; `hand` is the distance from
    wrist to middle knuckle and `head` the head's height, both as shares of `unit`; `arm` scales the arms' length.
    In `poor_light` pictures are dark, with noise, and what moves is blurred.
    """

    unit: float
    middle: tuple[float, float]
    arm: float
    hand: float
    head: float
    girth: float
    skin: tuple[float, float, float]
    hair: tuple[float, float, float]
    shirt: tuple[float, float, float]
    wall: tuple[float, float, float]
    haircut: str
    neckline: str
    long_sleeves: bool
    glasses: bool
    beard: bool
    light: Light
    left_handed: bool
    speed: float
    amplitude: float
    lift: tuple[float, float]
    lean: float
    poor_light: bool = False


def bgr(colour: str) -> tuple[float, float, float]:
    """Read `#rrggbb` as blue, green, red."""
    red, green, blue = (float(int(colour[i : i + 2], 16)) for i in (1, 3, 5))
    return blue, green, red


def left_handed(seed: int, number: int) -> bool:
    """Tell whether a signer is left-handed: one in six is, so that any six in a row have one."""
    return (number + seed) % 6 == 4


def signer(seed: int, number: int) -> Signer:
    """Return the signer of a number (from 1); the same for the same seed, whoever else there is."""
    rng = np.random.default_rng([seed, number])
    # Palettes are gone through in an order that depends on the seed only, so that neighbours differ.
    order = np.random.default_rng([seed, 0])
    skin, hair, shirt, wall, cut, neck = (
        bar[order.permutation(len(bar))[(number - 1) % len(bar)]]
        for bar in (SKINS, HAIRS, SHIRTS, WALLS, HAIRCUTS, NECKLINES)
    )
    beard = bool(cut in ("short", "side", "curls") and rng.random() < 0.45)
    unit = rng.uniform(228, 268)
    return Signer(
        unit=unit,
        middle=(WIDTH / 2 + rng.uniform(-55, 55), HEIGHT * 0.475 + rng.uniform(-14, 22) + (unit - 248) * 0.5),
        arm=rng.uniform(0.95, 1.06),
        hand=rng.uniform(0.285, 0.31),
        head=rng.uniform(0.70, 0.78),
        girth=rng.uniform(0.92, 1.10),
        skin=bgr(skin),
        hair=bgr(hair),
        shirt=bgr(shirt),
        wall=bgr(wall),
        haircut=cut,
        neckline=neck,
        long_sleeves=bool(rng.random() < 0.5),
        glasses=bool(rng.random() < 0.3),
        beard=beard,
        light=_light(rng),
        left_handed=left_handed(seed, number),
        speed=rng.uniform(0.90, 1.12),
        amplitude=rng.uniform(0.75, 1.2),
        lift=(rng.uniform(-0.09, 0.09), rng.uniform(-0.09, 0.09)),
        lean=rng.uniform(-10, 10),
    )


def _light(rng: np.random.Generator) -> Light:
    direction = np.array([rng.choice([-1, 1]) * rng.uniform(0.25, 0.55), rng.uniform(-0.7, -0.4), 0.75])
    x, y, z = direction / np.linalg.norm(direction)
    return Light((float(x), float(y), float(z)), float(rng.uniform(0.75, 1.0)))

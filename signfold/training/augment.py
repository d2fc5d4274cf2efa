"""Random variation of training samples that respects what is missing.

Every draw depends on (seed, epoch, index) alone: not on the batch that a sample is in, nor on what came before, so that
a run that was stopped goes on with the same numbers. A missing joint stays missing; only joints that are there move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signfold.core.settings import Augmentation
from signfold.core.skeleton import SIDES, Layout
from signfold.tensors.channels import TIPS, from_tip, pairs


def mirror(x: NDArray[np.float32], channels: Sequence[str], layout: Layout) -> NDArray[np.float32]:
    """Reflect samples about x = 0 and swap left and right joints. Doing it twice changes nothing.

    Parameters
    ----------
    x
        Shape (..., C, T, V).
    channels
        The C channel names.
    layout
        Whose joints the last axis holds.
    """
    sign = np.ones((len(channels), 1, 1), dtype=np.float32)
    sign[[name.startswith("x") for name in channels]] = -1
    return x[..., list(layout.mirror)] * sign


def resample(x: NDArray[np.float32], positions: NDArray[np.float64]) -> NDArray[np.float32]:
    """Read samples at fractional frames: linear between two frames where both are there, else the nearer frame.

    Parameters
    ----------
    x
        Shape (N, C, T, V), NaN where missing.
    positions
        Frames to read, within 0 and T - 1, shape (N, T').

    Returns
    -------
    ndarray of float32, shape (N, C, T', V)
    """
    below = np.clip(np.floor(positions).astype(np.int64), 0, x.shape[2] - 1)
    above = np.minimum(below + 1, x.shape[2] - 1)
    share = (positions - below).astype(np.float32)[:, None, :, None]
    first = np.take_along_axis(x, below[:, None, :, None], axis=2)
    second = np.take_along_axis(x, above[:, None, :, None], axis=2)
    between = first + share * (second - first)
    return np.where(np.isnan(between), np.where(share < 0.5, first, second), between)


@dataclass(frozen=True)
class _Draw:
    """One sample's variation."""

    matrix: NDArray[np.float32]  # (2, 2), applied to every (x, y)
    positions: NDArray[np.float64]  # (T,), the frames to read
    mirrored: bool
    noise: NDArray[np.float32] | float  # (C, T, V)


def _draw(key: tuple[int, int, int], shape: tuple[int, ...], settings: Augmentation) -> _Draw:
    """Draw always the same numbers in the same order, so that one option does not change what another draws."""
    generator = np.random.default_rng(key)
    turn, x_size, y_size, x_shear, y_shear, side, start, end, speed = generator.uniform(-1, 1, 9)
    cos, sin = np.cos(np.deg2rad(settings.rotation_deg) * turn), np.sin(np.deg2rad(settings.rotation_deg) * turn)
    stretch = np.array(
        [
            [1 + settings.scale * x_size, settings.shear * x_shear],
            [settings.shear * y_shear, 1 + settings.scale * y_size],
        ]
    )
    return _Draw(
        matrix=(np.array([[cos, -sin], [sin, cos]]) @ stretch).astype(np.float32),
        positions=_warped(shape[1], settings.time_warp, abs(start), abs(end), speed),
        mirrored=bool(settings.mirror and side > 0),
        noise=settings.noise * generator.standard_normal(shape, dtype=np.float32) if settings.noise else 0.0,
    )


def _warped(frames: int, amount: float, start: float, end: float, speed: float) -> NDArray[np.float64]:
    """Return the frames to read: ends cut by up to `amount`, and speed swinging once by up to `amount` on the way."""
    time = np.linspace(0, 1, frames)
    # Its derivative, 1 + amount * speed * cos, stays positive: time never runs backwards.
    time = time + amount * speed * np.sin(2 * np.pi * time) / (2 * np.pi)
    first, last = amount * start / 2, 1 - amount * end / 2
    return np.clip((first + (last - first) * time) * (frames - 1), 0, frames - 1)


def dropped(
    x: NDArray[np.float32], key: tuple[int, int, int], settings: Augmentation, layout: Layout
) -> NDArray[np.float32]:
    """Return one sample, (C, T, V), with joints, frames, and one hand for a while, missing at random."""
    # A generator of its own: switching these on does not change what the other variations draw.
    generator = np.random.default_rng((*key, 1))
    _, frames, count = x.shape
    joints, moments = generator.random((count,)), generator.random((frames,))
    chance, side, start, length = generator.random(4)
    gone = (joints < settings.joint_dropout)[None, :] | (moments < settings.frame_dropout)[:, None]
    hands = [list(layout.hand(side)) for side in SIDES]
    # A hand that is alone is the sign.
    if chance < settings.hand_dropout and all(np.isfinite(x[:1, :, hand]).any() for hand in hands):
        lost = max(1, round(frames * length / 2))
        first = int(start * (frames - lost + 1))
        gone[first : first + lost, hands[int(side < 0.5)]] = True
    return np.where(gone, np.float32(np.nan), x)


def augment(
    x: NDArray[np.float32],
    indices: NDArray[np.int64],
    *,
    seed: int,
    epoch: int,
    settings: Augmentation,
    channels: Sequence[str],
    layout: Layout,
) -> NDArray[np.float32]:
    """Return varied samples; the originals stay as they are.

    Parameters
    ----------
    x
        Shape (N, C, T, V), NaN where missing.
    indices
        N numbers that identify the samples within the training part.
    seed, epoch
        With an index, all that a sample's variation depends on.
    settings
        How far to go.
    channels
        The C channel names.
    layout
        Whose joints the last axis holds.

    Returns
    -------
    ndarray of float32, shape (N, C, T, V)
    """
    if not settings.active:
        return x
    draws = [_draw((seed, epoch, int(index)), x.shape[1:], settings) for index in indices]
    if settings.time_warp:
        x = resample(x, np.stack([draw.positions for draw in draws]))
    flipped = np.array([draw.mirrored for draw in draws])
    x = np.where(flipped[:, None, None, None], mirror(x, channels, layout), x) if flipped.any() else x.copy()
    matrices = np.stack([draw.matrix for draw in draws])[:, :, :, None, None]
    for i, j in pairs(channels):
        horizontal, vertical = x[:, i], x[:, j]
        x[:, i], x[:, j] = (
            matrices[:, 0, 0] * horizontal + matrices[:, 0, 1] * vertical,
            matrices[:, 1, 0] * horizontal + matrices[:, 1, 1] * vertical,
        )
    if settings.noise:
        # An exact 0 is an origin or a channel that the joint does not have: it does not shake.
        x += np.stack([draw.noise for draw in draws]) * (x != 0)
    if {"x_palm", "y_palm"} <= set(channels):
        horizontal, vertical = (x[:, list(channels).index(axis)] for axis in ("x_palm", "y_palm"))
        for i, channel in enumerate(channels):
            if channel in TIPS:  # where the joints are now
                x[:, i] = from_tip(horizontal, vertical, TIPS[channel], layout.joints)
    if settings.drops:
        keys = [(seed, epoch, int(index)) for index in indices]
        x = np.stack([dropped(sample, key, settings, layout) for sample, key in zip(x, keys, strict=True)])
    return x

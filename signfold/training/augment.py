"""Augmentation: random variation of training samples, in which missing joints stay missing.

Random numbers depend on (seed, epoch, index of the sample) alone, neither on the batch nor on earlier draws. So a
training that is interrupted and resumed draws the same numbers as one without interruption.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signfold.core.settings import Augmentation
from signfold.core.skeleton import SIDES, Layout
from signfold.tensors.channels import TIPS, from_tip, pairs
from signfold.tensors.resample import blend


def mirror_samples(x: NDArray[np.float32], channels: Sequence[str], layout: Layout) -> NDArray[np.float32]:
    """Reflect samples about x = 0 and swap left and right joints.

    Parameters
    ----------
    x
        Samples, shape (..., C, T, V).
    channels
        Names of the C channels.
    layout
        Layout of the V joints.
    """
    x = x[..., list(layout.mirror)]
    x[..., [name.startswith("x") for name in channels], :, :] *= -1
    return x


def resample(x: NDArray[np.float32], positions: NDArray[np.float64]) -> NDArray[np.float32]:
    """Resample in time: linear between two frames in which the joint was detected, else the nearer frame.

    Parameters
    ----------
    x
        Samples, shape (N, C, T, V), NaN where missing.
    positions
        Fractional frame numbers from 0 to T - 1, shape (N, T').

    Returns
    -------
    ndarray of float32, shape (N, C, T', V)
    """
    below = np.floor(positions).astype(np.int64)
    above = np.minimum(below + 1, x.shape[2] - 1)
    share = (positions - below).astype(np.float32)[:, None, :, None]
    first = np.take_along_axis(x, below[:, None, :, None], axis=2)
    second = np.take_along_axis(x, above[:, None, :, None], axis=2)
    return blend(first, second, share)


@dataclass(frozen=True)
class Variation:
    """What the augmentation of an epoch's samples depends on.

    Parameters
    ----------
    settings
        Section `augmentation`.
    seed
        Random seed of the training.
    epoch
        Number of the epoch, from 0.
    """

    settings: Augmentation
    seed: int
    epoch: int


@dataclass(frozen=True)
class _Draw:
    """The random transformation of one sample."""

    matrix: NDArray[np.float32]  # (2, 2), applied to every (x, y)
    positions: NDArray[np.float64]  # (T,), fractional frame numbers
    mirrored: bool
    noise: NDArray[np.float32] | float  # (C, T, V)


def _draw(key: tuple[int, int, int], shape: tuple[int, ...], settings: Augmentation) -> _Draw:
    """Draw a transformation. All numbers are always drawn: switching one option changes no other option's numbers."""
    generator = np.random.default_rng(key)
    rotation, x_scale, y_scale, x_shear, y_shear, side, start, end, speed = generator.uniform(-1, 1, 9)
    angle = np.deg2rad(settings.rotation_deg) * rotation
    cos, sin = np.cos(angle), np.sin(angle)
    stretch = np.array(
        [
            [1 + settings.scale * x_scale, settings.shear * x_shear],
            [settings.shear * y_shear, 1 + settings.scale * y_scale],
        ]
    )
    return _Draw(
        matrix=(np.array([[cos, -sin], [sin, cos]]) @ stretch).astype(np.float32),
        positions=_time_warp(shape[1], settings.time_warp, abs(start), abs(end), speed),
        mirrored=bool(settings.mirror and side > 0),
        noise=settings.noise * generator.standard_normal(shape, dtype=np.float32) if settings.noise else 0.0,
    )


def _time_warp(frames: int, amount: float, start: float, end: float, speed: float) -> NDArray[np.float64]:
    """Return fractional frame numbers: both ends trimmed by up to amount / 2, the speed varying by up to `amount`."""
    time = np.linspace(0, 1, frames)
    # The derivative, 1 + amount * speed * cos, is positive: the order of frames stays.
    time = time + amount * speed * np.sin(2 * np.pi * time) / (2 * np.pi)
    first, last = amount * start / 2, 1 - amount * end / 2
    return np.clip((first + (last - first) * time) * (frames - 1), 0, frames - 1)


def _dropout(
    x: NDArray[np.float32], key: tuple[int, int, int], settings: Augmentation, layout: Layout
) -> NDArray[np.float32]:
    """Return a sample (C, T, V) in which random joints, frames, and one hand for part of the clip, are missing."""
    # A separate generator: switching dropout on changes no other option's numbers.
    generator = np.random.default_rng((*key, 1))
    _, frames, count = x.shape
    of_joint, of_frame = generator.random((count,)), generator.random((frames,))
    chance, side, start, length = generator.random(4)
    missing = (of_joint < settings.joint_dropout)[None, :] | (of_frame < settings.frame_dropout)[:, None]
    hands = [list(layout.hand(side)) for side in SIDES]
    # A single hand carries the sign.
    if chance < settings.hand_dropout and all(np.isfinite(x[:1, :, hand]).any() for hand in hands):
        lost = max(1, round(frames * length / 2))
        first = int(start * (frames - lost + 1))
        missing[first : first + lost, hands[int(side < 0.5)]] = True
    return np.where(missing, np.float32(np.nan), x)


def augment(
    x: NDArray[np.float32],
    indices: NDArray[np.int64],
    variation: Variation,
    channels: Sequence[str],
    layout: Layout,
) -> NDArray[np.float32]:
    """Return randomly transformed samples; `x` is not modified.

    Parameters
    ----------
    x
        Samples, shape (N, C, T, V), NaN where missing.
    indices
        Indices of the samples within the training part, shape (N,).
    variation
        Options, seed and epoch.
    channels
        Names of the C channels.
    layout
        Layout of the V joints.

    Returns
    -------
    ndarray of float32, shape (N, C, T, V)
    """
    settings = variation.settings
    if not settings.active:
        return x
    keys = [(variation.seed, variation.epoch, int(index)) for index in indices]
    draws = [_draw(key, x.shape[1:], settings) for key in keys]
    if settings.time_warp:
        x = resample(x, np.stack([draw.positions for draw in draws]))
    mirrored = np.array([draw.mirrored for draw in draws])
    x = np.where(mirrored[:, None, None, None], mirror_samples(x, channels, layout), x) if mirrored.any() else x.copy()
    _transform(x, np.stack([draw.matrix for draw in draws]), channels)
    if settings.noise:
        # An exact 0 is an origin, or a channel that the joint does not have: it gets no noise.
        x += np.stack([draw.noise for draw in draws]) * (x != 0)
    _update_tip_distances(x, channels, layout)
    if settings.drops:
        x = np.stack([_dropout(sample, key, settings, layout) for sample, key in zip(x, keys, strict=True)])
    return x


def _transform(x: NDArray[np.float32], matrices: NDArray[np.float32], channels: Sequence[str]) -> None:
    """Multiply every pair of x and y channels of x (N, C, T, V) by its sample's matrix (N, 2, 2), in place."""
    matrices = matrices[:, :, :, None, None]
    for i, j in pairs(channels):
        horizontal, vertical = x[:, i], x[:, j]
        x[:, i], x[:, j] = (
            matrices[:, 0, 0] * horizontal + matrices[:, 0, 1] * vertical,
            matrices[:, 1, 0] * horizontal + matrices[:, 1, 1] * vertical,
        )


def _update_tip_distances(x: NDArray[np.float32], channels: Sequence[str], layout: Layout) -> None:
    """Compute the distances from fingertips of x (N, C, T, V) anew from the transformed coordinates, in place."""
    if {"x_palm", "y_palm"} <= set(channels):
        horizontal, vertical = (x[:, list(channels).index(axis)] for axis in ("x_palm", "y_palm"))
        for i, channel in enumerate(channels):
            if channel in TIPS:
                x[:, i] = from_tip(horizontal, vertical, TIPS[channel], layout.joints)

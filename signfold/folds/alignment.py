"""The alignment of two tracks in time, and the decision whether they show one take.

Two encodings of a take differ by what MediaPipe makes of other pixels, some hundredths of the shoulder width; two takes
of a sign by one person differ by several times that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signfold.folds.tracks import BODY, STEP_MS, Floats, fast_motion
from signfold.tensors.resample import interpolate

# The thresholds were measured on real clips: docs/evaluation.md.
# Fewest common steps, and the least common part of the shorter track.
FEWEST, OVERLAP = 8, 0.5
# Least correlation of fast motion. Greatest distance, in shoulder widths for each common second, and its bounds: short
# clips of one person have little by which they could differ.
AGREES, NEAR, NEAREST = 0.95, 0.03, (0.03, 0.08)
# Greatest distance at which an alignment is refined; number of shifts tried, and their least correlation.
FAR, SHIFTS, LIKELY = 0.2, 3, 0.5


@dataclass(frozen=True)
class Alignment:
    """How well two tracks fit at a shift and a speed.

    Parameters
    ----------
    distance
        90th percentile over the common steps of the joints' root mean square distance, in shoulder widths, after the
        second track is moved and scaled as a whole.
    agreement
        Correlation of the joints' fast motion, -1 to 1; 0 where they are not near.
    overlap_ms
        Common time of the first track, in milliseconds.
    shift_ms
        Time in the second track at which the first begins, in milliseconds.
    speed
        Time that passes in the second track while a second passes in the first.
    """

    distance: float
    agreement: float
    overlap_ms: float
    shift_ms: float
    speed: float = 1.0

    @property
    def one_take(self) -> bool:
        """Whether tracks that fit so well show one take."""
        near = float(np.clip(NEAR * self.overlap_ms * min(1.0, self.speed) / 1000, *NEAREST))
        return self.distance < near and self.agreement > AGREES

    def inverse(self) -> Alignment:
        """Return the alignment with the two tracks in the other order."""
        overlap, shift = self.overlap_ms * self.speed, -self.shift_ms / self.speed
        return replace(self, overlap_ms=overlap, shift_ms=shift, speed=1 / self.speed)


def align(one: Floats, other: Floats, shift: float, speed: float = 1.0) -> Alignment | None:
    """Return how well two tracks fit, or None where they have less than half of the shorter in common.

    Parameters
    ----------
    one, other
        Tracks (T, V, 2).
    shift
        Place in `other` at which `one` begins, in steps.
    speed
        Steps of `other` for each step of `one`.
    """
    begin, end = max(0, int(np.ceil(-shift / speed))), min(len(one) - 1, int((len(other) - 1 - shift) // speed))
    if end - begin + 1 < max(FEWEST, OVERLAP * min(len(one), len(other) / speed)):
        return None
    wanted = np.arange(begin, end + 1) * speed + shift
    a, b = one[begin : end + 1], interpolate(other, np.arange(len(other)), wanted)
    both = ~(np.isnan(a) | np.isnan(b)).any(axis=2)
    frames = both.any(axis=1)
    if frames.mean() < OVERLAP:
        return None
    b = _superimposed(a, b, both)
    squared = np.where(both, ((a - b) ** 2).sum(axis=2), 0.0).sum(axis=1)[frames] / both.sum(axis=1)[frames]
    distance = float(np.sqrt(np.quantile(squared, 0.9)))
    agreement = _agreement(a, b, both) if distance < NEAREST[1] else 0.0
    return Alignment(distance, agreement, float((end - begin) * STEP_MS), float(shift * STEP_MS), float(speed))


def _superimposed(a: Floats, b: Floats, both: NDArray[np.bool_]) -> Floats:
    """Return `b` moved and scaled as a whole to lie nearest to `a` over the joints that both show."""
    p, q = a[both], b[both]
    centre, own = p.mean(axis=0), q.mean(axis=0)
    p, q = p - centre, q - own
    return (b - own) * ((p * q).sum() / max((q * q).sum(), 1e-9)) + centre


def _agreement(a: Floats, b: Floats, both: NDArray[np.bool_]) -> float:
    """Return the correlation of the fast motion of the joints that both show."""
    p, q = (fast_motion(track, both[..., None])[both] for track in (a, b))
    return float((p * q).sum() / max(np.sqrt((p * p).sum() * (q * q).sum()), 1e-9))


def best_alignment(one: Floats, other: Floats, starts: Iterable[tuple[float, float]]) -> Alignment | None:
    """Return the nearest alignment of two tracks around some shifts and speeds.

    Parameters
    ----------
    one, other
        Tracks (T, V, 2).
    starts
        Pairs of shift and speed, as in `align`. Shifts are refined to a tenth of a step, speeds other than 1 to half
        a percent.
    """
    rough = [found for shift, speed in starts if (found := align(one, other, shift, speed))]
    best = min(rough, key=lambda found: found.distance, default=None)
    if best is None or best.distance > FAR:
        return best
    for width, share in ((0.5, 0.02), (0.25, 0.01), (0.1, 0.005)):
        if best.speed != 1:
            best = _nearest(best, one, other, 0, share)
        best = _nearest(best, one, other, width, 0)
    return best


def _nearest(best: Alignment, one: Floats, other: Floats, width: float, share: float) -> Alignment:
    """Return the nearest of an alignment and those with a shift or a speed a little less or more.

    With another speed, the middle of the second track stays where it is.
    """
    found = [best]
    for sign in (-1, 1):
        speed = best.speed * (1 + sign * share)
        shift = best.shift_ms / STEP_MS + sign * width + (best.speed - speed) * len(one) / 2
        found.append(align(one, other, shift, speed) or best)
    return min(found, key=lambda alignment: alignment.distance)


def body_motion(track: Floats) -> Floats:
    """Return the fast motion (T, D) of the body's joints."""
    body = track[:, BODY]
    return fast_motion(body, ~np.isnan(body)).reshape(len(track), -1)


def likely_shifts(one: Floats, other: Floats) -> list[int]:
    """Return the shifts at which the body's fast motion (T, D) of two tracks correlates best, in steps, best first."""
    places = np.arange(len(other))[None, :] - np.arange(len(one))[:, None] + len(one) - 1

    def at_each_shift(products: NDArray[Any]) -> NDArray[Any]:
        return np.bincount(places.ravel(), products.ravel())

    power, own = (one**2).sum(axis=1)[:, None], (other**2).sum(axis=1)[None, :]
    size = np.sqrt(
        at_each_shift(np.broadcast_to(power, places.shape)) * at_each_shift(np.broadcast_to(own, places.shape))
    )
    enough = at_each_shift(np.ones(places.shape)) >= max(FEWEST, OVERLAP * min(len(one), len(other)))
    agreement = np.where(enough, at_each_shift(one @ other.T) / np.maximum(size, 1e-9), -1)
    order = np.argsort(-agreement, kind="stable")[:SHIFTS]
    return (order[agreement[order] > LIKELY] - len(one) + 1).tolist()

"""The joints of clips on one clock, and how well those of two clips fit: whether they show one and the same take.

Two encodings of a take differ by what MediaPipe makes of other pixels, some hundredths of the shoulder width; two takes
of a sign by one person differ by several times that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from signfold.core.clip import Keypoints
from signfold.core.skeleton import JOINTS, layout
from signfold.tensors.normalise import normalise, reference

# The common clock, and the fewest steps that two clips must share.
STEP_MS, FEWEST = 50.0, 8
# Clips are one take if they overlap by half of the shorter, the details of their joints' ways (faster than DETAIL
# steps) correlate by AGREES, and nine in ten common frames are near: by NEAR shoulder widths for each common second, at
# least and at most NEAREST, for short clips of one person have little by which they could differ. Measured on real
# clips: docs/evaluation.md.
OVERLAP, DETAIL, AGREES, NEAR, NEAREST = 0.5, 9, 0.95, 0.03, (0.03, 0.08)
# Beyond this distance nothing is looked at closely; so many shifts are tried, at which details agree by LIKELY.
FAR, SHIFTS, LIKELY = 0.2, 3, 0.5
BODY = "nose left_shoulder right_shoulder left_elbow right_elbow left_wrist right_wrist".split()
JOINTS_SEEN = layout("hands_body_27").joints

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Fit:
    """How two tracks fit at a shift.

    Parameters
    ----------
    distance
        90th percentile over the common frames of the joints' root mean square distance, in shoulder widths, after the
        second is moved and scaled as a whole.
    agreement
        Correlation of the details of their joints' ways, -1 to 1; 0 where they are not near.
    overlap
        Common time in milliseconds.
    shift
        Milliseconds to add to the first's time to get the second's.
    """

    distance: float
    agreement: float
    overlap: float
    shift: float


def track(keypoints: Keypoints, aspect: float, fps: float) -> Floats:
    """Return a clip's joints on the common clock, (T, V, 2), in shoulder widths from between the shoulders.

    Between two frames it is linear; where one of them lacks the joint, it is NaN. The joints are those of
    `hands_body_27`.

    Parameters
    ----------
    keypoints
        As detected.
    aspect
        Height over width of the picture.
    fps
        For clips whose container's times do not increase.
    """
    times = keypoints.timestamps_ms - keypoints.timestamps_ms[0]
    if not (np.diff(times) > 0).all():
        times = np.arange(len(times)) * 1000 / (fps or 25.0)
    points = np.concatenate([keypoints.pose[..., :3], keypoints.left_hand, keypoints.right_hand], axis=1)
    points = points[:, [JOINTS.index(joint) for joint in JOINTS_SEEN]]
    own = normalise(points, *reference(keypoints, aspect), aspect)[..., :2]
    return at(own.astype(np.float32), times / STEP_MS, np.arange(0, times[-1] / STEP_MS + 1e-6))


def at(values: Floats, places: NDArray[Any], wanted: NDArray[Any]) -> Floats:
    """Return `values` (T, ...) that lie at `places` (T,) at the `wanted` places between the first and the last."""
    after = np.clip(np.searchsorted(places, wanted), min(1, len(places) - 1), len(places) - 1)
    before = np.maximum(after - 1, 0)
    span = places[after] - places[before]
    weight = np.divide(wanted - places[before], span, out=np.zeros(len(wanted)), where=span > 0)
    weight = weight.astype(np.float32).reshape(-1, *[1] * (values.ndim - 1))
    return values[before] * (1 - weight) + values[after] * weight


def motion(own: Floats) -> float:
    """Return how far a track's joints are from their mean places, root mean square, in shoulder widths."""
    seen = own[:, ~np.isnan(own).all(axis=(0, 2))]
    return float(np.sqrt(np.nanmean(((seen - np.nanmean(seen, axis=0)) ** 2).sum(axis=2)))) if seen.size else 0.0


def details(own: Floats) -> Floats:
    """Return the body's ways (T, D) less their moving averages, 0 where it was not seen."""
    body = own[:, [JOINTS_SEEN.index(joint) for joint in BODY]]
    known = ~np.isnan(body)
    return np.where(known, body - _average(body, known), 0).reshape(len(own), -1)


def _average(values: Floats, known: NDArray[np.bool_]) -> Floats:
    """Return the moving averages over DETAIL steps of what is known."""
    share = uniform_filter1d(known.astype(np.float32), DETAIL, axis=0, mode="nearest")
    return uniform_filter1d(np.where(known, values, 0), DETAIL, axis=0, mode="nearest") / np.maximum(share, 1e-6)


def likely_shifts(one: Floats, other: Floats) -> NDArray[np.int64]:
    """Return the shifts in steps at which the `details` of two tracks agree best and by LIKELY, the best first."""
    places = np.arange(len(other))[None, :] - np.arange(len(one))[:, None] + len(one) - 1
    count = len(one) + len(other) - 1

    def along(products: NDArray[Any]) -> NDArray[Any]:
        return np.bincount(places.ravel(), products.ravel(), count)

    power, own = (one**2).sum(axis=1)[:, None], (other**2).sum(axis=1)[None, :]
    size = np.sqrt(along(np.broadcast_to(power, places.shape)) * along(np.broadcast_to(own, places.shape)))
    enough = along(np.ones(places.shape)) >= max(FEWEST, OVERLAP * min(len(one), len(other)))
    agreement = np.where(enough, along(one @ other.T) / np.maximum(size, 1e-9), -1)
    order = np.argsort(-agreement, kind="stable")[:SHIFTS]
    return order[agreement[order] > LIKELY] - len(one) + 1


def fit(one: Floats, other: Floats, shift: float) -> Fit | None:
    """Return how two tracks fit at a shift in steps, or None where they overlap by less than OVERLAP of the shorter."""
    begin, end = max(0, int(np.ceil(-shift))), min(len(one) - 1, int(np.floor(len(other) - 1 - shift)))
    if end - begin + 1 < max(FEWEST, OVERLAP * min(len(one), len(other))):
        return None
    a, b = one[begin : end + 1], at(other, np.arange(len(other)), np.arange(begin, end + 1) + shift)
    both = ~np.isnan(a + b).any(axis=2)
    frames = both.any(axis=1)
    if frames.mean() < OVERLAP:
        return None
    b = _placed(a, b, both)
    squared = np.where(both, ((a - b) ** 2).sum(axis=2), 0.0).sum(axis=1)[frames] / both.sum(axis=1)[frames]
    distance = float(np.sqrt(np.quantile(squared, 0.9)))
    agreement = _agreement(a, b, both) if distance < NEAREST[1] else 0.0
    return Fit(distance, agreement, float((end - begin) * STEP_MS), float(shift * STEP_MS))


def _placed(a: Floats, b: Floats, both: NDArray[np.bool_]) -> Floats:
    """Return `b` moved and scaled as a whole to lie nearest to `a` over the joints that both show."""
    p, q = a[both], b[both]
    centre, own = p.mean(axis=0), q.mean(axis=0)
    p, q = p - centre, q - own
    return (b - own) * ((p * q).sum() / max((q * q).sum(), 1e-9)) + centre


def _agreement(a: Floats, b: Floats, both: NDArray[np.bool_]) -> float:
    """Return the correlation of what is left of the joints' ways when their moving averages are taken off."""
    p, q = ((own - _average(own, both[..., None]))[both] for own in (a, b))
    return float((p * q).sum() / max(np.sqrt((p * p).sum() * (q * q).sum()), 1e-9))


def best_fit(one: Floats, other: Floats, shifts: Sequence[int]) -> Fit | None:
    """Return the nearest fit of two tracks around some shifts in steps, to a tenth of a step."""
    rough = [found for shift in shifts if (found := fit(one, other, shift))]
    best = min(rough, key=lambda found: found.distance, default=None)
    if best is None or best.distance > FAR:
        return best
    for width in (0.5, 0.25, 0.1):
        tries = [fit(one, other, best.shift / STEP_MS + step) for step in (-width, width)]
        best = min([best, *filter(None, tries)], key=lambda found: found.distance)
    return best


def same_take(found: Fit) -> bool:
    """Tell whether two tracks that fit so are of one take."""
    near = float(np.clip(NEAR * found.overlap / 1000, *NEAREST))
    return found.distance < near and found.agreement > AGREES

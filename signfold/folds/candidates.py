"""Which pairs of clips may show one take, without a comparison of all pairs.

All pairs of 40,000 clips would be 800 million comparisons. Instead, short vectors of the body's motion are looked up in
a tree over their principal components. For copies at the same speed, however trimmed, the vectors are windows of 0.4 s;
for copies at another speed, whole clips. Every clip is looked up as it is and mirrored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from signfold.folds.alignment import FAR, FEWEST
from signfold.folds.tracks import BODY, LAYOUT, Floats, mirrored
from signfold.tensors.resample import interpolate

WINDOW = FEWEST  # steps: 0.4 s
POINTS = 16  # of a whole clip
# Copies at another speed: at least so much longer or shorter, at most so many times.
LEAST_STRETCH, MOST_STRETCH = 1.02, 2.5
# Vectors that the principal components are fitted to, and how many components.
SAMPLED, COMPONENTS = 20_000, 12
# Neighbours of a window and of a whole clip that are looked at, and how far away they may be.
WINDOW_NEIGHBOURS, CLIP_NEIGHBOURS, RADIUS = 64, 16, 0.125
# Windows of a clip that are looked up as they are, and mirrored. Mirrored copies are rarer, and a look-up is dear.
LOOKED_UP = {False: 3, True: 1}
BLOCK = 4096  # pairs of windows measured at a time

BODY_MIRROR = [BODY.index(LAYOUT.mirror[joint]) for joint in BODY]

Integers = NDArray[np.int64]


class Candidate(NamedTuple):
    """Two tracks, by their numbers, that may show one take, the second mirrored or not, at the same speed or not."""

    first: int
    second: int
    mirrored: bool
    same_speed: bool


def candidates(tracks: Sequence[Floats], workers: int) -> list[Candidate]:
    """Return the pairs of tracks that may show one take, first < second, in order.

    Parameters
    ----------
    tracks
        Tracks of all clips, each with a window at least.
    workers
        Number of threads that search the tree.
    """
    found = [*same_speed(tracks, workers), *other_speed(tracks, workers)]
    return sorted(found, key=lambda pair: (pair.first, pair.second, pair.mirrored, not pair.same_speed))


def unit_size(bodies: Floats) -> Floats:
    """Return N motions of the body (N, T, J, 2), each centred and of size 1, as vectors (N, D)."""
    centred = bodies - bodies.mean(axis=(1, 2), keepdims=True)
    size = np.sqrt((centred**2).sum(axis=3).mean(axis=(1, 2)))
    scaled = centred / (np.maximum(size, 1e-6) * np.sqrt(bodies.shape[1] * len(BODY)))[:, None, None, None]
    return scaled.reshape(len(bodies), -1).astype(np.float32)


def has_window(track: Floats) -> bool:
    """Return whether the body is known for a window without a gap."""
    unknown = np.flatnonzero(np.isnan(track[:, BODY]).any(axis=(1, 2)))
    return int(np.diff(unknown, prepend=-1, append=len(track)).max()) > WINDOW


def windows(track: Floats) -> tuple[Integers, Floats]:
    """Return the starts (N,) of a track's windows without a gap, and their vectors (N, D)."""
    body = track[:, BODY]
    starts = np.arange(len(body) - WINDOW + 1)
    cut = body[starts[:, None] + np.arange(WINDOW)]
    whole = ~np.isnan(cut).any(axis=(1, 2, 3))
    return starts[whole], unit_size(cut[whole])


def principal_components(vectors: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Return the mean (D,) of some of the vectors, given in groups (N, D), and their principal components (D, C)."""
    seen: list[Floats] = []
    for number in np.random.default_rng(0).permutation(len(vectors)):
        seen.append(vectors[number])
        if sum(map(len, seen)) > SAMPLED:
            break
    some = np.concatenate(seen)
    mean = some.mean(axis=0)
    centred = some - mean
    _, axes = np.linalg.eigh(centred.T @ centred)
    return mean, axes[:, ::-1][:, :COMPONENTS]


def same_speed(tracks: Sequence[Floats], workers: int) -> Iterator[Candidate]:
    """Yield the pairs of tracks that have a window in common."""
    starts, groups = zip(*map(windows, tracks), strict=True)
    start, vectors = np.concatenate(starts), np.concatenate(groups)
    sizes = np.array(list(map(len, groups)))
    owner, before = np.repeat(np.arange(len(tracks)), sizes), np.cumsum(sizes) - sizes
    mean, axes = principal_components(groups)
    tree = cKDTree((vectors - mean) @ axes, balanced_tree=False, compact_nodes=False)
    for mirror, count in LOOKED_UP.items():
        asked = np.concatenate([first + _most_moving(own, count) for first, own in zip(before, groups, strict=True)])
        wanted = _mirrored_vectors(vectors[asked]) if mirror else vectors[asked]
        rows, near = _neighbours(tree, (wanted - mean) @ axes, WINDOW_NEIGHBOURS, workers)
        one, other = asked[rows], near
        different = owner[one] != owner[other]
        one, other = one[different], other[different]
        places = (owner[one], start[one], owner[other], start[other])
        close = _window_distances(tracks, places, mirror) < FAR
        pairs = np.sort(np.stack([owner[one[close]], owner[other[close]]], axis=1), axis=1)
        for first, second in np.unique(pairs, axis=0).tolist():
            yield Candidate(first, second, mirror, True)


def other_speed(tracks: Sequence[Floats], workers: int) -> Iterator[Candidate]:
    """Yield the pairs of tracks of other lengths that are alike as a whole."""
    vectors = unit_size(np.stack([at_points(track) for track in tracks]))
    mean, axes = principal_components([vectors])
    tree = cKDTree((vectors - mean) @ axes)
    lengths = np.array([len(track) for track in tracks])
    for mirror in (False, True):
        wanted = _mirrored_vectors(vectors) if mirror else vectors
        rows, near = _neighbours(tree, (wanted - mean) @ axes, CLIP_NEIGHBOURS, workers)
        stretch = np.maximum(lengths[rows], lengths[near]) / np.minimum(lengths[rows], lengths[near])
        close = (stretch > LEAST_STRETCH) & (stretch < MOST_STRETCH)
        pairs = np.sort(np.stack([rows[close], near[close]], axis=1), axis=1)
        for first, second in np.unique(pairs, axis=0).tolist():
            yield Candidate(first, second, mirror, False)


def at_points(track: Floats) -> Floats:
    """Return the body (POINTS, J, 2) of a track at evenly spread moments, linear over gaps."""
    body = track[:, BODY]
    known = np.flatnonzero(~np.isnan(body).any(axis=(1, 2)))
    return interpolate(body[known], known.astype(np.float64), np.linspace(known[0], known[-1], POINTS))


def _mirrored_vectors(vectors: Floats) -> Floats:
    """Return the vectors (N, D) of the mirrored bodies."""
    bodies = vectors.reshape(len(vectors), -1, len(BODY), 2)
    return (bodies[:, :, BODY_MIRROR] * np.array([-1, 1], np.float32)).reshape(len(vectors), -1)


def _neighbours(tree: Any, wanted: NDArray[Any], count: int, workers: int) -> tuple[Integers, Integers]:
    """Return the pairs of a wanted vector and one in the tree near it, by their numbers."""
    _, near = tree.query(wanted, k=min(count, tree.n), distance_upper_bound=RADIUS, workers=workers)
    near = near.reshape(len(wanted), -1)
    rows, columns = np.nonzero(near < tree.n)
    return rows, near[rows, columns]


def _most_moving(vectors: Floats, count: int) -> Integers:
    """Return for each of `count` equal parts of a clip the window that moves most, and so says most."""
    moving = vectors.reshape(len(vectors), WINDOW, -1).var(axis=1).sum(axis=1)
    parts = np.array_split(np.arange(len(vectors)), count)
    return np.array([part[moving[part].argmax()] for part in parts if len(part)], dtype=np.int64)


def _window_distances(tracks: Sequence[Floats], places: tuple[Integers, ...], mirror: bool) -> Floats:
    """Return the root mean square distances of all joints in pairs of windows, each pair moved to one place.

    Parameters
    ----------
    tracks
        Tracks of all clips.
    places
        (N,) each: track and start of the first windows, track and start of the second ones.
    mirror
        Whether the first windows are mirrored.
    """
    distances = [np.empty(0, np.float32)]
    for block in range(0, len(places[0]), BLOCK):
        first, begin, second, start = (part[block : block + BLOCK] for part in places)
        gap = np.stack([tracks[i][s : s + WINDOW] for i, s in zip(first, begin, strict=True)])
        if mirror:
            gap = mirrored(gap.reshape(-1, *gap.shape[2:])).reshape(gap.shape)
        gap = gap - np.stack([tracks[i][s : s + WINDOW] for i, s in zip(second, start, strict=True)])
        both = ~np.isnan(gap).any(axis=3, keepdims=True)
        count = both.sum(axis=(1, 2), keepdims=True)
        gap = np.where(both, gap, 0.0)
        gap = np.where(both, gap - gap.sum(axis=(1, 2), keepdims=True) / count, 0.0)
        distances.append(np.sqrt((gap**2).sum(axis=(1, 2, 3)) / count[:, 0, 0, 0]))
    return np.concatenate(distances)

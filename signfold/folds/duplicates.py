"""Clips that show one and the same take: re-encoded, resized, cropped or trimmed, so that no digest finds them.

Comparing all pairs would cost 800 million comparisons for 40,000 clips. So pairs are looked for first: every clip is
cut into short overlapping windows of its pose, and the windows nearest to three of them, by a tree over their principal
components, say which clips to compare. These are shifted to where the details of their ways agree best, and judged by
the distance of their joints (`signfold.folds.alignment`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import cKDTree

from signfold.core import versions
from signfold.core.clip import read_clips
from signfold.core.files import read_parquet, write_parquet
from signfold.folds.alignment import (
    AGREES,
    BODY,
    FAR,
    FEWEST,
    JOINTS_SEEN,
    NEAR,
    Floats,
    best_fit,
    details,
    likely_shifts,
    motion,
    same_take,
    track,
)

# Clips whose joints move less than this are not compared: of a person who stands still, any two clips are alike.
STILL = 0.02
WINDOW = FEWEST  # 0.4 s
# Windows that the principal components are found on; how many components; how many neighbours of a window are looked
# at, and how far away; so many pairs of windows are measured at a time.
_SEEN, _COMPONENTS, _NEIGHBOURS, _RADIUS, _BLOCK = 20_000, 12, 64, 0.125, 4096

SCHEMA = pa.schema(
    [
        ("sample_id", pa.string()),
        ("other_id", pa.string()),
        ("distance", pa.float32()),
        ("agreement", pa.float32()),
        ("overlap_ms", pa.float32()),
        ("shift_ms", pa.float32()),
    ]
)

log = logging.getLogger(__name__)


def windows(own: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Return the starts of a track's windows and their pose, each centred and of size 1: (N,), (N, D)."""
    body = own[:, [JOINTS_SEEN.index(joint) for joint in BODY]]
    starts = np.arange(max(0, len(body) - WINDOW + 1))
    cut = body[starts[:, None] + np.arange(WINDOW)]
    whole = ~np.isnan(cut).any(axis=(1, 2, 3))
    cut = cut[whole] - cut[whole].mean(axis=(1, 2), keepdims=True)
    size = np.sqrt((cut**2).sum(axis=3).mean(axis=(1, 2)))
    scaled = cut / (np.maximum(size, 1e-6) * np.sqrt(WINDOW * len(BODY)))[:, None, None, None]
    return starts[whole], scaled.reshape(len(cut), WINDOW * len(BODY) * 2).astype(np.float32)


def components(tracks: Sequence[Floats], seed: int = 0) -> tuple[Floats, Floats]:
    """Return the mean (D,) of windows of some tracks, and their principal components (D, C)."""
    seen: list[Floats] = []
    for number in np.random.default_rng(seed).permutation(len(tracks)):
        seen.append(windows(tracks[number])[1])
        if sum(map(len, seen)) > _SEEN:
            break
    some = np.concatenate(seen)
    mean = some.mean(axis=0)
    _, axes = np.linalg.eigh((some - mean).T @ (some - mean))
    return mean, axes[:, ::-1][:, :_COMPONENTS]


def candidates(tracks: Sequence[Floats], workers: int = 1) -> list[tuple[int, int]]:
    """Return which tracks may be one take: (first, second) with first < second, in order.

    Parameters
    ----------
    tracks
        Of all clips, each with a window at least.
    workers
        Threads that search the tree.
    """
    mean, axes = components(tracks)
    places = [(begins, (cut - mean) @ axes, _busiest(cut)) for begins, cut in map(windows, tracks)]
    start, every = (np.concatenate([place[part] for place in places]) for part in (0, 1))
    sizes = [len(place[0]) for place in places]
    owner = np.repeat(np.arange(len(tracks)), sizes)
    asked = np.repeat(np.cumsum([0, *sizes[:-1]]), [len(place[2]) for place in places])
    asked = asked + np.concatenate([place[2] for place in places])
    tree = cKDTree(every, balanced_tree=False, compact_nodes=False)
    _, near = tree.query(every[asked], k=min(_NEIGHBOURS, len(every)), distance_upper_bound=_RADIUS, workers=workers)
    rows, columns = np.nonzero(near < len(every))
    one, other = asked[rows], near[rows, columns]
    one, other = np.minimum(one, other), np.maximum(one, other)
    one, other = (part[owner[one] != owner[other]] for part in (one, other))
    close = _apart(tracks, owner[one], start[one], owner[other], start[other]) < FAR
    found = np.unique(np.stack([owner[one[close]], owner[other[close]]], axis=1), axis=0)
    return [(int(first), int(second)) for first, second in found]


def _busiest(cut: Floats) -> NDArray[np.int64]:
    """Return which of a clip's windows are looked up: of each third, the one that moves most, and so says most."""
    ways = cut.reshape(len(cut), WINDOW, -1)
    moving = ways.var(axis=1).sum(axis=1)
    thirds = np.array_split(np.arange(len(cut)), 3)
    return np.array([third[moving[third].argmax()] for third in thirds if len(third)], dtype=np.int64)


def _apart(
    tracks: Sequence[Floats],
    one: NDArray[np.int64],
    begin: NDArray[np.int64],
    other: NDArray[np.int64],
    start: NDArray[np.int64],
) -> Floats:
    """Return the root mean square distances of all joints in pairs of windows, each pair brought to one place.

    The windows are those of tracks `one` that begin at `begin`, and of tracks `other` that begin at `start`.
    """
    parts = [np.empty(0, np.float32)]
    for block in range(0, len(one), _BLOCK):
        own = slice(block, block + _BLOCK)
        gap = np.stack([tracks[i][s : s + WINDOW] for i, s in zip(one[own], begin[own], strict=True)])
        gap -= np.stack([tracks[i][s : s + WINDOW] for i, s in zip(other[own], start[own], strict=True)])
        both = ~np.isnan(gap).any(axis=3, keepdims=True)
        count = both.sum(axis=(1, 2), keepdims=True)
        gap = np.where(both, gap, 0.0)
        gap = np.where(both, gap - gap.sum(axis=(1, 2), keepdims=True) / count, 0.0)
        parts.append(np.sqrt((gap**2).sum(axis=(1, 2, 3)) / count[:, 0, 0, 0]))
    return np.concatenate(parts)


def pairs(ids: Sequence[str], tracks: Sequence[Floats], workers: int = 1) -> pd.DataFrame:
    """Return the pairs of clips that show one take, as columns of `SCHEMA`.

    Parameters
    ----------
    ids, tracks
        Of all clips, in any order.
    workers
        Threads.
    """
    chosen = [number for number, own in enumerate(tracks) if len(windows(own)[0]) and motion(own) > STILL]
    some = [tracks[number] for number in chosen]
    finer = [details(own) for own in some]
    rows = []
    for first, second in candidates(some, workers) if len(some) > 1 else ():
        found = best_fit(some[first], some[second], likely_shifts(finer[first], finer[second]).tolist())
        if found and same_take(found):
            rows.append((ids[chosen[first]], ids[chosen[second]], *astuple(found)))
    log.info("%d of %d clips compared: %d pairs show one take", len(some), len(ids), len(rows))
    return pd.DataFrame(rows, columns=SCHEMA.names).sort_values(["sample_id", "other_id"], ignore_index=True)


def find_duplicates(items: Path, keypoints: Sequence[Path], out: Path, workers: int = 1) -> None:
    """Write which of the items show one take.

    Parameters
    ----------
    items
        `items.parquet`.
    keypoints
        Every shard's `keypoints/{shard}.parquet`, each with its `.videos.parquet` beside it.
    out
        `duplicates.parquet`: one row a pair, sample_id before other_id, with its `Fit`. Exact copies (equal SHA-256)
        that move are in it too.
    workers
        Threads.
    """
    table = read_parquet(items).to_pandas()
    wanted = set(table.loc[table["copy"] == 0, "sample_id"])
    named = sorted(read_tracks(keypoints, wanted), key=lambda pair: pair[0])
    found = pairs([name for name, _ in named], [own for _, own in named], workers)
    metadata = {"version": versions.DUPLICATES, "near": NEAR, "agrees": AGREES, "clips": len(named)}
    write_parquet(pa.Table.from_pandas(found, schema=SCHEMA, preserve_index=False), out, metadata)


def read_tracks(keypoints: Sequence[Path], wanted: set[str]) -> Iterator[tuple[str, Floats]]:
    """Yield the wanted clips of shards, each as `track` gives it; one shard is in memory at a time."""
    for path in keypoints:
        videos = read_parquet(path.with_suffix(".videos.parquet")).to_pylist()
        about = {row["sample_id"]: row for row in videos if row["sample_id"] in wanted}
        for sample_id, clip in read_clips(path):
            if sample_id in about:
                row = about[sample_id]
                yield sample_id, track(clip, row["height"] / row["width"], row["fps"])


def assign_takes(clips: pd.DataFrame, found: pd.DataFrame | None) -> pd.Series:
    """Return for each clip the take that it shows: the least SHA-256 of all clips that are linked by pairs or content.

    Parameters
    ----------
    clips
        sample_id, sha256.
    found
        Pairs, sample_id and other_id; None where nobody looked. Those of clips that are not here are passed over.
    """
    place = pd.Series(np.arange(len(clips)), index=clips["sample_id"].to_numpy())
    names = clips["sample_id"].groupby(clips["sha256"].to_numpy()).transform("first")
    pairs = [(names.to_numpy(), clips["sample_id"].to_numpy())]
    if found is not None:
        here = found[found["sample_id"].isin(place.index) & found["other_id"].isin(place.index)]
        pairs.append((here["sample_id"].to_numpy(), here["other_id"].to_numpy()))
    one, other = (place[np.concatenate(ends)].to_numpy() for ends in zip(*pairs, strict=True))
    links = sparse.coo_array((np.ones(len(one)), (one, other)), shape=(len(clips), len(clips)))
    _, component = sparse.csgraph.connected_components(links, directed=False)
    return clips["sha256"].groupby(component).transform("min")

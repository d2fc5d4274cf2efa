"""Near-duplicates: clips of one take, re-encoded, resized, cropped, trimmed, mirrored or at another speed.

Candidates (`candidates`) are aligned in time and judged by the distance of their joints (`alignment`).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import sparse

from signfold.core import versions
from signfold.core.files import read_parquet, write_parquet
from signfold.folds.alignment import AGREES, NEAR, Alignment, best_alignment, body_motion, likely_shifts
from signfold.folds.candidates import Candidate, candidates, has_window
from signfold.folds.tracks import Floats, mirrored, motion_size, read_tracks

# Clips whose joints move less than this, in shoulder widths, are not compared: any two clips of a person who stands
# still are alike.
STILL = 0.02

SCHEMA = pa.schema(
    [
        ("sample_id", pa.string()),
        ("other_id", pa.string()),
        ("distance", pa.float32()),
        ("agreement", pa.float32()),
        ("overlap_ms", pa.float32()),
        ("shift_ms", pa.float32()),
        ("speed", pa.float32()),
        ("mirrored", pa.bool_()),
    ]
)

log = logging.getLogger(__name__)


def near_duplicates(ids: Sequence[str], tracks: Sequence[Floats], workers: int) -> pd.DataFrame:
    """Return the pairs of clips that show one take, as columns of `SCHEMA`.

    Parameters
    ----------
    ids, tracks
        sample_id and track of every clip, in any order.
    workers
        Number of threads.
    """
    compared = [number for number, track in enumerate(tracks) if has_window(track) and motion_size(track) > STILL]
    moving = [tracks[number] for number in compared]
    rows: dict[tuple[str, str], dict[str, object]] = {}
    for pair in candidates(moving, workers) if moving else ():
        found = align_candidate(moving[pair.first], moving[pair.second], pair)
        names = ids[compared[pair.first]], ids[compared[pair.second]]
        if found and found.one_take and names not in rows:
            rows[names] = {**asdict(found), "mirrored": pair.mirrored}
    log.info("%d of %d clips compared: %d pairs show one take", len(moving), len(ids), len(rows))
    table = [{"sample_id": one, "other_id": other, **row} for (one, other), row in rows.items()]
    return pd.DataFrame(table, columns=SCHEMA.names).sort_values(["sample_id", "other_id"])


def align_candidate(one: Floats, other: Floats, pair: Candidate) -> Alignment | None:
    """Return the best alignment of a candidate's two tracks, the second mirrored if the candidate is.

    At another speed, the slower clip is brought to the clock of the faster one, where fewer frames have to be invented.
    """
    if pair.mirrored:
        other = mirrored(other)
    if pair.same_speed:
        shifts = likely_shifts(body_motion(one), body_motion(other))
        return best_alignment(one, other, [(shift, 1.0) for shift in shifts])
    if len(one) > len(other):
        found = best_alignment(other, one, [(0.0, (len(one) - 1) / (len(other) - 1))])
        return found and found.inverse()
    return best_alignment(one, other, [(0.0, (len(other) - 1) / (len(one) - 1))])


def find_duplicates(items: Path, keypoints: Sequence[Path], out: Path, workers: int) -> None:
    """Write which of the items show one take.

    Parameters
    ----------
    items
        `items.parquet`.
    keypoints
        Every shard's `keypoints/{shard}.parquet`, each with its `.videos.parquet` beside it.
    out
        `duplicates.parquet`: one row a pair, sample_id before other_id, with its `Alignment`. Exact copies (equal
        SHA-256) that move are in it too.
    workers
        Number of threads.
    """
    table = read_parquet(items, ["sample_id", "copy"]).to_pandas()
    wanted = set(table.loc[table["copy"] == 0, "sample_id"])
    named = sorted(read_tracks(keypoints, wanted), key=lambda pair: pair[0])
    found = near_duplicates([name for name, _ in named], [track for _, track in named], workers)
    metadata = {"version": versions.DUPLICATES, "near": NEAR, "agrees": AGREES, "clips": len(named)}
    write_parquet(pa.Table.from_pandas(found, schema=SCHEMA, preserve_index=False), out, metadata)


def assign_takes(clips: pd.DataFrame, pairs: pd.DataFrame) -> pd.Series:
    """Return each clip's take: the least SHA-256 of all clips that are linked to it by pairs or by content.

    Parameters
    ----------
    clips
        Clips with sample_id and sha256.
    pairs
        Pairs of clips that show one take: sample_id and other_id. Pairs with clips that are not in `clips` are ignored.
    """
    place = pd.Series(np.arange(len(clips)), index=clips["sample_id"].to_numpy())
    same_content = clips["sample_id"].groupby(clips["sha256"].to_numpy()).transform("first")
    here = pairs[pairs["sample_id"].isin(place.index) & pairs["other_id"].isin(place.index)]
    one = place[np.concatenate([same_content.to_numpy(), here["sample_id"].to_numpy()])].to_numpy()
    other = place[np.concatenate([clips["sample_id"].to_numpy(), here["other_id"].to_numpy()])].to_numpy()
    links = sparse.coo_array((np.ones(len(one)), (one, other)), shape=(len(clips), len(clips)))
    _, component = sparse.csgraph.connected_components(links)
    return clips["sha256"].groupby(component).transform("min")

"""The keypoints of a clip, in memory and as Parquet rows (one row is one frame)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from signfold.core.files import read_parquet
from signfold.core.skeleton import HAND, POSE

Floats = npt.NDArray[np.floating[Any]]

# A part is detected as a whole or not at all; the shape is that of one frame.
PARTS: dict[str, tuple[int, int]] = {
    "pose": (len(POSE), 4),
    "left_hand": (len(HAND), 3),
    "right_hand": (len(HAND), 3),
}

FRAMES_SCHEMA = pa.schema(
    [
        pa.field("sample_id", pa.string(), nullable=False),
        pa.field("frame", pa.int32(), nullable=False),
        pa.field("timestamp_ms", pa.float64(), nullable=False),
        *(pa.field(part, pa.list_(pa.float32(), joints * values)) for part, (joints, values) in PARTS.items()),
    ]
)

VIDEOS_SCHEMA = pa.schema(
    [
        pa.field("sample_id", pa.string(), nullable=False),
        ("sha256", pa.string()),
        ("bytes", pa.int64()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("fps", pa.float64()),
        ("frames", pa.int32()),
        ("frames_pose", pa.int32()),
        ("frames_left_hand", pa.int32()),
        ("frames_right_hand", pa.int32()),
        pa.field("status", pa.string(), nullable=False),
        ("error", pa.string()),
    ]
)


@dataclass(frozen=True, eq=False)
class Keypoints:
    """The keypoints of one clip of T frames, in image-normalised coordinates; NaN where a part was not detected.

    Parameters
    ----------
    timestamps_ms
        (T,) float64, the time of each frame in milliseconds.
    pose
        (T, 33, 4) float32: x, y, z, visibility.
    left_hand, right_hand
        (T, 21, 3) float32: x, y, z. Left is the signer's left.
    """

    timestamps_ms: Floats
    pose: Floats
    left_hand: Floats
    right_hand: Floats

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.timestamps_ms)

    def __getitem__(self, frames: slice) -> Keypoints:
        """Return some of the frames."""
        return Keypoints(*(getattr(self, field.name)[frames] for field in fields(self)))


def seen(part: Floats) -> npt.NDArray[np.bool_]:
    """Return for each frame of a part (T, joints, values) whether it was detected: (T,) bool."""
    return ~np.isnan(part[:, 0, 0])


def _to_column(part: Floats) -> pa.FixedSizeListArray:
    values = np.ascontiguousarray(part, dtype=np.float32).reshape(len(part), part.shape[1] * part.shape[2])
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1], mask=pa.array(~seen(part)))


def _from_column(column: pa.ChunkedArray, joints: int, values: int) -> Floats:
    array = pa.concat_arrays(column.chunks)
    size = joints * values
    flat = array.values.slice(array.offset * size, len(array) * size).to_numpy(zero_copy_only=False)
    if array.null_count:
        flat = flat.reshape(-1, size).copy()
        flat[array.is_null().to_numpy(zero_copy_only=False)] = np.nan
    return flat.reshape(-1, joints, values)


def to_table(sample_id: str, keypoints: Keypoints) -> pa.Table:
    """Return a clip as a table of `FRAMES_SCHEMA`, one row per frame, null where a part was not detected.

    Parameters
    ----------
    sample_id
        The clip's name.
    keypoints
        T frames; T may be 0.
    """
    count = len(keypoints)
    columns = [
        pa.repeat(pa.scalar(sample_id), count),
        pa.array(np.arange(count, dtype=np.int32)),
        pa.array(np.asarray(keypoints.timestamps_ms, dtype=np.float64)),
        *(_to_column(getattr(keypoints, part)) for part in PARTS),
    ]
    return pa.table(columns, schema=FRAMES_SCHEMA)


def from_table(table: pa.Table) -> Iterator[tuple[str, Keypoints]]:
    """Give the clips of a table of `FRAMES_SCHEMA` in order.

    Parameters
    ----------
    table
        The frames of a clip stand together and in order.

    Yields
    ------
    tuple of str and Keypoints
        The sample id, and views into arrays that all clips of the table share: copy before changing them.
    """
    if not len(table):
        return
    parts = {part: _from_column(table[part], *shape) for part, shape in PARTS.items()}
    timestamps = table["timestamp_ms"].to_numpy()
    # One chunk, because a clip that straddles two would otherwise be two runs.
    runs = pc.run_end_encode(pa.concat_arrays(table["sample_id"].chunks))
    bounds = [0, *runs.run_ends.to_pylist()]
    for sample_id, (start, stop) in zip(runs.values.to_pylist(), pairwise(bounds), strict=True):
        yield sample_id, Keypoints(timestamps[start:stop], **{part: a[start:stop] for part, a in parts.items()})


def read_clips(path: str | Path) -> Iterator[tuple[str, Keypoints]]:
    """Read the clips of a shard's `keypoints/{shard}.parquet` (see `from_table`); one shard is in memory at a time.

    Raises
    ------
    SignfoldError
        If the file is absent or is no Parquet file.
    """
    yield from from_table(read_parquet(path))


def empty_keypoints() -> Keypoints:
    """Return the keypoints of a clip without frames."""
    parts = {part: np.zeros((0, *shape), np.float32) for part, shape in PARTS.items()}
    return Keypoints(np.zeros(0), **parts)


@dataclass(frozen=True)
class Extraction:
    """What was found in a video.

    Parameters
    ----------
    keypoints
        Of every frame; nothing is detected in one that does not decode.
    width, height
        Of the upright picture, in pixels; 0 if there is no frame.
    fps
        As the container says; 0 if it does not.
    status
        ok, no_person, no_frames or unreadable.
    error
        Why, or what is odd about a clip that is ok.
    max_seconds
        The cap that ended the extraction before the clip's end; None if none did.
    """

    keypoints: Keypoints
    width: int
    height: int
    fps: float
    status: str
    error: str | None = None
    max_seconds: float | None = None

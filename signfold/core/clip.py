"""The keypoints of a clip, in memory and as Parquet rows (one row is one frame)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from signfold.core.errors import SignfoldError
from signfold.core.files import absent, file_sha256, read_metadata, read_parquet, write_parquet
from signfold.core.made_with import FRAMES_SHA256
from signfold.core.skeleton import PART_JOINTS, POSE, SIDES

Floats = npt.NDArray[np.floating[Any]]

# A part is detected as a whole or not at all; the shape is that of one frame.
PARTS: dict[str, tuple[int, int]] = {
    part: (len(joints), 4 if part == "pose" else 3) for part, joints in PART_JOINTS.items()
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
        (T,) float64, time of each frame in milliseconds.
    pose
        (T, 33, 4) float32: x, y, z, visibility.
    left_hand, right_hand
        (T, 21, 3) float32: x, y, z. Left is the signer's left.
    width, height
        Size of the upright picture in pixels, or two numbers of that ratio; 0 if unknown.
    fps
        Frames per second as the container states them; 0 if it does not.
    """

    timestamps_ms: Floats
    pose: Floats
    left_hand: Floats
    right_hand: Floats
    width: int = 0
    height: int = 0
    fps: float = 0.0

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.timestamps_ms)

    def __getitem__(self, frames: slice) -> Keypoints:
        """Return a clip of some of the frames."""
        return replace(self, **{name: getattr(self, name)[frames] for name in ("timestamps_ms", *PARTS)})

    @property
    def aspect(self) -> float:
        """Height over width of the picture; 1 where they are unknown."""
        return self.height / self.width if self.width and self.height else 1.0

    def hand(self, side: str) -> Floats:
        """Return the (T, 21, 3) hand of a side, `left` or `right`."""
        return self.left_hand if side == "left" else self.right_hand

    def positions(self, part: str) -> Floats:
        """Return x and y of the joints of a part in picture widths, (T, joints, 2) float64: both axes have one unit."""
        return getattr(self, part)[..., :2] * np.array([1.0, self.aspect])

    def shoulders(self) -> tuple[Floats, Floats]:
        """Return the positions of the left and the right shoulder in picture widths, (T, 2) each."""
        left, right = (POSE.index(f"{side}_shoulder") for side in SIDES)
        pose = self.positions("pose")
        return pose[:, left], pose[:, right]

    def shoulder_widths(self) -> Floats:
        """Return the distance between the shoulders in each frame, (T,), in picture widths; NaN without a pose."""
        left, right = self.shoulders()
        return np.linalg.norm(left - right, axis=1)

    def shoulder_width(self) -> float:
        """Return the median distance between the shoulders, in picture widths; NaN if no frame has a pose."""
        widths = self.shoulder_widths()
        known = widths[~np.isnan(widths)]
        return float(np.median(known)) if len(known) else np.nan


def seen(part: Floats) -> npt.NDArray[np.bool_]:
    """Return for each frame of a part (T, joints, values) whether the part was detected: (T,) bool."""
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
        Name of the clip.
    keypoints
        Keypoints of T frames; T may be 0.
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
    """Yield sample_id and keypoints of the clips of a table, in its order; their size and frame rate are unknown.

    The arrays of all clips are views into those of the table: copy before changing them.

    Parameters
    ----------
    table
        Table of `FRAMES_SCHEMA`; the frames of a clip stand together and in order.
    """
    if not len(table):
        return
    parts: dict[str, Any] = {part: _from_column(table[part], *shape) for part, shape in PARTS.items()}
    timestamps = table["timestamp_ms"].to_numpy()
    # One chunk, because a clip that straddles two would otherwise be two runs.
    runs = pc.run_end_encode(pa.concat_arrays(table["sample_id"].chunks))
    bounds = [0, *runs.run_ends.to_pylist()]
    for sample_id, (start, stop) in zip(runs.values.to_pylist(), pairwise(bounds), strict=True):
        yield sample_id, Keypoints(timestamps[start:stop], **{part: a[start:stop] for part, a in parts.items()})


def empty_keypoints() -> Keypoints:
    """Return the keypoints of a clip without frames."""
    parts: dict[str, Any] = {part: np.zeros((0, *shape), np.float32) for part, shape in PARTS.items()}
    return Keypoints(np.zeros(0), **parts)


@dataclass(frozen=True)
class Extraction:
    """What was found in a video.

    Parameters
    ----------
    keypoints
        Keypoints of every frame; NaN in a frame that does not decode.
    status
        ok, no_person, blank, frozen, no_frames or unreadable.
    error
        The reason for another status than ok, or a remark about a clip that is ok.
    max_seconds
        Limit in seconds that ended the extraction before the clip's end; None if none did.
    """

    keypoints: Keypoints
    status: str = "ok"
    error: str | None = None
    max_seconds: float | None = None


@dataclass(frozen=True)
class ShardClip:
    """A clip as the two files of a shard hold it.

    Parameters
    ----------
    sample_id
        Name of the clip.
    sha256
        Digest of the video's content, or of imported keypoints; None if there was nothing to digest.
    bytes
        Size of the video, or of imported keypoints, in bytes.
    found
        Keypoints and status.
    """

    sample_id: str
    sha256: str | None
    bytes: int
    found: Extraction

    @property
    def keypoints(self) -> Keypoints:
        """The keypoints of the clip."""
        return self.found.keypoints

    @property
    def usable(self) -> bool:
        """Whether the later stages use the clip."""
        return self.found.status == "ok"

    def row(self) -> dict[str, Any]:
        """Return the clip's row of `VIDEOS_SCHEMA`."""
        clip = self.keypoints
        counts = {f"frames_{part}": int(seen(getattr(clip, part)).sum()) for part in PARTS}
        size = {"width": clip.width, "height": clip.height, "fps": clip.fps, "frames": len(clip)}
        named = {"sample_id": self.sample_id, "sha256": self.sha256, "bytes": self.bytes}
        return named | size | counts | {"status": self.found.status, "error": self.found.error}


def write_shard(
    clips: Iterable[ShardClip], frames_file: str | Path, videos_file: str | Path, metadata: Mapping[str, Any]
) -> None:
    """Write the clips of a shard: a row for each frame, and a row for each clip, in the same order.

    Parameters
    ----------
    clips
        The clips of the shard.
    frames_file, videos_file
        Paths of `keypoints/{shard}.parquet` and `keypoints/{shard}.videos.parquet`.
    metadata
        What made the keypoints; stored in both files. The list of clips has the SHA-256 of the frames' file too.
    """
    clips = list(clips)
    frames = [to_table(clip.sample_id, clip.keypoints) for clip in clips]
    write_parquet(pa.concat_tables([FRAMES_SCHEMA.empty_table(), *frames]), frames_file, metadata)
    rows = [clip.row() for clip in clips]
    about = {**metadata, FRAMES_SHA256: file_sha256(frames_file)}
    write_parquet(pa.Table.from_pylist(rows, schema=VIDEOS_SCHEMA), videos_file, about)


def read_shard(frames_file: str | Path, videos_file: str | Path) -> Iterator[ShardClip]:
    """Yield all clips of a shard, those without frames too; their arrays are views (see `from_table`).

    Raises
    ------
    SignfoldError
        If a file is absent or no Parquet file, the frames are not those that were written with the list of clips, or a
        clip with status `ok` has no frame.
    """
    if not Path(frames_file).is_file():
        raise absent(frames_file)
    if file_sha256(frames_file) != read_metadata(videos_file).get(FRAMES_SHA256):
        raise SignfoldError(
            f"{frames_file}: not the file that was written with {videos_file}; delete both files and run the keypoints "
            "stage again"
        )
    clips = dict(from_table(read_parquet(frames_file, FRAMES_SCHEMA.names)))
    for row in read_parquet(videos_file, VIDEOS_SCHEMA.names).to_pylist():
        clip = clips.get(row["sample_id"])
        if clip is None and row["status"] == "ok":
            raise SignfoldError(
                f"{frames_file}: no frame of {row['sample_id']!r}, which {videos_file} lists as ok; delete both files "
                "and run the keypoints stage again"
            )
        size: dict[str, Any] = {"width": row["width"] or 0, "height": row["height"] or 0, "fps": row["fps"] or 0.0}
        found = Extraction(replace(empty_keypoints() if clip is None else clip, **size), row["status"], row["error"])
        yield ShardClip(row["sample_id"], row["sha256"], row["bytes"] or 0, found)


def read_clips(frames_file: str | Path) -> Iterator[tuple[str, Keypoints]]:
    """Yield sample_id and keypoints of a shard's clips that have frames.

    Parameters
    ----------
    frames_file
        Path of `keypoints/{shard}.parquet`; `{shard}.videos.parquet` is beside it.

    Raises
    ------
    SignfoldError
        If a file is absent, damaged or of another run, or a usable clip has no frames (see `read_shard`).
    """
    for clip in read_shard(frames_file, Path(frames_file).with_suffix(".videos.parquet")):
        if len(clip.keypoints):
            yield clip.sample_id, clip.keypoints

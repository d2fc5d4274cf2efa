"""Kaggle-style landmark files: Parquet with one row for each landmark of each frame.

As in Google's Isolated Sign Language Recognition (2023): frame, type (face, left_hand, pose, right_hand),
landmark_index, x, y, z; NaN where a part was not detected.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from signfold.core.clip import PARTS, Keypoints
from signfold.core.errors import SignfoldError, UnreadableFile
from signfold.dataset.keypoint_files import ImportSettings
from signfold.formats.imported import without_absent

COLUMNS = ("frame", "type", "landmark_index", "x", "y", "z")


def read(path: Path, settings: ImportSettings) -> Keypoints:
    """Read one clip; frames that the file leaves out are a gap in its timestamps.

    Parameters
    ----------
    path
        Parquet file of one clip.
    settings
        Size of the picture and frame rate.

    Raises
    ------
    UnreadableFile
        If it is no Parquet file.
    SignfoldError
        If it lacks a column, or has landmarks that MediaPipe has not.
    """
    table = _table(path)
    numbers, frames = np.unique(table["frame"].to_numpy(), return_inverse=True)
    kinds = table["type"].cast(pa.string()).to_numpy(zero_copy_only=False)
    joints = table["landmark_index"].to_numpy()
    points = np.stack([table[axis].to_numpy() for axis in "xyz"], axis=1)
    parts = {}
    for part, (count, values) in PARTS.items():
        rows = kinds == part
        if rows.any() and not 0 <= joints[rows].min() <= joints[rows].max() < count:
            raise SignfoldError(
                f"{path}: landmark_index of {part} goes from {joints[rows].min()} to {joints[rows].max()}; "
                f"expected 0 to {count - 1}"
            )
        part_points = np.full((len(numbers), count, 3), np.nan)
        part_points[frames[rows], joints[rows]] = points[rows]
        parts[part] = without_absent(part_points, values)
    times = (numbers - numbers[:1]).astype(np.float64) * 1000.0 / settings.fps
    width, height = settings.size
    return Keypoints(times, **parts, width=width, height=height, fps=settings.fps)


def _table(path: Path) -> pa.Table:
    try:
        names = pq.read_schema(path).names
        missing = [name for name in COLUMNS if name not in names]
        if missing:
            raise SignfoldError(
                f"{path}: no column {', '.join(missing)} (found {', '.join(names[:8])}, {len(names)} in all); expected "
                f"{', '.join(COLUMNS)}, one row for each landmark of each frame"
            )
        return pq.read_table(path, columns=list(COLUMNS), partitioning=None)
    except (pa.ArrowInvalid, OSError) as error:
        raise UnreadableFile(f"{path}: not a Parquet file ({error}); copy it again") from None

"""MediaPipe Holistic as NumPy arrays: .npz and .npy of one or many clips, and folders with a .npy for each frame."""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from signfold.core.clip import PARTS, Floats, Keypoints
from signfold.core.errors import SignfoldError, UnreadableFile
from signfold.dataset.keypoint_files import ORDERS, ImportSettings, leading, member
from signfold.formats.imported import check_coordinates, check_order, without_absent, wrist_distance


def read(path: Path, sample_id: str, settings: ImportSettings) -> tuple[Keypoints, int]:
    """Read one clip; return its keypoints, and the size of its values in bytes.

    Parameters
    ----------
    path
        .npz or .npy file, or a folder of frames.
    sample_id
        Name of the clip; its last part is the clip's number in an array (clips, frames, values).
    settings
        Order of the values, size of the picture and frame rate.

    Raises
    ------
    UnreadableFile
        If the file is damaged or its array has another shape than is known.
    """
    if path.is_dir():
        numbers, values = _frames(path)
    else:
        array = _array(path, path.stat().st_mtime_ns)
        values = array[int(sample_id.rsplit("/", 1)[-1])] if array.ndim == 3 else array
        numbers = np.arange(len(values), dtype=np.float64)
    times = (numbers - numbers[:1]) * 1000.0 / settings.fps
    return split(values, times, settings), values.nbytes


def clip(values: Any, size: Sequence[int], fps: float, order: str) -> Keypoints:
    """Return the keypoints of one clip in memory.

    Parameters
    ----------
    values
        (T, F), F one of those that docs/keypoints.md lists, or (T, 543, 3); zeros and NaN are missing.
    size
        Width and height of the pictures in pixels, or two numbers of that ratio.
    fps
        Frames per second.
    order
        Order of the parts where a frame has 1629 values: `kaggle` or `holistic`.

    Raises
    ------
    SignfoldError
        If the array has another shape, coordinates are not shares of the picture, or hands are not at the pose's
        wrists.
    """
    array = np.asarray(values, np.float32)
    if len(leading("clip", array.shape)) != 1:
        raise SignfoldError(f"clip: found an array of shape {array.shape}; expected one clip, (frames, F)")
    if order not in ORDERS or not (len(size) == 2 and min(size) > 0 and 0 < fps < math.inf):
        raise SignfoldError(
            f"clip: found size {size}, fps {fps}, order {order!r}; expected two sizes above 0, a frame "
            f"rate above 0, and an order of {', '.join(ORDERS)}"
        )
    settings = ImportSettings("npy", size, fps, order)
    keypoints = split(array.reshape(len(array), -1), np.arange(len(array)) * 1000.0 / fps, settings)
    check_coordinates("clip", keypoints)
    check_order("clip", [wrist_distance(keypoints)])
    return keypoints


def split(values: Floats, times: Floats, settings: ImportSettings) -> Keypoints:
    """Return the keypoints in the values of frames.

    Parameters
    ----------
    values
        (T, F), F one of those that `ImportSettings.layout` knows; zeros are missing parts.
    times
        (T,) milliseconds.
    settings
        Order of the values, size of the picture and frame rate.
    """
    parts, start = {}, 0
    for part, joints, size in settings.layout(values.shape[1]):
        block = values[:, start : start + joints * size].reshape(len(values), joints, size)
        start += joints * size
        if part in PARTS:
            parts[part] = without_absent(block, PARTS[part][1])
    width, height = settings.size
    return Keypoints(times, **parts, width=width, height=height, fps=settings.fps)


# Clips of one file follow one another: only the last file is worth keeping. `modified` tells its versions apart.
@lru_cache(maxsize=1)
def _array(path: Path, modified: int) -> Floats:
    return _flat(path, _load(path))


def _load(path: Path) -> Floats:
    name = member(path)[0] if path.suffix.lower() == ".npz" else None
    try:
        if name is None:
            return np.load(path, mmap_mode="r", allow_pickle=False)
        with np.load(path, allow_pickle=False) as archive:
            return archive[name]
    except (OSError, ValueError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise UnreadableFile(f"{path}: damaged ({error}); copy it again") from None


def _flat(path: Path, array: Floats) -> Floats:
    """Return an array with a frame's values on its last axis."""
    outer = leading(path, array.shape)
    return array.reshape(*outer, math.prod(array.shape[len(outer) :]))


def _frames(folder: Path) -> tuple[Floats, Floats]:
    """Return the numbers and values (T, F) of a folder's frames, in the order of the numbers in their names."""
    there = (file for file in sorted(folder.iterdir()) if file.suffix.lower() == ".npy" and file.is_file())
    files = {_number(file): file for file in there}
    numbers = sorted(files)
    frames = [_flat(files[number], _load(files[number])) for number in numbers]
    for number, frame in zip(numbers, frames, strict=True):
        if frame.shape != frames[0].shape or frame.ndim != 1:
            raise UnreadableFile(
                f"{files[number]}: found an array of shape {frame.shape} among frames of shape {frames[0].shape}; "
                "expected one frame a file, all alike"
            )
    return np.array(numbers, np.float64), np.stack(frames)


def _number(file: Path) -> int:
    digits = re.findall(r"\d+", file.stem)
    if not digits:
        raise UnreadableFile(f"{file}: no frame number in the name; expected 0.npy, 1.npy, ... or frame_000.npy, ...")
    return int(digits[-1])

"""Which clips lie in a folder of keypoint files, from names and array headers alone.

The Snakefile imports this in every job, so it needs nothing outside the standard library.
"""

from __future__ import annotations

import ast
import math
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from signfold.core.errors import SignfoldError, UnreadableFile

SUFFIXES = {"npz": ".npz", "npy": ".npy", "kaggle": ".parquet", "pose": ".pose"}
KEYS = ("size", "fps", "order")

# What the values of a frame are, in order: (part, joints, values of a joint). The first as `np.concatenate([pose, face,
# left_hand, right_hand])` of the common tutorial leaves them, the last without the face.
_POSE, _FACE, _LEFT, _RIGHT = ("pose", 33, 3), ("face", 468, 3), ("left_hand", 21, 3), ("right_hand", 21, 3)
_POSE_VISIBLE = ("pose", 33, 4)
LAYOUTS: dict[int, tuple[tuple[str, int, int], ...]] = {
    1662: (_POSE_VISIBLE, _FACE, _LEFT, _RIGHT),
    1629: (_FACE, _LEFT, _POSE, _RIGHT),
    258: (_POSE_VISIBLE, _LEFT, _RIGHT),
}
# 1629 values come in two orders: that of the rows of Kaggle's files, and that of the tutorial, without visibility.
ORDERS = {"kaggle": LAYOUTS[1629], "holistic": (_POSE, _FACE, _LEFT, _RIGHT)}
POINTS = (543, 3)
# As NumPy has it: a header is evaluated, which takes time and memory.
LONGEST_HEADER = 10_000
MOST_CLIPS, MOST_ARRAYS = 1_000_000, 1_000
_DAMAGED = (
    *(struct.error, ValueError, SyntaxError, KeyError, TypeError),
    *(RecursionError, MemoryError, OverflowError),
)
EXPECTED = (
    "(clips, frames, F), (frames, F), or (F,) in a folder of frames, with F = 1662 (pose 33×4, face 468×3, left and "
    "right hand 21×3), 1629 or 543×3 (face, left hand, pose, right hand, ×3) or 258 (pose 33×4, left and right hand)"
)


@dataclass(frozen=True)
class ImportSettings:
    """How a dataset of keypoints is read; all but `format` are keys of the dataset with the same names.

    Parameters
    ----------
    format
        npz, npy, kaggle or pose; the dataset's key `keypoints`.
    size
        Width and height of the pictures in pixels, or any two numbers of that ratio: image-normalised coordinates do
        not tell it. Without it pictures count as square.
    fps
        Frames per second.
    order
        Order of the parts where a frame has 1629 values: `kaggle` (face, left hand, pose, right hand) or `holistic`
        (pose, face, left hand, right hand).
    """

    format: str
    size: Sequence[int] = (1, 1)
    fps: float = 30.0
    order: str = "kaggle"

    def layout(self, values: int) -> tuple[tuple[str, int, int], ...]:
        """Return what the values of a frame are, in order."""
        return ORDERS[self.order] if values == 1629 else LAYOUTS[values]


def import_settings(dataset: Mapping[str, Any]) -> ImportSettings | None:
    """Return how the keypoints of a dataset are read, or None if it is a dataset of videos.

    Raises
    ------
    SignfoldError
        If there are keys that do not go together.
    """
    given = {key: dataset[key] for key in KEYS if key in dataset}
    if "keypoints" not in dataset:
        if given:
            raise SignfoldError(f"{', '.join(given)}: only for a dataset of keypoints; videos say it themselves")
        return None
    if dataset["keypoints"] == "pose" and given:
        raise SignfoldError(f"{', '.join(given)}: not with `keypoints: pose`; the files say it themselves")
    return ImportSettings(dataset["keypoints"], **given)


def units(root: Path, listing: Sequence[str], settings: ImportSettings) -> dict[str, str]:
    """Return the files that hold clips: what they are called, and their path below `root`.

    A folder of frames (`hello/0/0.npy`, `hello/0/1.npy`, ...) is called as the one file it could be (`hello/0.npy`).
    """
    names = {relative: relative for relative in listing}
    if settings.format != "npy":
        return names
    firsts: dict[str, str] = {}
    for relative in listing:
        if relative.lower().endswith(".npy") and "/" in relative:
            firsts.setdefault(str(PurePosixPath(relative).parent), relative)
    folders = {folder for folder, first in firsts.items() if _is_frame(root / first)}
    kept = {name: path for name, path in names.items() if str(PurePosixPath(name).parent) not in folders}
    return kept | {f"{folder}.npy": folder for folder in sorted(folders)}


def _is_frame(file: Path) -> bool:
    try:
        return leading(file, shape_of(file)) == ()
    except UnreadableFile:
        return False


def clips_in(path: Path, settings: ImportSettings) -> list[str]:
    """Return what is added to a file's sample id for each of its clips: nothing if it is one clip.

    Parameters
    ----------
    path
        A file, or a folder of frames.
    settings
        See there.

    Returns
    -------
    list of str
        `[""]`, or `/00`, `/01`, ... for the clips of an array (clips, frames, values).

    Raises
    ------
    Unreadable
        If the file holds no such array.
    """
    if settings.format not in ("npz", "npy") or path.is_dir():
        return [""]
    shape = shape_of(path)
    outer = leading(path, shape)
    if not outer:
        raise UnreadableFile(f"one frame alone, of shape {shape}; expected a folder with the frames of one clip")
    if len(outer) == 1:
        return [""]
    if 0 in outer or outer[0] > MOST_CLIPS:
        raise UnreadableFile(f"{outer[0]} clips of {outer[1]} frames; expected 1 to {MOST_CLIPS} clips with frames")
    return [f"/{number:0{len(str(outer[0] - 1))}d}" for number in range(outer[0])]


def leading(where: object, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the axes of an array before a frame's values: (), (frames,) or (clips, frames).

    Raises
    ------
    Unreadable
        If the shape is none of those known.
    """
    if shape[-2:] == POINTS:
        outer = shape[:-2]
    elif shape and shape[-1] in LAYOUTS:
        outer = shape[:-1]
    else:
        raise UnreadableFile(f"{where}: found an array of shape {shape}; expected {EXPECTED}")
    if len(outer) > 2:
        raise UnreadableFile(f"{where}: found an array of shape {shape}; expected {EXPECTED}")
    return outer


def shape_of(file: Path) -> tuple[int, ...]:
    """Return the shape of the array of a .npy or .npz file, without reading its values.

    Raises
    ------
    Unreadable
        If the file is damaged, or holds Python objects, or none or several arrays of keypoints.
    """
    if file.suffix.lower() == ".npz":
        return member(file)[1]
    try:
        with file.open("rb") as stream:
            return _header(file, stream, os.fstat(stream.fileno()).st_size)
    except OSError as error:
        raise UnreadableFile(f"{file}: cannot be read ({error.strerror})") from None


def member(file: Path) -> tuple[str, tuple[int, ...]]:
    """Return the name and shape of the one array of keypoints in a .npz file.

    Raises
    ------
    Unreadable
        If there is none, or several.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            shapes = {}
            if len(archive.infolist()) > MOST_ARRAYS:
                raise UnreadableFile(f"{file}: {len(archive.infolist())} arrays; expected one of keypoints")
            for entry in archive.infolist():
                if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise UnreadableFile(f"{file}, {entry.filename}: not compressed as NumPy does; save it anew")
                # Deflate makes a byte of 1,032 at most; an entry that promises more is lying.
                size = min(entry.file_size, 1032 * entry.compress_size + 1032)
                with archive.open(entry) as stream:
                    shapes[entry.filename.removesuffix(".npy")] = _header(f"{file}, {entry.filename}", stream, size)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise UnreadableFile(f"{file}: not a .npz file ({error}); copy it again") from None
    fitting = {name: shape for name, shape in shapes.items() if shape and _fits(shape)}
    if len(fitting) != 1:
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items()) or "nothing"
        raise UnreadableFile(f"{file}: found {found}; expected one array of shape {EXPECTED}")
    return next(iter(fitting.items()))


def _fits(shape: tuple[int, ...]) -> bool:
    return len(shape) > 1 and (shape[-1] in LAYOUTS or shape[-2:] == POINTS)


def _header(where: object, stream: IO[bytes], size: int) -> tuple[int, ...]:
    """Return the shape in the header of a .npy stream (numpy.lib.format) that is `size` bytes long."""
    start = stream.read(8)
    if start[:6] != b"\x93NUMPY":
        raise UnreadableFile(
            f"{where}: not a NumPy array (the first bytes are {start.hex(' ') or 'none'}); copy it again"
        )
    length = "<H" if start[6] == 1 else "<I"
    try:
        (count,) = struct.unpack(length, stream.read(struct.calcsize(length)))
        if count > LONGEST_HEADER:
            raise ValueError(f"{count} bytes long; expected {LONGEST_HEADER} at most")
        about = ast.literal_eval(stream.read(count).decode("latin1"))
        shape, kind = tuple(map(int, about["shape"])), str(about["descr"])
    except _DAMAGED as error:
        said = str(error) or type(error).__name__
        raise UnreadableFile(f"{where}: a damaged NumPy header ({said}); copy it again") from None
    if not re.fullmatch(r"[<>=|][fiu]\d{1,2}", kind):
        raise UnreadableFile(f"{where}: values of type {kind}; expected numbers (pickled objects are never read)")
    if any(axis < 0 for axis in shape):
        raise UnreadableFile(f"{where}: a damaged NumPy header (shape {shape}); copy it again")
    promised, there = math.prod(shape) * int(kind[2:]), size - 8 - struct.calcsize(length) - count
    if promised > there:
        raise UnreadableFile(
            f"{where}: the header promises {promised} bytes, shape {shape}, and {max(0, there)} follow; copy it again"
        )
    return shape

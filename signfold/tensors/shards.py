"""The tensors of many shards, read through memory maps."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from signfold.core import files
from signfold.core.errors import SignfoldError
from signfold.core.made_with import FRAMES_SHA256
from signfold.core.skeleton import Layout, layout

# Most shards mapped at a time: each holds a file descriptor, and the usual limit of a process is 1,024.
MOST_OPEN = 256
# Key of a table's metadata: the SHA-256 of its array's file.
SHA256 = "npy_sha256"


class _Rows(Protocol):
    """N samples: (N,) source ids, shards, rows in the shards, and digests of the videos."""

    @property
    def source_id(self) -> NDArray[Any]: ...
    @property
    def shard(self) -> NDArray[Any]: ...
    @property
    def row(self) -> NDArray[np.int64]: ...
    @property
    def sha256(self) -> NDArray[Any]: ...


class Shards:
    """The tensors of many shards, memory-mapped: only the rows that are read are in memory.

    Parameters
    ----------
    paths
        Paths of the shards' `.npy` files, each with its `.parquet` beside it.

    Raises
    ------
    SignfoldError
        If a table is damaged or of another version, the shards' settings differ, or there are no shards.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = {path.stem: path for path in paths}
        self._array = functools.lru_cache(MOST_OPEN)(self._mapped)
        self._sha256: dict[str, str] = {}
        self.metadata: dict[str, Any] = {}
        for path in self._paths.values():
            metadata = _metadata(path.with_suffix(".parquet"))
            self._sha256[path.stem] = metadata.pop(SHA256)
            metadata.pop(FRAMES_SHA256, None)
            if self.metadata and metadata != self.metadata:
                differing = [key for key in self.metadata if metadata.get(key) != self.metadata[key]]
                raise SignfoldError(
                    f"{path}: {', '.join(differing)} differ from the other shards'; delete it and run again"
                )
            self.metadata = metadata
        if not self.metadata:
            raise SignfoldError("training was given no tensors; run the tensor stage first")

    @property
    def channels(self) -> tuple[str, ...]:
        """The C channel names."""
        return tuple(self.metadata["channels"])

    @property
    def layout(self) -> Layout:
        """The layout of the V joints."""
        return layout(self.metadata["layout"])

    def check(self, samples: _Rows) -> None:
        """Check by digest that each sample's row holds that sample.

        Raises
        ------
        SignfoldError
            If a row holds another sample or none, or a shard is missing.
        """
        of_shard: dict[str, list[int]] = {}
        for i, shard in enumerate(samples.shard):
            of_shard.setdefault(shard, []).append(i)
        for shard, own in sorted(of_shard.items()):
            if shard not in self._paths:
                raise SignfoldError(f"shard {shard!r} of {samples.source_id[own[0]]!r} was not given")
            path = self._paths[shard].with_suffix(".parquet")
            digests = files.read_parquet(path, ["sha256"])["sha256"].to_pylist()
            for i in own:
                row = samples.row[i]
                if row >= len(digests) or digests[row] != samples.sha256[i]:
                    raise SignfoldError(
                        f"{path}: row {row} is not {samples.source_id[i]!r} as the fold says; "
                        "run the manifest and the folds again"
                    )

    def read(self, shards: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return N rows, shape (N, C, T, V), NaN where missing.

        Parameters
        ----------
        shards
            (N,) names of the shards.
        rows
            (N,) rows in them.
        """
        found = np.empty((len(rows), *self._array(shards[0]).shape[1:]), np.float32)
        for i, (shard, row) in enumerate(zip(shards, rows, strict=True)):
            found[i] = self._array(shard)[row]
        return found

    def verify(self) -> dict[str, str]:
        """Read the arrays' files, and return the SHA-256 of each, by shard.

        Raises
        ------
        SignfoldError
            If a file is not the one that was written with its table: a single bit is enough.
        """
        found = {}
        for shard in sorted(self._paths):
            path = self._paths[shard]
            found[shard] = _sha256(path)
            if found[shard] != self._sha256[shard]:
                raise files.damaged(path, f"not the array that was written with {path.with_suffix('.parquet').name}")
        return found

    def _mapped(self, shard: str) -> NDArray[np.float32]:
        path = self._paths[shard]
        shape = len(self.metadata["channels"]), self.metadata["frames"], len(self.metadata["joints"])
        return map_array(path, shape)


def map_array(path: Path, shape: tuple[int, ...] | None = None) -> NDArray[np.float32]:
    """Return a shard's array as a memory map.

    Parameters
    ----------
    path
        The `.npy` file.
    shape
        (C, T, V) that it must have; None for any.

    Raises
    ------
    SignfoldError
        If the file is absent, damaged, or another array.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise files.absent(path) from None
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise files.damaged(path, f"not a whole NumPy array ({str(error).splitlines()[0]})") from None
    if not isinstance(array, np.ndarray) or array.dtype != np.float32 or array.ndim != 4:
        kind = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else "an archive"
        raise files.damaged(path, f"found {kind}, expected float32 (N, C, T, V)")
    if shape is not None and array.shape[1:] != shape:
        raise files.damaged(path, f"found clips of shape {array.shape[1:]}, its table says {shape}")
    return array


def _metadata(table: Path) -> dict[str, Any]:
    """Return the metadata of a shard's table, which has all that is needed."""
    metadata = files.read_metadata(table)
    if missing := {"version", "layout", "joints", "channels", "frames", "settings", SHA256} - set(metadata):
        raise files.damaged(table, f"has no {', '.join(sorted(missing))} in its metadata")
    return metadata


def _sha256(path: Path) -> str:
    try:
        return files.file_sha256(path)
    except FileNotFoundError:
        raise files.absent(path) from None
    except OSError as error:
        raise SignfoldError(f"{path}: cannot be read ({error.strerror}); make it a readable file") from None

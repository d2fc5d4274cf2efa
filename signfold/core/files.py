"""Writing files whole or not at all, and Parquet with metadata."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from signfold.core.errors import SignfoldError
from signfold.core.refusals import ADVICE, refused

# Stands before the digest of a Parquet file's footer.
_SEAL = b"footer-sha256:"


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path` that takes its place when the block ends without an error.

    A reader sees the old file, or the new one, never a part: the rename is atomic within a file system.

    Parameters
    ----------
    path
        The file to write. Its folder is made if need be.

    Yields
    ------
    Path
        Where to write.

    Raises
    ------
    SignfoldError
        If nothing can be written there, or the disk is full before all is written.
    """
    path = Path(path)
    temporary = _temporary(path)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except (SignfoldError, MemoryError):
        raise
    except Exception as error:
        if (cause := _refusal(error, temporary)) is None:
            raise
        raise refused(path, cause) from None
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: str | Path) -> None:
    """Check that a file can be written, before the work that it is for. Its folder is made if need be.

    Raises
    ------
    SignfoldError
        If nothing can be written there.
    """
    _temporary(Path(path)).unlink()


def _temporary(path: Path) -> Path:
    """Make an empty file beside `path`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise refused(path, error) from None
    os.close(handle)
    return Path(name)


def _refusal(error: Exception, temporary: Path) -> OSError | None:
    """Return why the system took no more of a file; None if `error` has another cause.

    NumPy, PyTorch and safetensors raise errors of their own, without the system's number: their words tell, or one more
    write.
    """
    if isinstance(error, OSError) and error.errno in ADVICE:
        return error
    for number in ADVICE:
        if os.strerror(number) in str(error):
            return OSError(number, os.strerror(number))
    try:
        with temporary.open("ab") as file:
            file.write(bytes(1 << 16))
            os.fsync(file.fileno())
    except OSError as cause:
        return cause if cause.errno in ADVICE else None
    return None


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, data: Any) -> None:
    """Write `data` as indented JSON, whole or not at all. NaN is refused: it is not JSON."""
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_parquet(table: pa.Table, path: str | Path, metadata: Mapping[str, Any] | None = None) -> None:
    """Write a table as Parquet, whole or not at all.

    Parameters
    ----------
    table
        The table.
    path
        The file.
    metadata
        Stored in the file's schema under the key `signfold`, as JSON.
    """
    with atomic_write(path) as temporary:
        encode_parquet(table, temporary, metadata)
        _seal(temporary)


def _seal(path: Path) -> None:
    """Put a digest of a Parquet file's footer before it: its pages have checksums, the footer has none.

    Readers find the pages by their places and pass over it.
    """
    with path.open("r+b") as file:
        footer, end = _footer(file)
        file.seek(-len(footer) - len(end), os.SEEK_END)
        file.write(_SEAL + hashlib.sha256(footer).digest() + footer + end)


def _footer(file: BinaryIO) -> tuple[bytes, bytes]:
    """Return a Parquet file's footer, and its end, which says how long the footer is."""
    file.seek(-8, os.SEEK_END)
    end = file.read()
    file.seek(-8 - int.from_bytes(end[:4], "little"), os.SEEK_END)
    return file.read()[:-8], end


def _check_footer(path: str | Path) -> None:
    """Raise if a footer is not the one that was sealed; a file of an earlier version has no seal."""
    with Path(path).open("rb") as file:
        footer, _ = _footer(file)
        file.seek(max(0, file.tell() - len(footer) - 8 - len(_SEAL) - 32))
        seal = file.read(len(_SEAL) + 32)
    if seal.startswith(_SEAL) and seal[len(_SEAL) :] != hashlib.sha256(footer).digest():
        raise damaged(path, "its footer is not what was written")


def encode_parquet(table: pa.Table, sink: str | Path | pa.NativeFile, metadata: Mapping[str, Any] | None) -> None:
    """Write a table as zstd-compressed Parquet, with a checksum of every page, into a file or a buffer.

    The bytes of floats are split into streams: without loss, keypoints then take 43 % less (docs/storage.md).
    """
    if metadata is not None:
        existing = table.schema.metadata or {}
        table = table.replace_schema_metadata({**existing, b"signfold": json.dumps(metadata, sort_keys=True).encode()})
    floats = [leaf for leaf, kind in leaves(table.schema) if pa.types.is_floating(kind)]
    others = [leaf for leaf, kind in leaves(table.schema) if not pa.types.is_floating(kind)]
    # Python's True and False mean all columns and none; an empty list is refused.
    pq.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=others or False,
        use_byte_stream_split=floats or False,
        write_page_checksum=True,
    )


def leaves(schema: pa.Schema) -> list[tuple[str, pa.DataType]]:
    """Return the columns of numbers and texts that Parquet stores, as it names them, each with its type."""
    return [
        (f"{field.name}.list.element", field.type.value_type)
        if pa.types.is_list(field.type) or pa.types.is_fixed_size_list(field.type)
        else (field.name, field.type)
        for field in schema
    ]


def read_json(path: str | Path, *keys: str) -> dict[str, Any]:
    """Read a JSON file that holds an object, with at least the given keys.

    Raises
    ------
    SignfoldError
        If the file is absent, is not JSON, or holds something else.
    """
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise absent(path) from None
    except OSError as error:
        raise SignfoldError(f"{path}: cannot be read ({error.strerror}); make it a readable file") from None
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise damaged(path, f"not JSON ({error})") from None
    if not isinstance(found, dict):
        raise damaged(path, f"found a {type(found).__name__}, expected an object of names and values")
    if missing := [key for key in keys if key not in found]:
        raise damaged(path, f"has no {', '.join(missing)}")
    return found


def read_parquet(path: str | Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a Parquet file: all columns, or the given ones.

    Raises
    ------
    SignfoldError
        If the file is absent or damaged, is no Parquet file, or lacks a column.
    """
    with _explained(path):
        _check_footer(path)
        if columns is not None and (missing := set(columns) - set(pq.read_schema(path).names)):
            raise damaged(path, f"has no column {', '.join(sorted(missing))}")
        wanted = None if columns is None else list(columns)
        table = pq.read_table(path, columns=wanted, partitioning=None, page_checksum_verification=True)
        return table if wanted is None else table.select(wanted)


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Return what `write_parquet` stored as metadata, or an empty dictionary.

    Raises
    ------
    SignfoldError
        If the file is absent or damaged, or is no Parquet file.
    """
    with _explained(path):
        _check_footer(path)
        raw = (pq.read_schema(path).metadata or {}).get(b"signfold")
        found = json.loads(raw) if raw else {}
    if not isinstance(found, dict):
        raise damaged(path, f"its metadata are a {type(found).__name__}, expected an object")
    return found


@contextmanager
def _explained(path: str | Path) -> Iterator[None]:
    """Turn what PyArrow says of a file into one sentence."""
    try:
        yield
    except FileNotFoundError:
        raise absent(path) from None
    except (pa.ArrowException, OSError, UnicodeError, json.JSONDecodeError) as error:  # a wrong checksum: OSError
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise damaged(path, f"not a whole Parquet file ({said[0]})") from None


def absent(path: str | Path) -> SignfoldError:
    """Return the error that says that a file which a stage makes is not there."""
    return SignfoldError(f"{path}: no such file; run the stage that makes it")


def damaged(path: str | Path, found: str) -> SignfoldError:
    """Return the error that says what is wrong with a file which a stage made, and what to do.

    Parameters
    ----------
    path
        The file.
    found
        What was found, such as `has no column row`.
    """
    return SignfoldError(f"{path}: damaged, or of another version: {found}; delete it and run again")


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's content."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""The file of a bundle: one zip whose entries are stored as they are, each with its digest. A stranger's does no harm.

Nothing is unpacked to disk, so names lead nowhere; entries are not compressed, so none is larger than the file says;
nothing is unpickled. Every name, size and digest is checked before an entry's content is used.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from signfold.core.errors import SignfoldError
from signfold.core.files import atomic_write

HEADER = "bundle.json"
CARD = "model_card.md"
# For other programs; signfold writes them and never uses what they hold.
FOR_OTHERS = ("model.onnx", "preprocessing.json")
# What a bundle may hold.
NAMES = re.compile(
    r"model_card\.md|model\.onnx|preprocessing\.json|weights/[a-z0-9-]{1,40}/[a-z0-9-]{1,40}/[a-z_]{1,20}\.safetensors"
)
MOST_ENTRIES = 5_000
MOST_BYTES = {".json": 64 << 20, ".md": 4 << 20, ".safetensors": 4 << 30, ".onnx": 4 << 30}
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_archive(path: Path, header: Mapping[str, Any], entries: Mapping[str, bytes]) -> None:
    """Write a bundle, whole or not at all; equal content gives equal bytes.

    Parameters
    ----------
    path
        The file.
    header
        Content of `bundle.json`; `files`, the size and SHA-256 of each entry, is added to it.
    entries
        Content of each other entry, by its name.
    """
    files = {name: {"bytes": len(data), "sha256": _sha256(data)} for name, data in sorted(entries.items())}
    text = json.dumps({**header, "files": files}, indent=1, ensure_ascii=False, allow_nan=False)
    with atomic_write(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, data in [(HEADER, text.encode()), *sorted(entries.items())]:
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            archive.writestr(info, data)


def read_archive(path: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the header of a bundle, without `files`, and the content of each other entry.

    Raises
    ------
    SignfoldError
        If the file is no bundle or is damaged, or an entry's name, kind, size or digest is not as it must be.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(path, archive)
    except FileNotFoundError:
        raise SignfoldError(f"{path}: no such file; give a bundle that `signfold pack` wrote") from None
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError) as error:
        raise refused(path, f"not a whole zip file ({error})") from None
    except OSError as error:
        raise refused(path, f"it cannot be read ({error.strerror or error})") from None


def refused(path: Path, found: str) -> SignfoldError:
    """Return the error that says what is wrong with a bundle."""
    return SignfoldError(f"{path}: damaged, or no bundle of signfold: {found}; copy it again, or pack it again")


def _read(path: Path, archive: zipfile.ZipFile) -> tuple[dict[str, Any], dict[str, bytes]]:
    infos = _checked(path, archive)
    if HEADER not in infos:
        raise refused(path, f"it has no {HEADER}")
    header = parse_json(path, archive.read(infos.pop(HEADER)))
    files = header.pop("files", None)
    if not isinstance(files, dict):
        raise refused(path, f"{HEADER} has no list of files")
    if differing := sorted(set(files) ^ set(infos)):
        said = f"{HEADER} does not list" if differing[0] in infos else "it lacks"
        raise refused(path, f"{said} the entry {differing[0]!r}")
    entries = {}
    for name, info in infos.items():
        data = archive.read(info)
        if files[name] != {"bytes": len(data), "sha256": _sha256(data)}:
            raise refused(path, f"the entry {name!r} is not what was packed (its digest differs)")
        entries[name] = data
    return header, entries


def _checked(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the entries by name, after a look at all that can be wrong with them before they are read."""
    listed = archive.infolist()
    if len(listed) > MOST_ENTRIES:
        raise refused(path, f"it has {len(listed)} entries, expected {MOST_ENTRIES} at most")
    found: dict[str, zipfile.ZipInfo] = {}
    for info in listed:
        # As it is written: the module itself cuts a name at a zero.
        name = info.orig_filename
        if name != HEADER and not NAMES.fullmatch(name):
            raise refused(path, f"it has an entry {name[:100]!r}, which no bundle has")
        if name in found:
            raise refused(path, f"it has two entries {name!r}")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise refused(path, f"the entry {name!r} is no regular file, but a link or the like")
        if info.flag_bits & 0x1 or info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise refused(path, f"the entry {name!r} is compressed or encrypted, expected it as it is")
        if info.file_size > (most := MOST_BYTES[Path(name).suffix]):
            raise refused(path, f"the entry {name!r} has {info.file_size} bytes, expected {most} at most")
        found[name] = info
    if (total := sum(info.file_size for info in listed)) > (size := path.stat().st_size):
        raise refused(path, f"its entries say they have {total} bytes; the file has {size}")
    return found


def parse_json(path: Path, data: bytes) -> dict[str, Any]:
    """Return the object in an entry of JSON.

    Raises
    ------
    SignfoldError
        If it is not JSON, holds NaN or infinity, has a name twice, or is no object.
    """

    def constant(name: str) -> NoReturn:
        raise ValueError(f"{name} is no number")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a name stands twice in one object")
        return found

    try:
        found = json.loads(data.decode("utf-8"), parse_constant=constant, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise refused(path, f"{HEADER} is not JSON ({error})") from None
    if not isinstance(found, dict):
        raise refused(path, f"{HEADER} holds a {type(found).__name__}, expected an object")
    return found


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

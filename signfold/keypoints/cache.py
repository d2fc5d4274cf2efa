"""The cache of extractions: one Parquet for each video's content and extractor. A cache: deleting it is always safe."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from signfold.core import files
from signfold.core.clip import FRAMES_SCHEMA, Extraction, empty_keypoints, from_table, to_table
from signfold.core.errors import SignfoldError

# The status of a video that killed its extraction: it is not kept.
CRASHED = "crashed"
_SIZE = ("width", "height", "fps")
_RESULT = ("status", "error", "max_seconds")

log = logging.getLogger(__name__)


def file_digest(path: str | Path) -> tuple[str, int]:
    """Return the SHA-256 of a file's content and its size in bytes."""
    with Path(path).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return digest.hexdigest(), file.tell()


class Extractor(Protocol):
    """What finds keypoints in a video: `Holistic`, or another estimator."""

    def description(self) -> dict[str, Any]:
        """Return all that the keypoints of a video depend on, besides its content."""

    def accepts(self, found: Extraction) -> bool:
        """Tell whether an earlier extraction of this description can be used."""

    def extract(self, path: str | Path) -> Extraction:
        """Return what is found in a video, whatever is in the file."""


@dataclass(frozen=True)
class Cache:
    """Extractions below `root`, addressed by what was in the video and what looked for keypoints in it.

    Two jobs may write one entry at a time: both write the same bytes, and each appears whole.
    """

    root: Path

    def path(self, sha256: str, description: dict[str, Any]) -> Path:
        """Return where the extraction of a video lies; 256 folders keep listings short."""
        key = hashlib.sha256(json.dumps([sha256, description], sort_keys=True).encode()).hexdigest()
        return self.root / key[:2] / f"{key}.parquet"

    def extraction(self, video: str | Path, sha256: str, extractor: Extractor) -> Extraction:
        """Return what `extractor` finds in a video, from the cache if it was there before.

        Parameters
        ----------
        video
            The file.
        sha256
            Digest of its content.
        extractor
            The extractor that is asked where the cache has nothing.

        Raises
        ------
        SignfoldError
            If the video changed while it was read.
        """
        provenance = {"sha256": sha256, **extractor.description()}
        path = self.path(sha256, extractor.description())
        kept = _readable(path, provenance)
        if kept is not None and extractor.accepts(kept):
            return kept
        found = extractor.extract(video)
        if file_digest(video)[0] != sha256:
            raise SignfoldError(f"{video}: the file changed while it was read; run again")
        if found.status != CRASHED:  # with more memory, or another time, it may come out well
            write_entry(path, found, provenance)
        return found

    def entries(self) -> Iterator[Path]:
        """Yield every entry's file. Lists the whole cache: for `signfold cache` only."""
        yield from sorted(self.root.glob("[0-9a-f][0-9a-f]/*.parquet"))


def write_entry(path: Path, found: Extraction, provenance: dict[str, Any]) -> None:
    """Write one entry, whole or not at all."""
    with files.atomic_write(path) as temporary:
        temporary.write_bytes(entry_bytes(found, provenance))


def entry_bytes(found: Extraction, provenance: dict[str, Any] | None = None) -> bytes:
    """Return an extraction as the content of an entry: Parquet, with a digest of all that it says."""
    table = to_table("", found.keypoints).drop_columns("sample_id")
    said = {name: getattr(found.keypoints, name) for name in _SIZE} | {name: getattr(found, name) for name in _RESULT}
    about = {"video": said, **(provenance or {})}
    sink = pa.BufferOutputStream()
    files.encode_parquet(table, sink, {**about, "digest": _digest(table, about)})
    return sink.getvalue().to_pybytes()


def from_bytes(content: bytes, provenance: dict[str, Any] | None = None) -> Extraction:
    """Return the extraction that an entry's content holds.

    Parameters
    ----------
    content
        The whole file.
    provenance
        Digest of the video and description of the extractor that the entry must be of; None for any.

    Raises
    ------
    SignfoldError
        If the content is not what was written, or of another video or extractor.
    """
    table = pq.read_table(pa.BufferReader(content))
    about = json.loads((table.schema.metadata or {})[b"signfold"])
    digest = about.pop("digest", None)
    if digest != _digest(table, about):
        raise SignfoldError("its digest does not fit its content")
    if provenance is not None and {key: about.get(key) for key in provenance} != provenance:
        raise SignfoldError("it is of another video or extractor")
    named = table.add_column(0, FRAMES_SCHEMA.field("sample_id"), pa.repeat(pa.scalar(""), len(table)))
    clips = list(from_table(named))
    keypoints = clips[0][1] if clips else empty_keypoints()
    said = about["video"]
    keypoints = replace(keypoints, **{name: said[name] for name in _SIZE})
    return Extraction(keypoints, **{name: said[name] for name in _RESULT})


def _digest(table: pa.Table, about: dict[str, Any]) -> str:
    """Return the SHA-256 of a table's values and of what is said of them."""
    state = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for column in table.combine_chunks().columns:
        for chunk in column.chunks:
            values = chunk.fill_null(0) if not pa.types.is_fixed_size_list(chunk.type) else chunk.flatten()
            state.update(chunk.is_null().to_numpy(zero_copy_only=False).tobytes())
            state.update(values.to_numpy(zero_copy_only=False).tobytes())
    return state.hexdigest()


def _readable(path: Path, provenance: dict[str, Any]) -> Extraction | None:
    """Return an entry, or None where there is none or it is damaged in whatever way: it is then made again."""
    try:
        return from_bytes(path.read_bytes(), provenance)
    except FileNotFoundError:
        return None
    except Exception as error:
        log.warning("%s: not used (%s); the video is extracted again", path, error)
        return None


@dataclass(frozen=True)
class Usage:
    """Number of entries and bytes in a cache, in all and of the present versions."""

    entries: int
    bytes: int
    present_entries: int
    present_bytes: int


def cache_usage(cache: Cache, extractor: Extractor, *, prune: bool = False) -> Usage:
    """Count the entries of a cache; with `prune`, delete those of other versions.

    Nothing finds what another version of extractor, MediaPipe, models or decoder made. Other options are another
    configuration's, perhaps another project's: they are kept.
    """
    counts = {True: [0, 0], False: [0, 0]}
    for path in cache.entries():
        present = _is_of(path, extractor)
        counts[present][0] += 1
        counts[present][1] += path.stat().st_size
        if prune and not present:
            path.unlink(missing_ok=True)
    (present_entries, present_bytes), (other_entries, other_bytes) = counts[True], counts[False]
    return Usage(present_entries + other_entries, present_bytes + other_bytes, present_entries, present_bytes)


def _is_of(path: Path, extractor: Extractor) -> bool:
    try:
        about = files.read_metadata(path)
    except (OSError, pa.ArrowInvalid):
        return False
    return all(about.get(key) == value for key, value in extractor.description().items() if key != "options")

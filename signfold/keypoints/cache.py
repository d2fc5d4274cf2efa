"""The store of extractions: one Parquet for each video's content and extractor. A cache: deleting it is always safe."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from signfold.core import files
from signfold.core.clip import FRAMES_SCHEMA, Extraction, empty_keypoints, from_table, to_table
from signfold.core.errors import SignfoldError

if TYPE_CHECKING:
    # A name only: who reads the cache alone loads no MediaPipe.
    from signfold.keypoints.holistic import Holistic

_SIZE = ("width", "height", "fps")
_RESULT = ("status", "error", "max_seconds")

log = logging.getLogger(__name__)


def file_digest(path: str | Path) -> tuple[str, int]:
    """Return the SHA-256 of a file's content and its size in bytes."""
    with Path(path).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return digest.hexdigest(), file.tell()


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

    def extraction(self, video: str | Path, sha256: str, extractor: Holistic) -> Extraction:
        """Return what `extractor` finds in a video, from the store if it was there before.

        Parameters
        ----------
        video
            The file.
        sha256
            Of its content.
        extractor
            What finds the keypoints.

        Raises
        ------
        SignfoldError
            If the video changed while it was read.
        """
        path = self.path(sha256, extractor.description())
        kept = _readable(path)
        if kept is not None and extractor.accepts(kept):
            return kept
        found = extractor.extract(video)
        if file_digest(video)[0] != sha256:
            raise SignfoldError(f"{video}: the file changed while it was read; run again")
        write_entry(path, found, {"sha256": sha256, **extractor.description()})
        return found

    def entries(self) -> Iterator[Path]:
        """Yield every entry's file. Lists the whole store: for `signfold store` only."""
        yield from sorted(self.root.glob("[0-9a-f][0-9a-f]/*.parquet"))


def write_entry(path: Path, found: Extraction, provenance: dict[str, Any]) -> None:
    """Write one entry, whole or not at all."""
    table = to_table("", found.keypoints).drop_columns("sample_id")
    about = {name: getattr(found.keypoints, name) for name in _SIZE} | {name: getattr(found, name) for name in _RESULT}
    files.write_parquet(table, path, {"video": about, **provenance})


def read_entry(path: Path) -> Extraction:
    """Read one entry.

    Raises
    ------
    SignfoldError
        If it is no entry.
    """
    table = files.read_parquet(path)
    about = files.read_metadata(path)["video"]
    named = table.add_column(0, FRAMES_SCHEMA.field("sample_id"), pa.repeat(pa.scalar(""), len(table)))
    clips = list(from_table(named))
    keypoints = clips[0][1] if clips else empty_keypoints()
    size = {name: about[name] for name in _SIZE}
    return Extraction(replace(keypoints, **size), **{name: about[name] for name in _RESULT})


def _readable(path: Path) -> Extraction | None:
    """Return an entry, or None where there is none or it is damaged in whatever way: it is then made again."""
    if not path.exists():
        return None
    try:
        return read_entry(path)
    except Exception as error:
        log.warning("%s: damaged (%s); the video is extracted again", path, error)
        return None


@dataclass(frozen=True)
class Usage:
    """What is in a store: how many entries and bytes, in all and of the present versions."""

    entries: int
    bytes: int
    present_entries: int
    present_bytes: int


def cache_usage(store: Cache, extractor: Holistic, *, prune: bool = False) -> Usage:
    """Count the entries of a store; with `prune`, delete those of other versions.

    Nothing finds what another version of extractor, MediaPipe, models or decoder made. Other options are another
    configuration's, perhaps another project's: they are kept.
    """
    counts = {True: [0, 0], False: [0, 0]}
    for path in store.entries():
        present = _is_of(path, extractor)
        counts[present][0] += 1
        counts[present][1] += path.stat().st_size
        if prune and not present:
            path.unlink(missing_ok=True)
    (present_entries, present_bytes), (other_entries, other_bytes) = counts[True], counts[False]
    return Usage(present_entries + other_entries, present_bytes + other_bytes, present_entries, present_bytes)


def _is_of(path: Path, extractor: Holistic) -> bool:
    try:
        about = files.read_metadata(path)
    except (OSError, pa.ArrowInvalid):
        return False
    return all(about.get(key) == value for key, value in extractor.description().items() if key != "options")

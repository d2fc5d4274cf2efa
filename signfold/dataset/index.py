"""Who signs what, in which video: the dataset as its files and label tables tell it.

The Snakefile reads the index anew in every job, so this module imports nothing outside the standard library until
`write` is called.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signfold.core.errors import SignfoldError, UnreadableFile
from signfold.dataset import keypoint_files, synthetic
from signfold.dataset.label_tables import LabelTable, read_glosses, read_table

if TYPE_CHECKING:
    pass

VIDEO_SUFFIXES = frozenset(".mp4 .m4v .mkv .avi .mov .webm .mpg .mpeg .wmv .flv .3gp .gif .ogv .ts .mts .m2ts".split())
SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val", "test": "test"}
FIELDS = ("label", "gloss", "signer", "split")
COLUMNS = ("sample_id", "path", *FIELDS)


@dataclass(frozen=True)
class Sample:
    """One clip of the index: a video, or a clip of a file (or folder) of keypoints."""

    sample_id: str
    path: str
    label: str
    gloss: str | None = None
    signer: str | None = None
    split: str | None = None


@dataclass(frozen=True)
class Index:
    """What is in a dataset: `samples` in order of their ids, and (path, reason) of what was left out."""

    samples: tuple[Sample, ...]
    excluded: tuple[tuple[str, str], ...]

    @property
    def signers(self) -> tuple[str, ...]:
        """The known signers, sorted."""
        return tuple(sorted({sample.signer for sample in self.samples if sample.signer is not None}))


def sample_id_of(relative: str) -> str:
    """Return the sample id of a path below the dataset's root: no extension, `/` separators, Unicode NFC."""
    return unicodedata.normalize("NFC", relative.removesuffix(_suffix(relative)).replace(os.sep, "/"))


def _suffix(name: str) -> str:
    """Return what `Path(name).suffix` is, several times faster: 40,000 names are looked at in every job."""
    suffix = os.path.splitext(name)[1]
    return "" if suffix == "." else suffix


def shard_of(sample_id: str, shards: int) -> str:
    """Return the name of a sample's shard: a hash of its id modulo `shards`, or the hash itself if that is 0.

    It depends on nothing else, so that adding a video touches one shard.
    """
    index_digest = hashlib.sha256(sample_id.encode()).hexdigest()
    if shards == 0:
        return index_digest[:16]
    return f"{int(index_digest[:16], 16) % shards:0{len(str(shards - 1))}d}"


def files_below(root: Path) -> Iterator[str]:
    """Yield the files below `root` as relative paths, sorted, hidden ones left out, links followed once."""
    seen: set[tuple[int, int]] = set()
    for folder, subfolders, files in os.walk(root, followlinks=True):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            subfolders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        below = os.path.relpath(folder, root)
        for name in sorted(files):
            if not name.startswith("."):
                yield name if below == os.curdir else os.path.join(below, name)


def _listing(root: Path, dataset: Mapping[str, Any]) -> list[str]:
    """Return the files of a dataset; those of a synthetic one are known before they are rendered."""
    if _unrendered(dataset):
        return synthetic.clip_names(synthetic.SynthSettings(**dataset["synth"]))
    if not root.is_dir():
        raise SignfoldError(f"{root}: no such folder; set `root` of the dataset to the folder with the videos")
    return list(files_below(root))


def _unrendered(dataset: Mapping[str, Any]) -> bool:
    """Tell whether a dataset is synthetic and has still to be rendered as it is configured."""
    return "synth" in dataset and not synthetic.is_rendered(
        Path(dataset["root"]), synthetic.SynthSettings(**dataset["synth"])
    )


def read_index(dataset: Mapping[str, Any]) -> Index:
    """Read a dataset as its configuration describes it.

    Parameters
    ----------
    dataset
        `root`, the folder; and how to read it: `match`, a regular expression with the named groups label, gloss,
        signer, split (all optional) and video (what a label table calls the clip), searched for in the path below the
        root; `labels`, a table (see `label_tables`); `glosses`, label to gloss. A table's word counts more than the
        path's. `keypoints`, where there are keypoints instead of videos (see `keypoint_files`). One file of
        `config/datasets/` with the user's own keys over it.

    Returns
    -------
    Index
        Every video with a label, and what was left out and why.

    Raises
    ------
    SignfoldError
        If there is no folder, no video, no match at all, or if two files have one id.
    """
    root = Path(dataset["root"])
    settings = keypoint_files.import_settings(dataset)
    suffixes = VIDEO_SUFFIXES if settings is None else {keypoint_files.SUFFIXES[settings.format]}
    listing = _listing(root, dataset)
    paths = {name: name for name in listing} if settings is None else keypoint_files.units(root, listing, settings)
    pattern = _compile(dataset.get("match"))
    table = read_table(root, dataset["labels"]) if "labels" in dataset else None
    glosses = read_glosses(root, dataset.get("glosses"))
    own = _tables(dataset)
    place = "" if root == Path() else str(root)
    samples, excluded = [], []
    for name, relative in paths.items():
        path = os.path.join(place, relative)
        found = _describe(name, pattern, table, suffixes)
        try:
            clips = keypoint_files.clips_in(Path(path), settings) if settings and not isinstance(found, str) else [""]
        except UnreadableFile as error:
            found = str(error).removeprefix(f"{path}: ")
        if isinstance(found, str):
            if relative not in own:
                excluded.append((path, found))
            continue
        label = found["label"] or ""
        gloss = found["gloss"] or glosses.get(label) or glosses.get(label.lstrip("0"))
        about = (path, label, gloss, found["signer"], found["split"])
        samples += [Sample(sample_id_of(name) + clip, *about) for clip in clips]
    if table is not None:
        excluded += [(row, "in the label table, but there is no such video") for row in table.unused()]
    if not samples:
        raise SignfoldError(_nothing_found(root, listing, excluded, suffixes))
    return Index(_sorted_unique(samples), tuple(excluded))


def _tables(dataset: Mapping[str, Any]) -> set[str]:
    """Return the files in the dataset's folder that are its tables, and so not to be listed as left out."""
    sources = dataset.get("labels", [])
    sources = [sources] if isinstance(sources, Mapping) else list(sources)
    return {source["file"] for source in (*sources, dataset.get("glosses") or {}) if "file" in source} | {
        synthetic.TRUTH
    }


def _compile(pattern: str | None) -> re.Pattern[str] | None:
    if pattern is None:
        return None
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise SignfoldError(f"match: {pattern!r} is no regular expression: {error}") from None
    unknown = set(compiled.groupindex) - {*FIELDS, "video"}
    if unknown:
        raise SignfoldError(f"match: unknown groups {sorted(unknown)} in {pattern!r}; known are {FIELDS} and video")
    return compiled


def _describe(
    relative: str, pattern: re.Pattern[str] | None, table: LabelTable | None, suffixes: Collection[str]
) -> dict[str, str | None] | str:
    """Return label, gloss, signer and split of a file, or the reason why it has none."""
    name = unicodedata.normalize("NFC", relative)
    if _suffix(name).lower() not in suffixes:
        kind = "video" if suffixes is VIDEO_SUFFIXES else " or ".join(suffixes)
        return f"not a {kind} file ({_suffix(name) or 'no extension'})"
    if not _is_text(name):
        return "the name is not valid UTF-8; rename the file"
    found: dict[str, str | None] = dict.fromkeys(FIELDS)
    key = name
    if pattern is not None:
        match = pattern.search(name.replace(os.sep, "/"))
        if match is None:
            return "the name does not match the dataset's pattern"
        groups = match.groupdict()
        key = groups.pop("video", None) or key
        found |= groups
    if table is not None:
        row = table.take(key, name)
        if row is None:
            return "no row in the label table"
        found |= {field: value for field, value in row.items() if value}
    if not found["label"]:
        return "no label: neither the pattern nor the label table gives one"
    return _with_split(found)


def _with_split(found: dict[str, str | None]) -> dict[str, str | None] | str:
    split = found["split"]
    if split and split.lower() not in SPLITS:
        return f"unknown split {split!r}; known are {', '.join(SPLITS)}"
    return found | {"split": SPLITS[split.lower()] if split else None, "signer": found["signer"] or None}


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _sorted_unique(samples: list[Sample]) -> tuple[Sample, ...]:
    by_id: dict[str, Sample] = {}
    for sample in samples:
        other = by_id.setdefault(sample.sample_id, sample)
        if other is not sample:
            raise SignfoldError(
                f"two files have the sample id {sample.sample_id!r}: {other.path!r} and {sample.path!r}; rename one"
            )
    return tuple(by_id[sample_id] for sample_id in sorted(by_id))


def _nothing_found(root: Path, listing: list[str], excluded: list[tuple[str, str]], suffixes: Collection[str]) -> str:
    if not listing:
        return f"{root}: the folder is empty; expected files that end in {' '.join(sorted(suffixes))}"
    examples = "; ".join(f"{path!r}: {reason}" for path, reason in excluded[:3])
    return f"{root}: none of {len(listing)} files could be used, for example {examples}; mend the dataset's keys"


def fingerprint(samples: Sequence[Sample], dataset: Mapping[str, Any]) -> str:
    """Return a digest of which videos there are and when each was last modified.

    It tells the workflow which shards to extract again, as Snakemake's own comparison of modification times would.
    """
    coming = synthetic.modified_ns(synthetic.SynthSettings(**dataset["synth"])) if _unrendered(dataset) else None
    state = hashlib.sha256()
    for sample in samples:
        modified = _modified(sample.path) if coming is None else coming
        state.update(f"{sample.sample_id}\0{modified}\0".encode())
    return state.hexdigest()[:16]


def _modified(path: str) -> int | str:
    """Return when a file was modified, in nanoseconds, or a digest of that for a folder of frames."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        why = "is a link that leads nowhere; mend or remove it" if os.path.islink(path) else "has gone; run again"
        raise SignfoldError(f"{path}: the video {why}") from None
    return keypoint_files.modified(path) if stat.S_ISDIR(status.st_mode) else status.st_mtime_ns


def index_digest(index: Index, *fields: str, excluded: bool = False) -> str:
    """Return a digest of the named fields of all samples, and of what was left out if that is wanted."""
    state = hashlib.sha256()
    for sample in index.samples:
        state.update("\0".join(str(getattr(sample, field)) for field in fields).encode() + b"\1")
    for path, reason in index.excluded if excluded else ():
        state.update(f"{path}\0{reason}\2".encode("utf-8", "backslashreplace"))
    return state.hexdigest()[:16]


def by_shard(index: Index, shards: int) -> dict[str, tuple[Sample, ...]]:
    """Return the samples of each shard, in order of their ids; shards without samples are not there."""
    found: dict[str, list[Sample]] = {}
    for sample in index.samples:
        found.setdefault(shard_of(sample.sample_id, shards), []).append(sample)
    return {shard: tuple(found[shard]) for shard in sorted(found)}

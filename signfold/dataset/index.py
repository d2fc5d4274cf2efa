"""Who signs what, in which video: the dataset as its files and label tables tell it.

The Snakefile reads the index anew in every job, so this module imports nothing outside the standard library.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from signfold.core.errors import SignfoldError, UnreadableFile
from signfold.dataset import keypoint_files, spelling, synthetic
from signfold.dataset.keypoint_files import ImportSettings
from signfold.dataset.label_tables import LabelTable, read_glosses, read_table
from signfold.dataset.listing import Listing, list_files
from signfold.dataset.patterns import FIELDS, compiled, limited

VIDEO_SUFFIXES = frozenset(".mp4 .m4v .mkv .avi .mov .webm .mpg .mpeg .wmv .flv .3gp .gif .ogv .ts .mts .m2ts".split())
SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val", "test": "test"}
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
    """What is in a dataset.

    Parameters
    ----------
    samples
        In order of their ids.
    excluded
        (path, reason) of what was left out.
    near_equal
        Groups of names of signers and of labels (by `signer` and `label`) that may mean one thing: the most frequent
        name first.
    """

    samples: tuple[Sample, ...]
    excluded: tuple[tuple[str, str], ...]
    near_equal: Mapping[str, list[list[str]]]

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
    """Return the name of a sample's shard: a hash of its id modulo `shards`.

    It depends on nothing else, so that adding a video touches one shard.
    """
    digest = hashlib.sha256(sample_id.encode()).hexdigest()
    return f"{int(digest[:16], 16) % shards:0{len(str(shards - 1))}d}"


def _listing(root: Path, dataset: Mapping[str, Any]) -> Listing:
    """Return the files of a dataset; those of a synthetic one are known before they are rendered."""
    if is_unrendered(dataset):
        return Listing(synthetic.clip_names(synthetic.SynthSettings(**dataset["synth"])))
    if not root.is_dir():
        where = "" if root.is_absolute() else f" (looked for in {Path.cwd()}, where the command runs)"
        raise SignfoldError(f"{root}: no such folder{where}; set `root` of the dataset to the folder with the videos")
    return list_files(root)


def is_unrendered(dataset: Mapping[str, Any]) -> bool:
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
        path's. `keypoints`, where there are keypoints instead of videos (see `keypoint_files`). `spellings`, what
        becomes of near-equal names. One file of `config/datasets/` with the user's own keys over it.

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
    listing = _listing(root, dataset)
    paths = {name: name for name in listing.files}
    if settings is not None:
        paths = keypoint_files.units(root, listing.files, settings)
    pattern = compiled(dataset.get("match"))
    by_path = pattern is not None and "label" in pattern.groupindex
    table = read_table(root, dataset["labels"], label_needed=not by_path) if "labels" in dataset else None
    reader = _Reader(root, pattern, table, settings, _tables(dataset), read_glosses(root, dataset.get("glosses")))
    with limited(pattern, len(paths)):
        for name, relative in paths.items():
            reader.read(name, relative)
    excluded = [(reader.path(relative), reason) for relative, reason in listing.refused] + reader.excluded
    if table is not None:
        excluded += [(row, "in the label table, but there is no such video") for row in table.unused()]
    if not reader.samples:
        raise SignfoldError(_nothing_found(root, len(paths), excluded, reader.suffixes))
    samples, spellings = _sorted_unique(reader.samples), dataset.get("spellings", "warn")
    if spellings == "join":
        samples = _joined(samples, reader.glosses)
    return Index(samples, tuple(excluded), _near_equal(samples) if spellings == "warn" else {})


def _near_equal(samples: Sequence[Sample]) -> dict[str, list[list[str]]]:
    signers = spelling.near_equal(sample.signer for sample in samples)
    labels = spelling.near_equal(sample.label for sample in samples)
    return {field: groups for field, groups in (("signer", signers), ("label", labels)) if groups}


Fields = dict[str, str | None]


class _Reader:
    """Reads one file after the other: its `samples`, or why it is `excluded`.

    Parameters
    ----------
    root
        The dataset's folder.
    pattern, table
        What tells label, gloss, signer and split: of the path, and of what a table calls the clip.
    settings
        How keypoints are read; None for videos.
    own
        Files that are no clips and are not to be listed: the dataset's tables.
    glosses
        Label to gloss.
    """

    def __init__(
        self,
        root: Path,
        pattern: re.Pattern[str] | None,
        table: LabelTable | None,
        settings: ImportSettings | None,
        own: Collection[str],
        glosses: Mapping[str, str],
    ) -> None:
        self.place = "" if root == Path() else str(root)
        self.pattern, self.table, self.settings, self.own, self.glosses = pattern, table, settings, own, glosses
        self.suffixes = VIDEO_SUFFIXES if settings is None else {keypoint_files.SUFFIXES[settings.format]}
        self.samples: list[Sample] = []
        self.excluded: list[tuple[str, str]] = []

    def path(self, relative: str) -> str:
        """Return the path of a file below the root."""
        return os.path.join(self.place, relative)

    def read(self, name: str, relative: str) -> None:
        """Read a file that is called `name`."""
        path = self.path(relative)
        about = _describe(name, self.pattern, self.table, self.suffixes)
        clips = [""]
        if self.settings is not None and not isinstance(about, str):
            try:
                clips = keypoint_files.clips_in(Path(path), self.settings)
            except UnreadableFile as error:
                about = str(error).removeprefix(f"{path}: ")
        if not isinstance(about, str):
            label = about["label"] or ""
            gloss = about["gloss"] or _gloss(self.glosses, label)
            sample_id, rest = sample_id_of(name), (path, label, gloss, about["signer"], about["split"])
            self.samples += [Sample(sample_id + clip, *rest) for clip in clips]
        elif relative not in self.own:
            self.excluded.append((path, about))


def _gloss(glosses: Mapping[str, str], label: str) -> str | None:
    return (glosses.get(label) or glosses.get(label.lstrip("0"))) if glosses else None


def _joined(samples: Sequence[Sample], glosses: Mapping[str, str]) -> tuple[Sample, ...]:
    """Return the samples with the most frequent spelling of each signer and label."""
    signers = spelling.joined(sample.signer for sample in samples)
    labels = spelling.joined(sample.label for sample in samples)
    changed = []
    for sample in samples:
        label, signer = labels.get(sample.label, sample.label), signers.get(sample.signer or "", sample.signer)
        gloss = sample.gloss if label == sample.label else _gloss(glosses, label) or sample.gloss
        changed.append(replace(sample, label=label, signer=signer, gloss=gloss))
    return tuple(changed)


def _tables(dataset: Mapping[str, Any]) -> set[str]:
    """Return the files in the dataset's folder that are its tables, and so not to be listed as left out."""
    sources = dataset.get("labels", [])
    sources = [sources] if isinstance(sources, Mapping) else list(sources)
    return {source["file"] for source in (*sources, dataset.get("glosses") or {}) if "file" in source} | {
        synthetic.TRUTH
    }


def _describe(
    relative: str, pattern: re.Pattern[str] | None, table: LabelTable | None, suffixes: Collection[str]
) -> Fields | str:
    """Return label, gloss, signer and split of a file, or the reason why it has none."""
    name = unicodedata.normalize("NFC", relative)
    if _suffix(name).lower() not in suffixes:
        kind = "video" if suffixes is VIDEO_SUFFIXES else " or ".join(suffixes)
        return f"not a {kind} file ({_suffix(name) or 'no extension'})"
    if not _is_text(name):
        return "the name is not valid UTF-8; rename the file"
    found: Fields = dict.fromkeys(FIELDS)
    key = name
    if pattern is not None:
        match = pattern.search(name.replace(os.sep, "/"))
        if match is None:
            return "the name does not match the dataset's pattern"
        groups = match.groupdict()
        key = groups.pop("video", None) or key
        found |= {field: spelling.clean(value) if value else None for field, value in groups.items()}
    if table is not None:
        row = table.take(key, name)
        if row is None:
            return table.missing(key)
        found |= {field: value for field, value in row.items() if value}
    if not found["label"]:
        return "no label: neither the pattern nor the label table gives one"
    return _with_split(found)


def _with_split(found: Fields) -> Fields | str:
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


def _nothing_found(root: Path, files: int, excluded: list[tuple[str, str]], suffixes: Collection[str]) -> str:
    if not files and not excluded:
        return f"{root}: the folder is empty; expected files that end in {' '.join(sorted(suffixes))}"
    told = "; ".join(reasons(excluded)[:4])
    return f"{root}: none of {files} files could be used: {told}. Correct the dataset's keys or the files"


def reasons(excluded: Sequence[tuple[str, str]]) -> list[str]:
    """Return each reason for leaving something out, behind an example and the number of others; frequent ones first."""
    counts = Counter(reason for _, reason in excluded)
    first: dict[str, str] = {}
    for path, reason in excluded:
        first.setdefault(reason, path)
    more = {reason: f" and {count - 1} more" if count > 1 else "" for reason, count in counts.items()}
    return [f"{first[reason]!r}{more[reason]}: {reason}" for reason, _ in counts.most_common()]


def by_shard(index: Index, shards: int) -> dict[str, tuple[Sample, ...]]:
    """Return the samples of each shard, in order of their ids; shards without samples are not there."""
    found: dict[str, list[Sample]] = {}
    for sample in index.samples:
        found.setdefault(shard_of(sample.sample_id, shards), []).append(sample)
    return {shard: tuple(found[shard]) for shard in sorted(found)}

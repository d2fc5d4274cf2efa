"""Which clips are learnt from, in which classes, and what evens the classes out."""

from __future__ import annotations

import itertools
import logging
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from signfold.core import versions
from signfold.core.errors import SignfoldError
from signfold.core.files import read_metadata, read_parquet, write_parquet
from signfold.core.made_with import FRAMES_SHA256, check_made_with
from signfold.core.settings import ManifestSettings
from signfold.core.tables import write_csv

SCHEMA = pa.schema(
    [
        ("sample_id", pa.string()),
        ("source_id", pa.string()),
        ("copy", pa.int32()),
        ("class_id", pa.int32()),
        ("label", pa.string()),
        ("gloss", pa.string()),
        ("signer", pa.string()),
        ("split", pa.string()),
        ("shard", pa.string()),
        ("row", pa.int32()),
        ("sha256", pa.string()),
        ("weight", pa.float32()),
    ]
)

# The items: the manifest without what only people read. What trains depends on them, so a changed gloss trains nothing.
ITEMS_SCHEMA = pa.schema([field for field in SCHEMA if field.name != "gloss"])

log = logging.getLogger(__name__)


def natural(label: str) -> tuple[list[tuple[int, int, str]], str]:
    """Return a sorting key by which "2" comes before "10", and "a2" before "a10"."""
    words = re.findall(r"[0-9]+|[^0-9]+", label)
    return [(0, int(word), "") if word.isdecimal() else (1, 0, word) for word in words], label


def table_of_clips(index: pd.DataFrame, tensors: Sequence[Path], videos: Sequence[Path]) -> pd.DataFrame:
    """Return the index with, for each video, its status and where its tensor is (`row` is missing if it has none).

    Parameters
    ----------
    index
        The index table.
    tensors, videos
        Every shard's `tensors/{shard}.parquet` and `keypoints/{shard}.videos.parquet`. Videos in them that the index
        no longer has are passed over.
    """
    rows = []
    for path in tensors:
        table = read_parquet(path, ["sample_id", "sha256", "seen_any"]).to_pandas()
        rows.append(table.assign(shard=Path(path).stem, row=np.arange(len(table))))
    states = [read_parquet(path, ["sample_id", "status", "error"]).to_pandas() for path in videos]
    clips = index.drop(columns="shard").merge(pd.concat(rows), on="sample_id", how="left", validate="1:1")
    return clips.merge(pd.concat(states), on="sample_id", how="left", validate="1:1").sort_values("sample_id")


def check_tensors(
    tensors: Sequence[Path], videos: Sequence[Path], settings: Mapping[str, Any], keypoint_settings: Mapping[str, Any]
) -> None:
    """Check that every shard's tensors were made with the options that are asked for, of the keypoints that are there.

    Parameters
    ----------
    tensors, videos
        Every shard's `tensors/{shard}.parquet` and `keypoints/{shard}.videos.parquet`.
    settings
        Options of the tensors.
    keypoint_settings
        Options of the keypoints.

    Raises
    ------
    SignfoldError
        Otherwise; the message names the file.
    """
    frames = {path.name.removesuffix(".videos.parquet"): read_metadata(path).get(FRAMES_SHA256) for path in videos}
    for path in tensors:
        made = read_metadata(path)
        check_made_with(path, {"version": made.get("version")}, {"version": versions.TENSORS}, "tensors")
        check_made_with(path, made.get("settings") or {}, settings, "tensors")
        check_made_with(path, made.get("keypoints") or {}, keypoint_settings, "keypoints")
        if made.get(FRAMES_SHA256) is None or made[FRAMES_SHA256] != frames.get(path.stem):
            raise SignfoldError(
                f"{path}: made of other keypoints than those in {path.parents[1] / 'keypoints'}: were they replaced? "
                "Delete the file and run again"
            )


def why_not(clip: pd.Series, min_hand_share: float) -> str | None:
    """Return why a clip of `table_of_clips` is not learnt from, or None if it is."""
    if pd.isna(clip["status"]):
        return "no keypoints: the keypoints stage has not seen this video"
    if clip["status"] != "ok":
        return clip["status"] if pd.isna(clip["error"]) else f"{clip['status']}: {clip['error']}"
    if pd.isna(clip["row"]):
        return "no tensor: the tensors stage has not seen this video"
    if clip["seen_any"] < min_hand_share:
        return f"hands seen in {clip['seen_any']:.1%} of frames, less than manifest.min_hand_share {min_hand_share:.1%}"
    return None


def numbered(clips: pd.DataFrame) -> pd.DataFrame:
    """Return the clips with `class_id`: 0 to K-1 in the natural order of the labels that occur."""
    ids = {label: number for number, label in enumerate(sorted(set(clips["label"]), key=natural))}
    return clips.assign(class_id=clips["label"].map(ids))


def draw_copies(clips: pd.DataFrame, count: int, rng: np.random.Generator) -> list[str]:
    """Return the `sample_id`s of one class that are copied, `count` in all, evenly over clips, then over signers.

    No clip is copied n + 1 times before every clip has been copied n times, and within one such round the signers take
    turns.

    Parameters
    ----------
    clips
        Of one class, in the order of `sample_id`.
    count
        How many copies.
    rng
        Decides the order of signers and of their clips.
    """
    shuffled = clips.iloc[rng.permutation(len(clips))]
    turn = shuffled.groupby("signer", dropna=False).cumcount()
    order = shuffled["sample_id"].iloc[np.argsort(turn.to_numpy(), kind="stable")]
    return list(itertools.islice(itertools.cycle(order), count))


def with_copies(clips: pd.DataFrame, per_class: Literal["max"] | int, seed: int) -> pd.DataFrame:
    """Return the clips and, behind them, the copies that fill each class up to `per_class` items.

    Copies are candidates: the folds use one only where its source is in the training part. A class's draw depends on
    the seed and on that class alone.
    """
    target = int(clips["label"].value_counts().max()) if per_class == "max" else per_class
    names: list[tuple[str, str, int]] = []
    taken = set(clips["sample_id"])
    for label, members in clips.groupby("label"):
        rng = np.random.default_rng([seed, zlib.crc32(str(label).encode())])
        numbers: Counter[str] = Counter()
        for source in draw_copies(members, max(0, target - len(members)), rng):
            numbers[source] += 1
            while f"{source}#{numbers[source]}" in taken:  # a video may happen to bear that name
                numbers[source] += 1
            names.append((f"{source}#{numbers[source]}", source, numbers[source]))
    copies = pd.DataFrame(names, columns=["sample_id", "source_id", "copy"]).astype({"copy": int})
    copies = copies.merge(clips.drop(columns=["sample_id", "copy"]), on="source_id", validate="m:1")
    return pd.concat([clips, copies.sort_values(["source_id", "copy"])], ignore_index=True)


def class_weights(class_ids: Iterable[int]) -> np.ndarray:
    """Return for each item the weight of its class: inversely proportional to its size, 1 on average over items."""
    _, inverse, counts = np.unique(np.asarray(class_ids), return_inverse=True, return_counts=True)
    return (len(inverse) / (len(counts) * counts))[inverse]


def manifest(clips: pd.DataFrame, settings: ManifestSettings, seed: int) -> pd.DataFrame:
    """Return the items (columns of `SCHEMA`) that usable clips become.

    Parameters
    ----------
    clips
        Of `table_of_clips`, only the usable ones, at least one.
    settings
        How classes are evened out.
    seed
        Random seed of the choice of copies.
    """
    items = numbered(clips).assign(source_id=clips["sample_id"], copy=0, weight=1.0)
    if settings.balance == "copies":
        items = with_copies(items, settings.per_class, seed)
    if settings.balance == "weights":
        items["weight"] = class_weights(items["class_id"])
    return items


def build_items(
    index: pd.DataFrame,
    tensors: Sequence[str | Path],
    videos: Sequence[str | Path],
    out: str | Path,
    out_excluded: str | Path,
    settings: ManifestSettings,
    seed: int,
) -> None:
    """Write the items, and the list of what was left out and why.

    Parameters
    ----------
    index
        The rows of `index.parquet`; glosses are not looked at.
    tensors, videos
        Every shard's `tensors/{shard}.parquet` and `keypoints/{shard}.videos.parquet`.
    out, out_excluded
        `items.parquet`, the manifest without glosses, and `manifest.excluded.csv`.
    settings
        What becomes an item.
    seed
        Random seed of the choice of copies.

    Raises
    ------
    SignfoldError
        If no video is usable; the message counts the reasons.
    """
    clips = table_of_clips(index, [Path(p) for p in tensors], [Path(p) for p in videos])
    clips["reason"] = [why_not(clip, settings.min_hand_share) for _, clip in clips.iterrows()]
    excluded, usable = clips[clips["reason"].notna()], clips[clips["reason"].isna()]
    if usable.empty:
        raise SignfoldError(_nothing_usable(excluded["reason"]))
    items = manifest(usable, settings, seed)
    sizes = usable["label"].value_counts()
    single = sorted(sizes.index[sizes == 1], key=natural)
    if single:
        log.warning("%d classes have one video only: it is learnt or tested, never both: %s", len(single), single)
    facts = {"version": versions.MANIFEST, "settings": asdict(settings), "seed": seed}
    facts |= {"clips": len(usable), "copies": len(items) - len(usable), "excluded": len(excluded)}
    facts |= {"classes": len(sizes), "single_clip_classes": single}
    write_parquet(pa.Table.from_pandas(items, schema=ITEMS_SCHEMA, preserve_index=False), out, facts)
    write_csv(excluded[["sample_id", "path", "reason"]], out_excluded)


def build_manifest(items: str | Path, index: str | Path, out: str | Path, out_classes: str | Path) -> None:
    """Write the manifest, which is the items with their glosses, and the table of classes.

    Parameters
    ----------
    items
        `items.parquet`.
    index
        `index.parquet`, which has the glosses.
    out, out_classes
        `manifest.parquet`, and `classes.csv`: `class_id`, `label`, `gloss`, `items` (videos, without copies).
    """
    glosses = read_parquet(index, ["sample_id", "gloss"]).to_pandas().rename(columns={"sample_id": "source_id"})
    table = (
        read_parquet(items, ITEMS_SCHEMA.names).to_pandas().merge(glosses, on="source_id", how="left", validate="m:1")
    )
    classes = table[table["copy"] == 0].groupby("class_id", as_index=False)
    write_parquet(pa.Table.from_pandas(table, schema=SCHEMA, preserve_index=False), out, read_metadata(items))
    counted = classes.agg(label=("label", "first"), gloss=("gloss", "first"), items=("label", "size"))
    write_csv(counted, out_classes)


def _nothing_usable(reasons: pd.Series) -> str:
    counts = Counter(re.sub(r"[0-9.]+% of frames", "too few frames", reason).split(":")[0] for reason in reasons)
    told = "; ".join(f"{count} × {reason}" for reason, count in counts.most_common()) or "the index is empty"
    return (
        f"none of {len(reasons)} videos can be learnt from ({told}); expected at least one. Look at the "
        "videos, or lower manifest.min_hand_share"
    )

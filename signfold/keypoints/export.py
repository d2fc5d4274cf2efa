"""Keypoints for other tools: `.pose` files, and the pickle that pyskl reads. What was detected, nothing repaired."""

from __future__ import annotations

import csv
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from signfold.core.clip import PARTS, Floats, Keypoints, read_clips
from signfold.core.errors import SignfoldError
from signfold.core.files import atomic_write, read_parquet
from signfold.core.results import frames_of, present_folds, shard_files
from signfold.formats.pose import confidence, to_bytes

ROLES = ("train", "val", "test")
LABELS = ("label", "gloss", "signer", "split")


@dataclass(frozen=True, eq=False)
class Exported:
    """One usable clip of a dataset.

    Parameters
    ----------
    sample_id
        Its name.
    keypoints
        As detected.
    width, height
        Of the picture, in pixels.
    fps
        Frames per second: the container's word, or else what the frames' times say.
    """

    sample_id: str
    keypoints: Keypoints
    width: int
    height: int
    fps: float


def clips(results: Path) -> Iterator[Exported]:
    """Yield the clips with keypoints of `results/{dataset}`; one shard is in memory at a time.

    Raises
    ------
    SignfoldError
        If there are no keypoints.
    """
    shards = shard_files(results, "keypoints", ".videos.parquet")
    if not shards:
        raise SignfoldError(f"{results}: no keypoints; run `snakemake --cores all {results}/manifest.parquet` first")
    for file in shards:
        videos = {row["sample_id"]: row for row in read_parquet(file).to_pylist() if row["status"] == "ok"}
        for sample_id, keypoints in read_clips(frames_of(file)):
            if sample_id in videos:
                about = videos[sample_id]
                fps = about["fps"] or _fps(keypoints.timestamps_ms)
                yield Exported(sample_id, keypoints, about["width"], about["height"], fps)


def _fps(times_ms: Floats) -> float:
    """Return the frame rate that the times of the frames show; 30 if they show none."""
    span = float(times_ms[-1] - times_ms[0])
    return (len(times_ms) - 1) * 1000.0 / span if span > 0 else 30.0


def to_pose(results: Path, out: Path) -> int:
    """Write `OUT/<sample_id>.pose` for every usable clip, and `OUT/labels.csv`, which says who signs what.

    Parameters
    ----------
    results
        `results/{dataset}`.
    out
        A folder. `.pose` files have one frame rate: where a clip's frames came at uneven times, that is lost.

    Returns
    -------
    int
        How many clips.

    Raises
    ------
    SignfoldError
        If there are no keypoints.
    """
    known = {row["sample_id"]: row for row in read_parquet(_index(results)).to_pylist()}
    names = []
    for clip in clips(results):
        file = out / f"{clip.sample_id}.pose"
        if not file.resolve().is_relative_to(out.resolve()):
            raise SignfoldError(f"{results}: the sample id {clip.sample_id!r} leads out of {out}; rename the file")
        with atomic_write(file) as temporary:
            temporary.write_bytes(to_bytes(clip.keypoints, clip.width, clip.height, clip.fps))
        names.append(clip.sample_id)
    with atomic_write(out / "labels.csv") as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["video", *LABELS])
        writer.writerows([name, *(known[name][field] for field in LABELS)] for name in names)
    return len(names)


def _index(results: Path) -> Path:
    file = results / "index.parquet"
    if not file.is_file():
        raise SignfoldError(f"{file}: no such file; run `snakemake --cores all {results}/manifest.parquet` first")
    return file


def to_pyskl(results: Path, out: Path) -> int:
    """Write one pickle as pyskl's `PoseDataset` and MMAction2's read it.

    It is a dictionary: `split`, names of clips by `<fold>_<role>`, as `fold-1_train`; and `annotations`, for each clip
    of the folds frame_dir (its sample id), label (its class id), img_shape and original_shape (height, width),
    total_frames, keypoint (1, T, 75, 2) in pixels and keypoint_score (1, T, 75). Joints are in the order of
    `signfold.core.skeleton.JOINTS`; missing ones are 0 with score 0, which is how pyskl writes them. Copies that
    balance classes are left out.

    Parameters
    ----------
    results
        `results/{dataset}`, with its folds.
    out
        The pickle.

    Returns
    -------
    int
        How many clips.

    Raises
    ------
    SignfoldError
        If there is no fold.
    """
    folds = _folds(results)
    labels: dict[str, int] = {}
    for table in folds.values():
        labels |= dict(zip(table["sample_id"], table["class_id"].tolist(), strict=True))
    split = {
        f"{fold}_{role}": table.loc[table["role"] == role, "sample_id"].tolist()
        for fold, table in folds.items()
        for role in ROLES
    }
    annotations = [_annotation(clip, labels[clip.sample_id]) for clip in clips(results) if clip.sample_id in labels]
    with atomic_write(out) as temporary, temporary.open("wb") as stream:
        _Pickler(stream, protocol=4).dump({"split": split, "annotations": annotations})
    return len(annotations)


def _folds(results: Path) -> dict[str, pd.DataFrame]:
    """Return each fold's clips without copies."""
    files = [results / "folds" / f"{name}.parquet" for name in present_folds(results)]
    if not files:
        raise SignfoldError(f"{results}: no folds; run `snakemake --cores all {results}/folds/audit.json` first")
    tables = {file.stem: read_parquet(file).to_pandas() for file in files}
    return {fold: table[table["copy"] == 0] for fold, table in tables.items()}


def _annotation(clip: Exported, label: int) -> dict[str, Any]:
    points = np.concatenate([getattr(clip.keypoints, part)[..., :2] for part in PARTS], axis=1)
    score = np.concatenate([confidence(clip.keypoints, part) for part in PARTS], axis=1)
    pixels = np.nan_to_num(points * np.array([clip.width, clip.height], np.float32))
    return {
        "frame_dir": clip.sample_id,
        "label": label,
        "img_shape": (clip.height, clip.width),
        "original_shape": (clip.height, clip.width),
        "total_frames": len(clip.keypoints),
        "keypoint": pixels[None],
        "keypoint_score": score[None].astype(np.float32),
    }


class _Pickler(pickle.Pickler):
    """Writes arrays so that NumPy 1 reads them too, which pyskl needs: NumPy 2's own pickles name `numpy._core`."""

    def reducer_override(self, value: Any) -> Any:
        """Say how an array is built anew: from its shape, type and bytes; a bytearray, so that it can be changed."""
        if isinstance(value, np.ndarray):
            return np.ndarray, (value.shape, value.dtype.str, bytearray(np.ascontiguousarray(value).tobytes()))
        return NotImplemented

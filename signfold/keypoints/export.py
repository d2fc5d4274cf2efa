"""Keypoints for other tools, as detected, without imputation: `.pose` files, and the pickle that pyskl reads."""

from __future__ import annotations

import csv
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from signfold.core.clip import PARTS, Floats, Keypoints, read_shard
from signfold.core.errors import SignfoldError
from signfold.core.files import atomic_write, read_parquet
from signfold.core.results import ROLES, ResultsFolder, frames_of
from signfold.formats.pose import confidence, pose_bytes

LABELS = ("label", "gloss", "signer", "split")


def usable_clips(results: Path) -> Iterator[tuple[str, Keypoints]]:
    """Yield sample_id and keypoints of the usable clips of `results/{dataset}`, each with a frame rate.

    The frame rate is the container's, or else what the timestamps show. One shard is in memory at a time.

    Raises
    ------
    SignfoldError
        If there are no keypoints.
    """
    folder = ResultsFolder(results)
    shards = folder.shard_files("keypoints", ".videos.parquet")
    if not shards:
        raise folder.missing(f"{results}: no keypoints", "manifest.parquet")
    for file in shards:
        for clip in read_shard(frames_of(file), file):
            if clip.usable:
                fps = clip.keypoints.fps or _mean_fps(clip.keypoints.timestamps_ms)
                yield clip.sample_id, replace(clip.keypoints, fps=fps)


def _mean_fps(times_ms: Floats) -> float:
    """Return the mean frame rate of timestamps; 30 where they do not increase."""
    span = float(times_ms[-1] - times_ms[0])
    return (len(times_ms) - 1) * 1000.0 / span if span > 0 else 30.0


def to_pose(results: Path, out: Path) -> int:
    """Write `{out}/{sample_id}.pose` for every usable clip, and `{out}/labels.csv` with label, gloss, signer and split.

    Parameters
    ----------
    results
        Folder `results/{dataset}`.
    out
        Folder to write. `.pose` files have one frame rate: uneven timestamps are lost.

    Returns
    -------
    int
        Number of clips.

    Raises
    ------
    SignfoldError
        If there are no keypoints.
    """
    known = {row["sample_id"]: row for row in read_parquet(_index(results), ["sample_id", *LABELS]).to_pylist()}
    names = []
    for sample_id, keypoints in usable_clips(results):
        file = out / f"{sample_id}.pose"
        if not file.resolve().is_relative_to(out.resolve()):
            raise SignfoldError(f"{results}: the sample id {sample_id!r} leads out of {out}; rename the file")
        with atomic_write(file) as temporary:
            temporary.write_bytes(pose_bytes(keypoints))
        names.append(sample_id)
    with atomic_write(out / "labels.csv") as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["video", *LABELS])
        writer.writerows([name, *(known[name][field] for field in LABELS)] for name in names)
    return len(names)


def _index(results: Path) -> Path:
    file = results / "index.parquet"
    if not file.is_file():
        raise ResultsFolder(results).missing(f"{file}: no such file", "manifest.parquet")
    return file


def to_pyskl(results: Path, out: Path) -> int:
    """Write one pickle in the format of the `PoseDataset` of pyskl and MMAction2.

    It holds a dictionary: `split`, names of clips by `{fold}_{role}`, such as `fold-1_train`; and `annotations`, for
    each clip of the folds frame_dir (its sample id), label (its class id), img_shape and original_shape (height,
    width), total_frames, keypoint (1, T, 75, 2) in pixels and keypoint_score (1, T, 75). Joints are in the order of
    `signfold.core.skeleton.JOINTS`; missing ones are 0 with score 0, as pyskl writes them. Copies that balance classes
    are left out.

    Parameters
    ----------
    results
        Folder `results/{dataset}`, with its folds.
    out
        Pickle to write.

    Returns
    -------
    int
        Number of clips.

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
    annotations = [_annotation(name, clip, labels[name]) for name, clip in usable_clips(results) if name in labels]
    with atomic_write(out) as temporary, temporary.open("wb") as stream:
        _Pickler(stream, protocol=4).dump({"split": split, "annotations": annotations})
    return len(annotations)


def _folds(results: Path) -> dict[str, pd.DataFrame]:
    """Return each fold's clips without copies."""
    folder = ResultsFolder(results)
    files = [results / "folds" / f"{name}.parquet" for name in folder.folds]
    if not files:
        raise folder.missing(f"{results}: no folds", "folds/audit.json")
    tables = {file.stem: read_parquet(file, ["sample_id", "copy", "class_id", "role"]).to_pandas() for file in files}
    return {fold: table[table["copy"] == 0] for fold, table in tables.items()}


def _annotation(sample_id: str, clip: Keypoints, label: int) -> dict[str, Any]:
    points = np.concatenate([getattr(clip, part)[..., :2] for part in PARTS], axis=1)
    score = np.concatenate([confidence(clip, part) for part in PARTS], axis=1)
    pixels = np.nan_to_num(points * np.array([clip.width, clip.height], np.float32))
    return {
        "frame_dir": sample_id,
        "label": label,
        "img_shape": (clip.height, clip.width),
        "original_shape": (clip.height, clip.width),
        "total_frames": len(clip),
        "keypoint": pixels[None],
        "keypoint_score": score[None].astype(np.float32),
    }


class _Pickler(pickle.Pickler):
    """Writes arrays so that NumPy 1 reads them too, which pyskl needs: NumPy 2's own pickles name `numpy._core`."""

    def reducer_override(self, value: Any) -> Any:
        """Return an array's constructor and arguments: shape, type, and bytes in a bytearray, to be writable."""
        if isinstance(value, np.ndarray):
            return np.ndarray, (value.shape, value.dtype.str, bytearray(np.ascontiguousarray(value).tobytes()))
        return NotImplemented

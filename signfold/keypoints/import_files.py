"""Keypoints of a shard, imported: from files that other tools extracted, as `extract` writes them from videos."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from signfold.core import files, versions
from signfold.core.clip import FRAMES_SCHEMA, PARTS, VIDEOS_SCHEMA, empty_keypoints, seen, to_table
from signfold.core.errors import SignfoldError, UnreadableFile
from signfold.core.skeleton import HAND, POSE
from signfold.dataset import index
from signfold.dataset.index import Sample
from signfold.dataset.index_table import write_index
from signfold.dataset.keypoint_files import SUFFIXES, ImportSettings, import_settings
from signfold.formats import kaggle, numpy_arrays, pose
from signfold.formats.imported import Clip, check_coordinates, check_order, keypoints_digest, wrist_distance

log = logging.getLogger(__name__)


def read_clip(path: Path, sample_id: str, settings: ImportSettings) -> Clip:
    """Read one clip of a file (see `arrays`, `kaggle`, `posefile`), and check that it is in shares of the picture."""
    if settings.format == "kaggle":
        clip = kaggle.read(path, settings)
    elif settings.format == "pose":
        clip = pose.read(path)
    else:
        clip = numpy_arrays.read(path, sample_id, settings)
    check_coordinates(f"{path}: {sample_id}", clip.keypoints)
    return clip


def import_shard(
    samples: Sequence[Sample], out: Path, out_videos: Path, settings: ImportSettings, on_bad_video: str = "skip"
) -> None:
    """Write the keypoints of one shard.

    Parameters
    ----------
    samples
        The shard's part of the index.
    out, out_videos
        `keypoints/{shard}.parquet`, one row a frame, and `keypoints/{shard}.videos.parquet`, one row a clip.
    settings
        How the files are read.
    on_bad_video
        `skip` sets a damaged file or a clip without a person aside with its reason; `fail` stops the run at it.

    Raises
    ------
    SignfoldError
        If a file's columns or components are not those of its format, coordinates are not shares of the picture, or
        hands lie far from the pose's wrists; and at a bad clip, if `on_bad_video` is `fail`.
    """
    tables, videos, distances = [], [], []
    for sample in tqdm(samples, desc=out.stem, unit="clip", mininterval=1.0):
        clip, status, error = _read(sample, settings)
        if status != "ok":
            log.warning("%s: %s: %s", sample.sample_id, status, error)
            if on_bad_video == "fail":
                raise SignfoldError(f"{sample.path}: {sample.sample_id}: {status}: {error}")
        tables.append(to_table(sample.sample_id, clip.keypoints))
        videos.append(_video_row(sample.sample_id, clip, status, error))
        distances.append(wrist_distance(clip.keypoints))
    check_order(f"{samples[0].path} and others" if samples else "", distances)
    _write(tables, videos, out, out_videos, settings)


def _read(sample: Sample, settings: ImportSettings) -> tuple[Clip, str, str | None]:
    """Return a clip with its status and what is wrong with it."""
    try:
        clip = read_clip(Path(sample.path), sample.sample_id, settings)
    except (UnreadableFile, OSError) as error:
        return Clip(empty_keypoints(), 0, 0, 0.0, 0), "unreadable", str(error)
    if not len(clip.keypoints):
        return clip, "no_frames", "the array has no frames"
    if all(np.isnan(getattr(clip.keypoints, part)).all() for part in PARTS):
        return clip, "no_person", "neither pose nor hands in any frame"
    return clip, "ok", None


def _video_row(sample_id: str, clip: Clip, status: str, error: str | None) -> dict[str, Any]:
    counts = {f"frames_{part}": int(seen(getattr(clip.keypoints, part)).sum()) for part in PARTS}
    about = {"width": clip.width, "height": clip.height, "fps": clip.fps, "bytes": clip.bytes}
    digest = keypoints_digest(clip.keypoints) if len(clip.keypoints) else None
    named = {"sample_id": sample_id, "sha256": digest, "frames": len(clip.keypoints)}
    return named | counts | about | {"status": status, "error": error}


def _write(
    tables: Sequence[pa.Table], videos: list[dict[str, Any]], out: Path, out_videos: Path, settings: ImportSettings
) -> None:
    about = {"extractor": "import", "version": versions.KEYPOINTS, "import_version": versions.IMPORT}
    about |= {"options": asdict(settings), "joints": {"pose": POSE, "left_hand": HAND, "right_hand": HAND}}
    files.write_parquet(pa.concat_tables([FRAMES_SCHEMA.empty_table(), *tables]), out, about)
    files.write_parquet(pa.Table.from_pylist(videos, schema=VIDEOS_SCHEMA), out_videos, about)


def import_folder(dataset: dict[str, Any], out: Path) -> pa.Table:
    """Import a folder without the workflow: index and one shard, below `out`, as the workflow would write them.

    Parameters
    ----------
    dataset
        As in the configuration: `keypoints`, `root`, and how labels are read.
    out
        A folder like `results/mine`.

    Returns
    -------
    Table
        One row a clip, as in `keypoints/0.videos.parquet`.
    """
    settings = import_settings(dataset)
    if settings is None:
        raise SignfoldError(f"{dataset['root']}: no format; give one of {', '.join(SUFFIXES)}")
    found = index.read_index(dataset)
    write_index(found, 1, out / "index.parquet", out / "index.excluded.csv")
    videos = out / "keypoints" / "0.videos.parquet"
    import_shard(found.samples, out / "keypoints" / "0.parquet", videos, settings)
    return files.read_parquet(videos)

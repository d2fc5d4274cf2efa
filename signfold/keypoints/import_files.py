"""The import of a shard's keypoints from files of other tools; the shard's files are those of an extraction."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
from tqdm import tqdm

from signfold.core import files, versions
from signfold.core.clip import PARTS, Extraction, Keypoints, ShardClip, empty_keypoints, seen, write_shard
from signfold.core.errors import SignfoldError, UnreadableFile
from signfold.core.skeleton import PART_JOINTS
from signfold.dataset import index
from signfold.dataset.index import Sample
from signfold.dataset.index_table import write_index
from signfold.dataset.keypoint_files import SUFFIXES, ImportSettings, import_settings
from signfold.formats import kaggle, numpy_arrays, pose
from signfold.formats.imported import check_coordinates, check_order, keypoints_digest, wrist_distance

log = logging.getLogger(__name__)


def read_clip(path: Path, sample_id: str, settings: ImportSettings) -> tuple[Keypoints, int]:
    """Read one clip of a file; return its keypoints, and its size in the file in bytes.

    Parameters
    ----------
    path
        File, or folder of frames, in the format that `settings` name.
    sample_id
        Name of the clip; in a file of many clips it ends in the clip's number.
    settings
        Format, order of the values, size of the picture and frame rate.

    Raises
    ------
    UnreadableFile
        If the file is damaged.
    SignfoldError
        If its content is not that of the format, or coordinates are not shares of the picture.
    """
    if settings.format in ("kaggle", "pose"):
        keypoints = kaggle.read(path, settings) if settings.format == "kaggle" else pose.read(path)
        size = path.stat().st_size
    else:
        keypoints, size = numpy_arrays.read(path, sample_id, settings)
    check_coordinates(f"{path}: {sample_id}", keypoints)
    return keypoints, size


def import_shard(
    samples: Sequence[Sample], out: Path, out_videos: Path, settings: ImportSettings, on_bad_video: str = "skip"
) -> None:
    """Write the keypoints of one shard.

    Parameters
    ----------
    samples
        Samples of the shard.
    out, out_videos
        Paths of `keypoints/{shard}.parquet`, one row a frame, and `keypoints/{shard}.videos.parquet`, one row a clip.
    settings
        Format, order of the values, size of the picture and frame rate.
    on_bad_video
        `skip` sets a damaged file or a clip without a person aside with its reason; `fail` stops the run at it.

    Raises
    ------
    SignfoldError
        If a file's columns or components are not those of its format, coordinates are not shares of the picture, or
        hands lie far from the pose's wrists; and at a bad clip, if `on_bad_video` is `fail`.
    """
    clips = []
    for sample in tqdm(samples, desc=out.stem, unit="clip", mininterval=1.0):
        clip = _shard_clip(sample, settings)
        if not clip.usable:
            log.warning("%s: %s: %s", sample.sample_id, clip.found.status, clip.found.error)
            if on_bad_video == "fail":
                raise SignfoldError(f"{sample.path}: {sample.sample_id}: {clip.found.status}: {clip.found.error}")
        clips.append(clip)
    check_order(f"{samples[0].path} and others" if samples else "", [wrist_distance(clip.keypoints) for clip in clips])
    write_shard(clips, out, out_videos, _metadata(settings))


def _shard_clip(sample: Sample, settings: ImportSettings) -> ShardClip:
    try:
        keypoints, size = read_clip(Path(sample.path), sample.sample_id, settings)
    except (UnreadableFile, OSError) as error:
        return ShardClip(sample.sample_id, None, 0, Extraction(empty_keypoints(), "unreadable", str(error)))
    digest = keypoints_digest(keypoints) if len(keypoints) else None
    return ShardClip(sample.sample_id, digest, size, Extraction(keypoints, *_judge(keypoints)))


def _judge(keypoints: Keypoints) -> tuple[str, str | None]:
    """Return the status of a clip, and the reason for another status than ok."""
    if not len(keypoints):
        return "no_frames", "the array has no frames"
    if not any(seen(getattr(keypoints, part)).any() for part in PARTS):
        return "no_person", "neither pose nor hands in any frame"
    return "ok", None


def _metadata(settings: ImportSettings) -> dict[str, Any]:
    about = {"extractor": "import", "version": versions.KEYPOINTS, "import_version": versions.IMPORT}
    return about | {"options": asdict(settings), "joints": PART_JOINTS}


def import_folder(dataset: dict[str, Any], out: Path) -> pa.Table:
    """Import a folder without the workflow: write the index and one shard as the workflow would.

    Parameters
    ----------
    dataset
        Dataset as in the configuration: `keypoints`, `root`, and the keys that say where labels are.
    out
        Folder of the results, such as `results/mine`.

    Returns
    -------
    Table
        `keypoints/0.videos.parquet`: one row a clip.

    Raises
    ------
    SignfoldError
        If the dataset names no format, or as in `import_shard`.
    """
    settings = import_settings(dataset)
    if settings is None:
        raise SignfoldError(f"{dataset['root']}: no format; give one of {', '.join(SUFFIXES)}")
    found = index.read_index(dataset)
    write_index(found, 1, out / "index.parquet", out / "index.excluded.csv")
    videos = out / "keypoints" / "0.videos.parquet"
    import_shard(found.samples, out / "keypoints" / "0.parquet", videos, settings)
    return files.read_parquet(videos)

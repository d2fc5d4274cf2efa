"""Keypoints of a shard: each of its videos from the store, extracted first where it is not there yet."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from tqdm import tqdm

from signfold import files, frames, versions
from signfold.errors import SignfoldError
from signfold.holistic import Extraction, Holistic
from signfold.index import Sample
from signfold.joints import HAND, POSE
from signfold.store import Store, digest_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeypointSettings:
    """The section `keypoints` of the configuration.

    Parameters
    ----------
    min_detection_confidence, min_tracking_confidence
        MediaPipe's thresholds, 0 to 1.
    max_seconds
        Of a longer clip, only so much is looked at, with a warning.
    on_bad_video
        `skip` sets a video without frames or person aside with its reason; `fail` stops the run at it.
    """

    min_detection_confidence: float = 0.5
    min_tracking_confidence: float = 0.5
    max_seconds: float = 60.0
    on_bad_video: str = "skip"

    @property
    def extractor(self) -> Holistic:
        """What finds the keypoints."""
        return Holistic(self.min_detection_confidence, self.min_tracking_confidence, self.max_seconds)


def build(samples: Sequence[Sample], out: Path, out_videos: Path, store: Store, settings: KeypointSettings) -> None:
    """Write the keypoints of one shard.

    Parameters
    ----------
    samples
        The shard's part of the index.
    out, out_videos
        `keypoints/{shard}.parquet`, one row a frame, and `keypoints/{shard}.videos.parquet`, one row a video.
    store
        Where extractions are kept.
    settings
        See there.

    Raises
    ------
    SignfoldError
        If a video cannot be read from disk, or is bad and `on_bad_video` is `fail`. All other videos of the shard are
        in the store by then, so that nothing is done twice.
    """
    extractor = settings.extractor
    tables, videos, failures = [], [], []
    for sample in tqdm(samples, desc=out.stem, unit="video", mininterval=1.0):
        try:
            sha256, size = digest_of(sample.path)
            found = store.extraction(sample.path, sha256, extractor)
        except (OSError, SignfoldError) as error:
            failures.append(f"{sample.path}: {error}")
            continue
        if found.error:
            log.warning("%s: %s: %s", sample.path, found.status, found.error)
        if found.status != "ok" and settings.on_bad_video == "fail":
            failures.append(f"{sample.path}: {found.status}: {found.error}")
        tables.append(frames.to_table(sample.sample_id, found.keypoints))
        videos.append(_video_row(sample.sample_id, sha256, size, found))
    if failures:
        raise SignfoldError("\n".join([f"{out.stem}: {len(failures)} videos stop the run:", *failures]))
    metadata = _metadata(extractor)
    files.write_parquet(pa.concat_tables([frames.FRAMES_SCHEMA.empty_table(), *tables]), out, metadata)
    files.write_parquet(pa.Table.from_pylist(videos, schema=frames.VIDEOS_SCHEMA), out_videos, metadata)


def _video_row(sample_id: str, sha256: str, size: int, found: Extraction) -> dict[str, Any]:
    counts = {f"frames_{part}": int(frames.seen(getattr(found.keypoints, part)).sum()) for part in frames.PARTS}
    about = {name: getattr(found, name) for name in ("width", "height", "fps", "status", "error")}
    return {"sample_id": sample_id, "sha256": sha256, "bytes": size, "frames": len(found.keypoints)} | counts | about


def _metadata(extractor: Holistic) -> dict[str, Any]:
    joints = {"pose": POSE, "left_hand": HAND, "right_hand": HAND}
    about = {"version": versions.KEYPOINTS, "joints": joints, "max_seconds": extractor.max_seconds}
    return about | extractor.description()

"""Keypoints of a shard: each of its videos from the store, extracted first where it is not there yet."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from tqdm import tqdm

from signfold import files, frames, versions
from signfold.errors import SignfoldError
from signfold.holistic import Extraction, Holistic
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
    on_bad_video
        `skip` sets a video without frames or person aside with its reason; `fail` stops the run at it.
    """

    min_detection_confidence: float = 0.5
    min_tracking_confidence: float = 0.5
    on_bad_video: str = "skip"

    @property
    def extractor(self) -> Holistic:
        """What finds the keypoints."""
        return Holistic(self.min_detection_confidence, self.min_tracking_confidence)


def build(
    index: Path, shard: str, out: Path, out_videos: Path, store: Store, settings: KeypointSettings
) -> None:
    """Write the keypoints of one shard.

    Parameters
    ----------
    index
        `index.parquet`.
    shard
        Which of its shards.
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
    rows = files.read_parquet(index)
    rows = rows.filter(pc.equal(rows["shard"], shard)).sort_by("sample_id").to_pylist()
    extractor = settings.extractor
    tables, videos, failures = [], [], []
    for row in tqdm(rows, desc=f"shard {shard}", unit="video", mininterval=1.0):
        try:
            sha256, size = digest_of(row["path"])
            found = store.extraction(row["path"], sha256, extractor)
        except (OSError, SignfoldError) as error:
            failures.append(f"{row['path']}: {error}")
            continue
        if found.status != "ok":
            log.warning("%s: %s: %s", row["path"], found.status, found.error)
            if settings.on_bad_video == "fail":
                failures.append(f"{row['path']}: {found.status}: {found.error}")
        tables.append(frames.to_table(row["sample_id"], found.keypoints))
        videos.append(_video_row(row["sample_id"], sha256, size, found))
    if failures:
        raise SignfoldError("\n".join([f"shard {shard}: {len(failures)} videos stop the run:", *failures]))
    metadata = _metadata(extractor)
    files.write_parquet(pa.concat_tables([frames.FRAMES_SCHEMA.empty_table(), *tables]), out, metadata)
    files.write_parquet(pa.Table.from_pylist(videos, schema=frames.VIDEOS_SCHEMA), out_videos, metadata)


def _video_row(sample_id: str, sha256: str, size: int, found: Extraction) -> dict[str, Any]:
    counts = {f"frames_{part}": int(frames.seen(getattr(found.keypoints, part)).sum()) for part in frames.PARTS}
    about = {name: getattr(found, name) for name in ("width", "height", "fps", "status", "error")}
    return {"sample_id": sample_id, "sha256": sha256, "bytes": size, "frames": len(found.keypoints)} | counts | about


def _metadata(extractor: Holistic) -> dict[str, Any]:
    joints = {"pose": POSE, "left_hand": HAND, "right_hand": HAND}
    return {"version": versions.KEYPOINTS, "joints": joints, **extractor.description()}

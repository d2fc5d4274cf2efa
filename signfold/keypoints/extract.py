"""Keypoints of a shard: each of its videos from the cache, extracted first where it is not there yet."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from signfold.core import versions
from signfold.core.clip import ShardClip, write_shard
from signfold.core.errors import CannotWrite, SignfoldError
from signfold.core.settings import KeypointSettings
from signfold.core.skeleton import PART_JOINTS
from signfold.dataset.index import Sample
from signfold.keypoints.cache import CRASHED, Cache, file_digest
from signfold.keypoints.holistic import Holistic
from signfold.keypoints.isolated import Isolated

log = logging.getLogger(__name__)


def holistic_of(settings: KeypointSettings) -> Holistic:
    """Return the extractor that finds keypoints as `settings` say."""
    return Holistic(settings.min_detection_confidence, settings.min_tracking_confidence, settings.max_seconds)


def extract_shard(
    samples: Sequence[Sample],
    out: Path,
    out_videos: Path,
    cache: Cache,
    settings: KeypointSettings,
    more_tries: bool = False,
) -> None:
    """Write the keypoints of one shard.

    Parameters
    ----------
    samples
        Samples of the shard.
    out, out_videos
        Paths of `keypoints/{shard}.parquet`, one row a frame, and `keypoints/{shard}.videos.parquet`, one row a video.
    cache
        Cache of extractions.
    settings
        Options of the extraction.
    more_tries
        Whether the job will be tried again with more memory: a video that killed its extraction then stops the job,
        after all others; otherwise it is set aside. Within a job, each has two tries.

    Raises
    ------
    SignfoldError
        If a video cannot be read from disk, or is bad and `on_bad_video` is `fail`. All other videos of the shard are
        in the cache by then, so that none is extracted twice.
    """
    clips, failures = [], []
    with Isolated(holistic_of(settings)) as extractor:
        for sample in tqdm(samples, desc=out.stem, unit="video", mininterval=1.0):
            try:
                sha256, size = file_digest(sample.path)
                found = cache.extraction(sample.path, sha256, extractor)
                if found.status == CRASHED:  # others may have had the memory: once more, in a new process
                    found = cache.extraction(sample.path, sha256, extractor)
            except CannotWrite:
                raise  # so it would be for each video that follows
            except (OSError, SignfoldError) as error:
                failures.append(f"{sample.path}: {error}")
                continue
            if found.error:
                log.warning("%s: %s: %s", sample.path, found.status, found.error)
            if (found.status != "ok" and settings.on_bad_video == "fail") or (found.status == CRASHED and more_tries):
                failures.append(f"{sample.path}: {found.status}: {found.error}")
            clips.append(ShardClip(sample.sample_id, sha256, size, found))
    if failures:
        raise SignfoldError("\n".join([f"{out.stem}: {len(failures)} videos stop the run:", *failures]))
    write_shard(clips, out, out_videos, _metadata(extractor.extractor))


def _metadata(extractor: Holistic) -> dict[str, Any]:
    about = {"version": versions.KEYPOINTS, "joints": PART_JOINTS, "max_seconds": extractor.max_seconds}
    return about | extractor.description()

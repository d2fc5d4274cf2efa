"""What the scale benchmark works on: stand-ins for videos, an extraction that only sleeps, random keypoints."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from signfold.core.clip import PARTS, Extraction, Keypoints, ShardClip, write_shard
from signfold.dataset import index

PROJECT = Path(__file__).parent.parent
SIGNS, SIGNERS = 200, 20
MATCH = r"(?P<label>[^/]+)/(?P<signer>[^/_]+)_[^/]*$"
# Frames of a clip: two to three seconds.
LENGTHS = (50, 90)

# Without MediaPipe: 32 processes that import it on two cores would say little about 32 cores.
SLEEPING = '''"""A stub: sleeps for each video that is not in the cache, and leaves empty files."""

import hashlib
import time
from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold.config.load import dataset_of
    from signfold.dataset import index

    found = index.read_index(dataset_of(snakemake.config, snakemake.wildcards.dataset))
    cache = Path(snakemake.config["cache"])
    for sample in index.by_shard(found, snakemake.params.shards)[snakemake.wildcards.shard]:
        key = hashlib.sha256(sample.sample_id.encode()).hexdigest()
        entry = cache / key[:2] / f"{key}.parquet"
        if not entry.exists():
            time.sleep(SECONDS)
            entry.parent.mkdir(parents=True, exist_ok=True)
            entry.touch()
    for path in snakemake.output:
        Path(path).touch()
'''
EMPTY = '''"""A stub: leaves empty files."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    for path in snakemake.output:
        Path(path).touch()
'''


def name_of(number: int) -> str:
    """Return a video's path below the root: 200 signs by 20 signers."""
    return f"sign{number // SIGNERS % SIGNS:03d}/p{number % SIGNERS:02d}_{number:05d}.mp4"


def videos(folder: Path, count: int, shards: int) -> Path:
    """Make `count` files of a few bytes, named as videos, and a configuration that reads them."""
    for number in range(count):
        path = folder / "videos" / name_of(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d" % number)
    dataset = {"root": "videos", "match": MATCH}
    config: dict[str, Any] = {"dataset": "big", "datasets": {"big": dataset}, "shards": shards}
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return folder


def shard_names(count: int, shards: int) -> list[str]:
    """Return the names of the shards that `count` videos fall into."""
    return sorted({index.shard_of(index.sample_id_of(name_of(number)), shards) for number in range(count)})


def workflow(folder: Path, seconds_a_video: float) -> Path:
    """Copy the project and put stubs in the place of extraction and tensors."""
    for part in ("workflow", "config", "signfold", "profiles", "envs"):
        shutil.copytree(PROJECT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "Snakefile", folder)
    stub = SLEEPING.replace("SECONDS", str(seconds_a_video))
    (folder / "workflow/scripts/keypoints.py").write_text(stub, encoding="utf-8")
    (folder / "workflow/scripts/tensors.py").write_text(EMPTY, encoding="utf-8")
    return folder


def _clip(rng: np.random.Generator) -> Keypoints:
    """A signer who stands still and shakes, whose hands are seen in most frames."""
    count = int(rng.integers(*LENGTHS))
    parts = {part: rng.random((count, *shape), dtype=np.float32) for part, shape in PARTS.items()}
    parts["pose"][:, 11, :2], parts["pose"][:, 12, :2] = (0.6, 0.4), (0.4, 0.4)
    for hand in ("left_hand", "right_hand"):
        parts[hand][rng.random(count) < 0.2] = np.nan
    return Keypoints(np.arange(count) * 40.0, **parts, width=640, height=480, fps=25.0)


def keypoints(results: Path, shard: str, sample_ids: list[str]) -> None:
    """Write a shard's keypoints, random ones, as though they had been extracted."""
    # Other ones in each shard: the same would be thousands of copies of each clip.
    folder, rng = results / "keypoints", np.random.default_rng(int(shard, 16))
    digests = {sample_id: hashlib.sha256(sample_id.encode()).hexdigest() for sample_id in sample_ids}
    clips = [ShardClip(sample_id, digest, 1, Extraction(_clip(rng))) for sample_id, digest in digests.items()]
    write_shard(clips, folder / f"{shard}.parquet", folder / f"{shard}.videos.parquet", {})


def shards_of(count: int, shards: int = 256) -> Iterator[tuple[str, list[str]]]:
    """Yield each shard with the ids of its stand-ins."""
    found: dict[str, list[str]] = {}
    for number in range(count):
        sample_id = index.sample_id_of(name_of(number))
        found.setdefault(index.shard_of(sample_id, shards), []).append(sample_id)
    yield from sorted(found.items())

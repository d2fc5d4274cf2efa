"""Extract one shard again and again, and be killed: `python tests/killing.py VIDEOS WORK SEED`. See test_keypoints.py.

A process of its own, so that it can fork before MediaPipe has started a thread.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

from signfold.core.settings import KeypointSettings
from signfold.dataset import index
from signfold.keypoints.cache import Cache
from signfold.keypoints.extract import extract_shard
from signfold.keypoints.mediapipe_models import model_digests

KILLS = 20


def extract(videos: Path, out: Path, shards: int = 1) -> None:
    """Extract all shards as the workflow's jobs do."""
    found = index.read_index({"root": str(videos), "match": r"(?P<label>[^_]+)"})
    cache = Cache(out / "cache")
    for shard, samples in index.by_shard(found, shards).items():
        paths = out / f"{shard}.parquet", out / f"{shard}.videos.parquet"
        extract_shard(samples, *paths, cache, KeypointSettings())


def in_child(videos: Path, out: Path, lives: float | None = None) -> tuple[float, bool]:
    """Extract in a fork that lives so many seconds; return for how long it did, and whether it was killed."""
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        extract(videos, out)
        os._exit(0)
    if lives is not None:
        time.sleep(lives)
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    return time.monotonic() - start, os.WIFSIGNALED(status)


def contents(out: Path) -> dict[str, bytes]:
    """Return what readers find: temporary files, which begin with a dot, are not among it."""
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file() and p.name[0] != "."}


def main() -> None:
    """Kill at random moments; each time, what is there is whole, and a rerun ends with the same bytes."""
    videos, work, seed = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    model_digests()
    whole, _ = in_child(videos, work / "whole")
    expected = contents(work / "whole")
    assert len(expected) == 2 + len(list(videos.iterdir())), sorted(expected)
    chance, killed, parts = random.Random(seed), 0, set()
    while killed < KILLS:
        out = work / "killed"
        # Where the machine is faster than it was, the extraction is done before its end comes: that is no kill.
        took, dead = in_child(videos, out, lives=chance.uniform(0, whole))
        if not dead:
            whole = took
            shutil.rmtree(out)
            continue
        killed += 1
        left = contents(out)
        assert left.items() <= expected.items(), "something half-written was left"
        parts.add(len(left))
        in_child(videos, out)
        assert contents(out) == expected, "the rerun made other bytes"
        shutil.rmtree(out)
    print(f"{killed} killed, with {sorted(parts)} of {len(expected)} files there")


if __name__ == "__main__":
    main()

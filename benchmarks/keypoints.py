"""What extraction costs: the models alone, the plain way, and signfold, in CPU milliseconds per frame, in one run.

    python benchmarks/keypoints.py                       # 200 rendered clips, 15 to 30 minutes on two cores
    python benchmarks/keypoints.py /data/mine --clips 40 # your own

floor: each model file alone, times how often Holistic's graph runs it on these clips. Nothing is decoded or written.
plain: `mp.solutions.holistic.Holistic` with the face, joblib over the videos with all cores, keypoints in a CSV.
ours:  one process for a shard of the clips: its start, decoding, digests, cache and Parquet included.

The clips come in four parts. For each, floor, plain and ours are measured in turn, so that whatever else the machine
does meets all three. `scaling` is how many times more frames a second one process on each core does than one process
alone, as a share of the cores, each process kept on its own; `scaling_cpu` is the same by the processor's time, not the
clock's, which other work on the machine meets less. `memory_mb` is what one process holds after so many clips, each cut
to its first frames. Prints a table, writes results/bench/keypoints.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from keypoint_models import MODELS, model_ms, model_runs

from signfold.core.files import write_json
from signfold.dataset.index import VIDEO_SUFFIXES
from signfold.dataset.synthetic import TRUTH
from signfold.synth import SynthSettings

OUT = Path("results/bench")
# 200 clips of about 2 s, each sign by signers that differ.
RENDERED = SynthSettings(signs=8, signers=25, takes=1, seed=11)
MOST_CLIPS, FEW_SECONDS = 500, 0.2  # of the look at memory
PARTS = 4  # into so many parts the clips are divided, so that plain and ours take turns


def ours(videos: Sequence[Path], folder: Path) -> None:
    """Extract as a shard's job does: digest, cache, Parquet."""
    from signfold.core.settings import KeypointSettings
    from signfold.dataset import index
    from signfold.keypoints.cache import Cache
    from signfold.keypoints.extract import extract_shard

    samples = [index.Sample(sample_id=path.stem, path=str(path), label="a") for path in videos]
    extract_shard(
        samples,
        folder / "0.parquet",
        folder / "0.videos.parquet",
        Cache(folder / "cache"),
        KeypointSettings(),
    )


def plain(videos: Sequence[Path], folder: Path) -> None:
    """Extract as notebooks do: all of Holistic, joblib over videos, all in memory, one CSV."""
    import pandas as pd
    from joblib import Parallel, delayed

    rows = Parallel(n_jobs=os.cpu_count())(delayed(_plain_one)(path) for path in videos)
    pd.DataFrame([row for clip in rows for row in clip]).to_csv(folder / "keypoints.csv", index=False)


def _plain_one(path: Path) -> list[list[Any]]:
    import cv2
    from mediapipe.python.solutions.holistic import Holistic

    parts = {"pose": (33, 4), "face": (468, 3), "left_hand": (21, 3), "right_hand": (21, 3)}
    capture, rows = cv2.VideoCapture(str(path)), []
    with Holistic() as solution:
        while True:
            decoded, image = capture.read()
            if not decoded:
                return rows
            found = solution.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
            row: list[Any] = [path.stem, len(rows)]
            for part, (joints, values) in parts.items():
                landmarks = getattr(found, f"{part}_landmarks")
                fields = ("x", "y", "z", "visibility")[:values]
                if landmarks:
                    row += [getattr(joint, field) for joint in landmarks.landmark for field in fields]
                else:
                    row += [0.0] * (joints * values)
            rows.append(row)


def memory(videos: Sequence[Path], folder: Path) -> None:
    """Extract the first frames of clips, over and over, and note what the process holds."""
    import psutil

    from signfold.keypoints.holistic import Holistic

    extractor, held = Holistic(max_seconds=FEW_SECONDS), {}
    for number in range(1, MOST_CLIPS + 1):
        extractor.extract(videos[number % len(videos)])
        if number % (MOST_CLIPS // 5) == 0:
            held[number] = round(psutil.Process().memory_info().rss / 1e6)
    write_json(folder / "memory.json", held)


WAYS = {"ours": ours, "plain": plain, "memory": memory}


def in_process(way: str, videos: Sequence[Path], folder: Path, core: int | None = None) -> subprocess.Popen[bytes]:
    """Start this file as a job of its own, as the workflow would; on one core if told."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "videos.json").write_text(json.dumps([str(path) for path in videos]))
    process = subprocess.Popen([sys.executable, __file__, "--job", way, str(folder)])
    if core is not None:
        os.sched_setaffinity(process.pid, {core})
    return process


def job(way: str, folder: Path) -> None:
    """Do one job."""
    from signfold.core.job import job as as_job

    videos = [Path(name) for name in json.loads((folder / "videos.json").read_text())]
    threads = (os.cpu_count() or 1) if way == "plain" else 1
    with as_job(folder / "log", threads):
        WAYS[way](videos, folder)
    # joblib's workers live on until their parent ends; what they used counts only then, so they are ended here.
    if way == "plain":
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor().shutdown(wait=True)


def cpu_and_wall(started: Callable[[], list[subprocess.Popen[bytes]]]) -> tuple[float, float]:
    """Return the CPU seconds (with children's) and wall seconds of some jobs that run side by side."""
    before, start = os.times(), time.perf_counter()
    for process in started():
        if process.wait():
            raise SystemExit(f"{process.args}: failed")
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return used, time.perf_counter() - start


def measured(videos: list[Path], scratch: Path) -> dict[str, Any]:
    """Measure all there is to measure on some clips."""
    cores = os.cpu_count() or 1
    runs, frames = model_runs(videos[:: max(1, len(videos) // 20)])
    parts = [videos[at::PARTS] for at in range(PARTS)]
    used = {"ours": [0.0] * PARTS, "plain": [0.0] * PARTS}
    alone_ms = []
    for at, part in enumerate(parts):
        alone_ms.append(model_ms())
        for way in used:
            folder = scratch / f"{way}-{at}"
            used[way][at], _ = cpu_and_wall(lambda w=way, p=part, f=folder: [in_process(w, p, f)])
            alone_ms.append(model_ms())
    counts = [_frames(scratch / f"ours-{at}") for at in range(PARTS)]

    alone, together = [], []
    for at, part in enumerate(parts):
        half = part[: max(1, len(part) // 2)]
        alone.append(cpu_and_wall(lambda a=at, h=half: [in_process("ours", h, scratch / f"alone-{a}", 0)]))
        together.append(
            cpu_and_wall(
                lambda a=at, h=half: [
                    in_process("ours", h, scratch / f"core-{a}-{core}", core) for core in range(cores)
                ]
            )
        )
    shares = np.median(np.divide(alone, together), axis=0).tolist()
    in_process("memory", videos, scratch / "memory").wait()
    total = sum(counts)
    each = {name: float(np.mean([times[name] for times in alone_ms])) for name in MODELS}
    floor = sum(each[name] * runs[name] / frames for name in MODELS)
    per_frame = {way: 1000 * sum(seconds) / total for way, seconds in used.items()}
    return {
        "clips": len(videos),
        "frames": total,
        "cores": cores,
        "model_ms": each,
        "model_runs_per_frame": {name: runs[name] / frames for name in MODELS},
        "floor_ms": floor,
        "plain_ms": per_frame["plain"],
        "ours_ms": per_frame["ours"],
        "ours_over_floor": per_frame["ours"] / floor,
        "ours_over_plain": per_frame["ours"] / per_frame["plain"],
        "ours_over_plain_by_part": [o / p for o, p in zip(used["ours"], used["plain"], strict=True)],
        "scaling": shares[1],
        "scaling_cpu": cores * shares[0],
        "memory_mb": json.loads((scratch / "memory/memory.json").read_text()),
    }


def _frames(folder: Path) -> int:
    from signfold.core.files import read_parquet

    return read_parquet(folder / "0.parquet").num_rows


def clips(folder: Path | None, most: int) -> list[Path]:
    """Return the videos of a folder, or rendered ones."""
    if folder is None:
        from signfold.synth.render import render

        folder = OUT / "keypoints-videos"
        if not (folder / TRUTH).exists():
            render(folder, RENDERED)
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES)
    return found[:: max(1, len(found) // most)][:most]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="?", type=Path, help="a folder of videos; rendered ones without it")
    parser.add_argument("--clips", type=int, default=200, help="how many of them (200)")
    parser.add_argument("--job", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        job(arguments.job[0], Path(arguments.job[1]))
        return
    scratch = Path(tempfile.mkdtemp(prefix="signfold-bench-"))
    try:
        result = measured(clips(arguments.videos, arguments.clips), scratch)
    finally:
        shutil.rmtree(scratch)
    write_json(OUT / "keypoints.json", result)
    print(f"{result['clips']} clips, {result['frames']} frames; CPU ms per frame")
    for name in MODELS:
        print(f"  {name:16} {result['model_ms'][name]:6.2f} ms × {result['model_runs_per_frame'][name]:.3f}")
    for name in ("floor_ms", "plain_ms", "ours_ms"):
        print(f"{name:16} {result[name]:8.2f}")
    for name, goal in (
        ("ours_over_floor", "goal <= 1.15"),
        ("ours_over_plain", "goal <= 0.75"),
        ("scaling", "goal >= 0.95"),
        ("scaling_cpu", ""),
    ):
        print(f"{name:16} {result[name]:8.3f} {goal}")
    print(
        "beside the models ours turns and crops the pictures for them, decodes, starts; it leaves out the pose's mask"
    )
    print("memory of a process after clips, MB:", ", ".join(f"{n}: {mb}" for n, mb in result["memory_mb"].items()))


if __name__ == "__main__":
    main()

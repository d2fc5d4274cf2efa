"""Cost of many videos: ours (256 shards) beside one job for nearly each video (`shards: 100000`).

    python benchmarks/scale.py --sizes 1000 10000 40000 --per-video-sizes 1000 10000

Everything is made in a temporary folder from files of a few bytes; nothing is extracted. Prints tables, and writes
results/bench/scale.json: for each size `ours` and `per_video`, each with

dry_run_s, dry_run_cpu_s, dry_run_mb
    of `snakemake --dry-run` for the whole report from nothing: wall time, processor time of all processes, the largest
    process; the least of the repetitions
jobs
    in that run
overhead
    of a run from nothing to the tensors on 32 workers, with an extraction that only sleeps, 2.4 s for each video: by
    how much 32 workers' time is more than what was slept. All is in it: the plan, starting jobs, a scheduler that
    cannot keep up, workers that have nothing left to do at the end. `pace` is how long was slept, as a share of
    2.4 s; below 1 the time that was lost is still held against the whole 2.4 s. `run_s` is what the run took
overhead, with `pace` null
    where a run would take hours, it is reckoned from a run of `shards_run` shards: (32 × dry_run_s + jobs ×
    job_cpu_s) / (videos × 2.4 s), where job_cpu_s is the processor time of a job
keypoint_jobs_after_one_added, one_added_s
    extraction jobs planned after a video was added to what had been run, and the seconds until its tensors are there
files
    in `results` and `.snakemake` after keypoints and tensors, the cache among them; where only `shards_run` were run,
    as many as that makes for all

and for the largest size under `learning`: seconds and memory of Snakemake's run from random keypoints to manifest,
folds and audit, on two workers.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import stand_ins

from signfold.core import files
from signfold.dataset import index

# Of MediaPipe on one core, for a clip of 80 frames: about 30 ms a frame.
SECONDS_A_VIDEO = 2.4
WORKERS = 32
SHARDS = {"ours": 256, "per_video": 100_000}
TARGET = "results/big/report.html"
TENSORS = ("--until", "tensors", TARGET)
# One job for each of more videos than this: only so many are run, all of them would take hours.
MOST_RUN, SHARDS_RUN = 1_000, 16
COLUMNS = [
    "dry_run_s",
    "dry_run_mb",
    "jobs",
    "overhead",
    "pace",
    "keypoint_jobs_after_one_added",
    "one_added_s",
    "files",
]


def snakemake(
    folder: Path, *arguments: str, project: Path = stand_ins.PROJECT, workers: int = 2, watched: bool = False
) -> tuple[dict[str, int], dict[str, float]]:
    """Run Snakemake in a folder; return the jobs it counts, and wall seconds, processor seconds and megabytes.

    The processor seconds are those of all its jobs together, the megabytes those of the largest single process;
    where it is `watched`, `peak_mb` are those of all its processes at one time.
    """
    command = [sys.executable, "-m", "snakemake", "-s", str(project / "Snakefile"), "--configfile", "config.yaml"]
    command += ["--profile", str(project / "profiles/default"), "--quiet", "rules", f"--cores={workers}", *arguments]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, cwd=folder, stdout=said, stderr=subprocess.STDOUT)
        with ThreadPoolExecutor(1) as pool:
            peak = pool.submit(peak_mb, process.pid) if watched else None
            usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        said.seek(0)
        text = said.read()
    if usage[1]:
        raise RuntimeError(f"{' '.join(command)}\n{text}")
    # A dry run's: of each stage.
    jobs = {stage: int(count.replace(",", "")) for stage, count in re.findall(r"^  (\w+) +([\d,]+)  ", text, re.M)}
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    took = {"s": seconds, "cpu_s": cpu, "mb": usage[2].ru_maxrss / 1000}
    return jobs, {**took, "peak_mb": peak.result()} if peak else took


def peak_mb(pid: int, rest: float = 0.2) -> float:
    """Look at a process and all below it until it ends; return the most that they held together, in megabytes.

    What several of them share, such as libraries, counts for each.
    """
    most = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        while root.is_running():
            held = root.memory_info().rss
            for process in root.children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    held += process.memory_info().rss
            most = max(most, held)
            time.sleep(rest)
    return most / 1e6


def dry_run(folder: Path, repetitions: int) -> tuple[dict[str, int], dict[str, float]]:
    """Plan the whole report several times; return its jobs, and the least of each figure."""
    runs = [snakemake(folder, "--dry-run", TARGET) for _ in range(repetitions)]
    return runs[0][0], {key: min(run[1][key] for run in runs) for key in runs[0][1]}


def count_files(folder: Path) -> int:
    """Count the files below `results` and `.snakemake`."""
    return sum(len(names) for part in ("results", ".snakemake") for _, _, names in os.walk(folder / part))


def whole_run(folder: Path, size: int, pace: float) -> dict[str, Any]:
    """Take everything from nothing to the tensors on all workers; return how much more than the work that took."""
    project = stand_ins.workflow(folder / "project", pace * SECONDS_A_VIDEO)
    _, took = snakemake(folder, *TENSORS, project=project, workers=WORKERS)
    work = size * SECONDS_A_VIDEO
    return {
        "overhead": (WORKERS * took["s"] - pace * work) / work,
        "pace": pace,
        "run_s": round(took["s"], 1),
        "files": count_files(folder),
    }


def part_of_a_run(folder: Path, size: int, shards: list[str], jobs: int, plan_s: float) -> dict[str, Any]:
    """Take some shards to the tensors, without sleep: all processor time but the plan's is the cost of having jobs."""
    made = shards[:SHARDS_RUN]
    project = stand_ins.workflow(folder / "project", 0)
    targets = [f"results/big/tensors/{name}.npy" for name in made]
    to_run, planned = snakemake(folder, "--dry-run", *targets, project=project)
    _, took = snakemake(folder, *targets, project=project)
    job = max(0.0, took["cpu_s"] - planned["cpu_s"]) / (to_run["keypoints"] + to_run["tensors"])
    return {
        # All workers wait for the plan, and then each job costs what it costs.
        "overhead": (WORKERS * plan_s + jobs * job) / (size * SECONDS_A_VIDEO),
        "pace": None,
        "job_cpu_s": round(job, 3),
        "shards_run": len(made),
        "files": round(count_files(folder) * len(shards) / len(made)),
    }


def one_added(folder: Path, size: int, targets: tuple[str, ...]) -> dict[str, Any]:
    """Add a video to what was run; return how many extraction jobs that plans, and when its tensors are there."""
    added = folder / "videos" / stand_ins.name_of(size)
    added.parent.mkdir(exist_ok=True)
    added.write_bytes(b"new")
    jobs, _ = snakemake(folder, "--dry-run", *targets)
    _, took = snakemake(folder, *targets, project=folder / "project")
    return {"keypoint_jobs_after_one_added": jobs.get("keypoints", 0), "one_added_s": round(took["s"], 1)}


def measure(workspace: Path, size: int, kind: str, repetitions: int, pace: float) -> dict[str, Any]:
    """Measure one size, ours or per video."""
    folder = stand_ins.videos(workspace / f"{size}-{kind}", size, SHARDS[kind])
    jobs, plan = dry_run(folder, repetitions)
    if kind == "ours" or size <= MOST_RUN:
        ran, targets = whole_run(folder, size, pace), TENSORS
    else:
        shards = stand_ins.shard_names(size, SHARDS[kind])
        ran = part_of_a_run(folder, size, shards, sum(jobs.values()), plan["s"])
        own = index.shard_of(index.sample_id_of(stand_ins.name_of(size)), SHARDS[kind])
        targets = tuple(f"results/big/tensors/{shard}.npy" for shard in [*shards[:SHARDS_RUN], own])
    planned = {f"dry_run_{key}": round(value, 2) for key, value in plan.items()}
    return {**planned, "jobs": sum(jobs.values()), **ran, **one_added(folder, size, targets)}


def learning(folder: Path, count: int, workers: int = 2) -> dict[str, float]:
    """Run Snakemake from `count` random clips' keypoints to manifest, folds and audit; return what that took.

    Drawing the random keypoints is not in it. `peak_mb` is the most that Snakemake and all jobs held at one time.
    """
    stand_ins.videos(folder, count, SHARDS["ours"])
    with ProcessPoolExecutor(workers) as pool:
        drawn = [pool.submit(stand_ins.keypoints, folder / "results/big", *item) for item in stand_ins.shards_of(count)]
        for job in drawn:
            job.result()
    jobs, took = snakemake(folder, "--until", "manifest", "audit", "--", TARGET, workers=workers, watched=True)
    if "keypoints" in jobs or jobs["tensors"] != len(drawn):
        raise RuntimeError(f"planned {jobs}; expected the tensors of {len(drawn)} shards, and no keypoints")
    return {
        "clips": count,
        "jobs": sum(jobs.values()),
        "s": round(took["s"], 1),
        # As though each worker had had a core of its own all the time.
        "cpu_s_a_worker": round(took["cpu_s"] / workers, 1),
        "peak_mb": round(took["peak_mb"]),
    }


def table(found: dict[str, Any]) -> str:
    """Return the figures as Markdown."""
    lines = ["| videos | | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 2) + "|"]
    for size, kinds in found.items():
        for kind, row in kinds.items():
            shown = {**row, "overhead": f"{row['overhead']:.2%}"}
            lines.append(f"| {size} | {kind} | " + " | ".join(str(shown.get(key, "-")) for key in COLUMNS) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[1_000, 10_000, 40_000])
    parser.add_argument("--per-video-sizes", type=int, nargs="*", default=[1_000, 10_000, 40_000])
    parser.add_argument(
        "--learning", type=int, default=40_000, help="clips for tensors, manifest and folds; 0 for none"
    )
    parser.add_argument("--repetitions", type=int, default=2, help="of our plan; one job a video is planned once")
    parser.add_argument(
        "--minutes", type=float, default=5, help="a run that would sleep longer sleeps at a faster pace"
    )
    parser.add_argument("--out", type=Path, default=Path("results/bench/scale.json"))
    given = parser.parse_args()
    sizes = {"ours": given.sizes, "per_video": given.per_video_sizes}
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="signfold-scale-") as name:
        for size in sorted({*given.sizes, *given.per_video_sizes}):
            pace = min(1.0, 60 * given.minutes * WORKERS / (size * SECONDS_A_VIDEO))
            for kind in (kind for kind in sizes if size in sizes[kind]):
                repetitions = given.repetitions if kind == "ours" else 1
                found.setdefault(str(size), {})[kind] = measure(Path(name), size, kind, repetitions, pace)
                print(f"{size} {kind}: {found[str(size)][kind]}", file=sys.stderr)
        print(table(found))
        if given.learning:
            took = learning(Path(name) / "learning", given.learning)
            print(f"\nfrom keypoints to manifest, folds and audit on two workers: {took}")
            found.setdefault(str(given.learning), {}).setdefault("ours", {})["learning"] = took
    files.write_json(given.out, found)


if __name__ == "__main__":
    main()

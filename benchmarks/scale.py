"""How the workflow bears many videos: ours (256 shards) beside one job for each video (`shards: 0`).

    python benchmarks/scale.py --sizes 1000 10000 40000 --per-video-sizes 1000 10000

Everything is made in a temporary folder from files of a few bytes; nothing is extracted. Prints tables, and writes
results/bench/scale.json: for each size `ours` and `per_video`, each with

dry_run_s, dry_run_cpu_s, dry_run_mb
    of `snakemake --dry-run` for the whole report from nothing: wall time, processor time of all processes, the largest
    process; the least of the repetitions
jobs
    in that run
overhead
    what planning and starting jobs costs 32 workers, as a share of the extraction's work: (32 × dry_run_s + jobs ×
    job_cpu_s) / (videos × 2.4 s). The cost of a job, job_cpu_s, comes from a run of `shards_run` shards with an
    extraction that only sleeps. Not in it: a scheduler that cannot keep up, and that some worker ends last
keypoint_jobs_after_one_added
    extraction jobs planned after a video was added to what had been run
files
    in `results` and `.snakemake` after keypoints and tensors: as many as were counted for `shards_run` shards, scaled
    to all; and the store's, one a video

and under `learning`: seconds and peak memory of tensors, items, folds and audit from random keypoints on two processes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import stand_ins

from signfold import audit, files, foldnames, folds, index, manifest

# Of MediaPipe on one core, for a clip of 80 frames: about 30 ms a frame.
SECONDS_A_VIDEO = 2.4
WORKERS = 32
SHARDS = {"ours": 256, "per_video": 0}
TARGET = "results/big/report.html"
# So many shards are run; all of them would take longer than anyone waits.
SHARDS_RUN = 16
COLUMNS = ["dry_run_s", "dry_run_cpu_s", "dry_run_mb", "jobs", "overhead", "keypoint_jobs_after_one_added", "files"]


def snakemake(
    folder: Path, *arguments: str, project: Path = stand_ins.PROJECT
) -> tuple[dict[str, int], dict[str, float]]:
    """Run Snakemake in a folder; return the jobs it counts, and wall seconds, processor seconds and megabytes."""
    command = [sys.executable, "-m", "snakemake", "-s", str(project / "Snakefile"), "--configfile", "config.yaml"]
    command += ["--profile", str(project / "profiles/default"), "--quiet", "rules", *arguments]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, cwd=folder, stdout=said, stderr=subprocess.STDOUT)
        usage = os.wait4(process.pid, 0)
        seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        said.seek(0)
        text = said.read()
    if usage[1]:
        raise RuntimeError(f"{' '.join(command)}\n{text}")
    jobs = {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", text.rpartition("Job stats:")[2], re.M)}
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return jobs, {"s": seconds, "cpu_s": cpu, "mb": usage[2].ru_maxrss / 1000}


def dry_run(folder: Path, repetitions: int) -> tuple[dict[str, int], dict[str, float]]:
    """Plan the whole report several times; return its jobs, and the least of each figure."""
    runs = [snakemake(folder, "--cores", "2", "--dry-run", TARGET) for _ in range(repetitions)]
    return runs[0][0], {key: min(run[1][key] for run in runs) for key in runs[0][1]}


def count_files(folder: Path) -> int:
    """Count the files below `results` and `.snakemake`."""
    return sum(len(names) for part in ("results", ".snakemake") for _, _, names in os.walk(folder / part))


def run_stub(folder: Path, shards: list[str]) -> float:
    """Take shards through keypoints and tensors, with an extraction that sleeps; return the processor seconds of a job.

    Whoever sleeps uses no processor, so that all processor time but that of the plan is the cost of having jobs.
    """
    project = stand_ins.workflow(folder / "project", seconds_a_video=0.001)
    targets = [f"results/big/tensors/{name}.npy" for name in shards]
    _, planned = snakemake(folder, "--cores", "2", "--dry-run", *targets, project=project)
    ran, took = snakemake(folder, "--cores", "2", *targets, project=project)
    return max(0.0, took["cpu_s"] - planned["cpu_s"]) / (ran["keypoints"] + ran["tensors"])


def after_one_added(folder: Path, size: int, shards: set[str]) -> int:
    """Add a video; return how many extraction jobs are then planned for the shards that had been run and its own."""
    added = folder / "videos" / stand_ins.name_of(size)
    added.parent.mkdir(exist_ok=True)
    added.write_bytes(b"new")
    targets = [f"results/big/tensors/{shard}.npy" for shard in sorted(shards)]
    jobs, _ = snakemake(folder, "--cores", "2", "--dry-run", *targets)
    return jobs.get("keypoints", 0)


def measure(workspace: Path, size: int, kind: str, repetitions: int) -> dict[str, Any]:
    """Measure one size, ours or per video."""
    folder = stand_ins.videos(workspace / f"{size}-{kind}", size, SHARDS[kind])
    jobs, plan = dry_run(folder, repetitions)
    shards = stand_ins.shard_names(size, SHARDS[kind])
    own = index.shard_of(index.sample_id_of(stand_ins.name_of(size)), SHARDS[kind])
    # The shard that the added video will belong to is among them, if there is one.
    made = sorted(set(shards[: SHARDS_RUN - 1]) | ({own} & set(shards)))
    job = run_stub(folder, made)
    # All workers wait for the plan, and then each job costs what it costs.
    overhead = WORKERS * plan["s"] + jobs["total"] * job
    return {
        **{f"dry_run_{key}": round(value, 2) for key, value in plan.items()},
        "jobs": jobs["total"],
        "job_cpu_s": round(job, 3),
        "overhead": overhead / (size * SECONDS_A_VIDEO),
        "shards_run": len(made),
        "files": round(count_files(folder) * len(shards) / len(made)) + size,
        "keypoint_jobs_after_one_added": after_one_added(folder, size, {*made, own}),
    }


def _tables(folder: Path, count: int, shards: int) -> tuple[float, float, int]:
    """List the items, set ten folds apart and audit them; return wall and processor seconds and peak bytes."""
    about = [(name, *re.split("[/_]", name)[:2]) for name in map(stand_ins.name_of, range(count))]
    samples = [index.Sample(index.sample_id_of(name), name, sign, None, signer) for name, sign, signer in about]
    names = stand_ins.shard_names(count, shards)
    fold_names = foldnames.fold_names(stand_ins.SIGNERS, foldnames.FoldSettings())
    start, cpu = time.perf_counter(), time.process_time()
    manifest.build_items(
        index.table(index.Index(tuple(samples), ()), shards=1).to_pandas(),
        [folder / f"tensors/{name}.parquet" for name in names],
        [folder / f"keypoints/{name}.videos.parquet" for name in names],
        folder / "items.parquet",
        folder / "excluded.csv",
        manifest.ManifestSettings(),
        seed=0,
    )
    for name in fold_names:
        out = folder / f"folds/{name}.parquet"
        folds.build(folder / "items.parquet", out, name, fold_names, foldnames.FoldSettings(), seed=0)
    audit.audit([folder / f"folds/{name}.parquet" for name in fold_names], folder / "folds/audit.json")
    return time.perf_counter() - start, time.process_time() - cpu, stand_ins.peak()


def learning(folder: Path, count: int, shards: int = 256) -> dict[str, float]:
    """Make tensors, items, folds and the audit of `count` random clips in two processes of fresh memory."""
    fresh = multiprocessing.get_context("spawn")
    (folder / "keypoints").mkdir(parents=True)
    with ProcessPoolExecutor(2, mp_context=fresh) as pool:
        shard_jobs = [pool.submit(stand_ins.tensors_of, folder, *item) for item in stand_ins.shards_of(count, shards)]
        made = [job.result() for job in shard_jobs]
    with ProcessPoolExecutor(1, mp_context=fresh) as pool:
        tables_s, tables_cpu_s, tables_peak = pool.submit(_tables, folder, count, shards).result()
    # Half of the sum, because two worked at a time: without the time that drawing the random keypoints took.
    tensors_s, tensors_cpu_s = (sum(seconds) / 2 for seconds in list(zip(*made, strict=True))[:2])
    tensors_peak = max(peak for _, _, peak in made)
    return {
        "clips": count,
        "tensors_s": round(tensors_s, 1),
        "items_folds_audit_s": round(tables_s, 1),
        "total_s": round(tensors_s + tables_s, 1),
        # As if both processes had had a core of their own all the time.
        "total_cpu_s": round(tensors_cpu_s + tables_cpu_s, 1),
        "peak_mb": round(max(2 * tensors_peak, tables_peak) / 1e6),
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
    parser.add_argument("--learning", type=int, default=40_000, help="clips for tensors, items and folds; 0 for none")
    parser.add_argument("--repetitions", type=int, default=2, help="of ours; one job a video is planned once")
    parser.add_argument("--out", type=Path, default=Path("results/bench/scale.json"))
    given = parser.parse_args()
    sizes = {"ours": given.sizes, "per_video": given.per_video_sizes}
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="signfold-scale-") as name:
        for size in sorted({*given.sizes, *given.per_video_sizes}):
            for kind in (kind for kind in sizes if size in sizes[kind]):
                repetitions = given.repetitions if kind == "ours" else 1
                found.setdefault(str(size), {})[kind] = measure(Path(name), size, kind, repetitions)
                print(f"{size} {kind}: {found[str(size)][kind]}", file=sys.stderr)
        print(table(found))
        result: dict[str, Any] = dict(found)
        if given.learning:
            result["learning"] = learning(Path(name) / "learning", given.learning)
            print(f"\ntensors, items, folds and audit on two processes: {result['learning']}")
    files.write_json(given.out, result)


if __name__ == "__main__":
    main()

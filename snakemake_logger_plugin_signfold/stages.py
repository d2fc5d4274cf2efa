"""How far a run is: jobs, clips and epochs done of all, stage by stage, and the time left."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Each stage with its rules and with what it counts. A rule that is not here is a stage of its own and counts jobs.
STAGES = {
    "videos": ("synth", "clips"),
    "index": ("index", "jobs"),
    "keypoints": ("keypoints import_keypoints", "clips"),
    "tensors": ("tensors", "clips"),
    "manifest": ("items manifest", "jobs"),
    "folds": ("duplicates folds audit pretrain_clips final_clips", "jobs"),
    "train": ("train train_seed pretrain train_final", "epochs"),
    "evaluate": ("baselines shuffled evaluate", "jobs"),
    "report": ("figures report", "jobs"),
    "predict": ("predict", "videos"),
}
# Rules that only name what is wanted.
AIMS = ("all", "fold", "final")
STAGE_OF = {rule: stage for stage, (rules, _) in STAGES.items() for rule in rules.split()}
# What jobs write into their logs: tqdm's bars ("12/40 ["), in a training each within an epoch, and "3 of 20 epochs".
PROGRESS = re.compile(
    r"(?P<epochs>\d+) of (?P<of>\d+) epochs|"
    r"(?:epoch (?P<epoch>\d+)/(?P<last>\d+):[^\r\n]*)?\|\s*(?P<n>\d+)/(?P<all>\d+) \["
)
# Behind a bar or at the beginning of a line.
WARNING = re.compile(r"[-\d]{10} [\d:,]{12} WARNING signfold[.\w]*: ([^\r\n]*)")


@dataclass
class Job:
    """A job that has begun. Its size and what of it is done are counted in its stage's unit; None: not known yet."""

    rule: str
    wildcards: Mapping[str, str]
    log: Path | None
    since: float = field(default_factory=time.time)
    read: int = 0  # bytes of the log
    size: float | None = None
    done: float = 0.0
    ended: bool = False

    def look(self) -> list[str]:
        """Read what the log has got since the last look; return the warnings among it."""
        try:
            # Snakemake removes the log of the last time, but not at once.
            if self.log is None or self.log.stat().st_mtime < self.since:
                return []
            with self.log.open("rb") as file:
                file.seek(self.read)
                new = file.read(1 << 20)
        except OSError:
            return []
        for found in PROGRESS.finditer(new.decode(errors="replace")):
            self._note(found)
        # A line that is not whole yet is read again.
        whole = new if self.ended else new[: max(new.rfind(b"\n"), new.rfind(b"\r")) + 1]
        self.read += len(whole)
        return WARNING.findall(whole.decode(errors="replace"))

    def _note(self, found: re.Match[str]) -> None:
        if found["epochs"]:
            self.done, self.size = float(found["epochs"]), float(found["of"])
        elif found["epoch"]:
            self.done = int(found["epoch"]) - 1 + int(found["n"]) / max(1, int(found["all"]))
            self.size = float(found["last"])
        elif STAGE_OF.get(self.rule) != "train":
            self.done, self.size = float(found["n"]), float(found["all"])


@dataclass
class Stage:
    """A stage's jobs, those to come among them."""

    name: str
    jobs: int = 0
    begun: dict[int, Job] = field(default_factory=dict)
    since: tuple[float, float] | None = None  # when something was done for the first time, and how much

    @property
    def ended(self) -> bool:
        """Whether all jobs are done."""
        return len(self.begun) >= self.jobs and all(job.ended for job in self.begun.values())

    @property
    def running(self) -> bool:
        """Whether some job has begun and not all have ended."""
        return bool(self.begun) and not self.ended

    def count(self, to_come: float | None = None) -> tuple[float, float, str]:
        """Return how much is done, of how much, and the unit.

        Parameters
        ----------
        to_come
            Mean size of the jobs that have not begun, if known; without, those that have begun tell.
        """
        known = [job.size for job in self.begun.values() if job.size is not None]
        unit = STAGES.get(self.name, ("", "jobs"))[1]
        usual = to_come if to_come is not None else (sum(known) / len(known) if known else None)
        if unit == "jobs" or usual is None:
            return sum(job.ended for job in self.begun.values()), self.jobs, "jobs"
        done = sum((job.size or usual) if job.ended else job.done for job in self.begun.values())
        return done, sum(known) + usual * (self.jobs - len(known)), unit

    def seconds_left(self, done: float, total: float, now: float) -> float | None:
        """Return how long the rest takes at the pace so far; None before there is one."""
        if self.since is None and done:
            self.since = now, done
        if self.since is None or done <= self.since[1] or done >= total:
            return None
        return (total - done) * (now - self.since[0]) / (done - self.since[1])


class Board:
    """All stages of a run, by Snakemake's counts, its messages and the jobs' logs."""

    def __init__(self, stats: Mapping[str, int]) -> None:
        self.stages = {name: Stage(name) for name in STAGES}
        self.failed: set[int] = set()
        self._sizes: dict[str, Counter[str]] = {}
        for rule, count in stats.items():
            if rule not in AIMS and rule != "total":
                name = STAGE_OF.get(rule, rule)
                self.stages.setdefault(name, Stage(name)).jobs += count
        self.stages = {name: stage for name, stage in self.stages.items() if stage.jobs}

    def begin(self, number: int, rule: str, wildcards: Mapping[str, str], logs: list[str]) -> None:
        """Note that a job begins, or begins again."""
        name = STAGE_OF.get(rule, rule)
        if rule not in AIMS:
            stage = self.stages.setdefault(name, Stage(name))
            stage.begun[number] = Job(rule, wildcards, Path(logs[0]) if logs else None)
            stage.jobs = max(stage.jobs, len(stage.begun))

    def end(self, number: int) -> list[str]:
        """Note that a job is done; return its last warnings."""
        if (job := self.job(number)) is None:
            return []
        job.ended = True
        self.failed.discard(number)
        if job.rule == "index":
            self._sizes.clear()
        return job.look()

    def stage(self, number: int) -> Stage | None:
        """Return the stage of a job, if the job has begun."""
        return next((stage for stage in self.stages.values() if number in stage.begun), None)

    def job(self, number: int) -> Job | None:
        """Return the job of a number, if it has begun."""
        return stage.begun[number] if (stage := self.stage(number)) else None

    def look(self) -> Iterator[tuple[str, str]]:
        """Read the logs of the running jobs; yield their new warnings, each with its stage."""
        for stage in self.stages.values():
            for job in stage.begun.values():
                if not job.ended:
                    for warning in job.look():
                        yield stage.name, warning

    def rows(self) -> Iterator[tuple[Stage, float, float, str, float | None]]:
        """Yield each stage with how much is done, of how much, the unit, and the seconds left."""
        now = time.monotonic()
        for stage in self.stages.values():
            done, total, unit = stage.count(self._to_come(stage))
            yield stage, done, total, unit, stage.seconds_left(done, total, now)

    def _to_come(self, stage: Stage) -> float | None:
        """Return the mean number of clips of the shards that have not begun; it gives those that have their sizes."""
        sharded = [job for job in stage.begun.values() if {"dataset", "shard"} <= job.wildcards.keys()]
        for job in sharded:
            job.size = self._clips(job.wildcards["dataset"]).get(job.wildcards["shard"], job.size)
        begun = {(job.wildcards["dataset"], job.wildcards["shard"]) for job in sharded}
        datasets = {dataset for dataset, _ in begun}
        others = [n for name in datasets for shard, n in self._clips(name).items() if (name, shard) not in begun]
        return sum(others) / len(others) if others else None

    def _clips(self, dataset: str) -> Counter[str]:
        """Return the number of clips of each shard, from the index as soon as it is there."""
        if dataset not in self._sizes:
            import pyarrow.parquet as pq

            try:
                table = pq.read_table(Path("results", dataset, "index.parquet"), columns=["shard"], partitioning=None)
            except (OSError, ValueError):
                return Counter()
            self._sizes[dataset] = Counter(table["shard"].to_pylist())
        return self._sizes[dataset]


def duration(seconds: float) -> str:
    """Return a duration for people: `35 s`, `4 min`, `2 h 10 min`, `3 d 4 h`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes and minutes < 10 else f"{minutes} min" if minutes else f"{rest} s"

"""What holds on a cluster, on a real SLURM of one node: `make test-slurm`. `make test` does not collect it."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from paths import PROJECT
from slurm_cluster import Cluster, missing
from small_workflow import REPORT, SNAKEMAKE, configure, small_config

# So many that a fast machine is not done with them between two looks.
VIDEOS = 24
COMMAND = [*SNAKEMAKE, "--configfile", "config.yaml"]
# What differs from a cluster: no accounting, no GPU, and nobody wants to wait 40 s until states are first asked for.
SLURM = ["--profile", str(PROJECT / "profiles/slurm"), "--slurm-status-command", "squeue", "--latency-wait", "10"]
SLURM += ["--slurm-init-seconds-before-status-checks", "2"]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A running SLURM; its folder has a short name, because sockets' names are short."""
    if missing():
        pytest.fail(f"no SLURM here: {', '.join(missing())} not found; on Debian: apt-get install slurm-wlm munge")
    with tempfile.TemporaryDirectory(prefix="signfold-slurm-") as folder:
        found = Cluster(Path(folder))
        try:
            found.start()
            yield found
        finally:
            found.stop()


def configured(folder: Path) -> Path:
    return configure(folder, small_config(signers=4, takes=3, folds={"k": 2}))


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which this machine's own processes made the tensors."""
    folder = configured(tmp_path_factory.mktemp("local"))
    done = subprocess.run(
        [*COMMAND, "--cores", "2", "--until", "tensors", REPORT],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def like(local: Path, folder: Path) -> Path:
    """A folder with the same videos and nothing else."""
    shutil.copytree(local / "results/demo/videos", configured(folder) / "results/demo/videos")
    return folder


def contents(folder: Path, *patterns: str) -> dict[str, bytes]:
    found = {path for pattern in patterns for path in folder.glob(pattern)}
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(cluster: Cluster, tmp_path: Path) -> Iterator[Start]:
    """What starts Snakemake with the profile in a folder; whatever still runs there after the test is killed."""
    started = []

    def of(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
        with (folder / "said.txt").open("ab") as said:
            command = [*COMMAND, *SLURM, *arguments]
            started.append(
                subprocess.Popen(command, cwd=folder, env=cluster.environment, stdout=said, stderr=subprocess.STDOUT)
            )
        return started[-1]

    yield of
    for process in started:
        process.kill()
        process.wait()
    # Without control groups SLURM loses sight of a stopped job's processes once their parent is dead.
    for left in psutil.process_iter(["cwd"]):
        if left.info["cwd"] and Path(left.info["cwd"]).is_relative_to(tmp_path):
            left.kill()


def finish(process: subprocess.Popen[bytes], folder: Path) -> str:
    process.wait(timeout=900)
    said = (folder / "said.txt").read_text()
    assert process.returncode == 0, said[-6000:]
    return said


def test_the_profile_makes_the_same_bytes_as_a_local_run(
    cluster: Cluster, start: Start, local: Path, tmp_path: Path
) -> None:
    folder = like(local, tmp_path / "slurm")
    finish(start(folder, "--set-resources", "train:gpu=0", "--", REPORT), folder)
    assert (folder / REPORT).stat().st_size > 10_000
    made = contents(folder, "results/demo/keypoints/*", "results/demo/tensors/*")
    assert len(made) == 8
    assert made == contents(local, "results/demo/keypoints/*", "results/demo/tensors/*")
    ran = cluster.command("squeue", "-h", "-r", "--states=all", "-o", "%i %k %C %T").splitlines()
    # One job for each shard; what takes seconds in no job at all.
    assert sum("rule_keypoints" in line for line in ran) == 2
    submitted = {line.split()[1].split("_")[1] for line in ran}
    assert {"keypoints", "tensors", "train"} <= submitted
    assert not submitted & {"index", "items", "manifest", "folds", "audit", "evaluate", "figures", "report"}
    assert all(line.endswith("COMPLETED") for line in ran), ran
    assert not list((folder / ".snakemake/slurm_logs").glob("**/*.log")), "logs of jobs that went well are deleted"


class Watch:
    """Which videos have been extracted in a folder, and whether any was extracted again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written: dict[str, int] = {}

    def count(self) -> int:
        """Look, and return how many videos are there."""
        for path in (self.folder / "results/cache").glob("*/*.parquet"):
            modified = path.stat().st_mtime_ns
            assert self.written.setdefault(path.name, modified) == modified, f"{path.name} was extracted twice"
        return len(self.written)


def suspend_extraction(folder: Path) -> None:
    """Stop the processes that extract: a signal through SLURM reaches the batch script alone."""
    for process in psutil.process_iter(["cwd", "cmdline"]):
        words = " ".join(process.info["cmdline"] or ())
        if process.info["cwd"] == str(folder) and ("keypoints.py" in words or "keypoints.isolated" in words):
            process.suspend()


def test_what_befalls_jobs_costs_no_extraction_twice(
    cluster: Cluster, start: Start, local: Path, tmp_path: Path
) -> None:
    """Over its memory, then cancelled, then over its time; Snakemake is killed, and slurmctld started again."""
    folder = like(local, tmp_path / "trouble")
    target = ["--config", "shards=1", "--", "results/demo/tensors/0.npy"]
    watch, earlier = Watch(folder), set(cluster.jobs("all"))

    def jobs(*states: str) -> list[str]:
        return [job for job in cluster.jobs(*states) if job not in earlier]

    def another_video(known: int | None = None) -> None:
        before = watch.count() if known is None else known
        cluster.wait(lambda: watch.count() > before)

    # More memory with each attempt, but the first gets too little, as a job that is larger than was thought.
    scarce = ["--set-resources", "keypoints:mem_mb=150 if attempt == 1 else 2000"]
    snakemake = start(folder, "--retries", "3", *scarce, *target)
    cluster.wait(lambda: len(jobs("failed", "out_of_memory")) == 1)
    assert watch.count() == 0

    another_video(0)
    cancelled = jobs("running")
    cluster.command("scancel", *cancelled)
    cluster.wait(lambda: jobs("cancelled") == cancelled)

    # An extraction that hangs is ended when its time is over, here in a second.
    another_video()
    hanging = jobs("running")
    suspend_extraction(folder)
    cluster.command("scontrol", "update", f"jobid={hanging[0]}", "EndTime=now+1")
    second = subprocess.run(
        [*COMMAND, "--cores", "1", *target], cwd=folder, capture_output=True, text=True, check=False
    )
    assert second.returncode != 0
    assert "Directory cannot be locked" in second.stdout + second.stderr
    cluster.wait(lambda: jobs("timeout") == hanging)

    # Snakemake is killed, and its job too, as when the login node and the cluster go down together.
    another_video()
    snakemake.send_signal(signal.SIGKILL)
    snakemake.wait()
    cluster.command("scancel", *jobs("running", "pending"))
    cluster.wait(lambda: not jobs("running", "pending", "completing"))
    assert not (folder / "results/demo/keypoints/0.parquet").exists()

    subprocess.run([*COMMAND, "--unlock"], cwd=folder, check=True, capture_output=True)
    again = start(folder, *target)
    cluster.wait(lambda: bool(jobs("running")))
    cluster.end("slurmctld")
    cluster.start_controller()
    said = finish(again, folder)
    assert watch.count() == VIDEOS
    assert contents(folder, "results/cache/*/*") == contents(local, "results/cache/*/*")
    # Four attempts; then keypoints and tensors.
    assert len(jobs("all")) == 6, said
    # The logs of the jobs that failed are kept, each with SLURM's reason.
    kept = "".join(path.read_text() for path in (folder / ".snakemake/slurm_logs").glob("**/*.log"))
    assert "exceeded memory limit" in kept
    assert "DUE TO TIME LIMIT" in kept


def test_a_training_that_slurm_queues_again_ends_with_the_same_weights(
    cluster: Cluster, start: Start, local: Path, tmp_path: Path
) -> None:
    """As when a node fails: the job is ended in the middle of training, queued again, and resumes at its checkpoint."""
    model = "results/demo/models/fold-1/joint/seed-1/model.safetensors"
    longer = ["--config", "training={epochs: 80}", "--set-resources", "train:gpu=0", "--", model]
    weights = []
    for name in ("whole", "again"):
        folder = shutil.copytree(local, tmp_path / name)
        earlier = set(cluster.jobs("all"))
        snakemake = start(folder, *longer)
        if name == "again":
            history = folder / Path(model).with_name("history.csv")
            # The last epoch of the history may not be in a checkpoint yet.
            cluster.wait(lambda h=history: h.exists() and h.read_text().count("\n") > 11)
            (training,) = set(cluster.jobs("running")) - earlier
            cluster.command("scontrol", "requeue", training)
            cluster.wait(lambda job=training: job in cluster.jobs("pending"))
            # SLURM gives the node two minutes to recover.
            cluster.command("scontrol", "update", f"jobid={training}", "StartTime=now")
        finish(snakemake, folder)
        weights.append((folder / model).read_bytes())
    log = folder / "results/demo/logs/train/fold-1/joint/seed-1.log"
    went_on = re.search(r"resuming at epoch (\d+)", log.read_text())
    assert went_on and int(went_on[1]) > 10, "it did not go on, it began again"
    assert weights[0] == weights[1]

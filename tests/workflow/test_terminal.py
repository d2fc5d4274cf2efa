"""What a person sees of a run, through Snakemake itself: a workflow of three rules stands for the slow one."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest
from paths import PROJECT

from signfold.core import files
from snakemake_logger_plugin_signfold.messages import killed_by, last_words, plain
from snakemake_logger_plugin_signfold.reasons import Reasons, changes
from snakemake_logger_plugin_signfold.stages import Board

pytestmark = pytest.mark.xdist_group("terminal")
SNAKEFILE = """
rule all:
    input: "results/demo/report.html"
rule keypoints:
    output: "results/{dataset}/keypoints/{shard}"
    params: size=config.get("size", 1)
    log: "results/{dataset}/logs/keypoints/{shard}.log"
    script: "keypoints.py"
rule train:
    input: expand("results/{{dataset}}/keypoints/{shard}", shard=list("ab"))
    output: "results/{dataset}/model"
    log: "results/{dataset}/logs/train.log"
    script: "train.py"
rule report:
    input: "results/{dataset}/model"
    output: "results/{dataset}/report.html"
    log: "results/{dataset}/logs/report.log"
    shell: "touch {output}"
"""
KEYPOINTS = """
from pathlib import Path
from signfold.core.job import job
with job(snakemake.log[0], 1):
    import logging
    from tqdm import tqdm
    for _ in tqdm(range(3), unit="video"):
        logging.getLogger("signfold.keypoints").warning("clip 7: nobody is to be seen")
    Path(snakemake.output[0]).touch()
"""
TRAIN = """
import os, signal, time
from pathlib import Path
from signfold.core.errors import SignfoldError
from signfold.core.job import job
with job(snakemake.log[0], 1):
    import logging
    logging.getLogger("signfold.training").info("%d of %d epochs: ...", 1, 4)
    Path("pid").write_text(str(os.getpid()))
    if mode := snakemake.config.get("mode"):
        if mode == "mistake":
            raise SignfoldError("training.epochs: found -1; expected 1 or more")
        if mode == "bug":
            raise RuntimeError("nobody has thought of this")
        if mode == "memory":
            bytearray(1 << 60)
        if mode in ("KILL", "ABRT", "TERM"):
            os.kill(os.getpid(), getattr(signal, f"SIG{mode}"))
        if mode == "blas":
            os.write(2, b"OpenBLAS error: Memory allocation still failed after 10 retries, giving up.\\n")
            os._exit(1)
        time.sleep(60)
    Path(snakemake.output[0]).touch()
"""
COMMAND = [sys.executable, "-m", "snakemake", "--cores", "1", "--logger", "signfold"]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(PROJECT), "COLUMNS": "100"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workflow, and what an index and an evaluation have left."""
    for name, text in {"Snakefile": SNAKEFILE, "keypoints.py": KEYPOINTS, "train.py": TRAIN}.items():
        (tmp_path / name).write_text(text)
    files.write_parquet(pa.table({"shard": ["a"] * 3 + ["b"] * 3}), tmp_path / "results/demo/index.parquet")
    metrics = {
        "top1": {"value": 0.5, "low": 0.25, "high": 0.75},
        "interval": {"confidence": 0.95},
        "folds": ["fold-1"],
        "streams": ["joint"],
        "seeds": {"count": 1},
        "protocol": "3 folds",
    }
    files.write_json(tmp_path / "results/demo/evaluation/metrics.json", metrics)
    return tmp_path


def snakemake(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env=ENVIRONMENT, stdout=-1, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.stdout


def waiting(folder: Path) -> subprocess.Popen[str]:
    """Start a run whose training waits; return when it does."""
    command = [*COMMAND, "--config", "mode=wait"]
    process = subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stderr=-1, text=True, start_new_session=True)
    deadline = time.monotonic() + 120
    while not (folder / "pid").exists() or not (folder / "pid").read_text():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def test_a_run_is_a_few_plain_lines_that_end_with_the_headline(folder: Path) -> None:
    said = snakemake(folder)
    assert "keypoints: 6 of 6 clips" in said
    assert "train: 4 of 4 epochs" in said
    assert said.count("warning: keypoints: clip 7: nobody is to be seen") == 3
    assert "warning: keypoints: 6 warnings in all" in said
    assert said.endswith("report: results/demo/report.html\ntop-1 50.0% (95% interval 25.0% to 75.0%); 3 folds\n")
    assert len(said.splitlines()) < 15
    assert "\x1b" not in said
    (log,) = (folder / ".snakemake/log").glob("*.log")
    assert "rule keypoints:" in log.read_text(), "all that Snakemake says is in its log"
    assert "nothing to be done" in snakemake(folder)


def test_on_a_terminal_stages_have_bars(folder: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(COMMAND, cwd=folder, env=ENVIRONMENT | {"TERM": "xterm"}, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    while True:
        try:
            said += os.read(ours, 1 << 16)
        except OSError:
            break
    assert process.wait() == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode())
    assert re.search("keypoints +━+ +6 of 6 clips +done", text)
    assert re.search("train +━+ +4 of 4 epochs +done", text)


def test_a_dry_run_says_what_runs_and_why(folder: Path) -> None:
    said = snakemake(folder, "-n")
    assert re.search(r"keypoints +2 +not there yet\n +train +1 +not there yet\n +report +1 +not there yet", said)
    snakemake(folder)
    said = snakemake(folder, "-n", "--config", "size=2")
    assert re.search("keypoints +2 +settings or signfold's version changed\n +train +1 +after keypoints\n", said)
    assert "rule keypoints:" in snakemake(folder, "-n", "--verbose", "--config", "size=2")


def test_a_dry_run_of_many_clips_fits_a_screen(tmp_path: Path) -> None:
    for number in range(300):
        video = tmp_path / f"videos/sign{number % 10}/p{number % 7}_{number}.mp4"
        video.parent.mkdir(parents=True, exist_ok=True)
        video.write_bytes(b"%d" % number)
    match = r"(?P<label>[^/]+)/(?P<signer>[^/_]+)_[^/]*$"
    files.write_json(
        tmp_path / "config.yaml", {"dataset": "big", "datasets": {"big": {"root": "videos", "match": match}}}
    )
    said = snakemake(tmp_path, "-s", str(PROJECT / "Snakefile"), "--configfile", "config.yaml", "-n").splitlines()
    assert len(said) <= 24
    assert max(map(len, said)) <= 120
    assert [line for line in said if line.startswith("  keypoints  ") and "not there yet" in line]


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("mistake", "failed: train demo: training.epochs: found -1; expected 1 or more\n"),
        ("memory", "failed: train demo: memory ran out (MemoryError); run fewer jobs at a time"),
        ("KILL", "failed: train demo: killed by the system: most likely its memory ran out"),
        ("ABRT", "failed: train demo: killed by SIGABRT: a library gave up, often for want of memory"),
        ("TERM", "failed: train demo: killed by SIGTERM\n"),
        ("blas", "failed: train demo: memory ran out (OpenBLAS error: Memory allocation still failed after 10 retries"),
        ("bug", "RuntimeError: nobody has thought of this\n"),
    ],
)
def test_a_job_that_fails_says_why_and_how_to_go_on(folder: Path, mode: str, message: str) -> None:
    said = snakemake(folder, "--config", f"mode={mode}")
    assert message in said
    assert "log: results/demo/logs/train.log\n" in said
    assert "1 job failed" in said
    assert "the same command does the rest" in said
    assert ("Traceback" in said) == (mode == "bug")


@pytest.mark.parametrize(
    ("message", "killer"),
    [
        ("Command '...' died with <Signals.SIGSEGV: 11>.", "SIGSEGV"),
        ("returned non-zero exit status 134.", "SIGABRT"),
        ("returned non-zero exit status -9.", "SIGKILL"),
        ("returned non-zero exit status 1.", ""),
        ("returned non-zero exit status 255.", ""),
    ],
)
def test_the_signal_that_ended_a_job_is_known_by_its_status(message: str, killer: str) -> None:
    assert killed_by(message) == killer


def test_only_the_end_of_a_log_tells_of_memory(tmp_path: Path) -> None:
    early = "WARNING a.mp4: std::bad_alloc\n" + "INFO more\n" * 30
    for text, said in (("terminate called\n  what():  std::bad_alloc\n", "memory ran out (what():"), (early, "")):
        (tmp_path / "log").write_text(text)
        assert last_words(tmp_path / "log").startswith(said)
        assert bool(last_words(tmp_path / "log")) == bool(said)


def test_an_input_from_the_future_is_named_with_what_to_do(folder: Path) -> None:
    """As after a clock that was set back: Snakemake alone fails in each run."""
    snakemake(folder)
    shard = folder / "results/demo/keypoints/a"
    os.utime(shard, (4e9, 4e9))
    for name in ("model", "report.html"):
        (folder / "results/demo" / name).unlink()
    said = snakemake(folder)
    assert "results/demo/keypoints/a is dated 2096-10-02" in said
    assert "find results -newermt now -exec touch {} +" in said
    assert "clock skew" not in said
    shard.touch()
    assert "report: results/demo/report.html" in snakemake(folder)


def test_ctrl_c_says_that_a_rerun_goes_on(folder: Path) -> None:
    process = waiting(folder)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert said.rstrip().endswith("what is finished stays, and the same command does the rest")
    assert "Traceback" not in said
    assert "failed" not in said
    assert "Traceback" not in (folder / "results/demo/logs/train.log").read_text()


def test_the_jobs_of_a_killed_run_die_with_it(folder: Path) -> None:
    process = waiting(folder)
    job = Path("/proc", (folder / "pid").read_text())
    # Nobody asks for its status before its jobs are dead, as in a container whose first process does not.
    os.kill(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while job.exists() and "State:\tZ" not in (job / "status").read_text():
        assert time.monotonic() < deadline, "the training lives on"
        time.sleep(0.05)
    process.communicate()


def test_errors_of_the_workflow_are_their_message_alone() -> None:
    at = 'in file "/a/common.smk", line 3'
    assert (
        plain(f'WorkflowError {at}:\nno such key\n  x: y\n  File "/a/common.smk", line 9, in call')
        == "no such key\n  x: y"
    )
    nested = f"InputFunctionException in rule a {at}:\nError:\n  WorkflowError:\n    no clips\n    at all\n"
    assert plain(nested + "Wildcards:\n  a=b\nTraceback:\n  File ...") == "no clips\nat all"
    bug = f"NameError {at}:\nname 'x' is not defined"
    assert plain(bug) == bug


def test_mistakes_of_the_command_line_are_one_line(folder: Path) -> None:
    assert "put -- before what is to be made" in snakemake(folder, "-n", "--config", "a=1", "a.html")
    assert "--configfile none.yaml: no such file" in snakemake(folder, "-n", "--configfile", "none.yaml")
    (folder / "bad.yaml").write_text('a:\n  b: "\\d"\n')
    said = snakemake(folder, "-n", "--configfile", "bad.yaml")
    assert re.search("bad.yaml, line 2, column [0-9]+: .*; put regular expressions in single quotes\n", said)
    assert "Traceback" not in said


def test_a_reason_names_the_settings_that_changed() -> None:
    before, now = {"epochs": 1, "ema": 0.0}, {"ema": 0.0, "epochs": 3}
    assert changes(f"...: before: {before},'a' now: {now},{{'x': 1}}"[:-1] + "} ") == ["settings: epochs 1 → 3"]
    assert changes("...: before: '009fe' now: 'd1052' ") == ["videos or labels changed"]
    reasons = Reasons()
    reasons.add("tensors", ["a.npy"], "Missing output files: a.npy; Input files updated by another job: b")
    reasons.add("train", ["model"], "Input files updated by another job: a.npy")
    assert (reasons.of("tensors"), reasons.of("train")) == ("not there yet", "after tensors")


def test_clips_are_counted_of_all_while_jobs_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files.write_parquet(pa.table({"shard": ["a"] * 50 + ["b"] * 30 + ["c"] * 20}), "results/d/index.parquet")
    log = tmp_path / "a.log"
    log.write_text("a: 100%|##| 50/50 [00:00<00:00]\n")
    os.utime(log, (1, 1))
    board = Board({"keypoints": 3, "total": 3})
    board.begin(1, "keypoints", {"dataset": "d", "shard": "a"}, [str(log)])
    assert not list(board.look())
    (row,) = board.rows()
    assert row[1:4] == (0, 100, "clips"), "the log of the last run does not count"
    log.write_text("a:  10%|#  | 5/50 [00:10<01:30]\ra:  20%|##  | 10/50 [00:20<01:20")
    list(board.look())
    assert next(board.rows())[1:4] == (10, 100, "clips")
    board.end(1)
    (row,) = board.rows()
    assert row[1:4] == (50, 100, "clips")
    assert row[4] is not None, "there is a pace by now"


def test_epochs_are_counted_within_epochs_too(tmp_path: Path) -> None:
    board = Board({"train": 2, "total": 2})
    board.begin(1, "train", {}, [str(tmp_path / "log")])
    (tmp_path / "log").write_text("INFO: 2 of 20 epochs: loss 1\nepoch 3/20:  50%|##  | 6/12 [00:01<00:01]")
    list(board.look())
    assert next(board.rows())[1:4] == (2.5, 40, "epochs")

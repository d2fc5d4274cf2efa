"""A video that lacked memory is set aside at a job's last try, however the user sets the job's resources."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
from small_workflow import SNAKEMAKE

CONFIG = "dataset: mine\nshards: 1\ndatasets: {mine: {preset: folders, root: videos}}\n"


def kill_extractions(process: subprocess.Popen[str], number: int) -> int:
    """Kill the first few processes that extract, as the kernel does where memory ends; return how many."""
    killed: set[int] = set()
    while process.poll() is None and len(killed) < number:
        for child in psutil.Process(process.pid).children(recursive=True):
            try:
                if child.pid not in killed and "signfold.keypoints.isolated" in child.cmdline():
                    child.kill()
                    killed.add(child.pid)
            except psutil.Error:
                continue
        time.sleep(0.02)
    return len(killed)


@pytest.mark.slow
@pytest.mark.parametrize(("retries", "status"), [("1", "no_person"), ("0", "crashed")])
def test_a_video_without_memory_is_set_aside_at_the_last_try_only(
    tmp_path: Path, write_video: Callable[..., Path], retries: str, status: str
) -> None:
    write_video(tmp_path / "videos/hello/a.mp4")
    (tmp_path / "mine.yaml").write_text(CONFIG)
    command = [*SNAKEMAKE, "--cores", "1"]
    command += ["--configfile", "mine.yaml", "--retries", retries, "--set-resources", "keypoints:mem_mb=1000"]
    target = "results/mine/keypoints/0.videos.parquet"
    process = subprocess.Popen([*command, "--", target], cwd=tmp_path, stdout=-1, stderr=subprocess.STDOUT, text=True)
    assert kill_extractions(process, 2) == 2  # each job takes a video twice
    said = process.communicate(timeout=600)[0]
    assert process.returncode == 0, said
    assert pq.read_table(tmp_path / target)["status"].to_pylist() == [status]

"""Promises of devices: trainings never share one, wait for one, and run without any."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml

from signfold.core import devices

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, 4),
        ("0,1", 2),
        ("2", 1),
        ("", 0),
        ("-1", 0),
        ("0,-1,1", 1),  # CUDA stops at the first that is none
        ("NoDevFiles", 0),
        ("GPU-1b2c,GPU-3d4e", 2),
        ("MIG-a,MIG-b,MIG-c,MIG-d,MIG-e", 5),
        ("0,1,2,3,4,5", 4),
    ],
)
def test_devices_are_counted_without_a_library(tmp_path: Path, value: str | None, expected: int) -> None:
    for name in ("nvidia0", "nvidia1", "nvidia2", "nvidia3", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    environment = {} if value is None else {"CUDA_VISIBLE_DEVICES": value}
    assert devices.count_devices(tmp_path, environment) == expected


def test_a_machine_without_devices_has_none(tmp_path: Path) -> None:
    assert devices.count_devices(tmp_path, {"CUDA_VISIBLE_DEVICES": "0,1"}) == 0
    with devices.claimed([], tmp_path) as place:
        assert place is None
    assert not list(tmp_path.iterdir())


def test_names_are_the_machines_own(tmp_path: Path) -> None:
    assert devices.names(2, {}) == ["0", "1"]
    assert devices.names(2, {"CUDA_VISIBLE_DEVICES": "3,1"}) == ["3", "1"]
    assert devices.names(0, {"CUDA_VISIBLE_DEVICES": "3,1"}) == []


def test_each_claims_its_own_and_the_third_waits(tmp_path: Path) -> None:
    taken: list[int | None] = []

    def third() -> None:
        with devices.claimed(["0", "1"], tmp_path, {}, pause=0.01) as place:
            taken.append(place)

    with devices.claimed(["0", "1"], tmp_path, {}) as first:
        with devices.claimed(["0", "1"], tmp_path, {}) as second:
            assert [first, second] == [0, 1]
            thread = threading.Thread(target=third)
            thread.start()
            time.sleep(0.2)
            assert not taken
        thread.join(10)
        assert taken == [1]


def test_the_same_device_under_another_order_is_the_same(tmp_path: Path) -> None:
    """What the environment shows as 3 and 1 is the device 1 of others who see all."""
    with (
        devices.claimed(["0", "1", "2", "3"], tmp_path, {}),
        devices.claimed(["1"], tmp_path, {}),
        devices.claimed(["1", "3"], tmp_path, {}) as place,
    ):
        assert place == 1


def test_each_slurm_job_has_its_own_devices(tmp_path: Path) -> None:
    """In each job the device that was given to it is called 0; within a job there is one of that name."""
    with (
        devices.claimed(["0"], tmp_path, {"SLURM_JOB_ID": "7"}),
        devices.claimed(["0"], tmp_path, {"SLURM_JOB_ID": "8"}) as place,
    ):
        assert place == 0
        with (
            pytest.raises(TimeoutError),
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.setattr(time, "sleep", lambda _: (_ for _ in ()).throw(TimeoutError))
            with devices.claimed(["0"], tmp_path, {"SLURM_JOB_ID": "7"}):
                pass


def test_a_killed_training_leaves_its_device(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from signfold.core import devices\n"
        "with devices.claimed(['0'], Path(sys.argv[1]), {}): print('has it', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "has it\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with devices.claimed(["0"], tmp_path, {}, pause=0.01) as place:
        assert place == 0


MAIN = """
import sys
from signfold.core import devices
devices.count_devices = lambda: {count}
from snakemake.cli import main
main(sys.argv[1:])
"""


def run(folder: Path, count: int, *arguments: str) -> str:
    command = [sys.executable, "-c", MAIN.format(count=count), "-s", str(PROJECT / "Snakefile"), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_as_many_trainings_at_a_time_as_there_are_gpus(tmp_path: Path) -> None:
    """Each training takes one of as many as the machine has; Snakemake keeps to what it says is provided."""
    for name in ("a-1", "a-2", "b-1", "b-2"):
        (tmp_path / "clips").mkdir(exist_ok=True)
        (tmp_path / "clips" / f"{name}.mp4").write_bytes(b"")
    mine = {"root": "clips", "match": "(?P<label>[a-z])-(?P<signer>[0-9])", "settings": {"shards": 1}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"datasets": {"mine": mine}}))
    given = ["--configfile", "mine.yaml", "--cores", "16"]
    training = "results/mine/models/fold-1/joint/seed-1/metrics.json"
    assert "gpu=1" in run(tmp_path, 3, *given, "-n", "--verbose", "--", training)
    assert "gpu=1" not in run(tmp_path, 0, *given, "-n", "--verbose", "--", training)
    indexing = ["--", "results/mine/index.parquet"]
    assert re.search(r"Provided resources: .*gpu\D+3\b", run(tmp_path, 3, *given, "--verbose", *indexing))
    again = [*given, "-F", "--verbose", "--resources", "gpu=8", *indexing]
    assert re.search(r"Provided resources: .*gpu\D+8\b", run(tmp_path, 3, *again))

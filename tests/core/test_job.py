"""What a job does around its work: what the system refuses is one line, and the log is the rule's."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from paths import PROJECT

from signfold.core import files
from signfold.core.errors import CannotWrite
from signfold.core.refusals import explanation

JOB = """
import sys
from pathlib import Path
from signfold.core.job import job
with job(sys.argv[1], 1):
    from signfold.core import files
    exec(sys.argv[2])
"""
LARGE = np.random.default_rng(0).random(1 << 19)


def run(log: Path, work: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", JOB, str(log), work]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


WRITERS: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("a" * (4 << 20)),
    "numpy": lambda path: np.save(path.open("wb"), LARGE),
    "pandas": lambda path: pd.DataFrame(LARGE).to_csv(path),
    "arrow": lambda path: pa.OSFile(str(path), "wb").write(LARGE.tobytes()),
    "torch": lambda path: torch.save({"a": torch.from_numpy(LARGE)}, path),
}


@pytest.mark.parametrize("library", WRITERS)
def test_a_full_disk_is_said_whichever_library_writes(tmp_path: Path, library: str) -> None:
    """The system itself says so of /dev/full, which stands in the place of the temporary file."""
    said = r"the\.file: cannot be written \(No space left on device\); free some space"
    with pytest.raises(CannotWrite, match=said), files.atomic_write(tmp_path / "the.file") as temporary:
        temporary.unlink()
        temporary.symlink_to("/dev/full")
        WRITERS[library](temporary)
    assert not list(tmp_path.iterdir())


def test_a_mistake_of_the_program_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), files.atomic_write(tmp_path / "file"):
        print(1 / 0)
    assert explanation(ZeroDivisionError("division by zero")) is None
    done = run(tmp_path / "log", "1 / 0")
    assert done.returncode == 1
    assert "Traceback" in (tmp_path / "log").read_text()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "small", folder], check=False).returncode:
        pytest.skip("only root may mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_job_on_a_full_or_read_only_disk_ends_with_one_line(small_disk: Path) -> None:
    log = small_disk / "logs" / "log"
    done = run(log, f"files.write_text({str(small_disk / 'a.txt')!r}, 'a' * (4 << 20))")
    assert done.returncode == 1
    (line,) = log.read_text().splitlines()
    assert f"ERROR signfold: {small_disk}/a.txt: cannot be written (No space left on device)" in line
    assert line.endswith("then run the same command again: what is finished stays")
    table = "import safetensors.numpy, numpy; "
    table += f"\nwith files.atomic_write({str(small_disk / 'a.model')!r}) as path: "
    table += "safetensors.numpy.save_file({'a': numpy.random.default_rng(0).random(1 << 19)}, str(path))"
    run(log, table)
    assert "a.model: cannot be written (No space left on device)" in log.read_text().splitlines()[1]
    assert len(log.read_text().splitlines()) == 2

    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    done = run(log.with_name("other"), "pass")
    assert done.returncode == 1
    assert done.stderr.startswith(f"signfold: {small_disk}/logs/other: cannot be written (Read-only file system)")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("work", ["bytearray(1 << 60)", "import numpy; numpy.ones(1 << 58)"])
def test_missing_memory_is_one_line(tmp_path: Path, work: str) -> None:
    assert run(tmp_path / "log", work).returncode == 1
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert "memory ran out" in line
    assert "run fewer jobs at a time" in line


def test_missing_memory_is_told_by_what_a_library_says_of_it() -> None:
    numpys = "Importing the numpy C-extensions failed.\n\nOriginal error was: libquadmath.so: failed to map segment\n"
    for error in (ImportError(numpys), OSError(errno.ENOMEM, "Cannot allocate memory")):
        assert "memory ran out" in str(explanation(error))
    assert "libquadmath" in str(explanation(ImportError(numpys)))
    assert explanation(ImportError("no module named b\nor c")) is None


def test_missing_memory_of_a_gpu_names_the_batch() -> None:
    said = explanation(torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."))
    assert said is not None
    assert "lower training.batch_size" in said

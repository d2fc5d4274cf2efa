"""Benchmarks run rarely: what they import of the library must still be there."""

from __future__ import annotations

import subprocess
import sys

from paths import PROJECT


def test_every_benchmark_can_be_imported() -> None:
    names = sorted(path.stem for path in (PROJECT / "benchmarks").glob("*.py"))
    assert "ablation" in names
    done = subprocess.run(
        [sys.executable, "-c", f"import {', '.join(names)}"],
        cwd=PROJECT / "benchmarks",
        env={"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr

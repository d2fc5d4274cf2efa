"""The harness of injected faults holds what it tries, in its short form; `make torture` is the long one."""

from __future__ import annotations

import subprocess
import sys

import pytest
from paths import PROJECT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workflow")]


def test_nothing_is_lost_or_stale_after_a_few_faults() -> None:
    command = [sys.executable, str(PROJECT / "tests/torture/run.py"), "--short"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr[-5000:]
    assert "  0  (seed 0)" in done.stdout

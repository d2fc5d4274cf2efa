"""Results of the small workflow, made once: the tests that use them run in one process."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from small_workflow import REPORT, configure, small_config, snakemake


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the whole pipeline has run once, from drawing to report."""
    folder = configure(tmp_path_factory.mktemp("finished"), small_config())
    snakemake(folder, REPORT)
    return folder


@pytest.fixture
def done(finished: Path, tmp_path: Path) -> Path:
    """A copy of it to change."""
    return shutil.copytree(finished, tmp_path / "copy")

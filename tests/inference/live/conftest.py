"""A model of two signs, and a server of it, once for all tests of the live page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from live_model import write_live_model
from live_server import Served, start


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_live_model(tmp_path_factory.mktemp("live") / "two.signfold")


@pytest.fixture(scope="session")
def served(bundle: Path) -> Iterator[Served]:
    server = start(bundle)
    yield server
    server.process.kill()

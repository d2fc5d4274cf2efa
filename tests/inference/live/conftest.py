"""A model of two signs, and a server of it, once for all tests of the live page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from camera_film import SIZE, pictures
from live_model import write_live_model
from live_server import Served, start


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_live_model(tmp_path_factory.mktemp("live") / "two.signfold")


@pytest.fixture(scope="session")
def served(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    server = start(bundle, tmp_path_factory.mktemp("server"))
    yield server
    server.process.kill()


@pytest.fixture(scope="session")
def film() -> list[np.ndarray]:
    """Somebody who signs `yes`, in pictures."""
    return pictures(7, 1)


@pytest.fixture(scope="session")
def clip(film: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "yes.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30, SIZE)
    for picture in film:
        writer.write(picture)
    writer.release()
    return path

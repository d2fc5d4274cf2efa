"""What tests share: where the real data is, and small videos made on the spot."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from paths import SHARED

# How long an example takes says nothing about it where several jobs share a core.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("here")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the whole of ../shared/data be held to legacy Holistic, not a few clips."""
    parser.addoption("--every-clip", action="store_true", help="compare every real clip with legacy Holistic: an hour")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what one worker must run alone, so that the other does not wait for it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The real recordings that lie beside a checkout in development; users do not have them."""
    if not SHARED.is_dir():
        pytest.skip("no real recordings at ../shared/data")
    return SHARED


@pytest.fixture(scope="session")
def write_video() -> Callable[..., Path]:
    """A writer of small MPEG-4 clips in which nobody is to be seen."""

    def write(path: Path, frames: int = 8, size: tuple[int, int] = (96, 64), shade: int = 0) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = cv2.VideoWriter(str(path.absolute()), cv2.VideoWriter_fourcc(*"mp4v"), 25, size)
        for number in range(frames):
            picture = np.full((size[1], size[0], 3), (shade + 9 * number) % 256, np.uint8)
            picture[:16, :16] = 128  # pictures of one colour are set aside
            writer.write(picture)
        writer.release()
        return path

    return write


@pytest.fixture(scope="session")
def ffmpeg() -> Callable[..., None]:
    """FFmpeg's command line: users need not have it, tests of rare formats do."""
    if not shutil.which("ffmpeg") or not shutil.which("ffprobe"):
        pytest.skip("no ffmpeg and ffprobe on this machine: apt-get install ffmpeg")

    def run(*arguments: str | Path) -> None:
        subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True)

    return run

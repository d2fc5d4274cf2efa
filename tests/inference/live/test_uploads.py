"""How much of an uploaded clip is taken, looked at, and waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from signfold.inference.live import uploads
from signfold.inference.load import load
from signfold.keypoints.holistic import Holistic

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("live")]


async def pieces(*content: bytes) -> AsyncIterator[bytes]:
    for piece in content:
        yield piece


def answered(bundle: Path, *content: bytes) -> dict[str, Any]:
    return asyncio.run(uploads.answer_to_clip(pieces(*content), load(bundle), Holistic()))


def test_only_the_first_seconds_are_looked_at(bundle: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_CLIP_SECONDS", 0.2)
    answer = answered(bundle, clip.read_bytes())
    assert "only the first 0.2 of" in answer["reason"]
    assert len(answer["skeletons"]) == 7  # at 30 frames a second, the ends included


def test_what_takes_too_long_is_given_up(bundle: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_UPLOAD_SECONDS", 0.01)
    answer = answered(bundle, clip.read_bytes())
    assert (answer["status"], answer["signs"]) == ("crashed", ())
    assert "not done after 0.01 seconds" in answer["reason"]
    assert not [each for each in psutil.Process().children() if "signfold.keypoints.isolated" in each.cmdline()]


def test_a_clip_that_does_not_arrive_is_given_up(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stalled() -> AsyncIterator[bytes]:
        yield b"a part"
        await asyncio.sleep(60)

    monkeypatch.setattr(uploads, "MOST_UPLOAD_SECONDS", 0.01)
    with pytest.raises(TimeoutError):
        asyncio.run(uploads.answer_to_clip(stalled(), load(bundle), Holistic()))


def test_too_many_bytes_are_refused_as_they_come(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_CLIP_BYTES", 10)
    with pytest.raises(uploads.TooLarge):
        answered(bundle, b"12345", b"678901")

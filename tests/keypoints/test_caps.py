"""Caps on seconds, pixels and frames a second: a video beyond them is cut or set aside, and says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from signfold.core.clip import Extraction
from signfold.keypoints import holistic
from signfold.keypoints.cache import Cache, file_digest


def test_pictures_beyond_8k_and_a_thousand_frames_a_second_are_capped(
    tmp_path: Path, ffmpeg: Callable[..., None]
) -> None:
    ffmpeg("-f", "lavfi", "-i", "color=black:size=8192x8192:rate=1:duration=1", "-c:v", "mjpeg", tmp_path / "a.avi")
    found = holistic.Holistic().extract(tmp_path / "a.avi")
    assert (found.status, len(found.keypoints)) == ("unreadable", 0)
    assert "8192×8192 pixels, more than 7680×4320" in str(found.error)
    fast = "testsrc2=size=64x64:rate=1000:duration=0.2"
    ffmpeg("-f", "lavfi", "-i", fast, "-c:v", "libx264", tmp_path / "b.mp4")
    found = holistic.Holistic(max_seconds=0.1).extract(tmp_path / "b.mp4")
    assert len(found.keypoints) == 12
    assert "only the first 0.1" in str(found.error)


def test_a_long_clip_is_cut_with_a_warning_and_is_what_a_short_one_would_be(
    tmp_path: Path, write_video: Callable[..., Path]
) -> None:
    path = write_video(tmp_path / "a.mp4", frames=20)
    whole, cut = holistic.Holistic().extract(path), holistic.Holistic(max_seconds=0.2).extract(path)
    assert (len(whole.keypoints), len(cut.keypoints)) == (20, 6)
    np.testing.assert_array_equal(cut.keypoints.pose, whole.keypoints.pose[:6])
    assert "only the first 0.2 of 1 seconds were looked at" in str(cut.error)
    assert "seconds" not in str(whole.error)


def test_another_cap_costs_only_the_clips_that_it_cuts(
    tmp_path: Path, write_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    extracted: list[str] = []
    extract = holistic.Holistic.extract

    def counting(self: holistic.Holistic, path: Path) -> Extraction:
        extracted.append(path.stem)
        return extract(self, path)

    monkeypatch.setattr(holistic.Holistic, "extract", counting)
    paths = [write_video(tmp_path / f"{count}.mp4", frames=count) for count in (5, 20)]
    kept = Cache(tmp_path / "cache")

    def frames_with(cap: float) -> list[int]:
        extractor = holistic.Holistic(max_seconds=cap)
        return [len(kept.extraction(path, file_digest(path)[0], extractor).keypoints) for path in paths]

    assert frames_with(0.2) == [5, 6]
    assert frames_with(0.2) == [5, 6]
    assert extracted == ["5", "20"]
    assert frames_with(0.4) == [5, 11]
    assert frames_with(60) == [5, 20]
    assert frames_with(0.4) == [5, 11]
    assert extracted == ["5", "20", "20", "20", "20"]

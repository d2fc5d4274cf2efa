"""Tiles and contact sheets: every frame under its own keypoints, imputed parts in a colour of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from views import SIZE, clip_of, person, shows, with_gap

from signfold.core.clip import Extraction
from signfold.core.settings import TensorSettings
from signfold.visual import draw
from signfold.visual.contact_sheet import ClipView, sheet, tile, video


def test_imputed_parts_have_their_own_colour_and_a_label() -> None:
    clip = clip_of(with_gap(3, 4))
    detected, imputed = (tile(clip, frame, None, SIZE) for frame in (2, 3))
    hand = np.s_[60:80, 80:110]
    assert not shows(detected, draw.IMPUTED).any()
    assert shows(imputed[hand], draw.IMPUTED).any()
    assert not shows(imputed, draw.COLOURS["right_hand"]).any()
    assert shows(imputed[:30], draw.IMPUTED).any()  # the label
    assert clip.states[2].tolist() == [1, 1, 1, 2, 2, 1, 1, 1]
    assert clip.states[1].tolist() == [0] * 8


def test_every_frame_of_the_video_is_under_its_own_keypoints(tmp_path: Path, write_video: Callable[..., Path]) -> None:
    path = write_video(tmp_path / "a.mp4", frames=8, size=SIZE)
    shades = [picture.mean() for _, picture in clip_of(person(), path).pictures() if picture is not None]
    assert len(shades) == 8
    assert np.all(np.diff(shades) > 5)


def test_frames_that_do_not_decode_are_empty_and_those_after_stay_in_place(
    tmp_path: Path, write_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "a.mp4", frames=8, size=SIZE)
    read = video.Video.frames

    def failing(self: video.Video) -> object:
        for number, (time, picture) in enumerate(read(self)):
            yield (np.nan, None) if number in (2, 3) else (time, picture)

    whole = dict(clip_of(person(), path).pictures())
    monkeypatch.setattr(video.Video, "frames", failing)
    found = dict(clip_of(person(), path).pictures())
    assert [frame for frame, picture in found.items() if picture is None] == [2, 3]
    np.testing.assert_array_equal(found[4], whole[4])


def test_frames_after_the_cap_are_not_shown(tmp_path: Path, write_video: Callable[..., Path]) -> None:
    path = write_video(tmp_path / "a.mp4", frames=20, size=SIZE)
    assert [frame for frame, _ in clip_of(person(8), path).pictures()] == list(range(8))


@pytest.mark.parametrize(("count", "size"), [(1, (320, 240)), (5, (240, 480)), (100, (1920, 1080))])
def test_a_contact_sheet_of_any_clip(count: int, size: tuple[int, int]) -> None:
    found = Extraction(replace(person(count), width=size[0], height=size[1]), "ok", "odd in some way")
    page = sheet(ClipView("a name that is far too long to fit " * 9, Path("no"), found, TensorSettings()))
    assert page.shape[1] == 1600
    assert shows(page, draw.COLOURS["right_hand"]).any()


def test_the_summary_states_size_time_shares_gap_and_remark() -> None:
    clip = clip_of(with_gap(3, 4))
    said = replace(clip, found=replace(clip.found, error="cut short")).summary()
    assert "320×240, 8 frames, 0.3 s" in said
    assert "body 100%, left hand 0%, right hand 75%" in said
    assert "longest gap 2 frames" in said
    assert said.endswith("cut short")

"""Frames become the keypoints that they are made of, and what the page draws."""

from __future__ import annotations

import numpy as np
from live_frames import frames_of
from tensor_clips import forget, signer

from signfold.core.clip import PARTS
from signfold.inference.live.frames import VALUES, drawable, keypoints_of

CLIP = forget(signer(12), left_hand=slice(3, 7))


def test_frames_make_the_clip() -> None:
    made = keypoints_of(frames_of(CLIP)[2:])
    for part in PARTS:
        np.testing.assert_array_equal(getattr(made, part), getattr(CLIP, part)[2:])
    np.testing.assert_allclose(made.timestamps_ms, CLIP.timestamps_ms[2:] - CLIP.timestamps_ms[2])
    assert (made.width, made.height, round(made.fps)) == (CLIP.width, CLIP.height, 25)


def test_one_frame_has_no_rate() -> None:
    assert keypoints_of(frames_of(CLIP)[:1]).fps == 0


def test_a_frame_holds_every_value_of_every_part() -> None:
    assert frames_of(CLIP)[0].values.shape == (VALUES,) == (33 * 4 + 2 * 21 * 3,)


def test_what_is_drawn_is_in_the_picture_and_missing_parts_are_none() -> None:
    drawn = drawable(CLIP, 3)
    assert drawn["left_hand"] is None
    assert drawn["right_hand"] is not None
    np.testing.assert_allclose(drawn["right_hand"], CLIP.right_hand[3, :, :2], atol=1e-4)
    assert np.shape(drawn["pose"]) == (33, 3)

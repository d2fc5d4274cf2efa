"""A sign is cut out where the hands go up and down, or where a key says."""

from __future__ import annotations

import numpy as np
from live_frames import frames_of
from tensor_clips import signer

from signfold.core.skeleton import POSE, SIDES
from signfold.inference.live.cut import HOLD_MS, LEAD_MS, Sign, SignCutter
from signfold.inference.live.frames import Frame
from signfold.inference.live.limits import MOST_SIGN_FRAMES, MOST_SIGN_MS

STEP = 40.0


def film(hands: str, step: float = STEP) -> list[Frame]:
    """A frame for each letter: u, a hand is up; d, both hang; n, nobody."""
    clip = signer(len(hands))
    wrists = [POSE.index(f"{side}_wrist") for side in SIDES]
    for number, letter in enumerate(hands):
        if letter == "d":
            clip.pose[number, wrists, 1] = 0.9
        elif letter == "n":
            clip.pose[number] = np.nan
    return frames_of(clip, step)


def cut(frames: list[Frame], cutter: SignCutter | None = None) -> list[tuple[float, Sign]]:
    """Return the signs, each with the time of the frame that ended it."""
    cutter = cutter or SignCutter()
    found = [(frame.at, cutter.add(frame)) for frame in frames]
    return [(at, sign) for at, sign in found if sign]


def test_a_sign_goes_from_raised_to_lowered_hands() -> None:
    frames = film("d" * 20 + "u" * 12 + "d" * 20)
    [(at, sign)] = cut(frames)
    assert sign.ended == frames[32].at
    assert HOLD_MS <= at - sign.ended < HOLD_MS + STEP
    assert LEAD_MS <= frames[20].at - sign.frames[0].at <= LEAD_MS + STEP
    assert sign.frames[-1].at == at


def test_two_signs_are_two() -> None:
    frames = film("ddd" + "u" * 12 + "dddd" + "u" * 9 + "dddd")
    signs = [sign for _, sign in cut(frames)]
    assert [sign.ended for sign in signs] == [frames[15].at, frames[28].at]
    assert signs[1].frames[0].at > signs[0].frames[-1].at


def test_a_hand_that_is_lost_for_a_frame_or_two_ends_nothing() -> None:
    frames = film("dd" + "u" * 6 + "dd" + "u" * 6 + "n" + "u" * 6 + "dddd")
    [(_, sign)] = cut(frames)
    assert sign.ended == frames[23].at


def test_a_flick_of_the_hands_is_no_sign() -> None:
    assert cut(film("ddd" + "u" * 4 + "dddd")) == []


def test_nobody_signs_nothing() -> None:
    assert cut(film("n" * 40)) == []


def test_who_walks_away_ends_the_sign() -> None:
    assert len(cut(film("d" + "u" * 12 + "n" * 9))) == 1


def test_hands_below_the_picture_are_not_up() -> None:
    clip = signer(30)
    for side in SIDES:  # who sits: elbows and wrists below the picture's edge, level
        clip.pose[:, POSE.index(f"{side}_elbow"), 1] = clip.pose[:, POSE.index(f"{side}_wrist"), 1] = 1.1
    assert cut(frames_of(clip, STEP)) == []


def test_a_key_begins_and_ends_a_sign_whatever_the_hands_do() -> None:
    frames, cutter = film("d" * 30), SignCutter()
    assert cut(frames[:10], cutter) == []
    cutter.begin()
    assert cut(frames[10:20], cutter) == []
    assert cutter.signing
    sign = cutter.end()
    assert sign is not None
    assert [frame.at for frame in sign.frames] == [frame.at for frame in frames[10:20]]
    assert sign.ended == frames[19].at
    assert cut(frames[20:], cutter) == []


def test_a_key_ends_a_sign_whose_hands_stay_up_and_the_next_waits_until_they_were_down() -> None:
    frames, cutter = film("d" + "u" * 30 + "ddddd" + "u" * 10 + "dddd"), SignCutter()
    assert cut(frames[:20], cutter) == []
    assert cutter.end() is not None
    [(_, sign)] = cut(frames[20:], cutter)
    assert sign.frames[0].at >= frames[31].at


def test_an_end_without_a_sign_is_none() -> None:
    cutter = SignCutter()
    assert cutter.end() is None
    cutter.begin()
    assert cutter.end() is None


def test_a_sign_is_bounded_in_time_and_frames() -> None:
    for step in (STEP, 1.0):
        cutter = SignCutter()
        cutter.begin()
        signs = cut(film("u" * (MOST_SIGN_FRAMES + 100), step), cutter)
        assert len(signs) == 1  # the next waits until the hands were down
        sign = signs[0][1]
        assert len(sign.frames) <= MOST_SIGN_FRAMES
        assert sign.frames[-1].at - sign.frames[0].at <= MOST_SIGN_MS + step


def test_what_is_kept_between_signs_is_bounded() -> None:
    cutter = SignCutter()
    cut(film("d" * 2000, 0.01), cutter)
    assert len(cutter._before) <= MOST_SIGN_FRAMES

"""Two tracks are shifted and stretched to where they fit best, and judged by distance and fast motion."""

import numpy as np
import pytest
from takes import take

from signfold.folds import alignment
from signfold.folds.alignment import Alignment, align, best_alignment, body_motion, likely_shifts
from signfold.folds.tracks import joint_track
from signfold.tensors.resample import interpolate


def track_of(number, **changes):
    return joint_track(take(number, **{"noise": 0, "fps": 20.0, **changes}))


def stretched(track, speed):
    """Return the track at another speed."""
    return interpolate(track, np.arange(len(track)), np.arange(0, len(track) - 1, speed))


@pytest.mark.parametrize("shift", [-7, 0, 12])
def test_a_part_fits_at_its_place(shift):
    whole = track_of(1)
    one, other = (whole[:-12], whole[7:]) if shift < 0 else (whole[shift:], whole)
    found = align(one, other, shift)
    assert found.distance == pytest.approx(0, abs=1e-5)
    assert found.agreement == pytest.approx(1, abs=1e-3)
    assert (found.shift_ms, found.speed) == (50 * shift, 1.0)
    assert likely_shifts(body_motion(one), body_motion(other))[0] == shift


def test_the_overlap_is_the_common_time():
    whole = track_of(1)  # 60 steps
    assert align(whole, whole, 0).overlap_ms == 59 * 50
    assert align(whole, whole, 10).overlap_ms == align(whole, whole, -10).overlap_ms == 49 * 50
    half = stretched(whole, 0.5)  # 118 steps
    assert align(whole, half, 0, 2.0).overlap_ms == 58 * 50
    assert align(whole, half, -20, 2.0).overlap_ms == 49 * 50


def test_half_of_the_shorter_and_eight_steps_must_be_common():
    whole = track_of(1)
    assert align(whole[:40], whole, -20) is not None
    assert align(whole[:40], whole, -21) is None
    assert align(whole[:8], whole, 0) is not None
    assert align(whole[:7], whole, 0) is None


def test_at_another_speed_the_shorter_is_the_one_of_less_time():
    whole = track_of(1)
    slow = stretched(whole, 0.5)  # two steps for each of the whole
    assert align(whole, slow[:40], 0, 2.0) is not None  # 20 of 60 steps, and all of the other
    assert align(whole[:50], slow[60:], -60, 2.0) is not None  # 20 of 29 steps
    assert align(whole[:44], slow[60:], -60, 2.0) is None  # 14 of 29


def test_half_of_the_common_steps_must_have_a_common_joint():
    whole = track_of(1)
    for lost, fits in ((30, True), (31, False)):
        part = whole.copy()
        part[:lost] = np.nan
        assert (align(part, whole, 0) is not None) == fits


def test_place_size_and_missing_joints_of_the_second_do_not_matter():
    whole = track_of(1)
    for size in (1.3, 0.01):
        other = size * whole + np.array([0.2, -0.1], np.float32)
        other[5:, -3:] = np.nan
        for one, found in ((whole, align(whole, other, 0)), (size * whole, align(size * whole, other, 0))):
            assert found.distance < 1e-4 * np.nanmax(one)
            assert found.agreement == pytest.approx(1, abs=1e-3)


def test_the_distance_is_that_of_the_joints_in_nine_of_ten_steps():
    whole, moved = track_of(1), track_of(1)
    sign = np.where(np.arange(moved.shape[1]) % 2, 1, -1)[:, None]
    moved[:, :, :1] += 0.05 * sign  # no shift and hardly a scale of the whole undoes this
    assert align(whole, moved, 0).distance == pytest.approx(0.05, abs=0.005)
    few = whole.copy()
    few[:5, :, :1] += 0.05 * sign  # 5 of 60 steps
    assert align(whole, few, 0).distance < 0.02


def test_agreement_is_looked_at_only_where_joints_are_near():
    assert align(track_of(1), track_of(2), 0).agreement == 0.0


def test_shifts_are_refined_to_a_tenth_of_a_step():
    whole = track_of(1, fps=60.0)
    later = joint_track(take(1, fps=60.0, noise=0, start=0.5 / 60 * 4))  # 33 ms
    assert best_alignment(later, whole, [(0, 1.0), (2, 1.0)]).shift_ms == pytest.approx(33, abs=2)


@pytest.mark.parametrize(("speed", "guess"), [(0.8, 0.828), (1.25, 1.294), (1.5, 1.535)])
def test_speeds_are_refined(speed, guess):
    whole = track_of(1)
    found = best_alignment(stretched(whole, speed), whole, [(0.0, guess)])
    assert found.speed == pytest.approx(speed, rel=0.003)
    assert found.one_take


def test_the_middle_stays_where_it_is_at_another_speed(monkeypatch):
    tried = []
    monkeypatch.setattr(alignment, "align", lambda *found: tried.append(found[2:]) or align(*found))
    whole = track_of(1)
    half = len(fast := stretched(whole, 1.25)) / 2
    best_alignment(fast, whole, [(0.0, 1.25)])
    assert [speed for _, speed in tried[:3]] == pytest.approx([1.25, 1.225, 1.275])
    assert [shift + half * speed for shift, speed in tried[:3]] == pytest.approx([1.25 * half] * 3)


def test_a_speed_of_1_stays():
    whole = track_of(1)
    assert best_alignment(stretched(whole, 1.02), whole, [(0.0, 1.0)]).speed == 1.0


def test_what_is_far_is_not_refined():
    found = best_alignment(track_of(1), track_of(2), [(0, 1.0), (5, 1.0)])
    assert found.distance > 0.2
    assert found.shift_ms in (0, 250)
    assert best_alignment(track_of(1)[:8], track_of(2), [(-7, 1.0)]) is None


def test_the_inverse_is_that_of_the_tracks_in_the_other_order():
    whole = track_of(1)
    fast = stretched(whole, 1.25)
    one, other = align(fast, whole, 3, 1.25).inverse(), align(whole, fast, -3 / 1.25, 1 / 1.25)
    assert (one.speed, one.shift_ms) == (pytest.approx(other.speed), pytest.approx(other.shift_ms))
    assert one.overlap_ms == pytest.approx(other.overlap_ms, abs=60)


@pytest.mark.parametrize(
    ("distance", "agreement", "overlap_ms", "one_take"),
    [
        (0.02999, 0.96, 500, True),  # 0.03 at least
        (0.03, 0.96, 500, False),
        (0.05999, 0.96, 2000, True),  # 0.03 for each second
        (0.06001, 0.96, 2000, False),
        (0.07999, 0.96, 9000, True),  # 0.08 at most
        (0.08001, 0.96, 9000, False),
        (0.01, 0.951, 2000, True),
        (0.01, 0.95, 2000, False),
    ],
)
def test_the_cutoffs_are_those_of_the_docs(distance, agreement, overlap_ms, one_take):
    assert Alignment(distance, agreement, overlap_ms, 0.0).one_take == one_take


def test_at_another_speed_the_seconds_of_the_shorter_clip_count():
    assert Alignment(0.045, 0.96, 1600, 0.0, 1.25).one_take
    assert not Alignment(0.049, 0.96, 1600, 0.0, 1.25).one_take
    assert not Alignment(0.045, 0.96, 1600, 0.0, 0.8).one_take


def test_at_most_three_shifts_are_likely_and_none_of_motions_that_do_not_agree():
    wave = np.sin(np.arange(60) * np.pi / 3)[:, None]
    assert len(likely_shifts(wave, wave)) == 3
    one, other = body_motion(track_of(1)), body_motion(track_of(1, start=0.5))
    assert likely_shifts(one, other)[0] == -10
    assert likely_shifts(one, -one)[:1] != [0]
    noise = np.random.default_rng(0).normal(size=(2, 60, 14)).astype(np.float32)
    assert likely_shifts(*noise) == []


@pytest.mark.parametrize(("steps", "places"), [(32, (16, 17)), (10, (2, 3))])
def test_a_likely_shift_leaves_half_of_the_shorter_and_eight_steps_in_common(steps, places):
    whole = 0.01 * body_motion(track_of(1))
    one = whole[:steps]
    likely = [-place in likely_shifts(one, whole[place : place + steps]) for place in places]
    assert likely == [True, False]

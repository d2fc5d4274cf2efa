"""Copies are candidates among many other clips, and few pairs of other clips are."""

import numpy as np
import pytest
from scipy.spatial import cKDTree
from takes import at_speed, flipped, take, without_a_hand

from signfold.folds import candidates as module
from signfold.folds.candidates import (
    Candidate,
    _most_moving,
    at_points,
    candidates,
    has_window,
    other_speed,
    principal_components,
    same_speed,
    unit_size,
    windows,
)
from signfold.folds.tracks import BODY, joint_track
from signfold.tensors.resample import interpolate


def tracks_of(*clips):
    return [joint_track(clip) for clip in clips]


OTHERS = tracks_of(*(take(number) for number in range(2, 22)))


@pytest.mark.parametrize(
    ("copy", "expected"),
    [
        (take(1, fps=15.0, start=0.5), Candidate(0, 21, False, True)),
        (flipped(take(1, fps=15.0, start=0.5)), Candidate(0, 21, True, True)),
        (without_a_hand(take(1, fps=15.0), 0, 99), Candidate(0, 21, False, True)),
        (at_speed(take(1), 0.8), Candidate(0, 21, False, False)),
        (flipped(at_speed(take(1), 0.8)), Candidate(0, 21, True, False)),
    ],
    ids=["trimmed", "mirrored and trimmed", "without a hand", "slower", "mirrored and slower"],
)
def test_a_copy_is_a_candidate_and_few_others_are(copy, expected):
    found = candidates([*tracks_of(take(1)), *OTHERS, *tracks_of(copy)], 1)
    assert expected in found
    assert len({(pair.first, pair.second) for pair in found}) < 0.15 * 22 * 21 / 2


def test_pairs_are_in_order_once_and_never_of_a_clip_with_itself():
    found = candidates([*OTHERS, *OTHERS, *tracks_of(at_speed(take(2), 0.8))], 1)
    assert found == sorted(set(found), key=lambda pair: (pair.first, pair.second, pair.mirrored, not pair.same_speed))
    assert all(pair.first < pair.second for pair in found)
    assert {(n, n + 20) for n in range(20)} <= {(pair.first, pair.second) for pair in found}


def test_clips_of_equal_length_are_not_at_another_speed():
    assert all(pair.same_speed for pair in candidates([*OTHERS, *OTHERS], 1))


@pytest.mark.parametrize(("steps", "found"), [(51, False), (52, True), (124, True), (125, False)])
def test_another_speed_is_by_more_than_2_percent_and_less_than_two_and_a_half_times(steps, found):
    """Of a clip of 50 steps."""
    whole = OTHERS[0]
    pair = [interpolate(whole, np.arange(len(whole)), np.linspace(0, len(whole) - 1, n)) for n in (steps, 50)]
    assert (Candidate(0, 1, False, False) in other_speed(pair, 1)) == found


def test_threads_change_nothing():
    assert candidates([*OTHERS, *OTHERS], 3) == candidates([*OTHERS, *OTHERS], 1)


def test_a_window_has_eight_known_steps():
    track = OTHERS[0].copy()
    assert len(windows(track)[0]) == len(track) - 7
    track[20, BODY[0]] = np.nan
    starts, vectors = windows(track)
    assert starts.tolist() == [s for s in range(len(track) - 7) if not s <= 20 < s + 8]
    assert vectors.shape == (len(starts), 8 * 7 * 2)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-4)


@pytest.mark.parametrize("lost", [[], [7], [8], [3, 12], [0, 1, 2, 11], [8, 9, 10, 11, 12, 13, 14, 15]])
def test_who_has_a_window_is_known_without_making_any(lost):
    track = OTHERS[0][:16].copy()
    track[lost, BODY[3]] = np.nan
    assert has_window(track) == bool(len(windows(track)[0]))
    assert not has_window(track[:7])


def test_seven_known_steps_at_a_time_are_no_window():
    track = OTHERS[0][:16].copy()
    track[[7, 15], BODY[3]] = np.nan
    assert not has_window(track)


def test_the_window_that_moves_most_of_each_part_is_looked_up():
    windows_of_two = np.zeros((4, 8, 2))
    windows_of_two[0, :, 1] = 9  # far apart, but still
    windows_of_two[[1, 3], ::2] = 1
    found = [_most_moving(windows_of_two.reshape(4, -1), count).tolist() for count in (1, 2, 5)]
    assert found == [[1], [1, 3], [0, 1, 2, 3]]


def test_of_each_clip_three_windows_are_looked_up_and_one_mirrored(monkeypatch):
    looked_up, neighbours = [], module._neighbours
    monkeypatch.setattr(module, "_neighbours", lambda *given: looked_up.append(given[:2]) or neighbours(*given))
    list(same_speed(OTHERS, 1))
    assert [len(wanted) for _, wanted in looked_up] == [3 * len(OTHERS), len(OTHERS)]
    tree, wanted = looked_up[0]
    groups = [windows(track)[1] for track in OTHERS]
    mean, axes = principal_components(groups)
    most_moving = np.concatenate([group[_most_moving(group, 3)] for group in groups])
    np.testing.assert_allclose(wanted, (most_moving - mean) @ axes, atol=1e-6)
    assert tree.n == sum(map(len, groups))


def test_neighbours_are_at_most_an_eighth_away_and_no_more_than_asked():
    tree = cKDTree([[0.0], [0.1], [0.12], [0.13], [5.0]])
    assert [rows.tolist() for rows in module._neighbours(tree, np.array([[0.0], [3.0]]), 9, 1)] == [[0] * 3, [0, 1, 2]]
    assert [rows.tolist() for rows in module._neighbours(tree, np.array([[0.0]]), 2, 1)] == [[0, 0], [0, 1]]


def test_a_whole_clip_is_seen_at_16_moments_from_the_first_known_to_the_last():
    track = np.repeat(np.arange(40.0)[:, None, None], OTHERS[0].shape[1], axis=1) * np.array([1.0, -2.0])
    track[[0, 1, 10, 11, 39], BODY[2]] = np.nan
    expected = np.linspace(2, 38, 16)[:, None, None] * np.array([1.0, -2.0])
    np.testing.assert_allclose(at_points(track), np.repeat(expected, 7, axis=1), atol=1e-9)


def test_vectors_have_one_size_and_place():
    bodies = np.random.default_rng(0).normal(size=(3, 8, 7, 2)).astype(np.float32)
    np.testing.assert_allclose(unit_size(bodies), unit_size(0.01 * bodies + np.array([0.5, -0.2])), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(unit_size(bodies), axis=1), 1, rtol=1e-5)


def test_components_are_those_of_the_greatest_variance():
    generator = np.random.default_rng(0)
    spread = np.array([1, 9, 1, 1, 30, *[1] * 15], np.float32)
    vectors = generator.normal(size=(500, 20)).astype(np.float32) * spread + 100
    mean, axes = principal_components([vectors[:200], vectors[200:]])
    assert axes.shape == (20, 12)
    assert np.abs(axes[:, :2]).argmax(axis=0).tolist() == [4, 1]
    np.testing.assert_allclose(mean, vectors.mean(axis=0), rtol=1e-4)


@pytest.mark.parametrize(("enough", "groups"), [(59, 6), (60, 7), (9_999, 8)])
def test_components_are_fitted_to_whole_groups_until_there_are_more_vectors_than_enough(monkeypatch, enough, groups):
    monkeypatch.setattr(module, "SAMPLED", enough)
    marked = [np.pad(np.eye(8, dtype=np.float32)[[number] * 10], ((0, 0), (0, 12))) for number in range(8)]
    mean, _ = principal_components(marked)
    assert np.count_nonzero(mean) == groups

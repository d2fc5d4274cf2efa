"""Promises of augmentation: missing joints stay missing, and random numbers depend on (seed, epoch, sample) alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.testing import assert_array_equal
from training_data import CHANNELS, LAYOUT

from signfold.core.settings import Augmentation
from signfold.core.skeleton import layout
from signfold.tensors.channels import pairs
from signfold.training.augment import Variation, augment, mirror_samples, resample

NAN = np.nan
ALL = Augmentation(mirror=True)
STILL = Augmentation(0, 0, 0, 0, 0)
# Two samples: (x, y) of two joints in one frame; then joints and frames that are missing, and the number of values.
EXPECTED = [[[0.905460, 0.901824], [1.100771, 1.111414]], [[1.019141, 1.027428], [1.115086, 1.110091]]]
READ = [7.27527, 13.13066, 20.67001, 28.209358, 34.06475]  # the frames that a varied clip reads
GONE = ([2, 4, 19, 20], [7], 126)


def vary(x: np.ndarray, index: list[int] | None = None, settings: Augmentation = ALL, epoch: int = 0) -> np.ndarray:
    rows = np.arange(len(x)) if index is None else np.array(index)
    return augment(x, rows, Variation(settings, 3, epoch), CHANNELS, LAYOUT)


def clips(count: int = 6) -> np.ndarray:
    x = np.random.default_rng(0).normal(size=(count, 2, 10, 27)).astype(np.float32)
    x[:, :, 3:5, list(LAYOUT.hand("left"))] = NAN
    x[0, :, :, list(LAYOUT.hand("right"))] = NAN
    return x


def test_the_mirror_image_of_one_hand_is_that_of_its_places() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 21)).astype(np.float32)
    found = mirror_samples(x, ("x_palm", "y_palm", "to_thumb"), layout("hand_21"))
    assert_array_equal(found, x * np.array([-1, 1, 1], np.float32)[:, None, None])


@settings(max_examples=25, deadline=None)
@given(arrays.arrays(np.float32, (2, 2, 3, 27), elements=st.floats(-5, 5, width=32) | st.just(NAN)))
def test_mirroring_twice_is_the_identity(x: np.ndarray) -> None:
    assert_array_equal(mirror_samples(mirror_samples(x, CHANNELS, LAYOUT), CHANNELS, LAYOUT), x)


def test_mirroring_swaps_sides_and_turns_x() -> None:
    x = clips(1)[:, :, :1]
    left, right = LAYOUT.joints.index("left_elbow"), LAYOUT.joints.index("right_elbow")
    found = mirror_samples(x, CHANNELS, LAYOUT)
    assert_array_equal(found[0, :, 0, left], x[0, :, 0, right] * [-1, 1])
    assert_array_equal(mirror_samples(x, ("x_palm", "z"), LAYOUT), found)


def test_wrist_anchored_coordinates_are_vectors_too() -> None:
    assert pairs(("x", "y", "z", "x_wrist", "y_wrist")) == [(0, 1), (3, 4)]
    assert pairs(("x_palm", "y_palm")) == [(0, 1)]
    x = np.concatenate([clips(), 2 * clips()], axis=1)
    variation = Variation(Augmentation(noise=0), 0, 0)
    turned = augment(x, np.arange(6), variation, ("x", "y", "x_wrist", "y_wrist"), LAYOUT)
    np.testing.assert_allclose(turned[:, 2:], 2 * turned[:, :2], rtol=1e-5)


def test_distances_from_fingertips_are_those_of_the_varied_hand() -> None:
    hand, channels = layout("hand_21"), ("to_thumb", "x_palm", "y_palm")
    x = np.random.default_rng(0).normal(size=(6, 3, 10, 21)).astype(np.float32)
    x[:, 1:, :, 0] = 0
    x[2, :, 4:6] = NAN

    def varied(**options: float) -> np.ndarray:
        settings = replace(STILL, **options)
        return augment(x, np.arange(6), Variation(settings, 0, 0), channels, hand)

    tip = hand.joints.index("right_hand_thumb_tip")
    for options in ({"rotation_deg": 20}, {"scale": 0.3, "shear": 0.2}, {"noise": 0.1, "time_warp": 0.3}):
        found = varied(**options)
        expected = np.linalg.norm(found[:, 1:] - found[:, 1:, :, [tip]], axis=1)
        np.testing.assert_allclose(found[:, 0], expected, rtol=1e-4, atol=1e-6)


def test_rotation_keeps_lengths() -> None:
    x = clips()
    turned = vary(x, settings=Augmentation(rotation_deg=15, scale=0, shear=0, noise=0, time_warp=0))
    assert np.nanmax(np.abs(turned - x)) > 0.1
    np.testing.assert_allclose(np.linalg.norm(turned, axis=1), np.linalg.norm(x, axis=1), rtol=1e-5)


def test_variation_in_space_leaves_missing_as_missing() -> None:
    x = clips()
    varied = vary(x, settings=Augmentation(time_warp=0))
    assert_array_equal(np.isnan(varied), np.isnan(x))
    assert not np.array_equal(varied, x, equal_nan=True)


def test_variation_in_time_never_makes_up_a_joint() -> None:
    x = clips()
    x[1] = NAN
    varied = vary(x, settings=Augmentation(time_warp=0.5))
    assert np.isnan(varied[1]).all()
    assert np.isnan(varied[0][..., list(LAYOUT.hand("right"))]).all()


@settings(max_examples=50, deadline=None)
@given(
    arrays.arrays(np.float32, (1, 1, 6, 3), elements=st.floats(-5, 5, width=32) | st.just(NAN)),
    st.lists(st.floats(0, 5), min_size=1, max_size=8),
)
def test_resampling_stays_between_neighbours_and_missing_with_the_nearer(x: np.ndarray, at: list[float]) -> None:
    positions = np.array([at])
    found = resample(x, positions)
    nearest = np.floor(positions[0] + 0.5).astype(int)
    assert_array_equal(np.isnan(found[0, 0]), np.isnan(x[0, 0, nearest]))
    below, above = x[0, 0, np.floor(positions[0]).astype(int)], x[0, 0, np.ceil(positions[0]).astype(int)]
    there = ~np.isnan(found[0, 0])
    assert np.all(found[0, 0][there] >= np.fmin(below, above)[there] - 1e-5)
    assert np.all(found[0, 0][there] <= np.fmax(below, above)[there] + 1e-5)


def test_resampling_at_whole_frames_returns_them() -> None:
    x = clips(2)
    assert_array_equal(resample(x, np.tile(np.arange(10.0), (2, 1))), x)


def test_variation_depends_on_seed_epoch_and_sample_alone() -> None:
    x = clips()
    assert_array_equal(vary(x)[2:4], vary(x[2:4], [2, 3]))
    assert not np.array_equal(vary(x, epoch=0), vary(x, epoch=1), equal_nan=True)
    same = vary(np.repeat(x[1:2], 2, 0), [0, 1])
    assert not np.array_equal(same[0], same[1], equal_nan=True)


def test_one_option_does_not_change_what_another_draws() -> None:
    x = clips()
    still = Augmentation(rotation_deg=15, scale=0, shear=0, noise=0, time_warp=0)
    noisy = Augmentation(rotation_deg=15, scale=0, shear=0, noise=1e-6, time_warp=0)
    np.testing.assert_allclose(vary(x, settings=still), vary(x, settings=noisy), atol=1e-4)


def test_variation_leaves_the_original_alone_and_nothing_is_nothing() -> None:
    x = clips()
    before = x.copy()
    vary(x)
    assert_array_equal(x, before)
    assert vary(x, settings=STILL) is x


def test_dropped_joints_are_missing_throughout_and_nothing_else_changes() -> None:
    x = clips(200)
    varied = vary(x, settings=replace(STILL, joint_dropout=0.2))
    lost = np.isnan(varied) & ~np.isnan(x)
    assert_array_equal(varied[~lost], x[~lost])
    assert_array_equal(lost.any((1, 2)), (np.isnan(varied) | np.isnan(x)).all((1, 2)) & lost.any((1, 2)))
    assert 0.17 < lost[:, 0, 0].mean() < 0.23


def test_dropped_frames_are_missing_altogether_and_nothing_else_changes() -> None:
    x = clips(200)
    gone = np.isnan(vary(x, settings=replace(STILL, frame_dropout=0.2)))
    whole = gone.all((1, 3))
    assert_array_equal(gone & ~whole[:, None, :, None], np.isnan(x) & ~whole[:, None, :, None])
    assert 0.17 < whole.mean() < 0.23


def test_a_dropped_hand_is_one_of_two_for_half_of_the_clip_at_most() -> None:
    x = np.random.default_rng(0).normal(size=(200, 2, 10, 27)).astype(np.float32)
    gone = np.isnan(vary(x, settings=replace(STILL, hand_dropout=0.5)))
    left, right = (gone[..., list(LAYOUT.hand(side))].all((1, 3)) for side in ("left", "right"))
    assert not (left & right).any()
    assert {1, 5} <= set(left.sum(1)) <= set(range(6))
    assert 0.4 < (left | right).any(1).mean() < 0.6
    assert not gone[..., [v for v in range(27) if v not in LAYOUT.hand("left") + LAYOUT.hand("right")]].any()


def test_a_dropped_hand_is_either_hand_at_any_time_also_in_the_shortest_clip() -> None:
    x = np.ones((100, 2, 2, 27), np.float32)
    gone = np.isnan(vary(x, settings=replace(STILL, hand_dropout=1.0)))
    lost = np.stack([gone[..., list(LAYOUT.hand(side))].all((1, 3)) for side in ("left", "right")], axis=1)
    assert_array_equal(lost.sum((1, 2)), 1)
    assert lost.sum(0).min() > 10


def test_a_hand_that_is_alone_is_not_dropped() -> None:
    x = clips(50)
    x[..., list(LAYOUT.hand("right"))] = NAN
    assert_array_equal(vary(x, settings=replace(STILL, hand_dropout=1.0)), x)


def test_dropping_changes_no_other_draw_and_depends_on_the_sample_alone() -> None:
    x, both = clips(), replace(ALL, joint_dropout=0.3, frame_dropout=0.1, hand_dropout=0.5)
    there = ~np.isnan(vary(x, settings=both))
    assert_array_equal(vary(x, settings=both)[there], vary(x)[there])
    assert_array_equal(vary(x, settings=both)[2:4], vary(x[2:4], [2, 3], settings=both))


def frame_numbers(count: int = 400, frames: int = 41) -> np.ndarray:
    """Clips whose x is the number of the frame: resampled, it says which frame was read."""
    x = np.ones((count, 2, frames, 27), np.float32)
    x[:, 0] = np.arange(frames, dtype=np.float32)[:, None]
    return x


def test_time_warp_trims_both_ends_and_changes_the_speed_but_never_the_order() -> None:
    read = vary(frame_numbers(), settings=replace(STILL, time_warp=0.4))[:, 0, :, 0]
    assert (np.diff(read) > 0).all()
    # Half of 0.4 of 40 frames at most, at each end, and independently.
    for cut in (read[:, 0], 40 - read[:, -1]):
        assert 0 <= cut.min() < 0.1
        assert 7.9 < cut.max() <= 8
        assert 3.5 < cut.mean() < 4.5
    assert abs(np.corrcoef(read[:, 0], read[:, -1])[0, 1]) < 0.15
    # Relative to its mean, the speed at the start is between 0.6 and 1.4; in the middle it is the opposite.
    speed = np.diff(read) / ((read[:, -1] - read[:, 0]) / 40)[:, None]
    assert 0.6 <= speed.min() < 0.62
    assert 1.38 < speed.max() <= 1.4
    np.testing.assert_allclose(speed[:, 0] + speed[:, 20], 2, atol=0.02)


def matrices(**options: float) -> np.ndarray:
    """The (2, 2) matrices of 2,000 samples, from where they send (1, 0) and (0, 1)."""
    x = np.zeros((2000, 2, 1, 27), np.float32)
    x[:, 0, :, 0] = x[:, 1, :, 1] = 1
    return vary(x, settings=replace(STILL, **options))[:, :, 0, :2]


def test_rotation_is_by_any_angle_up_to_the_largest_to_either_side() -> None:
    found = matrices(rotation_deg=30.0)
    angle = np.rad2deg(np.arctan2(found[:, 1, 0], found[:, 0, 0]))
    expected = np.stack([np.cos(np.deg2rad(angle)), -np.sin(np.deg2rad(angle))], 1)
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-5)
    assert -30 <= angle.min() < -29.8
    assert 29.8 < angle.max() <= 30.001
    assert abs(angle.mean()) < 1


def test_scale_and_shear_are_of_each_axis_by_itself() -> None:
    for options, of_axis in (({"scale": 0.2}, ((0, 0), (1, 1))), ({"shear": 0.2}, ((0, 1), (1, 0)))):
        change = matrices(**options) - np.eye(2)
        first, second = (change[:, i, j] for i, j in of_axis)
        for values in (first, second):
            assert -0.2001 <= values.min() < -0.199
            assert 0.199 < values.max() <= 0.2001
        assert abs(np.corrcoef(first, second)[0, 1]) < 0.08
        others = change.copy()
        for i, j in of_axis:
            others[:, i, j] = 0
        assert not others.any()


def test_scale_comes_before_rotation() -> None:
    """A rotated ellipse keeps its axes' lengths: the matrix is rotation times stretch."""
    both = matrices(rotation_deg=30.0, scale=0.2)
    turned, scaled = matrices(rotation_deg=30.0), matrices(scale=0.2)
    np.testing.assert_allclose(both, turned @ scaled, atol=1e-5)


def test_noise_is_gaussian_in_every_channel_and_spares_exact_zeros() -> None:
    x = np.ones((50, 2, 10, 27), np.float32)
    x[:, 1, :, 5] = 0
    x[:, :, 2, 6] = NAN
    change = vary(x, settings=replace(STILL, noise=0.04)) - x
    assert not change[:, 1, :, 5].any()
    change[:, 1, :, 5] = NAN
    kept = change[np.isfinite(change)]
    assert abs(kept.mean()) < 0.002
    assert 0.039 < kept.std() < 0.041
    assert 0.6 < (np.abs(kept) < 0.04).mean() < 0.76
    assert_array_equal(np.isnan(change[:, :, 2, 6]), True)


def test_half_of_the_samples_are_mirrored() -> None:
    x = np.random.default_rng(0).normal(size=(400, 2, 2, 27)).astype(np.float32)
    varied, image = vary(x, settings=replace(STILL, mirror=True)), mirror_samples(x, CHANNELS, LAYOUT)
    turned = (varied == image).all((1, 2, 3))
    assert_array_equal(varied[~turned], x[~turned])
    assert 0.4 < turned.mean() < 0.6


def test_a_seed_means_the_same_variation_in_every_version() -> None:
    """Bump versions.TRAIN if this has to change: results of the same settings are then others."""
    x = np.ones((2, 2, 3, 27), np.float32)
    found = vary(x, [5, 6], settings=Augmentation(mirror=True))[:, :, 1, :2]
    np.testing.assert_allclose(found, EXPECTED, rtol=1e-4)
    read = vary(frame_numbers(1), [5], settings=replace(STILL, time_warp=0.4))[0, 0, ::10, 0]
    np.testing.assert_allclose(read, READ, rtol=1e-4)
    drops = replace(STILL, joint_dropout=0.1, frame_dropout=0.1, hand_dropout=1.0)
    gone = np.isnan(vary(np.ones((1, 2, 8, 27), np.float32), [7], drops))
    joints, frames = (np.flatnonzero(gone[0, 0].all(axis)).tolist() for axis in (0, 1))
    assert (joints, frames, int(gone.sum())) == GONE

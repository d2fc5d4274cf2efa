"""Promises of streams, variation and batches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.testing import assert_array_equal
from training_data import CHANNELS, LAYOUT, example, read_rows, write_fold

from signfold import files
from signfold.augment import Augmentation, augment, mirror, pairs, resample
from signfold.batches import Samples, Shards, in_order, load, make_batch, read_fold, shuffled
from signfold.errors import SignfoldError
from signfold.joints import Layout, layout
from signfold.streams import STREAMS, masked, stream

NAN = np.nan
CHAIN = Layout("chain", (("left_elbow", "nose"), ("right_elbow", "nose")))
# Three frames of nose and two elbows, one channel.
CLIP = np.array([[[[1, 4, 0], [2, NAN, 1], [4, 9, 3]]]], dtype=np.float32)
ALL = Augmentation(mirror=True)


def vary(x: np.ndarray, index: list[int] | None = None, settings: Augmentation = ALL, epoch: int = 0) -> np.ndarray:
    rows = np.arange(len(x)) if index is None else np.array(index)
    return augment(x, rows, seed=3, epoch=epoch, settings=settings, channels=CHANNELS, layout=LAYOUT)


def clips(count: int = 6) -> np.ndarray:
    x = np.random.default_rng(0).normal(size=(count, 2, 10, 27)).astype(np.float32)
    x[:, :, 3:5, list(LAYOUT.hand("left"))] = NAN
    x[0, :, :, list(LAYOUT.hand("right"))] = NAN
    return x


def test_the_mirror_image_of_one_hand_is_that_of_its_places() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 21)).astype(np.float32)
    found = mirror(x, ("x_palm", "y_palm", "to_thumb"), layout("hand_21"))
    assert_array_equal(found, x * np.array([-1, 1, 1], np.float32)[:, None, None])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("joint", [[1, 4, 0], [2, NAN, 1], [4, 9, 3]]),
        ("bone", [[0, 3, -1], [0, NAN, -1], [0, 5, -1]]),
        ("joint_motion", [[1, NAN, 1], [2, NAN, 2], [0, 0, 0]]),
        ("bone_motion", [[0, NAN, 0], [0, NAN, 0], [0, 0, 0]]),
    ],
)
def test_streams_by_hand(name: str, expected: list[list[float]]) -> None:
    assert_array_equal(stream(CLIP, name, CHAIN)[0, 0], expected)


def test_bones_and_motion_of_a_missing_root_are_missing() -> None:
    clip = CLIP.copy()
    clip[..., 0] = NAN
    assert all(np.isnan(stream(clip, name, CHAIN)).all() for name in ("bone", "bone_motion"))


def test_an_unknown_stream_is_an_error_that_names_the_known() -> None:
    with pytest.raises(SignfoldError, match=r"bones.*joint_motion"):
        stream(CLIP, "bones", CHAIN)


def test_the_network_is_told_what_is_missing() -> None:
    found = masked(CLIP)
    assert found.dtype == np.float32
    assert_array_equal(found[0, 0], [[1, 4, 0], [2, 0, 1], [4, 9, 3]])
    assert_array_equal(found[0, 1], [[1, 1, 1], [1, 0, 1], [1, 1, 1]])


@settings(max_examples=25, deadline=None)
@given(arrays.arrays(np.float32, (2, 2, 3, 27), elements=st.floats(-5, 5, width=32) | st.just(NAN)))
def test_mirroring_twice_is_the_identity(x: np.ndarray) -> None:
    assert_array_equal(mirror(mirror(x, CHANNELS, LAYOUT), CHANNELS, LAYOUT), x)


def test_mirroring_swaps_sides_and_turns_x() -> None:
    x = clips(1)[:, :, :1]
    left, right = LAYOUT.joints.index("left_elbow"), LAYOUT.joints.index("right_elbow")
    found = mirror(x, CHANNELS, LAYOUT)
    assert_array_equal(found[0, :, 0, left], x[0, :, 0, right] * [-1, 1])
    assert_array_equal(mirror(x, ("x_palm", "z"), LAYOUT), found)


def test_wrist_anchored_coordinates_are_vectors_too() -> None:
    assert pairs(("x", "y", "z", "x_wrist", "y_wrist")) == [(0, 1), (3, 4)]
    assert pairs(("x_palm", "y_palm")) == [(0, 1)]
    x = np.concatenate([clips(), 2 * clips()], axis=1)
    turned = augment(
        x,
        np.arange(6),
        seed=0,
        epoch=0,
        settings=Augmentation(noise=0),
        channels=("x", "y", "x_wrist", "y_wrist"),
        layout=LAYOUT,
    )
    np.testing.assert_allclose(turned[:, 2:], 2 * turned[:, :2], rtol=1e-5)


def test_distances_from_fingertips_are_those_of_the_varied_hand() -> None:
    hand, channels = layout("hand_21"), ("to_thumb", "x_palm", "y_palm")
    x = np.random.default_rng(0).normal(size=(6, 3, 10, 21)).astype(np.float32)
    x[:, 1:, :, 0] = 0
    x[2, :, 4:6] = NAN

    def varied(**options: float) -> np.ndarray:
        settings = replace(STILL, **options)
        return augment(x, np.arange(6), seed=0, epoch=0, settings=settings, channels=channels, layout=hand)

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


STILL = Augmentation(0, 0, 0, 0, 0)


def test_dropped_joints_are_missing_throughout_and_nothing_else_changes() -> None:
    x = clips(200)
    varied = vary(x, settings=replace(STILL, joint_drop=0.2))
    lost = np.isnan(varied) & ~np.isnan(x)
    assert_array_equal(varied[~lost], x[~lost])
    assert_array_equal(lost.any((1, 2)), (np.isnan(varied) | np.isnan(x)).all((1, 2)) & lost.any((1, 2)))
    assert 0.17 < lost[:, 0, 0].mean() < 0.23


def test_dropped_frames_are_missing_altogether_and_nothing_else_changes() -> None:
    x = clips(200)
    gone = np.isnan(vary(x, settings=replace(STILL, frame_drop=0.2)))
    whole = gone.all((1, 3))
    assert_array_equal(gone & ~whole[:, None, :, None], np.isnan(x) & ~whole[:, None, :, None])
    assert 0.17 < whole.mean() < 0.23


def test_a_dropped_hand_is_one_of_two_for_half_of_the_clip_at_most() -> None:
    x = np.random.default_rng(0).normal(size=(200, 2, 10, 27)).astype(np.float32)
    gone = np.isnan(vary(x, settings=replace(STILL, hand_drop=0.5)))
    left, right = (gone[..., list(LAYOUT.hand(side))].all((1, 3)) for side in ("left", "right"))
    assert not (left & right).any()
    assert {1, 5} <= set(left.sum(1)) <= set(range(6))
    assert 0.4 < (left | right).any(1).mean() < 0.6
    assert not gone[..., [v for v in range(27) if v not in LAYOUT.hand("left") + LAYOUT.hand("right")]].any()


def test_a_hand_that_is_alone_is_not_dropped() -> None:
    x = clips(50)
    x[..., list(LAYOUT.hand("right"))] = NAN
    assert_array_equal(vary(x, settings=replace(STILL, hand_drop=1.0)), x)


def test_dropping_changes_no_other_draw_and_depends_on_the_sample_alone() -> None:
    x, both = clips(), replace(ALL, joint_drop=0.3, frame_drop=0.1, hand_drop=0.5)
    there = ~np.isnan(vary(x, settings=both))
    assert_array_equal(vary(x, settings=both)[there], vary(x)[there])
    assert_array_equal(vary(x, settings=both)[2:4], vary(x[2:4], [2, 3], settings=both))


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 3))
def test_an_epoch_has_every_sample_once_and_no_lonely_batch(count: int, size: int, epoch: int) -> None:
    batches = shuffled(count, size, 0, epoch)
    assert sorted(np.concatenate(batches)) == list(range(count))
    assert all(len(batch) <= size + 1 for batch in batches)
    if size > 1:
        assert len(batches) == 1 or min(map(len, batches)) > 1


def test_order_is_fixed_by_seed_and_epoch() -> None:
    orders = [np.concatenate(shuffled(50, 8, seed, epoch)) for seed, epoch in ((0, 0), (0, 0), (0, 1), (1, 0))]
    assert_array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[0], orders[2])
    assert not np.array_equal(orders[0], orders[3])


def parts(folder: Path) -> tuple[Shards, Samples]:
    given = example(folder)
    return Shards(given.tensors), read_fold(given.fold, given.audit).roles["train"]


def test_batches_hold_the_rows_that_the_fold_names(tmp_path: Path) -> None:
    shards, samples = parts(tmp_path)
    shards.check(samples)
    got = list(load(shards, samples, in_order(len(samples), 5), "joint"))
    assert_array_equal(np.concatenate([batch.index for batch in got]), np.arange(len(samples)))
    x = np.concatenate([batch.x for batch in got])
    for i in range(len(samples)):
        row = np.load(tmp_path / "tensors" / f"{samples.shard[i]}.npy")[samples.row[i]]
        assert_array_equal(x[i], masked(row[None])[0])


def test_tensors_are_memory_mapped(tmp_path: Path) -> None:
    shards, samples = parts(tmp_path)
    make_batch(shards, samples, np.arange(8), "joint")
    assert all(isinstance(array, np.memmap) for array in shards._arrays.values())


@pytest.mark.parametrize("name", STREAMS)
def test_the_network_never_gets_nan(tmp_path: Path, name: str) -> None:
    shards, samples = parts(tmp_path)
    batch = make_batch(shards, samples, np.arange(len(samples)), name, (ALL, 0, 0))
    assert np.isfinite(batch.x).all()
    assert batch.x.shape == (len(samples), 3, 8, 27)
    assert batch.x.dtype == np.float32


def test_training_batches_are_varied_and_others_are_not(tmp_path: Path) -> None:
    shards, samples = parts(tmp_path)
    rows = np.arange(len(samples))
    plain, varied = make_batch(shards, samples, rows, "joint"), make_batch(shards, samples, rows, "joint", (ALL, 0, 0))
    expected = augment(
        shards.read(samples.shard, samples.row), rows, seed=0, epoch=0, settings=ALL, channels=CHANNELS, layout=LAYOUT
    )
    assert_array_equal(varied.x, masked(expected))
    assert not np.array_equal(varied.x, plain.x)


def test_an_error_while_loading_is_not_swallowed(tmp_path: Path) -> None:
    shards, samples = parts(tmp_path)
    (tmp_path / "tensors" / f"{samples.shard[-1]}.npy").unlink()
    with pytest.raises(FileNotFoundError):
        list(load(shards, samples, in_order(len(samples), 4), "joint"))


def test_shards_that_disagree_are_refused(tmp_path: Path) -> None:
    given = example(tmp_path)
    path = given.tensors[1].with_suffix(".parquet")
    files.write_parquet(files.read_parquet(path), path, {**files.read_metadata(path), "frames": 9})
    with pytest.raises(SignfoldError, match=r"0001.*frames"):
        Shards(given.tensors)


def test_a_row_that_holds_another_clip_is_refused(tmp_path: Path) -> None:
    given = example(tmp_path)
    rows = read_rows(given.fold)
    rows[0]["row"], rows[1]["row"] = rows[1]["row"], rows[0]["row"]
    write_fold(given.fold, rows)
    with pytest.raises(SignfoldError, match=r"0000.*row 1 is not 'ann/0-0'"):
        Shards(given.tensors).check(read_fold(given.fold, given.audit).roles["train"])


@pytest.mark.parametrize("column", ["signer", "sha256", "source_id"])
def test_a_group_in_two_roles_stops_the_run(tmp_path: Path, column: str) -> None:
    given = example(tmp_path)
    rows = read_rows(given.fold)
    test_row = next(row for row in rows if row["role"] == "test")
    rows[0][column] = test_row[column]
    write_fold(given.fold, rows)
    with pytest.raises(SignfoldError, match=f"{column} '{test_row[column]}' is both in train and in test"):
        read_fold(given.fold, given.audit)


def test_official_splits_may_share_signers_but_never_clips(tmp_path: Path) -> None:
    given = example(tmp_path)
    files.write_json(given.audit, {"ok": True, "shared_signers": True})
    rows = read_rows(given.fold)
    test_row = next(row for row in rows if row["role"] == "test")
    rows[0]["signer"] = test_row["signer"]
    write_fold(given.fold, rows)
    read_fold(given.fold, given.audit)
    rows[0]["sha256"] = test_row["sha256"]
    write_fold(given.fold, rows)
    with pytest.raises(SignfoldError, match="sha256"):
        read_fold(given.fold, given.audit)


@pytest.mark.parametrize("report", [None, {"ok": False}])
def test_training_needs_the_audit_to_have_passed(tmp_path: Path, report: dict | None) -> None:
    given = example(tmp_path)
    given.audit.unlink()
    if report:
        files.write_json(given.audit, report)
    with pytest.raises(SignfoldError, match="audit"):
        read_fold(given.fold, given.audit)


def test_copies_are_trained_on_but_never_scored(tmp_path: Path) -> None:
    given = example(tmp_path)
    rows = read_rows(given.fold)
    copies = [{**row, "sample_id": f"{row['sample_id']}#1", "copy": 1} for row in rows]
    write_fold(given.fold, rows + copies)
    roles = read_fold(given.fold, given.audit).roles
    assert {role: len(samples) for role, samples in roles.items()} == {"train": 48, "val": 12, "test": 12}


@pytest.mark.parametrize("role", ["train", "test"])
def test_a_fold_without_training_or_test_samples_is_refused(tmp_path: Path, role: str) -> None:
    given = example(tmp_path)
    write_fold(given.fold, [{**row, "role": "none"} if row["role"] == role else row for row in read_rows(given.fold)])
    with pytest.raises(SignfoldError, match=f"no sample has the role '{role}'"):
        read_fold(given.fold, given.audit)


def test_class_ids_with_a_hole_are_refused(tmp_path: Path) -> None:
    given = example(tmp_path)
    write_fold(given.fold, [{**row, "class_id": 2 * row["class_id"]} for row in read_rows(given.fold)])
    with pytest.raises(SignfoldError, match=r"expected 0\.\.K-1"):
        read_fold(given.fold, given.audit)

"""Clips as the simple methods see them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from training_data import CHANNELS, FRAMES, LAYOUT, example

from signfold.evaluation import features
from signfold.folds.roles import Samples, read_fold
from signfold.tensors.shards import Shards


@pytest.fixture
def clips(tmp_path: Path) -> tuple[Samples, Shards]:
    made = example(tmp_path)
    return read_fold(made.fold, made.audit).roles["train"], Shards(made.tensors)


def test_moments_are_evenly_spaced_and_missing_joints_are_0() -> None:
    array = np.arange(9.0)[None, None, :, None] + np.zeros((1, 1, 9, 2))
    array[0, 0, 4, 1] = np.nan
    found = features.moments(array, 5)
    assert found[0, 0, :, 0].tolist() == [0, 2, 4, 6, 8]
    assert found[0, 0, :, 1].tolist() == [0, 2, 0, 6, 8]


def test_features_and_hands_are_the_tensors_values(clips: tuple[Samples, Shards], monkeypatch: object) -> None:
    samples, shards = clips
    whole = features.features(shards, samples)
    assert whole.shape == (len(samples), len(CHANNELS) * features.FRAMES * len(LAYOUT.joints))
    array = np.nan_to_num(shards.read(samples.shard[-1:], samples.row[-1:]))
    last = whole[-1].reshape(len(CHANNELS), features.FRAMES, -1)
    np.testing.assert_array_equal(last[:, [0, -1]], array[0][:, [0, FRAMES - 1]])
    series = features.hand_series(shards, samples)
    own = [*LAYOUT.hand("left"), *LAYOUT.hand("right")]
    assert series.shape == (len(samples), features.WARPED, len(CHANNELS) * len(own))
    np.testing.assert_array_equal(series[-1, 0], array[0][:, 0, own].reshape(-1).astype(np.float64))
    monkeypatch.setattr(features, "BLOCK", 7)  # a block that does not divide the clips
    np.testing.assert_array_equal(features.features(shards, samples), whole)
    np.testing.assert_array_equal(features.hand_series(shards, samples), series)
    assert features.features(shards, features.subset(samples, np.array([], int))).shape == (0, whole.shape[1])


def test_few_of_each_keeps_all_classes_alike() -> None:
    classes = np.array([0] * 50 + [1] * 5 + [2])
    kept = classes[features.few_of_each(classes, 9, seed=0)]
    assert np.bincount(kept).tolist() == [4, 4, 1]
    assert len(features.few_of_each(classes, 100, seed=0)) == 56

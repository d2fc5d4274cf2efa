"""Promises of the streams, and of the mask that says what is missing."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from signfold.core.errors import SignfoldError
from signfold.core.skeleton import Layout
from signfold.tensors.streams import masked, stream

NAN = np.nan
CHAIN = Layout("chain", (("left_elbow", "nose"), ("right_elbow", "nose")))
# Three frames of nose and two elbows, one channel.
CLIP = np.array([[[[1, 4, 0], [2, NAN, 1], [4, 9, 3]]]], dtype=np.float32)


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


def test_the_mask_is_one_channel_and_tells_of_the_first_of_two_channels() -> None:
    """Channels such as those about the wrist do not exist for every joint."""
    clip = np.concatenate([CLIP, np.where(np.isnan(CLIP), 5, NAN)], axis=1).astype(np.float32)
    found = masked(clip)
    assert found.shape == (1, 3, 3, 3)
    assert_array_equal(found[0, 2], [[1, 1, 1], [1, 0, 1], [1, 1, 1]])
    assert_array_equal(found[0, 1], [[0, 0, 0], [0, 5, 0], [0, 0, 0]])


def test_streams_are_of_all_channels_and_samples_alike() -> None:
    clips = np.stack([np.concatenate([CLIP[0], 2 * CLIP[0]]), np.concatenate([3 * CLIP[0], 4 * CLIP[0]])])
    for name in ("bone", "joint_motion", "bone_motion"):
        one, found = stream(CLIP, name, CHAIN)[0, 0], stream(clips, name, CHAIN)
        for (sample, channel), factor in {(0, 0): 1, (0, 1): 2, (1, 0): 3, (1, 1): 4}.items():
            assert_array_equal(found[sample, channel], factor * one)

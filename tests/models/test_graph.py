"""Promises of the skeleton's graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from signfold.core.skeleton import JOINTS, LAYOUTS, Layout, layout
from signfold.models.graph import hops_to_root, normalised_adjacency, spatial_partition

CHAIN = Layout("chain", (("b", "a"), ("c", "b"), ("d", "b")))


def test_hops_are_counted_from_the_root() -> None:
    assert hops_to_root(CHAIN).tolist() == [0, 1, 2, 2]


def test_partition_of_a_small_tree_by_hand() -> None:
    identity, centripetal, centrifugal = spatial_partition(CHAIN)
    np.testing.assert_allclose(np.diag(identity), [1 / 2, 1 / 4, 1 / 2, 1 / 2])
    # b takes from a, which is nearer to the root, and from c and d, which are farther.
    np.testing.assert_allclose(centripetal[:, 1], [1 / 4, 0, 0, 0])
    np.testing.assert_allclose(centrifugal[:, 1], [0, 0, 1 / 4, 1 / 4])
    # a takes from b, c and d take from b.
    np.testing.assert_allclose(centrifugal[:, 0], [0, 1 / 2, 0, 0])
    np.testing.assert_allclose(centripetal[:, 2], [0, 1 / 2, 0, 0])


@pytest.mark.parametrize("name", LAYOUTS)
def test_subsets_sum_to_the_normalised_adjacency(name: str) -> None:
    partition = spatial_partition(layout(name))
    v = len(layout(name).joints)
    assert partition.shape == (3, v, v)
    assert partition.dtype == np.float32
    np.testing.assert_array_equal(partition.sum(0), normalised_adjacency(layout(name)))
    np.testing.assert_allclose(partition.sum((0, 1)), 1, rtol=1e-6)


@pytest.mark.parametrize("name", LAYOUTS)
def test_subsets_follow_the_bones(name: str) -> None:
    skeleton = layout(name)
    identity, centripetal, centrifugal = spatial_partition(skeleton)
    assert {tuple(pair) for pair in np.argwhere(identity)} == {(v, v) for v in range(len(skeleton.joints))}
    # A bone is (joint, parent); an entry is (giver, taker).
    assert {tuple(pair) for pair in np.argwhere(centrifugal)} == set(skeleton.edges)
    assert {tuple(pair) for pair in np.argwhere(centripetal)} == {(p, c) for c, p in skeleton.edges}


@pytest.mark.parametrize("name", LAYOUTS)
def test_bones_are_short_on_real_keypoints(shared: Path, name: str) -> None:
    """As the seed wired them, a wrist would hang on the tip of another finger, and a shoulder on a heel."""
    frames = np.concatenate([np.load(shared / f"holistic33/{word}.npz")["sequences"] for word in ("hello", "coffee")])
    frames = frames.reshape(-1, 258)
    pose, hands = frames[:, :132].reshape(-1, 33, 4)[..., :3], frames[:, 132:].reshape(-1, 42, 3)
    points = np.concatenate([pose, hands], axis=1)[..., :2] * [1, 0.75]
    points[(points == 0).all(-1)] = np.nan
    where = {joint: points[:, JOINTS.index(joint)] for joint in JOINTS}
    width = np.nanmedian(np.linalg.norm(where["left_shoulder"] - where["right_shoulder"], axis=1))
    lengths = {
        (child, parent): np.nanmedian(np.linalg.norm(where[child] - where[parent], axis=1)) / width
        for child, parent in layout(name).bones
    }
    hand = {bone: length for bone, length in lengths.items() if all("_hand_" in joint for joint in bone)}
    assert max(lengths.values()) < 1.5
    assert max(hand.values()) < 0.5
    # The wrist of the pose and that of the hand are one place.
    assert all(lengths.get((f"{side}_hand_wrist", f"{side}_wrist"), 0) < 0.2 for side in ("left", "right"))

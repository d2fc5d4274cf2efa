"""Joints by name: layouts are trees of MediaPipe's joints, and each joint knows its mirror image."""

from __future__ import annotations

import pytest

from signfold.core.clip import PARTS
from signfold.core.errors import SignfoldError
from signfold.core.skeleton import HAND, JOINTS, LAYOUTS, PART_JOINTS, POSE, Layout, layout, other_side


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_a_tree_of_known_joints(name: str) -> None:
    found = layout(name)
    assert found.name == name
    assert set(found.joints) <= set(JOINTS)
    assert len(set(found.joints)) == len(found.joints) == len(found.bones) + 1
    # From the root every joint is reached, over bones whose names are those of the edges.
    reached = {found.joints[0]}
    for (child, parent), (i, j) in zip(found.bones, found.edges, strict=True):
        assert (found.joints[i], found.joints[j]) == (child, parent)
    for _ in found.bones:
        reached |= {child for child, parent in found.bones if parent in reached}
    assert reached == set(found.joints)


@pytest.mark.parametrize(
    ("name", "count", "hand"), [("hands_body_27", 27, 10), ("hands_arms_46", 46, 21), ("hand_21", 21, 21)]
)
def test_layouts_have_the_joints_that_they_promise(name: str, count: int, hand: int) -> None:
    found = layout(name)
    assert len(found.joints) == count
    assert len(found.hand("right")) == hand
    assert {found.joints[v].startswith("right_hand_") for v in found.hand("right")} == {True}
    assert len(found.hand("left")) == (0 if name == "hand_21" else hand)


def test_bones_run_along_the_fingers_and_the_arms() -> None:
    bones = dict(layout("hands_arms_46").bones)
    assert bones["left_hand_index_finger_tip"] == "left_hand_index_finger_dip"
    assert bones["left_hand_thumb_cmc"] == bones["left_hand_pinky_mcp"] == "left_hand_wrist"
    assert bones["right_hand_wrist"] == "right_elbow"
    body = dict(layout("hands_body_27").bones)
    assert body["right_hand_ring_finger_tip"] == "right_hand_ring_finger_mcp"
    assert body["right_hand_thumb_tip"] == "right_hand_wrist"
    assert (body["right_hand_wrist"], body["right_wrist"]) == ("right_wrist", "right_elbow")


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_mirror_image_of_the_mirror_image_is_the_joint_itself(name: str) -> None:
    found = layout(name)
    assert [found.mirror[v] for v in found.mirror] == list(range(len(found.joints)))
    if found.hand("left"):
        for side, other in (("left", "right"), ("right", "left")):
            assert {found.mirror[v] for v in found.hand(side)} == set(found.hand(other))


def test_mirrored_names_change_sides_and_keep_the_joint() -> None:
    assert other_side("left_hand_ring_finger_tip") == "right_hand_ring_finger_tip"
    assert other_side("mouth_right") == "mouth_left"
    assert other_side("nose") == "nose"
    assert {other_side(name) for name in JOINTS} == set(JOINTS)


def test_parts_have_the_joints_of_mediapipe_with_visibility_in_the_pose_only() -> None:
    assert PARTS == {"pose": (33, 4), "left_hand": (21, 3), "right_hand": (21, 3)}
    assert PART_JOINTS == {"pose": POSE, "left_hand": HAND, "right_hand": HAND}
    assert len(JOINTS) == len(set(JOINTS)) == 75


def test_an_unknown_layout_is_named_with_the_known_ones() -> None:
    with pytest.raises(SignfoldError, match=r"no layout 'x'; there are hands_arms_46, hands_body_27, hand_21"):
        layout("x")


def test_a_layout_of_one_hand_mirrors_to_itself() -> None:
    assert Layout("two", (("left_elbow", "nose"),)).mirror == (0, 1)

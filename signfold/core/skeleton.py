"""Joints by name: MediaPipe's landmarks, and the layouts of the tensors.

Names are MediaPipe's enum members in lower case; those of hands carry `left_hand_` or `right_hand_` in front. "Left" is
the signer's left, as in MediaPipe. A layout refers to joints by name only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from signfold.core.errors import SignfoldError

# mediapipe.solutions.holistic.PoseLandmark and HandLandmark, in their order. Spelled out so that stages after
# extraction need no MediaPipe; a test compares them with the enums.
POSE = (
    "nose left_eye_inner left_eye left_eye_outer right_eye_inner right_eye right_eye_outer left_ear right_ear "
    "mouth_left mouth_right left_shoulder right_shoulder left_elbow right_elbow left_wrist right_wrist left_pinky "
    "right_pinky left_index right_index left_thumb right_thumb left_hip right_hip left_knee right_knee left_ankle "
    "right_ankle left_heel right_heel left_foot_index right_foot_index"
).split()
HAND = (
    "wrist thumb_cmc thumb_mcp thumb_ip thumb_tip index_finger_mcp index_finger_pip index_finger_dip index_finger_tip "
    "middle_finger_mcp middle_finger_pip middle_finger_dip middle_finger_tip ring_finger_mcp ring_finger_pip "
    "ring_finger_dip ring_finger_tip pinky_mcp pinky_pip pinky_dip pinky_tip"
).split()
SIDES = ("left", "right")
# The parts that MediaPipe detects, each as a whole, with their joints in its order.
PART_JOINTS = {"pose": POSE, "left_hand": HAND, "right_hand": HAND}
FINGERS = ("thumb", "index_finger", "middle_finger", "ring_finger", "pinky")
JOINTS = tuple(POSE) + tuple(f"{side}_hand_{joint}" for side in SIDES for joint in HAND)


def other_side(name: str) -> str:
    """Return the name of the joint on the other side of the body (`nose` is its own)."""
    swap = {"left": "right", "right": "left"}
    return "_".join(swap.get(word, word) for word in name.split("_"))


@dataclass(frozen=True)
class Layout:
    """The joints of a tensor, and the bones between them.

    Parameters
    ----------
    name
        Name of the layout, as in `tensors.layout` of the configuration.
    bones
        Pairs (joint, parent), one for each joint but the root: a tree. The joints' order is the root, then that of the
        pairs.
    """

    name: str
    bones: tuple[tuple[str, str], ...]

    @cached_property
    def joints(self) -> tuple[str, ...]:
        """The V joint names, in the order of the tensors' last axis."""
        children = [child for child, _ in self.bones]
        (root,) = {parent for _, parent in self.bones} - set(children)
        return (root, *children)

    @cached_property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """The V-1 bones as indices (joint, parent) into `joints`."""
        return tuple((self.joints.index(child), self.joints.index(parent)) for child, parent in self.bones)

    @cached_property
    def mirror(self) -> tuple[int, ...]:
        """For each joint the index of its counterpart on the other side; its own index where there is none."""
        names = [other_side(name) if other_side(name) in self.joints else name for name in self.joints]
        return tuple(self.joints.index(name) for name in names)

    def hand(self, side: str) -> tuple[int, ...]:
        """Return the indices of the joints of the `left` or `right` hand."""
        return tuple(v for v, name in enumerate(self.joints) if name.startswith(f"{side}_hand_"))


def _hand_bones(side: str, joints: list[str]) -> list[tuple[str, str]]:
    """Return (joint, parent) pairs from the hand's wrist outwards, over the kept `joints` of one hand."""
    bones = []
    for finger in FINGERS:
        parent = "wrist"
        for joint in (joint for joint in joints if joint.startswith(finger)):
            bones.append((f"{side}_hand_{joint}", f"{side}_hand_{parent}"))
            parent = joint
    return bones


def _hands_arms_46() -> Layout:
    bones = [("right_shoulder", "left_shoulder")]
    for side in SIDES:
        bones += [(f"{side}_elbow", f"{side}_shoulder"), (f"{side}_hand_wrist", f"{side}_elbow")]
        bones += _hand_bones(side, HAND)
    return Layout("hands_arms_46", tuple(bones))


def _hands_body_27() -> Layout:
    kept = ["thumb_tip"] + [f"{finger}_{end}" for finger in FINGERS[1:] for end in ("mcp", "tip")]
    bones = []
    for side in SIDES:
        bones += [(f"{side}_shoulder", "nose"), (f"{side}_elbow", f"{side}_shoulder")]
        bones += [(f"{side}_wrist", f"{side}_elbow"), (f"{side}_hand_wrist", f"{side}_wrist")]
        bones += _hand_bones(side, kept)
    return Layout("hands_body_27", tuple(bones))


def _hand_21() -> Layout:
    return Layout("hand_21", tuple(_hand_bones("right", HAND)))


LAYOUTS = {layout.name: layout for layout in (_hands_arms_46(), _hands_body_27(), _hand_21())}


def layout(name: str) -> Layout:
    """Return the layout called `name`.

    `hands_arms_46` has both hands, shoulders and elbows, as the seed project intended. `hands_body_27` has nose,
    shoulders, elbows, wrists and ten joints of each hand, as in SAM-SLR (Jiang et al. 2021, section 3.1). `hand_21` is
    the right hand: the one that signs, where clips of left-handed signers are mirrored.

    Raises
    ------
    SignfoldError
        If there is no layout of that name.
    """
    if name not in LAYOUTS:
        raise SignfoldError(f"tensors.layout: no layout {name!r}; there are {', '.join(LAYOUTS)}")
    return LAYOUTS[name]

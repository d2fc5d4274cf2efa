"""The channels of a tensor: coordinates, and what is made from them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from signfold.core.clip import Floats
from signfold.core.skeleton import FINGERS

# The fingertip from which each of the distance channels is measured.
TIPS = {f"to_{finger.split('_')[0]}": f"{finger}_tip" for finger in FINGERS}


def own_hand(joints: Sequence[str], name: str) -> list[int]:
    """Return for each joint the index of the joint `name` in its own hand; for a joint of no hand its own index."""
    return [joints.index(re.sub("_hand_.*", f"_hand_{name}", joint)) for joint in joints]


def from_tip(x: Floats, y: Floats, tip: str, joints: Sequence[str]) -> Floats:
    """Return each joint's distance from a fingertip of its own hand, (..., V); 0 for joints of no hand.

    Parameters
    ----------
    x, y
        (..., V) coordinates from the wrist of the own hand.
    tip
        Name of the fingertip, one of the values of `TIPS`.
    joints
        Names of the V joints.
    """
    tips = own_hand(joints, tip)
    return np.hypot(x - x[..., tips], y - y[..., tips])


def channels_of(points: Floats, joints: Sequence[str], channels: Sequence[str], palms: Mapping[str, float]) -> Floats:
    """Return the channels of points, (C, T, V).

    `x_wrist` and `y_wrist` are measured from the wrist of the joint's own hand; `x_palm` and `y_palm` are the same in
    lengths of that hand's palm, so that neither the signer's build nor the distance from the camera matters.
    `to_thumb`, `to_index`, `to_middle`, `to_ring` and `to_pinky` are the distances, in the picture and in palms, from
    the tips of that hand's fingers: which of them touch, and which are bent, however the hand is turned. A joint of no
    hand is measured from itself: 0 where it is there, missing where it is missing, so that a joint is missing in all
    channels or in none.

    Parameters
    ----------
    points
        (T, V, 3) x, y, z of the joints.
    joints
        Names of the V joints.
    channels
        Names of the C channels, as in `tensors.channels` of the configuration.
    palms
        Length of the `left` and the `right` palm in the unit of `points`.
    """
    anchored = points - points[:, own_hand(joints, "wrist")]
    sides = [re.match("(left|right)_hand_", joint) for joint in joints]
    in_palms = anchored / np.array([palms[side[1]] if side else 1.0 for side in sides])[:, None]
    values = {"x": points[..., 0], "y": points[..., 1], "z": points[..., 2]}
    values |= {"x_wrist": anchored[..., 0], "y_wrist": anchored[..., 1]}
    values |= {"x_palm": in_palms[..., 0], "y_palm": in_palms[..., 1]}
    for channel in set(channels) & set(TIPS):
        values[channel] = from_tip(in_palms[..., 0], in_palms[..., 1], TIPS[channel], joints)
    return np.stack([values[channel] for channel in channels])


def pairs(channels: Sequence[str]) -> list[tuple[int, int]]:
    """Return the channel indices (x, y) of every 2-D vector: ("x", "y"), ("x_wrist", "y_wrist"), ..."""
    names = list(channels)
    return [
        (i, names.index("y" + name[1:]))
        for i, name in enumerate(names)
        if name.startswith("x") and "y" + name[1:] in names
    ]

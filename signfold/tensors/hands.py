"""The dominant hand, the resting hand, the frames of the sign, and the mirror image of a signer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signfold.core.clip import Floats, Keypoints, seen
from signfold.core.skeleton import HAND, POSE, SIDES, other_side

# A clip is left-handed if the left hand is used TIMES as much as the right and MORE on top: signs of two equal hands,
# one of which is lost now and then, must not be mirrored by chance.
TIMES, MORE = 1.5, 0.05
# A hand used less than this, and less than half as much as the other, rests.
RESTING = 0.25
# A wrist no lower than this below its elbow, in shoulder widths, is raised: signers hold their forearms about level.
LOWERED = 0.1


@dataclass(frozen=True)
class HandUse:
    """Use of each hand in a clip, 0 to 1, as `use_of_hands` measures it."""

    left: float
    right: float

    @property
    def dominant(self) -> str:
        """The side that signs: left only where it is used clearly more than the right."""
        return "left" if self.left > TIMES * self.right + MORE else "right"

    @property
    def other(self) -> str:
        """The side that is not the dominant one."""
        return "right" if self.dominant == "left" else "left"

    @property
    def resting(self) -> tuple[str, ...]:
        """The side that rests throughout the clip, or none; never the dominant one."""
        used, most = getattr(self, self.other), getattr(self, self.dominant)
        return (self.other,) if used < min(RESTING, most / 2) else ()


def use_of_hands(keypoints: Keypoints) -> HandUse:
    """Return how much each hand is used: detected and raised, averaged over the clip's frames.

    A frame counts 0 if the hand was not detected, else by the height of its wrist over its elbow: 0.5 for level, 1
    from half a shoulder width above, 0 from half a shoulder width below. Without a pose, detection alone counts.

    Signing lifts the forearm and brings the hand before the camera. Motion is a worse sign: a hanging hand that is lost
    and found again "moves" most.

    Parameters
    ----------
    keypoints
        Keypoints as detected.
    """
    width = keypoints.shoulder_width()
    return HandUse(*(_use(keypoints, side, width) for side in SIDES))


def _use(keypoints: Keypoints, side: str, width: float) -> float:
    hand = keypoints.hand(side)
    elbow = keypoints.pose[:, POSE.index(f"{side}_elbow"), 1]
    height = (elbow - hand[:, HAND.index("wrist"), 1]) * keypoints.aspect / max(width, 1e-6)
    raised = np.where(np.isnan(height), 1.0, np.clip(0.5 + height, 0.0, 1.0))
    return float(np.where(seen(hand), raised, 0.0).mean())


def signing(keypoints: Keypoints) -> slice:
    """Return the frames from the first to the last in which a wrist of the pose is raised; all if none ever is.

    Clips begin and end with hanging arms, some for most of their length; the sign is between. Frames between two with
    a raised wrist stay.

    Parameters
    ----------
    keypoints
        Keypoints as detected.
    """
    frames = np.flatnonzero(raised_wrists(keypoints).any(axis=1))
    return slice(int(frames[0]), int(frames[-1]) + 1) if len(frames) else slice(0, len(keypoints))


def raised_wrists(keypoints: Keypoints) -> NDArray[np.bool_]:
    """Return for each frame whether the left and the right wrist of the pose is raised, (T, 2); False without a pose.

    Parameters
    ----------
    keypoints
        Keypoints as detected.
    """
    arms = [(POSE.index(f"{side}_elbow"), POSE.index(f"{side}_wrist")) for side in SIDES]
    heights = [keypoints.pose[:, elbow, 1] - keypoints.pose[:, wrist, 1] for elbow, wrist in arms]
    return np.stack(heights, axis=1) * keypoints.aspect > -LOWERED * keypoints.shoulder_width()


def without(keypoints: Keypoints, sides: Iterable[str]) -> Keypoints:
    """Return the clip with the hands of some sides missing in every frame."""
    hands: dict[str, Any] = {f"{side}_hand": np.full_like(keypoints.left_hand, np.nan) for side in sides}
    return replace(keypoints, **hands)


def mirror_clip(keypoints: Keypoints) -> Keypoints:
    """Return the mirror image of a clip: x becomes 1 - x, and left and right change names, in pose and hands."""
    swap = [POSE.index(other_side(name)) for name in POSE]
    return replace(
        keypoints,
        pose=_flipped(keypoints.pose[:, swap]),
        left_hand=_flipped(keypoints.right_hand),
        right_hand=_flipped(keypoints.left_hand),
    )


def _flipped(part: Floats) -> Floats:
    flipped = part.copy()
    flipped[..., 0] = 1 - flipped[..., 0]
    return flipped

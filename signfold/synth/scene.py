"""One clip as pictures and true joints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from signfold.core.skeleton import HAND, POSE, SIDES
from signfold.dataset.synthetic import GLOSSES, SynthClip
from signfold.synth import body, hands, limbs
from signfold.synth import head as heads
from signfold.synth.canvas import on
from signfold.synth.motion import Arm, Performance, Points, perform
from signfold.synth.relief import Array
from signfold.synth.signers import HEIGHT, WIDTH, Signer, signer
from signfold.synth.signs import SIGNS

# The pose's hand joints are knuckles of the hand.
KNUCKLES = {"pinky": "pinky_mcp", "index": "index_finger_mcp", "thumb": "thumb_ip"}
CHIN = 0.235  # above the shoulders, in shoulder widths


@dataclass(frozen=True)
class Actor:
    """A signer with what is drawn of them once: the still picture and where the body
    is in it, and the head with eyes open and closed."""

    signer: Signer
    paint: limbs.Paint
    still: Array
    body: Array
    head_open: Array
    head_closed: Array

    @cached_property
    def face(self) -> npt.NDArray[np.float64]:
        """The middle of the head, in pixels."""
        x, y = self.signer.middle
        return np.array([x, y - CHIN * self.signer.unit - 0.5 * self.signer.head * self.signer.unit])


@lru_cache(maxsize=2)
def actor(seed: int, number: int) -> Actor:
    """Draw a signer's still parts. Kept, because a signer's clips are rendered one after another."""
    person = signer(seed, number)
    paint = limbs.paint_of(person)
    portraits = [heads.head(person, paint, closed) for closed in (False, True)]
    still, cover = body.standing(person, paint)
    return Actor(person, paint, still, cover, *portraits)


def take(clip: SynthClip, seed: int) -> Performance:
    """Return how a clip's signer performs its sign in its take."""
    rng = np.random.default_rng([seed, clip.signer, clip.sign, clip.take])
    return perform(SIGNS[GLOSSES[clip.sign - 1]], signer(seed, clip.signer), rng)


def pictures(act: Performance, who: Actor) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the frames of a performance, (HEIGHT, WIDTH, 3) BGR."""
    # The resting arm first: the signing one is nearer.
    arms = [act.arms[side] for side in (SIDES[::-1] if who.signer.left_handed else SIDES)]
    still = who.still.copy()
    for arm in arms:
        if arm.is_still:
            _draw_arm(still, arm, 0, who)
    for frame in range(act.frames):
        picture = still.copy()
        _place_head(picture, act, frame, who)
        for arm in arms:
            if not arm.is_still:
                _draw_arm(picture, arm, frame, who)
        yield cv2.merge([cv2.convertScaleAbs(channel) for channel in picture]).astype(np.uint8, copy=False)


def _draw_arm(picture: Array, arm: Arm, frame: int, who: Actor) -> None:
    flesh = limbs.limb(arm, frame, who.signer)
    limbs.draw_upper(picture, flesh, who.body, who.signer, who.paint)
    joints, palmar = (points[frame].astype(np.float32) for points in (arm.joints, arm.palmar))
    hands.draw(picture, joints, palmar, flesh.upper.end, who.signer, who.paint)
    limbs.draw_cuff(picture, flesh, who.signer, who.paint)


def _turn(act: Performance, frame: int, who: Actor) -> Points:
    """Return the (2, 3) matrix that takes head coordinates (pixels from the head's middle) to the picture."""
    pivot = np.array([0, heads.DROP * who.signer.head * who.signer.unit])
    angle = np.radians(act.head_turn[frame])
    spin = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = who.face + pivot - spin @ pivot + act.head_shift[frame]
    return np.concatenate([spin, shift[:, None]], axis=1)


def _place_head(picture: Array, act: Performance, frame: int, who: Actor) -> None:
    sprite = who.head_closed if act.blinks[frame] else who.head_open
    matrix = _turn(act, frame, who)
    half = sprite.shape[2] / 2
    corner = np.floor(who.face - half)
    # From the sprite's own pixels to a window of the same size in the picture.
    matrix[:, 2] += matrix[:, :2] @ np.array([-half, -half]) - corner
    turned = np.stack([cv2.warpAffine(layer, matrix, layer.shape[::-1]) for layer in sprite]).astype(
        np.float32, copy=False
    )
    on(picture, turned, int(corner[0]), int(corner[1]))


def true_joints(act: Performance, who: Actor) -> dict[str, Array]:
    """Return the joints of a performance as they are drawn, image-normalised.

    Returns
    -------
    dict
        `pose` of shape (T, 33, 2), NaN for joints that are not drawn, and `left_hand` and `right_hand` (T, 21, 2).
    """
    pose = np.full((act.frames, len(POSE), 2), np.nan)
    for frame in range(act.frames):
        _true_face(pose[frame], _turn(act, frame, who), who.signer.head * who.signer.unit)
    for side, arm in act.arms.items():
        pose[:, POSE.index(f"{side}_shoulder")] = arm.shoulder[:, :2]
        pose[:, POSE.index(f"{side}_elbow")] = arm.elbow[:, :2]
        pose[:, POSE.index(f"{side}_wrist")] = arm.joints[:, 0, :2]
        for name, knuckle in KNUCKLES.items():
            pose[:, POSE.index(f"{side}_{name}")] = arm.joints[:, HAND.index(knuckle), :2]
    joints = {"pose": pose} | {f"{side}_hand": arm.joints[..., :2] for side, arm in act.arms.items()}
    return {name: (points / [WIDTH, HEIGHT]).astype(np.float32) for name, points in joints.items()}


def _true_face(pose: Points, matrix: Points, unit: float) -> None:
    """Fill in the joints of the face in one frame's (33, 2) pose."""
    places = {"nose": heads.NOSE}
    for side, sign in zip(SIDES, (1, -1), strict=True):
        places |= {f"{side}_{name}": (sign * x, y) for name, (x, y) in heads.LANDMARKS.items()}
        places[f"mouth_{side}"] = (sign * heads.MOUTH[0], heads.MOUTH[1])
    for place, (x, y) in places.items():
        name = f"{place.split('_')[0]}_eye_{place.split('_')[2]}" if place.count("_") == 2 else place
        pose[POSE.index(name)] = matrix @ np.array([x * unit, y * unit, 1])

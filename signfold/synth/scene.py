"""One clip as pictures and true joints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from signfold.core.skeleton import HAND, POSE, SIDES
from signfold.dataset.synthetic import SynthClip, SynthSettings, hard_to_see
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
# Of two people: how much smaller they are, where the first stands, as a share of the picture's width, and how far down
# the shoulders are, as a share of its height.
SMALLER, LEFT_OF_TWO, LOWER = 0.64, 0.27, 0.54
# In poor light: what remains of former frames in the next, how bright it is, and the noise, at most, of 255.
AFTERGLOW, DARK, NOISE = np.float32(0.72), np.float32(0.40), 20


@dataclass(frozen=True)
class Actor:
    """A signer with what is drawn of them once: sprites of the body and of the head with eyes open and closed."""

    signer: Signer
    paint: limbs.Paint
    body: Array
    head_open: Array
    head_closed: Array

    @cached_property
    def face(self) -> npt.NDArray[np.float64]:
        """The middle of the head, in pixels."""
        x, y = self.signer.middle
        return np.array([x, y - CHIN * self.signer.unit - 0.5 * self.signer.head * self.signer.unit])


@dataclass(frozen=True)
class Part:
    """One person's part in a clip: who they are and what they do."""

    who: Actor
    act: Performance

    @property
    def arms(self) -> list[Arm]:
        """The arms in the order in which they are drawn: the resting one first, because the signing one is nearer."""
        return [self.act.arms[side] for side in (SIDES[::-1] if self.who.signer.left_handed else SIDES)]


@lru_cache(maxsize=2)
def actor(person: Signer) -> Actor:
    """Draw a signer's still parts. Kept, because a signer's clips are rendered one after another."""
    paint = limbs.paint_of(person)
    portraits = [heads.head_sprite(person, paint, closed) for closed in (False, True)]
    return Actor(person, paint, body.torso(person, paint), *portraits)


def parts(clip: SynthClip, settings: SynthSettings) -> list[Part]:
    """Return who is in a clip and what they do, the clip's signer first.

    Two people stand beside each other, farther from the camera; the second one signs the next sign.
    """
    own = replace(signer(settings.seed, clip.signer), poor_light=clip.signer == hard_to_see(settings))
    if clip.beside is None:
        return [_part(own, clip, settings.seed)]
    other = signer(settings.seed, clip.beside)
    theirs = replace(clip, signer=clip.beside, sign=clip.sign % settings.signs + 1)
    people = [_beside(own, LEFT_OF_TWO), _beside(other, 1 - LEFT_OF_TWO)]
    return [_part(person, what, settings.seed) for person, what in zip(people, (clip, theirs), strict=True)]


def _part(person: Signer, clip: SynthClip, seed: int) -> Part:
    return Part(actor(person), take(person, clip, seed))


def take(person: Signer, clip: SynthClip, seed: int) -> Performance:
    """Return how a person performs a clip's sign in its take."""
    rng = np.random.default_rng([seed, clip.signer, clip.sign, clip.take])
    return perform(SIGNS[clip.sign - 1], person, rng)


def _beside(person: Signer, place: float) -> Signer:
    """Return a signer as small as two of them must be, `place` of the picture's width from its left."""
    return replace(person, unit=SMALLER * person.unit, middle=(place * WIDTH, LOWER * HEIGHT))


def pictures(people: Sequence[Part]) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the frames of a clip, (HEIGHT, WIDTH, 3) BGR; of several people, until the first has done."""
    frames = _frames(people)
    for picture in _poorly_lit(frames) if people[0].who.signer.poor_light else frames:
        yield cv2.merge([cv2.convertScaleAbs(channel) for channel in picture]).astype(np.uint8, copy=False)


def _frames(people: Sequence[Part]) -> Iterator[Array]:
    """Yield the frames of a clip, (3, HEIGHT, WIDTH) of 0..255."""
    still = body.wall(people[0].who.signer)
    for part in people:
        body.stand(still, part.who.signer, part.who.body)
        for arm in part.arms:
            if arm.is_still:
                _draw_arm(still, arm, 0, part.who)
    for frame in range(min(part.act.frames for part in people)):
        picture = still.copy()
        for part in people:
            _place_head(picture, part.act, frame, part.who)
            for arm in part.arms:
                if not arm.is_still:
                    _draw_arm(picture, arm, frame, part.who)
        yield picture


def _poorly_lit(frames: Iterator[Array]) -> Iterator[Array]:
    """Yield frames as a camera takes them in poor light: each exposed through the last ones, dark, and with noise."""
    rng = np.random.default_rng(0)
    seen: Array | None = None
    for picture in frames:
        seen = picture if seen is None else AFTERGLOW * seen + (1 - AFTERGLOW) * picture
        # Whole numbers, which are the same on every machine.
        noise = rng.integers(-NOISE, NOISE, picture.shape, np.int8, endpoint=True)
        yield np.clip(DARK * seen + noise, 0, 255)


def _draw_arm(picture: Array, arm: Arm, frame: int, who: Actor) -> None:
    flesh = limbs.limb(arm, frame, who.signer)
    limbs.draw_upper(picture, flesh, who.body[3], who.signer, who.paint)
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


def true_joints(part: Part) -> dict[str, Array]:
    """Return the joints of a performance as they are drawn, image-normalised.

    Returns
    -------
    dict
        `pose` of shape (T, 33, 2), NaN for joints that are not drawn, and `left_hand` and `right_hand` (T, 21, 2).
    """
    act, who = part.act, part.who
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

"""Keypoints of takes of an invented signer, and of copies of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from signfold.core.clip import PARTS, Keypoints
from signfold.core.skeleton import HAND, POSE, other_side

SECONDS = 3.0
BODY = {"nose": (0.5, 0.3), "left_shoulder": (0.6, 0.45), "right_shoulder": (0.4, 0.45), "left_elbow": (0.65, 0.6)}
BODY |= {"right_elbow": (0.35, 0.6), "left_wrist": (0.6, 0.75), "right_wrist": (0.4, 0.75)}


def take(number: int, fps: float = 25.0, start: float = 0.0, end: float = SECONDS, noise: float = 0.002) -> Keypoints:
    """Return a signer whose hands wander in a way that `number` decides, filmed from `start` to `end` seconds."""
    rng = np.random.default_rng(number)
    phases, speeds = rng.uniform(0, 6, (2, 2, 4)), rng.uniform(1, 8, (2, 2, 4))
    times = np.arange(start, end, 1 / fps)
    way = 0.04 * np.sin(times[:, None, None, None] * speeds + phases).sum(axis=-1)  # (T, 2 hands, 2 axes)
    pose = np.full((len(times), 33, 4), 0.5, np.float32)
    for joint, place in BODY.items():
        pose[:, POSE.index(joint), :2] = place
    hands = []
    for hand, side in enumerate(("left", "right")):
        wrist = np.array(BODY[f"{side}_wrist"]) + way[:, hand]
        pose[:, POSE.index(f"{side}_wrist"), :2] = wrist
        pose[:, POSE.index(f"{side}_elbow"), :2] += way[:, hand] / 2
        fingers = rng.uniform(-0.04, 0.04, (len(HAND), 2))
        points = wrist[:, None] + fingers
        hands.append(np.concatenate([points, np.zeros((*points.shape[:2], 1))], axis=2).astype(np.float32))
    pixels = np.random.default_rng((number, int(fps), int(1000 * start)))
    for part in (pose, *hands):
        part[..., :2] += pixels.normal(0, noise, part[..., :2].shape).astype(np.float32)
    return Keypoints((times - start) * 1000, pose, *hands, width=640, height=480, fps=fps)


def resized(clip: Keypoints, scale: float, shift: float) -> Keypoints:
    """Return the clip as another crop of the picture shows it."""
    parts = [part.copy() for part in (clip.pose, clip.left_hand, clip.right_hand)]
    for part in parts:
        part[..., :2] = part[..., :2] * scale + shift
    return replace(clip, pose=parts[0], left_hand=parts[1], right_hand=parts[2])


def without_a_hand(clip: Keypoints, first: int, last: int) -> Keypoints:
    """Return the clip with the right hand lost for some frames."""
    hand = clip.right_hand.copy()
    hand[first:last] = np.nan
    return replace(clip, right_hand=hand)


def flipped(clip: Keypoints) -> Keypoints:
    """Return the clip as MediaPipe sees the mirrored video: left and right swapped."""
    pose = clip.pose[:, [POSE.index(other_side(joint)) for joint in POSE]]
    parts = [part.copy() for part in (pose, clip.right_hand, clip.left_hand)]
    for part in parts:
        part[..., 0] = 1 - part[..., 0]
    return replace(clip, pose=parts[0], left_hand=parts[1], right_hand=parts[2])


def at_speed(clip: Keypoints, speed: float, fps: float = 25.0) -> Keypoints:
    """Return the clip at another speed, with the frame nearest in time for each frame of the copy."""
    times = np.arange(0, clip.timestamps_ms[-1] / speed, 1000 / fps)
    frames = np.abs(times[:, None] * speed - clip.timestamps_ms).argmin(axis=1)
    parts = {part: getattr(clip, part)[frames] for part in PARTS}
    return replace(clip, timestamps_ms=times, fps=fps, **parts)

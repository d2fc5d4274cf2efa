"""Promises of a clip's pictures: who is in them, and how they were filmed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from signfold.dataset.synthetic import SynthSettings, hard_to_see, synthetic_clips
from signfold.synth import scene

SETTINGS = SynthSettings(signs=2, signers=3, takes=1, seed=0, planted=True)
CLIPS = synthetic_clips(SETTINGS)


def test_two_people_stand_beside_each_other() -> None:
    (clip,) = (clip for clip in CLIPS if clip.beside)
    people = scene.parts(clip, SETTINGS)
    assert [part.who.signer.skin for part in people] == [
        scene.parts(replace(clip, signer=number, beside=None), SETTINGS)[0].who.signer.skin
        for number in (clip.signer, clip.beside)
    ]
    left, right = ([arm.joints[..., 0] for arm in part.act.arms.values()] for part in people)
    assert max(joints.max() for joints in left) < min(joints.min() for joints in right)
    assert max(part.act.frames for part in people) >= len(list(scene.pictures(people))) > 30


def test_poor_light_is_dark_blurred_and_the_same_every_time() -> None:
    number = hard_to_see(SETTINGS)
    clip = next(clip for clip in CLIPS if clip.signer == number)
    people = scene.parts(clip, SETTINGS)
    dark = list(scene.pictures(people))
    person = replace(people[0].who.signer, poor_light=False)
    light = list(scene.pictures([scene.Part(scene.actor(person), people[0].act)]))
    assert len(dark) == len(light)
    assert np.mean(dark[20]) < 0.5 * np.mean(light[20])
    assert all((one == other).all() for one, other in zip(dark, scene.pictures(people), strict=True))
    # What moves is spread over several frames: it changes less from one frame to the next, for its brightness.
    assert strongest_change(dark) < 0.8 * strongest_change(light)


def strongest_change(pictures: list[np.ndarray]) -> float:
    """Return the strongest change of brightness from frame to frame, as a share of the mean brightness."""
    # Means over blocks, in which noise is small.
    grey = np.array([picture.reshape(45, 16, 60, 16, 3).mean(axis=(1, 3, 4)) for picture in pictures])
    return float(np.abs(np.diff(grey, axis=0)).max() / grey.mean())


def test_nobody_else_is_filmed_in_poor_light() -> None:
    numbers = {clip.signer for clip in CLIPS if scene.parts(clip, SETTINGS)[0].who.signer.poor_light}
    assert numbers == {hard_to_see(SETTINGS)}

"""From a sign and a signer to the joints of every frame, in picture coordinates."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.interpolate import PchipInterpolator

from signfold.core.skeleton import SIDES
from signfold.synth import hand
from signfold.synth.signers import Signer
from signfold.synth.signs import PARTS, REST, Sign

Points = npt.NDArray[np.float64]

FPS = 30
UPPER_ARM, FOREARM = 0.76, 0.68
FEWEST_FRAMES, MOST_FRAMES = 36, 50
# Shares of a clip at which the hands leave their rest, begin and end the sign, and rest again.
LEAVES, BEGINS, ENDS, RESTS = 0.05, 0.25, 0.80, 0.97
# How much earlier or later a take begins and ends the sign, and how much faster or slower it repeats a movement.
BEGIN_SHIFT, END_SHIFT, TEMPO_SHIFT = 0.06, 0.07, 0.2
# How far a take's places are from the sign's, in shoulder widths.
WANDER = 0.05


@dataclass(frozen=True)
class Arm:
    """One arm over T frames: (T, 3) `shoulder` and `elbow`, (T, 21, 3) hand `joints` and their `palmar` directions.

    Pixels, y down, z towards the viewer. The hand's first joint is the wrist. `active` (T,) is true while it signs.
    """

    shoulder: Points
    elbow: Points
    joints: Points
    palmar: Points
    active: npt.NDArray[np.bool_]

    @property
    def is_still(self) -> bool:
        """Whether it rests throughout."""
        return not self.active.any()


@dataclass(frozen=True)
class Rhythm:
    """When a take signs: (T,) `time` as shares of the clip, where the sign begins and ends, and how it repeats.

    `tempo` multiplies the cycles of repeated movements, `phase` (turns) is where in a cycle they start.
    """

    time: Points
    begins: float
    ends: float
    tempo: float
    phase: float

    @property
    def active(self) -> npt.NDArray[np.bool_]:
        """Whether the hands sign, (T,)."""
        return (self.time >= self.begins) & (self.time <= self.ends)


@dataclass(frozen=True)
class Performance:
    """A signed take: arms by side of the body, and the head's turn (T,) in degrees, and shift (T, 2) in pixels."""

    arms: dict[str, Arm]
    head_turn: Points
    head_shift: Points
    blinks: npt.NDArray[np.bool_]

    @property
    def frames(self) -> int:
        """The number of frames T."""
        return len(self.head_turn)


def perform(sign: Sign, signer: Signer, rng: np.random.Generator) -> Performance:
    """Let a signer perform a sign once; `rng` gives this take's small variation."""
    frames = int(np.clip(round(43 / signer.speed * rng.uniform(0.95, 1.05)), FEWEST_FRAMES, MOST_FRAMES))
    time = np.linspace(0, 1, frames)
    rhythm = _rhythm(time, rng)
    still = np.tile(_rest(rng), (frames, 1))
    tracks = [_track(sign, signer, rhythm, rng), still]
    if sign.other != "rests":
        late = 0.5 if sign.other == "alternates" else 0.0
        tracks[1] = _track(sign, signer, replace(rhythm, phase=rhythm.phase + late), rng)
    sides = SIDES if signer.left_handed else SIDES[::-1]
    nothing = np.zeros_like(rhythm.active)
    arms = {
        side: _arm(track, signer, side, rhythm.active if track is not still else nothing)
        for side, track in zip(sides, tracks, strict=True)
    }
    turn = rng.uniform(-1.5, 1.5) + 2.0 * np.sin(2 * np.pi * (time * rng.uniform(0.6, 1.2) + rng.random()))
    shift = np.stack([0.5 * turn, 1.5 * np.sin(2 * np.pi * (time + rng.random()))], axis=1)
    blink = rng.uniform(0.1, 0.9)
    return Performance(arms, turn, shift, np.abs(time - blink) < 1.6 / frames)


def _rhythm(time: Points, rng: np.random.Generator) -> Rhythm:
    """Return when this take signs."""
    return Rhythm(
        time,
        BEGINS + rng.uniform(-BEGIN_SHIFT, BEGIN_SHIFT),
        ENDS + rng.uniform(-END_SHIFT, END_SHIFT),
        1 + rng.uniform(-TEMPO_SHIFT, TEMPO_SHIFT),
        rng.random(),
    )


def _rest(rng: np.random.Generator) -> Points:
    """Return where a hand rests in this take."""
    values = REST.values()
    values[:3] += rng.uniform(-0.02, 0.02, 3)
    return values


def _style(signer: Signer, rng: np.random.Generator) -> Points:
    """Return what this signer, in this take, adds to every key."""
    added = np.zeros(len(PARTS))
    added[:2] = np.array(signer.lift) + rng.uniform(-0.035, 0.035, 2)
    added[2] = rng.uniform(-0.03, 0.03)
    added[3:6] = [signer.lean + rng.uniform(-3, 3), rng.uniform(-5, 5), rng.uniform(-3, 3)]
    added[6:10] = rng.uniform(0, 0.04, 4)
    return added


def _track(sign: Sign, signer: Signer, rhythm: Rhythm, rng: np.random.Generator) -> Points:
    """Return (T, len(PARTS)): one hand on its way from rest through the keys and back."""
    keys = np.array([key.values() for key in sign.keys])
    keys[:, :3] = keys[:, :3].mean(axis=0) + signer.amplitude * (keys[:, :3] - keys[:, :3].mean(axis=0))
    keys[:, :3] += rng.uniform(-WANDER, WANDER, (len(keys), 3))
    keys += _style(signer, rng)
    keys = np.repeat(keys, 2, axis=0) if len(keys) == 1 else keys
    rest = REST.values()[None]
    begins, ends, time = rhythm.begins, rhythm.ends, rhythm.time
    moments = [0, LEAVES, *np.linspace(begins, ends, len(keys)), RESTS, 1]
    values = PchipInterpolator(moments, np.concatenate([rest, rest, keys, rest, rest]))(time)
    inside = np.clip((time - begins) / (ends - begins), 0, 1)
    fade = np.clip(np.minimum(time - begins, ends - time) / 0.06 + 1, 0, 1)
    for wave in sign.waves:
        swing = np.sin(2 * np.pi * (wave.cycles * rhythm.tempo * inside + wave.phase + rhythm.phase))
        values[:, PARTS.index(wave.part)] += signer.amplitude * wave.size * fade * swing
    return values


def _arm(track: Points, signer: Signer, side: str, active: npt.NDArray[np.bool_]) -> Arm:
    """Place an arm in the picture from its (T, len(PARTS)) track; a left arm is a right one mirrored."""
    size = np.array([1, -1, 1]) * signer.unit
    frame = np.array([-1 if side == "left" else 1, 1, 1])
    origin = np.array([*signer.middle, 0.0])
    shoulder = np.tile([-0.5, 0.0, 0.0], (len(track), 1))
    elbow, wrist = _reach(shoulder, track[:, :3], UPPER_ARM * signer.arm, FOREARM * signer.arm)
    joints, palmar = hand.hand_points(track[:, 6:])
    turn = hand.rotation(track[:, 3], track[:, 4], track[:, 5])
    joints = wrist[:, None] + signer.hand * np.einsum("tij,tvj->tvi", turn, joints)
    palmar = np.einsum("tij,tvj->tvi", turn, palmar)
    return Arm(
        origin + shoulder * frame * size,
        origin + elbow * frame * size,
        origin + joints * frame * size,
        palmar * frame * np.array([1, -1, 1]),
        active,
    )


def _reach(shoulder: Points, target: Points, upper: float, lower: float) -> tuple[Points, Points]:
    """Return (T, 3) elbows and wrists of a two-bone chain that reaches for a target, elbow down and outwards."""
    to_wrist = target - shoulder
    distance = np.linalg.norm(to_wrist, axis=1, keepdims=True)
    along = to_wrist / distance
    distance = np.clip(distance, 0.35, 0.998 * (upper + lower))
    near = (upper**2 - lower**2 + distance**2) / (2 * distance)
    off = np.sqrt(np.maximum(upper**2 - near**2, 0))
    pole = np.array([-0.55, -1.0, -0.35])
    pole = pole - along * (along @ pole)[:, None]
    pole /= np.linalg.norm(pole, axis=1, keepdims=True)
    return shoulder + along * near + pole * off, shoulder + along * distance

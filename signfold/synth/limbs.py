"""Drawing the arms of one frame: sleeves, skin, and shadows on what is behind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from signfold.synth import relief
from signfold.synth.motion import Arm
from signfold.synth.relief import Array, Cone
from signfold.synth.signers import Signer


@dataclass(frozen=True)
class Paint:
    """The colours of a signer's skin and shirt, lit and in shadow, as (3,) BGR arrays."""

    skin: Array
    skin_shadow: Array
    palm: Array
    palm_shadow: Array
    nail: Array
    shirt: Array
    shirt_shadow: Array


def paint_of(signer: Signer) -> Paint:
    """Return the colours of a signer."""
    skin, shirt = np.array(signer.skin, np.float32), np.array(signer.shirt, np.float32)
    # Shadows on skin are redder than the skin; palms are lighter than backs, the more so the darker the skin.
    palm = skin + (np.array([190, 200, 250], np.float32) - skin) * 0.34
    red = np.array([0.40, 0.46, 0.60], np.float32)
    nail = skin + (np.array([215, 215, 255], np.float32) - skin) * 0.45
    return Paint(skin, skin * red, palm, palm * red, nail, shirt, shirt * np.float32(0.42))


@dataclass(frozen=True)
class Limb:
    """The cones of one arm in one frame: skin above and below the elbow, and sleeves likewise."""

    upper: Cone
    sleeve: Cone
    forearm: list[Cone]
    cuff: list[Cone]


def limb(arm: Arm, frame: int, signer: Signer) -> Limb:
    """Give an arm its flesh: girths in shares of the shoulders' width."""
    shoulder, elbow = (points[frame].astype(np.float32) for points in (arm.shoulder, arm.elbow))
    wrist = arm.joints[frame, 0].astype(np.float32)
    size, wrist_radius = signer.unit * signer.girth, 0.27 * signer.hand * signer.unit
    bulge = elbow + (wrist - elbow) * np.float32(0.3)
    cuff = bulge + (wrist - bulge) * np.float32(0.84)
    hem = 1.0 if signer.long_sleeves else 0.62
    # The sleeve's round end lies below the shoulder's outline, which the shirt has.
    armhole = shoulder + np.array([0, 0.04 * size, 0], np.float32)
    bare = shoulder + (elbow - shoulder) * np.float32(0.5)
    return Limb(
        upper=Cone(bare, elbow, 0.115 * size, 0.098 * size),
        sleeve=Cone(armhole, shoulder + (elbow - shoulder) * np.float32(hem), 0.132 * size, 0.128 * size),
        forearm=[Cone(elbow, bulge, 0.098 * size, 0.103 * size), Cone(bulge, wrist, 0.103 * size, wrist_radius)],
        cuff=[Cone(elbow, bulge, 0.128 * size, 0.124 * size), Cone(bulge, cuff, 0.124 * size, 1.30 * wrist_radius)],
    )


def draw_upper(picture: Array, arm: Limb, body: Array, signer: Signer, paint: Paint) -> None:
    """Draw the shadow of an arm, its upper part, and the forearm's skin.

    Parameters
    ----------
    picture
        (3, H, W), drawn upon.
    body
        Where the shirt is, (H, W) of 0..1: there the sleeve grows out of it.
    """
    light, cloth, skin = signer.light, (paint.shirt, paint.shirt_shadow), (paint.skin, paint.skin_shadow)
    drop = (-14 * float(np.sign(light.direction[0])), 12.0)
    shade = Cone(arm.forearm[0].start, arm.forearm[1].end, arm.forearm[0].start_radius, arm.forearm[1].end_radius)
    relief.cast_shadow(picture, shade, drop, 16, 0.22)
    grow = arm.sleeve.start_radius
    if signer.long_sleeves:
        relief.paint(picture, [arm.sleeve], cloth, light, fade=grow, over=body)
        relief.paint(picture, arm.forearm[1:], skin, light)
    else:
        relief.paint(picture, [arm.upper], skin, light)
        relief.paint(picture, [arm.sleeve], cloth, light, fade=grow, over=body, hem=7)
        relief.paint(picture, arm.forearm, skin, light, fade=0.6 * arm.upper.end_radius)


def draw_cuff(picture: Array, arm: Limb, signer: Signer, paint: Paint) -> None:
    """Draw a long sleeve over the forearm, after the hand, whose heel it covers."""
    if signer.long_sleeves:
        colours = (paint.shirt, paint.shirt_shadow)
        relief.paint(picture, arm.cuff, colours, signer.light, fade=0.5 * arm.cuff[0].start_radius, hem=9)

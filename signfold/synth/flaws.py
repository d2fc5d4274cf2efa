"""What is planted in a set of synthetic clips: the truth that the report's note compares with what the run found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from signfold.dataset.synthetic import SynthClip, SynthSettings, hard_to_see, synthetic_clips
from signfold.synth.signers import left_handed

Kind = Literal[
    "wrong_label", "copy", "reencoded", "two_people", "unreadable", "no_label", "left_handed", "poor_light"
]  # fmt: skip


@dataclass(frozen=True)
class Flaw:
    """One planted flaw.

    Parameters
    ----------
    kind
        What is wrong.
    name
        Sample id of the clip; of the last two kinds the signer, as the file names give it.
    other
        Label that is performed, for a wrong label; sample id of the original, for a copy; else None.
    """

    kind: Kind
    name: str
    other: str | None = None


def flaws(settings: SynthSettings) -> list[Flaw]:
    """List what is planted in a set of clips; nothing if `settings.planted` is false."""
    if not settings.planted:
        return []
    found: list[Flaw] = []
    originals: dict[tuple[int, int, int], SynthClip] = {}
    for clip in synthetic_clips(settings):
        original = originals.setdefault((clip.signer, clip.sign, clip.take), clip)
        found += _flaws_of(clip, original)
    number = hard_to_see(settings)
    for signer in range(1, settings.signers + 1):
        if left_handed(settings.seed, signer):
            found.append(Flaw("left_handed", f"{signer:02d}"))
        if signer == number:
            found.append(Flaw("poor_light", f"{signer:02d}"))
    return found


def _flaws_of(clip: SynthClip, original: SynthClip) -> list[Flaw]:
    """Return what is wrong with a clip; `original` is the first clip that shows its performance."""
    if clip.broken:
        return [Flaw("unreadable", clip.sample_id)]
    if clip.named_sign is None:
        return [Flaw("no_label", clip.sample_id)]
    found: list[Flaw] = []
    if clip.named_sign != clip.sign:
        found.append(Flaw("wrong_label", clip.sample_id, str(clip.sign)))
    if original is not clip:
        found.append(Flaw("reencoded" if clip.reencoded else "copy", clip.sample_id, original.sample_id))
    if clip.beside is not None:
        found.append(Flaw("two_people", clip.sample_id))
    return found

"""Which clips a set of synthetic signers has, what they are called, and what is planted among them.

All of it is known without drawing anything.

The Snakefile imports this module, so it imports neither NumPy nor OpenCV.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from signfold.core import versions
from signfold.core.errors import SignfoldError

# Written last, beside the clips: the set is whole when it is there.
TRUTH = "truth.parquet"
# Which clips were rendered, and how. Not an output of the rule, since Snakemake deletes those before it runs one again.
MADE = ".rendered.json"
MOST_SIGNS = 21
MOST_SIGNERS = 99
MOST_TAKES = 99
# With planted flaws, one clip in so many has a wrong label.
CLIPS_PER_WRONG_LABEL = 36


@dataclass(frozen=True)
class SynthSettings:
    """How many clips to draw, and which.

    Parameters
    ----------
    signs
        Number of signs; these are the first of `signfold.synth.signs.SIGNS`.
    signers
        Synthetic people, each with a look and a way of signing.
    takes
        Repetitions of each sign by each signer, with small variation.
    seed
        Another seed gives other people.
    planted
        Plant the flaws of real data among the clips (see `_with_flaws`): the demo's report is to find them.

    Raises
    ------
    SignfoldError
        If a number is out of its range, or there are too few signs or signers to plant flaws.
    """

    signs: int = 6
    signers: int = 6
    takes: int = 2
    seed: int = 0
    planted: bool = False

    def __post_init__(self) -> None:
        ranges = {"signs": MOST_SIGNS, "signers": MOST_SIGNERS, "takes": MOST_TAKES}
        for key, most in ranges.items():
            value = getattr(self, key)
            if not 1 <= value <= most:
                raise SignfoldError(f"{key}: {value} is out of range; choose 1 to {most}")
        if self.seed < 0:
            raise SignfoldError(f"seed: {self.seed} is negative; choose 0 or more")
        if self.planted and min(self.signs, self.signers) < 2:
            raise SignfoldError(
                f"planted: {self.signs} signs by {self.signers} signers are too few for copies and wrong labels; "
                "choose 2 or more of each, or planted: false"
            )


@dataclass(frozen=True)
class SynthClip:
    """One file of a set: whose performance it shows, what it is called, and how it was filmed.

    The performance depends on the seed, `signer`, `sign` and `take` alone. What the name says of them is wrong where
    flaws are planted.

    Parameters
    ----------
    signer, sign, take
        Numbers from 1; `sign` is the class that is performed.
    name
        Name of the file.
    named_sign
        Class that the name gives; None if it gives none.
    named_signer
        Signer that the name gives.
    beside
        Number of a second signer in the picture, or None.
    reencoded
        The same frames in a smaller picture.
    broken
        The file ends in its middle, so that no decoder reads it.
    """

    signer: int
    sign: int
    take: int
    name: str
    named_sign: int | None
    named_signer: int
    beside: int | None = None
    reencoded: bool = False
    broken: bool = False

    @property
    def sample_id(self) -> str:
        """The file name without its extension."""
        return self.name.removesuffix(".mp4")


def _clip(settings: SynthSettings, signer: int, sign: int, take: int) -> SynthClip:
    """Return a clip without any flaw."""
    takes = "-".join(str(number + 1) for number in range(settings.takes))
    name = (
        f"{signer:02d}_Synth_1-{settings.signs}_{takes}_{sign:04d}___center_device01_"
        f"signer{signer:02d}_center_ord{take}_{sign}.mp4"
    )
    return SynthClip(signer, sign, take, name, sign, signer)


def synthetic_clips(settings: SynthSettings) -> list[SynthClip]:
    """List the clips of a set, signer by signer."""
    plain = [
        _clip(settings, signer, sign, take)
        for signer in range(1, settings.signers + 1)
        for sign in range(1, settings.signs + 1)
        for take in range(1, settings.takes + 1)
    ]
    return _with_flaws(plain, settings) if settings.planted else plain


def _with_flaws(plain: list[SynthClip], settings: SynthSettings) -> list[SynthClip]:
    """Return the clips with the flaws of real data among them.

    One clip in `CLIPS_PER_WRONG_LABEL` shows another sign than its name says, and one shows two people. Four files are
    added: a copy and a re-encoded copy, both of which bear another signer's name, a file that breaks off, and one whose
    name says no sign.
    """
    first, last, more = 1, settings.signers, settings.takes + 1
    beside, copied, encoded = plain[0], plain[settings.takes], plain[-2 * settings.takes]
    copy = _clip(settings, last, copied.sign, more)
    smaller = _clip(settings, first, encoded.sign, more)
    broken = _clip(settings, last, first, more)
    # Neither what else is wrong with, nor of the signer of whom nothing can be told.
    others = [clip for clip in plain if clip not in (beside, copied, encoded) and clip.signer != hard_to_see(settings)]
    count = max(1, len(plain) // CLIPS_PER_WRONG_LABEL)
    chosen = others[len(others) // (2 * count) :: len(others) // count]
    changed = {clip: _mislabelled(clip, settings) for clip in chosen}
    changed[beside] = replace(beside, beside=last)
    return [
        *(changed.get(clip, clip) for clip in plain),
        replace(copied, name=copy.name, named_signer=last),
        replace(encoded, name=smaller.name, named_signer=first, reencoded=True),
        replace(broken, broken=True),
        replace(broken, name=f"{last:02d}_Synth_unnamed.mp4", named_sign=None),
    ]


def _mislabelled(clip: SynthClip, settings: SynthSettings) -> SynthClip:
    """Return a clip that shows another sign than its name says: no minimal pair, in a take that no other clip shows."""
    return replace(clip, sign=(clip.sign - 1 + settings.signs // 2) % settings.signs + 1, take=settings.takes + 1)


def hard_to_see(settings: SynthSettings) -> int | None:
    """Return the number of the signer who is filmed in poor light, if there is one."""
    return settings.signers - 1 if settings.planted else None


def clip_names(settings: SynthSettings) -> list[str]:
    """List the file names of a set of clips, without rendering it.

    Names follow VSL's pattern: the leading digits are the signer, `ord` gives the take, and the number after the last
    underscore is the class id (place in `signfold.synth.signs.SIGNS`, from 1).
    """
    return [clip.name for clip in synthetic_clips(settings)]


def modified_ns(settings: SynthSettings) -> int:
    """Return the modification time, in nanoseconds, that rendered clips of these settings carry.

    It depends on what is drawn alone: rendering the same clips again is no change for the workflow, which looks at
    modification times, and the workflow knows it before anything is rendered.
    """
    state = f"{versions.SYNTH}:{':'.join(map(str, asdict(settings).values()))}"
    offset_s = int(hashlib.sha256(state.encode()).hexdigest()[:6], 16)
    return (1_600_000_000 + offset_s) * 1_000_000_000


def record(settings: SynthSettings) -> dict[str, Any]:
    """Return what `MADE` holds after a set was rendered."""
    return {"version": versions.SYNTH, "settings": asdict(settings), "clips": clip_names(settings)}


def made(folder: Path) -> dict[str, Any]:
    """Return the record of what was rendered into a folder; an empty one if nothing was."""
    try:
        return json.loads((folder / MADE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def is_rendered(folder: Path, settings: SynthSettings) -> bool:
    """Tell whether a folder holds the clips of these settings. Some may have been deleted or added by hand since."""
    return (folder / TRUTH).exists() and made(folder) == record(settings)

"""What a set of synthetic clips is called, known without drawing any of it.

The Snakefile imports this module, so it imports neither NumPy nor OpenCV.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from signfold.core import versions
from signfold.core.errors import SignfoldError

# Invented signs that carry an English word as a name; they belong to no sign language. The class id of a gloss is its
# place in this list, from 1.
GLOSSES: tuple[str, ...] = (
    "HELLO",
    "YES",
    "LOOK",
    "RAIN",
    "WHERE",
    "BIG",
    "PHONE",
    "THANKS",
    "WORLD",
    "PROUD",
    "BIRD",
    "SAME",
    "WAIT",
    "ALL",
)
# Written last, beside the clips: the set is whole when it is there.
TRUTH = "truth.parquet"
# Which clips were rendered, and how. Not an output of the rule, since Snakemake deletes those before it runs one again.
MADE = ".rendered.json"
MOST_SIGNERS = 99
MOST_TAKES = 99


@dataclass(frozen=True)
class SynthSettings:
    """How many clips to draw, and which.

    Parameters
    ----------
    signs
        The first so many of `GLOSSES`.
    signers
        Synthetic people, each with a look and a way of signing.
    takes
        Repetitions of each sign by each signer, with small variation.
    seed
        Another seed gives other people.

    Raises
    ------
    SignfoldError
        If a number is out of its range.
    """

    signs: int = 6
    signers: int = 6
    takes: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        ranges = {"signs": len(GLOSSES), "signers": MOST_SIGNERS, "takes": MOST_TAKES}
        for key, most in ranges.items():
            value = getattr(self, key)
            if not 1 <= value <= most:
                raise SignfoldError(f"{key}: {value} is out of range; choose 1 to {most}")
        if self.seed < 0:
            raise SignfoldError(f"seed: {self.seed} is negative; choose 0 or more")


@dataclass(frozen=True)
class SynthClip:
    """One clip: `signer`, `sign` and `take` count from 1, and `sign` is the class id."""

    signer: int
    sign: int
    take: int
    name: str

    @property
    def sample_id(self) -> str:
        """The file name without its extension."""
        return self.name.removesuffix(".mp4")


def clips(settings: SynthSettings) -> list[SynthClip]:
    """List the clips of a set, signer by signer."""
    takes = "-".join(str(take + 1) for take in range(settings.takes))
    return [
        SynthClip(
            signer,
            sign,
            take,
            f"{signer:02d}_Synth_1-{settings.signs}_{takes}_{sign:04d}___center_device01_"
            f"signer{signer:02d}_center_ord{take}_{sign}.mp4",
        )
        for signer in range(1, settings.signers + 1)
        for sign in range(1, settings.signs + 1)
        for take in range(1, settings.takes + 1)
    ]


def clip_names(settings: SynthSettings) -> list[str]:
    """List the file names of a set of clips, without rendering it.

    Names follow VSL's pattern: the leading digits are the signer, `ord` gives the take, and the number after the last
    underscore is the class id (place in `GLOSSES`, from 1).
    """
    return [clip.name for clip in clips(settings)]


def modified_ns(settings: SynthSettings) -> int:
    """Return the modification time, in nanoseconds, that rendered clips of these settings carry.

    It depends on what is drawn alone: rendering the same clips again is no change for the workflow, which looks at
    modification times, and the workflow knows it before anything is rendered.
    """
    state = f"{versions.SYNTH}:{settings.signs}:{settings.signers}:{settings.takes}:{settings.seed}"
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

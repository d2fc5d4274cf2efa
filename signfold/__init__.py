"""signfold: from a folder of isolated sign-language videos to an honestly evaluated recogniser.

    import signfold
    model = signfold.load("mine.signfold")
    model.predict("clip.mp4").signs[0]

What is heavy is loaded by the functions, when they are called: the Snakefile imports this package in every job.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from signfold.core.clip import Keypoints
    from signfold.inference.model import Model

__version__ = "0.1.0"


def load(path: str | Path, ensemble: bool | None = None) -> Model:
    """Load a model from a bundle or a results folder; see `signfold.inference.load`."""
    from signfold.inference.load import load

    return load(path, ensemble)


def clip(values: Any, size: Sequence[int] = (1, 1), fps: float = 30.0, order: str = "kaggle") -> Keypoints:
    """Return the keypoints in an array of frames, as docs/keypoints.md lists them; see `formats.numpy_arrays.clip`."""
    from signfold.formats.numpy_arrays import clip

    return clip(values, size, fps, order)

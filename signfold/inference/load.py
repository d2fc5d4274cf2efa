"""A model from a bundle or a results folder."""

from __future__ import annotations

from pathlib import Path

from signfold.core.errors import SignfoldError
from signfold.inference.bundle import read_bundle
from signfold.inference.from_results import load_results
from signfold.inference.model import Model


def load(path: str | Path, ensemble: bool | None = None) -> Model:
    """Load a model.

    Parameters
    ----------
    path
        A bundle (`signfold pack`), or a results folder such as results/demo.
    ensemble
        Of a results folder: True for the networks of all folds, False for the final network, None for the final
        network where there is one, else those of the folds.

    Raises
    ------
    SignfoldError
        If there is no model there, or it is damaged or of another version.
    """
    path = Path(path)
    if path.is_dir():
        return load_results(path, ensemble)
    if ensemble is not None:
        raise SignfoldError(f"{path}: a bundle holds one model; `ensemble` is a choice of results folders")
    return read_bundle(path)

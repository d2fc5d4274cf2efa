"""From a results folder to a bundle."""

from __future__ import annotations

from pathlib import Path

from signfold.core.errors import SignfoldError
from signfold.core.files import check_writable
from signfold.core.results import ResultsFolder
from signfold.inference.bundle import write_bundle
from signfold.inference.from_results import load_results
from signfold.inference.model import Model

SUFFIX = ".signfold"


def pack(results: Path, out: Path, ensemble: bool = False, onnx: bool = False) -> Model:
    """Write a model of a finished run as a bundle; return the model.

    Parameters
    ----------
    results
        `results/{dataset}`.
    out
        The bundle, whose name ends in `.signfold`.
    ensemble
        Whether to take the networks of all folds; else the final network.
    onnx
        Whether to add the model as an ONNX graph, with the specification of its preprocessing.

    Raises
    ------
    SignfoldError
        If the run has no such networks, its report was not written, or nothing can be written there.
    """
    if out.suffix != SUFFIX or out.is_dir():
        raise SignfoldError(f"{out}: a bundle is a file whose name ends in {SUFFIX}")
    folder = ResultsFolder(results)
    model = load_results(results, ensemble)
    card = results / "model_card.md"
    if not card.is_file():
        raise folder.missing(f"{card}: no such file, and a bundle travels with its card")
    check_writable(out)
    for_others = {}
    if onnx:
        from signfold.inference.onnx import exported

        for_others = exported(model)
    write_bundle(out, model, f"{_note(model)}\n\n{card.read_text(encoding='utf-8')}", for_others)
    return model


def _note(model: Model) -> str:
    """Return what the card of a run does not say: which networks the bundle holds."""
    if model.final:
        return (
            "> This bundle holds the final network, trained on all clips. Nobody was left to test it on: what is to be "
            "expected of it are the cross-validated figures below."
        )
    return (
        f"> This bundle holds the networks of folds ({', '.join(model.members)}); their probabilities are averaged. "
        "The figures below are of each network on signers that it never saw; together they were tested on nobody, "
        "because each clip trained some of them."
    )

"""Transfer: initial weights from another model, and the record of all clips that a model has seen."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from signfold.core.errors import SignfoldError
from signfold.core.files import read_json
from signfold.folds.roles import Fold, Samples
from signfold.models.io import PROVENANCE, read_model
from signfold.training.run import Run


def provenance_of(fold: Fold, dataset: str, initial: Path | None) -> dict[str, Any]:
    """Return the record of what a model has seen: its training and validation parts, and those of its initial weights.

    Parameters
    ----------
    fold
        Samples of each role.
    dataset
        Name of the fold's dataset.
    initial
        `model.safetensors` of the initial weights; None for random ones.

    Returns
    -------
    dict
        `fold`, its name, or `all`; `sha256` of all clips; `signers`, as [dataset, signer]; `datasets`, their names;
        `initial`, the path of the initial weights, or None; and `pretrained`, None unless other clips than the fold's
        were seen: `datasets` and number of `clips` of pre-training, and `namesakes`, test signers whose names other
        datasets have too.
    """
    seen = _read_provenance(initial) if initial else {"sha256": [], "signers": [], "datasets": []}
    parts = [fold.roles["train"], fold.roles["val"]]
    own = {str(digest) for part in parts for digest in part.sha256}
    signers = {(dataset, signer) for part in parts for signer in _signers(part)}
    signers |= {(name, signer) for name, signer in seen["signers"]}
    elsewhere = {signer for name, signer in seen["signers"] if name != dataset}
    others = set(seen["sha256"]) - own
    sources = set(seen["datasets"])
    pretrained = {
        "datasets": sorted(sources - {dataset} or sources),
        "clips": len(others),
        "namesakes": sorted(elsewhere & _signers(fold.roles["test"])),
    }
    return {
        "fold": fold.name,
        "datasets": sorted({dataset} | sources),
        "initial": str(initial) if initial else None,
        "pretrained": pretrained if others else None,
        "sha256": sorted(own | others),
        "signers": [list(pair) for pair in sorted(signers)],
    }


def _signers(samples: Samples) -> set[str]:
    return {str(signer) for signer in samples.signer if signer is not None}


def _read_provenance(weights: Path) -> dict[str, Any]:
    path = weights.with_name(PROVENANCE)
    if not path.exists():
        raise SignfoldError(f"{path}: no such file, so {weights} may have seen test clips; copy it from that training")
    if hashlib.sha256(path.read_bytes()).hexdigest() != read_model(weights)[1].get("provenance"):
        raise SignfoldError(f"{path}: differs from the file written with {weights}; restore it, or train again")
    return read_json(path)


def load_initial_weights(run: Run, weights: Path) -> None:
    """Load initial weights into `run.model`, except for the classifier.

    Parameters
    ----------
    run
        Training with a new network.
    weights
        `model.safetensors`, with its `provenance.json` beside it.

    Raises
    ------
    SignfoldError
        If the tensors' joints, channels, frames or settings differ, if the sizes of the network differ, or if the
        weights have seen a clip or (within one dataset) a signer of the test part.
    """
    state, metadata = read_model(weights)
    _check_tensors(weights, metadata, run.shards.metadata)
    _check_unseen(weights, run.fold, run.task.dataset)
    kept = {name: value for name, value in state.items() if not name.startswith("classifier.")}
    own = run.model.state_dict()
    for name, value in kept.items():
        if name not in own or own[name].shape != value.shape:
            raise SignfoldError(
                f"{weights}: {name} does not fit this network; set the section model as in its training: "
                f"{metadata['model']}"
            )
    run.model.load_state_dict(own | kept)


def _check_tensors(weights: Path, metadata: Mapping[str, Any], tensors: Mapping[str, Any]) -> None:
    """Raise unless the weights were trained on tensors of the same joints, channels, frames and settings."""
    for key in ("joints", "channels", "frames"):
        if metadata[key] != tensors[key]:
            raise SignfoldError(
                f"{weights}: trained on {key} {metadata[key]}, but the tensors have {tensors[key]}; set the section "
                "tensors as in its training"
            )
    trained, present = metadata["tensors"].get("settings", {}), tensors.get("settings", {})
    for key in sorted({*trained, *present}):
        if trained.get(key) != present.get(key):
            raise SignfoldError(
                f"{weights}: trained on tensors with {key} {trained.get(key)!r}, but these have {present.get(key)!r}; "
                f"set tensors.{key} as in its training"
            )


def _check_unseen(weights: Path, fold: Fold, dataset: str) -> None:
    """Raise if the weights have seen a clip or a signer of the fold's test part."""
    seen = _read_provenance(weights)
    test = fold.roles["test"]
    clips = test.sample_id[np.isin(test.sha256.astype(str), seen["sha256"])]
    if len(clips):
        raise SignfoldError(f"{weights}: has seen {len(clips)} test clips of {fold.name}, such as {clips[0]!r}: a leak")
    shared = sorted({signer for name, signer in seen["signers"] if name == dataset} & _signers(test))
    if shared:
        raise SignfoldError(f"{weights}: has seen test signers of {fold.name}: {', '.join(shared[:5])}: a leak")

"""What a network has seen, and initial weights from another network that has not seen the test part."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from signfold.core.errors import SignfoldError
from signfold.folds.roles import Fold, Samples
from signfold.models.aagcn import AAGCN
from signfold.models.io import PROVENANCE, read_model


def provenance_of(fold: Fold, dataset: str, initial: Path | None) -> dict[str, Any]:
    """Return what a model has seen: its fold's training and validation parts, and all that its initial weights saw.

    Returns
    -------
    dict
        `sha256` of all clips; `signers`, named within their data set: [dataset, signer]; `datasets`, their names;
        `initial`, the file that it went on from, or None; `pretrained`: `datasets` and number of `clips` that it has
        seen besides its fold's, and `namesakes`, test signers whose names other data sets have too; or None.
    """
    seen = _read_provenance(initial) if initial else {"sha256": [], "signers": []}
    parts = [fold.roles["train"], fold.roles["val"]]
    own = {str(digest) for part in parts for digest in part.sha256}
    signers = {(dataset, signer) for part in parts for signer in _signers(part)}
    signers |= {(name, signer) for name, signer in seen["signers"]}
    elsewhere = {signer for name, signer in seen["signers"] if name != dataset}
    others = set(seen["sha256"]) - own
    sources = set(seen.get("datasets", []))
    pretrained = {
        "datasets": sorted(sources - {dataset} or sources),
        "clips": len(others),
        "namesakes": sorted(elsewhere & _signers(fold.roles["test"])),
    }
    return {
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
        raise SignfoldError(f"{path}: missing, so nobody can tell whether {weights} has seen the test clips")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != read_model(weights)[1].get("provenance"):
        raise SignfoldError(
            f"{path}: is not the one that {weights} was written with; put that one there, or train again"
        )
    return json.loads(content)


def start_from(model: AAGCN, weights: Path, *, fold: Fold, tensors: Mapping[str, Any], dataset: str) -> None:
    """Load initial weights into `model`, all but the classifier.

    Parameters
    ----------
    model
        Freshly built; keeps its own classifier.
    weights
        A `model.safetensors` with its `provenance.json` beside it.
    fold
        Whose test part the weights must not have seen.
    tensors
        Metadata of the fold's tensors.
    dataset
        Name of the fold's data set: signers are compared within one data set only.

    Raises
    ------
    SignfoldError
        If joints, channels, frames, other settings of the tensors or sizes differ, or if the weights have seen a test
        clip or a test signer.
    """
    state, metadata = read_model(weights)
    for key in ("joints", "channels", "frames"):
        if metadata[key] != tensors[key]:
            raise SignfoldError(
                f"{weights}: trained on {key} {metadata[key]}, but the tensors have {tensors[key]}; set the section "
                "tensors as it was"
            )
    made, wanted = metadata["tensors"].get("settings", {}), tensors.get("settings", {})
    for key in sorted({*made, *wanted}):
        if made.get(key) != wanted.get(key):
            raise SignfoldError(
                f"{weights}: trained on tensors with {key} {made.get(key)!r}, but these have {wanted.get(key)!r}; set "
                f"tensors.{key} as it was"
            )
    _check_unseen(weights, fold, dataset)
    kept = {name: value for name, value in state.items() if not name.startswith("classifier.")}
    own = model.state_dict()
    for name, value in kept.items():
        if name not in own or own[name].shape != value.shape:
            raise SignfoldError(
                f"{weights}: {name} does not fit this network; set the section model as it was: {metadata['model']}"
            )
    model.load_state_dict(own | kept)


def _check_unseen(weights: Path, fold: Fold, dataset: str) -> None:
    seen = _read_provenance(weights)
    test = fold.roles["test"]
    clips = test.sample_id[np.isin(test.sha256.astype(str), seen["sha256"])]
    if len(clips):
        raise SignfoldError(f"{weights}: has seen {len(clips)} test clips of {fold.name}, such as {clips[0]!r}: a leak")
    shared = sorted({signer for name, signer in seen["signers"] if name == dataset} & _signers(test))
    if shared:
        raise SignfoldError(f"{weights}: has seen test signers of {fold.name}: {', '.join(shared[:5])}: a leak")

"""A trained model's files: weights, what they mean, and what they have seen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray

from signfold import files, versions
from signfold.aagcn import AAGCN, ModelSettings
from signfold.batches import Fold, Samples
from signfold.errors import SignfoldError
from signfold.graph import spatial_partition
from signfold.joints import layout
from signfold.streams import masked, stream

PROVENANCE = "provenance.json"


def build(tensors: Mapping[str, Any], classes: int, settings: ModelSettings) -> AAGCN:
    """Return a fresh network for tensors with this metadata; its input has one more channel, the mask."""
    return AAGCN(spatial_partition(layout(tensors["layout"])), len(tensors["channels"]) + 1, classes, settings)


def save_model(
    folder: Path,
    model: AAGCN,
    *,
    settings: ModelSettings,
    tensors: Mapping[str, Any],
    labels: tuple[str, ...],
    stream: str,
    provenance: Mapping[str, Any],
) -> None:
    """Write `model.safetensors` with all that is needed to use it, and `provenance.json`, into `folder`."""
    files.write_json(folder / PROVENANCE, provenance)
    described = {
        "network": versions.NETWORK[settings.network],
        "model": asdict(settings),
        "layout": tensors["layout"],
        "joints": list(tensors["joints"]),
        "channels": list(tensors["channels"]),
        "frames": tensors["frames"],
        "tensors": dict(tensors),
        "classes": list(labels),
        "stream": stream,
        "provenance": hashlib.sha256((folder / PROVENANCE).read_bytes()).hexdigest(),
    }
    # One entry: safetensors writes several in any order, and the same weights would not be the same bytes.
    metadata = {"signfold": json.dumps(described, ensure_ascii=False, sort_keys=True)}
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    with files.whole(folder / "model.safetensors") as temporary:
        safetensors.torch.save_file(state, temporary, metadata)


def load_model(folder: Path) -> tuple[AAGCN, dict[str, Any]]:
    """Read a trained model, ready to predict.

    Parameters
    ----------
    folder
        `models/{fold}/{stream}`.

    Returns
    -------
    AAGCN
        In evaluation mode, on the CPU.
    dict
        `model` (its settings), `layout`, `joints`, `channels`, `frames`, `classes` (labels by class id), `stream`,
        `tensors` (metadata of the tensors that it was trained on) and `provenance` (digest of `provenance.json`).

    Raises
    ------
    SignfoldError
        If the folder has no model, or one that is not from here, or of another version.
    """
    state, metadata = _read(folder / "model.safetensors")
    model = build(metadata["tensors"], len(metadata["classes"]), ModelSettings(**metadata["model"]))
    model.load_state_dict(state)
    return model.eval(), metadata


def _read(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    try:
        with safetensors.safe_open(path, framework="pt") as opened:
            metadata = json.loads((opened.metadata() or {}).get("signfold", "{}"))
            state = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError, json.JSONDecodeError) as error:
        raise SignfoldError(f"{path}: cannot be read as a model ({error}); train it again") from None
    missing = {"network", "model", "channels", "joints", "frames", "classes", "stream", "tensors"} - set(metadata)
    if missing:
        raise SignfoldError(f"{path}: lacks {', '.join(sorted(missing))}; only models that signfold wrote can be used")
    made = {"network": metadata["network"], "tensors": metadata["tensors"].get("version")}
    here = {"network": versions.NETWORK.get(metadata["model"].get("network")), "tensors": versions.TENSORS}
    if made != here:
        raise SignfoldError(
            f"{path}: written by another version of signfold ({made}; this one has {here}), where the same weights "
            "mean something else; train it again"
        )
    return state, metadata


def predict_logits(model: AAGCN, metadata: Mapping[str, Any], tensors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return logits for clips.

    Parameters
    ----------
    model, metadata
        From `load_model`.
    tensors
        From the tensor stage with the same settings (`metadata["tensors"]`), shape (N, C, T, V), NaN where missing.

    Returns
    -------
    ndarray of float32, shape (N, K)

    Raises
    ------
    SignfoldError
        If channels or joints do not fit.
    """
    expected = (len(metadata["channels"]), len(metadata["joints"]))
    if (tensors.shape[1], tensors.shape[3]) != expected:
        raise SignfoldError(
            f"tensors have {tensors.shape[1]} channels and {tensors.shape[3]} joints; the model expects "
            f"{expected[0]} and {expected[1]}: make them with the settings that the model names"
        )
    x = masked(stream(np.asarray(tensors), metadata["stream"], layout(metadata["layout"])))
    with torch.inference_mode():
        return np.concatenate(
            [model(torch.from_numpy(part)).float().numpy() for part in np.split(x, range(32, len(x), 32))]
        )


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
    if hashlib.sha256(content).hexdigest() != _read(weights)[1].get("provenance"):
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
    state, metadata = _read(weights)
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

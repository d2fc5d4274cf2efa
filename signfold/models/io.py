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

from signfold.core import files, versions
from signfold.core.errors import SignfoldError
from signfold.core.settings import ModelSettings
from signfold.core.skeleton import layout
from signfold.models.aagcn import AAGCN
from signfold.models.graph import spatial_partition
from signfold.tensors.streams import masked, stream

PROVENANCE = "provenance.json"


def build_network(tensors: Mapping[str, Any], classes: int, settings: ModelSettings) -> AAGCN:
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
    with files.atomic_write(folder / "model.safetensors") as temporary:
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
    state, metadata = read_model(folder / "model.safetensors")
    model = build_network(metadata["tensors"], len(metadata["classes"]), ModelSettings(**metadata["model"]))
    model.load_state_dict(state)
    return model.eval(), metadata


def read_model(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return the weights and the metadata of a `model.safetensors`.

    Raises
    ------
    SignfoldError
        If it cannot be read, was not written here, or by another version.
    """
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

"""The files of a trained model, weights with metadata and provenance, and predictions with it."""

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
from torch import nn
from torch.overrides import TorchFunctionMode

from signfold.core import files, versions
from signfold.core.errors import SignfoldError
from signfold.core.settings import STREAMS, ModelSettings, settings_of_file
from signfold.core.skeleton import LAYOUTS, layout
from signfold.models.registry import build_network
from signfold.tensors.streams import masked, stream

PROVENANCE = "provenance.json"
# What a model's metadata must have; `digest` is of all else and of the weights.
KEYS = {"network", "model", "layout", "channels", "joints", "frames", "classes", "stream", "tensors", "digest"}


def save_model(
    folder: Path,
    model: nn.Module,
    *,
    settings: ModelSettings,
    tensors: Mapping[str, Any],
    labels: tuple[str, ...],
    stream: str,
    provenance: Mapping[str, Any],
) -> None:
    """Write `model.safetensors` with the metadata that prediction needs, and `provenance.json`.

    Parameters
    ----------
    folder
        Folder of the two files.
    model
        Trained network.
    settings
        Section `model` that it was built with.
    tensors
        Metadata of the tensors that it was trained on.
    labels
        K labels, by class id.
    stream
        One of `STREAMS`.
    provenance
        Content of `provenance.json`; the model's metadata hold its digest, and its `fold`: the fold, or `all`.
    """
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
        "fold": provenance.get("fold"),
        "provenance": hashlib.sha256((folder / PROVENANCE).read_bytes()).hexdigest(),
    }
    described["digest"] = content_digest(_plain(model.state_dict()), described)
    with files.atomic_write(folder / "model.safetensors") as temporary:
        temporary.write_bytes(model_bytes(model.state_dict(), described))


def model_bytes(state: Mapping[str, torch.Tensor], metadata: Mapping[str, Any]) -> bytes:
    """Return the content of a `model.safetensors`; equal models give equal bytes.

    Parameters
    ----------
    state
        Weights by name.
    metadata
        Metadata of the model, as `load_model` returns them, with the `digest` of the weights.
    """
    # One entry, because safetensors writes several in random order.
    text = json.dumps(dict(metadata), ensure_ascii=False, sort_keys=True)
    return safetensors.torch.save(_plain(state), {"signfold": text})


def _plain(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return weights as they are written: on the CPU, each in one piece."""
    return {name: value.detach().cpu().contiguous() for name, value in state.items()}


def content_digest(state: Mapping[str, torch.Tensor], described: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a model's weights and of its metadata but for `digest`."""
    others = {key: value for key, value in described.items() if key != "digest"}
    total = hashlib.sha256(json.dumps(others, sort_keys=True).encode())
    for name, value in sorted(state.items()):
        total.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        total.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def load_model(folder: Path) -> tuple[nn.Module, dict[str, Any]]:
    """Read a trained model.

    Parameters
    ----------
    folder
        Folder of `model.safetensors`.

    Returns
    -------
    Module
        The network in evaluation mode, on the CPU.
    dict
        `model` (its settings), `layout`, `joints`, `channels`, `frames`, `classes` (labels by class id), `stream`,
        `tensors` (metadata of the tensors that it was trained on) and `provenance` (digest of `provenance.json`).

    Raises
    ------
    SignfoldError
        If the file is missing or damaged, or was not written by this version of signfold.
    """
    path = folder / "model.safetensors"
    return built(path, *read_model(path))


def built(
    path: str | Path, state: Mapping[str, torch.Tensor], metadata: dict[str, Any]
) -> tuple[nn.Module, dict[str, Any]]:
    """Return the network that weights belong to, in evaluation mode, and its metadata.

    Parameters
    ----------
    path
        Where the weights are from, for the error.
    state, metadata
        Weights by name, and the metadata, as `read_model` returns them.

    Raises
    ------
    SignfoldError
        If the metadata describe another network than that of the weights. Until that is known, no memory is taken for
        it: a file from elsewhere may describe any size.
    """
    settings = settings_of_file(ModelSettings, metadata["model"], path)
    with torch.device("meta"), _Unfilled():
        expected = _shapes(build_network(metadata["tensors"], len(metadata["classes"]), settings).state_dict())
    found = _shapes(state)
    for name in sorted(expected.keys() | found.keys()):
        if found.get(name) != expected.get(name):
            said = f"{name}: found {found.get(name, 'none')}, expected {expected.get(name, 'none')}"
            raise files.damaged(path, f"its weights are not those of its network ({said})")
    with _Unfilled():
        model = build_network(metadata["tensors"], len(metadata["classes"]), settings)
    model.load_state_dict(dict(state))
    return model.eval(), metadata


class _Unfilled(TorchFunctionMode):
    """Leaves out the random weights of new networks, which others replace: drawing them takes time and random state.

    On the device `meta`, drawing normal values would also load torch's compiler: seconds.
    """

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if function.__name__.endswith(("normal_", "uniform_")):  # of tensors, and of torch.nn.init
            return args[0] if args else kwargs["tensor"]
        return function(*args, **kwargs)


def _shapes(state: Mapping[str, torch.Tensor]) -> dict[str, str]:
    """Return the type and shape of each weight."""
    return {name: f"{value.dtype} {tuple(value.shape)}" for name, value in state.items()}


def read_model(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return the weights and the metadata of a `model.safetensors`.

    Raises
    ------
    SignfoldError
        If the file cannot be read, has other content than was written (a single bit is enough), or was not written by
        this version of signfold.
    """
    if not path.is_file():
        raise SignfoldError(f"{path}: cannot be read as a model (no such file); train it again")
    try:
        return parse_model(path.read_bytes(), path)
    except OSError as error:
        raise SignfoldError(f"{path}: cannot be read as a model ({error}); delete it and train it again") from None


def parse_model(content: bytes, path: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return the weights and the metadata in the content of a `model.safetensors`; see `read_model`.

    Parameters
    ----------
    content
        The whole file.
    path
        Where it is from, for the errors.
    """
    try:
        state = safetensors.torch.load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        metadata = json.loads(header.get("__metadata__", {}).get("signfold", "{}"))
    except (safetensors.SafetensorError, ValueError, KeyError, RuntimeError, RecursionError) as error:
        raise SignfoldError(f"{path}: cannot be read as a model ({error}); delete it and train it again") from None
    if not isinstance(metadata, dict):
        raise files.damaged(path, f"its metadata are {metadata!r}, expected an object")
    if missing := KEYS - set(metadata):
        raise SignfoldError(
            f"{path}: has no {', '.join(sorted(missing))} in its metadata; use a model that signfold wrote"
        )
    if said := _ill_formed(metadata):
        raise files.damaged(path, f"its metadata {said}")
    if metadata["digest"] != content_digest(state, metadata):
        raise files.damaged(path, "its weights or metadata are not what was written (their digest differs)")
    made = {"network": metadata["network"], "tensors": metadata["tensors"].get("version")}
    here = {"network": versions.NETWORK.get(metadata["model"].get("network")), "tensors": versions.TENSORS}
    if made != here:
        raise SignfoldError(
            f"{path}: written by another version of signfold: found {made}, expected {here}; the same weights would "
            "predict something else; train it again"
        )
    return state, metadata


def _ill_formed(metadata: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the form of a model's metadata; None if nothing is."""
    forms = {"model": dict, "tensors": dict, "classes": list, "channels": list, "joints": list, "layout": str}
    for key, form in forms.items():
        if not isinstance(metadata[key], form):
            return f"have the {key} {metadata[key]!r}, expected a {form.__name__}"
    if not all(isinstance(label, str) for label in metadata["classes"]) or not metadata["classes"]:
        return "have classes that are no labels"
    if metadata["stream"] not in STREAMS:
        return f"have the stream {metadata['stream']!r}, expected one of {', '.join(STREAMS)}"
    tensors = metadata["tensors"]
    for key in ("layout", "channels", "joints", "frames"):
        if tensors.get(key) != metadata[key]:
            return f"have the {key} {metadata[key]!r}, and for its tensors {tensors.get(key)!r}"
    if metadata["layout"] not in LAYOUTS or list(LAYOUTS[metadata["layout"]].joints) != metadata["joints"]:
        return f"have joints that are not those of a layout {metadata['layout']!r}"
    return None


def predict_logits(model: nn.Module, metadata: Mapping[str, Any], tensors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the logits of clips.

    Parameters
    ----------
    model, metadata
        Network and metadata, as `load_model` returns them.
    tensors
        Tensors made with the settings in `metadata["tensors"]`, shape (N, C, T, V), NaN where missing.

    Returns
    -------
    ndarray of float32, shape (N, K)

    Raises
    ------
    SignfoldError
        If the numbers of channels or joints differ from the model's.
    """
    expected = (len(metadata["channels"]), len(metadata["joints"]))
    if (tensors.shape[1], tensors.shape[3]) != expected:
        raise SignfoldError(
            f"tensors have {tensors.shape[1]} channels and {tensors.shape[3]} joints; the model expects "
            f"{expected[0]} and {expected[1]}; make them with the settings in the model's metadata"
        )
    x = masked(stream(np.asarray(tensors), metadata["stream"], layout(metadata["layout"])))
    with torch.inference_mode():
        return np.concatenate(
            [model(torch.from_numpy(part)).float().numpy() for part in np.split(x, range(32, len(x), 32))]
        )

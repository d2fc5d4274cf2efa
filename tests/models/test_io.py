"""Promises of model files: they predict what was trained, say what they are, and others are refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch
from networks import SKELETON, clips, small, stirred

from signfold.core import versions
from signfold.core.errors import SignfoldError
from signfold.core.settings import ModelSettings
from signfold.models.io import PROVENANCE, content_digest, load_model, predict_logits, read_model, save_model
from signfold.tensors.streams import masked, stream

TENSORS = {
    "layout": SKELETON.name,
    "joints": list(SKELETON.joints),
    "channels": ["x", "y"],
    "frames": 12,
    "settings": {},
    "version": versions.TENSORS,
}
LABELS = ("a", "b", "c", "ä", "e")


def saved(folder: Path, model: Any = None, **changes: Any) -> Any:
    """Save a tiny network, and return it."""
    model = stirred(small()).eval() if model is None else model
    described = {"settings": ModelSettings("aagcn", 0.125), "tensors": TENSORS, "labels": LABELS, "stream": "bone"}
    save_model(folder, model, **{**described, "provenance": {"sha256": []}, **changes})
    return model


def with_metadata(path: Path, **changes: Any) -> None:
    """Rewrite a model's metadata."""
    state, metadata = read_model(path)
    entry = {key: value for key, value in (metadata | changes).items() if value is not None}
    entry["digest"] = content_digest(state, entry)
    safetensors.torch.save_file(state, path, {"signfold": json.dumps(entry)})


@pytest.mark.parametrize("network", ["aagcn", "light"])
def test_a_saved_model_predicts_what_the_network_does(tmp_path: Path, network: str) -> None:
    model = stirred(small(network=network)).eval()
    saved(tmp_path, model, settings=ModelSettings(network, 0.125))  # type: ignore[arg-type]
    loaded, metadata = load_model(tmp_path)
    assert not loaded.training
    x = clips(40)[:, :2].numpy()  # more than one batch
    x[3, :, 2:4, 7] = np.nan
    with torch.no_grad():
        expected = model(torch.from_numpy(masked(stream(x, "bone", SKELETON)))).numpy()
    found, scale = predict_logits(loaded, metadata, x), np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6 * scale)


def test_loading_draws_no_random_weights_and_no_compiler(tmp_path: Path) -> None:
    saved(tmp_path)
    torch.manual_seed(5)
    load_model(tmp_path)
    after = torch.rand(1)
    torch.manual_seed(5)
    assert after == torch.rand(1)
    code = "import sys; from pathlib import Path; from signfold.models.io import load_model; "
    code += "load_model(Path(sys.argv[1])); print('torch._dynamo' in sys.modules)"
    said = subprocess.check_output([sys.executable, "-c", code, str(tmp_path)], text=True)
    assert said == "False\n"


def test_metadata_say_what_the_model_takes_and_gives(tmp_path: Path) -> None:
    saved(tmp_path)
    _, metadata = load_model(tmp_path)
    wanted = {"layout": SKELETON.name, "joints": list(SKELETON.joints), "channels": ["x", "y"], "frames": 12}
    wanted |= {"classes": list(LABELS), "stream": "bone", "network": versions.NETWORK["aagcn"], "tensors": TENSORS}
    assert wanted.items() <= metadata.items()
    assert metadata["model"] == {"network": "aagcn", "width": 0.125, "dropout": 0.0}


def test_equal_models_are_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        saved(tmp_path / name)
    assert (tmp_path / "a/model.safetensors").read_bytes() == (tmp_path / "b/model.safetensors").read_bytes()
    saved(tmp_path / "b", provenance={"sha256": ["x"]})
    assert (tmp_path / "a/model.safetensors").read_bytes() != (tmp_path / "b/model.safetensors").read_bytes()
    assert json.loads((tmp_path / "b" / PROVENANCE).read_text()) == {"sha256": ["x"]}


@pytest.mark.parametrize("shape", [(1, 2, 12, 46), (1, 3, 12, 27)])
def test_clips_of_other_joints_or_channels_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    saved(tmp_path)
    with pytest.raises(SignfoldError, match=f"{shape[1]} channels and {shape[3]} joints; the model expects 2 and 27"):
        predict_logits(*load_model(tmp_path), np.zeros(shape, np.float32))


def test_files_that_are_no_models_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(SignfoldError, match="cannot be read as a model"):
        load_model(tmp_path)
    path.write_bytes(b"no model")
    with pytest.raises(SignfoldError, match="cannot be read as a model"):
        load_model(tmp_path)
    safetensors.torch.save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(SignfoldError, match=r"has no channels, classes, digest, .* in its metadata"):
        load_model(tmp_path)
    saved(tmp_path)
    with_metadata(path, stream=None)
    with pytest.raises(SignfoldError, match="has no stream in its metadata"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [{"network": 0}, {"tensors": {**TENSORS, "version": 0}}, {"model": {"network": "gone", "width": 1, "dropout": 0}}],
)
def test_models_of_another_version_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    saved(tmp_path)
    with_metadata(tmp_path / "model.safetensors", **changes)
    with pytest.raises(SignfoldError, match=r"written by another version of signfold: found .* expected .* train it"):
        load_model(tmp_path)


def test_a_flipped_bit_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    saved(tmp_path)
    path = tmp_path / "model.safetensors"
    content, random = path.read_bytes(), np.random.default_rng(0)
    head = 8 + int.from_bytes(content[:8], "little")
    places = [*range(8, head, 97), *random.integers(head, len(content), 40), len(content) - 1]
    for place in places:
        flipped = bytearray(content)
        flipped[place] ^= 1 << int(random.integers(8))
        path.write_bytes(flipped)
        with pytest.raises(SignfoldError, match=rf"^{path}: "):
            load_model(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state.popitem(), "found none, expected torch"),
        (lambda state: state.update(more=torch.zeros(1)), "more: found torch.float32 .*, expected none"),
        (
            lambda state: state.update({name: value[None] for name, value in state.items()}),
            "found torch.* expected torch",
        ),
    ],
)
def test_weights_of_another_network_are_refused(tmp_path: Path, change: Any, said: str) -> None:
    saved(tmp_path)
    path = tmp_path / "model.safetensors"
    state, metadata = read_model(path)
    change(state)
    metadata["digest"] = content_digest(state, metadata)
    safetensors.torch.save_file(state, path, {"signfold": json.dumps(metadata)})
    with pytest.raises(SignfoldError, match=rf"^{path}: damaged, .*{said}.*; delete it and run again"):
        load_model(tmp_path)


@pytest.mark.parametrize("said", ["null", "[]", "3"])
def test_metadata_that_are_no_mapping_are_refused(tmp_path: Path, said: str) -> None:
    path = tmp_path / "model.safetensors"
    safetensors.torch.save_file({"weight": torch.zeros(2)}, path, {"signfold": said})
    with pytest.raises(SignfoldError, match=rf"^{path}: "):
        load_model(tmp_path)


def test_settings_that_are_none_are_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    with_metadata(tmp_path / "model.safetensors", model={"network": "aagcn", "width": "wide", "dropout": 0})
    with pytest.raises(SignfoldError, match=r"model\.safetensors: damaged, .*ModelSettings \(width: found 'wide'"):
        load_model(tmp_path)

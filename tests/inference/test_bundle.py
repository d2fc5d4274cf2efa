"""Bundles: a model that travels as one file, and predicts the same wherever it is."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from saved_models import LABELS, clip, save_folds

from signfold.core import versions
from signfold.core.errors import SignfoldError
from signfold.core.settings import KeypointSettings, TensorSettings
from signfold.inference.archive import read_archive, write_archive
from signfold.inference.bundle import read_bundle, write_bundle
from signfold.inference.from_results import load_results
from signfold.inference.model import Model
from signfold.models.io import content_digest, model_bytes, parse_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    root = save_folds(tmp_path_factory.mktemp("results") / "mine", streams=("joint", "bone"))
    found = load_results(root)
    shutil.rmtree(root)
    return dataclasses.replace(found, threshold=0.25, glosses=("house", "tree", "ö"), extractor={"version": 3})


def test_a_bundle_is_the_model(tmp_path: Path, model: Model) -> None:
    write_bundle(tmp_path / "mine.signfold", model, "# card")
    found = read_bundle(tmp_path / "mine.signfold")
    for name in ("name", "labels", "glosses", "threshold", "extractor", "final", "tensors", "keypoints"):
        assert getattr(found, name) == getattr(model, name)
    assert (found.labels, found.tensors, found.keypoints) == (LABELS, TensorSettings(frames=8), KeypointSettings())
    assert [(each.fusion, each.temperature) for each in found.members.values()] == [
        ({"joint": 0.5, "bone": 0.5}, 1.5)
    ] * 2
    assert list(found.networks) == list(model.networks)
    for key, logits in model.logits(clip()).items():
        np.testing.assert_array_equal(found.logits(clip())[key], logits)
    np.testing.assert_array_equal(found.probabilities(clip()), model.probabilities(clip()))


def test_equal_models_are_equal_bundles_whichever_way_they_came(tmp_path: Path, model: Model) -> None:
    write_bundle(tmp_path / "a.signfold", model, "# card")
    write_bundle(tmp_path / "b.signfold", read_bundle(tmp_path / "a.signfold"), "# card")
    assert (tmp_path / "a.signfold").read_bytes() == (tmp_path / "b.signfold").read_bytes()


WEIGHTS = "weights/fold-1/seed-1/joint.safetensors"


@pytest.fixture
def bundle(tmp_path: Path, model: Model) -> Path:
    write_bundle(tmp_path / "mine.signfold", model, "# card")
    return tmp_path / "mine.signfold"


def reheaded(path: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """The bundle with a changed header, as one who means harm would write it: all digests are right."""
    header, entries = read_archive(path)
    change(header)
    write_archive(path, header, entries)
    return path


def first(header: dict[str, Any]) -> dict[str, Any]:
    """The first member in a header."""
    return header["members"]["fold-1/seed-1"]


def reweighed(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], Any]) -> Path:
    """The bundle with changed weights or metadata of a network, and digests that fit them."""
    header, entries = read_archive(path)
    state, metadata = parse_model(entries[WEIGHTS], path)
    change(state, metadata)
    metadata["digest"] = content_digest(state, metadata)
    write_archive(path, header, entries | {WEIGHTS: model_bytes(state, metadata)})
    return path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda h: h.update(version=2, signfold="9.9"), r"version 2, expected 1; use the signfold .* \('9.9'\)"),
        (lambda h: h.update(format="zip"), "format: found 'zip'"),
        (lambda h: h.pop("labels"), "labels: .*Field required"),
        (lambda h: h.update(more=1), "more: found '1': Unexpected keyword"),
        (lambda h: h.update(threshold=1.5), "threshold: found '1.5'"),
        (lambda h: h.update(threshold="0.5"), "threshold: found '0.5'"),
        (lambda h: h.update(labels=["1", "2"]), r"its labels \['1', '2'\] are not those of its networks"),
        (lambda h: h.update(labels=[]), "labels: "),
        (lambda h: h.update(glosses=["a"]), "it has 1 glosses for 3 classes"),
        (lambda h: h.update(final=True), "its final True are not those"),
        (lambda h: h["tensors"].update(frames=9), "its tensors .* are not those"),
        (lambda h: h["keypoints"].update(max_seconds=1.0), "its keypoints .* are not those"),
        (lambda h: h.update(joints=h["joints"][::-1]), "its joints .* are not those"),
        (lambda h: h["members"].clear(), "members: "),
        (lambda h: h["members"].pop("fold-2/seed-1"), "its members and its weights differ in 'weights/fold-2"),
        (lambda h: h["members"]["fold-1/seed-1"]["networks"].update(bone="/etc/passwd"), "differ in '/etc/passwd'"),
        (
            lambda h: h["members"]["fold-1/seed-1"]["networks"].update(bone=WEIGHTS),
            "differ in 'weights/fold-1/seed-1/bone",
        ),
        (lambda h: h["members"]["fold-1/seed-1"]["fusion"].pop("bone"), "are fused with the weights"),
        (lambda h: h["members"]["fold-1/seed-1"]["fusion"].update(bone=-1.0), "fusion.bone: found '-1.0'"),
        (lambda h: h["members"]["fold-1/seed-1"].update(fusion={"joint": 0, "bone": 0}), "are fused with the weights"),
        (lambda h: h["members"]["fold-1/seed-1"].update(temperature=0), "temperature: found '0'"),
        (lambda h: h["members"].update(x={"networks": {}, "fusion": {}, "temperature": None}), "networks: found"),
    ],
)
def test_a_header_that_does_not_fit_is_refused_by_name(bundle: Path, change: Any, said: str) -> None:
    with pytest.raises(SignfoldError, match=rf"^{bundle}: .*{said}"):
        read_bundle(reheaded(bundle, change))


def changed(part: str, **values: Any) -> Any:
    """A change of a part of a network's metadata."""
    return lambda state, metadata: metadata[part].update(values)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s, m: s.popitem(), r"weights are not those of its network \(.*found none, expected torch"),
        (lambda s, m: s.update(more=torch.zeros(1)), r"more: found torch\.float32 .*, expected none"),
        (lambda s, m: s.update({k: v[None] for k, v in s.items()}), r"found torch\.\S+ \(1, .*expected"),
        (lambda s, m: s.update({k: v.double() for k, v in s.items()}), r"found torch\.float64"),
        (changed("model", width=16.0), "weights are not those of its network"),
        (changed("model", width=float("nan")), "ModelSettings"),
        (changed("model", network="evil"), "another version"),
        (lambda s, m: m.update(classes=["1"] * 10**6), "weights are not those of its network"),
        (lambda s, m: m.update(classes=[1, 2, 3]), "classes that are no labels"),
        (lambda s, m: m.update(classes="123"), "have the classes '123', expected a list"),
        (lambda s, m: m.update(stream="evil"), "have the stream 'evil'"),
        (lambda s, m: m.update(stream="bone"), "is of the stream 'bone', expected 'joint'"),
        (lambda s, m: m.update(network=99), "written by another version of signfold"),
        (lambda s, m: m.update(layout="evil"), "have the layout 'evil'"),
        (lambda s, m: m.update(joints=[]), "have the joints"),
        (changed("tensors", layout="evil"), "have the layout"),
        (changed("tensors", channels=["evil"]), "have the channels"),
        (changed("tensors", frames=10**9), "have the frames"),
        (changed("tensors", version=0), "written by another version of signfold"),
        (changed("tensors", settings=None), "the networks differ in their tensors"),
        (changed("tensors", keypoints=[1]), "the networks differ in their tensors"),
        (changed("tensors", extra="x"), "the networks differ in their tensors"),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name(bundle: Path, change: Any, said: str) -> None:
    with pytest.raises(SignfoldError, match=rf"^{bundle}.*{said}"):
        read_bundle(reweighed(bundle, change))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"frames": float("nan")}, "TensorSettings"),
        ({"frames": 10**9}, "TensorSettings"),
        ({"frames": 9}, "tensors of frames 8, made with frames 9"),
        ({"channels": ["x", "y"]}, "tensors of channels"),
        ({"evil": 1}, "TensorSettings"),
    ],
)
def test_settings_that_all_networks_agree_on_and_are_none(bundle: Path, settings: dict[str, Any], said: str) -> None:
    header, entries = read_archive(bundle)
    for name in entries.keys() - {"model_card.md"}:
        state, metadata = parse_model(entries[name], bundle)
        metadata["tensors"]["settings"] |= settings
        metadata["digest"] = content_digest(state, metadata)
        entries[name] = model_bytes(state, metadata)
    write_archive(bundle, header, entries)
    with pytest.raises(SignfoldError, match=rf"^{bundle}: .*{said}"):
        read_bundle(bundle)


def test_a_network_that_is_said_to_be_huge_takes_no_memory(bundle: Path) -> None:
    """Width 16 is a network of 250 times the size: it is refused before it is made."""
    reweighed(bundle, changed("model", width=16.0))
    code = (
        "import resource, sys\nfrom pathlib import Path\nfrom signfold.inference.bundle import read_bundle\n"
        "from signfold.core.errors import SignfoldError\nbefore = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    read_bundle(Path(sys.argv[1]))\nexcept SignfoldError as error:\n    print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    said = subprocess.check_output([sys.executable, "-c", code, str(bundle)], text=True).splitlines()
    assert "weights are not those of its network" in said[0]
    assert int(said[1]) < 200_000  # kB; the network would take more than 900 MB


def test_weights_of_another_version_are_refused(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "TENSORS", versions.TENSORS + 1)
    with pytest.raises(SignfoldError, match=rf"{WEIGHTS}: written by another version of signfold: found .*, expected"):
        read_bundle(bundle)


def test_no_weights_file_can_hold_a_pickle(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "unpickled"),)

    header, entries = read_archive(bundle)
    write_archive(bundle, header, entries | {WEIGHTS: pickle.dumps(Evil())})
    with pytest.raises(SignfoldError, match="cannot be read as a model"):
        read_bundle(bundle)
    assert not (tmp_path / "unpickled").exists()


def test_a_bundle_tells_figures_but_no_signers(tmp_path: Path, model: Model) -> None:
    figures = {"top1": {"value": 0.8, "low": 0.7, "high": 0.9}, "spread": {"worst_signer": {"signer": "Ann"}}}
    write_bundle(tmp_path / "a.signfold", dataclasses.replace(model, metrics=figures), "")
    header, _ = read_archive(tmp_path / "a.signfold")
    assert header["metrics"] == {"top1": figures["top1"]}
    assert "Ann" not in json.dumps(header)
    assert read_bundle(tmp_path / "a.signfold").metrics == {"top1": figures["top1"]}

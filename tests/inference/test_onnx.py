"""The ONNX graph gives torch's probabilities, for any number of clips, whatever streams and members a model has."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from networks import stirred
from saved_models import save_folds
from tensor_clips import forget, signer

from signfold.core.clip import Keypoints
from signfold.core.errors import SignfoldError
from signfold.core.settings import ModelSettings
from signfold.formats import numpy_arrays
from signfold.inference import onnx
from signfold.inference.from_results import load_results
from signfold.inference.model import Member, Model, Network
from signfold.models.registry import build_network

STREAMS = ("joint", "bone", "joint_motion", "bone_motion")
# The third has hands without the body that they hang on: bones whose parent is missing.
CLIPS = [signer(), signer(30, seed=1, signing="left"), forget(signer(25, seed=2, other="signs"), pose=slice(None))]


def unsure(network: Network, tensors: np.ndarray) -> Network:
    """The network with every weight stirred, and logits of about 1: those of random weights are thousands."""
    stirred(network.module)
    with torch.no_grad():
        network.module.classifier.bias.zero_()  # type: ignore[union-attr]
        network.module.classifier.weight.div_(float(network.logits(tensors).std()))  # type: ignore[operator, union-attr]
    return network


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Two folds, each with weights and a temperature of its own: one uses four streams, the other one."""
    torch.manual_seed(0)
    found = load_results(save_folds(tmp_path_factory.mktemp("results") / "mine", streams=STREAMS))
    tensors = np.stack([found.tensor(clip) for clip in CLIPS])
    members = {}
    for number, (name, member) in enumerate(found.members.items()):
        networks = {stream: unsure(network, tensors) for stream, network in member.networks.items()}
        fusion = dict(zip(STREAMS, (1.0, 0.0, 0.0, 0.0) if number else (0.1, 0.2, 0.3, 0.4), strict=True))
        members[name] = Member(networks, fusion, 1.7 if number else None)
    return replace(found, members=members)


def session_of(graph: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])


def run(session: onnxruntime.InferenceSession, tensors: np.ndarray) -> np.ndarray:
    return session.run(["probabilities"], dict(zip(("x", "mask"), onnx.split(tensors), strict=True)))[0]


def same(model: Model, session: onnxruntime.InferenceSession, clips: list[Keypoints]) -> None:
    tensors = np.stack([model.tensor(clip) for clip in clips])
    expected = np.stack([model.probabilities(tensor) for tensor in tensors])
    assert 0.02 < np.ptp(expected) < 0.98
    np.testing.assert_allclose(run(session, tensors), expected, rtol=0, atol=1e-4)


@pytest.fixture(scope="module")
def entries(model: Model) -> dict[str, bytes]:
    return onnx.exported(model)


@pytest.fixture(scope="module")
def session(entries: dict[str, bytes]) -> onnxruntime.InferenceSession:
    return session_of(entries["model.onnx"])


@pytest.fixture(scope="module")
def light(model: Model) -> Model:
    torch.manual_seed(0)
    about = model.metadata
    network = Network(build_network(about, 3, ModelSettings("light", 0.25)).eval(), about)
    unsure(network, np.stack([model.tensor(clip) for clip in CLIPS]))
    return replace(model, members={"all/seed-1": Member({"joint": network}, {"joint": 1.0}, 0.6)})


def test_every_stream_and_member_has_its_part(model: Model, session: onnxruntime.InferenceSession) -> None:
    for count in (1, 2, 3):
        same(model, session, CLIPS[:count])


def test_missing_joints_have_no_influence_whatever_stands_there(
    model: Model, session: onnxruntime.InferenceSession
) -> None:
    tensors = np.stack([model.tensor(clip) for clip in CLIPS])
    assert np.isnan(tensors).any()
    x, mask = onnx.split(tensors)
    for there in (tensors, np.where(np.isnan(tensors), np.float32(7), tensors)):
        found = session.run(None, {"x": there, "mask": mask})[0]
        np.testing.assert_array_equal(found, session.run(None, {"x": x, "mask": mask})[0])


def test_a_light_network_is_exported_and_one_that_differs_is_refused(light: Model) -> None:
    graph = onnx.exported_graph(light)
    same(light, session_of(graph), CLIPS)
    onnx.check(light, graph)
    (member,) = light.members.values()
    other = replace(light, members={"all/seed-1": replace(member, temperature=0.5)})
    with pytest.raises(SignfoldError, match=r"mine: probabilities by ONNX differ by 0\.\d+ from torch's"):
        onnx.check(other, graph)


def test_far_classes_stay_calibrated(light: Model) -> None:
    """Where one class is certain in float32, a temperature of 20 still tells the others apart."""
    sharp = copy.deepcopy(light.networks["all/seed-1", "joint"].module)
    with torch.no_grad():
        sharp.classifier.weight.mul_(200)  # type: ignore[operator, union-attr]
    own = replace(light, members={"all": Member({"joint": Network(sharp, light.metadata)}, {"joint": 1.0}, 20.0)})
    assert np.ptp(own.logits(own.tensor(CLIPS[0]))["all", "joint"]) > 110  # beyond float32's least number
    session = session_of(onnx.exported_graph(own))
    tensors = np.stack([own.tensor(clip) for clip in CLIPS])
    np.testing.assert_allclose(run(session, tensors), [own.probabilities(tensor) for tensor in tensors], atol=1e-4)


def test_real_clips(model: Model, session: onnxruntime.InferenceSession, shared: Path) -> None:
    clips = []
    for path in sorted((shared / "words39" / "thanks").glob("*.npz"))[:8]:
        clips.append(numpy_arrays.clip(np.load(path)["sequences"][0].astype(np.float32), (640, 480), 30, "holistic"))
    same(model, session, clips)


def test_the_entries_of_a_bundle(entries: dict[str, bytes], session: onnxruntime.InferenceSession) -> None:
    assert set(entries) == {"model.onnx", "preprocessing.json"}
    spec: dict[str, Any] = json.loads(entries["preprocessing.json"])
    tensors = np.array([example["tensor"] for example in spec["examples"]], np.float32)
    said = [example["probabilities"] for example in spec["examples"]]
    np.testing.assert_allclose(run(session, tensors), said, rtol=0, atol=1e-4)


def test_a_package_that_is_missing_is_named(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "onnx" else name)
    with pytest.raises(SignfoldError, match=r"ONNX export needs onnx: pip install 'signfold\[onnx\]'"):
        onnx.exported(model)

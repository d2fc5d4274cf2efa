"""A model as one ONNX graph, from a clip's tensor and its mask to probabilities, for other languages and runtimes."""

from __future__ import annotations

import importlib.util
import io
import json
import math
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from signfold.core.clip import Floats
from signfold.core.errors import SignfoldError
from signfold.core.skeleton import layout
from signfold.inference.archive import FOR_OTHERS
from signfold.inference.model import Member, Model
from signfold.inference.preprocessing import clips, specification

OPSET = 18
# Greatest difference of a probability to torch's; an export that differs more is refused.
TOLERANCE = 1e-4


class Graph(nn.Module):
    """All networks of a model with what is before and after them: streams, fusion, temperature, mean of the members.

    Parameters
    ----------
    model
        The model.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        joints = layout(model.metadata["layout"])
        parents = torch.arange(len(joints.joints))
        for child, parent in joints.edges:
            parents[child] = parent
        self.register_buffer("parents", parents)
        self.parents: Tensor
        self.members = nn.ModuleList(Fused(member) for member in model.members.values())

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return probabilities (N, K).

        Parameters
        ----------
        x
            (N, C, T, V); what is where a joint is missing has no influence.
        mask
            (N, T, V), 1 where the joint is there, else 0.
        """
        there = mask[:, None] > 0
        joint = torch.where(there, x, 0.0)
        both = there & there[..., self.parents]
        bone = torch.where(both, joint - joint[..., self.parents], 0.0)
        inputs = {"joint": _input(joint, there), "bone": _input(bone, both)}
        inputs |= {"joint_motion": _motion(joint, there), "bone_motion": _motion(bone, both)}
        return torch.stack([member(inputs) for member in self.members]).mean(0)


class Fused(nn.Module):
    """The networks of a member: their streams fused and calibrated.

    In logarithms, because a float32 probability of a far class is 0, which a temperature above 1 must not meet.
    """

    def __init__(self, member: Member) -> None:
        super().__init__()
        used = {stream: network.module for stream, network in member.networks.items() if member.fusion[stream] > 0}
        self.networks, total = nn.ModuleDict(used), sum(member.fusion[stream] for stream in used)
        self.shares = {stream: math.log(member.fusion[stream] / total) for stream in used}
        self.temperature = member.temperature or 1.0

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Return probabilities (N, K) of the streams' inputs (N, C + 1, T, V)."""
        said = [self.shares[name] + network(inputs[name]).log_softmax(1) for name, network in self.networks.items()]
        return (torch.logsumexp(torch.stack(said), 0) / self.temperature).softmax(1)


def _input(values: Tensor, there: Tensor) -> Tensor:
    return torch.cat([values, there.to(values.dtype)], 1)


def _motion(values: Tensor, there: Tensor) -> Tensor:
    """Return the input of the motion stream: each frame's change to the next one, 0 in the last."""
    after = torch.cat([values[..., 1:, :], values[..., -1:, :]], -2)
    both = there & torch.cat([there[..., 1:, :], there[..., -1:, :]], -2)
    return _input(torch.where(both, after - values, 0.0), both)


def split(tensors: Floats) -> tuple[Floats, Floats]:
    """Return x and mask, what the graph takes, of tensors (N, C, T, V) with NaN where a joint is missing."""
    missing = np.isnan(tensors)
    return np.where(missing, np.float32(0), tensors), (~missing[:, 0]).astype(np.float32)


def exported(model: Model) -> dict[str, bytes]:
    """Return a model's graph and its specification, as the entries `model.onnx` and `preprocessing.json` of a bundle.

    The graph has the inputs `x` and `mask` and the output `probabilities` (see docs/onnx.md), for any number of clips.

    Raises
    ------
    SignfoldError
        If onnx or ONNX Runtime is not installed, or finds other probabilities than torch.
    """
    if lacking := [name for name in ("onnx", "onnxruntime") if importlib.util.find_spec(name) is None]:
        raise SignfoldError(f"ONNX export needs {' and '.join(lacking)}: pip install 'signfold[onnx]'")
    graph = exported_graph(model)
    check(model, graph)
    text = json.dumps(specification(model), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return dict(zip(FOR_OTHERS, (graph, text.encode()), strict=True))


def exported_graph(model: Model) -> bytes:
    """Return a model's ONNX graph."""
    about = model.metadata
    shape = len(about["channels"]), about["frames"], len(about["joints"])
    names = ["x", "mask"]
    out: Any = io.BytesIO()  # torch takes it, but its types name paths alone
    # TorchScript's exporter: the newer one takes 20 times as long here, and needs more packages.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Graph(model).eval(),
            (torch.zeros(2, *shape), torch.ones(2, *shape[1:])),
            out,
            dynamo=False,
            opset_version=OPSET,
            input_names=names,
            output_names=["probabilities"],
            dynamic_axes={name: {0: "clips"} for name in (*names, "probabilities")},
        )
    return out.getvalue()


def check(model: Model, graph: bytes) -> None:
    """Run a graph on the clips of the specification.

    Raises
    ------
    SignfoldError
        If a probability differs from torch's by more than `TOLERANCE`.
    """
    import onnxruntime

    tensors = np.stack([model.tensor(clip) for clip in clips().values()])
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    found = session.run(None, dict(zip(("x", "mask"), split(tensors), strict=True)))[0]
    expected = np.stack([model.probabilities(tensor) for tensor in tensors])
    if not (away := np.abs(found - expected).max()) <= TOLERANCE:
        raise SignfoldError(f"{model.name}: probabilities by ONNX differ by {away:.2g} from torch's; report it")

"""ONNX Runtime beside torch: seconds a clip on one core, and what 8-bit weights cost in accuracy.

    python benchmarks/onnx_runtime.py            # latency of each network, untrained, with the default's tensors
    python benchmarks/onnx_runtime.py --int8     # accuracy too, with what benchmarks/rejection.py trained

All ways take turns in one process; a figure is the median of its processor time, which other programs hardly change,
and a ratio the median of the turns' ratios. Writes results/bench/onnx.json.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from signfold.core import files, versions
from signfold.core.settings import ModelSettings, TensorSettings
from signfold.core.skeleton import layout
from signfold.inference.model import Member, Model, Network
from signfold.inference.onnx import Graph, exported_graph, split
from signfold.models.io import load_model
from signfold.models.registry import build_network

OUT, REJECTION = Path("results/bench/onnx.json"), Path("results/bench/rejection")
TURNS, CLASSES, CALIBRATED = 15, 100, 128

Floats = NDArray[np.floating[Any]]


def model_of(kind: str) -> Model:
    """Return an untrained model of one stream with the default's tensors and width."""
    settings = TensorSettings()
    about = {"layout": settings.layout, "joints": layout(settings.layout).joints, "channels": settings.channels}
    about |= {"frames": settings.frames, "stream": "joint", "tensors": {"settings": {}, "version": versions.TENSORS}}
    network = build_network(about, CLASSES, ModelSettings(kind)).eval()  # type: ignore[arg-type]
    return single(Network(network, about), [str(number) for number in range(CLASSES)])


def single(network: Network, labels: list[str]) -> Model:
    """Return the model of one network."""
    return Model("bench", {"all": Member({"joint": network}, {"joint": 1.0}, None)}, tuple(labels), tuple(labels))


def session_of(graph: bytes | str) -> onnxruntime.InferenceSession:
    """Return a session on one core."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


class Clips(CalibrationDataReader):
    """Clips that the ranges of 8-bit activations are taken from."""

    def __init__(self, x: Floats, mask: Floats) -> None:
        self.batches: Iterator[dict[str, Floats]] = (
            {"x": x[i : i + 16], "mask": mask[i : i + 16]} for i in range(0, len(x), 16)
        )

    def get_next(self) -> dict[str, Floats] | None:
        """Return the next batch, None after the last."""
        return next(self.batches, None)


def in_8_bits(graph: bytes, x: Floats, mask: Floats) -> dict[str, bytes]:
    """Return the graph with 8-bit weights: dynamic (activations by their own range) and static (a range for all)."""
    with tempfile.TemporaryDirectory() as folder:
        whole, prepared, out = (str(Path(folder) / name) for name in ("a.onnx", "b.onnx", "c.onnx"))
        Path(whole).write_bytes(graph)
        quant_pre_process(whole, prepared, skip_symbolic_shape=True)
        quantize_dynamic(prepared, out, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul", "Gemm"])
        found = {"int8, dynamic": Path(out).read_bytes()}
        options: dict[str, Any] = {"quant_format": QuantFormat.QDQ, "per_channel": True}
        options |= {"op_types_to_quantize": ["Conv", "MatMul", "Gemm"]}
        quantize_static(prepared, out, Clips(x, mask), **options)
        return found | {"int8, static": Path(out).read_bytes()}


def latency(kind: str) -> dict[str, Any]:
    """Return milliseconds a clip of each way, and its ratio to torch in fp32."""
    model = model_of(kind)
    about = model.metadata
    shape = len(about["channels"]), about["frames"], len(about["joints"])
    x = np.random.default_rng(0).normal(size=(16, *shape)).astype(np.float32)
    mask = np.ones((16, *shape[1:]), np.float32)
    graph, eager = exported_graph(model), Graph(model).eval()
    one = {"x": x[:1], "mask": mask[:1]}
    tensors = {name: torch.from_numpy(value) for name, value in one.items()}

    def bf16() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            eager(**tensors)

    ways: dict[str, Callable[[], Any]] = {"torch, fp32": lambda: eager(**tensors), "torch, bf16": bf16}
    for name, each in {"onnx, fp32": graph, **in_8_bits(graph, x, mask)}.items():
        session = session_of(each)
        ways[name] = lambda session=session: session.run(None, one)  # type: ignore[misc]
    taken = np.empty((TURNS, len(ways)))
    with torch.inference_mode():
        for turn in range(-2, TURNS):
            for place, run in enumerate(ways.values()):
                start = time.process_time()
                run()
                taken[turn, place] = time.process_time() - start
    ratios = taken / taken[:, :1]
    return {
        name: {"ms": 1e3 * float(np.median(taken[:, i])), "ratio": float(np.median(ratios[:, i]))}
        for i, name in enumerate(ways)
    }


def accuracy() -> dict[str, Any]:
    """Return top-1 on validation signers of words39 by torch and each graph, and the greatest difference to torch."""
    tensors = np.load(REJECTION / "tensors/0.npy")
    right: dict[str, list[NDArray[np.bool_]]] = {}
    away: dict[str, float] = {}
    for fold in sorted((REJECTION / "folds").glob("*.parquet")):
        network = Network(*load_model(REJECTION / "models" / fold.stem))
        model = single(network, network.metadata["classes"])
        rows = files.read_parquet(fold).to_pandas()
        val, training = rows[rows["role"] == "val"], rows[rows["role"] == "train"]
        x, mask = split(tensors[val["row"]])
        graph = exported_graph(model)
        ranges = training.sample(CALIBRATED, random_state=0)["row"]
        with torch.inference_mode():
            eager = Graph(model).eval()(torch.from_numpy(x), torch.from_numpy(mask)).numpy()
        said = {"torch, fp32": eager}
        for name, each in {"onnx, fp32": graph, **in_8_bits(graph, *split(tensors[ranges]))}.items():
            said[name] = session_of(each).run(None, {"x": x, "mask": mask})[0]
        for name, values in said.items():
            right.setdefault(name, []).append(values.argmax(1) == val["class_id"].to_numpy())
            away[name] = max(away.get(name, 0.0), float(np.abs(values - eager).max()))
    return {
        name: {"top1": float(np.concatenate(hits).mean()), "clips": sum(map(len, hits)), "difference": away[name]}
        for name, hits in right.items()
    }


def main() -> None:
    """Measure, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--int8", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    result: dict[str, Any] = {}
    for kind in ("conv", "aagcn", "light"):
        result[kind] = latency(kind)
        for name, own in result[kind].items():
            print(f"{kind:6} {name:14} {own['ms']:7.1f} ms a clip, {own['ratio']:.2f} of torch in fp32", flush=True)
    if arguments.int8:
        result["words39"] = accuracy()
        for name, own in result["words39"].items():
            print(f"{name:14} top-1 {own['top1']:.1%} of {own['clips']}; differs by {own['difference']:.2g} at most")
    files.write_json(OUT, result)


if __name__ == "__main__":
    main()

"""MediaPipe's graph of Holistic, cut down to what pose and hands are made of.

Legacy `mp.solutions.holistic` finds a face mesh too, and landmarks in metres, and its pose model draws a mask of the
person whether or not anybody asks for one. Nothing of that reaches pose or hands in the picture, and it takes a third
of the time. It is left out here: the nodes from the graph, the mask's operators from the pose model. What is left
computes the same numbers from the same weights in the same order, so that they are the same to the bit.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import mediapipe
from mediapipe.calculators.core.split_vector_calculator_pb2 import SplitVectorCalculatorOptions
from mediapipe.framework.calculator_pb2 import CalculatorGraphConfig
from mediapipe.python import ValidatedGraphConfig
from mediapipe.python.solution_base import SolutionBase
from mediapipe.tasks.metadata import schema_py_generated as tflite

from signfold.core.clip import PARTS
from signfold.keypoints.mediapipe_models import MODELS

PACKAGE = Path(mediapipe.__file__).parent
_GRAPH = "modules/holistic_landmark/holistic_landmark_cpu.binarypb"
_POSE_MODEL = MODELS[1]
_OUTPUTS = tuple(f"{part}_landmarks" for part in PARTS)
# Which of the pose model's five outputs is the mask, and where the graph takes them apart.
_MASK = 2
_BY_ROI = "poselandmarkcpu__poselandmarkbyroicpu__"
_FROM_TENSORS = f"{_BY_ROI}tensorstoposelandmarksandsegmentation__"
_SIDE_INPUTS = {"smooth_landmarks": True, "use_prev_landmarks": True}
_PARAMETERS = {
    "min_detection_confidence": "poselandmarkcpu__posedetectioncpu__TensorsToDetectionsCalculator.min_score_thresh",
    "min_tracking_confidence": f"{_FROM_TENSORS}ThresholdingCalculator.threshold",
}


def solution(min_detection_confidence: float, min_tracking_confidence: float) -> SolutionBase:
    """Start a graph that gives pose and hands as `mp.solutions.holistic.Holistic(...)` does: complexity 1, video mode.

    Parameters
    ----------
    min_detection_confidence, min_tracking_confidence
        As there.
    """
    given = {"min_detection_confidence": min_detection_confidence, "min_tracking_confidence": min_tracking_confidence}
    return SolutionBase(
        graph_config=_graph(),
        side_inputs=_SIDE_INPUTS | {"pose_model": _pose_model()},
        calculator_params={_PARAMETERS[name]: value for name, value in given.items()},
        outputs=list(_OUTPUTS),
    )


@cache
def _graph() -> CalculatorGraphConfig:
    """Return the graph with its subgraphs unfolded, without what is not needed, run by one thread."""
    folded = CalculatorGraphConfig.FromString((PACKAGE / _GRAPH).read_bytes())
    validated = ValidatedGraphConfig()
    validated.initialize(graph_config=folded)
    graph = CalculatorGraphConfig.FromString(validated.binary_config)
    named = {node.name: node for node in graph.node}
    outputs = named[f"{_FROM_TENSORS}SplitTensorVectorCalculator"]
    del outputs.output_stream[_MASK]
    # One output fewer: those after it move up, so that the last range is the one too many.
    del outputs.options.Extensions[SplitVectorCalculatorOptions.ext].ranges[-1]
    gate = named[f"{_FROM_TENSORS}GateCalculator_1"]
    place = [_name(stream).endswith("__segmentation_tensor") for stream in gate.input_stream].index(True)
    del gate.input_stream[place], gate.output_stream[place]
    named[f"{_BY_ROI}poselandmarkmodelloader__TfLiteModelCalculator"].input_side_packet[:] = ["MODEL_BLOB:pose_model"]
    return _only_needed(graph)


def _only_needed(graph: CalculatorGraphConfig) -> CalculatorGraphConfig:
    """Return a graph of those nodes from which pose and hands come, directly or through others."""
    nodes = list(graph.node)
    wanted, needed = set(_OUTPUTS), -1
    while needed < len(wanted):
        needed = len(wanted)
        kept = [node for node in nodes if wanted & _names([*node.output_stream, *node.output_side_packet])]
        wanted |= {name for node in kept for name in _names([*node.input_stream, *node.input_side_packet])}
    return CalculatorGraphConfig(
        node=kept,
        input_stream=graph.input_stream,
        output_stream=[stream for stream in graph.output_stream if _name(stream) in _OUTPUTS],
        input_side_packet=[*(side for side in graph.input_side_packet if _name(side) in wanted), "pose_model"],
        num_threads=1,
    )


def _name(stream: str) -> str:
    """Return the name in TAG:index:name."""
    return stream.rsplit(":", 1)[-1]


def _names(streams: Iterable[str]) -> set[str]:
    return {_name(stream) for stream in streams}


@cache
def _pose_model() -> bytes:
    return without_output((PACKAGE / _POSE_MODEL).read_bytes(), _MASK)


def without_output(model: bytes, unwanted: int) -> bytes:
    """Return a TensorFlow Lite model without one of its outputs, and without the operators that only it needs.

    The lists of outputs and of operators are shortened in place; all else in the file stays where it is.

    Parameters
    ----------
    model
        The content of a .tflite file with one subgraph.
    unwanted
        Which of its outputs.
    """
    content = bytearray(model)
    graph = tflite.Model.GetRootAs(content).Subgraphs(0)
    outputs = [tensor for place, tensor in enumerate(graph.OutputsAsNumpy().tolist()) if place != unwanted]
    needed, operators = set(outputs), []
    for place in reversed(range(graph.OperatorsLength())):
        operator = graph.Operators(place)
        if needed & set(operator.OutputsAsNumpy().tolist()):
            needed |= set(operator.InputsAsNumpy().tolist())
            operators.append(operator._tab.Pos)
    # Fields of the table `SubGraph` in TensorFlow Lite's schema: the third is its outputs, the fourth its operators.
    _shorten(content, graph, 8, outputs)
    _shorten(content, graph, 10, operators[::-1], relative=True)
    return bytes(content)


def _shorten(content: bytearray, graph: Any, field: int, values: list[int], *, relative: bool = False) -> None:
    """Overwrite a vector of a FlatBuffers table with fewer values; places of tables are kept relative to their own."""
    start = graph._tab.Vector(graph._tab.Offset(field))
    struct.pack_into("<I", content, start - 4, len(values))
    for place, value in zip(range(start, start + 4 * len(values), 4), values, strict=True):
        struct.pack_into("<i", content, place, value - place if relative else value)

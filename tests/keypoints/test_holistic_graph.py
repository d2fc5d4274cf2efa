"""The graph: nothing is run that pose and hands do not come from; that the rest is exact, test_keypoints.py says."""

from __future__ import annotations

from signfold.keypoints import holistic_graph
from signfold.keypoints.holistic_graph import tflite

PARTS_FOUND = {"pose_landmarks", "left_hand_landmarks", "right_hand_landmarks"}


def test_every_node_leads_to_pose_or_hands() -> None:
    nodes, names = holistic_graph._graph().node, holistic_graph._names
    used = PARTS_FOUND.union(*(names([*node.input_stream, *node.input_side_packet]) for node in nodes))
    assert [node.name for node in nodes if not used & names([*node.output_stream, *node.output_side_packet])] == []
    assert [node.name for node in nodes if "face" in node.name or "SegmentationCalc" in node.calculator] == []
    # The pose detector, the pose, and for each hand its place and the hand itself.
    assert sum(node.calculator.startswith("InferenceCalculator") for node in nodes) == 6


def shapes(model: bytes) -> list[list[int]]:
    """The shapes of a model's outputs."""
    graph = tflite.Model.GetRootAs(model).Subgraphs(0)
    return [graph.Tensors(tensor).ShapeAsNumpy().tolist() for tensor in graph.OutputsAsNumpy().tolist()]


def test_the_pose_model_draws_no_mask_and_keeps_the_rest() -> None:
    whole = (holistic_graph.PACKAGE / "modules/pose_landmark/pose_landmark_full.tflite").read_bytes()
    less = holistic_graph._pose_model()
    assert shapes(whole) == [[1, 195], [1, 1], [1, 256, 256, 1], [1, 64, 64, 39], [1, 117]]
    assert shapes(less) == [[1, 195], [1, 1], [1, 64, 64, 39], [1, 117]]
    assert len(operators(less)) == len(operators(whole)) - 46


def test_without_any_of_the_outputs_all_that_the_others_need_is_there_in_order() -> None:
    whole = (holistic_graph.PACKAGE / "modules/hand_landmark/hand_landmark_full.tflite").read_bytes()
    computed = {tensor for _, outputs in operators(whole) for tensor in outputs}
    for unwanted in range(4):
        less, made = holistic_graph.without_output(whole, unwanted), set()
        for inputs, outputs in operators(less):
            assert made >= computed & set(inputs)
            made |= set(outputs)
        assert made >= set(tflite.Model.GetRootAs(less).Subgraphs(0).OutputsAsNumpy().tolist())


def operators(model: bytes) -> list[tuple[list[int], list[int]]]:
    """The tensors that each operator of a model reads and writes, in the order in which they run."""
    graph = tflite.Model.GetRootAs(model).Subgraphs(0)
    each = [graph.Operators(place) for place in range(graph.OperatorsLength())]
    return [(operator.InputsAsNumpy().tolist(), operator.OutputsAsNumpy().tolist()) for operator in each]

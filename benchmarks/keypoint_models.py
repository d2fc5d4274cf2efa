"""Holistic's models: what each costs alone, and how often the graph runs it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

# Each model and the side of the picture that it takes, as MediaPipe's own graphs have them.
MODELS = {
    "pose_detection": ("pose_detection/pose_detection.tflite", 224),
    "pose_landmark": ("pose_landmark/pose_landmark_full.tflite", 256),
    "hand_recrop": ("holistic_landmark/hand_recrop.tflite", 256),
    "hand_landmark": ("hand_landmark/hand_landmark_full.tflite", 224),
}
ROUNDS = 60  # runs of a model behind its time
ALONE = """
input_stream: "image"
node {{
  calculator: "ImageToTensorCalculator"
  input_stream: "IMAGE:image"
  output_stream: "TENSORS:tensor"
  options {{ [mediapipe.ImageToTensorCalculatorOptions.ext] {{
    output_tensor_width: {side} output_tensor_height: {side} output_tensor_float_range {{ min: 0 max: 1 }} }} }}
}}
{inference}
"""
INFERENCE = """
node {{
  calculator: "InferenceCalculator"
  input_stream: "TENSORS:tensor"
  output_stream: "TENSORS:found"
  options {{ [mediapipe.InferenceCalculatorOptions.ext] {{
    model_path: "mediapipe/modules/{path}" delegate {{ xnnpack {{ num_threads: 1 }} }} }} }}
}}
"""


def cpu_of(action: Callable[[], object]) -> float:
    """Return the CPU seconds that an action takes in this process, all threads."""
    start = time.process_time()
    action()
    return time.process_time() - start


def model_ms() -> dict[str, float]:
    """Return the CPU milliseconds of one run of each model: a graph that runs it, less the same graph without."""
    import mediapipe as mp
    from mediapipe.python import CalculatorGraph, resource_util
    from mediapipe.python.packet_creator import create_image_frame

    resource_util.set_resource_dir(str(Path(mp.__file__).parent.parent))
    found = {}
    for name, (path, side) in MODELS.items():
        noise = np.random.default_rng(0).integers(0, 255, (side, side, 3), np.uint8)

        def rounds(graph: Any, start: int, noise: Any = noise) -> None:
            for step in range(start, start + ROUNDS):
                packet = create_image_frame(image_format=mp.ImageFormat.SRGB, data=noise).at(step)
                graph.add_packet_to_input_stream("image", packet)
                graph.wait_until_idle()

        times = {}
        for inference in (INFERENCE.format(path=path), ""):
            graph = CalculatorGraph(graph_config="num_threads: 1\n" + ALONE.format(side=side, inference=inference))
            graph.start_run({})
            rounds(graph, 0)
            times[bool(inference)] = cpu_of(lambda g=graph: rounds(g, ROUNDS))
            graph.close()
        found[name] = 1000 * (times[True] - times[False]) / ROUNDS
    return found


def model_runs(videos: Sequence[Path]) -> tuple[Counter[str], int]:
    """Return how often signfold's graph runs each model on some videos, and how many frames they have."""
    from mediapipe.framework.calculator_pb2 import CalculatorGraphConfig
    from mediapipe.python import CalculatorGraph, ImageFormat
    from mediapipe.python.packet_creator import create_image_frame

    from signfold.keypoints import holistic_graph, video

    with holistic_graph.solution(0.5, 0.5) as solution:
        config = CalculatorGraphConfig.FromString(solution._graph.binary_config)
        side_packets = solution._input_side_packets
    runs: Counter[str] = Counter()
    frames = 0
    for path in videos:
        graph = CalculatorGraph(graph_config=config)
        for node in config.node:
            if node.calculator.startswith("InferenceCalculator"):
                # What goes in: what comes out must have no other owner than the next node.
                stream = node.input_stream[0].split(":")[-1]
                graph.observe_output_stream(stream, lambda name, _: runs.update([_model(name)]), False)
        graph.start_run(side_packets)
        with video.opened(path) as opened:
            for _, image in opened.frames():
                if image is not None:
                    packet = create_image_frame(image_format=ImageFormat.SRGB, data=image).at(33_333 * frames + 1)
                    graph.add_packet_to_input_stream("image", packet)
                    graph.wait_until_idle()
                    frames += 1
        graph.close()
    return runs, frames


def _model(stream: str) -> str:
    """Name the model whose input a stream of the expanded graph carries."""
    for part, name in (
        ("posedetection", "pose_detection"),
        ("recrop", "hand_recrop"),
        ("poselandmark", "pose_landmark"),
    ):
        if part in stream:
            return name
    return "hand_landmark"

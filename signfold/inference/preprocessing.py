"""How a clip's keypoints become a tensor, in words and numbers for other languages, with clips to test against.

The steps are those of `tensors.build.clip_tensor` with a model's settings; a test does them anew from this alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from signfold import __version__
from signfold.core import versions
from signfold.core.clip import PARTS, Floats, Keypoints, seen
from signfold.core.settings import TensorSettings
from signfold.core.skeleton import FINGERS, HAND, PART_JOINTS, POSE, SIDES, layout, other_side
from signfold.inference.model import Model
from signfold.tensors.channels import TIPS
from signfold.tensors.hands import LOWERED, MORE, RESTING, TIMES
from signfold.tensors.normalise import LEAST_PALM, LEAST_WIDTH

VALUES = ("x", "y", "z", "visibility")
# Digits behind the point in the examples.
DIGITS = 7


def specification(model: Model) -> dict[str, Any]:
    """Return all that one must know to use a model's ONNX graph, ready for JSON.

    Parameters
    ----------
    model
        The model.

    Returns
    -------
    dict
        `keypoints` and `tensor` (what goes in and comes out), `steps` in their order, the `graph`, labels and
        threshold, and `examples`: keypoints with their tensor and the model's probabilities.
    """
    settings = model.tensors
    return {
        "format": "signfold preprocessing",
        "version": versions.TENSORS,
        "signfold": __version__,
        "keypoints": _keypoints(),
        "tensor": _tensor(settings),
        "steps": steps(settings),
        "graph": {
            "inputs": {
                "x": "float32 (clips, channels, frames, joints): tensors, with any number where a joint is missing",
                "mask": "float32 (clips, frames, joints): 1 where the joint is there, 0 where it is missing",
            },
            "outputs": {"probabilities": "float32 (clips, classes): calibrated, in the order of labels"},
        },
        "labels": list(model.labels),
        "glosses": list(model.glosses),
        "threshold": model.threshold,
        "threshold_text": "Below this probability of the likeliest class the sign is unknown.",
        "examples": [_example(model, name, clip) for name, clip in clips().items()],
    }


def _keypoints() -> dict[str, Any]:
    parts = {part: {"joints": PART_JOINTS[part], "values": VALUES[: PARTS[part][1]]} for part in PARTS}
    text = (
        "A clip has timestamps_ms (one a frame, any origin), aspect (height over width of the picture; 1 if unknown) "
        "and the parts: for each frame one list of values for each joint, or null where the part was not detected. x "
        "and y are shares of the picture's width and height, y downwards; z is in the scale of x. Left is the signer's "
        "left."
    )
    return {"text": text, "parts": parts, "mirror": [POSE.index(other_side(name)) for name in POSE]}


def _tensor(settings: TensorSettings) -> dict[str, Any]:
    joints = layout(settings.layout)
    return {
        "text": "float32 (channels, frames, joints); a joint is missing (null) in all channels of a frame or in none.",
        "channels": list(settings.channels),
        "frames": settings.frames,
        "joints": list(joints.joints),
    }


def steps(settings: TensorSettings) -> list[dict[str, Any]]:
    """Return the steps that keypoints go through, each with its numbers and a text."""
    found = [_trim(settings), _clock(), _use()]
    found += [_rest(settings)] if settings.idle_hand != "keep" else []
    found += [_mirror()] if settings.mirror_left_handed else []
    return [
        *found,
        *_measures(settings),
        _impute(settings),
        _points(settings),
        _channels(settings),
        _resample(settings),
    ]


def _trim(settings: TensorSettings) -> dict[str, Any]:
    text = "All frames are kept."
    if settings.trim == "sign":
        text = (
            "A wrist of the pose is raised in a frame if (y of the elbow - y of the wrist) · aspect > -lowered · w, "
            "for the left or the right arm, where w is the median over the clip's frames of the shoulders' distance in "
            "picture widths (y times aspect). Keep the frames from the first to the last in which a wrist is raised; "
            "all if none ever is. All following steps see these frames alone."
        )
    return {"step": "trim", "method": settings.trim, "lowered": LOWERED, "text": text}


def _clock() -> dict[str, Any]:
    text = "The time of a frame is its timestamp, or its number from 0 if the timestamps do not strictly increase."
    return {"step": "clock", "text": text}


def _use() -> dict[str, Any]:
    text = (
        "Use of a hand, left and right: the mean over the frames of 0 where the hand was not detected, else h, where h "
        "= 0.5 + (y of the pose's elbow of that side - y of the hand's wrist) · aspect / w, brought into 0 to 1, and 1 "
        "without a pose; w is the median over the frames of the distance between the pose's shoulders in picture "
        "widths (y times aspect). The dominant hand is the left one if left > times · right + more, else the right "
        "one."
    )
    return {"step": "use", "times": TIMES, "more": MORE, "text": text}


def _rest(settings: TensorSettings) -> dict[str, Any]:
    text = "The hand that is not dominant becomes missing in every frame."
    if settings.idle_hand == "mask":
        text = (
            "The hand that is not dominant becomes missing in every frame if its use is below resting and below half "
            "of the dominant hand's use."
        )
    return {"step": "rest", "method": settings.idle_hand, "resting": RESTING, "text": text}


def _mirror() -> dict[str, Any]:
    text = (
        "If the left hand is dominant, the clip is mirrored: x becomes 1 - x, the two hands change places, and joint i "
        "of the pose takes the values of joint mirror[i] (see keypoints)."
    )
    return {"step": "mirror", "text": text}


def _measures(settings: TensorSettings) -> list[dict[str, Any]]:
    knuckles = [HAND.index(f"{finger}_mcp") for finger in FINGERS[1:]]
    palm = (
        "The palm's length of each hand, over detections alone: the median, over frames and the joints `knuckles` of "
        "the hand together, of the distance (x, y · aspect, z) from the hand's wrist; at least `least`, and 1 for a "
        "hand that was never detected."
    )
    origin = (
        "From detections alone, in picture widths (y times aspect): unit is the median over the frames of the distance "
        "between the shoulders, origin the median over the frames of the point midway between them, x and y each. If "
        "unit is below `least` or there is no pose: take the box around all joints of both hands in all frames, or of "
        "the pose if no hand was detected; origin is its middle, unit its longer side, at least `least`."
    )
    if settings.normalise == "none":
        origin = "unit is 1."
    return [
        {"step": "origin", "method": settings.normalise, "least": LEAST_WIDTH, "text": origin},
        {"step": "palms", "knuckles": knuckles, "least": LEAST_PALM, "text": palm},
    ]


def _impute(settings: TensorSettings) -> dict[str, Any]:
    between = {
        "none": "Nothing is filled.",
        "hold": "A frame between two detections takes the values of the earlier one.",
        "linear": "A frame between two detections is interpolated linearly in time.",
        "pchip": (
            "A frame between two detections is on the monotone cubic through all detections (Fritsch and Carlson 1980; "
            "PCHIP of SciPy and MATLAB): with steps h[k] = t[k+1] - t[k] and slopes s[k] = (p[k+1] - p[k]) / h[k], the "
            "derivative at an inner detection k is 0 if s[k-1] · s[k] <= 0, else (w1 + w2) / (w1 / s[k-1] + w2 / "
            "s[k]), w1 = 2 h[k] + h[k-1], w2 = h[k] + 2 h[k-1]; at the first it is d = ((2 h[0] + h[1]) s[0] - h[0] "
            "s[1]) / (h[0] + h[1]), but 0 if d and s[0] differ in sign, and 3 s[0] if s[0] and s[1] differ in sign and "
            "|d| > 3 |s[0]|; at the last likewise, from the other end. Two detections are joined by a line."
        ),
    }[settings.imputation]
    ends = "Before the first and after the last detection the nearest one is repeated."
    if settings.edge_fill == "average":
        ends = (
            "Before that, the clip's first and last frame, where the part was not detected, get the mean over all "
            "detections of the part, and count as detections."
        )
    text = (
        "Each part (pose, left hand, right hand) by itself, every value alike: a part that was never detected stays "
        "missing."
        f"{between}" + ("" if settings.imputation == "none" else f" {ends}")
    )
    return {"step": "impute", "method": settings.imputation, "ends": settings.edge_fill, "text": text}


def _points(settings: TensorSettings) -> dict[str, Any]:
    names = list(PART_JOINTS["pose"]) + [f"{side}_hand_{joint}" for side in SIDES for joint in HAND]
    chosen = [names.index(joint) for joint in layout(settings.layout).joints]
    text = "Joints of the pose, the left hand, the right hand, one after another (75); take x, y, z of those numbered."
    if settings.normalise == "shoulders":
        text += " Then x = (x - origin x) / unit, y = (y · aspect - origin y) / unit, z = z / unit."
    return {"step": "points", "joints": chosen, "method": settings.normalise, "text": text}


def _channels(settings: TensorSettings) -> dict[str, Any]:
    joints = layout(settings.layout).joints
    wrists = [joints.index(f"{joint.split('_hand_')[0]}_hand_wrist") if "_hand_" in joint else -1 for joint in joints]
    sides = ["left" if joint.startswith("left_hand_") else "right" if "_hand_" in joint else None for joint in joints]
    text = (
        "x, y, z: as they are. x_wrist, y_wrist: minus those of the joint wrists[i], in the same frame. x_palm, "
        "y_palm: these over the palm's length / unit of the hand sides[i]. The channels in `tips`: the distance in "
        "(x_palm, y_palm) from the joint tips[channel][i]. Joints of no hand, -1 and null, are 0 in all of these but "
        "x, y, z, and missing where they are."
    )
    tips = {
        channel: [joints.index(f"{side}_hand_{tip}") if side else -1 for side in sides]
        for channel, tip in TIPS.items()
        if channel in settings.channels
    }
    order = list(settings.channels)
    return {"step": "channels", "order": order, "wrists": wrists, "sides": sides, "tips": tips, "text": text}


def _resample(settings: TensorSettings) -> dict[str, Any]:
    text = (
        "The tensor's frames are at times evenly spread from the first to the last frame's, both included (one frame "
        "is repeated). Between two frames a value is interpolated linearly in time; where it is missing in one of "
        "them, it is that of the nearer one (the later at the middle), which may be missing too."
    )
    if settings.resample == "pad":
        text = "The tensor's frames are the clip's first ones; frames after the clip's end are missing."
    return {"step": "resample", "method": settings.resample, "frames": settings.frames, "text": text}


def clips() -> dict[str, Keypoints]:
    """Return the keypoints of the examples: made-up movements with gaps, one right-handed, one left-handed."""
    return {"right-handed": _clip(14, "right", 640, 480), "left-handed": _clip(11, "left", 480, 640)}


def _clip(frames: int, side: str, width: int, height: int) -> Keypoints:
    """Return a person who waves with one hand; the other hangs and is seen at the start alone."""
    time = np.arange(frames)[:, None]
    joints = np.arange(len(POSE))[None]
    pose = np.stack([0.5 + 0.2 * np.cos(2 * joints), 0.5 + 0.3 * np.sin(3 * joints), 0.1 * np.cos(joints)], -1)
    pose = np.repeat(pose, frames, 0)
    waving = 0.05 * np.sin(0.9 * time + 0.3)
    hands = {}
    for name, x in (("left", 0.65), ("right", 0.35)):
        signs = name == side
        wrist = np.concatenate([x + signs * waving, (0.4 if signs else 0.85) + 0 * time, 0 * time], 1)
        for joint, place in (("shoulder", (x, 0.35)), ("elbow", (x, 0.6))):
            pose[:, POSE.index(f"{name}_{joint}"), :2] = place + 0.1 * waving
        pose[:, POSE.index(f"{name}_wrist"), :2] = wrist[:, :2]
        hands[name] = wrist[:, None] + _fingers(frames, x) * [1, 1, 0.5]
    hands[side][[0, 4, 5, frames - 1]] = np.nan
    hands["left" if side == "right" else "right"][2:] = np.nan
    pose[3] = np.nan
    visibility = np.where(np.isnan(pose[..., :1]), np.nan, 0.9)
    arrays = [np.concatenate([pose, visibility], -1), hands["left"], hands["right"]]
    body, left, right = (np.round(array, 4).astype(np.float32) for array in arrays)
    stamps = np.round(np.cumsum(33 + 7 * np.cos(time[:, 0])), 1)
    return Keypoints(stamps, body, left, right, width, height)


def _fingers(frames: int, phase: float) -> Floats:
    """Return the places of a hand's joints from its wrist, (frames, 21, 3)."""
    time, joint = np.arange(frames)[:, None], np.arange(len(HAND))[None]
    reach = 0.03 * np.minimum(joint, 1) * (1 + (joint - 1) % 4)
    angle = joint + 0.2 * np.sin(0.5 * time + phase)
    return np.stack([reach * np.sin(angle), -reach * np.cos(angle), 0.3 * reach + 0 * time], -1)


def _example(model: Model, name: str, clip: Keypoints) -> dict[str, Any]:
    tensor = model.tensor(clip)
    keypoints: dict[str, Any] = {"timestamps_ms": clip.timestamps_ms.tolist(), "aspect": clip.aspect}
    for part in PARTS:
        values = getattr(clip, part)
        keypoints[part] = [
            _numbers(frame) if there else None for frame, there in zip(values, seen(values), strict=True)
        ]
    said = [round(float(value), DIGITS) for value in model.probabilities(tensor)]
    return {"name": name, "keypoints": keypoints, "tensor": _numbers(tensor), "probabilities": said}


def _numbers(values: Floats) -> list[Any]:
    """Return an array as nested lists, with null for NaN."""
    if values.ndim > 1:
        return [_numbers(each) for each in values]
    return [None if np.isnan(value) else round(float(value), DIGITS) for value in values]

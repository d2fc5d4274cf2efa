"""From keypoints to what the network sees: float32 (N, C, T, V), NaN where a joint is missing.

The steps of a clip: trimming, dominant hand, resting hand, imputation, normalisation, channels, resampling. No step
depends on other clips. A joint is missing in all channels of a frame or in none. Pose joints of low visibility keep the
place that MediaPipe gives them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from signfold.core import versions
from signfold.core.clip import PARTS, Floats, Keypoints, read_shard, seen
from signfold.core.files import atomic_write, file_sha256, read_metadata, write_parquet
from signfold.core.made_with import FRAMES_SHA256, check_made_with, keypoint_options
from signfold.core.settings import TensorSettings
from signfold.core.skeleton import JOINTS, SIDES, layout
from signfold.tensors.channels import channels_of
from signfold.tensors.hands import mirror_clip, signing, use_of_hands, without
from signfold.tensors.imputation import impute, longest_gap
from signfold.tensors.normalise import normalise, palm_length, reference
from signfold.tensors.resample import clock, pad, uniform
from signfold.tensors.shards import SHA256

TABLE_SCHEMA = pa.schema(
    [
        ("sample_id", pa.string()),
        ("sha256", pa.string()),
        ("frames", pa.int32()),
        ("duration_ms", pa.float64()),
        ("seen_left", pa.float32()),
        ("seen_right", pa.float32()),
        ("seen_any", pa.float32()),
        ("imputed_left", pa.float32()),
        ("imputed_right", pa.float32()),
        ("resting_left", pa.bool_()),
        ("resting_right", pa.bool_()),
        ("longest_gap", pa.int32()),
        ("mirrored", pa.bool_()),
        ("first_frame", pa.int32()),
        ("last_frame", pa.int32()),
    ]
)


def impute_parts(keypoints: Keypoints, times: Floats, settings: TensorSettings) -> Keypoints:
    """Return the clip with the missing frames of every part filled.

    Parameters
    ----------
    keypoints
        Keypoints of T frames, as detected.
    times
        (T,) time of each frame, strictly increasing.
    settings
        Method between detections, and filling at the clip's ends.
    """
    parts: dict[str, Any] = {
        part: impute(getattr(keypoints, part), times, settings.imputation, settings.edge_fill) for part in PARTS
    }
    return replace(keypoints, **parts)


def clip_tensor(keypoints: Keypoints, settings: TensorSettings) -> tuple[Floats, dict[str, Any]]:
    """Return a clip's tensor, and the facts of the table.

    Parameters
    ----------
    keypoints
        Keypoints of T frames, at least one, as detected.
    settings
        Options of the tensors.

    Returns
    -------
    tensor
        (C, T, V) float32.
    facts
        The columns of `TABLE_SCHEMA` without name and digest. Left and right are the signer's own, also where the clip
        was mirrored.
    """
    span = signing(keypoints) if settings.trim == "sign" else slice(0, len(keypoints))
    sign = keypoints[span]
    times = clock(sign.timestamps_ms)
    use = use_of_hands(sign)
    resting = {"keep": (), "mask": use.resting, "mask_other": (use.other,)}[settings.idle_hand]
    mirrored = settings.mirror_left_handed and use.dominant == "left"
    shown = without(sign, resting)
    facts = {
        **_facts(keypoints, settings),
        "mirrored": mirrored,
        "first_frame": span.start,
        "last_frame": span.stop - 1,
    }
    facts |= {f"resting_{side}": side in use.resting for side in SIDES}
    shown = mirror_clip(shown) if mirrored else shown
    values = _joints_in_time(shown, times, settings)
    fit = uniform(values, times, settings.frames) if settings.resample == "uniform" else pad(values, settings.frames)
    return fit.astype(np.float32), facts


def _joints_in_time(keypoints: Keypoints, times: Floats, settings: TensorSettings) -> Floats:
    """Return the (C, T, V) channels of a clip's own T frames, imputed and normalised."""
    joints = layout(settings.layout).joints
    filled = impute_parts(keypoints, times, settings)
    points = np.concatenate([filled.pose[..., :3], filled.left_hand, filled.right_hand], axis=1)
    points = points[:, [JOINTS.index(joint) for joint in joints]]
    unit = 1.0
    if settings.normalise == "shoulders":
        frame = reference(keypoints)
        points, unit = normalise(points, frame), frame.unit
    palms = {side: palm_length(keypoints, side) / unit for side in SIDES}
    return channels_of(points, joints, settings.channels, palms)


def _facts(keypoints: Keypoints, settings: TensorSettings) -> dict[str, Any]:
    """Return the facts of a clip before mirroring: length, and detections of the signer's own left and right hand."""
    hands = {side: seen(keypoints.hand(side)) for side in SIDES}
    facts: dict[str, Any] = {
        "frames": len(keypoints),
        "duration_ms": float(keypoints.timestamps_ms[-1] - keypoints.timestamps_ms[0]),
        "seen_any": (hands["left"] | hands["right"]).mean(),
        "longest_gap": max(longest_gap(known) for known in hands.values()),
    }
    for side, known in hands.items():
        facts[f"seen_{side}"] = known.mean()
        filled = settings.imputation != "none" or not known.any()
        facts[f"imputed_{side}"] = 1 - known.mean() if filled else 0.0
    return facts


def build_tensors(
    keypoints_file: str | Path,
    videos_file: str | Path,
    out_npy: str | Path,
    out_table: str | Path,
    settings: TensorSettings,
    keypoint_settings: Mapping[str, Any] | None = None,
) -> None:
    """Write the tensors of a shard's usable clips, and the table that names their rows.

    Parameters
    ----------
    keypoints_file, videos_file
        Paths of `keypoints/{shard}.parquet` and `keypoints/{shard}.videos.parquet`.
    out_npy
        Path of the float32 array (N, C, T, V), clips in the order of the shard; N may be 0.
    out_table
        Path of the table with N rows of `TABLE_SCHEMA` in the same order. Its metadata has layout, joints, channels,
        frames, settings, the options of the keypoints, and the SHA-256 of the array's and of the keypoints' file.
    settings
        Options of the tensors.
    keypoint_settings
        Options that the keypoints must have been made with; None for any.

    Raises
    ------
    SignfoldError
        If the keypoints were made with other options, or a clip with status `ok` has no frame in the keypoints file.
    """
    keypoints = read_metadata(videos_file)
    check_made_with(videos_file, keypoint_options(keypoints), keypoint_settings or {}, "keypoints")
    tensors: list[Floats] = []
    rows: list[dict[str, Any]] = []
    for clip in read_shard(keypoints_file, videos_file):
        if clip.usable:
            tensor, facts = clip_tensor(clip.keypoints, settings)
            tensors.append(tensor)
            rows.append({"sample_id": clip.sample_id, "sha256": clip.sha256, **facts})
    joints = layout(settings.layout).joints
    shape = (len(tensors), len(settings.channels), settings.frames, len(joints))
    with atomic_write(out_npy) as temporary:
        with temporary.open("wb") as file:
            np.save(file, np.array(tensors, dtype=np.float32).reshape(shape))
        sha256 = file_sha256(temporary)
    metadata = {
        "version": versions.TENSORS,
        "settings": asdict(settings),
        "layout": settings.layout,
        "frames": settings.frames,
        "keypoints": keypoint_options(keypoints),
        FRAMES_SHA256: keypoints[FRAMES_SHA256],
    }
    metadata |= {"joints": list(joints), "channels": list(settings.channels)}
    write_parquet(pa.Table.from_pylist(rows, schema=TABLE_SCHEMA), out_table, metadata | {SHA256: sha256})

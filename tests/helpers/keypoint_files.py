"""Keypoints of an invented signer, and files of them as others would leave them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from signfold.core.clip import PARTS, Floats, Keypoints
from signfold.core.skeleton import POSE

FPS = 30.0


def invented(frames: int = 12, seed: int = 0, gaps: float = 0.3) -> Keypoints:
    """A clip with hands at the pose's wrists; the hands are missing in a share of the frames."""
    rng = np.random.default_rng(seed)
    parts = {part: rng.uniform(0.2, 0.8, (frames, *shape)).astype(np.float32) for part, shape in PARTS.items()}
    for side, x in (("left", 0.65), ("right", 0.35)):
        parts["pose"][:, POSE.index(f"{side}_shoulder"), :2] = x, 0.4
        wrist = parts["pose"][:, POSE.index(f"{side}_wrist"), :2]
        parts[f"{side}_hand"][..., :2] = wrist[:, None] + rng.normal(0, 0.01, (frames, 21, 2))
        parts[f"{side}_hand"][rng.random(frames) < gaps] = np.nan
    return Keypoints(np.arange(frames) * 1000.0 / FPS, **parts)


def flat(keypoints: Keypoints, parts: Sequence[tuple[str, int]]) -> Floats:
    """The values of each frame in the order of `parts`, (name, values of a joint), zero where missing; any face."""
    blocks = {part: getattr(keypoints, part) for part in PARTS}
    blocks["face"] = np.random.default_rng(9).uniform(0.4, 0.6, (len(keypoints), 468, 3)).astype(np.float32)
    return np.concatenate([np.nan_to_num(blocks[name][..., :n]).reshape(len(keypoints), -1) for name, n in parts], 1)


HANDS = (("left_hand", 3), ("right_hand", 3))
VALUES_1662 = (("pose", 4), ("face", 3), *HANDS)
VALUES_258 = (("pose", 4), *HANDS)
KAGGLE_1629 = (("face", 3), ("left_hand", 3), ("pose", 3), ("right_hand", 3))
HOLISTIC_1629 = (("pose", 3), ("face", 3), *HANDS)


def write_npz(file: Path, clips: Sequence[Keypoints], **others: Floats) -> Path:
    """One file of clips with 258 values a frame, as in ../shared/data/holistic33."""
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(file, sequences=np.stack([flat(clip, VALUES_258) for clip in clips]), **others)
    return file


def write_kaggle(file: Path, keypoints: Keypoints, numbers: Sequence[int]) -> Path:
    """One row for each landmark of each frame, shuffled; face rows are there too."""
    rows = []
    for number, frame in zip(numbers, range(len(keypoints)), strict=True):
        for part in PARTS:
            points = getattr(keypoints, part)[frame, :, :3].astype(float)
            rows += [(number, part, joint, *xyz) for joint, xyz in enumerate(points)]
        rows.append((number, "face", 467, 0.5, 0.5, 0.0))
    order = np.random.default_rng(0).permutation(len(rows))
    columns = list(zip(*(rows[place] for place in order), strict=True))
    names = ["frame", "type", "landmark_index", "x", "y", "z"]
    types = [pa.int16(), pa.string(), pa.int16(), pa.float64(), pa.float64(), pa.float64()]
    table = {name: pa.array(values, kind) for name, values, kind in zip(names, columns, types, strict=True)}
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(table), file)
    return file


def assert_same(found: Keypoints, expected: Keypoints, visibility: bool = True, tolerance: float = 0.0) -> None:
    np.testing.assert_allclose(found.timestamps_ms, expected.timestamps_ms, atol=1e-9)
    for part in PARTS:
        values = None if visibility else 3
        ours, theirs = getattr(found, part)[..., :values], getattr(expected, part)[..., :values]
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance, equal_nan=True)

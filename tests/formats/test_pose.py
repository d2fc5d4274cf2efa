"""`.pose` files: read by the names of their points, written so that pose-format masks what was not detected."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from keypoint_files import assert_same, invented

from signfold.core.clip import Keypoints, empty_keypoints
from signfold.core.errors import SignfoldError, UnreadableFile
from signfold.core.skeleton import PART_JOINTS
from signfold.formats import pose
from signfold.formats.pose import COMPONENTS, confidence, pose_bytes


def test_a_pose_file_is_read_by_the_names_of_its_points(tmp_path: Path) -> None:
    """As pose-format's own tool leaves it: more components, another order, pixels, confidence."""
    formats = pytest.importorskip("pose_format", reason="pose-format is not installed")
    from pose_format.numpy import NumPyPoseBody
    from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions

    clip = invented(6)
    blocks = {name: getattr(clip, part) for part, name in COMPONENTS.items()}
    blocks["FACE_LANDMARKS"] = np.ones((6, 2, 3), np.float32)
    order = ["RIGHT_HAND_LANDMARKS", "FACE_LANDMARKS", "POSE_LANDMARKS", "LEFT_HAND_LANDMARKS"]
    names = {COMPONENTS[part]: [j.upper() for j in joints] for part, joints in PART_JOINTS.items()}
    names["FACE_LANDMARKS"] = ["0", "1"]
    components = [PoseHeaderComponent(name, names[name], [], [(1, 2, 3)], "XYZC") for name in order]
    points = np.concatenate([blocks[name][..., :3] * np.float32([320, 240, 1]) for name in order], axis=1)
    trust = (~np.isnan(points[..., 0])).astype(np.float32)
    # Whatever stands where there is no confidence, it is no detection.
    body = NumPyPoseBody(25.0, np.nan_to_num(points, nan=7.0)[:, None], trust[:, None])
    with (tmp_path / "a.pose").open("wb") as stream:
        formats.Pose(PoseHeader(0.2, PoseHeaderDimensions(320, 240), components), body).write(stream)
    found = pose.read(tmp_path / "a.pose")
    assert (found.width, found.height, found.fps) == (320, 240, 25.0)
    times = np.arange(6) * 40.0
    assert_same(found, Keypoints(times, clip.pose, clip.left_hand, clip.right_hand), False, 1e-6)
    np.testing.assert_array_equal(found.pose[..., 3], 1)


def test_pose_files_that_do_not_fit_are_named(tmp_path: Path) -> None:
    pytest.importorskip("pose_format", reason="pose-format is not installed")
    from pose_format import Pose
    from pose_format.numpy import NumPyPoseBody
    from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions

    whole = pose_bytes(replace(invented(3), width=10, height=10, fps=25.0))
    for name, data in (("cut", whole[:-100]), ("short", whole[:50]), ("empty", b""), ("text", b"hello " * 99)):
        (tmp_path / f"{name}.pose").write_bytes(data)
        with pytest.raises(UnreadableFile, match=rf"{name}\.pose: "):
            pose.read(tmp_path / f"{name}.pose")
    header = PoseHeader(0.2, PoseHeaderDimensions(9, 9), [PoseHeaderComponent("BODY_25", ["NOSE"], [], [], "XYZC")])
    with (tmp_path / "openpose.pose").open("wb") as stream:
        Pose(header, NumPyPoseBody(25.0, np.ones((2, 1, 1, 3)), np.ones((2, 1, 1)))).write(stream)
    with pytest.raises(SignfoldError, match=r"found BODY_25 \(1 points\); expected MediaPipe Holistic"):
        pose.read(tmp_path / "openpose.pose")


def test_a_clip_comes_back_from_its_bytes_with_size_and_frame_rate(tmp_path: Path) -> None:
    pytest.importorskip("pose_format", reason="pose-format is not installed")
    clip = replace(invented(), width=320, height=240, fps=30.0)
    (tmp_path / "a.pose").write_bytes(pose_bytes(clip))
    found = pose.read(tmp_path / "a.pose")
    assert_same(found, clip, tolerance=1e-6)
    assert (found.width, found.height, found.fps) == (320, 240, 30.0)


def test_a_clip_without_frames_is_refused() -> None:
    pytest.importorskip("pose_format", reason="pose-format is not installed")
    with pytest.raises(SignfoldError, match="needs one frame"):
        pose_bytes(empty_keypoints())


def test_confidence_is_the_visibility_one_where_unknown_and_zero_where_missing() -> None:
    clip = invented(3, gaps=0)
    clip.pose[0] = np.nan
    clip.pose[1, :, 3] = np.nan
    clip.left_hand[2] = np.nan
    found = confidence(clip, "pose")
    np.testing.assert_array_equal(found[:2], [[0.0] * 33, [1.0] * 33])
    np.testing.assert_array_equal(found[2], clip.pose[2, :, 3])
    np.testing.assert_array_equal(confidence(clip, "left_hand")[:, 0], [1, 1, 0])


def test_a_joint_that_is_hidden_altogether_is_not_a_missing_one() -> None:
    clip = invented(2)
    clip.pose[..., 3] = 0
    assert (confidence(clip, "pose") > 0).all()

"""MediaPipe arrays: every order of values gives the same clip, and zeros are missing parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from keypoint_files import HOLISTIC_1629, KAGGLE_1629, VALUES_258, VALUES_1662, assert_same, flat, invented, write_npz

from signfold.core.errors import UnreadableFile
from signfold.dataset.keypoint_files import ImportSettings
from signfold.formats import numpy_arrays


@pytest.mark.parametrize(
    ("parts", "order", "visibility"),
    [
        (VALUES_1662, "kaggle", True),
        (VALUES_258, "kaggle", True),
        (KAGGLE_1629, "kaggle", False),
        (HOLISTIC_1629, "holistic", False),
    ],
)
def test_every_order_of_values_gives_the_same_clip(
    tmp_path: Path, parts: tuple[tuple[str, int], ...], order: str, visibility: bool
) -> None:
    clip = invented()
    np.save(tmp_path / "a.npy", flat(clip, parts))
    found = numpy_arrays.read(tmp_path / "a.npy", "a", ImportSettings("npy", order=order))[0]
    assert_same(found, clip, visibility)
    assert visibility or np.isnan(found.pose[..., 3]).all()


def test_points_on_an_axis_of_their_own_are_the_same(tmp_path: Path) -> None:
    clip = invented()
    np.save(tmp_path / "a.npy", flat(clip, KAGGLE_1629).reshape(len(clip), 543, 3).astype(np.float64))
    assert_same(numpy_arrays.read(tmp_path / "a.npy", "a", ImportSettings("npy"))[0], clip, visibility=False)


def test_nan_is_missing_as_zero_is(tmp_path: Path) -> None:
    clip = invented()
    values = flat(clip, KAGGLE_1629)
    np.save(tmp_path / "a.npy", np.where(values == 0, np.nan, values))
    assert_same(numpy_arrays.read(tmp_path / "a.npy", "a", ImportSettings("npy"))[0], clip, visibility=False)


def test_a_missing_joint_is_missing_alone_unless_it_is_the_first(tmp_path: Path) -> None:
    values = flat(invented(3, gaps=0), VALUES_258)
    values[1, 4 * 30 : 4 * 30 + 3] = 0
    values[2, :3] = 0
    np.save(tmp_path / "a.npy", values)
    pose = numpy_arrays.read(tmp_path / "a.npy", "a", ImportSettings("npy"))[0].pose
    assert np.isnan(pose).sum(axis=(1, 2)).tolist() == [0, 4, 33 * 4]
    assert np.isnan(pose[1, 30]).all()


def test_a_clip_of_many_has_size_and_frame_rate_of_the_settings_and_its_own_bytes(tmp_path: Path) -> None:
    clips = [invented(seed=seed) for seed in range(3)]
    write_npz(tmp_path / "a.npz", clips)
    found, size = numpy_arrays.read(tmp_path / "a.npz", "hello/a/2", ImportSettings("npz", (640, 480), 25.0))
    assert (found.width, found.height, found.fps) == (640, 480, 25.0)
    np.testing.assert_allclose(found.timestamps_ms, np.arange(12) * 40.0)
    np.testing.assert_array_equal(found.left_hand, clips[2].left_hand)
    assert size == 12 * 258 * 4


def test_a_folder_of_frames_keeps_the_gaps_between_their_numbers(tmp_path: Path) -> None:
    for number in (10, 2, 3):
        np.save(tmp_path / f"frame_{number}.npy", np.full(258, number, np.float32))
    found, size = numpy_arrays.read(tmp_path, "a", ImportSettings("npy", fps=10.0))
    assert found.timestamps_ms.tolist() == [0, 100, 800]
    assert found.pose[:, 0, 0].tolist() == [2, 3, 10]
    assert size == 3 * 258 * 4
    np.save(tmp_path / "last.npy", np.zeros(258, np.float32))
    with pytest.raises(UnreadableFile, match=r"last\.npy: no frame number in the name"):
        numpy_arrays.read(tmp_path, "a", ImportSettings("npy"))


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((5, 258), np.float32))
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:200])
    with pytest.raises(UnreadableFile, match=r"a\.npy: damaged .* copy it again"):
        numpy_arrays.read(tmp_path / "a.npy", "a", ImportSettings("npy"))

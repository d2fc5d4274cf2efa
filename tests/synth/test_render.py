"""Promises of rendered sets of clips: names, bytes, truth, and that MediaPipe sees what is drawn."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from signfold.core.errors import SignfoldError
from signfold.core.files import read_metadata, read_parquet, write_parquet
from signfold.core.skeleton import HAND, POSE, SIDES
from signfold.dataset.synthetic import MADE, TRUTH, synthetic_clips
from signfold.synth import SynthSettings, clip_names, scene
from signfold.synth.flaws import flaws
from signfold.synth.motion import FEWEST_FRAMES, MOST_FRAMES
from signfold.synth.render import render
from signfold.synth.signers import signer

SMALL = SynthSettings(signs=2, signers=1, takes=1, seed=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("synth") / "clips"
    render(out, SMALL)
    return out


def frames(path: Path) -> list[np.ndarray]:
    video, pictures = cv2.VideoCapture(str(path)), []
    while (read := video.read())[0]:
        pictures.append(read[1])
    return pictures


def truth(folder: Path, column: str) -> np.ndarray:
    table = read_parquet(folder / TRUTH)
    return np.array(table[column].combine_chunks().flatten()).reshape(len(table), -1, 2)


def test_names_are_those_of_the_files(folder):
    assert sorted(path.name for path in folder.iterdir()) == sorted([*clip_names(SMALL), TRUTH, MADE])


def test_same_bytes_and_times_from_any_number_of_workers(folder, tmp_path):
    render(tmp_path, SMALL, workers=2)
    for name in clip_names(SMALL):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
        assert (tmp_path / name).stat().st_mtime == (folder / name).stat().st_mtime
    assert (tmp_path / TRUTH).read_bytes() == (folder / TRUTH).read_bytes()


def test_opencv_reads_the_clips_back(folder):
    table = read_parquet(folder / TRUTH).to_pandas()
    for name in clip_names(SMALL):
        pictures = frames(folder / name)
        assert cv2.VideoCapture(str(folder / name)).get(cv2.CAP_PROP_FPS) == 30
        assert FEWEST_FRAMES <= len(pictures) <= MOST_FRAMES
        assert {picture.shape for picture in pictures} == {(720, 960, 3)}
        rows = table[table.sample_id == name.removesuffix(".mp4")]
        assert rows.frame.tolist() == list(range(len(pictures)))


def test_truth_says_what_it_holds(folder):
    metadata = read_metadata(folder / TRUTH)
    assert metadata["settings"] == {"signs": 2, "signers": 1, "takes": 1, "seed": 3, "planted": False}
    assert metadata["planted"] == []
    assert metadata["pose"] == list(POSE) and metadata["hand"] == list(HAND)


def test_true_pose_and_hands_agree(folder):
    pose = truth(folder, "pose")
    for side in SIDES:
        np.testing.assert_array_equal(pose[:, POSE.index(f"{side}_wrist")], truth(folder, f"{side}_hand")[:, 0])
    drawn = {name for v, name in enumerate(POSE) if not np.isnan(pose[:, v]).any()}
    assert set(POSE) - drawn == {name for name in POSE if name.split("_")[1:] and name.split("_")[1] in (
        "hip", "knee", "ankle", "heel", "foot")}  # fmt: skip
    # The signer faces the camera: their left is on the right of the picture.
    assert (pose[:, POSE.index("left_shoulder"), 0] > pose[:, POSE.index("right_shoulder"), 0]).all()
    assert (pose[:, POSE.index("left_eye"), 0] > pose[:, POSE.index("right_eye"), 0]).all()


def test_hands_are_drawn_where_the_truth_has_them(folder):
    """The palm's middle has the colour of skin, in a clip as OpenCV decodes it."""
    dominant = "left" if signer(SMALL.seed, 1).left_handed else "right"
    table = read_parquet(folder / TRUTH)
    rows = [i for i, name in enumerate(table["sample_id"].to_pylist()) if name.endswith("_1")]
    palm = truth(folder, f"{dominant}_hand")[rows][:, [0, 5, 17]].mean(axis=1)
    pictures = frames(folder / clip_names(SMALL)[0])
    who = scene.actor(signer(SMALL.seed, 1))
    for frame in range(len(rows) * 2 // 5, len(rows) * 3 // 5):
        x, y = (palm[frame] * [960, 720]).round().astype(int)
        seen = pictures[frame][y, x].astype(float)
        expected = who.paint.palm
        assert np.abs(seen / seen.sum() - expected / expected.sum()).max() < 0.06


def test_no_workers_is_an_error(tmp_path):
    with pytest.raises(SignfoldError, match="workers"):
        render(tmp_path, SMALL, workers=0)


def test_a_file_instead_of_a_folder_is_an_error(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(SignfoldError, match="cannot make this folder"):
        render(tmp_path / "out", SMALL)


def test_a_rerun_removes_only_what_an_earlier_run_made(tmp_path, monkeypatch):
    monkeypatch.setattr("signfold.synth.render._write_video", lambda path, people, clip: path.write_bytes(b""))
    render(tmp_path, SynthSettings(signs=2, signers=2, takes=1))
    (tmp_path / "mine.mp4").write_bytes(b"")
    render(tmp_path, SynthSettings(signs=2, signers=1, takes=1))
    expected = [*clip_names(SynthSettings(signs=2, signers=1, takes=1)), TRUTH, MADE, "mine.mp4"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(expected)


def test_other_settings_have_another_time(tmp_path, monkeypatch):
    monkeypatch.setattr("signfold.synth.render._write_video", lambda path, people, clip: path.write_bytes(b""))
    times = []
    for seed in (0, 1):
        render(tmp_path, SynthSettings(1, 1, 1, seed))
        times.append((tmp_path / clip_names(SynthSettings(1, 1, 1))[0]).stat().st_mtime)
    assert times[0] != times[1]


def test_a_foreign_truth_is_left_alone(tmp_path):
    write_parquet(pa.table({"sample_id": ["x"]}), tmp_path / TRUTH)
    with pytest.raises(SignfoldError, match="not made by signfold synth"):
        render(tmp_path, SMALL)


def test_a_failed_clip_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(path, people, clip):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr("signfold.synth.render._write_video", fail)
    with pytest.raises(OSError, match="disk full"):
        render(tmp_path, SMALL)
    assert [path.name for path in tmp_path.iterdir()] == [MADE]


@pytest.mark.slow
def test_holistic_sees_what_was_drawn(folder):
    """Real MediaPipe finds the person and the signing hand, on the right side and at the right place."""
    from mediapipe.python.solutions.holistic import Holistic

    dominant = "left" if signer(SMALL.seed, 1).left_handed else "right"
    name = clip_names(SMALL)[0]
    rows = [
        i for i, sample in enumerate(read_parquet(folder / TRUTH)["sample_id"].to_pylist()) if f"{sample}.mp4" == name
    ]
    hand = truth(folder, f"{dominant}_hand")[rows]
    signs = scene.parts(synthetic_clips(SMALL)[0], SMALL)[0].act.arms[dominant].active
    active = np.flatnonzero(signs)[2:-1]
    poses, errors = 0, []
    with Holistic() as model:
        for frame, picture in enumerate(frames(folder / name)):
            found = model.process(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
            poses += found.pose_landmarks is not None
            joints = getattr(found, f"{dominant}_hand_landmarks")
            if frame in active and joints:
                seen = np.array([[point.x, point.y] for point in joints.landmark])
                errors.append(np.median(np.linalg.norm((seen - hand[frame]) * [1, 0.75], axis=1)))
    assert poses >= 0.9 * len(rows)
    assert len(errors) >= 0.6 * len(active)
    assert np.median(errors) < 0.02


PLANTED = SynthSettings(signs=2, signers=2, takes=1, seed=0, planted=True)


@pytest.fixture(scope="module")
def planted(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("planted")
    render(out, PLANTED)
    return out


def test_planted_flaws_are_in_the_files(planted):
    assert sorted(path.name for path in planted.iterdir()) == sorted([*clip_names(PLANTED), TRUTH, MADE])
    assert [flaw["kind"] for flaw in read_metadata(planted / TRUTH)["planted"]] == [f.kind for f in flaws(PLANTED)]
    sizes = {}
    for flaw in flaws(PLANTED):
        path, other = planted / f"{flaw.name}.mp4", planted / f"{flaw.other}.mp4"
        if flaw.kind == "copy":
            assert path.read_bytes() == other.read_bytes()
        elif flaw.kind == "reencoded":
            sizes = {name: frames(name) for name in (path, other)}
            assert sizes[path][0].shape == (540, 720, 3) and len(sizes[other]) == len(sizes[path])
        elif flaw.kind == "unreadable":
            assert path.stat().st_size > 1000 and frames(path) == []
    assert sizes


def test_flawed_clips_are_the_same_from_any_number_of_workers(planted, tmp_path):
    render(tmp_path, PLANTED, workers=2)
    for path in sorted(planted.iterdir()):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()


def test_true_joints_are_those_of_the_frames_that_are_there(planted):
    table = read_parquet(planted / TRUTH).to_pandas()
    counts = table["sample_id"].value_counts()
    broken = {flaw.name for flaw in flaws(PLANTED) if flaw.kind == "unreadable"}
    for name in clip_names(PLANTED):
        sample = name.removesuffix(".mp4")
        assert counts.get(sample, 0) == (0 if sample in broken else len(frames(planted / name)))

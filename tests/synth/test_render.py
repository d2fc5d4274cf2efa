"""What the synthetic signers promise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signfold.core.errors import SignfoldError
from signfold.core.files import read_metadata, read_parquet, write_parquet
from signfold.core.skeleton import HAND, POSE, SIDES
from signfold.dataset.synthetic import MADE, MOST_SIGNS, TRUTH, clips
from signfold.synth import SynthSettings, clip_names, relief, scene
from signfold.synth.motion import ENDS, FEWEST_FRAMES, MOST_FRAMES
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


def test_names_are_known_without_drawing():
    code = "import sys, signfold.dataset.synthetic as n; n.clip_names(n.SynthSettings())"
    code += "; print({'cv2', 'numpy'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_names_are_those_of_the_files(folder):
    assert sorted(path.name for path in folder.iterdir()) == sorted([*clip_names(SMALL), TRUTH, MADE])


def test_names_follow_the_pattern_of_vsl():
    named = clips(SynthSettings(signs=3, signers=2, takes=2))
    assert len({clip.name for clip in named}) == len(named) == 12
    for clip in named:
        assert int(clip.name.split("_")[0]) == clip.signer
        assert int(clip.sample_id.rsplit("_", 1)[1]) == clip.sign
        assert f"_ord{clip.take}_" in clip.name
    assert "01_Synth_1-3_1-2_0002___center_device01_signer01_center_ord1_2.mp4" in clip_names(SynthSettings(signs=3))


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
    assert metadata["settings"] == {"signs": 2, "signers": 1, "takes": 1, "seed": 3}
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
    who = scene.actor(SMALL.seed, 1)
    for frame in range(len(rows) * 2 // 5, len(rows) * 3 // 5):
        x, y = (palm[frame] * [960, 720]).round().astype(int)
        seen = pictures[frame][y, x].astype(float)
        expected = who.paint.palm
        assert np.abs(seen / seen.sum() - expected / expected.sum()).max() < 0.06


def performances(signers: range) -> dict[tuple[int, int], scene.Performance]:
    return {(n, s): scene.take(SynthClip(n, s, 1, ""), 0) for n in signers for s in range(1, len(GLOSSES) + 1)}


def test_signing_hands_stay_in_the_picture_and_rest_below():
    for act in performances(range(1, 13)).values():
        assert any(arm.active.any() for arm in act.arms.values())
        for arm in act.arms.values():
            joints = arm.joints[arm.active]
            assert (joints[..., 0] > 0).all() and (joints[..., 0] < 960).all()
            assert (joints[..., 1] > 0).all() and (joints[..., 1] < 720).all()
            assert (arm.joints[[0, -1], :, 1].mean(axis=1) > 600).all()


def test_bones_keep_their_length():
    for act in performances(range(1, 3)).values():
        for arm in act.arms.values():
            bones = [
                np.linalg.norm(arm.elbow - arm.shoulder, axis=1),
                np.linalg.norm(arm.joints[:, 0] - arm.elbow, axis=1),
            ]
            bones += [np.linalg.norm(arm.joints[:, v] - arm.joints[:, v - 1], axis=1) for v in (3, 4, 6, 7, 8, 18, 20)]
            for bone in bones:
                np.testing.assert_allclose(bone, bone[0], rtol=1e-6)


def test_one_signer_in_six_is_left_handed():
    for first in (1, 4):
        assert sum(signer(5, first + n).left_handed for n in range(6)) == 1
    for number in range(1, 7):
        arms = scene.take(SynthClip(number, 1, 1, ""), 0).arms
        dominant = "left" if signer(0, number).left_handed else "right"
        assert [side for side in SIDES if arms[side].active.any()] == [dominant]


def test_signers_are_the_same_whoever_else_there_is_and_differ():
    assert signer(0, 3) == signer(0, 3)
    looks = {(person.skin, person.shirt, person.hair, person.unit) for person in (signer(0, n) for n in range(1, 9))}
    assert len(looks) == 8
    assert signer(0, 1) != signer(1, 1)


def described(act: scene.Performance) -> np.ndarray:
    """Both hands over 16 moments, relative to the shoulders, the dominant hand first."""
    dominant = next(side for side in SIDES[::-1] if act.arms[side].active.any())
    sides = (dominant, "left" if dominant == "right" else "right")
    middle = np.mean([arm.shoulder[0] for arm in act.arms.values()], axis=0)
    width = abs(act.arms["left"].shoulder[0, 0] - act.arms["right"].shoulder[0, 0])
    moments = np.linspace(0, act.frames - 1, 16).round().astype(int)
    hands = np.stack([act.arms[side].joints[moments] - middle for side in sides])[..., :2] / width
    return hands * [1 if dominant == "right" else -1, 1]


def test_signs_can_be_told_apart_on_signers_never_seen():
    acts = performances(range(1, 7))
    features = {key: described(act) for key, act in acts.items()}
    hits = []
    for (number, sign), feature in features.items():
        others = {key: np.abs(other - feature).mean() for key, other in features.items() if key[0] != number}
        hits.append(min(others, key=others.__getitem__)[1] == sign)
    assert np.mean(hits) > 0.9


def test_takes_differ_a_little():
    first, second = (scene.take(SynthClip(1, 1, take, ""), 0) for take in (1, 2))
    gap = np.abs(described(first) - described(second)).mean()
    assert 0.001 < gap < 0.2


@pytest.mark.parametrize(
    "key,value", [("signs", 0), ("signs", 99), ("signers", 0), ("signers", 100), ("takes", 0), ("seed", -1)]
)
def test_settings_out_of_range_are_named(key, value):
    with pytest.raises(SignfoldError, match=f"{key}: {value}"):
        SynthSettings(**{key: value})


def test_no_workers_is_an_error(tmp_path):
    with pytest.raises(SignfoldError, match="workers"):
        render(tmp_path, SMALL, workers=0)


def test_a_file_instead_of_a_folder_is_an_error(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(SignfoldError, match="cannot make this folder"):
        render(tmp_path / "out", SMALL)


def test_a_rerun_removes_only_what_an_earlier_run_made(tmp_path, monkeypatch):
    monkeypatch.setattr("signfold.synth.render._write_video", lambda path, act, who: path.write_bytes(b""))
    render(tmp_path, SynthSettings(signs=2, signers=2, takes=1))
    (tmp_path / "mine.mp4").write_bytes(b"")
    render(tmp_path, SynthSettings(signs=2, signers=1, takes=1))
    expected = [*clip_names(SynthSettings(signs=2, signers=1, takes=1)), TRUTH, MADE, "mine.mp4"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(expected)


def test_other_settings_have_another_time(tmp_path, monkeypatch):
    monkeypatch.setattr("signfold.synth.render._write_video", lambda path, act, who: path.write_bytes(b""))
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
    def fail(path, act, who):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr("signfold.synth.render._write_video", fail)
    with pytest.raises(OSError, match="disk full"):
        render(tmp_path, SMALL)
    assert [path.name for path in tmp_path.iterdir()] == [MADE]


coordinate = st.floats(-40, 40)
radius = st.floats(3, 12)


@settings(max_examples=50, deadline=None)
@given(st.tuples(coordinate, coordinate, coordinate), st.tuples(coordinate, coordinate, coordinate), radius, radius)
def test_a_cone_is_the_envelope_of_its_spheres(start, end, start_radius, end_radius):
    cone = relief.Cone(np.array(start, np.float32), np.array(end, np.float32), start_radius, end_radius)
    x, y = relief.grid(slice(-60, 60, 1), slice(-60, 60, 1))
    seen = relief.surface(cone, x[:, ::7], y[::7])
    t = np.linspace(0, 1, 401)[:, None, None]
    centre = np.array(start)[:, None, None, None] + t * (np.array(end) - start)[:, None, None, None]
    inside = (
        (start_radius + t * (end_radius - start_radius)) ** 2 - (x[:, ::7] - centre[0]) ** 2 - (y[::7] - centre[1]) ** 2
    )
    height = np.where(inside > 0, centre[2] + np.sqrt(np.maximum(inside, 0)), -np.inf).max(axis=0)
    # Near the outline the surface is steep, and end on a cone is flattened a little.
    safe = (inside.max(axis=0) > 4) & (np.hypot(*(np.array(end) - start)[:2]) > 2 * abs(end_radius - start_radius) + 1)
    np.testing.assert_allclose(seen.height[safe], height[safe], atol=0.15)


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
    active = range(round(0.28 * len(rows)), round((ENDS - 0.02) * len(rows)))
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

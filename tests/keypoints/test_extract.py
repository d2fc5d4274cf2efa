"""Extraction: exact, kept, and never stopped by a bad file."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest
from paths import HELPERS, SHARED

from signfold.core import files, versions
from signfold.core.clip import FRAMES_SCHEMA, PARTS, VIDEOS_SCHEMA, Extraction
from signfold.core.errors import SignfoldError
from signfold.core.settings import KeypointSettings
from signfold.core.skeleton import HAND, POSE
from signfold.dataset import index
from signfold.keypoints import holistic
from signfold.keypoints.cache import Cache, cache_usage, file_digest
from signfold.keypoints.extract import extract_shard
from signfold.keypoints.isolated import Isolated
from signfold.synth import SynthSettings
from signfold.synth.render import render


def test_joint_names_are_mediapipes_own_in_its_order() -> None:
    from mediapipe.python.solutions.holistic import HandLandmark, PoseLandmark

    assert [joint.name.lower() for joint in PoseLandmark] == POSE
    assert [joint.name.lower() for joint in HandLandmark] == HAND


def legacy(path: Path, most: int) -> dict[str, Any]:
    """The keypoints of a clip's first frames as `mp.solutions.holistic.Holistic` gives them, with the face."""
    from mediapipe.python.solutions.holistic import Holistic

    capture, rows = cv2.VideoCapture(str(path)), {part: [] for part in PARTS}
    with Holistic() as solution:
        for _ in range(most):
            decoded, image = capture.read()
            if not decoded:
                break
            results = solution.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
            for part, (joints, values) in PARTS.items():
                found = getattr(results, f"{part}_landmarks")
                fields = ("x", "y", "z", "visibility")[:values]
                points = [[getattr(p, f) for f in fields] for p in found.landmark] if found else np.nan
                rows[part].append(np.broadcast_to(np.array(points, np.float32), (joints, values)))
    return {part: np.array(row) for part, row in rows.items()}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Take a few real clips, or with --every-clip all there are."""
    if "real_clip" in metafunc.fixturenames:
        few = ["vsl-sample/*.mp4", "karsl70/01-test-mp4s/01_01_0006*.mp4", "odd/rotflag90_A.mp4", "letters26/B/*golg*"]
        patterns = ["**/*"] if metafunc.config.getoption("--every-clip") else few
        paths = sorted(path for pattern in patterns for path in SHARED.glob(pattern))
        clips = [path.relative_to(SHARED) for path in paths if path.suffix in index.VIDEO_SUFFIXES]
        metafunc.parametrize("real_clip", clips, ids=str)


@pytest.mark.slow
def test_pose_and_hands_are_legacy_holistics_to_the_bit(
    shared: Path, real_clip: Path, request: pytest.FixtureRequest
) -> None:
    found = holistic.Holistic().extract(shared / real_clip)
    expected = legacy(shared / real_clip, 2000 if request.config.getoption("--every-clip") else 30)
    assert len(expected["pose"]) or found.status in ("unreadable", "no_frames")
    for part, points in expected.items():
        np.testing.assert_array_equal(
            getattr(found.keypoints, part)[: len(points)], points.reshape(-1, *PARTS[part]), err_msg=part
        )


def test_rotation_flags_are_honoured(shared: Path) -> None:
    found = holistic.Holistic().extract(shared / "odd" / "rotflag90_A.mp4")
    assert (found.keypoints.width, found.keypoints.height) == (720, 1280)


def test_a_video_without_a_person_has_its_status_and_no_number_where_nothing_is(
    tmp_path: Path, write_video: Callable[..., Path]
) -> None:
    found = holistic.Holistic().extract(write_video(tmp_path / "a.mp4", frames=5))
    assert (found.status, len(found.keypoints)) == ("no_person", 5)
    assert all(np.isnan(getattr(found.keypoints, part)).all() for part in PARTS)


def test_a_video_of_one_frame(tmp_path: Path, write_video: Callable[..., Path]) -> None:
    assert len(holistic.Holistic().extract(write_video(tmp_path / "a.mp4", frames=1)).keypoints) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "zero bytes"),
        (b"not a video at all\n" * 50, "a text file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (bytes(range(256)) * 50, "finds no video"),
    ],
)
def test_what_is_no_video_says_why(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    found = holistic.Holistic().extract(path)
    assert found.status == "unreadable"
    assert reason in str(found.error)


def test_a_truncated_video_does_not_raise(tmp_path: Path, write_video: Callable[..., Path]) -> None:
    path = write_video(tmp_path / "a.mp4", frames=40)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert holistic.Holistic().extract(path).status in ("unreadable", "no_frames", "no_person")


@pytest.fixture
def dataset(tmp_path: Path, write_video: Callable[..., Path]) -> Path:
    """Three clips, one of them a copy of another, and a file that is no video."""
    root = tmp_path / "videos"
    write_video(root / "house" / "a.mp4", shade=0)
    write_video(root / "house" / "b.mp4", shade=90)
    shutil.copy(root / "house" / "a.mp4", root / "house" / "copy.mp4")
    (root / "house" / "empty.mp4").write_bytes(b"")
    return root


def run(root: Path, shards: int = 1, **settings: Any) -> tuple[pa.Table, pa.Table]:
    """Extract all shards of a dataset and return the frames and videos tables, in order of ids."""
    out = root.parent / "out"
    found = index.read_index({"root": str(root), "match": r"(?P<label>[^/]+)/[^/]+$"})
    tables, videos = [], []
    for shard, samples in index.by_shard(found, shards).items():
        paths = out / f"{shard}.parquet", out / f"{shard}.videos.parquet"
        extract_shard(samples, *paths, Cache(root.parent / "cache"), KeypointSettings(**settings))
        tables.append(files.read_parquet(paths[0]))
        videos.append(files.read_parquet(paths[1]))
    by = [("sample_id", "ascending"), ("frame", "ascending")]
    return pa.concat_tables(tables).sort_by(by), pa.concat_tables(videos).sort_by("sample_id")


def test_a_shard_has_a_row_for_each_frame_and_each_video(dataset: Path) -> None:
    rows, videos = run(dataset)
    assert rows.schema.remove_metadata() == FRAMES_SCHEMA
    assert videos.schema.remove_metadata() == VIDEOS_SCHEMA
    assert videos["status"].to_pylist() == ["no_person", "no_person", "no_person", "unreadable"]
    assert videos["frames"].to_pylist() == [8, 8, 8, 0]
    assert rows["pose"].null_count == len(rows) == 24
    digests = videos["sha256"].to_pylist()
    assert digests[0] == digests[2] != digests[1]


def test_the_result_does_not_depend_on_the_shards(dataset: Path) -> None:
    together, apart = run(dataset, shards=1), run(dataset, shards=7)
    assert together[0].equals(apart[0])
    assert together[1].equals(apart[1])


def test_metadata_says_what_made_it(dataset: Path) -> None:
    run(dataset)
    about = files.read_metadata(dataset.parent / "out" / "0.parquet")
    assert about["extractor"] == "mediapipe_holistic"
    assert about["mediapipe"] == "0.10.21"
    assert len(about["models"]) == 4
    assert about["joints"]["pose"] == POSE


def count_extractions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record which files the extractor is really run on."""
    extracted: list[str] = []
    extract = Isolated.extract

    def counting(self: Isolated, path: Path) -> Extraction:
        extracted.append(Path(path).name)
        return extract(self, path)

    monkeypatch.setattr(Isolated, "extract", counting)
    return extracted


def test_nothing_is_extracted_twice(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extracted = count_extractions(monkeypatch)
    first = run(dataset)
    assert sorted(extracted) == ["a.mp4", "b.mp4", "empty.mp4"]  # the copy is found in the cache
    dataset.rename(dataset.with_name("elsewhere"))
    again = run(dataset.with_name("elsewhere"), shards=5)
    assert len(extracted) == 3
    assert again[0].equals(first[0])
    run(dataset.with_name("elsewhere"), min_detection_confidence=0.6)
    assert len(extracted) == 6  # other settings find other keypoints


def test_a_damaged_entry_is_made_again(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(dataset)
    for entry in (dataset.parent / "cache").glob("*/*.parquet"):
        entry.write_bytes(entry.read_bytes()[:100])
    extracted = count_extractions(monkeypatch)
    assert run(dataset)[0].equals(first[0])
    assert len(extracted) == 3


def test_a_kill_in_the_middle_of_a_shard_loses_the_video_in_hand_alone(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extracted = count_extractions(monkeypatch)
    counting = Isolated.extract

    def killed_at_the_second(self: Isolated, path: Path) -> Extraction:
        if len(extracted) == 1:
            raise KeyboardInterrupt
        return counting(self, path)

    monkeypatch.setattr(Isolated, "extract", killed_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        run(dataset)
    assert not list((dataset.parent / "out").glob("0*.parquet"))
    monkeypatch.setattr(Isolated, "extract", counting)
    run(dataset)
    assert sorted(extracted) == ["a.mp4", "b.mp4", "empty.mp4"]


@pytest.fixture(scope="session")
def signers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the middle of four rendered clips, 12 frames each, of two signers."""
    made, folder = tmp_path_factory.mktemp("rendered"), tmp_path_factory.mktemp("signers")
    render(made, SynthSettings(signs=2, signers=2, takes=1, seed=3))
    for number, path in enumerate(sorted(made.rglob("*.mp4"))):
        capture = cv2.VideoCapture(str(path))
        frames_of = [capture.read()[1] for _ in range(28)][16:]
        size = frames_of[0].shape[1::-1]
        writer = cv2.VideoWriter(str(folder / f"{number}_a.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 25, size)
        for image in frames_of:
            writer.write(image)
        writer.release()
    return folder


@pytest.mark.slow
def test_killed_twenty_times_at_random_moments_a_rerun_has_the_same_bytes(signers: Path, tmp_path: Path) -> None:
    killing = HELPERS / "killing.py"
    done = subprocess.run(
        [sys.executable, killing, signers, tmp_path, "0"], capture_output=True, text=True, check=False, timeout=1800
    )
    assert done.returncode == 0, done.stderr
    assert "20 killed" in done.stdout
    assert len(re.findall(r"\d+", done.stdout.split("[")[1])) > 2, f"all kills came at the same moment: {done.stdout}"


def test_rendered_clips_are_legacy_holistics_to_the_bit_whatever_came_before(signers: Path) -> None:
    for path in sorted(signers.iterdir())[:2]:
        found = holistic.Holistic().extract(path)
        assert found.status == "ok"
        for part, expected in legacy(path, 12).items():
            np.testing.assert_array_equal(getattr(found.keypoints, part), expected, err_msg=part)


def test_bytes_do_not_depend_on_order_or_neighbours(
    signers: Path, tmp_path: Path, write_video: Callable[..., Path]
) -> None:
    clips = sorted(signers.iterdir())[:3]
    nobody = write_video(tmp_path / "nobody.mp4", frames=3)
    for name, order in (("forward", clips), ("backward", [nobody, *clips[::-1], nobody])):
        kept = Cache(tmp_path / name)
        for path in order:
            kept.extraction(path, file_digest(path)[0], holistic.Holistic())
    forward, backward = (
        {p.name: p.read_bytes() for p in (tmp_path / name).rglob("*.parquet")} for name in ("forward", "backward")
    )
    assert len(forward) == 3
    assert forward.items() < backward.items()


def test_on_bad_video_fail_stops_the_run_and_names_each(dataset: Path) -> None:
    with pytest.raises(SignfoldError, match=r"4 videos stop the run:(.|\n)*empty\.mp4: unreadable: the file is empty"):
        run(dataset, on_bad_video="fail")


def test_a_file_that_cannot_be_read_stops_the_shard_after_the_others_are_kept(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(path: str | Path) -> tuple[str, int]:
        if Path(path).name == "a.mp4":
            raise PermissionError(13, "Permission denied", str(path))
        return file_digest(path)

    monkeypatch.setattr("signfold.keypoints.extract.file_digest", refusing)
    with pytest.raises(SignfoldError, match=r"1 videos stop the run:\n.*a\.mp4.*Permission denied"):
        run(dataset)
    assert len(list((dataset.parent / "cache").glob("*/*.parquet"))) == 3


def test_the_store_is_counted_and_pruned_of_other_versions(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(dataset, min_detection_confidence=0.6)  # other options are somebody's own: kept
    monkeypatch.setattr(versions, "EXTRACTOR", versions.EXTRACTOR + 1)
    run(dataset)
    present = holistic.Holistic()
    before = cache_usage(Cache(dataset.parent / "cache"), present)
    assert (before.entries, before.present_entries) == (6, 3)
    cache_usage(Cache(dataset.parent / "cache"), present, prune=True)
    assert cache_usage(Cache(dataset.parent / "cache"), present).entries == 3


def test_a_half_written_file_is_never_there(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(RuntimeError), files.atomic_write(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]
    assert path.read_text() == "old"


def test_a_folder_that_cannot_be_written_is_named() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        child = os.fork()
        if child == 0:  # root may write everywhere, so somebody else tries
            if os.getuid() == 0:
                os.setuid(65534)
            try:
                files.write_text(folder / "a.txt", "a")
            except SignfoldError as error:
                os._exit(0 if f"make {folder} writable" in str(error) else 1)
            os._exit(2)
        assert os.waitpid(child, 0)[1] == 0

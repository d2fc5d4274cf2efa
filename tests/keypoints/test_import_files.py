"""Keypoints of others: every format gives the same clip, missing stays missing, and what does not fit is named."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from keypoint_files import (
    HOLISTIC_1629,
    KAGGLE_1629,
    VALUES_258,
    VALUES_1662,
    assert_same,
    flat,
    invented,
    write_kaggle,
    write_npz,
)
from small_workflow import SNAKEMAKE

from signfold.cli.main import main
from signfold.core.clip import Keypoints, read_clips
from signfold.core.errors import SignfoldError
from signfold.core.files import read_parquet
from signfold.dataset import index
from signfold.dataset.keypoint_files import ImportSettings, _header
from signfold.dataset.state import fingerprint
from signfold.keypoints.import_files import import_folder, import_shard

PROJECT = Path(__file__).parents[2]
MATCH = r"(?P<label>[^/]+)/[^/]+$"


def dataset(root: Path, kind: str, **keys: Any) -> dict[str, Any]:
    return {"root": str(root), "keypoints": kind, "match": MATCH, **keys}


def imported(root: Path, kind: str, out: Path, **keys: Any) -> tuple[dict[str, Keypoints], list[dict[str, Any]]]:
    videos = import_folder(dataset(root, kind, **keys), out)
    return dict(read_clips(out / "keypoints" / "0.parquet")), videos.to_pylist()


def test_clips_of_a_file_are_samples_with_their_number_behind_its_name(tmp_path: Path) -> None:
    clips = [invented(seed=seed) for seed in range(11)]
    write_npz(tmp_path / "in" / "hello" / "may.npz", clips, labels=np.arange(11))
    found, videos = imported(tmp_path / "in", "npz", tmp_path / "out")
    assert list(found) == [f"hello/may/{number:02d}" for number in range(11)]
    for clip, expected in zip(found.values(), clips, strict=True):
        assert_same(clip, expected)
    rows = read_parquet(tmp_path / "out" / "index.parquet").to_pylist()
    assert {row["label"] for row in rows} == {"hello"}
    left = np.isnan(clips[3].left_hand[:, 0, 0])
    assert videos[3] | {"sha256": "", "bytes": 0} == {
        "sample_id": "hello/may/03",
        "sha256": "",
        "bytes": 0,
        "width": 1,
        "height": 1,
        "fps": 30.0,
        "frames": 12,
        "frames_pose": 12,
        "frames_left_hand": 12 - left.sum(),
        "frames_right_hand": 12 - np.isnan(clips[3].right_hand[:, 0, 0]).sum(),
        "status": "ok",
        "error": None,
    }
    nulls = read_parquet(tmp_path / "out" / "keypoints" / "0.parquet")["left_hand"].is_null().to_numpy()
    assert nulls[36:48].tolist() == left.tolist()


def test_a_folder_of_frames_is_a_clip_in_the_order_of_the_numbers(tmp_path: Path) -> None:
    clip = invented(12)
    values = flat(clip, VALUES_1662)
    one, gap = tmp_path / "in" / "hello" / "v1.0", tmp_path / "in" / "hello" / "gap"
    for folder, skipped in ((one, ()), (gap, (3, 4))):
        folder.mkdir(parents=True)
        for number in set(range(12)) - set(skipped):
            np.save(folder / f"take9_{number}.npy", values[number])
    np.save(tmp_path / "in" / "hello" / "whole.npy", values)
    found, _ = imported(tmp_path / "in", "npy", tmp_path / "out")
    assert set(found) == {"hello/v1.0", "hello/gap", "hello/whole"}
    assert_same(found["hello/v1.0"], clip)
    assert_same(found["hello/whole"], clip)
    kept = [number for number in range(12) if number not in (3, 4)]
    np.testing.assert_allclose(found["hello/gap"].timestamps_ms, clip.timestamps_ms[kept])


def test_kaggles_own_dataset_is_read_by_its_preset(tmp_path: Path) -> None:
    write_kaggle(tmp_path / "train_landmark_files" / "26734" / "10.parquet", invented(), range(12))
    (tmp_path / "train.csv").write_text(
        "path,participant_id,sequence_id,sign\ntrain_landmark_files/26734/10.parquet,26734,10,blow\n"
    )
    preset = yaml.safe_load((PROJECT / "config" / "datasets" / "asl-signs.yaml").read_text())
    found = index.read_index(preset | {"root": str(tmp_path)})
    assert [(s.sample_id, s.label, s.signer) for s in found.samples] == [
        ("train_landmark_files/26734/10", "blow", "26734")
    ]
    assert found.excluded == ()


def test_a_clip_has_one_digest_in_whichever_file_it_lies(tmp_path: Path) -> None:
    clip = invented()
    write_npz(tmp_path / "in" / "b" / "x.npz", [invented(seed=1), clip])
    write_npz(tmp_path / "in" / "a" / "y.npz", [clip])
    _, npz = imported(tmp_path / "in", "npz", tmp_path / "npz")
    np.save(tmp_path / "in" / "a" / "z.npy", flat(clip, VALUES_1662).astype(np.float64))
    _, npy = imported(tmp_path / "in", "npy", tmp_path / "npy", size=[640, 480])
    digests = {row["sample_id"]: row["sha256"] for row in npz + npy}
    assert digests["b/x/1"] == digests["a/y/0"] == digests["a/z"] != digests["b/x/0"]


@given(
    st.lists(st.integers(1, 4), min_size=0, max_size=4), st.sampled_from(["<f4", "<f8", ">f4", "<i8"]), st.booleans()
)
def test_headers_are_read_as_numpy_reads_them(outer: list[int], dtype: str, fortran: bool) -> None:
    stream = io.BytesIO()
    array = np.zeros((*outer, 2), dtype)
    np.save(stream, np.asfortranarray(array) if fortran else array)
    stream.seek(0)
    assert _header("x", stream, len(stream.getvalue())) == (*outer, 2)


def test_the_snakefile_needs_no_numpy_to_list_clips(tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", [invented(), invented(seed=1)])
    described = dataset(tmp_path, "npz", match=r"(?P<label>.)")
    code = (
        "import sys; from signfold.dataset import index; "
        f"print(len(index.read_index({described!r}).samples), 'numpy' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, check=True)
    assert said.stdout.split() == ["2", "False"]


def write_bad(folder: Path) -> None:
    """One good file, and one of each kind of bad ones."""
    folder.mkdir(parents=True)
    good = write_npz(folder / "good.npz", [invented()])
    (folder / "cut.npz").write_bytes(good.read_bytes()[:2000])
    (folder / "empty.npz").write_bytes(b"")
    np.savez(folder / "objects.npz", sequences=np.array([{"a": 1}], dtype=object))
    np.savez(folder / "shape.npz", sequences=np.zeros((4, 30, 126), np.float32))
    np.savez(folder / "two.npz", a=np.zeros((4, 30, 258)), b=np.zeros((4, 30, 258)))
    np.savez(folder / "flat.npz", a=np.zeros(258))


def test_files_that_do_not_fit_are_listed_with_what_was_found_and_expected(tmp_path: Path) -> None:
    write_bad(tmp_path / "in" / "hello")
    found = index.read_index(dataset(tmp_path / "in", "npz"))
    assert [sample.sample_id for sample in found.samples] == ["hello/good/0"]
    reasons = {Path(path).stem: reason for path, reason in found.excluded}
    assert set(reasons) == {"cut", "empty", "objects", "shape", "two", "flat"}
    assert "not a .npz file" in reasons["cut"]
    assert "pickled objects are never read" in reasons["objects"]
    for name, shape in (("shape", "sequences (4, 30, 126)"), ("two", "b (4, 30, 258)"), ("flat", "a (258,)")):
        assert f"{shape}; expected" in reasons[name]
        assert "1662" in reasons[name]


def test_if_no_file_fits_it_is_an_error_with_an_example(tmp_path: Path) -> None:
    (tmp_path / "hello").mkdir()
    np.save(tmp_path / "hello" / "0.npy", np.zeros((30, 99)))
    with pytest.raises(SignfoldError, match=r"none of 1 files.*0\.npy.*shape \(30, 99\); expected .*1662"):
        index.read_index(dataset(tmp_path, "npy"))


def test_a_damaged_clip_is_set_aside_or_stops_the_run(tmp_path: Path) -> None:
    folder = tmp_path / "in" / "hello" / "0"
    folder.mkdir(parents=True)
    for number in range(3):
        np.save(folder / f"{number}.npy", flat(invented(1), VALUES_258)[0])
    np.save(folder / "3.npy", np.zeros(1662))
    write = np.zeros((0, 258), np.float32)
    np.save(tmp_path / "in" / "hello" / "none.npy", write)
    np.save(tmp_path / "in" / "hello" / "zeros.npy", np.zeros((5, 258), np.float32))
    _, videos = imported(tmp_path / "in", "npy", tmp_path / "out")
    assert {row["sample_id"]: row["status"] for row in videos} == {
        "hello/0": "unreadable",
        "hello/none": "no_frames",
        "hello/zeros": "no_person",
    }
    assert "3.npy: found an array of shape (1662,) among frames of shape (258,)" in videos[0]["error"]
    samples = index.read_index(dataset(tmp_path / "in", "npy")).samples
    with pytest.raises(SignfoldError, match="unreadable"):
        import_shard(samples, tmp_path / "k", tmp_path / "v", ImportSettings("npy"), "fail")


def test_pixels_are_refused(tmp_path: Path) -> None:
    clip = invented()
    clip.pose[..., :2] *= (640, 480)
    write_npz(tmp_path / "in" / "hello" / "a.npz", [clip])
    with pytest.raises(SignfoldError, match=r"hello/a/0: x and y of the pose are about \d+; expected shares"):
        imported(tmp_path / "in", "npz", tmp_path / "out")


@pytest.mark.parametrize(("written", "order"), [(HOLISTIC_1629, "kaggle"), (KAGGLE_1629, "holistic")])
def test_1629_values_in_the_other_order_are_noticed(tmp_path: Path, written: Any, order: str) -> None:
    folder = tmp_path / "in" / "hello"
    folder.mkdir(parents=True)
    for seed in range(5):
        values = flat(invented(seed=seed), written)
        np.save(folder / f"{seed}.npy", values)
    with pytest.raises(SignfoldError, match="in another order"):
        imported(tmp_path / "in", "npy", tmp_path / "out", order=order)


def test_keys_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SignfoldError, match="size: only for a dataset of keypoints"):
        index.read_index({"root": str(tmp_path), "size": [640, 480]})
    with pytest.raises(SignfoldError, match="fps: not with `keypoints: pose`"):
        index.read_index(dataset(tmp_path, "pose", fps=25))


def test_the_command_says_what_it_found(tmp_path: Path) -> None:
    write_npz(tmp_path / "in" / "hello.npz", [invented(), invented(), invented(seed=1)])
    (tmp_path / "in" / "damaged.npz").write_bytes(b"PK")
    said = CliRunner().invoke(main, ["import", str(tmp_path / "in"), str(tmp_path / "out"), "--format", "npz"])
    assert said.exit_code == 0, said.output
    assert "3 clips" in said.output
    assert "copies of other clips: 1" in said.output
    assert f"left out: 1 files; {tmp_path / 'out' / 'index.excluded.csv'} says why" in said.output
    said = CliRunner().invoke(main, ["import", str(tmp_path / "in"), str(tmp_path / "out"), "--format", "npy"])
    assert said.exit_code == 1
    assert "not a .npy file" in said.output


# Through the workflow.


def snakemake(folder: Path, config: dict[str, Any], *arguments: str) -> str:
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    command = [*SNAKEMAKE, "--configfile", "config.yaml"]
    done = subprocess.run(
        [*command, "--verbose", "--cores", "2", *arguments], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def roles_of(results: Path, samples: set[str]) -> list[set[str]]:
    folds = [read_parquet(file).to_pylist() for file in sorted(results.glob("folds/fold-*.parquet"))]
    assert folds
    return [{row["role"] for row in fold if row["sample_id"] in samples} for fold in folds]


SETTINGS = {"shards": 1, "folds": {"group": "sample", "k": 2}, "tensors": {"frames": 8}}


@pytest.mark.slow
def test_imported_clips_go_through_the_workflow_and_copies_stay_together(tmp_path: Path) -> None:
    clips = [invented(seed=seed, gaps=0.1) for seed in range(20)]
    write_npz(tmp_path / "in" / "may" / "no.npz", clips[:10])
    write_npz(tmp_path / "in" / "may" / "yes.npz", clips[10:])
    write_npz(tmp_path / "in" / "june" / "yes.npz", [clips[12], *(invented(seed=seed) for seed in (30, 31)), clips[12]])
    config = {"datasets": {"mine": {"preset": "holistic-npz", "root": "in", "settings": SETTINGS}}}
    target = "results/mine/folds/audit.json"
    said = snakemake(tmp_path, config, target)
    assert "rule import_keypoints" in said
    assert "rule keypoints" not in said
    copies = {"may/yes/02", "may/yes/2", "june/yes/0", "june/yes/3"}
    assert all(len(roles) == 1 for roles in roles_of(tmp_path / "results" / "mine", copies))
    assert "Nothing to be done" in snakemake(tmp_path, config, target)
    write_npz(tmp_path / "in" / "june" / "yes.npz", [invented(seed=40)])
    os.utime(tmp_path / "in" / "june" / "yes.npz", (1, 1))
    assert "import_keypoints" in snakemake(tmp_path, config, "-n", target)


def test_a_frame_that_is_written_anew_is_imported_anew(tmp_path: Path) -> None:
    folder = tmp_path / "hello" / "0"
    folder.mkdir(parents=True)
    for number in range(2):
        np.save(folder / f"{number}.npy", np.ones(258, np.float32))
    keys = dataset(tmp_path, "npy")
    before = fingerprint(index.read_index(keys).samples, keys)
    assert before == fingerprint(index.read_index(keys).samples, keys)
    times = folder.stat()
    os.utime(folder / "1.npy", (5, 5))
    os.utime(folder, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert fingerprint(index.read_index(keys).samples, keys) != before


@pytest.mark.slow
def test_real_keypoints_with_their_copies(shared: Path, tmp_path: Path) -> None:
    """The 8 copies of ../shared/data/holistic33 are of a clip without anybody: found, listed, and in no fold.

    Copies of real signing, planted beside, are in one role.
    """
    match = r"(^|/)(?P<label>[^/]+)\.npz$"
    clips, videos = imported(shared / "holistic33", "npz", tmp_path / "all", match=match)
    assert len(clips) == 1789
    digests = [row["sha256"] for row in videos]
    assert len(digests) - len(set(digests)) == 8
    twins = {row["sample_id"]: row["status"] for row in videos if digests.count(row["sha256"]) > 1}
    assert twins == {f"null/{number}": "no_person" for number in range(55, 64)}

    (tmp_path / "in").mkdir()
    for name in ("a", "hello", "null", "tea"):
        (tmp_path / "in" / f"{name}.npz").symlink_to(shared / "holistic33" / f"{name}.npz")
    with np.load(shared / "holistic33" / "hello.npz") as archive:
        (tmp_path / "in" / "again").mkdir()
        np.savez(tmp_path / "in" / "again" / "hello.npz", sequences=archive["sequences"][[3, 5, 7]])
    config = {"datasets": {"mine": {"preset": "holistic-npz", "root": "in", "settings": SETTINGS}}}
    snakemake(tmp_path, config, "results/mine/folds/audit.json")
    results = tmp_path / "results" / "mine"
    for again, first in (("again/hello/0", "hello/03"), ("again/hello/1", "hello/05"), ("again/hello/2", "hello/07")):
        assert all(len(roles) == 1 for roles in roles_of(results, {again, first}))
    assert all(roles == set() for roles in roles_of(results, set(twins)))

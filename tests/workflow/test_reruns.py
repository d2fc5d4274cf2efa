"""What runs again after a change, a loss or a kill, and what does not."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from small_workflow import DEMO, REPORT, configure, entries, planned, small_config, snakemake, videos

from signfold.evaluation.runs import compared, find_runs

# One worker runs them all: what has run once serves every test.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workflow")]


def test_a_changed_video_is_extracted_again_alone(done: Path) -> None:
    before = entries(done)
    changed = videos(done)[0]
    changed.write_bytes(changed.read_bytes() + b"\0" * 8)
    plan = planned(done)
    assert plan["keypoints"] == plan["tensors"] == 1
    assert plan["train"] == 3
    snakemake(done, "--until", "tensors", REPORT)
    assert len(entries(done) - before) == 1
    assert "keypoints" not in planned(done)


def test_an_added_video_is_extracted_alone(done: Path) -> None:
    before = entries(done)
    source = videos(done)[0]
    added = source.with_name(source.name.replace("ord1", "ord9"))
    added.write_bytes(source.read_bytes() + b"\0" * 8)
    assert planned(done)["keypoints"] == 1
    snakemake(done, "--until", "keypoints", REPORT)
    assert len(entries(done) - before) == 1


def test_a_deleted_video_costs_no_extraction(done: Path) -> None:
    before = entries(done)
    videos(done)[0].unlink()
    plan = planned(done)
    assert plan["keypoints"] == 1
    assert plan["train"] == 3
    snakemake(done, "--until", "items", REPORT)
    assert entries(done) == before


def test_a_changed_training_key_trains_again_and_extracts_nothing(done: Path) -> None:
    plan = planned(done, "--config", "training={epochs: 2}")
    assert plan == {"train": 3, "evaluate": 1, "figures": 1, "report": 1}


def test_a_further_run_keeps_the_first_and_extracts_nothing(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, first = entries(done), (done / REPORT).read_bytes()
    snakemake(done, "--config", "run=longer", "training={epochs: 2}")
    assert entries(done) == before
    assert (done / REPORT).read_bytes() == first
    assert planned(done) == {}
    again = "snakemake --cores all --config run=longer --configfile config.yaml -- results/demo-longer/report.html"
    assert again in (done / "results/demo-longer/report.html").read_text(encoding="utf-8")
    monkeypatch.chdir(done)
    rows = compared(find_runs(Path("results"))[0])
    assert [(row.run.results.name, row.settings) for row in rows] == [
        ("demo", "training.epochs 1"),
        ("demo-longer", "training.epochs 2"),
    ]
    assert re.fullmatch(r"[+-]\d.* \([+-]\d.* to [+-]\d.*\)", rows[1].difference)


def test_a_changed_tensor_key_extracts_nothing(done: Path) -> None:
    plan = planned(done, "--config", "tensors={frames: 12}")
    assert plan["tensors"] == 2
    assert plan["train"] == 3
    assert "keypoints" not in plan


def test_settings_come_from_the_files_where_snakemakes_records_are_lost(done: Path) -> None:
    """Keypoints made with 0.5 are never reported as made with 0.9, and no stage goes on from them."""
    shutil.rmtree(done / ".snakemake")
    asked = ("--config", "keypoints={min_detection_confidence: 0.9}")
    stopped = "made with keypoints.min_detection_confidence 0.5, but the configuration says 0.9"
    assert stopped in snakemake(done, REPORT, *asked, check=False)
    snakemake(done, REPORT, "--forcerun", "report", *asked)
    page = (done / REPORT).read_text(encoding="utf-8")
    assert "min_detection_confidence: 0.5" in page
    assert "min_detection_confidence: 0.9" not in page
    assert "keypoints.min_detection_confidence: these results were made with 0.5" in page
    for path in [done / REPORT, *(done / "results/demo/tensors").glob("*")]:
        path.unlink()
    shutil.rmtree(done / ".snakemake")
    said = snakemake(done, REPORT, "--forcerun", "report", *asked, check=False)
    assert stopped in said
    assert "Traceback (most recent call last)" not in said


def test_a_changed_gloss_only_redoes_what_shows_it(done: Path) -> None:
    config = small_config()
    config["datasets"]["demo"]["glosses"] = {"names": {1: "good day"}}
    configure(done, config)
    plan = planned(done)
    assert plan == {"index": 1, "manifest": 1, "evaluate": 1, "figures": 1, "report": 1}
    snakemake(done, REPORT)
    assert "good day" in (done / REPORT).read_text()
    assert planned(done) == {}


def test_another_confidence_is_no_reason_to_train(done: Path) -> None:
    assert "train" not in planned(done, "--config", "evaluation={confidence: 0.8}")


def test_what_former_folds_and_clips_left_behind_is_not_reported(done: Path) -> None:
    videos(done)[0].unlink()
    snakemake(done, REPORT, "--config", "folds={k: 2}")
    page = (done / REPORT).read_text()
    assert "fold-2" in page
    assert "fold-3" not in page
    assert (done / "results/demo/models/fold-3").is_dir()


def test_other_synthetic_people_take_the_place_of_the_first(done: Path) -> None:
    configure(done, small_config(signers=2))
    snakemake(done, "results/demo/items.parquet")
    assert {video.name[:2] for video in videos(done)} == {"01", "02"}
    assert planned(done, target="results/demo/items.parquet") == {}


def test_deleting_the_store_is_safe(done: Path) -> None:
    shutil.rmtree(done / "results/cache")
    assert planned(done) == {}


def test_a_killed_extraction_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = configure(tmp_path / "killed", small_config(shards=1))
    snakemake(folder, "results/demo/index.parquet")
    command = [*DEMO, "results/demo/keypoints/0.parquet"]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 900
    while len(entries(folder)) < 2:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in (folder / "results/cache").glob("*/*.parquet")}
    assert not (folder / "results/demo/keypoints/0.parquet").exists()
    snakemake(folder, "--unlock")
    snakemake(folder, "results/demo/keypoints/0.parquet")
    assert len(entries(folder)) == 6
    assert all(path.stat().st_mtime_ns == modified for path, modified in kept.items())

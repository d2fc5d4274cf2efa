"""The report states the settings of the files, and says where the configuration differs."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_results import evaluated

from signfold.core.files import read_json, read_metadata, read_parquet, write_json, write_parquet
from signfold.core.made_with import FRAMES_SHA256
from signfold.report.made_with import made_with, replaced
from signfold.report.page import build
from signfold.report.results import Results, Run

ASKED = {
    "keypoints": {"min_detection_confidence": 0.9, "max_seconds": 60.0, "on_bad_video": "skip"},
    "tensors": {"frames": 64},
    "training": {"epochs": 60},
    "evaluation": {"confidence": 0.95},
}


def stamp(path: Path, **metadata: object) -> None:
    """Add to a table's metadata."""
    write_parquet(read_parquet(path), path, read_metadata(path) | metadata)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of keypoints with a threshold of 0.5."""
    root = evaluated(tmp_path_factory.mktemp("results"))
    for videos in (root / "keypoints").glob("*.videos.parquet"):
        made = {"options": {"min_detection_confidence": 0.5}, "max_seconds": 60.0, FRAMES_SHA256: videos.name}
        stamp(videos, **made)
        table = root / "tensors" / f"{videos.name.removesuffix('.videos.parquet')}.parquet"
        stamp(table, settings={"frames": 64}, keypoints={"max_seconds": 60.0}, **{FRAMES_SHA256: videos.name})
    return root


def test_settings_are_those_of_the_files(results: Path) -> None:
    shown, differing = made_with(Results(results), ASKED)
    assert shown["keypoints"] == {"min_detection_confidence": 0.5, "max_seconds": 60.0, "on_bad_video": "skip"}
    assert {key: shown[key] for key in ("tensors", "training", "evaluation")} == {
        key: ASKED[key] for key in ("tensors", "training", "evaluation")
    }
    assert [(each.option, each.found, each.asked) for each in differing] == [
        ("keypoints.min_detection_confidence", 0.5, 0.9)
    ]
    assert differing[0].file.name.endswith(".videos.parquet")
    assert ASKED["keypoints"]["min_detection_confidence"] == 0.9, "the configuration itself is left alone"


def test_trainings_and_folds_are_asked_too(results: Path) -> None:
    metrics = next((results / "models").glob("*/*/seed-1/metrics.json"))
    before = read_json(metrics)
    write_json(metrics, before | {"settings": {"training": {"epochs": 7}}})
    fold = results / "folds" / "fold-1.parquet"
    stamp(fold, settings={"k": 3})
    shown, differing = made_with(Results(results), ASKED | {"folds": {"k": 10}})
    write_json(metrics, before)
    assert (shown["training"], shown["folds"]) == ({"epochs": 7}, {"k": 3})
    assert {each.option for each in differing} == {"keypoints.min_detection_confidence", "training.epochs", "folds.k"}


def test_the_page_states_the_files_threshold_and_the_difference(results: Path, tmp_path: Path) -> None:
    build(Results(results), tmp_path / "report.html", Run("mine", ASKED, {}, "snakemake"))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "min_detection_confidence: 0.5" in page
    assert "min_detection_confidence: 0.9" not in page
    assert "keypoints.min_detection_confidence: these results were made with 0.5" in page
    assert "the configuration says 0.9" in page


def test_keypoints_that_were_replaced_are_named(results: Path) -> None:
    assert replaced(Results(results)) == []
    videos = sorted((results / "keypoints").glob("*.videos.parquet"))[0]
    stamp(videos, **{FRAMES_SHA256: "another"})
    assert replaced(Results(results)) == [videos]
    stamp(videos, **{FRAMES_SHA256: videos.name})

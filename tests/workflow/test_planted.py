"""The synthetic dataset's planted flaws are found by the stages, which do not know of them."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from paths import PROJECT
from small_workflow import configure, small_config, snakemake

from signfold.core.files import read_metadata
from signfold.report.planted import planted as planted_flaws
from signfold.report.results import Results

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def flawed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a small set with planted flaws, as far as folds need them; one signer is left-handed."""
    config = small_config()
    config["datasets"]["demo"]["synth"] |= {"seed": 3, "planted": True}
    folder = configure(tmp_path_factory.mktemp("flawed"), config)
    snakemake(folder, "results/demo/manifest.parquet", "results/demo/duplicates.parquet")
    return folder / "results/demo"


def test_what_is_planted_is_found(flawed: Path) -> None:
    """In the stages' own files, and so in the report's note. Wrong labels need a network that has learnt."""
    flaws = {flaw["kind"]: flaw for flaw in read_metadata(flawed / "videos/truth.parquet")["planted"]}
    by_index, by_keypoints = (
        {row["path"]: row["reason"] for row in csv.DictReader((flawed / f"{stage}.excluded.csv").open())}
        for stage in ("index", "manifest")
    )
    video = "results/demo/videos/{}.mp4".format
    assert by_index == {video(flaws["no_label"]["name"]): "the name does not match the dataset's pattern"}
    assert list(by_keypoints) == [video(flaws["unreadable"]["name"])]
    pairs = pq.read_table(flawed / "duplicates.parquet").to_pylist()
    twins = {frozenset((row["sample_id"], row["other_id"])) for row in pairs}
    assert twins == {frozenset((flaws[kind]["name"], flaws[kind]["other"])) for kind in ("copy", "reencoded")}
    found = {row["kind"]: row["found"] for row in planted_flaws(Results(flawed))["rows"]}
    assert {kind for kind in found if not found[kind]} == {"two_people", "wrong_label"}


def test_what_was_planted_is_read_by_no_stage_but_the_report() -> None:
    readers = [path.name for path in (PROJECT / "signfold").rglob("*.py") if '"planted"' in path.read_text()]
    assert sorted(readers) == ["page.py", "planted.py", "render.py"]

"""What Snakemake prints first and last: three lines on what it works on, and mistakes as one message, alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pyarrow as pa
import pytest
from small_workflow import SNAKEMAKE

from signfold.core import files

MINE = "datasets: {mine: {preset: csv, root: videos}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "videos").mkdir()
    rows = ["video,label,signer"]
    for number in range(8):
        (tmp_path / "videos" / f"{number}.mp4").write_bytes(b"x")
        rows.append(f"{number}.mp4,{'yes' if number % 2 else 'no'},person{number // 2}")
    (tmp_path / "videos" / "labels.csv").write_text("\n".join(rows))
    (tmp_path / "mine.yaml").write_text(f"dataset: mine\n{MINE}")
    return tmp_path


def dry_run(folder: Path, *targets: str, config: str = "seed=0") -> tuple[int, list[str]]:
    """The status of a dry run, and what it prints to standard error."""
    given = ["--cores", "1", "--configfile", "mine.yaml", "--config", config]
    command = [*SNAKEMAKE, *given, "-n", *(["--", *targets] if targets else [])]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    return done.returncode, done.stderr.splitlines()


def test_a_run_says_once_what_it_works_on(folder: Path) -> None:
    status, said = dry_run(folder)
    assert status == 0
    assert [line for line in said if line.startswith("mine: ")] == [
        "mine: found: 8 videos, 2 classes, 4 signers; nothing left out",
        "mine: folds: 4, no signer in two roles",
        "mine: writes: results/mine/report.html, from 4 networks (4 folds × 1 stream × 1 seed)",
    ]


def test_a_further_run_of_a_dataset_has_a_folder_of_its_own(folder: Path) -> None:
    status, said = dry_run(folder, config="run=letters")
    assert status == 0
    assert (
        "mine-letters: writes: results/mine-letters/report.html, from 4 networks (4 folds × 1 stream × 1 seed)" in said
    )
    status, said = dry_run(folder, "results/mine/report.html", config="run=letters")
    assert status == 1
    assert said[-1] == (
        "signfold: results/mine/report.html: with run: letters the results of mine are in results/mine-letters; "
        "name a file there, or leave `run` out"
    )
    (folder / "mine.yaml").write_text(MINE)
    status, said = dry_run(folder, config="run=letters")
    assert status == 1
    assert said[-1].startswith("signfold: dataset: not given, so that 'demo-letters' would be built, and not 'mine'")
    (folder / "mine.yaml").write_text("datasets: {demo: {settings: {seed: 1}}}")
    assert dry_run(folder, config="run=letters")[0] == 0, "the dataset is that of the file"


@pytest.mark.parametrize(
    ("change", "targets", "last"),
    [
        ("labels", (), "signfold: videos/labels.csv: no column 'label'; found 'video', 'labl', 'signer': did you mean"),
        ("dataset", (), "signfold: dataset: not given, so that 'demo' would be built, and not 'mine' of your file;"),
        (
            "fold",
            ("results/mine/models/fold-9.done",),
            "signfold: results/mine/models/fold-9.done: mine has no",
        ),
        (
            "name",
            ("results/mne/report.html",),
            "signfold: results/mne/report.html: no dataset 'mne'",
        ),
        ("key", (), "  datasets.mine.rot: unknown key; did you mean `root`?"),
    ],
)
def test_a_mistake_is_the_last_that_is_printed_without_a_traceback(
    folder: Path, change: str, targets: tuple[str, ...], last: str
) -> None:
    if change == "labels":
        table = folder / "videos" / "labels.csv"
        table.write_text(table.read_text().replace("label", "labl"))
    if change == "dataset":
        (folder / "mine.yaml").write_text(MINE)
    if change == "key":
        (folder / "mine.yaml").write_text(f"dataset: mine\n{MINE.replace('root', 'rot')}")
    status, said = dry_run(folder, *targets)
    assert status == 1
    assert said[-1].startswith(last)
    assert not any("Traceback" in line or "common.smk" in line for line in said)
    assert not (folder / ".snakemake" / "locks").is_dir() or not any((folder / ".snakemake" / "locks").iterdir())


def test_results_of_other_settings_whose_records_are_lost_stop_a_run(folder: Path) -> None:
    """Snakemake alone would take them for up to date."""
    with (folder / "mine.yaml").open("a") as config:
        config.write("shards: 1\nkeypoints: {min_detection_confidence: 0.9}\n")
    made = folder / "results/mine/keypoints/0.videos.parquet"
    rows = [{"sample_id": str(number), "sha256": "", "bytes": 1} for number in range(8)]
    files.write_parquet(pa.Table.from_pylist(rows), made, {"options": {"min_detection_confidence": 0.5}})
    (folder / "results/mine/report.html").touch()
    status, said = dry_run(folder)
    assert status != 0
    assert said[-2:] == [
        "  results/mine/keypoints/0.videos.parquet: made with keypoints.min_detection_confidence 0.5, but the "
        "configuration says 0.9",
        "To make anew what it concerns, give the same command with --forcerun keypoints (and -- before a target)",
    ]
    made.unlink()
    assert dry_run(folder)[0] == 0

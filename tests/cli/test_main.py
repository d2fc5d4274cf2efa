"""The command line: what it lists, and how it says what is wrong."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner
from fake_results import evaluated
from keypoint_files import invented, write_npz
from saved_models import evaluated as evaluated_as
from saved_models import save_folds

import signfold
from signfold.cli.main import main
from signfold.core.files import read_parquet, write_parquet


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, list(arguments))
    return result.exit_code, result.output


def test_help_lists_every_command() -> None:
    code, said = run("--help")
    assert code == 0
    assert all(f"\n  {command} " in said for command in main.commands)


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_explains_itself(command: str) -> None:
    code, said = run(command, "--help")
    assert code == 0
    assert len(said.splitlines()) > 3


def test_show_prints_where_the_report_is_and_its_headline(tmp_path: Path) -> None:
    (tmp_path / "evaluation").mkdir()
    metrics = {"top1": {"value": 0.8125, "low": 0.7, "high": 0.9}, "protocol": "9 signers, 9 folds"}
    metrics |= {"interval": {"confidence": 0.95}, "folds": ["fold-1"], "streams": ["joint"], "seeds": {"count": 1}}
    (tmp_path / "evaluation" / "metrics.json").write_text(json.dumps(metrics))
    code, said = run("show", str(tmp_path))
    assert code == 0
    assert f"report: {tmp_path}/report.html" in said
    assert "top-1 81.2% (95% interval 70.0% to 90.0%); 9 signers, 9 folds" in said


def test_an_error_is_one_message_without_a_traceback(tmp_path: Path) -> None:
    code, said = run("show", str(tmp_path))
    assert code == 1
    assert said.startswith("Error: ")
    assert "no such file; run `snakemake" in said


def test_synth_draws_clips(tmp_path: Path) -> None:
    code, said = run("synth", str(tmp_path), "--signs", "1", "--signers", "1", "--takes", "1")
    assert code == 0, said
    assert len(list(tmp_path.glob("*.mp4"))) == 1
    code, said = run("synth", str(tmp_path), "--signs", "1000")
    assert code == 1
    assert "out of range" in said


@pytest.fixture
def imported(tmp_path: Path) -> Path:
    """Keypoints of three clips of one sign, imported by the command."""
    write_npz(tmp_path / "theirs" / "house.npz", [invented(seed=seed) for seed in range(3)])
    code, said = run("import", str(tmp_path / "theirs"), str(tmp_path / "mine"), "--format", "npz")
    assert code == 0, said
    assert "3 clips in" in said
    assert "3 usable, 36 frames" in said
    return tmp_path / "mine"


def test_import_reads_the_labels_that_the_names_give(imported: Path) -> None:
    assert read_parquet(imported / "index.parquet")["label"].to_pylist() == ["house"] * 3


def test_export_writes_every_clip_and_pyskl_needs_folds(imported: Path, tmp_path: Path) -> None:
    out = tmp_path / "poses"
    code, said = run("export", str(imported), str(out), "--format", "pose")
    assert code == 0, said
    assert said == f"3 clips in {out}\n"
    assert len(list(out.rglob("*.pose"))) == 3
    code, said = run("export", str(imported), str(tmp_path / "a.pkl"), "--format", "pyskl")
    assert code == 1
    assert "no folds" in said


def test_doctor_counts_and_strict_ends_with_status_1(imported: Path) -> None:
    code, said = run("doctor", str(imported), "--hands", "1")
    assert code == 0, said
    assert "3 videos: 0 bad, 3 suspicious" in said
    assert run("doctor", str(imported), "--hands", "1", "--strict")[0] == 1


def test_view_draws_a_clip_of_a_dataset(imported: Path, tmp_path: Path) -> None:
    name = read_parquet(imported / "index.parquet")["sample_id"][0].as_py()
    code, said = run("view", name, "--results", str(imported), "-o", str(tmp_path / "a.png"))
    assert code == 0, said
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_compare_of_results_with_themselves_finds_no_difference(tmp_path: Path) -> None:
    root = str(evaluated(tmp_path))
    code, said = run("compare", root, root)
    assert code == 0, said
    assert "+0.0" in said


def test_runs_shows_two_results_in_one_table(tmp_path: Path) -> None:
    one, two = str(evaluated(tmp_path / "one")), str(evaluated(tmp_path / "two"))
    code, said = run("runs", one, two)
    assert code == 0, said
    assert [line.split()[0] for line in said.splitlines()[:3]] == ["run", one, two]
    assert run("runs", "--md", one, two)[1].startswith("| run | clips | top-1 |")


def test_predict_without_networks_says_so(imported: Path, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"video")
    code, said = run("predict", str(imported), str(tmp_path / "a.mp4"), "-o", str(tmp_path / "p.csv"))
    assert code == 1
    assert said.startswith("Error: ")
    assert str(imported) in said
    assert not (tmp_path / "p.csv").exists()


def test_predict_counts_and_names_what_it_cannot_answer(tmp_path: Path) -> None:
    """With keypoints, so that no video is needed; the table has as many signs as are asked for."""
    results = save_folds(tmp_path / "mine", folds=1)
    evaluated_as(results, [{"fold-1": {"joint": 1.0}}], [{"fold-1": 1e9}])  # untrained networks are too sure
    new = write_npz(tmp_path / "new/words.npz", [invented(seed=seed) for seed in range(2)]).parent
    (new / "notes.txt").write_text("")
    (new / "gone.mp4").symlink_to("nowhere")
    reading = ("--size", "640", "480", "--fps", "25")
    code, said = run("predict", str(results), str(new), "-o", str(tmp_path / "p.csv"), "--top", "2", *reading)
    assert code == 0, said
    assert "3 clips: 2 recognised, 0 unknown, 1 unreadable" in said
    assert f"neither videos nor keypoints, and passed over: 1: {new}/notes.txt" in said
    table = pd.read_csv(tmp_path / "p.csv")
    assert list(table)[-3:] == ["label_2", "gloss_2", "probability_2"]
    clip = dataclasses.replace(invented(seed=1), width=640, height=480, fps=25.0, timestamps_ms=np.arange(12) * 40.0)
    best = signfold.load(results).predict(clip).signs[0]
    assert table["probability_1"][1] == pytest.approx(best.probability, rel=1e-4)
    code, said = run("predict", str(results), str(new), "-o", str(tmp_path / "p.json"), "--threshold", "0.9")
    assert "0 recognised, 2 unknown, 1 unreadable" in said
    assert [row["answer"] for row in json.loads((tmp_path / "p.json").read_text())] == ["unknown", "unknown", ""]


def test_pack_without_a_final_network_says_how_to_train_it(tmp_path: Path) -> None:
    code, said = run("pack", str(save_folds(tmp_path / "mine", folds=1)), "-o", str(tmp_path / "a.signfold"))
    assert code == 1
    assert f"run `snakemake --cores all {tmp_path}/mine/models/final.done` first" in said
    assert "Traceback" not in said


def test_serve_wants_a_model(tmp_path: Path) -> None:
    (tmp_path / "a.signfold").write_text("no zip")
    code, said = run("serve", str(tmp_path / "a.signfold"), "--no-browser")
    assert code == 1
    assert said.startswith(f"Error: {tmp_path}/a.signfold: ")


@pytest.mark.parametrize(("command", "reason"), [("plan", "its keypoints are imported"), ("check", "one class only")])
def test_plan_and_check_say_what_cannot_be(imported: Path, tmp_path: Path, command: str, reason: str) -> None:
    file = tmp_path / "mine.yaml"
    entry = {"root": str(tmp_path / "theirs"), "keypoints": "npz", "match": r"(?P<label>[^/]+)\.npz$"}
    file.write_text(json.dumps({"dataset": "mine", "datasets": {"mine": entry}}))
    code, said = run(command, str(file))
    assert code == 1
    assert said.startswith("Error: ")
    assert reason in said


def test_cache_counts_and_prunes(tmp_path: Path) -> None:
    old = tmp_path / "ab" / "abc.parquet"
    write_parquet(pa.table({"frame": [0]}), old, {"extractor": "another"})
    code, said = run("cache", "--cache", str(tmp_path))
    assert code == 0, said
    assert f"{tmp_path}: 1 videos" in said
    assert old.exists()
    code, said = run("cache", "--cache", str(tmp_path), "--prune")
    assert "deleted: 1 videos" in said
    assert not old.exists()


def test_every_command_has_a_test() -> None:
    """Each is run above, on a small input or for its error."""
    text = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in main.commands if f'run("{name}"' not in text and f'("{name}", ' not in text] == []

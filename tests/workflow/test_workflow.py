"""From videos to a report and a model in use, through Snakemake itself."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from small_workflow import REPORT, configure, planned, small_config, snakemake, videos

# One worker runs them all: what has run once serves every test.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workflow")]


def test_from_videos_to_a_report(finished: Path) -> None:
    metrics = json.loads((finished / "results/demo/evaluation/metrics.json").read_text())
    assert metrics["clips"] == len(videos(finished)) == 6
    assert (finished / REPORT).stat().st_size > 10_000
    for fold in (1, 2, 3):
        assert (finished / f"results/demo/models/fold-{fold}/joint/seed-1/model.safetensors").is_file()
    assert not list(finished.glob("results/**/*.part"))


def test_then_there_is_nothing_to_do(finished: Path) -> None:
    assert planned(finished) == {}


def test_every_rule_left_its_log_and_its_benchmark(finished: Path) -> None:
    demo = finished / "results/demo"
    rules = "synth index keypoints tensors items manifest duplicates folds audit baselines shuffled train evaluate"
    rules += " figures report"
    for rule in rules.split():
        assert list(demo.glob(f"logs/{rule}*")), rule
        assert list(demo.glob(f"benchmarks/{rule}*")), rule


def test_progress_is_in_the_logs(finished: Path) -> None:
    demo = finished / "results/demo/logs"
    assert "video" in "".join(path.read_text() for path in demo.glob("keypoints/*.log"))
    assert "epoch" in (demo / "train/fold-1/joint/seed-1.log").read_text()


def test_one_folds_target_runs_one_fold(finished: Path, tmp_path: Path) -> None:
    target = "results/demo/models/fold-2.done"
    plan = planned(configure(tmp_path / "fresh", small_config()), target=target)
    assert plan["train"] == 1
    assert "evaluate" not in plan
    assert "report" not in plan


def test_the_largest_shards_begin_first(done: Path) -> None:
    said = snakemake(done, "--cores", "1", "--verbose", "--until", "keypoints", "--config", "shards=3", "--", REPORT)
    begun = re.findall(r"rule keypoints:.*?shard=(\w+)", said, re.S)
    sizes = [pq.read_metadata(done / f"results/demo/keypoints/{shard}.videos.parquet").num_rows for shard in begun]
    assert len(set(sizes)) > 1
    assert sizes == sorted(sizes, reverse=True)


def test_new_videos_are_predicted(done: Path) -> None:
    new = done / "new"
    new.mkdir()
    shutil.copy(videos(done)[0], new / "a clip.mp4")
    (new / "broken.mp4").write_bytes(b"")
    snakemake(done, "results/demo/predicted.csv", "--config", "predict=new")
    lines = (done / "results/demo/predicted.csv").read_text().splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("new/a clip.mp4,ok,")
    assert "zero bytes" in lines[2]


def test_the_final_network_trains_on_all_clips_and_the_report_says_what_to_expect(done: Path) -> None:
    """On request alone, by its target or by the configuration; its bundle predicts what the rule does."""
    assert "train_final" not in planned(done)
    snakemake(done, "results/demo/models/final.done")
    assert "tested on nobody" not in (done / REPORT).read_text()
    assert "train_final" not in planned(done, "--config", "final=true"), "trained twice"
    (done / "new").mkdir()
    shutil.copy(videos(done)[0], done / "new" / "a clip.mp4")
    snakemake(done, REPORT, "results/demo/predicted.csv", "--config", "predict=new", "final=true")
    folder = done / "results/demo/models/final/joint/seed-1"
    about = json.loads((folder / "metrics.json").read_text())
    clips = pq.read_metadata(done / "results/demo/folds/fold-1.parquet").num_rows
    assert (about["fold"], about["n_train"], about["n_val"], about["n_test"]) == ("all", clips, 0, 0)
    provenance = json.loads((folder / "provenance.json").read_text())
    assert (provenance["fold"], len(provenance["sha256"])) == ("all", clips)
    assert "tested on nobody" in (done / REPORT).read_text()
    assert "trained on all clips" in (done / "results/demo/model_card.md").read_text()
    pack = [sys.executable, "-m", "signfold.cli.main", "pack", "results/demo", "-o", "demo.signfold"]
    subprocess.run(pack, cwd=done, check=True)
    predict = [sys.executable, "-m", "signfold.cli.main", "predict", "demo.signfold", "new", "-o", "other.csv"]
    subprocess.run(predict, cwd=done, check=True)
    assert (done / "other.csv").read_text() == (done / "results/demo/predicted.csv").read_text()


def test_further_seeds_are_trained_beside_the_first_and_averaged(done: Path) -> None:
    plan = planned(done, "--config", "seeds=2", "streams=[joint,bone]")
    assert plan["train"] == 9
    snakemake(done, REPORT, "--config", "seeds=2")
    metrics = json.loads((done / "results/demo/evaluation/metrics.json").read_text())
    assert metrics["seeds"]["count"] == 2
    second = done / "results/demo/models/fold-1/joint/seed-2"
    assert json.loads((second / "metrics.json").read_text())["seed"] == 1
    first = second.with_name("seed-1")
    assert (second / "model.safetensors").read_bytes() != (first / "model.safetensors").read_bytes()
    assert "mean over 2 seeds" in (done / REPORT).read_text()
    assert planned(done, "--config", "seeds=2") == {}


def test_the_rule_graph_has_the_stages_and_what_each_needs(finished: Path) -> None:
    """Nothing is trained or scored without folds and audit, and folds keep clips of one take together."""
    said = snakemake(finished, "--rulegraph")
    rules = dict(re.findall(r'^\s*(\d+)\[label = "(\w+)"', said, re.MULTILINE))
    needs: dict[str, set[str]] = {rule: set() for rule in rules.values()}
    for before, after in re.findall(r"^\s*(\d+) -> (\d+)", said, re.MULTILINE):
        needs[rules[after]].add(rules[before])
    assert needs == {
        "synth": set(),
        "index": {"synth"},
        "keypoints": {"synth"},
        "tensors": {"keypoints"},
        "items": {"tensors", "keypoints"},
        "manifest": {"items", "index"},
        "duplicates": {"items", "keypoints"},
        "folds": {"items", "duplicates"},
        "audit": {"folds", "duplicates"},
        "train": {"folds", "audit", "tensors"},
        "baselines": {"folds", "audit", "tensors"},
        "shuffled": {"folds", "audit", "tensors"},
        "evaluate": {"train", "baselines", "shuffled", "folds", "audit", "manifest"},
        "figures": {"evaluate", "train", "keypoints", "tensors"},
        "report": {"figures", "evaluate", "train", "folds", "manifest", "index", "tensors", "keypoints", "synth"},
        "all": {"report"},
    }

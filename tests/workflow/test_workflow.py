"""The workflow's promises, through Snakemake itself: what runs again, what does not, and what a kill costs."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from signfold.core.files import read_metadata
from signfold.evaluation.runs import compared, find_runs
from signfold.report.planted import planted as planted_flaws
from signfold.report.results import Results

PROJECT = Path(__file__).parents[2]
SNAKEMAKE = [sys.executable, "-m", "snakemake", "-s", str(PROJECT / "Snakefile"), "--configfile", "config.yaml"]
SNAKEMAKE += ["--cores", "2"]
REPORT = "results/demo/report.html"
CONFIG: dict[str, Any] = {
    "datasets": {
        "demo": {
            "synth": {"signs": 2, "signers": 3, "takes": 1, "seed": 0, "planted": False},
            "settings": {
                "shards": 2,
                "tensors": {"frames": 16},
                "model": {"width": 0.125},
                "training": {"epochs": 1},
            },
        }
    },
    "evaluation": {"confidence": 0.9},
}
# One worker runs them all: what has run once serves every test.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workflow")]


def snakemake(folder: Path, *arguments: str, check: bool = True) -> str:
    """Run Snakemake in a folder and return all that it says."""
    done = subprocess.run(
        [*SNAKEMAKE, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1800,
    )
    assert done.returncode == 0 or not check, done.stdout
    return done.stdout


def configure(folder: Path, config: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    return folder


def planned(folder: Path, *arguments: str, target: str = REPORT) -> dict[str, int]:
    """How many jobs of each rule a dry-run announces."""
    said = snakemake(folder, "--dry-run", "--verbose", target, *arguments)
    stats = said.rpartition("Job stats:")[2]
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", stats, re.M) if rule != "total"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the whole pipeline has run once, from drawing to report."""
    folder = configure(tmp_path_factory.mktemp("finished"), CONFIG)
    snakemake(folder, REPORT)
    return folder


@pytest.fixture(scope="module")
def flawed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a small set with planted flaws, as far as folds need them; one signer is left-handed."""
    config = json.loads(json.dumps(CONFIG))
    config["datasets"]["demo"]["synth"] |= {"seed": 3, "planted": True}
    folder = configure(tmp_path_factory.mktemp("flawed"), config)
    snakemake(folder, "results/demo/manifest.parquet", "results/demo/duplicates.parquet")
    return folder / "results/demo"


@pytest.fixture
def done(finished: Path, tmp_path: Path) -> Path:
    """A copy of it to change."""
    return shutil.copytree(finished, tmp_path / "copy")


def videos(folder: Path) -> list[Path]:
    return sorted((folder / "results/demo/videos").glob("*.mp4"))


def entries(folder: Path) -> set[str]:
    return {path.name for path in (folder / "results/cache").glob("*/*.parquet")}


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
    glossed = {"demo": CONFIG["datasets"]["demo"] | {"glosses": {"names": {1: "good day"}}}}
    configure(done, CONFIG | {"datasets": glossed})
    plan = planned(done)
    assert plan == {"index": 1, "manifest": 1, "evaluate": 1, "figures": 1, "report": 1}
    snakemake(done, REPORT)
    assert "good day" in (done / REPORT).read_text()
    assert planned(done) == {}


def test_another_confidence_is_no_reason_to_train(done: Path) -> None:
    assert "train" not in planned(done, "--config", "evaluation={confidence: 0.8}")


def test_one_folds_target_runs_one_fold(finished: Path, tmp_path: Path) -> None:
    target = "results/demo/models/fold-2.done"
    plan = planned(configure(tmp_path / "fresh", CONFIG), target=target)
    assert plan["train"] == 1
    assert "evaluate" not in plan
    assert "report" not in plan


def test_what_former_folds_and_clips_left_behind_is_not_reported(done: Path) -> None:
    videos(done)[0].unlink()
    snakemake(done, REPORT, "--config", "folds={k: 2}")
    page = (done / REPORT).read_text()
    assert "fold-2" in page
    assert "fold-3" not in page
    assert (done / "results/demo/models/fold-3").is_dir()


def test_other_synthetic_people_take_the_place_of_the_first(done: Path) -> None:
    synth = CONFIG["datasets"]["demo"]["synth"] | {"signers": 2}
    configure(done, CONFIG | {"datasets": {"demo": CONFIG["datasets"]["demo"] | {"synth": synth}}})
    snakemake(done, "results/demo/items.parquet")
    assert {video.name[:2] for video in videos(done)} == {"01", "02"}
    assert planned(done, target="results/demo/items.parquet") == {}


def test_the_largest_shards_begin_first(done: Path) -> None:
    said = snakemake(done, "--cores", "1", "--verbose", "--until", "keypoints", "--config", "shards=3", "--", REPORT)
    begun = re.findall(r"rule keypoints:.*?shard=(\w+)", said, re.S)
    sizes = [pq.read_metadata(done / f"results/demo/keypoints/{shard}.videos.parquet").num_rows for shard in begun]
    assert len(set(sizes)) > 1
    assert sizes == sorted(sizes, reverse=True)


def test_deleting_the_store_is_safe(done: Path) -> None:
    shutil.rmtree(done / "results/cache")
    assert planned(done) == {}


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


def test_a_killed_extraction_goes_on_where_it_was(tmp_path: Path) -> None:
    config = json.loads(json.dumps(CONFIG))
    config["datasets"]["demo"]["settings"]["shards"] = 1
    folder = configure(tmp_path / "killed", config)
    snakemake(folder, "results/demo/index.parquet")
    command = [*SNAKEMAKE, "results/demo/keypoints/0.parquet"]
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


def test_a_fold_whose_test_clips_the_source_has_under_other_names_stops(done: Path) -> None:
    """The source has the clips of two signers, renamed: only the fold that tests the third one may start there."""
    (done / "theirs").mkdir()
    for number, video in enumerate(video for video in videos(done) if not video.name.startswith("03")):
        shutil.copy(video, done / "theirs" / f"sign{video.stem.rpartition('_')[2]}-someone{number}.mp4")
    theirs = {"root": "theirs", "match": "(?P<label>sign[0-9]+)-(?P<signer>[a-z]+[0-9])"}
    same = {key: CONFIG["datasets"]["demo"]["settings"][key] for key in ("shards", "tensors", "model", "training")}
    demo = CONFIG["datasets"]["demo"] | {"settings": same | {"pretrain": {"dataset": "theirs"}}}
    configure(done, CONFIG | {"datasets": {"demo": demo, "theirs": theirs | {"settings": same}}})
    before = entries(done)
    plan = planned(done)
    assert (plan["pretrain"], plan["pretrain_clips"], plan["train"]) == (1, 1, 3)
    models = [f"results/demo/models/fold-{fold}/joint/seed-1/metrics.json" for fold in (1, 2, 3)]
    said = snakemake(done, *models, check=False)
    assert entries(done) == before, "the same content is not extracted again"
    # Each is said by the job, and once more where Snakemake shows the logs of what failed.
    assert len(set(re.findall(r"has seen 2 test clips of (fold-[123]).*a leak", said))) == 2
    # Snakemake removes the outputs of the folds that failed.
    (model,) = [json.loads((done / path).read_text()) for path in models if (done / path).exists()]
    assert model["initial"] == "results/theirs/pretrain/joint/model.safetensors"
    # The source's clips are those of the fold's own training part: it has seen nothing besides.
    assert model["pretrained"] is None

    # The same, said of all datasets, of which demo and the source are two.
    bystander = {"root": "theirs", "match": theirs["match"], "settings": {"tensors": {"frames": 12}}}
    both = {"demo": CONFIG["datasets"]["demo"], "theirs": theirs | {"settings": same}, "bystander": bystander}
    configure(done, CONFIG | {"datasets": both, "pretrain": {"dataset": "theirs"}})
    assert planned(done)["train"] == 2, "nothing has changed for the fold that is there"

    other = {"demo": demo, "theirs": theirs | {"settings": same | {"tensors": {"frames": 12}}}}
    configure(done, CONFIG | {"datasets": other})
    said = snakemake(done, "-n", check=False)
    assert "pretrain.dataset: demo cannot start from theirs: tensors.frames is 12 for theirs and 16 for demo" in said
    assert "Traceback (most recent call last)" not in said


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


NAMES = ["with space", "o'quo\"te", "new\nline", "日本語", "-dash", ";$(touch x)", "a:b%03d", "{brace}"]


def test_names_of_any_kind_and_bad_files_pass_through(tmp_path: Path, write_video: Callable[..., Path]) -> None:
    folder = configure(tmp_path / "odd", {"datasets": {"mine": {"preset": "folders", "root": "my videos"}}})
    for number, name in enumerate(NAMES):
        write_video(tmp_path / "plain.mp4", frames=2, shade=20 * number)
        target = folder / "my videos" / f"class {number % 2}" / f"{name}.mp4"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(tmp_path / "plain.mp4", target)
    (folder / "my videos" / "class 0" / "text.mp4").write_text("not a video " * 100)
    said = snakemake(folder, "results/mine/manifest.parquet", "--config", "shards=3", check=False)
    assert "none of 9 videos can be learnt from (8 × no_person; 1 × unreadable)" in said
    assert not list(folder.glob("**/x"))


def say(folder: Path, config: dict[str, Any], *arguments: str) -> str:
    return snakemake(configure(folder, config), *arguments, check=False)


def test_mistakes_are_said_in_one_message(tmp_path: Path) -> None:
    said = say(tmp_path, {"training": {"epoch": 3}}, "-n")
    assert "training.epoch: unknown key; did you mean `epochs`?" in said
    said = say(tmp_path, {"dataset": "mine", "datasets": {"mine": {"root": "nowhere"}}}, "-n")
    assert "nowhere: no such folder (looked for in" in said
    (tmp_path / "empty").mkdir()
    said = say(tmp_path, {"dataset": "mine", "datasets": {"mine": {"root": "empty"}}}, "-n")
    assert "the folder is empty" in said
    assert "Traceback (most recent call last)" not in said


def test_a_shard_that_no_clip_is_in_is_said_with_those_that_are_there(tmp_path: Path) -> None:
    said = say(tmp_path, CONFIG, "-n", "--", "results/demo/tensors/0f.npy")
    assert "demo has no clips in a shard '0f'; it has shards 0, 1\n" in said


def test_one_signer_only_is_said_before_anything_is_extracted(done: Path) -> None:
    for video in videos(done)[2:]:
        video.unlink()
    said = snakemake(done, "--dry-run", REPORT, check=False)
    assert "there is one signer only, '01'" in said
    assert "Traceback (most recent call last)" not in said


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

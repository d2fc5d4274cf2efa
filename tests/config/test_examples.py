"""Every file of config/examples works on files that are named as its set is published."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from keypoint_files import invented, write_kaggle

from signfold.cli.main import main
from signfold.config.load import read_config, resolved
from signfold.config.project import Project

EXAMPLES = Path(__file__).parents[2] / "config" / "examples"


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"\0")


def my_videos() -> None:
    touch(*(f"videos/{label}/{who}_1.mp4" for label in ("house", "tree") for who in ("anna", "ben", "cleo", "dan")))


def my_csv() -> None:
    rows = ["clip;sign;person"]
    for number in range(12):
        touch(f"videos/{number:03d}.mov")
        rows.append(f"{number:03d}.mov;{'house' if number % 2 else 'tree'};person {number // 2}")
    Path("videos/labels.csv").write_text("\n".join(rows))


def vsl_from_autsl() -> None:
    stem = "Co-Hien_1-100_1-2-3_0108___center_device02_signer{0:02d}_center_ord1_{1}.mp4"
    touch(*(f"data/vsl/{who:02d}_{stem.format(who, word)}" for who in range(1, 5) for word in (23, 999)))
    Path("data/vsl/labels.csv").write_text("id_label_in_documents,name\n23,bãi cỏ\n999,nhà\n", encoding="utf-8")
    for split, who in (("train", 0), ("train", 1), ("val", 2), ("test", 3)):
        names = [f"signer{who}_sample{number}" for number in (1, 2)]
        touch(*(f"data/autsl/{split}/{name}_{kind}.mp4" for name in names for kind in ("color", "depth")))
        with Path(f"data/autsl/{split}_labels.csv").open("a") as table:
            table.writelines(f"{name},{number}\n" for number, name in enumerate(names))


def gislr() -> None:
    rows = []
    for who in (26734, 28656, 16069):
        for number, sign in enumerate(("blow", "wait")):
            path = f"train_landmark_files/{who}/{1000035562 + who + number}.parquet"
            Path("data/asl-signs", path).parent.mkdir(parents=True, exist_ok=True)
            clip = invented()
            write_kaggle(Path("data/asl-signs", path), clip, range(len(clip)))
            rows.append(f"{path},{who},{number},{sign}")
    Path("data/asl-signs/train.csv").write_text("\n".join(["path,participant_id,sequence_id,sign", *rows]))
    Path("data/asl-signs/sign_to_prediction_index_map.json").write_text(json.dumps({"blow": 0, "wait": 1}))


MADE: dict[str, tuple[Callable[[], None], str]] = {
    "my-videos": (my_videos, "mine: found: 8 videos, 2 classes, 4 signers; nothing left out"),
    "my-csv": (my_csv, "mine: found: 12 videos, 2 classes, 6 signers; nothing left out"),
    "vsl-from-autsl": (vsl_from_autsl, "vsl: found: 8 videos, 2 classes, 4 signers; nothing left out"),
    "gislr": (gislr, "gislr: found: 6 clips, 2 classes, 3 signers; left out: 1, "),
}


def test_every_example_is_tried() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.yaml")} == set(MADE)


@pytest.mark.parametrize("name", MADE)
def test_an_example_works_on_files_of_its_set(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make, found = MADE[name]
    make()
    said = CliRunner().invoke(main, ["check", str(EXAMPLES / f"{name}.yaml")])
    assert said.exit_code == 0, said.output
    assert said.output.startswith(found)


def test_the_mission_starts_from_autsl_and_shows_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    vsl_from_autsl()
    project = Project(resolved(read_config(EXAMPLES / "vsl-from-autsl.yaml"), {}))
    assert project["vsl"].initial_weights("bone") == "results/autsl/pretrain/bone/model.safetensors"
    assert {sample.gloss for sample in project["vsl"].index.samples} == {"bãi cỏ", "nhà"}
    assert project["autsl"].folds == ["official"]
    said = CliRunner().invoke(main, ["check", str(EXAMPLES / "vsl-from-autsl.yaml"), "--dataset", "autsl"])
    assert "autsl: folds: the official split: 4 train, 2 val, 2 test" in said.output

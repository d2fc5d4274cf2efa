"""Many clips: each has its row, in order, whatever is wrong with others."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from keypoint_files import VALUES_1662, flat, invented, write_npz
from saved_models import save_folds
from tensor_clips import signer

from signfold.cli.main import main
from signfold.core.clip import Extraction, empty_keypoints
from signfold.core.errors import CannotWrite, SignfoldError
from signfold.dataset.keypoint_files import ImportSettings
from signfold.inference.from_results import load_results
from signfold.inference.inputs import Inputs, find_inputs
from signfold.inference.model import Model, Prediction, Sign
from signfold.inference.predict import Answered, check_ending, line, predict, summary, write
from signfold.keypoints.cache import CRASHED, Cache
from signfold.keypoints.holistic import Holistic
from signfold.keypoints.isolated import Isolated

READING = ImportSettings("npy")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load_results(save_folds(tmp_path_factory.mktemp("results"), folds=1))


@pytest.fixture(autouse=True)
def no_mediapipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Videos of the seed that their content says, without MediaPipe."""
    monkeypatch.setattr(Holistic, "description", lambda self: {})
    monkeypatch.setattr(Isolated, "extract", lambda self, path: extraction(Path(path)))


def extraction(path: Path) -> Extraction:
    content = path.read_text()
    if content.isdigit():
        return Extraction(signer(seed=int(content)))
    return Extraction(empty_keypoints(), "unreadable", f"{content} is no video")


def videos(root: Path, **contents: str) -> Inputs:
    root.mkdir(exist_ok=True)
    for name, content in contents.items():
        (root / f"{name}.mp4").write_text(content)
    return find_inputs([root], READING)


@pytest.mark.parametrize("workers", [1, 3])
def test_every_clip_has_its_answer_in_order_and_the_others_go_on(tmp_path: Path, model: Model, workers: int) -> None:
    inputs = videos(tmp_path / "new", **{f"{n:02d}": str(n) for n in range(16)}, bad="a text", late="3")
    write_npz(tmp_path / "new/words.npz", [invented(seed=seed) for seed in (5, 6)])
    (tmp_path / "new/notes.txt").write_text("")
    (tmp_path / "new/gone.mp4").symlink_to("nowhere")
    inputs = find_inputs([tmp_path / "new"], READING)
    found = predict(model, inputs, workers=workers)
    assert [Path(each.clip).name for each in found] == [
        *(f"{n:02d}.mp4" for n in range(16)), "bad.mp4", "late.mp4", "0", "1", "gone.mp4",
    ]  # fmt: skip
    said = [each.prediction for each in found]
    assert said[:16] == [model.predict(signer(seed=n)) for n in range(16)]
    assert said[16] == Prediction("unreadable", "a text is no video")
    assert said[17] == said[3]
    for own, expected in zip(said[18:20], (5, 6), strict=True):
        clip = replace(invented(seed=expected), width=1, height=1, fps=30.0)
        np.testing.assert_allclose(own.signs[0].probability, model.predict(clip).signs[0].probability, rtol=1e-4)
    assert said[20] == Prediction("unreadable", "a link that leads nowhere")
    assert summary(found, inputs) == [
        "21 clips: 19 recognised, 0 unknown, 2 unreadable",
        f"neither videos nor keypoints, and passed over: 1: {tmp_path}/new/notes.txt",
    ]


def test_workers_work_at_a_time(tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(3, timeout=60)

    def extract(self: Isolated, path: Path) -> Extraction:
        together.wait()  # breaks unless three are here
        return Extraction(signer())

    monkeypatch.setattr(Isolated, "extract", extract)
    found = predict(model, videos(tmp_path, a="1", b="2", c="3"), workers=3)
    assert [each.prediction.status for each in found] == ["ok"] * 3


def test_the_cache_is_used_where_there_is_one(tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, cache = videos(tmp_path / "new", a="1"), Cache(tmp_path / "cache")
    first = predict(model, inputs, cache=cache)
    monkeypatch.setattr(Isolated, "extract", lambda *given: pytest.fail("extracted again"))
    monkeypatch.setattr(Holistic, "accepts", lambda *given: True)
    assert predict(model, inputs, cache=cache) == first


def test_a_crash_is_tried_once_more_and_a_full_disk_ends_it(
    tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, tries = videos(tmp_path / "new", a="1"), []

    def crash_first(*given: object) -> Extraction:
        tries.append(1)
        return Extraction(signer()) if len(tries) > 1 else Extraction(empty_keypoints(), CRASHED, "killed")

    monkeypatch.setattr(Isolated, "extract", crash_first)
    for cache in (None, Cache(tmp_path / "cache")):
        tries.clear()
        assert [each.prediction.status for each in predict(model, inputs, cache=cache)] == ["ok"]

    def full(*given: object) -> Extraction:
        raise CannotWrite("the disk is full")

    monkeypatch.setattr(Cache, "extraction", full)
    with pytest.raises(CannotWrite):
        predict(model, inputs, cache=Cache(tmp_path / "cache"))


def test_keypoints_in_another_order_are_told_and_the_others_go_on(tmp_path: Path, model: Model) -> None:
    np.save(tmp_path / "a.npy", flat(invented(), VALUES_1662)[:, ::-1])
    np.save(tmp_path / "b.npy", flat(invented(), VALUES_1662))
    found = predict(model, find_inputs([tmp_path], READING))
    assert [each.prediction.status for each in found] == ["unreadable", "ok"]
    assert "another order" in (found[0].prediction.reason or "")


FOUND = [
    Answered("a.mp4", Prediction("ok", None, (Sign("7", "=house", 0.75), Sign("8", "tree", 0.125)), known=True)),
    Answered("b.mp4", Prediction("ok", "cut short", (Sign("8", "tree", 0.5), Sign("7", "=house", 0.25)))),
    Answered("c.mp4", Prediction("no_person", "nobody")),
]


def test_the_table_has_a_column_for_each_field(tmp_path: Path) -> None:
    write(FOUND, tmp_path / "x.csv", top=2)
    table = pd.read_csv(tmp_path / "x.csv", dtype=str, keep_default_na=False)
    fields = [f"{field}_{number}" for number in (1, 2) for field in ("label", "gloss", "probability")]
    assert list(table) == ["clip", "status", "reason", "answer", *fields]
    assert table.to_numpy().tolist() == [
        ["a.mp4", "ok", "", "'=house", "7", "'=house", "0.75", "8", "tree", "0.125"],
        ["b.mp4", "ok", "cut short", "unknown", "8", "tree", "0.5", "7", "'=house", "0.25"],
        ["c.mp4", "no_person", "nobody", "", "", "", "", "", "", ""],
    ]


def test_the_json_has_the_same_fields(tmp_path: Path) -> None:
    write(FOUND, tmp_path / "x.json")
    found = json.loads((tmp_path / "x.json").read_text())
    tree, house = {"label": "8", "gloss": "tree"}, {"label": "7", "gloss": "=house"}
    signs = [tree | {"probability": 0.5}, house | {"probability": 0.25}]
    assert found[1] == {
        "clip": "b.mp4", "status": "ok", "reason": "cut short", "answer": "unknown", "signs": signs,
    }  # fmt: skip
    assert found[2]["signs"] == []


def test_a_gloss_cannot_command_the_terminal() -> None:
    said = Prediction("ok", None, (Sign("1", "\x1b]0;evil\x07\nhouse", 0.5),), known=True)
    assert line(Answered("a.mp4", said)) == "a.mp4: \ufffd]0;evil\ufffd\ufffdhouse 0.500"


def test_lines_for_people() -> None:
    assert list(map(line, FOUND)) == [
        "a.mp4: =house 0.750; tree 0.125",
        "b.mp4: unknown (tree 0.500; =house 0.250)",
        "c.mp4: no_person: nobody",
    ]
    assert summary(FOUND, Inputs()) == ["3 clips: 1 recognised, 1 unknown, 1 no_person"]


@pytest.mark.parametrize(("name", "said"), [("x.txt", "written as .csv or .json"), (".", "a folder")])
def test_other_endings_are_refused_before_anything_is_done(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(SignfoldError, match=said):
        check_ending(tmp_path / name)


def test_a_place_that_takes_nothing_is_told_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a cache, all clips would be looked at in vain."""
    clip, occupied = tmp_path / "a.mp4", tmp_path / "file"
    clip.write_text("1")
    occupied.write_text("no folder")
    monkeypatch.setattr(Isolated, "extract", lambda *_: pytest.fail("the clip was looked at"))
    results = save_folds(tmp_path / "results", folds=1)
    done = CliRunner().invoke(main, ["predict", str(results), str(clip), "-o", str(occupied / "x.csv")])
    assert (done.exit_code, type(done.exception)) == (1, SystemExit)
    assert f"{occupied / 'x.csv'}: cannot be written" in done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "file", "results"]

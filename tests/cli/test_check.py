"""`signfold check`: what a run would work on, and status 1 for what would stop it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from signfold.cli.main import main

SIGNERS = ("ann", "bob", "cy", "di", "ed")


def check(root: Path, *arguments: str, **keys: Any) -> Result:
    own = {"root": str(root / "videos"), "match": r"(?P<label>[^/]+)/(?P<signer>[^/_]+)_[^/]*$", **keys}
    (root / "mine.yaml").write_text(yaml.safe_dump({"dataset": "mine", "datasets": {"mine": own}}))
    return CliRunner().invoke(main, ["check", str(root / "mine.yaml"), *arguments])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for label in ("1", "2", "10"):
        for signer in SIGNERS:
            file = tmp_path / "videos" / label / f"{signer}_1.mp4"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"\0\0\0\x18ftypmp42")
    return tmp_path


def part(said: Result, title: str) -> list[str]:
    """The lines below a title."""
    assert said.exit_code == 0, said.output
    lines = said.output.splitlines()
    below = lines[lines.index(title) + 1 :] if title in lines else []
    return [line[2:] for line in below[: below.index("") if "" in below else None]]


def test_classes_stand_in_natural_order_with_their_glosses(root: Path) -> None:
    (root / "videos" / "10" / "ann_2.mp4").write_bytes(b"\0")
    assert part(check(root, glosses={"names": {"1": "house"}}), "classes × signers, in clips") == [
        "    ann  bob  cy  di  ed  all",
        "1     1    1   1   1   1    5  house",
        "2     1    1   1   1   1    5",
        "10    2    1   1   1   1    6",
    ]


def test_a_large_table_stays_small(root: Path) -> None:
    for number in range(100, 130):
        for signer in range(20):
            file = root / "videos" / str(number) / f"p{signer:02d}_1.mp4"
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(b"\0")
    table = part(check(root), "classes × signers, in clips")
    assert len(table) == 14
    assert "others" in table[0]
    assert table[-1] == "21 more"


def test_every_fold_says_who_has_which_role(root: Path) -> None:
    folds = part(check(root), "folds: clips and signers of each role")
    assert [line.split()[0] for line in folds] == [f"fold-{number}" for number in range(1, 6)]
    tested = [line.rpartition("test ")[2] for line in folds]
    assert sorted(tested) == [f"3 ({signer})" for signer in SIGNERS]


def test_what_is_left_out_or_no_video_is_listed_with_an_example(root: Path) -> None:
    for number in range(3):
        (root / "videos" / f"stray{number}.mp4").write_bytes(b"x")
    (root / "videos" / "1" / "zed_1.mp4").write_text("#EXTM3U\n/etc/passwd\n")
    said = check(root)
    assert part(said, "left out") == [
        f"'{root}/videos/stray0.mp4' and 2 more: the name does not match the dataset's pattern"
    ]
    assert part(said, "cannot be read") == [
        f"'{root}/videos/1/zed_1.mp4': a text file, such as a playlist, not a video; rename or remove it"
    ]


def test_what_cannot_be_learnt_and_near_equal_names_are_listed(root: Path) -> None:
    (root / "videos" / "3").mkdir()
    (root / "videos" / "3" / "Ann_1.mp4").write_bytes(b"\0")
    said = check(root)
    assert part(said, "cannot be learnt") == ["1 class with one clip, never learnt where it is tested: 3"]
    assert part(said, "spelt in several ways") == ["signer: 'ann', 'Ann'"]
    assert part(check(root, spellings="join"), "spelt in several ways") == []


def test_what_would_stop_a_run_is_one_message_and_status_1(root: Path) -> None:
    for label in ("1", "2", "10"):
        for signer in SIGNERS[1:]:
            (root / "videos" / label / f"{signer}_1.mp4").unlink()
    said = check(root)
    assert said.exit_code == 1
    assert said.output.startswith("Error: folds.group: there is one signer only, 'ann'")
    assert "Traceback" not in said.output
    said = check(root, "--dataset", "mein")
    assert "datasets.mein: unknown key; did you mean `mine`?" in said.output
    said = CliRunner().invoke(main, ["check", str(root / "other.yaml")])
    assert (said.exit_code, "no such file; there are mine.yaml" in said.output) == (1, True)


def test_the_demo_is_checked_before_it_is_rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(main, ["check"])
    assert said.exit_code == 0, said.output
    assert said.output.startswith("demo: found: ")


def test_a_folder_of_texts_with_names_of_videos_is_an_error(root: Path) -> None:
    for video in root.glob("videos/*/*.mp4"):
        video.write_text("version https://git-lfs.github.com/spec/v1")
    said = check(root)
    assert said.exit_code == 1
    assert "videos: no file is a video: " in said.output
    assert "1/ann_1.mp4' and 14 more: a Git LFS pointer, not the video itself; run `git lfs pull`" in said.output

"""Mistakes of configuration and data stop the workflow with one message; odd names do not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_workflow import REPORT, configure, small_config, snakemake, videos

# One worker runs them all: what has run once serves every test.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workflow")]
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
    said = say(tmp_path, small_config(), "-n", "--", "results/demo/tensors/0f.npy")
    assert "demo has no clips in a shard '0f'; it has shards 0, 1\n" in said


def test_one_signer_only_is_said_before_anything_is_extracted(done: Path) -> None:
    for video in videos(done)[2:]:
        video.unlink()
    said = snakemake(done, "--dry-run", REPORT, check=False)
    assert "there is one signer only, '01'" in said
    assert "Traceback (most recent call last)" not in said

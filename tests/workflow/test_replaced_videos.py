"""A video that was replaced with its old modification time is extracted again, through Snakemake itself."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from small_workflow import SNAKEMAKE

CONFIG = "dataset: mine\nshards: 1\ndatasets: {mine: {preset: folders, root: videos}}\n"
TARGET = "results/mine/keypoints/0.parquet"


def snakemake(folder: Path, *arguments: str) -> str:
    command = [*SNAKEMAKE, "--cores", "1", "--verbose"]
    command += ["--configfile", "mine.yaml", *arguments, "--", TARGET]
    done = subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1800
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.slow
def test_swapped_clips_are_extracted_again_and_untouched_ones_not(
    tmp_path: Path, write_video: Callable[..., Path]
) -> None:
    one, other = (
        write_video(tmp_path / "videos" / name / "a.mp4", shade=shade) for name, shade in [("x", 0), ("y", 90)]
    )
    shutil.copystat(one, other)
    (tmp_path / "mine.yaml").write_text(CONFIG)
    snakemake(tmp_path)
    assert "Nothing to be done" in snakemake(tmp_path, "-n")
    shutil.copy2(one, tmp_path / "kept.mp4")
    shutil.copy2(other, one)
    shutil.copy2(tmp_path / "kept.mp4", other)
    said = snakemake(tmp_path, "-n")
    assert "rule keypoints" in said
    assert "Params have changed" in said

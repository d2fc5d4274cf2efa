"""Snakemake on a small synthetic dataset, `demo`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from paths import PROJECT

SNAKEMAKE = [sys.executable, "-m", "snakemake", "-s", str(PROJECT / "Snakefile")]
DEMO = [*SNAKEMAKE, "--configfile", "config.yaml", "--cores", "2"]
REPORT = "results/demo/report.html"


def small_config(signers: int = 3, takes: int = 1, **settings: Any) -> dict[str, Any]:
    """Return the configuration of two signs and a small network, with further settings of the dataset."""
    small = {
        "shards": 2,
        "tensors": {"frames": 16},
        "model": {"network": "conv", "width": 0.125},
        "training": {"epochs": 1},
    }
    synth = {"signs": 2, "signers": signers, "takes": takes, "seed": 0, "planted": False}
    return {"datasets": {"demo": {"synth": synth, "settings": small | settings}}, "evaluation": {"confidence": 0.9}}


def configure(folder: Path, config: dict[str, Any]) -> Path:
    """Write the configuration into a folder, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    return folder


def snakemake(folder: Path, *arguments: str, check: bool = True) -> str:
    """Run Snakemake in a folder and return all that it says."""
    done = subprocess.run(
        [*DEMO, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1800,
    )
    assert done.returncode == 0 or not check, done.stdout
    return done.stdout


def planned(folder: Path, *arguments: str, target: str = REPORT) -> dict[str, int]:
    """Return how many jobs of each rule a dry-run announces."""
    said = snakemake(folder, "--dry-run", "--verbose", target, *arguments)
    stats = said.rpartition("Job stats:")[2]
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", stats, re.M) if rule != "total"}


def videos(folder: Path) -> list[Path]:
    """Return the drawn videos."""
    return sorted((folder / "results/demo/videos").glob("*.mp4"))


def entries(folder: Path) -> set[str]:
    """Return the names of the cache's files."""
    return {path.name for path in (folder / "results/cache").glob("*/*.parquet")}

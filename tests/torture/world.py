"""A small dataset in a folder, the real workflow over it, and what a run must never do."""

from __future__ import annotations

import csv
import hashlib
import os
import random
import shutil
import signal
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import yaml
from keypoint_files import VALUES_258, flat, invented, write_kaggle
from small_workflow import SNAKEMAKE

from signfold.formats import pose
from signfold.synth.render import SynthSettings, render

FRAMES = 10
LIMIT_SECONDS = 600
SIGNERS, SIGNS = ("ann", "bob", "cid"), ("yes", "no")
IMPORTS = {"npy": ".npy", "pose": ".pose", "kaggle": ".parquet"}
SETTINGS = {"shards": 1, "tensors": {"frames": FRAMES}, "folds": {"k": 2}, "model": {"width": 0.125}}
SETTINGS |= {"training": {"epochs": 2}}


@dataclass(frozen=True)
class Run:
    """A run that has ended: its exit status, None where the time limit ended it, and what it said."""

    code: int | None
    said: str


class World:
    """The dataset, its results, and the results of a fresh run on the same files.

    Parameters
    ----------
    folder
        Where all of it is made.
    chance
        Random numbers that the faults are drawn from.
    """

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.folder, self.chance, self.dataset = folder / "work", chance, "signs"
        self.base, self.fresh_folder = folder / "base", folder / "fresh"
        self.spares: list[Path] = []
        self._fresh: dict[str, dict[str, str]] = {}
        self._make_videos(folder / "rendered")
        for name in IMPORTS:
            self._make_imports(name)
        self.known = {digest(path) for path in self.base.rglob("*") if path.is_file() and path.suffix != ".csv"}
        self.start_over()

    @property
    def root(self) -> Path:
        return self.folder / self.dataset

    @property
    def results(self) -> Path:
        return self.folder / "results" / self.dataset

    @property
    def targets(self) -> list[str]:
        return [f"results/{self.dataset}/{name}" for name in ("manifest.parquet", "folds/audit.json")]

    def clips(self) -> list[Path]:
        """Return the clips of the dataset, in an order that chance decides."""
        found = sorted(path for path in self.root.rglob("*") if path.suffix not in ("", ".csv"))
        self.chance.shuffle(found)
        return found

    def configure(self, folder: Path, **more: Any) -> None:
        datasets: dict[str, Any] = {"signs": {"preset": "csv", "root": "signs", "settings": SETTINGS}}
        for name in IMPORTS:
            labels = {"preset": "csv", "keypoints": name, "root": name, "size": [640, 480], "settings": SETTINGS}
            datasets[name] = labels if name != "pose" else {key: labels[key] for key in labels if key != "size"}
        config = {"dataset": self.dataset, "cache": "cache", "datasets": datasets, **more}
        (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")

    def start_over(self) -> None:
        """Make the folder anew: the dataset as it was made, no results."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.base, self.folder)
        self.configure(self.folder)

    def restore(self) -> bool:
        """Put back what a fault changed in the dataset; return whether it had changed any."""
        wanted, changed = self.base / self.dataset, False
        for path in sorted(self.root.rglob("*"), reverse=True):
            if not (wanted / path.relative_to(self.root)).exists():
                changed = True
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        for path in wanted.rglob("*"):
            here = self.root / path.relative_to(wanted)
            if path.is_file() and (not here.is_file() or here.is_symlink() or digest(here) != digest(path)):
                here.unlink(missing_ok=True)
                here.parent.mkdir(exist_ok=True)
                shutil.copy(path, here)
                changed = True
        return changed

    def start(self, *targets: str, before: tuple[str, ...] = (), folder: Path | None = None) -> subprocess.Popen[str]:
        """Start Snakemake in a process group of its own; `before` is a command that runs it; -- before targets."""
        folder = folder or self.folder
        command = [*before, *SNAKEMAKE, "--cores", "2"]
        if any((folder / ".snakemake/locks").glob("*")):
            subprocess.run([*command, "--configfile", "config.yaml", "--unlock"], cwd=folder, capture_output=True)
        command += ["--configfile", "config.yaml", *(targets or ("--", *self.targets))]
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "XDG_CACHE_HOME": str(folder / ".cache")}
        into = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
        return subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, **into)

    def run(self, *targets: str) -> Run:
        return finish(self.start(*targets))

    def made(self, folder: Path) -> dict[str, str]:
        """Return the digests of what a run has left, without what tells times."""
        results = folder / "results" / self.dataset
        told = {"logs", "benchmarks"}
        files = (path for path in results.rglob("*") if path.is_file() and path.name[0] != ".")
        named = {str(path.relative_to(results)): path for path in files}
        return {name: digest(path) for name, path in named.items() if Path(name).parts[0] not in told}

    def fresh(self) -> dict[str, str]:
        """Return what a run from nothing leaves for the present files."""
        state = hashlib.sha256((self.folder / "config.yaml").read_bytes() + self.dataset.encode())
        for path in sorted(self.root.rglob("*")):
            content = digest(path) if path.is_file() else str(path.lstat().st_mode)
            state.update(f"{path.relative_to(self.root)}\0{content}\0".encode())
        key = state.hexdigest()
        if key not in self._fresh:
            self.fresh_folder.mkdir(exist_ok=True)
            for name in ("results", ".snakemake", self.dataset):
                shutil.rmtree(self.fresh_folder / name, ignore_errors=True)
            subprocess.run(["cp", "-a", self.root, self.folder / "config.yaml", self.fresh_folder], check=True)
            run = finish(self.start(folder=self.fresh_folder))
            self._fresh[key] = self.made(self.fresh_folder) if run.code == 0 else {"no fresh run": run.said}
        return self._fresh[key]

    def problems(self, run: Run, named: str = "", compare: bool = True) -> list[str]:
        """Return what is wrong with a run: nothing lost, stale or hanging, no traceback, the cause named."""
        if run.code is None:
            return ["hang"]
        found = ["traceback"] if "Traceback (most recent call last)" in run.said else []
        if run.code == 0 and compare:
            found += self._lost() + self._stale()
        told = run.said + "".join(path.read_text() for path in self.results.glob("*.excluded.csv"))
        if named and named not in told:
            found.append(f"{named!r} is not named")
        if run.code != 0 and not named:
            found.append(f"exit status {run.code}")
        return found

    def _lost(self) -> list[str]:
        """Clips that are as they were made must be learnt from; all others must be listed with a reason."""
        ids = set(pq.read_table(self.results / "items.parquet")["source_id"].to_pylist())
        listed = "".join(path.read_text() for path in self.results.glob("*.excluded.csv"))
        lost = []
        for path in self.clips():
            name = str(path.relative_to(self.root).with_suffix(""))
            fine = path.is_file() and digest(path) in self.known
            if name not in ids and (fine or name not in listed):
                lost.append(f"lost: {name}")
        return lost

    def _stale(self) -> list[str]:
        fresh, made = self.fresh(), self.made(self.folder)
        names = sorted(fresh.keys() | {name for name in made if "models/" not in name})
        other = [name for name in names if fresh.get(name) != made.get(name)]
        return [f"stale: {', '.join(other[:3])}"] if other else []

    def relabel(self, clip: Path, **changes: str | None) -> None:
        """Change a clip's row in the label table; `video=None` takes it out. A clip without a row gets one."""
        table = self.root / "labels.csv"
        rows = list(csv.DictReader(table.open(newline="")))
        name = str(clip.relative_to(self.root))
        row = next((row for row in rows if row["video"] == name), None)
        if row is None:
            row = {"video": name, "label": SIGNS[0], "signer": SIGNERS[0], "split": ""}
            rows.append(row)
        row |= changes
        _write_table(table, [row for row in rows if row["video"] is not None])

    def _make_videos(self, rendered: Path) -> None:
        """Cut four clips of each signer out of one that is rendered: of two signs, and of as many spares."""
        render(rendered, SynthSettings(signs=1, signers=3, takes=1, seed=self.chance.randrange(100)), workers=2)
        rows = []
        for signer, video in zip(SIGNERS, sorted(rendered.glob("*.mp4")), strict=True):
            for number, sign in enumerate(SIGNS, start=1):
                name = f"{signer}_{sign}"
                clip = shorten(video, self.base / "signs" / f"{name}.mp4", number * FRAMES)
                os.utime(clip, (1.7e9, 1.7e9))
                rows.append({"video": clip.name, "label": sign, "signer": signer, "split": ""})
                spare = rendered / "spares" / clip.name
                self.spares.append(shorten(video, spare, number * FRAMES + FRAMES // 2))
        _write_table(self.base / "signs/labels.csv", rows)

    def _make_imports(self, name: str) -> None:
        rows = []
        for number, (signer, sign) in enumerate((signer, sign) for signer in SIGNERS for sign in SIGNS):
            file = self.base / name / f"{signer}_{sign}{IMPORTS[name]}"
            file.parent.mkdir(parents=True, exist_ok=True)
            clip = invented(FRAMES, seed=number)
            if name == "npy":
                np.save(file, flat(clip, VALUES_258))
            elif name == "kaggle":
                write_kaggle(file, clip, range(FRAMES))
            else:
                file.write_bytes(pose.pose_bytes(replace(clip, width=640, height=480, fps=30.0)))
            rows.append({"video": file.name, "label": sign, "signer": signer, "split": ""})
        _write_table(self.base / name / "labels.csv", rows)


def finish(process: subprocess.Popen[str]) -> Run:
    """Wait for a run to end, at most so long as the limit says."""
    try:
        said, _ = process.communicate(timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return Run(None, process.communicate()[0])
    return Run(process.returncode, said)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def shorten(video: Path, out: Path, first: int) -> Path:
    """Write a few frames of a video from `first` on: less than a second of extraction."""
    out.parent.mkdir(parents=True, exist_ok=True)
    capture = cv2.VideoCapture(str(video))
    capture.set(cv2.CAP_PROP_POS_FRAMES, first)
    writer = None
    for _ in range(FRAMES):
        _, picture = capture.read()
        writer = writer or cv2.VideoWriter(str(out), cv2.VideoWriter_fourcc(*"mp4v"), 25, picture.shape[1::-1])
        writer.write(picture)
    assert writer is not None
    writer.release()
    return out


def _write_table(table: Path, rows: list[dict[str, Any]]) -> None:
    with table.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, ["video", "label", "signer", "split"])
        writer.writeheader()
        writer.writerows(rows)

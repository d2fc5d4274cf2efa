"""Faults: each changes files, limits or processes, yields for a run that is judged, and restores what no rerun can.

What a fault yields is what the run must tell, a file's name, where it must; and a run that it has started itself.
The dataset is put back afterwards by the caller.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from world import IMPORTS, SIGNERS, SIGNS, World, digest


@dataclass(frozen=True)
class Judged:
    """What the next run must tell, and the run itself if it has begun; `compare` its results with a fresh run's."""

    names: str = ""
    process: subprocess.Popen[str] | None = None
    compare: bool = True


Fault = Callable[[World], Iterator[Judged]]
FAULTS: dict[str, Fault] = {}
# Those of the short form: quick, and each of another kind.
SHORT = ("kill", "two videos swapped", "bit flip in the cache")


def fault(name: str) -> Callable[[Fault], Fault]:
    def register(function: Fault) -> Fault:
        FAULTS[name] = function
        return function

    return register


def forget(world: World, cache: bool = True) -> None:
    """Delete the results, so that a run has all to do; the cache too where videos are to be read."""
    shutil.rmtree(world.results, ignore_errors=True)
    if cache:
        shutil.rmtree(world.folder / "cache", ignore_errors=True)


def descendant(process: subprocess.Popen[str], word: str) -> psutil.Process | None:
    """Return a process below the run whose command has a word in it, as soon as there is one."""
    while process.poll() is None:
        for child in psutil.Process(process.pid).children(recursive=True):
            try:
                if any(word in part for part in child.cmdline()):
                    return child
            except psutil.Error:
                continue
        time.sleep(0.02)
    return None


@contextmanager
def tmpfs(folder: Path, kib: int) -> Iterator[None]:
    """Put a small disk in a folder's place."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)


@fault("kill")
def kill(world: World) -> Iterator[Judged]:
    """Snakemake, a job, or all of them at once, at a random moment."""
    forget(world, cache=world.chance.random() < 0.5)
    process = world.start()
    time.sleep(world.chance.uniform(1, 12))
    victims = [process.pid]
    if process.poll() is None:
        below = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
        victims = world.chance.choice([victims, [*victims, *below], below[-1:] or victims])
    for victim in victims:
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.communicate()
    yield Judged()


@fault("kill of a training")
def kill_training(world: World) -> Iterator[Judged]:
    model = world.results / "models/fold-1/joint/seed-1/model.safetensors"
    target = str(model.relative_to(world.folder))
    first = world.run(target)
    assert first.code == 0, first.said
    expected = model.read_bytes()
    shutil.rmtree(world.results / "models")
    process = world.start(target)
    if child := descendant(process, "train.py"):
        time.sleep(world.chance.uniform(0, 5))
        child.kill()
    process.communicate()
    yield Judged(process=world.start(target))
    assert model.read_bytes() == expected, "stale: the model has other bytes"
    shutil.rmtree(world.results / "models")


@fault("full disk of the results")
def full_results(world: World) -> Iterator[Judged]:
    with tmpfs(world.folder / "results", world.chance.randrange(8, 120)):
        yield Judged("results/signs/", compare=False)
        remount(world.folder / "results", "size=64m")
        yield Judged()


@fault("full disk of the cache")
def full_cache(world: World) -> Iterator[Judged]:
    forget(world)
    with tmpfs(world.folder / "cache", world.chance.randrange(4, 60)):
        yield Judged("cache", compare=False)
        remount(world.folder / "cache", "size=64m")
        yield Judged()


@fault("disk remounted read-only")
def read_only(world: World) -> Iterator[Judged]:
    with tmpfs(world.folder / "results", 65536):
        process = world.start()
        time.sleep(world.chance.uniform(2, 8))
        done = subprocess.run(["mount", "-o", "remount,ro", world.folder / "results"], capture_output=True)
        yield Judged("results/signs/" if done.returncode == 0 else "", process, compare=False)
        remount(world.folder / "results", "rw")
        yield Judged()


@fault("times in the future or the past")
def times(world: World) -> Iterator[Judged]:
    """As after a clock that was set back: outputs from the future, then another video with an older time."""
    files = [path for path in world.results.rglob("*") if path.is_file()]
    for path in [*files, *world.clips()]:
        when = time.time() + world.chance.uniform(-1e7, 1e7)
        os.utime(path, (when, when))
    clip = world.clips()[0]
    shutil.copy(world.spares[0], clip)
    os.utime(clip, (1e9, 1e9))
    yield Judged()


@fault("video changed while it is read")
def changed(world: World) -> Iterator[Judged]:
    forget(world)
    process = world.start()
    descendant(process, "signfold.keypoints.isolated")
    time.sleep(world.chance.uniform(0, 4))
    clip = world.clips()[0]
    clip.write_bytes(world.spares[1].read_bytes())
    # It was read before or after, which needs no word; or in the middle, which does: no other reason to stop.
    process_said = process.communicate()[0]
    assert process.returncode == 0 or clip.name in process_said, "not named: " + process_said[-500:]
    assert "Traceback (most recent call last)" not in process_said, "traceback"
    yield Judged()


@fault("video deleted while it is read")
def deleted(world: World) -> Iterator[Judged]:
    forget(world)
    process = world.start()
    descendant(process, "signfold.keypoints.isolated")
    clip = world.clips()[0]
    clip.unlink()
    said = process.communicate()[0]
    assert process.returncode == 0 or clip.name in said, "not named: " + said[-500:]
    assert "Traceback (most recent call last)" not in said, "traceback"
    world.relabel(clip, video=None)
    yield Judged()


@fault("result that cannot be written")
def immutable(world: World) -> Iterator[Judged]:
    made = [*world.results.glob("tensors/*.npy"), *world.results.glob("keypoints/*.parquet")]
    locked = world.chance.choice(sorted([*made, world.results / "items.parquet"]))
    clip = world.clips()[0]
    shutil.copy(world.spares[2], clip)
    for path in world.results.glob("*/*.parquet"):
        if path != locked:
            path.unlink()
    subprocess.run(["chattr", "+i", locked], check=True)
    try:
        yield Judged(locked.name)
    finally:
        subprocess.run(["chattr", "-i", locked], check=True)


@fault("video that may not be read")
def forbidden(world: World) -> Iterator[Judged]:
    """Root without its right to read all."""
    forget(world)
    clip = world.clips()[0]
    clip.chmod(0)
    bounded = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    yield Judged(clip.name, world.start(before=bounded), compare=False)
    clip.chmod(0o644)
    yield Judged()


@fault("extraction killed as by the kernel")
def out_of_memory(world: World) -> Iterator[Judged]:
    """The child that decodes dies, as where memory ends; the clip is fine, and a later run must have it."""
    forget(world)
    process = world.start()
    if child := descendant(process, "signfold.keypoints.isolated"):
        time.sleep(world.chance.uniform(0, 3))
        if child.is_running():
            child.kill()
    process.communicate()
    yield Judged()


@fault("too little memory")
def little_memory(world: World) -> Iterator[Judged]:
    """A job, or the child that decodes, may not have much more than it has at a random moment."""
    forget(world)
    process = world.start()
    word = world.chance.choice(["signfold.keypoints.isolated", "keypoints.py", "tensors.py", "items.py", "folds.py"])
    if child := descendant(process, word):
        time.sleep(world.chance.uniform(0, 1))
        with suppress(psutil.Error):
            most = child.memory_info().vms + world.chance.randrange(200 << 20)
            child.rlimit(psutil.RLIMIT_AS, (most, most))
    yield Judged("results/signs/logs/", process, compare=False)
    yield Judged()


@fault("damaged import")
def damaged_import(world: World) -> Iterator[Judged]:
    world.dataset = world.chance.choice(sorted(IMPORTS))
    clip = world.clips()[0]
    content = bytearray(clip.read_bytes())
    damage = world.chance.choice(["cut", "empty", "noise", "head"])
    if damage == "cut":
        del content[world.chance.randrange(len(content)) :]
    elif damage == "empty":
        content.clear()
    else:
        start = 0 if damage == "head" else world.chance.randrange(len(content))
        content[start : start + 64] = world.chance.randbytes(64)
    clip.write_bytes(content)
    yield Judged("" if damage == "noise" else clip.stem)


@fault("infinite numbers in an import")
def infinite(world: World) -> Iterator[Judged]:
    world.dataset = "npy"
    clip = world.clips()[0]
    values = np.load(clip)
    values[world.chance.randrange(len(values))] = world.chance.choice([np.inf, -np.inf, np.nan, 1e30])
    if world.chance.random() < 0.3:
        values[:] = np.nan
    np.save(clip, values)
    yield Judged()


@fault("video moved to another folder")
def moved(world: World) -> Iterator[Judged]:
    clip = world.clips()[0]
    into = world.root / "moved" / clip.name
    into.parent.mkdir()
    clip.rename(into)
    world.relabel(clip, video=f"moved/{clip.name}")
    yield Judged()


@fault("label table changed")
def relabelled(world: World) -> Iterator[Judged]:
    clip, field = world.clips()[0], world.chance.choice(["label", "signer", "split"])
    old = {"label": SIGNS, "signer": SIGNERS, "split": ("train",)}[field]
    world.relabel(clip, **{field: world.chance.choice([value for value in old if value not in clip.name])})
    yield Judged()


@fault("two videos swapped")
def swapped(world: World) -> Iterator[Judged]:
    """With `cp -p`: the names have the other video's content and time."""
    one, other = world.clips()[:2]
    kept = world.folder / "kept"
    for source, target in ((one, kept), (other, one), (kept, other)):
        subprocess.run(["cp", "-p", source, target], check=True)
    kept.unlink()
    yield Judged()


@fault("bit flip in the cache")
def flipped_cache(world: World) -> Iterator[Judged]:
    forget(world, cache=False)
    entries = sorted((world.folder / "cache").glob("*/*.parquet"))
    flip(world, world.chance.choice(entries))
    yield Judged()


@fault("bit flip in a result")
def flipped_result(world: World) -> Iterator[Judged]:
    """What is made of it has gone, so that it is read."""
    stages = ["keypoints", "tensors", "items.parquet", "duplicates.parquet", "folds"]
    stage = world.chance.randrange(len(stages))
    made = [path for path in world.results.rglob("*") if path.relative_to(world.results).parts[0] == stages[stage]]
    hit = world.chance.choice(sorted(path for path in made if path.is_file()))
    for later in [*stages[stage + 1 :], "manifest.parquet"]:
        path = world.results / later
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    (world.results / "folds/audit.json").unlink(missing_ok=True)
    flip(world, hit)
    yield Judged(hit.name)
    hit.unlink(missing_ok=True)


def flip(world: World, path: Path) -> None:
    """Flip one bit, or cut the file short; its time stays as it was."""
    content, status = bytearray(path.read_bytes()), path.stat()
    place = world.chance.randrange(len(content))
    if world.chance.random() < 0.2:
        del content[place:]
    else:
        content[place] ^= 1 << world.chance.randrange(8)
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@fault("special file among the videos")
def special(world: World) -> Iterator[Judged]:
    kind = world.chance.choice(["fifo", "socket", "zero", "loop", "folder", "dead"])
    path = world.root / f"{kind}.mp4"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to({"zero": "/dev/zero", "loop": path.name, "dead": "nowhere.mp4"}[kind])
    world.relabel(path)
    yield Judged(kind)


@fault("damaged video")
def damaged_video(world: World) -> Iterator[Judged]:
    clip = world.clips()[0]
    content = bytearray(clip.read_bytes())
    del content[: world.chance.choice([0, 40])]
    del content[world.chance.choice([0, 30, len(content) // 3]) :]
    clip.write_bytes(content)
    yield Judged(clip.stem)


@fault("interlaced video")
def interlaced(world: World) -> Iterator[Judged]:
    """Its pictures are those of a clip that is learnt from, so it must be too."""
    clip = world.clips()[0]
    out = world.root / "interlaced.mp4"
    flags = ["-c:v", "libx264", "-flags", "+ilme+ildct", "-x264opts", "tff=1"]
    subprocess.run(["ffmpeg", "-loglevel", "error", "-i", clip, *flags, out], check=True)
    world.relabel(out)
    world.known.add(digest(out))
    yield Judged()


@fault("two runs at once")
def two_runs(world: World) -> Iterator[Judged]:
    forget(world, cache=world.chance.random() < 0.5)
    first = world.start()
    descendant(first, ".py")
    command = list(first.args)  # not `start`: it would take the lock away
    second = subprocess.run(command, cwd=world.folder, capture_output=True, text=True, errors="replace")
    assert "Traceback (most recent call last)" not in second.stdout + second.stderr, "traceback"
    yield Judged(process=first)


@fault("Snakemake's memory lost")
def without_snakemake(world: World) -> Iterator[Judged]:
    shutil.rmtree(world.folder / ".snakemake")
    clip = world.clips()[0]
    shutil.copy(world.spares[3], clip)
    yield Judged()

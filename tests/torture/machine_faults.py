"""Faults of the machine: processes, disks and memory, while a run is going on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from faults import Judged, fault, forget
from world import World, finish


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


def end(process: subprocess.Popen[str], names: str = "") -> None:
    """Wait until a run ends: in time, without a traceback, and where it fails, with a word of what it must tell."""
    run = finish(process)
    assert run.code is not None, "hang"
    assert "Traceback (most recent call last)" not in run.said, "traceback"
    assert run.code == 0 or names in run.said, "not named: " + run.said[-500:]


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
    end(process)
    yield Judged()


@fault("kill of a training")
def kill_training(world: World) -> Iterator[Judged]:
    model = world.results / "models/fold-1/joint/seed-1/model.safetensors"
    target = str(model.relative_to(world.folder))
    first = world.run("--", target)
    assert first.code == 0, first.said
    expected = model.read_bytes()
    shutil.rmtree(world.results / "models")
    process = world.start("--", target)
    if child := descendant(process, "train.py"):
        time.sleep(world.chance.uniform(0, 2))
        with suppress(psutil.NoSuchProcess):  # it was quicker
            child.kill()
    end(process)
    yield Judged(process=world.start("--", target))
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


@fault("video changed while it is read")
def changed(world: World) -> Iterator[Judged]:
    forget(world)
    process = world.start()
    descendant(process, "signfold.keypoints.isolated")
    time.sleep(world.chance.uniform(0, 4))
    clip = world.clips()[0]
    clip.write_bytes(world.spares[1].read_bytes())
    # It was read before or after, which needs no word; or in the middle, which does: no other reason to stop.
    end(process, clip.name)
    yield Judged()


@fault("video deleted while it is read")
def deleted(world: World) -> Iterator[Judged]:
    forget(world)
    process = world.start()
    descendant(process, "signfold.keypoints.isolated")
    clip = world.clips()[0]
    clip.unlink()
    end(process, clip.name)
    world.relabel(clip, video=None)
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
    end(process)
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


@fault("two runs at once")
def two_runs(world: World) -> Iterator[Judged]:
    forget(world, cache=world.chance.random() < 0.5)
    first = world.start()
    descendant(first, ".py")
    command = list(first.args)  # not `start`: it would take the lock away
    second = subprocess.run(command, cwd=world.folder, capture_output=True, text=True, errors="replace")
    assert "Traceback (most recent call last)" not in second.stdout + second.stderr, "traceback"
    yield Judged(process=first)

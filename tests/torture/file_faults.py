"""Faults of files: videos, imports, label tables, results and the cache, changed or damaged between two runs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from faults import Judged, fault, forget
from world import IMPORTS, SIGNERS, SIGNS, World, digest


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
    yield Judged("-exec touch", compare=False)
    for path in world.results.rglob("*"):  # as it says
        if path.stat().st_mtime > time.time():
            path.touch()
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
    """Flip one bit of what a file says, or cut it short; its time stays as it was."""
    content, status = path.read_bytes(), path.stat()
    says = said(path)
    while said(path) == says:  # gaps and names of writers say nothing
        damaged, place = bytearray(content), world.chance.randrange(len(content))
        if world.chance.random() < 0.2:
            del damaged[place:]
        else:
            damaged[place] ^= 1 << world.chance.randrange(8)
        path.write_bytes(damaged)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def said(path: Path) -> object:
    """Return what a file says to a reader without checksums; None where it cannot be read."""
    if path.suffix != ".parquet":
        return path.read_bytes()
    try:
        table = pq.read_table(path)
        return table.to_pydict(), table.schema.metadata
    except (pa.ArrowException, OSError, UnicodeError):
        return None


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


@fault("Snakemake's memory lost")
def without_snakemake(world: World) -> Iterator[Judged]:
    """And a video or a label changed: without its records Snakemake takes all for up to date."""
    shutil.rmtree(world.folder / ".snakemake")
    clip = world.clips()[0]
    if world.chance.random() < 0.5:
        shutil.copy(world.spares[3], clip)
        rules = ["keypoints"]
    else:
        world.relabel(clip, signer=next(signer for signer in SIGNERS if signer not in clip.name))
        rules = ["index", "items"]
    yield Judged(f"--forcerun {' '.join(rules)}", compare=False)
    yield Judged(process=world.start("--forcerun", *rules, "--", *world.targets))

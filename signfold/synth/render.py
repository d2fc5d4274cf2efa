"""Writing a set of synthetic clips and the true joints in them."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from tqdm import tqdm

from signfold.core import versions
from signfold.core.errors import SignfoldError
from signfold.core.files import read_metadata, write_json, write_parquet
from signfold.core.skeleton import HAND, POSE
from signfold.dataset.synthetic import MADE, TRUTH, SynthClip, SynthSettings, made, modified_ns, record, synthetic_clips
from signfold.synth import scene
from signfold.synth.flaws import flaws
from signfold.synth.motion import FPS
from signfold.synth.signers import HEIGHT, WIDTH

# The size of a re-encoded clip.
SMALLER = (WIDTH * 3 // 4, HEIGHT * 3 // 4)

log = logging.getLogger(__name__)

Joints = dict[str, npt.NDArray[np.float32]]


def render(out: Path, settings: SynthSettings, workers: int = 1) -> None:
    """Render a set of clips into a folder, and their true joints into `truth.parquet` beside them.

    Clips that an earlier call left there are replaced, or removed if the settings have no such clip. The same settings
    give the same bytes, whatever the number of workers.

    Parameters
    ----------
    out
        The folder; made if need be. Other files in it are left alone.
    settings
        Which clips.
    workers
        Processes. A script that asks for more than one must guard its own run by `if __name__ == "__main__":`.

    Raises
    ------
    SignfoldError
        If `workers` is not positive, or the clips cannot be written, or `out` has a `truth.parquet` of other origin.
    """
    if workers < 1:
        raise SignfoldError(f"workers: {workers} is out of range; choose 1 or more")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SignfoldError(f"{out}: cannot make this folder ({error.strerror}); choose another") from None
    wanted = synthetic_clips(settings)
    _remove_stale(out, {clip.name for clip in wanted})
    (out / TRUTH).unlink(missing_ok=True)
    write_json(out / MADE, record(settings))
    by_signer = [list(group) for _, group in groupby(sorted(wanted, key=_signer), key=_signer)]
    # Half a signer's clips are the unit of work: a signer's still parts are drawn once per process and unit.
    units = [part for group in by_signer for part in (group[::2], group[1::2]) if part]
    truth: dict[str, Joints] = {}
    with tqdm(total=len(wanted), unit="clip", desc="synth") as bar:
        for names, joints in _each(partial(_render_unit, out, settings), units, workers):
            truth |= dict(zip(names, joints, strict=True))
            bar.update(len(names))
    readable = [(clip.sample_id, truth[clip.sample_id]) for clip in wanted if not clip.broken]
    _write_truth(out / TRUTH, readable, settings)
    log.info("%d clips in %s", len(wanted), out)


def _signer(clip: SynthClip) -> int:
    return clip.signer


def _each(work: Any, units: list[list[SynthClip]], workers: int) -> Any:
    """Yield the results of `work` for each unit, in order."""
    if workers == 1:
        yield from map(work, units)
        return
    # Forking a process in which OpenCV has threads can hang.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(work, units)


def _render_unit(out: Path, settings: SynthSettings, unit: list[SynthClip]) -> tuple[list[str], list[Joints]]:
    """Render some clips of one signer; return their sample ids and true joints."""
    return [clip.sample_id for clip in unit], [_render_clip(out, settings, clip) for clip in unit]


def _render_clip(out: Path, settings: SynthSettings, clip: SynthClip) -> Joints:
    people = scene.parts(clip, settings)
    # OpenCV picks the container by the extension, and a leading dot hides an unfinished clip from a scan of the folder.
    temporary = out / f".{clip.name}"
    try:
        _write_video(temporary, people, clip)
        os.utime(temporary, ns=(modified_ns(settings),) * 2)
        temporary.replace(out / clip.name)
    finally:
        temporary.unlink(missing_ok=True)
    return scene.true_joints(people[0])


def _write_video(path: Path, people: Sequence[scene.Part], clip: SynthClip) -> None:
    size = SMALLER if clip.reencoded else (WIDTH, HEIGHT)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, size)
    if not writer.isOpened():
        raise SignfoldError(f"{path}: OpenCV cannot write MPEG-4 here; check that the folder is writable")
    try:
        for picture in scene.pictures(people):
            writer.write(cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if clip.reencoded else picture)
    finally:
        writer.release()
    if clip.broken:
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])


def _remove_stale(out: Path, wanted: set[str]) -> None:
    """Remove the clips that an earlier call made, by its record, and that are not wanted now."""
    table = out / TRUTH
    if table.exists() and read_metadata(table).get("renderer") is None:
        raise SignfoldError(f"{table}: not made by signfold synth; choose another folder, or move this file away")
    for name in set(made(out).get("clips", [])) - wanted:
        (out / name).unlink(missing_ok=True)


def _write_truth(path: Path, samples: list[tuple[str, Joints]], settings: SynthSettings) -> None:
    """Write the table of true joints; its row is a frame."""
    columns: dict[str, pa.Array] = {
        "sample_id": pa.array([name for name, joints in samples for _ in joints["pose"]], pa.string()),
        "frame": pa.array(np.concatenate([np.arange(len(joints["pose"])) for _, joints in samples]), pa.int32()),
    }
    for name in ("pose", "left_hand", "right_hand"):
        values = np.concatenate([joints[name] for _, joints in samples])
        columns[name] = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values[0].size)
    metadata = {"renderer": versions.SYNTH, "settings": asdict(settings), "pose": list(POSE), "hand": list(HAND)}
    metadata |= {"planted": [asdict(flaw) for flaw in flaws(settings)]}
    metadata |= {"coordinates": "x, y as shares of the picture's width and height", "fps": FPS}
    write_parquet(pa.table(columns), path, metadata)

"""What the live page costs, stage by stage, and whether it answers as the file path does.

    python benchmarks/live.py MODEL VIDEOS... [--fps 30] [--fps 15] [--cache results/cache]
    python benchmarks/live.py results/mine          # its own clips, each by the networks that never saw its signer

Each video is recognised as a file, and once more as the page would send it: scaled to at most 640 pixels, as JPEG, at
no more than each of the frame rates. Processor time is that of this process, one thread.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import click
import cv2
import numpy as np
import torch

import signfold
from signfold.core.clip import Extraction
from signfold.core.files import read_parquet
from signfold.core.results import ResultsFolder
from signfold.inference.from_results import load_results
from signfold.inference.live.cut import SignCutter
from signfold.inference.live.frames import Frame, drawable, keypoints_of
from signfold.inference.live.tracker import decoded, flat
from signfold.inference.model import Model
from signfold.keypoints import video
from signfold.keypoints.cache import Cache, file_digest

LONGEST, QUALITY, RATES = 640, 85, (30.0, 15.0)

spent: dict[str, list[float]] = defaultdict(list)


@contextmanager
def timed(stage: str) -> Iterator[None]:
    start = time.process_time()
    yield
    spent[stage].append(1000 * (time.process_time() - start))


def sent(path: Path) -> list[tuple[float, bytes]]:
    """Return times and JPEGs of a video, as the page would send them."""
    found = []
    with video.opened(path) as opened:
        for at, picture in opened.frames():
            if picture is not None:
                scale = min(1, LONGEST / max(picture.shape[:2]))
                small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
                encoded = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
                found.append((at, encoded.tobytes()))
    return found


def slower(pictures: list[tuple[float, bytes]], fps: float) -> list[tuple[float, bytes]]:
    """Leave out pictures that come sooner than 1 / fps after the last that was kept."""
    kept = pictures[:1]
    for at, picture in pictures[1:]:
        if at - kept[-1][0] >= 1000 / fps - 5:
            kept.append((at, picture))
    return kept


def tracked(model: Model, pictures: list[tuple[float, bytes]]) -> list[Frame]:
    frames = []
    with model.holistic().tracker() as track:
        for at, jpeg in pictures:
            with timed("decode JPEG"):
                picture = decoded(jpeg)
            with timed("Holistic"):
                values = flat(track(picture))
            frame = Frame(at, values, (picture.shape[1], picture.shape[0]))
            frames.append(frame)
            with timed("raised hands, drawing"):
                _ = frame.raised, drawable(keypoints_of([frame]), 0)
    return frames


def top(model: Model, frames: list[Frame]) -> str:
    if not frames:
        return ""
    with timed("keypoints"):
        found = Extraction(keypoints_of(frames))
    with timed("tensor"):
        model.tensor(found.keypoints)
    with timed("tensor and network"):
        answer = model.answer(found)
    return answer.signs[0].label if answer.signs else ""


def cut_by_hands(frames: list[Frame]) -> list[Frame]:
    """Return the longest sign; a film that ends with raised hands ends it."""
    cutter = SignCutter()
    signs = [cutter.add(frame) for frame in frames] + [cutter.end()]
    return max((sign.frames for sign in signs if sign), key=len, default=[])


def unseen(results: Path) -> list[tuple[Path, Model]]:
    """Return the clips of a run, each with the networks of the fold that tested it."""
    whole, paths = load_results(results, ensemble=True), read_parquet(results / "index.parquet").to_pylist()
    path_of = {row["sample_id"]: Path(row["path"]) for row in paths}
    found = []
    for fold in ResultsFolder(results).folds:
        own = {name: member for name, member in whole.members.items() if name.split("/")[0] == fold}
        rows = read_parquet(results / "folds" / f"{fold}.parquet", ["sample_id", "role"]).to_pylist()
        tested = [path_of[row["sample_id"]] for row in rows if row["role"] == "test"]
        found += [(path, replace(whole, members=own)) for path in tested]
    return sorted(found, key=lambda each: each[0])


@click.command()
@click.argument("model", type=click.Path(path_type=Path, exists=True))
@click.argument("videos", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--fps", "rates", multiple=True, type=float, default=RATES, show_default=True)
@click.option("--cache", type=click.Path(path_type=Path), default=Path("results/cache"))
def main(model: Path, videos: tuple[Path, ...], rates: tuple[float, ...], cache: Path) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    loaded = signfold.load(model) if videos else None
    pairs = [(path, loaded) for path in videos] if loaded else unseen(model)
    found: dict[str, list[str]] = defaultdict(list)
    own_rates = []
    for path, answering in pairs:
        extraction = Cache(cache).extraction(path, file_digest(path)[0], answering.holistic())
        answer = answering.answer(extraction)
        found["file"].append(answer.signs[0].label if answer.signs else "")
        pictures = sent(path)
        own_rates.append(1000 / np.mean([b[0] - a[0] for a, b in pairwise(pictures)]))
        for fps in rates:
            frames = tracked(answering, slower(pictures, fps))
            found[f"whole clip, {fps:g} fps"].append(top(answering, frames))
            found[f"cut by the hands, {fps:g} fps"].append(top(answering, cut_by_hands(frames)))
        print(path.name, {key: values[-1] for key, values in found.items()}, flush=True)
    print(f"{len(pairs)} clips, of {np.mean(own_rates):.1f} frames a second")
    for key, labels in found.items():
        equal = np.mean([a == b for a, b in zip(labels, found["file"], strict=True)])
        print(f"{key}: equal to the file's top-1 {equal:.1%}; sign found in {np.mean([bool(x) for x in labels]):.1%}")
    for stage, values in spent.items():
        half, most = np.quantile(values, [0.5, 0.9])
        print(f"{stage}: {half:.1f} ms (90 %: {most:.1f}) of processor time, {len(values)} times")


if __name__ == "__main__":
    main()

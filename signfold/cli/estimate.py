"""Estimate of a run's time and disk space, from a few clips of the dataset and one training step."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from signfold.config.load import dataset_of, dataset_settings, read_config
from signfold.core.clip import to_table
from signfold.core.errors import SignfoldError
from signfold.core.files import write_parquet
from signfold.core.settings import (
    ModelSettings,
    Settings,
    TensorSettings,
    TrainingSettings,
)
from signfold.core.skeleton import layout
from signfold.core.text import duration
from signfold.dataset import index
from signfold.folds.names import count_groups, fold_names
from signfold.keypoints.extract import holistic_of
from signfold.keypoints.holistic import Holistic
from signfold.models.registry import build_network
from signfold.training.optim import precision

# Every clip's keypoints lie in the cache and in its shard.
COPIES = 2


@dataclass(frozen=True)
class Probe:
    """Size of one clip, and the cost of its extraction.

    Parameters
    ----------
    bytes
        Size of the video.
    frames
        Number of frames.
    seconds
        Core-seconds of its extraction.
    stored
        Bytes of its keypoints on disk.
    """

    bytes: int
    frames: int
    seconds: float
    stored: int


@dataclass(frozen=True)
class Plan:
    """Estimate of a run.

    Parameters
    ----------
    videos, video_bytes
        Number of videos and their size.
    seconds
        Core-seconds of extraction, and half the width of their 95 % interval, from the sampled clips.
    keypoint_bytes, tensor_bytes
        Bytes on disk of keypoints, in the cache and in the shards, and of tensors.
    training_seconds
        Seconds of training all networks one after the other on `device`; on a CPU, core-seconds.
    networks, device
        Number of networks, and the device that trains them.
    """

    videos: int
    video_bytes: int
    seconds: tuple[float, float]
    keypoint_bytes: float
    tensor_bytes: float
    training_seconds: float
    networks: int
    device: str


def spread_by_size(samples: Sequence[index.Sample], count: int) -> list[index.Sample]:
    """Return `count` samples from the smallest video to the largest, in the middles of as many equal parts."""
    by_size = sorted(samples, key=lambda sample: (Path(sample.path).stat().st_size, sample.sample_id))
    count = min(count, len(by_size))
    return [by_size[int((number + 0.5) * len(by_size) / count)] for number in range(count)]


def probe(sample: index.Sample, extractor: Holistic) -> Probe:
    """Extract one clip, and write its keypoints to measure their size."""
    start = time.process_time()
    found = extractor.extract(sample.path)
    seconds = time.process_time() - start
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "clip.parquet"
        write_parquet(to_table(sample.sample_id, found.keypoints), file)
        return Probe(Path(sample.path).stat().st_size, len(found.keypoints), seconds, file.stat().st_size)


def scaled(values: Sequence[float], total: int) -> tuple[float, float]:
    """Return the sum of a value over `total` clips, estimated from some of them, and 1.96 standard errors of it.

    Parameters
    ----------
    values
        Value of each sampled clip.
    total
        Number of all clips.
    """
    known = np.asarray(values, dtype=float)
    error = known.std(ddof=1) / np.sqrt(len(known)) if len(known) > 1 else known.mean()
    return float(total * known.mean()), float(1.96 * total * error)


def step_seconds(
    tensors: TensorSettings, model: ModelSettings, settings: TrainingSettings, classes: int, device: torch.device
) -> float:
    """Return the seconds of one training step without loading of data: the second of two.

    On a CPU it is the processor time of one core, which other programs do not change.
    """
    places = layout(tensors.layout)
    shape = (settings.batch_size, len(tensors.channels) + 1, tensors.frames, len(places.joints))
    dtype = precision(settings, device)
    network = build_network({"layout": tensors.layout, "channels": tensors.channels}, classes, model).to(device)
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    # Several threads spin while they wait for each other, which is processor time too.
    torch.set_num_threads(1)
    start = 0.0
    for _ in range(2):
        start = clock()
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            logits = network(torch.rand(shape, device=device)).float()
        torch.nn.functional.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long, device=device)).backward()
        if device.type == "cuda":
            torch.cuda.synchronize()
    return clock() - start


def training_seconds(settings: Settings, found: index.Index, device: torch.device) -> tuple[float, int]:
    """Return the seconds that all networks take one after the other, and how many there are.

    An upper bound of the items: every video but a fold's test part, as though none were held apart for validation.
    """
    folds, train = settings.folds, settings.training
    names = fold_names(count_groups((s.signer for s in found.samples), folds), folds)
    networks = len(names) * len(settings.streams) * settings.seeds
    step = step_seconds(
        settings.tensors, settings.model, train, len({sample.label for sample in found.samples}), device
    )
    items = len(found.samples) * (1 - 1 / max(2, len(names)))
    return networks * train.epochs * items / train.batch_size * step, networks


def plan(file: str | Path | None, name: str | None = None, sample: int = 5) -> Plan:
    """Estimate a run.

    Parameters
    ----------
    file
        Configuration file, as for `snakemake --configfile`; None for the defaults.
    name
        Name of the dataset; None for the configuration's `dataset`.
    sample
        Number of clips that are extracted.

    Raises
    ------
    SignfoldError
        If there are no videos to look at: keypoints that are imported, or clips that are yet to be drawn.
    """
    config = read_config(file)
    name = name or config["dataset"]
    dataset, settings = dataset_of(config, name), dataset_settings(config, name)
    if "keypoints" in dataset:
        raise SignfoldError(
            f"datasets.{name}: its keypoints are imported, nothing is extracted; there is nothing to plan"
        )
    found = index.read_index(dataset)
    if not Path(found.samples[0].path).exists():
        raise SignfoldError(f"datasets.{name}: its videos are yet to be drawn; run `snakemake` up to the index first")
    extractor = holistic_of(settings.keypoints)
    # The first clip pays for reading the models.
    chosen = spread_by_size(found.samples, sample)
    probe(chosen[0], extractor)
    probes = [probe(one, extractor) for one in chosen]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    seconds, networks = training_seconds(settings, found, device)
    tensors = settings.tensors
    values = len(tensors.channels) * tensors.frames * len(layout(tensors.layout).joints)
    return Plan(
        videos=len(found.samples),
        video_bytes=sum(Path(one.path).stat().st_size for one in found.samples),
        seconds=scaled([one.seconds for one in probes], len(found.samples)),
        keypoint_bytes=COPIES * scaled([one.stored for one in probes], len(found.samples))[0],
        tensor_bytes=4.0 * values * len(found.samples),
        training_seconds=seconds,
        networks=networks,
        device=device.type,
    )


def plan_lines(found: Plan, workers: int) -> str:
    """Return the lines of a plan for a number of parallel workers."""
    seconds, off = found.seconds
    return "\n".join(
        [
            f"{found.videos} videos, {found.video_bytes / 1e9:.2f} GB",
            f"keypoints: {duration(seconds)} of one core (± {off / max(seconds, 1e-9):.0%}), so about "
            f"{duration(seconds / workers)} with {workers} workers",
            f"training: at most {duration(found.training_seconds)} for {found.networks} networks one after the other, "
            f"on {'one core' if found.device == 'cpu' else found.device}",
            f"disk: {found.keypoint_bytes / 1e9:.2f} GB of keypoints (half of it the cache, which may be deleted), "
            f"{found.tensor_bytes / 1e9:.2f} GB of tensors",
        ]
    )

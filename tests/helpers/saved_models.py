"""Untrained networks where a run would have written trained ones, with what an evaluation says of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from signfold.core import versions
from signfold.core.files import write_json
from signfold.core.settings import KeypointSettings, ModelSettings, TensorSettings
from signfold.core.skeleton import layout
from signfold.models.io import build_network, save_model

LABELS = ("1", "2", "3")


def save(
    folder: Path,
    labels: tuple[str, ...] = LABELS,
    frames: int = 8,
    stream: str = "joint",
    keypoints: Mapping[str, Any] | None = None,
    **about: Any,
) -> None:
    """Write an untrained network; of all clips below `final`, else of the fold that the folder is named after."""
    settings = TensorSettings(frames=frames)
    joints = list(layout(settings.layout).joints)
    tensors = {"layout": settings.layout, "joints": joints, "channels": list(settings.channels), "frames": frames}
    tensors |= {"settings": dataclasses.asdict(settings), "version": versions.TENSORS}
    tensors |= {"keypoints": dict(keypoints or dataclasses.asdict(KeypointSettings()))}
    network = build_network(tensors, len(labels), ModelSettings(width=0.125))
    fold = folder.parents[1].name
    provenance = {"fold": "all" if fold == "final" else fold}
    described = {"tensors": tensors, "labels": labels, "stream": stream, "provenance": provenance}
    save_model(folder, network, settings=ModelSettings(width=0.125), **described)
    write_json(folder / "metrics.json", {"epochs": 7, "best_epoch": 7} | about)


def save_folds(results: Path, folds: int = 2, streams: Sequence[str] = ("joint",), final: bool = False) -> Path:
    """Write the networks of a run with one seed, evaluated with equal weights and a temperature of 1.5."""
    names = [f"fold-{number}" for number in range(1, folds + 1)]
    for fold in [*names, *(["final"] if final else [])]:
        for stream in streams:
            save(results / "models" / fold / stream / "seed-1", stream=stream)
    evaluated(results, [dict.fromkeys(names, dict.fromkeys(streams, 1 / len(streams)))], [dict.fromkeys(names, 1.5)])
    return results


def evaluated(
    results: Path,
    weights: Sequence[Mapping[str, Mapping[str, float]]],
    temperatures: Sequence[Mapping[str, float]] | None = None,
    version: int = versions.EVALUATE,
    **figures: Any,
) -> None:
    """Write what a run says of its folds, and of each fold's fusion and temperature for each seed."""
    about = {"folds": list(weights[0]), "streams": list(next(iter(weights[0].values()))), "version": version}
    about["temperature_by_fold"] = temperatures or [dict.fromkeys(own) for own in weights]
    about |= {"fusion_by_fold": weights, "seeds": {"count": len(weights)}, **figures}
    write_json(results / "evaluation" / "metrics.json", about)


def clip() -> np.ndarray:
    """Return the random tensor of a clip."""
    return np.random.default_rng(0).normal(size=(9, 8, 27)).astype(np.float32)

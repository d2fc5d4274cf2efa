"""Clips as moving skeletons, small enough to stand in the page: what the network saw, not the person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signfold.core.files import read_metadata
from signfold.core.skeleton import SIDES, layout
from signfold.tensors.channels import pairs
from signfold.tensors.shards import map_array

FRAMES, SIZE, MARGIN = 32, 240, 12


def skeletons(results: Path, clips: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return for each clip whose tensor is there what the page's script draws.

    Parameters
    ----------
    results
        `results/{dataset}`.
    clips
        sample_id, shard, row, as in the manifest.

    Returns
    -------
    dict
        By sample id: `frames`, FRAMES lists of x and y of each joint in a square of SIZE, null where missing; `bones`,
        pairs of joints; `sides`, for each bone -1 (left hand), 1 (right hand) or 0.
    """
    found = {}
    for clip in clips.to_dict("records"):
        path = results / f"tensors/{clip['shard']}.npy"
        metadata = read_metadata(path.with_suffix(".parquet")) if path.exists() else {}
        if axes := pairs(metadata.get("channels", ()))[:1]:
            points = np.asarray(map_array(path)[clip["row"]][list(axes[0])])
            if frames := _frames(points):
                found[clip["sample_id"]] = {"frames": frames, **_bones(metadata["layout"])}
    return found


def _frames(points: NDArray[np.float32]) -> list[list[int | None]]:
    """Return (2, T, V) points as FRAMES lists of whole numbers, the whole clip fitted into the square."""
    chosen = points[:, np.linspace(0, points.shape[1] - 1, FRAMES).round().astype(int)]
    known = chosen[:, ~np.isnan(chosen).any(axis=0)]
    if not known.size:
        return []
    low, high = known.min(axis=1), known.max(axis=1)
    scale = (SIZE - 2 * MARGIN) / max(float((high - low).max()), 1e-6)
    placed = (chosen - ((low + high) / 2)[:, None, None]) * scale + SIZE / 2
    flat = placed.transpose(1, 2, 0).reshape(FRAMES, -1)
    return [[None if np.isnan(value) else round(float(value)) for value in frame] for frame in flat]


def _bones(name: str) -> dict[str, Any]:
    own = layout(name)
    hands = [set(own.hand(side)) for side in SIDES]
    sides = [(one in hands[1]) - (one in hands[0]) for one, _ in own.edges]
    return {"bones": [list(edge) for edge in own.edges], "sides": sides}


def confused(predictions: pd.DataFrame, pairs: pd.DataFrame, most: int) -> list[dict[str, Any]]:
    """Return for the most confused pairs of signs a clip that was mistaken, and one of the sign that it was taken for.

    Parameters
    ----------
    predictions
        sample_id, class_id, predicted, confidence.
    pairs
        Confusions, the worst first: true, predicted and their glosses.
    most
        How many pairs.

    Returns
    -------
    list of dict
        `wrong` and `other`, sample ids (the most confident mistake and right answer; any clip where none is right);
        `right`, whether the other was recognised; `true_gloss`, `predicted_gloss`.
    """
    sure = predictions.sort_values(["confidence", "sample_id"], ascending=[False, True], kind="stable")
    found = []
    for pair in pairs.head(most).to_dict("records"):
        mistaken = sure[(sure["class_id"] == pair["true"]) & (sure["predicted"] == pair["predicted"])]
        own = sure[sure["class_id"] == pair["predicted"]]
        good = own[own["predicted"] == own["class_id"]]
        if len(mistaken) and len(own):
            names = {key: pair[key] for key in ("true_gloss", "predicted_gloss")}
            other = (good if len(good) else own)["sample_id"].iloc[0]
            found.append({"wrong": mistaken["sample_id"].iloc[0], "other": other, "right": bool(len(good)), **names})
    return found


def drawn(
    results: Path, chosen: Sequence[dict[str, Any]], manifest: pd.DataFrame
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the pairs of `confused` whose tensors are there, and the drawings of their clips: two for each pair."""
    wanted = {pair[side] for pair in chosen for side in ("wrong", "other")}
    found = skeletons(results, manifest[manifest["sample_id"].isin(wanted)])
    there = [pair for pair in chosen if pair["wrong"] in found and pair["other"] in found]
    return there, [found[pair[side]] for pair in there for side in ("wrong", "other")]

"""How well the hands of a clip were seen, counted over the sign: not over the rest before and after it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from signfold.core.files import read_parquet
from signfold.core.results import frames_of
from signfold.core.skeleton import SIDES
from signfold.report import plots, sheets
from signfold.report.results import Results
from signfold.tensors.imputation import longest_gap

WORST = 10
SHOWN = 4
HANDS = {side: f"{side}_hand" for side in SIDES}

Section = dict[str, Any]


def quality(results: Results) -> Section:
    """Return how well hands were seen: over clips, per signer, and the worst clips."""
    tensors = results.tensors
    if tensors.empty or not {"seen_left", "seen_right"} <= set(tensors):
        return {}
    table = hand_shares(over_the_sign(results))
    if len(results.index):
        table["signer"] = table["sample_id"].map(results.index.set_index("sample_id")["signer"])
    worst = table.sort_values("better", kind="stable").head(WORST)
    return {
        "clips": len(table),
        "figure": plots.hands_seen(table["better"].to_numpy(), table["other"].to_numpy()),
        "signers": hands_per_signer(table),
        "median": table["better"].median(),
        "poor": int((table["better"] < 0.5).sum()),
        "gap": table["longest_gap"].median(),
        "worst": worst.to_dict("records"),
        "sheets": sheets.sheets(results, worst["sample_id"].head(SHOWN)),
        "layout": results.tensor_metadata,
        "root": str(results.root),
    }


def over_the_sign(results: Results) -> pd.DataFrame:
    """Return the table of tensors with `frames`, `seen_*`, `imputed_*` and `longest_gap` of the frames of the sign.

    Clips without keypoint files keep what their tensors say of the whole clip.
    """
    table = results.tensors.set_index("sample_id", drop=False)
    if not {"first_frame", "last_frame"} <= set(table):
        return results.tensors
    for videos in results.folder.shard_files("keypoints", ".videos.parquet"):
        if (path := frames_of(videos)).exists():
            found = _signs(read_parquet(path, ["sample_id", "frame", *HANDS.values()]), table)
            table.loc[found.index, found.columns] = found.astype(table.dtypes[found.columns].to_dict())
    return table.reset_index(drop=True)


def _signs(frames: Any, table: pd.DataFrame) -> pd.DataFrame:
    """Return for each clip of a shard that has a tensor what was seen between the first and last frame of its sign."""
    detected = pd.DataFrame({name: frames[name].to_numpy() for name in ("sample_id", "frame")})
    detected = detected.assign(**{side: frames[part].is_valid().to_numpy() for side, part in HANDS.items()})
    detected = detected[detected["sample_id"].isin(table.index)]
    first, last = (detected["sample_id"].map(table[f"{end}_frame"]) for end in ("first", "last"))
    clips = detected[detected["frame"].between(first, last)].groupby("sample_id")
    found = pd.DataFrame({"frames": clips.size()})
    gaps = {side: clips[side].agg(lambda known: longest_gap(known.to_numpy())) for side in SIDES}
    found["longest_gap"] = pd.DataFrame(gaps).max(axis=1)
    for side in SIDES:
        found[f"seen_{side}"] = clips[side].mean()
        imputed = table.loc[found.index, f"imputed_{side}"] > 0
        found[f"imputed_{side}"] = (1 - found[f"seen_{side}"]).where(imputed, 0.0)
    return found


def hand_shares(tensors: pd.DataFrame) -> pd.DataFrame:
    """Add for each clip the share of frames with its better seen hand and with the other, and the share filled in."""
    seen = tensors[["seen_left", "seen_right"]].fillna(0).to_numpy(dtype=float)
    table = tensors.assign(better=seen.max(1), other=seen.min(1))
    left_better = seen[:, 0] >= seen[:, 1]
    if {"imputed_left", "imputed_right"} <= set(tensors):
        table["filled"] = np.where(left_better, tensors["imputed_left"], tensors["imputed_right"])
    return table.reindex(columns=[*table.columns, *({"filled", "longest_gap", "mirrored"} - set(table))])


def hands_per_signer(table: pd.DataFrame) -> list[dict[Any, Any]]:
    """Return each signer's means over clips, worst first; nothing where signers are unknown."""
    if "signer" not in table or table["signer"].isna().all():
        return []
    groups = table.groupby("signer")
    means = groups[["better", "other", "filled"]].mean()
    means["mirrored"] = groups["mirrored"].agg(lambda flags: float(np.mean(flags.astype(float))))
    means["clips"], means["gap"] = groups.size(), groups["longest_gap"].median()
    means["worst_gap"] = groups["longest_gap"].max()
    return means.sort_values("better").reset_index().to_dict("records")

"""What each section of the page says: plain values and figures, ready for its template."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import yaml

from signfold.report import plots, sheets, skeletons
from signfold.report.results import Results, natural

# Longer lists go on in the files, which the page names.
LISTED = 200
WORST = 15
SHOWN = 4
HEAT_MAP = 22
# With fewer groups, a percentile bootstrap is known to be too narrow.
FEW = 10
ROLES = ("train", "val", "test")
STAGES = (
    *"synth index keypoints import tensors items manifest duplicates folds audit".split(),
    *"baselines shuffled pretrain_clips pretrain train train_seed evaluate figures report".split(),
)
PACKAGES = (
    "snakemake",
    "mediapipe",
    "opencv-python-headless",
    "torch",
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
    "pyarrow",
    "safetensors",
)

Section = dict[str, Any]


def headline(results: Results) -> Section:
    """The pooled figures, what they are to be compared with, and what should make one careful."""
    summary = results.summary
    if not summary:
        return {}
    groups, top1 = summary["interval"]["groups"], summary["top1"]
    cautions = []
    if summary["interval"]["unit"] != "signer":
        cautions.append("unknown" if summary["signers"] is None else "one")
    elif groups < FEW:
        cautions.append("few")
    if summary["signers_shared"]:
        cautions.append("shared")
    if top1["low"] <= max(summary["majority"], summary["chance"]):
        cautions.append("no_better")
    if summary["untested"] and "official" not in summary["folds"]:
        cautions.append("untested")
    return {**summary, "cautions": cautions}


def data(results: Results) -> Section:
    """How much there is, how it is spread over signs, and what was left out."""
    index, tensors, manifest = results.index, results.tensors, results.manifest
    if index.empty and manifest.empty:
        return {}
    clips = manifest[manifest["copy"] == 0] if len(manifest) else manifest
    per_class = clips["class_id"].value_counts() if len(clips) else pd.Series(dtype=int)
    frames = results.videos["frames"].sum() if len(results.videos) else None
    excluded = results.excluded
    return {
        "found": len(index) + _unused_videos(excluded),
        "usable": len(clips),
        "copies": len(manifest) - len(clips),
        "signers": int(clips["signer"].nunique()) or None,
        "without_signer": int(clips["signer"].isna().sum()),
        "classes": len(per_class),
        "seconds": tensors["duration_ms"].sum() / 1000 if "duration_ms" in tensors else None,
        "frames": frames,
        "per_class": {"min": per_class.min(), "median": per_class.median(), "max": per_class.max()}
        if len(clips)
        else None,
        "reasons": _reasons(excluded),
        "excluded": excluded.head(LISTED).to_dict("records"),
        "excluded_total": len(excluded),
    }


def _unused_videos(excluded: pd.DataFrame) -> int:
    """Count what the index left out that is a video: not other files, nor rows of a table without one."""
    left = excluded.loc[excluded["stage"] == "index", "reason"]
    return int((~left.str.startswith(("not a ", "in the label table"))).sum())


def _reasons(excluded: pd.DataFrame) -> list[tuple[str, str, int]]:
    """Return (stage, reason, clips), most frequent first; figures within a reason do not make it another."""
    plain = [re.sub(r"\d+([.,]\d+)?", "…", str(reason)).split(":")[0] for reason in excluded["reason"]]
    counts = Counter(zip(excluded["stage"], plain, strict=True))
    return [(stage, reason, clips) for (stage, reason), clips in counts.most_common(WORST)]


def quality(results: Results) -> Section:
    """How well hands were seen: over clips, per signer, and the worst clips."""
    tensors = results.tensors
    if tensors.empty or not {"seen_left", "seen_right"} <= set(tensors):
        return {}
    table = _hands(tensors)
    if len(results.index):
        table["signer"] = table["sample_id"].map(results.index.set_index("sample_id")["signer"])
    worst = table.sort_values("better", kind="stable").head(10)
    return {
        "clips": len(table),
        "figure": plots.hands(table["better"].to_numpy(), table["other"].to_numpy()),
        "signers": _quality_per_signer(table),
        "median": table["better"].median(),
        "poor": int((table["better"] < 0.5).sum()),
        "gap": table["longest_gap"].median(),
        "worst": worst.to_dict("records"),
        "sheets": sheets.sheets(results.root, worst["sample_id"].head(SHOWN)),
        "layout": results.tensor_metadata,
    }


def _hands(tensors: pd.DataFrame) -> pd.DataFrame:
    """Add for each clip the share of frames with its better seen hand and with the other, and the share filled in."""
    seen = tensors[["seen_left", "seen_right"]].fillna(0).to_numpy(dtype=float)
    table = tensors.assign(better=seen.max(1), other=seen.min(1))
    left_better = seen[:, 0] >= seen[:, 1]
    if {"imputed_left", "imputed_right"} <= set(tensors):
        table["filled"] = np.where(left_better, tensors["imputed_left"], tensors["imputed_right"])
    return table.reindex(columns=[*table.columns, *({"filled", "longest_gap", "mirrored"} - set(table))])


def _quality_per_signer(table: pd.DataFrame) -> list[dict[Any, Any]]:
    if "signer" not in table or table["signer"].isna().all():
        return []
    groups = table.groupby("signer")
    means = groups[["better", "other", "filled"]].mean()
    means["mirrored"] = groups["mirrored"].agg(lambda flags: float(np.mean(flags.astype(float))))
    means["clips"], means["gap"] = groups.size(), groups["longest_gap"].median()
    means["worst_gap"] = groups["longest_gap"].max()
    return means.sort_values("better").reset_index().to_dict("records")


def folds(results: Results) -> Section:
    """Who is in which role of which fold."""
    if not results.folds:
        return {}
    rows = []
    for name, table in results.folds.items():
        row: dict[str, Any] = {"fold": name, "copies": int(((table["copy"] > 0) & (table["role"] == "train")).sum())}
        for role in ROLES:
            part = table[(table["role"] == role) & (table["copy"] == 0)]
            row[role] = {"clips": len(part), "signers": int(part["signer"].nunique())}
        rows.append(row)
    known = any(table["signer"].notna().any() for table in results.folds.values())
    return {
        "rows": rows,
        "matrix": _matrix(results.folds),
        "known": known,
        "audit": results.audit,
        "same_take": results.audit.get("same_take"),
    }


def _matrix(tables: Mapping[str, pd.DataFrame]) -> list[tuple[str, list[str]]]:
    """Return for each signer the roles in each fold, joined by + where there are several."""
    roles: dict[str, dict[str, str]] = {}
    for fold, table in tables.items():
        for signer, found in table[table["role"].isin(ROLES)].groupby("signer")["role"]:
            roles.setdefault(str(signer), {})[fold] = "+".join(role for role in ROLES if role in set(found))
    return [(signer, [own.get(fold, "") for fold in tables]) for signer, own in sorted(roles.items())]


def curves(results: Results) -> Section:
    """Loss and top-1 over epochs, per stream."""
    # The first seed's, whose curves these are, stand in front.
    best = {(model["fold"], model["stream"]): model.get("best_epoch") for model in reversed(results.models)}
    streams: dict[str, dict[str, pd.DataFrame]] = {}
    for (fold, stream), table in results.histories.items():
        streams.setdefault(stream, {})[fold] = table
    drawn = []
    for stream, histories in streams.items():
        chosen = {fold: best.get((fold, stream)) for fold in histories}
        drawn += plots.learning_curves(histories, chosen, stream)
    return {"figures": drawn, "streams": list(streams)} if drawn else {}


def signers(results: Results) -> Section:
    """Each signer's top-1 with its interval, best first."""
    table = results.evaluation("per_signer")
    if table.empty or not results.summary:
        return {"rows": [], "known": False} if results.summary else {}
    rows = table.sort_values(["top1", "clips"], ascending=False, kind="stable").to_dict("records")
    summary = results.summary
    pooled = {"pooled": summary["top1"], "spread": summary["spread"], "shared": summary["signers_shared"]}
    return {"rows": rows, "known": True, **pooled}


def confusion(results: Results) -> Section:
    """The pairs that are confused most, a heat map of the signs in them, and clips of the worst pairs side by side."""
    pairs, classes = results.evaluation("confusions"), results.evaluation("per_class")
    if classes.empty:
        return {}
    chosen = skeletons.confused(results.predictions, pairs, SHOWN) if len(pairs) else []
    duels, drawings = skeletons.drawn(results.root, chosen, results.manifest)
    return {
        "duels": duels,
        "drawings": drawings,
        "pairs": pairs.head(WORST).to_dict("records"),
        "errors": int(pairs["count"].sum()) if len(pairs) else 0,
        "kinds": len(pairs),
        "figure": _heat_map(pairs, classes) if len(pairs) else None,
    }


def _heat_map(pairs: pd.DataFrame, classes: pd.DataFrame) -> plots.Figure:
    """Draw the signs of the worst pairs, as many as fit, in the order of their classes."""
    chosen: list[int] = []
    for pair in pairs[["true", "predicted"]].itertuples(index=False):
        new = [sign for sign in pair if sign not in chosen]
        if len(chosen) + len(new) > HEAT_MAP:
            break
        chosen += new
    chosen.sort()
    table = classes.set_index("class_id").loc[chosen]
    counts = np.diag(table["correct"].to_numpy(dtype=int))
    inside = pairs[pairs["true"].isin(chosen) & pairs["predicted"].isin(chosen)]
    rows, columns = (pd.Index(chosen).get_indexer(pd.Index(inside[side])) for side in ("true", "predicted"))
    counts[rows, columns] = inside["count"]
    shares = counts / np.maximum(table["clips"].to_numpy(dtype=int), 1)[:, None]
    return plots.confusion(shares, counts, table["gloss"].tolist())


def baselines(results: Results) -> Section:
    """What simple methods reach, and whether the network beats the best of them."""
    table = results.evaluation("baselines")
    if table.empty or not results.summary:
        return {}
    best = results.summary["baseline"]
    said = {"beaten": best["beaten"], "beaten_surely": best["beaten_surely"], "network": results.summary["top1"]}
    return {"rows": table.to_dict("records"), **said}


def labels(results: Results) -> Section:
    """The clips whose label is contradicted most, the first as pictures."""
    if not results.summary:
        return {}
    table = results.evaluation("label_audit")
    for side in ("", "other_"):
        if len(table):
            table[f"{side}gloss"] = table[f"{side}gloss"].replace("", np.nan).fillna(table[f"{side}label"])
    rows = table.head(WORST).to_dict("records")
    pictures = dict(sheets.sheets(results.root, [row["sample_id"] for row in rows[:SHOWN]]))
    drawn = [(row["sample_id"], pictures[row["sample_id"]], row) for row in rows if row["sample_id"] in pictures]
    known = not results.summary["signers_shared"] and results.summary["signers"] is not None
    return {"rows": rows, "total": len(table), "sheets": drawn, "known": known}


def classes(results: Results) -> Section:
    """The signs, worst first."""
    table = results.evaluation("per_class")
    if table.empty:
        return {}
    tested = table[table["clips"] > 0].sort_values(["f1", "clips"], ascending=[True, False], kind="stable")
    rows = tested.to_dict("records")
    perfect = int((tested["f1"] == 1).sum())
    return {"worst": rows[:WORST], "all": rows if len(rows) > WORST else [], "total": len(rows), "perfect": perfect}


def calibration(results: Results) -> Section:
    """Whether the model is as sure as it is right."""
    table = results.evaluation("calibration")
    if table.empty or not table["clips"].sum():
        return {}
    used = table[table["clips"] > 0]
    confident = float((used["confidence"] * used["clips"]).sum() / used["clips"].sum())
    return {"figure": plots.calibration(table), "ece": results.summary["ece"], "confident": confident}


def models(results: Results) -> Section:
    """What was trained, from what, and for how long; the streams by themselves, and the seeds."""
    if not results.models:
        return {}
    streams, summary = results.evaluation("streams"), results.summary
    weights = {}
    if summary and summary["fusion"] is None:
        weights = summary["fusion_by_fold"][0]
    seeds = summary["seeds"] if summary and summary["seeds"]["count"] > 1 else None
    return {
        "rows": results.models,
        "streams": streams.to_dict("records"),
        "weights": weights,
        "seeds": seeds,
        "pretrained": summary["pretrained"] if summary else None,
    }


def stages(results: Results) -> Section:
    """Time and memory per stage, from Snakemake's benchmarks."""
    table = results.benchmarks
    if table.empty:
        return {}
    groups = table.groupby("stage")
    rows = groups.agg(jobs=("s", "size"), s=("s", "sum"), cpu=("cpu_time", "sum"), longest=("s", "max"))
    rows["memory"] = groups["max_rss"].max()
    order = {stage: place for place, stage in enumerate(STAGES)}
    rows["part"] = rows["s"] / max(rows["s"].max(), 1e-9)
    records = rows.reset_index().to_dict("records")
    records.sort(key=lambda row: (order.get(row["stage"], len(order)), natural(row["stage"])))
    return {"rows": records, "total": rows["s"].sum()}


def reproduction(config: Mapping[str, Any], versions: Mapping[str, str], command: str) -> Section:
    """The command, the versions, and the configuration, as they were."""
    plain = json.loads(json.dumps(config, default=str))
    text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100)
    return {"command": command, "versions": dict(versions), "config": text}

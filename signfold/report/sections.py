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

from signfold.core.results import ROLES, fold_order
from signfold.dataset import spelling
from signfold.evaluation.label_signers import MOST_SHARE
from signfold.evaluation.metrics import TOP
from signfold.report import plots, sheets, skeletons
from signfold.report.quality import quality as quality
from signfold.report.results import Results, Run

# Number of rows that are listed; the page names the files that have all.
LISTED = 200
WORST = 15
SHOWN = 4
HEAT_MAP = 22
# With fewer signers, the range over them stands beside the interval.
FEW = 5
STAGES = (
    *"synth index keypoints import tensors items manifest duplicates folds audit".split(),
    *"baselines shuffled pretrain_clips pretrain train train_seed final_clips final evaluate figures report".split(),
)
Section = dict[str, Any]


def headline(results: Results) -> Section:
    """Return the pooled figures, the figures to compare them with, and the cautions."""
    summary = results.summary
    return {**summary, "cautions": _cautions(summary), "top": summary["classes"] > TOP} if summary else {}


def _cautions(summary: Mapping[str, Any]) -> list[str]:
    """Return the names of the cautions that hold."""
    over_signers = summary["interval"]["unit"] == "signer"
    holds = {
        "unknown": not over_signers and summary["signers"] is None,
        "one": not over_signers and summary["signers"] is not None,
        "few": over_signers and summary["interval"]["groups"] < FEW,
        "shared": summary["signers_shared"],
        "no_better": summary["top1"]["low"] <= max(summary["majority"], summary["chance"]),
        "ceiling": bool(summary["ceiling"]["classes"]),
        "untested": summary["untested"] and "official" not in summary["folds"],
    }
    return [name for name, held in holds.items() if held]


def data(results: Results) -> Section:
    """Return the number of videos, clips and signs, and what was left out and why."""
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
        "similar": spelling.near_equal_lines(results.near_equal),
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


def folds(results: Results) -> Section:
    """Return the clips and signers of each role in each fold."""
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
        "roles": [role for role in ROLES if any(row[role]["clips"] for row in rows)],
        "rows": rows,
        "matrix": _matrix(results.folds),
        "known": known,
        "audit": results.audit,
        "similar_signers": _similar_signers(results),
        "same_take": results.audit.get("same_take"),
    }


def _similar_signers(results: Results) -> list[str]:
    """Return the names that may be of one person, and that the audit took for several; not those that are kept."""
    audited = results.audit.get("near_equal", {}).get("signer", [])
    told = [group for group in results.near_equal.get("signer", []) if group in audited]
    return [" and ".join(group) for group in told]


def _matrix(tables: Mapping[str, pd.DataFrame]) -> list[tuple[str, list[str]]]:
    """Return for each signer the roles in each fold, joined by + where there are several."""
    roles: dict[str, dict[str, str]] = {}
    for fold, table in tables.items():
        for signer, found in table[table["role"].isin(ROLES)].groupby("signer")["role"]:
            roles.setdefault(str(signer), {})[fold] = "+".join(role for role in ROLES if role in set(found))
    return [(signer, [own.get(fold, "") for fold in tables]) for signer, own in sorted(roles.items())]


def curves(results: Results) -> Section:
    """Return loss and top-1 over epochs, per stream."""
    # The first seed's, whose curves these are, stand in front.
    best = {(model["fold"], model["stream"]): model.get("best_epoch") for model in reversed(results.models)}
    streams: dict[str, dict[str, pd.DataFrame]] = {}
    for (fold, stream), table in results.histories.items():
        streams.setdefault(stream, {})[fold] = table
    drawn = []
    for stream, histories in streams.items():
        chosen = {fold: best.get((fold, stream)) for fold in histories}
        drawn += plots.learning_curves(histories, chosen, stream)
    validated = any("val_loss" in table and table["val_loss"].notna().any() for table in results.histories.values())
    return {"figures": drawn, "streams": list(streams), "validated": validated} if drawn else {}


def signers(results: Results) -> Section:
    """Return each signer's top-1 with its interval, best first."""
    table = results.evaluation("per_signer")
    if table.empty or not results.summary:
        return {"rows": [], "known": False} if results.summary else {}
    rows = table.sort_values(["top1", "clips"], ascending=False, kind="stable").to_dict("records")
    summary = results.summary
    pooled = {"pooled": summary["top1"], "spread": summary["spread"], "shared": summary["signers_shared"]}
    pooled["top"] = summary["classes"] > TOP
    return {"rows": rows, "known": True, **pooled}


def confusion(results: Results) -> Section:
    """Return the pairs confused most, a heat map of their signs, and clips of the worst pairs side by side."""
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
    """Return what simple methods reach, and whether the network beats the best of them."""
    table = results.evaluation("baselines")
    if table.empty or not results.summary:
        return {}
    best = results.summary["baseline"]
    said = {"beaten": best["beaten"], "beaten_surely": best["beaten_surely"], "network": results.summary["top1"]}
    said["validated"] = any((table["role"] == "val").any() for table in results.folds.values())
    return {"rows": table.to_dict("records"), **said}


def labels(results: Results) -> Section:
    """Return the clips whose label is most probably wrong, the first as pictures, and signers who sign otherwise."""
    if not results.summary:
        return {}
    table = results.evaluation("label_audit")
    for side in ("", "other_"):
        if len(table):
            table[f"{side}gloss"] = table[f"{side}gloss"].replace("", np.nan).fillna(table[f"{side}label"])
    rows = table.head(WORST).to_dict("records")
    drawn = sheets.sheets(results, [row["sample_id"] for row in rows[:SHOWN]])
    by_id = {row["sample_id"]: row for row in rows}
    known = not results.summary["signers_shared"] and results.summary["signers"] is not None
    found = {"rows": rows, "total": len(table), "sheets": drawn, "by_id": by_id}
    signers = results.evaluation("label_signers").to_dict("records")
    found |= {"signers": signers, "most_share": MOST_SHARE}
    return found | {"known": known, "root": str(results.root)}


def classes(results: Results) -> Section:
    """Return the signs, worst first, and the ceiling that some of them set."""
    table = results.evaluation("per_class")
    if table.empty:
        return {}
    tested = table[table["clips"] > 0].sort_values(["f1", "clips"], ascending=[True, False], kind="stable")
    rows = tested.to_dict("records")
    perfect = int((tested["f1"] == 1).sum())
    every = rows if len(rows) > WORST else []
    found = {"worst": rows[:WORST], "all": every, "total": len(rows), "perfect": perfect}
    return found | {"ceiling": results.summary["ceiling"], "top": results.summary["classes"] > TOP}


def calibration(results: Results) -> Section:
    """Return how far confidence is from accuracy, before and after calibration, and what a threshold answers."""
    table = results.evaluation("calibration")
    if table.empty or not table["clips"].sum():
        return {}
    used = table[table["clips"] > 0]
    confident = float((used["confidence"] * used["clips"]).sum() / used["clips"].sum())
    temperatures = [value for value in results.summary["temperature_by_fold"][0].values() if value is not None]
    return {
        "figure": plots.calibration(table),
        "coverage": plots.coverage(results.evaluation("coverage"), results.summary),
        "threshold": results.summary["threshold"],
        "answered": results.summary["answered"],
        "ece": results.summary["ece"],
        "before": results.summary["ece_uncalibrated"],
        "temperatures": (min(temperatures), max(temperatures)) if temperatures else None,
        "confident": confident,
    }


def models(results: Results) -> Section:
    """Return each model with its training, and the figures of streams and seeds."""
    if not results.models:
        return {}
    streams, summary = results.evaluation("streams"), results.summary
    weights = {}
    if summary and summary["fusion"] is None:
        weights = summary["fusion_by_fold"][0]
    seeds = summary["seeds"] if summary and summary["seeds"]["count"] > 1 else None
    return {
        "rows": results.models,
        "final": results.final,
        "streams": streams.to_dict("records"),
        "weights": weights,
        "seeds": seeds,
        "pretrained": summary["pretrained"] if summary else None,
        "top": bool(summary) and summary["classes"] > TOP,
        "top1": summary["top1"] if summary else None,
        "validated": any(row.get("val", {}).get("top1") is not None for row in results.models),
    }


def stages(results: Results) -> Section:
    """Return time and memory per stage, from Snakemake's benchmarks."""
    table = results.benchmarks
    if table.empty:
        return {}
    groups = table.groupby("stage")
    rows = groups.agg(jobs=("s", "size"), s=("s", "sum"), cpu=("cpu_time", "sum"), longest=("s", "max"))
    rows["memory"] = groups["max_rss"].max()
    order = {stage: place for place, stage in enumerate(STAGES)}
    rows["part"] = rows["s"] / max(rows["s"].max(), 1e-9)
    records = rows.reset_index().to_dict("records")
    records.sort(key=lambda row: (order.get(row["stage"], len(order)), fold_order(row["stage"])))
    return {"rows": records, "total": rows["s"].sum()}


def reproduction(run: Run) -> Section:
    """Return the command, the versions and the configuration of the run."""
    plain = json.loads(json.dumps(run.config, default=str))
    text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100)
    return {"command": run.command, "versions": dict(run.versions), "config": text}

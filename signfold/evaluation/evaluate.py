"""Evaluation: every clip scored once by a model that never saw its signer, pooled over folds, with intervals."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from signfold.core import versions
from signfold.core.files import atomic_write, read_parquet, write_json, write_parquet
from signfold.core.results import seed_folder
from signfold.core.settings import STREAMS, EvaluationSettings
from signfold.evaluation import baselines, tables
from signfold.evaluation.intervals import bootstrap
from signfold.evaluation.label_errors import label_errors
from signfold.evaluation.metrics import Scored, calibration, point, score
from signfold.evaluation.pooling import Pool, bootstrap_groups, check_cover, pool_folds
from signfold.evaluation.protocol import majority, protocol, shared_signers

log = logging.getLogger(__name__)


def evaluate(
    model_dirs: Mapping[tuple[str, str], Path],
    fold_files: Mapping[str, Path],
    manifest: Path,
    out: Path,
    settings: EvaluationSettings,
    seed: int = 0,
    baseline_files: Mapping[str, Path] | None = None,
    shuffled: Path | None = None,
    seeds: int = 1,
) -> None:
    """Pool the folds' test predictions and write the folder `out`.

    With several seeds, the headline and streams.csv are means over the seeds, but for the row "seeds together", where
    all seeds' probabilities are averaged first; all other figures of the networks are the first seed's.

    Parameters
    ----------
    model_dirs
        For each (fold, stream) its folder; in it one for each seed, with predictions.parquet and metrics.json.
    fold_files
        For each fold its table of roles.
    manifest
        The manifest, for labels, glosses and the number of classes.
    out
        Folder of metrics.json, predictions.parquet, per_signer.csv, per_class.csv, per_fold.csv, confusions.csv,
        calibration.csv, streams.csv, baselines.csv and label_audit.csv.
    settings, seed
        Options; seed of the bootstrap.
    baseline_files
        For each fold what simple methods said (`baselines.build`).
    shuffled
        What the linear model would seem to reach on shuffled clips (`baselines.shuffled`).
    seeds
        How many networks there are for each (fold, stream); the others' folders are below the first's.

    Raises
    ------
    SignfoldError
        If a clip would be scored twice or not at all, or a model's predictions do not belong to its fold.
    """
    items = read_parquet(manifest).to_pandas()
    folds = {fold: read_parquet(path).to_pandas() for fold, path in fold_files.items()}
    check_cover(folds, items, fold_files)
    seeded = [{key: seed_folder(path, n) for key, path in model_dirs.items()} for n in range(1, seeds + 1)]
    pools = [pool_folds(models, folds, items, settings.weights) for models in seeded]
    pool, scored = pools[0], [each.scored for each in pools]
    group, unit = bootstrap_groups(pool.clips)
    reports = {key: _model_report(seed_folder(path, 1)) for key, path in model_dirs.items()}

    def interval(scored: Sequence[Scored]) -> dict[str, dict[str, float]]:
        return bootstrap(scored, group, settings.bootstrap, settings.confidence, seed)

    broken_down = {
        "per_fold": tables.per_fold(pool.clips, pool.scored, _validation(reports)),
        "per_signer": tables.per_signer(pool.clips, pool.scored, settings.confidence),
        "per_class": tables.per_class(pool.clips, pool.scored, items),
        "confusions": tables.confusions(pool.scored, items),
        "calibration": calibration(pool.scored),
        "streams": tables.streams(_ways(pools), interval),
        "label_audit": label_errors(pool.clips, pool.scores, items),
    }
    right = np.mean([each.predicted == each.truth for each in scored], axis=0)
    if baseline_files:
        drawn_with = (settings.bootstrap, settings.confidence, seed)
        broken_down["baselines"] = baselines.pooled(baseline_files, pool.clips, right, group, *drawn_with)
    streams = sorted({stream for _, stream in model_dirs}, key=STREAMS.index)
    chosen = any(report.get("select") != "last" for report in reports.values())
    pretrained = _pretrained(reports)
    fusion = "fixed weights" if settings.weights else "weights fitted on validation"
    draw = (unit, settings.confidence, settings.bootstrap)
    told = protocol(folds, pool.clips, streams, chosen, *draw, fusion=fusion, pretrained=pretrained, seeds=seeds)
    drawn = {"unit": unit, "groups": len(np.unique(group)), "resamples": settings.bootstrap, "seed": seed}
    summary = {
        **interval(scored),
        "protocol": told,
        "interval": {**drawn, "confidence": settings.confidence},
        **_sizes(pool, items),
        "folds": list(folds),
        "streams": streams,
        "fusion": settings.weights and {stream: settings.weights[stream] for stream in streams},
        "fusion_by_fold": [each.fusion for each in pools],
        "pretrained": pretrained,
        "seeds": _spread_of_seeds(scored),
        "chance": 1 / pool.scored.classes,
        "majority": majority(folds, pool.clips),
        "baseline": _best_baseline(broken_down.get("baselines")),
        "shuffled": json.loads(shuffled.read_text(encoding="utf-8")) if shuffled else None,
        "suspicious_labels": len(broken_down["label_audit"]),
        "signers_shared": bool(shared_signers(folds)),
        "spread": tables.spread(broken_down["per_fold"], broken_down["per_signer"]),
        "per_fold": json.loads(broken_down["per_fold"].to_json(orient="records")),
        "version": versions.EVALUATE,
    }
    write_json(out / "metrics.json", summary)
    metadata = {"version": versions.EVALUATE, "classes": pool.scored.classes}
    write_parquet(_predictions(pool), out / "predictions.parquet", metadata)
    for name, table in broken_down.items():
        with atomic_write(out / f"{name}.csv") as temporary:
            table.to_csv(temporary, index=False)
    log.info("top-1 of %d clips: %s; %s", len(pool.clips), summary["top1"], told)


def _ways(pools: Sequence[Pool]) -> dict[str, list[Scored]]:
    """Return what the report sets side by side, for each seed: streams and fusion, and once the mean over the seeds.

    That mean of the seeds' probabilities is what `signfold predict` goes by. Nothing for one stream and one seed.
    """
    fused, truth = [pool.scored for pool in pools], pools[0].scored.truth
    ways = {stream: [pool.streams[stream] for pool in pools] for stream in pools[0].streams}
    if ways or len(pools) > 1:
        ways["fusion" if ways else "mean of the seeds"] = fused
    if len(pools) > 1:
        ways["seeds together"] = [score(np.mean([pool.scores for pool in pools], axis=0), truth)]
    return ways


def _best_baseline(table: pd.DataFrame | None) -> dict[str, Any] | None:
    """Return the best of the simple methods, and whether the network beats it: beyond doubt, or only in this sample."""
    if table is None:
        return None
    best: dict[str, Any] = json.loads(table.head(1).to_json(orient="records"))[0]
    return best | {"beaten": best["gain"] > 0, "beaten_surely": best["gain_low"] > 0}


def _sizes(pool: Pool, items: pd.DataFrame) -> dict[str, int | None]:
    """Return how much was tested; no number of signers where a clip has none."""
    known = pool.clips["signer"].notna().all()
    return {
        "clips": len(pool.clips),
        "untested": int((items["copy"] == 0).sum()) - len(pool.clips),
        "signers": int(pool.clips["signer"].nunique()) if known else None,
        "classes": pool.scored.classes,
        "classes_tested": int(pool.clips["class_id"].nunique()),
    }


def _model_report(model: Path) -> dict[str, Any]:
    """Return what a model says of itself."""
    path = model / "metrics.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _pretrained(reports: Mapping[tuple[str, str], dict[str, Any]]) -> dict[str, Any] | None:
    """Return what networks had seen before, as `provenance_of` has it, with the most `clips`; None if none had."""
    found = [report["pretrained"] for report in reports.values() if report.get("pretrained")]
    if not found:
        return None
    names = {key: sorted({name for seen in found for name in seen.get(key, ())}) for key in ("datasets", "namesakes")}
    return {**names, "clips": max(seen["clips"] for seen in found)}


def _spread_of_seeds(scored: Sequence[Scored]) -> dict[str, Any]:
    """Return how many seeds there are, each one's pooled figures, and for several the standard deviation over seeds."""
    values = pd.DataFrame([point(each) for each in scored])
    deviation = values.std(ddof=1).to_dict() if len(scored) > 1 else None
    return {"count": len(scored), "values": values.to_dict("list"), "sd": deviation}


def _validation(reports: Mapping[tuple[str, str], dict[str, Any]]) -> dict[str, float]:
    """Return for each fold the mean validation top-1 of its streams, where they have one."""
    values: dict[str, list[float]] = {}
    for (fold, _), report in reports.items():
        if (value := report.get("val", {}).get("top1")) is not None:
            values.setdefault(fold, []).append(value)
    return {fold: float(np.mean(found)) for fold, found in values.items()}


def _predictions(pool: Pool) -> pa.Table:
    clips, scored = pool.clips, pool.scored
    columns = clips[["sample_id", "fold", "signer", "class_id", "label", "gloss"]].assign(
        predicted=scored.predicted.astype(np.int32), rank=scored.rank.astype(np.int32), confidence=scored.confidence
    )
    table = pa.Table.from_pandas(columns, preserve_index=False)
    flat = pa.array(pool.scores.ravel())
    return table.append_column("probabilities", pa.FixedSizeListArray.from_arrays(flat, scored.classes))

"""Evaluation: every clip scored once by a model that never saw its signer, pooled over folds, with intervals."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from signfold.core import versions
from signfold.core.files import read_json, read_parquet, write_json, write_parquet
from signfold.core.results import seed_folder
from signfold.core.settings import STREAMS, EvaluationSettings
from signfold.core.tables import write_csv
from signfold.dataset.manifest import SCHEMA
from signfold.evaluation import comparison, tables
from signfold.evaluation.calibration import calibration_table
from signfold.evaluation.ceiling import ceiling
from signfold.evaluation.coverage import KEPT, coverage_table, default_threshold
from signfold.evaluation.intervals import GroupIntervals
from signfold.evaluation.label_errors import label_errors
from signfold.evaluation.label_signers import label_signers
from signfold.evaluation.metrics import Scored, point, score
from signfold.evaluation.pooling import Pool, check_cover, pool_folds
from signfold.evaluation.protocol import Split, Training, protocol
from signfold.folds.roles import FOLD_SCHEMA

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EvaluationInputs:
    """The files that an evaluation reads.

    Parameters
    ----------
    models
        For each (fold, stream) its folder; in it one for each seed, with predictions.parquet and metrics.json.
    folds
        For each fold its table of roles.
    audit
        The leak audit of these folds.
    manifest
        The manifest, for labels, glosses and the number of classes.
    baselines
        For each fold the answers of the simple methods (`baselines.run_baselines`).
    shuffled
        The experiment with shuffled clips (`shuffled.run_shuffled`).
    seeds
        Number of networks for each (fold, stream).
    """

    models: Mapping[tuple[str, str], Path]
    folds: Mapping[str, Path]
    audit: Path
    manifest: Path
    baselines: Mapping[str, Path]
    shuffled: Path
    seeds: int


def evaluate(inputs: EvaluationInputs, out: Path, settings: EvaluationSettings) -> None:
    """Pool the folds' test predictions and write the folder `out`.

    With several seeds, the headline and streams.csv are means over the seeds, but for the row "seeds together", where
    all seeds' probabilities are averaged first; all other figures of the networks are the first seed's.

    Parameters
    ----------
    inputs
        What to read.
    out
        Folder of metrics.json, predictions.parquet, per_signer.csv, per_class.csv, per_fold.csv, confusions.csv,
        calibration.csv, coverage.csv, streams.csv, baselines.csv, label_audit.csv and label_signers.csv.
    settings
        Options of the section `evaluation`.

    Raises
    ------
    SignfoldError
        If a clip would be scored twice or not at all, or a model's predictions do not belong to its fold.
    """
    run = _read(inputs, settings)
    broken_down = _tables(run)
    summary = {
        **_figures(run.pools, run.intervals),
        **_circumstances(run),
        "fusion": settings.weights and {stream: settings.weights[stream] for stream in run.streams},
        "fusion_by_fold": [pool.fusion for pool in run.pools],
        "temperature_by_fold": [pool.temperature for pool in run.pools],
        **_answered(run, broken_down["coverage"]),
        **_comparisons(run, broken_down),
        "version": versions.EVALUATE,
    }
    write_json(out / "metrics.json", summary)
    metadata = {"version": versions.EVALUATE, "classes": run.pool.scored.classes}
    write_parquet(_predictions(run.pool), out / "predictions.parquet", metadata)
    for name, table in broken_down.items():
        write_csv(table, out / f"{name}.csv")
    log.info("top-1 of %d clips: %s; %s", summary["clips"], summary["top1"], summary["protocol"])


@dataclass(frozen=True)
class _Run:
    """What the inputs hold: the manifest, each fold's rows, the first seed's metrics, and the pool of each seed."""

    inputs: EvaluationInputs
    items: pd.DataFrame
    folds: dict[str, pd.DataFrame]
    reports: dict[tuple[str, str], dict[str, Any]]
    pools: list[Pool]
    intervals: GroupIntervals
    fitted: bool

    @property
    def pool(self) -> Pool:
        """The first seed's."""
        return self.pools[0]

    @property
    def streams(self) -> list[str]:
        """The streams that there are models of, in their usual order."""
        return sorted({stream for _, stream in self.inputs.models}, key=STREAMS.index)


def _read(inputs: EvaluationInputs, settings: EvaluationSettings) -> _Run:
    """Read the inputs and pool the predictions of each seed."""
    items = read_parquet(inputs.manifest, SCHEMA.names).to_pandas()
    folds = {fold: read_parquet(path, FOLD_SCHEMA.names).to_pandas() for fold, path in inputs.folds.items()}
    check_cover(folds, items, inputs.folds)
    pools = []
    for seed in range(1, inputs.seeds + 1):
        models = {key: seed_folder(path, seed) for key, path in inputs.models.items()}
        pools.append(pool_folds(models, folds, items, settings.weights))
    reports = {key: read_json(seed_folder(path, 1) / "metrics.json") for key, path in inputs.models.items()}
    intervals = GroupIntervals.of_clips(pools[0].clips, settings.confidence)
    return _Run(inputs, items, folds, reports, pools, intervals, fitted=settings.weights is None)


def _tables(run: _Run) -> dict[str, pd.DataFrame]:
    """Return every table that is written, by its name."""
    clips, scored = run.pool.clips, run.pool.scored
    right = np.mean([each.scored.right for each in run.pools], axis=0)
    return {
        "per_fold": tables.per_fold(clips, scored, _validation(run.reports)),
        "per_signer": tables.per_signer(clips, scored, run.intervals.confidence),
        "per_class": tables.per_class(clips, scored, run.items),
        "confusions": tables.confusions(scored, run.items),
        "calibration": calibration_table(scored.confidence, scored.right),
        "coverage": coverage_table(scored.confidence, scored.right),
        "streams": tables.streams(_ways(run.pools), run.intervals),
        "label_audit": label_errors(clips, run.pool.scores, run.items),
        "label_signers": label_signers(clips, run.pool.scores, run.items),
        "baselines": comparison.with_network(run.inputs.baselines, clips, right, run.intervals),
    }


def _figures(pools: Sequence[Pool], intervals: GroupIntervals) -> dict[str, Any]:
    """Return each metric with its interval, the calibration error before calibration too, and the spread of seeds."""
    scored = [pool.scored for pool in pools]
    values = pd.DataFrame([point(each) for each in scored])
    deviation = values.std(ddof=1).to_dict() if len(scored) > 1 else None
    before = intervals.metrics([pool.uncalibrated for pool in pools])["ece"]
    return {
        **{name: asdict(found) for name, found in intervals.metrics(scored).items()},
        "ece_uncalibrated": asdict(before),
        "interval": {"unit": intervals.unit, "groups": intervals.groups, "confidence": intervals.confidence},
        "seeds": {"count": len(scored), "values": values.to_dict("list"), "sd": deviation},
    }


def _answered(run: _Run, coverage: pd.DataFrame) -> dict[str, Any]:
    """Return the default threshold, which share of the clips it answers and how many rightly; and so for 0, 0.1, ..."""
    scored = run.pool.scored
    threshold = default_threshold(scored.confidence, scored.right)
    answered = scored.confidence >= threshold
    of_answered = GroupIntervals.of_clips(run.pool.clips[answered], run.intervals.confidence)
    shares = {"coverage": run.intervals.share(answered), "accuracy": of_answered.share(scored.right[answered])}
    found = {name: asdict(interval) for name, interval in shares.items()}
    tenths = json.loads(coverage[["threshold", "coverage", "accuracy"]].iloc[::10].to_json(orient="records"))
    answers = {"clips": int(answered.sum()), "kept": KEPT, **found}
    return {"threshold": threshold, "answered": answers, "coverage": tenths}


def _circumstances(run: _Run) -> dict[str, Any]:
    """Return how much was tested, of whom, and the protocol."""
    clips = run.pool.clips
    signers = int(clips["signer"].nunique()) if clips["signer"].notna().all() else None
    shared = bool(read_json(run.inputs.audit).get("tested_shared_signers"))
    chosen = len({fold for (fold, _), report in run.reports.items() if report.get("select") != "last"})
    training = Training(run.streams, run.fitted, chosen, run.inputs.seeds, _pretrained(run.reports))
    return {
        "protocol": protocol(Split(list(run.folds), signers, shared), training, run.intervals),
        "clips": len(clips),
        "untested": int((run.items["copy"] == 0).sum()) - len(clips),
        "signers": signers,
        "signers_shared": shared,
        "classes": run.pool.scored.classes,
        "classes_tested": int(clips["class_id"].nunique()),
        "folds": list(run.folds),
        "validated_folds": chosen,
        "streams": run.streams,
        "pretrained": training.pretrained,
    }


def _comparisons(run: _Run, broken_down: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Return what the headline is to be compared with."""
    top1 = dict(zip(broken_down["baselines"]["method"], broken_down["baselines"]["top1"], strict=True))
    return {
        "chance": 1 / run.pool.scored.classes,
        "majority": float(top1["majority"]),
        "ceiling": ceiling(run.folds, run.pool.clips, run.items),
        "baseline": comparison.best(broken_down["baselines"]),
        "shuffled": read_json(run.inputs.shuffled),
        "suspicious_labels": len(broken_down["label_audit"]),
        "suspicious_signers": broken_down["label_signers"]["signer"].tolist(),
        "spread": tables.spread(broken_down["per_fold"], broken_down["per_signer"]),
        "per_fold": json.loads(broken_down["per_fold"].to_json(orient="records")),
    }


def _ways(pools: Sequence[Pool]) -> dict[str, list[Scored]]:
    """Return what the report sets side by side, for each seed: streams and fusion, and once the mean over the seeds.

    That mean of the seeds' probabilities is what `signfold predict` uses. Nothing for one stream and one seed.
    """
    fused, truth = [pool.scored for pool in pools], pools[0].scored.truth
    ways = {stream: [pool.streams[stream] for pool in pools] for stream in pools[0].streams}
    if ways or len(pools) > 1:
        ways["fusion" if ways else "mean of the seeds"] = fused
    if len(pools) > 1:
        ways["seeds together"] = [score(np.mean([pool.scores for pool in pools], axis=0), truth)]
    return ways


def _pretrained(reports: Mapping[tuple[str, str], dict[str, Any]]) -> dict[str, Any] | None:
    """Return what networks had seen before training, with the most `clips` of any; None if none had."""
    found = [report["pretrained"] for report in reports.values() if report.get("pretrained")]
    if not found:
        return None
    names = {key: sorted({name for seen in found for name in seen.get(key, ())}) for key in ("datasets", "namesakes")}
    return {**names, "clips": max(seen["clips"] for seen in found)}


def _validation(reports: Mapping[tuple[str, str], dict[str, Any]]) -> dict[str, float]:
    """Return for each fold the mean validation top-1 of its streams, where they have one."""
    values: dict[str, list[float]] = {}
    for (fold, _), report in reports.items():
        if (value := report.get("val", {}).get("top1")) is not None:
            values.setdefault(fold, []).append(value)
    return {fold: float(np.mean(found)) for fold, found in values.items()}


def _predictions(pool: Pool) -> pa.Table:
    """Return one row for each clip: what it is, the predicted class, and the K calibrated probabilities."""
    clips, scored = pool.clips, pool.scored
    columns = clips[["sample_id", "fold", "signer", "class_id", "label", "gloss"]].assign(
        predicted=scored.predicted.astype(np.int32),
        rank=scored.rank.astype(np.int32),
        confidence=scored.confidence.astype(np.float32),
    )
    table = pa.Table.from_pandas(columns, preserve_index=False)
    flat = pa.array(pool.scores.ravel())
    return table.append_column("probabilities", pa.FixedSizeListArray.from_arrays(flat, scored.classes))

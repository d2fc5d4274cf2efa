"""Which of two results is better, on the very same clips: paired, with signers as what is drawn."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.stats import binomtest

from signfold.core.errors import SignfoldError
from signfold.core.files import read_parquet
from signfold.evaluation.intervals import difference

RESAMPLES = 10_000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Comparison:
    """What two results say of the clips that both tested.

    Parameters
    ----------
    clips
        One row a shared clip: sample_id, signer, label, gloss, right_a, right_b.
    only_a, only_b
        How many clips one result tested and the other did not: they are left out.
    top1_a, top1_b
        Over the shared clips.
    low, high
        95 % interval of top1_b - top1_a: percentiles of a bootstrap over signers, or over clips
        where a signer is unknown.
    unit
        What the bootstrap draws: signer or clip.
    lost, won
        Clips that A alone has right, and that B alone has right.
    p
        McNemar's exact test (binomial, two-sided) on these. It takes clips for independent, which those of one signer
        are not: the interval is the one to quote.
    """

    clips: pd.DataFrame
    only_a: int
    only_b: int
    top1_a: float
    top1_b: float
    low: float
    high: float
    unit: str
    lost: int
    won: int
    p: float


def compare(results_a: Path, results_b: Path, seed: int = 0) -> Comparison:
    """Compare the out-of-fold predictions of two results folders.

    Parameters
    ----------
    results_a, results_b
        As `results/demo`; both evaluated.
    seed
        Of the bootstrap.

    Raises
    ------
    SignfoldError
        If one is not evaluated, they share no clip, or call the same clip by different labels.
    """
    a, b = _predictions(results_a), _predictions(results_b)
    both = a.merge(b, on="sample_id", suffixes=("_a", "_b"))
    if both.empty:
        raise SignfoldError(
            f"{results_a} and {results_b} share no tested clip by sample_id, such as {a['sample_id'].iloc[0]!r} "
            f"and {b['sample_id'].iloc[0]!r}; only results on the same dataset can be compared"
        )
    other = both[both["label_a"] != both["label_b"]]
    if len(other):
        row = other.iloc[0]
        raise SignfoldError(
            f"{len(other)} clips have different labels, such as {row['sample_id']!r}: {row['label_a']!r} in "
            f"{results_a}, {row['label_b']!r} in {results_b}; evaluate both with the same labels"
        )
    clips = both[["sample_id", "signer_a", "label_a", "gloss_a", "right_a", "right_b"]]
    clips = clips.rename(columns={f"{name}_a": name for name in ("signer", "label", "gloss")})
    lost = int((clips["right_a"] & ~clips["right_b"]).sum())
    won = int((clips["right_b"] & ~clips["right_a"]).sum())
    low, high, unit = _interval(clips, seed)
    return Comparison(
        clips,
        len(a) - len(clips),
        len(b) - len(clips),
        float(clips["right_a"].mean()),
        float(clips["right_b"].mean()),
        low,
        high,
        unit,
        lost,
        won,
        float(binomtest(won, won + lost).pvalue) if won + lost else 1.0,
    )


def _predictions(results: Path) -> pd.DataFrame:
    path = results / "evaluation/predictions.parquet"
    if not path.is_file():
        raise SignfoldError(f"{path}: no such file; run `snakemake --cores all {results}/report.html` first")
    table = read_parquet(path).to_pandas()
    columns = table[["sample_id", "signer", "label", "gloss"]]
    return columns.assign(right=table["predicted"] == table["class_id"])


def _interval(clips: pd.DataFrame, seed: int) -> tuple[float, float, str]:
    unit = "signer" if clips["signer"].notna().all() else "clip"
    groups = clips["signer"] if unit == "signer" else clips["sample_id"]
    right = clips["right_a"].to_numpy(), clips["right_b"].to_numpy()
    _, low, high = difference(*right, groups.to_numpy(), RESAMPLES, CONFIDENCE, seed)
    return low, high, unit


def by_sign(found: Comparison) -> pd.DataFrame:
    """Return for each sign its clips, the share right in A and in B, and the difference; the most worsened first."""
    shown = found.clips.assign(sign=found.clips["gloss"].fillna(found.clips["label"]))
    table = shown.groupby("sign").agg(clips=("right_a", "size"), a=("right_a", "mean"), b=("right_b", "mean"))
    return table.assign(gain=table["b"] - table["a"]).sort_values(["gain", "clips"], kind="stable").reset_index()


def listing(found: Comparison, results_a: Path, results_b: Path, most: int = 10) -> list[str]:
    """Return what to print: the figures, and the signs that changed most."""
    signs = by_sign(found)
    lines = [
        f"A: {results_a}   {_headline(results_a)}",
        f"B: {results_b}   {_headline(results_b)}",
        f"{len(found.clips)} clips in both ({found.only_a} only in A, {found.only_b} only in B)",
        f"top-1 on these: A {found.top1_a:.1%}, B {found.top1_b:.1%}",
        f"B - A: {100 * (found.top1_b - found.top1_a):+.1f} points, {CONFIDENCE:.0%} interval "
        f"{100 * found.low:+.1f} to {100 * found.high:+.1f} (bootstrap over {found.unit}s); {_verdict(found)}",
        f"right in B alone: {found.won}; in A alone: {found.lost}; McNemar, exact: p = {found.p:.2g}",
    ]
    parts = {"better in B": signs[signs["gain"] > 0].iloc[::-1], "worse in B": signs[signs["gain"] < 0]}
    for name, rows in parts.items():
        lines.append(f"{name}: {len(rows)} of {len(signs)} signs")
        for row in rows.head(most).itertuples():
            lines.append(f"  {row.sign}: {row.a:.0%} to {row.b:.0%} ({row.clips} clips)")
        if len(rows) > most:
            lines.append(f"  and {len(rows) - most} more")
    return lines


def _headline(results: Path) -> str:
    path = results / "evaluation/metrics.json"
    metrics: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return metrics.get("protocol", "")


def _verdict(found: Comparison) -> str:
    if found.low > 0:
        return "B is better"
    return "A is better" if found.high < 0 else "no difference can be told"

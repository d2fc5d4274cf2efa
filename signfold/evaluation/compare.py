"""Which of two results is better on the same clips: paired, with an interval over signers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from scipy.stats import binomtest

from signfold.core.errors import SignfoldError
from signfold.core.files import read_json, read_parquet
from signfold.core.results import ResultsFolder
from signfold.evaluation.intervals import GroupIntervals, Interval


class Incomparable(SignfoldError):
    """Two results that say nothing of each other; `reason` says why in a few words."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


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
    gain
        top1_b - top1_a with its paired 95 % interval over signers, or over clips where a signer is unknown.
    unit
        What the interval is over: signer or clip.
    lost, won
        Clips that A alone has right, and that B alone has right.
    p
        McNemar's exact test (binomial, two-sided) on these. It assumes independent clips, which those of one signer are
        not: quote the interval.
    """

    clips: pd.DataFrame
    only_a: int
    only_b: int
    top1_a: float
    top1_b: float
    gain: Interval
    unit: str
    lost: int
    won: int
    p: float


def compare(results_a: Path, results_b: Path) -> Comparison:
    """Compare the out-of-fold predictions of two results folders.

    Parameters
    ----------
    results_a, results_b
        Results folders, such as `results/demo`; both evaluated.

    Raises
    ------
    SignfoldError
        If one is not evaluated; `Incomparable`, if they share no clip or call the same clip by different labels.
    """
    a, b = _predictions(results_a), _predictions(results_b)
    both = a.merge(b, on="sample_id", suffixes=("_a", "_b"))
    if both.empty:
        raise Incomparable(
            "no common clips",
            f"{results_a} and {results_b} share no tested clip by sample_id, such as {a['sample_id'].iloc[0]!r} "
            f"and {b['sample_id'].iloc[0]!r}; only results on the same dataset can be compared",
        )
    other = both[both["label_a"] != both["label_b"]]
    if len(other):
        row = other.iloc[0]
        raise Incomparable(
            "other labels",
            f"{len(other)} clips have different labels, such as {row['sample_id']!r}: {row['label_a']!r} in "
            f"{results_a}, {row['label_b']!r} in {results_b}; evaluate both with the same labels",
        )
    clips = both[["sample_id", "signer_a", "label_a", "gloss_a", "right_a", "right_b"]]
    clips = clips.rename(columns={f"{name}_a": name for name in ("signer", "label", "gloss")})
    lost = int((clips["right_a"] & ~clips["right_b"]).sum())
    won = int((clips["right_b"] & ~clips["right_a"]).sum())
    intervals = GroupIntervals.of_clips(clips)
    return Comparison(
        clips,
        len(a) - len(clips),
        len(b) - len(clips),
        float(clips["right_a"].mean()),
        float(clips["right_b"].mean()),
        intervals.difference(clips["right_a"].to_numpy(), clips["right_b"].to_numpy()),
        intervals.unit,
        lost,
        won,
        float(binomtest(won, won + lost).pvalue) if won or lost else 1.0,
    )


def _predictions(results: Path) -> pd.DataFrame:
    path = results / "evaluation/predictions.parquet"
    if not path.is_file():
        raise ResultsFolder(results).missing(f"{path}: no such file")
    columns = ["sample_id", "signer", "label", "gloss"]
    table = read_parquet(path, [*columns, "class_id", "predicted"]).to_pandas()
    return table[columns].assign(right=table["predicted"] == table["class_id"])


def by_sign(found: Comparison) -> pd.DataFrame:
    """Return for each sign its clips, the share right in A and in B, and the difference, in rising order of it."""
    shown = found.clips.assign(sign=found.clips["gloss"].fillna(found.clips["label"]))
    table = shown.groupby("sign").agg(clips=("right_a", "size"), a=("right_a", "mean"), b=("right_b", "mean"))
    return table.assign(gain=table["b"] - table["a"]).sort_values(["gain", "clips"], kind="stable").reset_index()


def comparison_lines(found: Comparison, results_a: Path, results_b: Path, most: int = 10) -> list[str]:
    """Return what to print: the figures, and the signs that changed most."""
    signs = by_sign(found)
    lines = [
        f"A: {results_a}   {_headline(results_a)}",
        f"B: {results_b}   {_headline(results_b)}",
        f"{len(found.clips)} clips in both ({found.only_a} only in A, {found.only_b} only in B)",
        f"top-1 on these: A {found.top1_a:.1%}, B {found.top1_b:.1%}",
        f"B - A: {100 * found.gain.value:+.1f} points, 95% interval {100 * found.gain.low:+.1f} to "
        f"{100 * found.gain.high:+.1f} (score interval over {found.unit}s); {_verdict(found)}",
        f"right in B alone: {found.won}; in A alone: {found.lost}; McNemar, exact: p = {found.p:.2g}",
    ]
    parts = {"better in B": signs[signs["gain"] > 0].iloc[::-1], "worse in B": signs[signs["gain"] < 0]}
    for name, rows in parts.items():
        lines.append(f"{name}: {len(rows)} of {len(signs)} signs")
        for row in rows.head(most).to_dict("records"):
            right_a, right_b = (round(row[side] * row["clips"]) for side in ("a", "b"))
            lines.append(f"  {row['sign']}: {right_a} to {right_b} of {row['clips']} clips")
        if len(rows) > most:
            lines.append(f"  and {len(rows) - most} more")
    return lines


def _headline(results: Path) -> str:
    path = results / "evaluation/metrics.json"
    return str(read_json(path).get("protocol", "")) if path.is_file() else ""


def _verdict(found: Comparison) -> str:
    if found.gain.low > 0:
        return "B is better"
    return "A is better" if found.gain.high < 0 else "no difference can be told"

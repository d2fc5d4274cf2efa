"""How sure a figure is: bootstrap intervals over groups of clips, and Wilson's for a share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.stats import binomtest

from signfold.evaluation.metrics import BINS, METRICS, Scored, bins, point

# Weights of one block of resamples, as float64: 64 MB.
_BLOCK = 8_000_000


def bootstrap(
    scored: Scored | Sequence[Scored], groups: np.ndarray, resamples: int, confidence: float, seed: int
) -> dict[str, dict[str, float]]:
    """Return each metric as {value, low, high}: percentile intervals from resampling groups with replacement.

    Clips of one signer are alike, so signers are drawn, not clips: an interval over clips would be far too narrow.

    Parameters
    ----------
    scored
        N clips; or the same clips as networks of several seeds score them: metrics are then averaged over the seeds, on
        all clips and on each resample.
    groups
        (N,) signer, or whatever is drawn together.
    resamples, confidence, seed
        Number of draws; coverage, such as 0.95; seed of the draws.
    """
    several = [scored] if isinstance(scored, Scored) else list(scored)
    values = [point(each) for each in several]
    samples = [resampled(each, groups, resamples, seed) for each in several]
    tail = (1 - confidence) / 2
    result = {}
    for name in METRICS:
        low, high = np.quantile(np.mean([each[name] for each in samples], axis=0), (tail, 1 - tail))
        result[name] = {
            "value": float(np.mean([each[name] for each in values])),
            "low": float(low),
            "high": float(high),
        }
    return result


def resampled(scored: Scored, groups: np.ndarray, resamples: int, seed: int) -> dict[str, np.ndarray]:
    """Return each metric on every resample of the groups, as (resamples,)."""
    sums = _Sums.of(scored, np.unique(groups, return_inverse=True)[1])
    blocks = [sums.metrics(weights) for weights in draws(sums.groups, resamples, seed)]
    return {name: np.concatenate([block[name] for block in blocks]) for name in METRICS}


def draws(groups: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield blocks (B, groups) of how often each group was drawn, `resamples` rows in all.

    The draws depend on the number of groups and the seed alone, so that two models are compared on the same ones.
    """
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK // groups)
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = rng.integers(groups, size=(rows, groups)) + groups * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * groups).reshape(rows, groups).astype(np.float64)


@dataclass(frozen=True)
class _Sums:
    """Per group: clips and hits (G,), and sparse counts per class (G, K) and per confidence bin (G, BINS)."""

    groups: int
    hits: sparse.csr_array
    true: sparse.csr_array
    predicted: sparse.csr_array
    correct: sparse.csr_array
    gap: sparse.csr_array

    @classmethod
    def of(cls, scored: Scored, group: np.ndarray) -> _Sums:
        groups = int(group.max()) + 1
        hit = scored.predicted == scored.truth

        def table(column: np.ndarray, value: np.ndarray, width: int) -> sparse.csr_array:
            return sparse.csr_array((value.astype(np.float64), (group, column)), shape=(groups, width))

        one = np.ones(len(group))
        hits = table(np.zeros(len(group), int), one, 3)
        hits += table(np.ones(len(group), int), hit, 3) + table(np.full(len(group), 2), scored.rank <= 5, 3)
        return cls(
            groups,
            hits,
            table(scored.truth, one, scored.classes),
            table(scored.predicted, one, scored.classes),
            table(scored.truth, hit, scored.classes),
            table(bins(scored.confidence), scored.confidence - hit, BINS),
        )

    def metrics(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Return each metric (B,) under `weights` (B, G) of the groups."""
        clips, top1, top5 = self.hits.T @ weights.T
        true, predicted, correct = (table.T @ weights.T for table in (self.true, self.predicted, self.correct))
        present = np.maximum((true > 0).sum(0), 1)
        f1 = 2 * correct / np.maximum(true + predicted, 1)
        return {
            "top1": top1 / clips,
            "top5": top5 / clips,
            "macro_f1": f1.sum(0) / present,
            "balanced_accuracy": (correct / np.maximum(true, 1)).sum(0) / present,
            "ece": np.abs(self.gap.T @ weights.T).sum(0) / clips,
        }


def difference(
    a: np.ndarray, b: np.ndarray, groups: np.ndarray, resamples: int, confidence: float, seed: int
) -> tuple[float, float, float]:
    """Return the mean of b - a, and its percentile interval from resampling groups with replacement.

    Parameters
    ----------
    a, b
        (N,) of the same clips, such as whether each is right.
    groups
        (N,) signer, or whatever is drawn together.
    resamples, confidence, seed
        Number of draws; coverage, such as 0.95; seed of the draws.
    """
    gain = np.asarray(b, float) - np.asarray(a, float)
    sums = pd.Series(gain).groupby(np.asarray(groups)).agg(["sum", "size"]).to_numpy(float)
    samples = np.concatenate([np.divide(*(block @ sums).T) for block in draws(len(sums), resamples, seed)])
    tail = (1 - confidence) / 2
    low, high = np.quantile(samples, (tail, 1 - tail))
    return float(gain.mean()), float(low), float(high)


def wilson(hits: int, clips: int, confidence: float) -> tuple[float, float]:
    """Return Wilson's interval of a share, over clips: what one signer's clips say about that signer."""
    interval = binomtest(int(hits), int(clips)).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)

"""Confidence intervals over signers: Wilson's score interval, widened by how much signers differ.

Clips of one signer are alike, so N clips of G signers say less than N independent clips. Wilson's interval (1927) of a
share p is {x : (p - x)² <= a·x(1 - x)} with a = z² / N. Here

    a = t(2(G - 1))² / N + t(G - 1)² · B / (p(1 - p)),

where t(d) is the quantile of Student's distribution with d degrees of freedom, and B the part of p's variance that the
difference between signers makes: its variance over signers (delete-one-signer jackknife) less p(1 - p) / N, at least 0.
This is the design effect of Rao and Scott (1992) with small-sample quantiles. Few signers seldom show the tail of their
distribution, which near 0 and 1 is long; so B is raised by 1 + 2.5 s² / √G, where s² = (1 - 2p)² · min(1, signers'
variance on the logit scale). `benchmarks/intervals.py` measures coverage and width, and chose that factor.

The same rule serves every metric between 0 and 1, with the jackknife variance of that metric. It has no random part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import binomtest, t

from signfold.evaluation.calibration import BINS, bins
from signfold.evaluation.metrics import METRICS, Scored, point

# More groups are joined to as many blocks for the jackknife: its cost is quadratic in them, and its gain is small.
BLOCKS = 200
SKEWNESS = 2.5

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A value with its confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class GroupIntervals:
    """Confidence intervals of figures over the same N clips, which come in groups: the signers.

    Parameters
    ----------
    block
        (N,) number of the block of each clip, 0 to G - 1; see `of`.
    unit
        What a group is: `signer`, or `clip` where signers are unknown.
    groups
        Number of groups.
    confidence
        Coverage of the intervals.
    """

    block: NDArray[np.int64]
    unit: str
    groups: int
    confidence: float

    @classmethod
    def of(cls, group: NDArray, unit: str = "signer", confidence: float = 0.95) -> GroupIntervals:
        """Return the intervals for clips of `group` (N,); groups beyond `BLOCKS` are joined in turn."""
        names, code = np.unique(group, return_inverse=True)
        return cls(code % BLOCKS, unit, len(names), confidence)

    @classmethod
    def of_clips(cls, clips: pd.DataFrame, confidence: float = 0.95) -> GroupIntervals:
        """Return the intervals over signers, if every clip has one and there are two; else over distinct videos.

        Parameters
        ----------
        clips
            N rows: signer, and sha256, where known: clips of equal digest are one video.
        confidence
            Coverage of the intervals.
        """
        if clips["signer"].notna().all() and clips["signer"].nunique() > 1:
            return cls.of(clips["signer"].to_numpy(dtype=str), "signer", confidence)
        name = "sha256" if "sha256" in clips else "sample_id"
        return cls.of(clips[name].to_numpy(dtype=str), "clip", confidence)

    def metrics(self, scored: Scored | Sequence[Scored]) -> dict[str, Interval]:
        """Return the interval of each of `METRICS`.

        Parameters
        ----------
        scored
            The N clips; or the same clips as networks of several seeds score them, whose metrics are averaged.
        """
        several = [scored] if isinstance(scored, Scored) else list(scored)
        values = [point(each) for each in several]
        without = [metrics_without_each(each, self.block) for each in several]
        result = {}
        for name in METRICS:
            left = np.mean([each[name] for each in without], axis=0)
            result[name] = self._around(float(np.mean([each[name] for each in values])), jackknife_variance(left))
        return result

    def share(self, right: NDArray) -> Interval:
        """Return the interval of the mean of `right` (N,), values between 0 and 1."""
        right = np.asarray(right, float)
        return self._around(float(right.mean()), jackknife_variance(self._mean_without_each(right)))

    def difference(self, a: NDArray, b: NDArray) -> Interval:
        """Return the interval of the mean of b - a, paired over the clips.

        As `share`, but for a difference between -1 and 1: the clips' part of its variance is that of Agresti and Min
        (2005), whose pseudo-observations keep the width above 0 where no clip differs.

        Parameters
        ----------
        a, b
            (N,) of the same clips, such as whether each is right.
        """
        gain = np.asarray(b, float) - np.asarray(a, float)
        clips, squares, value = len(gain), float((gain**2).mean()), float(gain.mean())
        of_clips, of_groups = self._quantiles()
        pseudo = of_clips**2
        between = max(jackknife_variance(self._mean_without_each(gain)) - (squares - value**2) / clips, 0.0)
        shrunk = value * clips / (clips + pseudo)
        within = ((clips * squares + pseudo / 2) / (clips + pseudo) - shrunk**2) / (clips + pseudo)
        half = np.sqrt(of_clips**2 * within + of_groups**2 * between)
        return _interval(value, shrunk, half, -1)

    def _around(self, value: float, variance: float) -> Interval:
        """Return the interval of a metric between 0 and 1 with this variance over groups."""
        of_clips, of_groups = self._quantiles()
        a, spread = of_clips**2 / len(self.block), value * (1 - value)
        if spread > 0:
            between = max(variance - spread / len(self.block), 0.0)
            groups = self._effective_groups()
            skewness = (1 - 2 * value) ** 2 * min(between * groups / spread**2, 1.0)
            a += of_groups**2 * between * (1 + SKEWNESS * skewness / np.sqrt(groups)) / spread
        centre, half = (value + a / 2) / (1 + a), np.sqrt(a * spread + a**2 / 4) / (1 + a)
        return _interval(value, centre, half, 0)

    def _quantiles(self) -> tuple[float, float]:
        """Return the quantiles of Student's distribution for the clips' part and for the groups' part."""
        freedom = max(self._effective_groups() - 1, 1.0)
        tail = (1 + self.confidence) / 2
        return float(t.ppf(tail, 2 * freedom)), float(t.ppf(tail, freedom))

    def _effective_groups(self) -> float:
        """Return Kish's effective number of blocks: fewer than there are where their clips differ in number."""
        sizes = np.bincount(self.block).astype(float)
        return float(sizes.sum() ** 2 / (sizes**2).sum())

    def _mean_without_each(self, values: Floats) -> Floats:
        sums = pd.Series(values).groupby(self.block).agg(["sum", "size"]).to_numpy(float)
        if len(sums) < 2:
            return np.array([])
        rest = sums.sum(0) - sums
        return rest[:, 0] / rest[:, 1]


def _interval(value: float, centre: float, half: float, least: float) -> Interval:
    """Return centre ± half within [least, 1]; rounding, and few clips of a difference, must not leave the value out."""
    low, high = float(max(centre - half, least)), float(min(centre + half, 1))
    return Interval(value, min(low, value), max(high, value))


def jackknife_variance(without: Floats) -> float:
    """Return the variance of a statistic from its G values without each group in turn; 0 for fewer than 2."""
    groups = len(without)
    return float((groups - 1) / groups * ((without - without.mean()) ** 2).sum()) if groups else 0.0


def metrics_without_each(scored: Scored, block: NDArray[np.int64]) -> dict[str, Floats]:
    """Return each of `METRICS` on the clips without each block in turn, as (G,); empty for fewer than 2 blocks.

    Every metric is a function of sums over clips (hits, counts of each class, of each confidence bin), so that G
    subsets are a few matrix products, also for 30,000 clips of 999 classes.
    """
    blocks = int(block.max()) + 1
    if blocks < 2:
        return {name: np.array([]) for name in METRICS}
    hit, one = scored.right, np.ones(len(block))

    def without(column: NDArray, value: NDArray, width: int) -> Floats:
        sums = sparse.csr_array((value.astype(float), (block, column)), shape=(blocks, width)).toarray()
        return sums.sum(0) - sums

    nothing = np.zeros(len(block), int)
    clips, top1, top5 = (without(nothing, value, 1)[:, 0] for value in (one, hit, scored.in_top))
    true = without(scored.truth, one, scored.classes)
    predicted = without(scored.predicted, one, scored.classes)
    correct = without(scored.truth, hit, scored.classes)
    gap = without(bins(scored.confidence), scored.confidence - hit, BINS)
    present = (true > 0).sum(1)
    return {
        "top1": top1 / clips,
        "top5": top5 / clips,
        "macro_f1": (2 * correct / np.maximum(true + predicted, 1)).sum(1) / present,
        "balanced_accuracy": (correct / np.maximum(true, 1)).sum(1) / present,
        "ece": np.abs(gap).sum(1) / clips,
    }


def wilson(hits: int, clips: int, confidence: float) -> Interval:
    """Return Wilson's interval of a share over clips: what one signer's clips say about that signer."""
    found = binomtest(int(hits), int(clips)).proportion_ci(confidence, method="wilson")
    return Interval(int(hits) / int(clips), float(found.low), float(found.high))

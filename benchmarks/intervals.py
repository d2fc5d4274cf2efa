"""How often intervals over signers cover the truth, and how wide they are: simulated signers, known accuracies.

    python benchmarks/intervals.py [--trials 4000] [--signers 3 5 9 30 100] [--all] [--spread 0.2 0.4 0.8]

Signers' accuracies are logit-normal with a given mean and standard deviation on the logit scale (0.2, 0.4 and 0.8: at a
mean of 80 %, standard deviations of 3, 6 and 13 points), each signer's hits binomial. Prints for each cell the coverage
in % and the mean width in units of the oracle's; for the pairs and the macro metrics, coverage and width. The oracle
knows the spread of the signers, but not their mean: it holds all means under which the found share is in the central
95 % (Neyman's construction). Without --all, only the chosen interval and the former one, the percentile bootstrap.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, expit, logit
from scipy.stats import norm, t

from signfold.evaluation.intervals import GroupIntervals
from signfold.evaluation.metrics import Scored

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bounds = tuple[Floats, Floats]
MEANS, CLIPS = (0.5, 0.8, 0.95, 0.99, 1.0), (12, 100, 1000)
NORMAL = norm.ppf(np.linspace(0.0005, 0.9995, 1000))
RESAMPLES = 500
rng = np.random.default_rng(0)


def centre(mean: float, spread: float) -> float:
    """Return the mean on the logit scale of a logit-normal share with this mean."""
    low, high = -12.0, 12.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if expit(middle + spread * NORMAL).mean() < mean else (low, middle)
    return low


def hits(mean: float, spread: float, signers: Floats, clips: int | Ints) -> Ints:
    """Return hits (R, G) of signers given as standard normal numbers (R, G)."""
    if mean == 1:
        return np.broadcast_to(clips, signers.shape).astype(np.int64)
    return rng.binomial(clips, expit(centre(mean, spread) + spread * signers))


def oracle(share: Floats, mean: float, spread: float, groups: int, clips: int) -> Bounds:
    """Return the interval of one who knows the spread of the signers."""
    signers = rng.standard_normal((4000, groups))
    between = np.var(expit(centre(mean, spread) + spread * NORMAL))
    error = np.sqrt((mean * (1 - mean) / clips + between) / groups) / (mean * (1 - mean))
    reach = np.clip(5 * error, 0.3, 4)
    grid = np.linspace(logit(mean) - reach, logit(mean) + 1.6 * reach, 41)
    found = [np.quantile(hits(m, spread, signers, clips).mean(1) / clips, (0.025, 0.975)) for m in expit(grid)]
    low, high = np.maximum.accumulate(np.array(found)).T + 1e-9 * np.arange(len(grid))
    upper = expit(np.interp(share, low, grid))
    return expit(np.interp(share, high, grid)), np.where(share >= 1, 1, upper)


def chosen(found: Ints, clips: int | Ints) -> Bounds:
    """Return the intervals that signfold uses: its own code, a trial at a time."""
    groups = found.shape[1]
    sizes = np.broadcast_to(clips, groups)
    block = np.repeat(np.arange(groups), sizes)
    intervals = GroupIntervals.of(block)
    total, bounds = sizes.sum(), []
    for own in found:
        without = (own.sum() - own) / (total - sizes)
        variance = (groups - 1) / groups * ((without - without.mean()) ** 2).sum()
        bounds.append(intervals._around(own.sum() / total, variance))
    return np.array([each.low for each in bounds]), np.array([each.high for each in bounds])


def percentile_bootstrap(found: Ints, clips: int) -> Bounds:
    """Return percentiles of the mean over drawn signers."""
    means = resampled(found / clips)[0]
    return np.quantile(means, 0.025, 1), np.quantile(means, 0.975, 1)


def resampled(shares: Floats) -> tuple[Floats, Floats]:
    """Return means (R, B) and their variances over drawn signers."""
    groups = shares.shape[1]
    drawn = rng.multinomial(groups, np.full(groups, 1 / groups), RESAMPLES).T / groups
    means = shares @ drawn
    return means, (shares**2 @ drawn - means**2) / (groups - 1)


def bootstrap_t(found: Ints, clips: int) -> Bounds:
    """Return the studentised bootstrap on the logit scale."""
    total = clips * found.shape[1]
    means, variances = resampled(found / clips)

    def on_logit(mean: Floats, variance: Floats) -> Bounds:
        mean = (mean * total + 0.5) / (total + 1)
        return logit(mean), np.sqrt(np.maximum(variance, 1e-9)) / (mean * (1 - mean))

    value, error = on_logit(found.mean(1) / clips, np.var(found / clips, axis=1, ddof=1) / found.shape[1])
    drawn, errors = on_logit(means, variances)
    studentised = (drawn - value[:, None]) / errors
    return (
        expit(value - np.quantile(studentised, 0.975, 1) * error),
        expit(value - np.quantile(studentised, 0.025, 1) * error),
    )


def logit_t(found: Ints, clips: int) -> Bounds:
    """Return the cluster-robust t interval on the logit scale."""
    groups = found.shape[1]
    share = (found.sum(1) + 0.5) / (groups * clips + 1)
    error = np.std(found / clips, axis=1, ddof=1) / np.sqrt(groups) / (share * (1 - share))
    reach = t.ppf(0.975, groups - 1) * error
    return expit(logit(share) - reach), expit(logit(share) + reach)


def wilson_design_effect(found: Ints, clips: int) -> Bounds:
    """Return Wilson's interval with the design effect (at least 1) and Student's quantile."""
    groups = found.shape[1]
    share, variance = found.mean(1) / clips, np.var(found / clips, axis=1, ddof=1) / groups
    binomial = np.maximum(share * (1 - share), 1e-300) / (groups * clips)
    a = t.ppf(0.975, groups - 1) ** 2 / (groups * clips) * np.maximum(variance / binomial, 1)
    a = np.where(share < 1, a, t.ppf(0.975, groups - 1) ** 2 / (groups * clips))
    middle, half = (share + a / 2) / (1 + a), np.sqrt(a * share * (1 - share) + a**2 / 4) / (1 + a)
    return middle - half, middle + half


def beta_binomial(found: Ints, clips: int) -> Bounds:
    """Return central 95 % of the posterior mean of a beta-binomial: Jeffreys's prior, correlations 0.0005 to 0.4."""
    grid = np.linspace(-3.5, 8.5, 97)
    correlation = np.array([0.0005, 0.002, 0.005, 0.01, 0.02, 0.04, 0.07, 0.11, 0.16, 0.22, 0.3, 0.4])
    share, rho = (x.ravel() for x in np.meshgrid(expit(grid), correlation, indexing="ij"))
    alpha, beta = share * (1 / rho - 1), (1 - share) * (1 / rho - 1)
    right = np.arange(clips + 1)[:, None]
    table = betaln(right + alpha, clips - right + beta) - betaln(alpha, beta)
    counts = np.zeros((len(found), clips + 1))
    np.add.at(counts, (np.arange(len(found))[:, None], found), 1)
    log_posterior = counts @ table + 0.5 * np.log(share * (1 - share))
    weights = np.exp(log_posterior - log_posterior.max(1, keepdims=True)).reshape(len(found), len(grid), -1).sum(2)
    cumulated = np.cumsum(weights / weights.sum(1, keepdims=True), 1)
    ends = np.array([np.interp((0.025, 0.975), row, grid + (grid[1] - grid[0]) / 2) for row in cumulated])
    return expit(ends[:, 0]), expit(ends[:, 1])


CANDIDATES: dict[str, Callable[[Ints, int], Bounds]] = {
    "chosen": chosen,
    "bootstrap": percentile_bootstrap,
    "bootstrap-t": bootstrap_t,
    "logit t": logit_t,
    "Wilson deff": wilson_design_effect,
    "beta-binomial": beta_binomial,
}


def shares(trials: int, groups: Sequence[int], spreads: Sequence[float], names: Sequence[str]) -> None:
    """Print coverage and relative width of the intervals of a share, and how many cells miss the goals."""
    print(f"{'signers mean spread clips':26s}{'oracle':>8s}" + "".join(f"{name:>15s}" for name in names))
    missed = {name: [0, 0] for name in names}
    cells = [(g, m, s, n) for g in groups for m in MEANS for s in spreads for n in CLIPS if m < 1 or s == spreads[0]]
    for group, mean, spread, clips in cells:
        found = hits(mean, spread, rng.standard_normal((trials, group)), clips)
        known = oracle(found.mean(1) / clips, mean, spread, group, clips) if mean < 1 else (np.zeros(1), np.ones(1))
        unit, line = float((known[1] - known[0]).mean()), ""
        for name in names:
            low, high = CANDIDATES[name](found, clips)
            covered, width = float(((low <= mean + 1e-12) & (mean <= high + 1e-12)).mean()), float((high - low).mean())
            missed[name][0] += group >= 5 and mean < 1 and covered < 0.93
            missed[name][1] += group >= 5 and mean < 1 and width > 1.3 * unit
            line += f"{100 * covered:8.1f}{width / unit:6.2f} "
        print(f"{group:7d}{100 * mean:5.0f}{spread:7.1f}{clips:6d} {unit:8.4f}{line}", flush=True)
    for name, (coverage, width) in missed.items():
        print(f"{name}: of cells with 5 signers or more, {coverage} below 93 %, {width} wider than 1.3 oracles")


def pairs(trials: int, groups: Sequence[int], spreads: Sequence[float]) -> None:
    """Print coverage and relative width of the interval of the difference of two models on the same clips.

    The oracle's width is that of the central 95 % of the differences that are found.
    """
    print("\npaired: signers  mean  gain spread clips  covered  width/oracle")
    cells = [(m, g, s, n) for m, g in ((0.5, 0.0), (0.8, 0.05), (0.95, 0.02)) for s in spreads for n in CLIPS[:2]]
    for group, (mean, gain, spread, clips) in ((group, cell) for group in groups for cell in cells):
        intervals = GroupIntervals.of(np.repeat(np.arange(group), clips))
        found = []
        for _ in range(trials):
            both = expit(centre(mean, spread) + spread * rng.standard_normal((group, 1)))
            lost = 0.5 * (1 - both) * both
            won = lost + gain * rng.gamma(1 / spread**2, spread**2, (group, 1))
            draw = rng.random((group, clips))
            b_minus_a = np.where(draw < won, 1.0, np.where(draw > 1 - lost, -1.0, 0.0)).ravel()
            found.append(intervals.difference(np.zeros_like(b_minus_a), b_minus_a))
        covered = np.mean([each.low <= gain <= each.high for each in found])
        unit = np.diff(np.quantile([each.value for each in found], (0.025, 0.975)))[0]
        width = np.mean([each.high - each.low for each in found]) / unit
        print(f"{group:15d}{100 * mean:6.0f}{100 * gain:6.0f}{spread:7.1f}{clips:6d}{100 * covered:9.1f}{width:14.2f}")


def macro(trials: int, groups: Sequence[int], classes: int = 20) -> None:
    """Print coverage of the macro metrics: the truth is what very many signers give."""
    print(f"\nmacro metrics, {classes} classes: signers  takes   macro F1   balanced   width of F1")

    def scored(group: int, takes: int) -> tuple[Scored, Ints]:
        truth = np.tile(np.repeat(np.arange(classes), takes), group)
        signer = np.repeat(np.arange(group), classes * takes)
        skill = 1.6 + hard[truth] + 0.8 * rng.standard_normal(group)[signer]
        right = rng.random(len(truth)) < expit(skill)
        said = np.where(right, truth, (truth + 1 + rng.integers(3, size=len(truth))) % classes)
        return Scored(truth, said, np.where(right, 1, 2), np.full(len(truth), 0.8), classes), signer

    hard = rng.standard_normal(classes)
    many, signer = scored(20_000, 1)
    truth = {name: found.value for name, found in GroupIntervals.of(signer).metrics(many).items()}
    for group in groups:
        for takes in (1, 5):
            found = [
                GroupIntervals.of(own).metrics(each) for each, own in (scored(group, takes) for _ in range(trials))
            ]
            covered = [
                100 * np.mean([each[name].low <= truth[name] <= each[name].high for each in found])
                for name in ("macro_f1", "balanced_accuracy")
            ]
            width = np.mean([each["macro_f1"].high - each["macro_f1"].low for each in found])
            print(f"{group:36d} {takes:6d} {covered[0]:10.1f} {covered[1]:10.1f} {width:13.3f}")


def unequal(trials: int, spreads: Sequence[float]) -> None:
    """Print coverage where signers have unequal numbers of clips, and where their accuracies are beta-distributed."""
    print("\n9 signers of 5 to 200 clips; beta: 9 signers of 100 clips.  mean spread  unequal  beta")
    sizes = np.array([5, 8, 13, 20, 32, 50, 80, 126, 200])
    for mean in MEANS[:-1]:
        for spread in spreads:
            found = hits(mean, spread, rng.standard_normal((trials, 9)), sizes)
            variance = np.var(expit(centre(mean, spread) + spread * NORMAL))
            total = mean * (1 - mean) / variance - 1
            beta = rng.binomial(100, rng.beta(mean * total, (1 - mean) * total, (trials, 9)))
            covered = [
                np.mean((low <= mean) & (mean <= high)) for low, high in (chosen(found, sizes), chosen(beta, 100))
            ]
            print(f"{100 * mean:60.0f} {spread:6.1f} {100 * covered[0]:8.1f} {100 * covered[1]:5.1f}")


def speed() -> None:
    """Print how long the intervals of 30,000 clips of 999 classes take, for signers and for single clips."""
    truth = rng.integers(999, size=30_000)
    said = np.where(rng.random(30_000) < 0.7, truth, (truth + 1) % 999)
    clips = Scored(truth, said, np.where(truth == said, 1, 9), rng.random(30_000), 999)
    for name, group in (("30 signers", np.arange(30_000) % 30), ("30,000 groups", np.arange(30_000))):
        start = time.perf_counter()
        GroupIntervals.of(group).metrics(clips)
        print(f"30,000 clips, 999 classes, {name}: {time.perf_counter() - start:.2f} s")


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=4000)
    parser.add_argument("--signers", type=int, nargs="+", default=[3, 5, 9, 30, 100])
    parser.add_argument("--spread", type=float, nargs="+", default=[0.2, 0.4, 0.8])
    parser.add_argument("--all", action="store_true", help="all candidates")
    given = parser.parse_args()
    shares(given.trials, given.signers, given.spread, list(CANDIDATES)[: None if given.all else 2])
    unequal(given.trials, given.spread)
    pairs(max(given.trials // 4, 1), given.signers, given.spread)
    macro(max(given.trials // 20, 1), given.signers)
    speed()


if __name__ == "__main__":
    main()

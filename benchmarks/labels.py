"""How many wrong labels the label audit finds: wrong ones are planted into a dataset whose own are assumed right.

    python benchmarks/labels.py results/NAME [--share 0.05] [--seeds 3]
    python benchmarks/labels.py results/NAME --signers 8

Needs items and tensors (`snakemake ... --until items`). Of all clips a share gets another class's label. A linear model
is then trained on four of five parts of the signers, or of the contents where signers are unknown, and gives each clip
of the fifth its probabilities, as the networks of a run would. Prints how many of the planted clips the audit lists at
all, and how many are among its first n, where n is the number planted; writes results/bench/labels.json.

With --signers, so many signers exchange labels instead: each of their classes gets the next one's (`--kind all`, of
those with at least four clips of two classes), or two of their classes do (`--kind two`, of those with four classes).
The linear model has 150 principal components of all clips then, to be quick. Prints how many of the planted signers are
named that are not named without planting; who else is named because of it; and what it brings to leave out, in each
fold, the training signers who are named from the training part alone: top-1 on the others' clips by their true labels.
The first row has nothing planted. Writes results/bench/label_signers.json.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from signfold.core import files
from signfold.evaluation.features import FRAMES, moments
from signfold.evaluation.intervals import GroupIntervals
from signfold.evaluation.label_errors import label_errors
from signfold.evaluation.label_signers import label_signers

OUT = Path("results/bench/labels.json")
# Principal components of the clips, for --signers.
COMPONENTS = 150


def features(root: Path, items: pd.DataFrame) -> np.ndarray:
    """Return clips as (N, D): their tensors at FRAMES moments, 0 for missing."""
    arrays = {shard: np.load(root / f"tensors/{shard}.npy", mmap_mode="r") for shard in items["shard"].unique()}
    clips = np.stack([arrays[shard][row] for shard, row in zip(items["shard"], items["row"], strict=True)])
    return moments(clips, FRAMES).reshape(len(clips), -1)


def linear(features: int) -> Pipeline:
    """Return the linear model; the fewer the features, the less it is held back."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=1e-3 if features > COMPONENTS else 0.03, max_iter=300))


def out_of_fold(items: pd.DataFrame, x: np.ndarray, given: np.ndarray, leave_out: bool = False) -> np.ndarray:
    """Return probabilities (N, K) of a linear model that did not see the clip's signer, for labels `given` (N,).

    With `leave_out` it did not see the training signers either who are named by such probabilities of training clips.
    """
    probabilities = np.zeros((len(given), int(items["class_id"].max()) + 1), np.float32)
    for train, test in GroupKFold(5).split(x, groups=items["signer"].fillna(items["sha256"])):
        seen = train
        if leave_out:
            own = items.iloc[train].reset_index(drop=True)
            names = named(own, out_of_fold(items.iloc[train], x[train], given[train]), given[train])
            seen = train[~own["signer"].isin(names)]
        found = linear(x.shape[1]).fit(x[seen], given[seen])
        probabilities[np.ix_(test, found.classes_)] = found.predict_proba(x[test])
    return probabilities


def named(items: pd.DataFrame, probabilities: np.ndarray, given: np.ndarray) -> set[str]:
    """Return the signers that are named if clips have the labels `given` (N,)."""
    return set(label_signers(items.assign(class_id=given), probabilities, items.assign(gloss=None))["signer"])


def exchanged(items: pd.DataFrame, count: int, kind: str, seed: int) -> tuple[np.ndarray, set[str]]:
    """Return labels (N,) of which `count` signers' are exchanged, and these signers."""
    rng, given = np.random.default_rng(seed), items["class_id"].to_numpy().copy()
    classes = items.groupby("signer")["class_id"].agg(["size", "nunique"])
    able = classes.query("size >= 4 and nunique >= 2" if kind == "all" else "nunique >= 4").index
    planted = rng.choice(able.to_numpy(), count, replace=False)
    for signer in planted:
        own = np.flatnonzero((items["signer"] == signer).to_numpy())
        changed = np.unique(given[own])
        if kind == "two":
            changed = np.sort(rng.choice(changed, 2, replace=False))
            own = own[np.isin(given[own], changed)]
        given[own] = np.roll(changed, 1)[np.searchsorted(changed, given[own])]
    return given, set(planted)


def signers_trial(
    items: pd.DataFrame, x: np.ndarray, count: int, kind: str, seed: int, before: set[str]
) -> dict[str, object]:
    """Plant exchanges; return how many of these signers are named, who else is, and what leaving them out brings.

    `before` are those who are named without any planted.
    """
    given, planted = exchanged(items, count, kind, seed)
    probabilities = out_of_fold(items, x, given)
    names = named(items, probabilities, given)
    truth, others = items["class_id"].to_numpy(), ~items["signer"].isin(planted).to_numpy()
    right = [(own.argmax(1) == truth)[others] for own in (probabilities, out_of_fold(items, x, given, leave_out=True))]
    gain = GroupIntervals.of_clips(items[others].reset_index(drop=True)).difference(*right)
    return {
        "top1": float(right[0].mean()),
        "planted": len(planted - before),
        "found": len((names & planted) - before),
        "others": " ".join(sorted(names - planted - before if count else names)),
        "gain": 100 * gain.value,
        "low": 100 * gain.low,
        "high": 100 * gain.high,
    }


def trial(items: pd.DataFrame, x: np.ndarray, share: float, seed: int) -> dict[str, float]:
    """Plant wrong labels, score all clips out of fold, and count how many of the planted the audit lists."""
    rng = np.random.default_rng(seed)
    truth, classes = items["class_id"].to_numpy(), int(items["class_id"].max()) + 1
    planted = rng.permutation(len(truth))[: round(share * len(truth))]
    given = truth.copy()
    given[planted] = (given[planted] + 1 + rng.integers(classes - 1, size=len(planted))) % classes
    probabilities = out_of_fold(items, x, given)
    names = items.drop_duplicates("class_id").set_index("class_id")["label"]
    clips = items.assign(class_id=given, label=names[given].to_numpy(), gloss=None)
    listed = label_errors(clips, probabilities, items.assign(gloss=None))["sample_id"]
    wrong = set(items["sample_id"].iloc[planted])
    return {
        "clips": len(truth),
        "classes": classes,
        "top1": float((probabilities.argmax(1) == truth).mean()),
        "planted": len(planted),
        "listed": len(listed),
        "found": len(wrong & set(listed)),
        "found_first": len(wrong & set(listed.head(len(planted)))),
    }


def main() -> None:
    """Print and write a trial for each seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--signers", type=int, help="number of signers who exchange labels")
    parser.add_argument("--kind", choices=["all", "two"], default="all")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    items = files.read_parquet(given.dataset / "items.parquet").to_pandas()
    items = items[items["copy"] == 0].reset_index(drop=True)
    x = features(given.dataset, items)
    if given.signers:
        x = PCA(COMPONENTS, random_state=0).fit_transform(StandardScaler().fit_transform(x))
        truth = items["class_id"].to_numpy()
        before = named(items, out_of_fold(items, x, truth), truth)
        counts = [0] + [given.signers] * given.seeds
        trials = [signers_trial(items, x, count, given.kind, seed, before) for seed, count in enumerate(counts)]
    else:
        trials = [trial(items, x, given.share, seed) for seed in range(given.seeds)]
    print(pd.DataFrame(trials).to_string(index=False))
    kind = "label_signers" if given.signers else "labels"
    files.write_json(OUT.with_name(f"{kind}.json"), {given.dataset.name: trials})


if __name__ == "__main__":
    main()

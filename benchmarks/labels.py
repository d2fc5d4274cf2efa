"""How many wrong labels the label audit finds: wrong ones are planted into a dataset whose own are assumed right.

    python benchmarks/labels.py results/NAME [--share 0.05] [--seeds 3]
    python benchmarks/labels.py results/NAME --signers 8

Needs items and tensors (`snakemake ... --until items`). Of all clips a share gets another class's label. A linear model
is then trained on four of five parts of the signers, or of the contents where signers are unknown, and gives each clip
of the fifth its probabilities, as the networks of a run would. Prints how many of the planted clips the audit lists at
all, and how many are among its first n, where n is the number planted; writes results/bench/labels.json.

With --signers, so many signers with at least four clips of two classes exchange their labels instead: each of their
classes gets the next one's. Prints how many of them are named, and who else is, with and without planted ones.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from signfold.core import files
from signfold.evaluation.features import FRAMES, moments
from signfold.evaluation.label_errors import label_errors
from signfold.evaluation.label_signers import label_signers

OUT = Path("results/bench/labels.json")


def features(root: Path, items: pd.DataFrame) -> np.ndarray:
    """Return clips as (N, D): their tensors at FRAMES moments, 0 for missing."""
    arrays = {shard: np.load(root / f"tensors/{shard}.npy", mmap_mode="r") for shard in items["shard"].unique()}
    clips = np.stack([arrays[shard][row] for shard, row in zip(items["shard"], items["row"], strict=True)])
    return moments(clips, FRAMES).reshape(len(clips), -1)


def out_of_fold(items: pd.DataFrame, x: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return probabilities (N, K) of a linear model that did not see the clip's signer, for labels `given` (N,)."""
    probabilities = np.zeros((len(given), int(items["class_id"].max()) + 1), np.float32)
    for train, test in GroupKFold(5).split(x, groups=items["signer"].fillna(items["sha256"])):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=1e-3, max_iter=300))
        found = model.fit(x[train], given[train])
        probabilities[np.ix_(test, found.classes_)] = found.predict_proba(x[test])
    return probabilities


def signers_trial(items: pd.DataFrame, x: np.ndarray, count: int, seed: int) -> dict[str, object]:
    """Let `count` signers exchange the labels of their classes; return how many are named, and who else is."""
    given = items["class_id"].to_numpy().copy()
    able = items.groupby("signer")["class_id"].agg(["size", "nunique"]).query("size >= 4 and nunique >= 2").index
    planted = np.random.default_rng(seed).choice(able.to_numpy(), count, replace=False)
    for signer in planted:
        own = np.flatnonzero((items["signer"] == signer).to_numpy())
        classes = np.unique(given[own])
        given[own] = np.roll(classes, 1)[np.searchsorted(classes, given[own])]
    probabilities = out_of_fold(items, x, given)
    named = set(label_signers(items.assign(class_id=given), probabilities, items.assign(gloss=None))["signer"])
    return {
        "signers": items["signer"].nunique(),
        "top1": float((probabilities.argmax(1) == given).mean()),
        "planted": count,
        "found": len(named & set(planted)),
        "others": " ".join(sorted(named - set(planted))),
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
    parser.add_argument("--signers", type=int, help="signers that exchange the labels of their classes")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    items = files.read_parquet(given.dataset / "items.parquet").to_pandas()
    items = items[items["copy"] == 0].reset_index(drop=True)
    x = features(given.dataset, items)
    if given.signers:
        counts = [0] + [given.signers] * given.seeds
        trials = [signers_trial(items, x, count, seed) for seed, count in enumerate(counts)]
    else:
        trials = [trial(items, x, given.share, seed) for seed in range(given.seeds)]
    print(pd.DataFrame(trials).to_string(index=False))
    kind = "label_signers" if given.signers else "labels"
    files.write_json(OUT.with_name(f"{kind}.json"), {given.dataset.name: trials})


if __name__ == "__main__":
    main()

"""How many wrong labels the label audit finds: wrong ones are planted into a dataset whose own are assumed right.

    python benchmarks/labels.py results/NAME [--share 0.05] [--seeds 3]

Needs items and tensors (`snakemake ... --until items`). Of all clips a share gets another class's label. A linear model
is then trained on four of five parts of the signers, or of the contents where signers are unknown, and gives each clip
of the fifth its probabilities, as the networks of a run would. Prints how many of the planted clips the audit lists at
all, and how many are among its first n, where n is the number planted; writes results/bench/labels.json.
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

OUT = Path("results/bench/labels.json")


def features(root: Path, items: pd.DataFrame) -> np.ndarray:
    """Return clips as (N, D): their tensors at FRAMES moments, 0 for missing."""
    arrays = {shard: np.load(root / f"tensors/{shard}.npy", mmap_mode="r") for shard in items["shard"].unique()}
    clips = np.stack([arrays[shard][row] for shard, row in zip(items["shard"], items["row"], strict=True)])
    return moments(clips, FRAMES).reshape(len(clips), -1)


def trial(items: pd.DataFrame, x: np.ndarray, share: float, seed: int) -> dict[str, float]:
    """Plant wrong labels, score all clips out of fold, and count how many of the planted the audit lists."""
    rng = np.random.default_rng(seed)
    truth, classes = items["class_id"].to_numpy(), int(items["class_id"].max()) + 1
    planted = rng.permutation(len(truth))[: round(share * len(truth))]
    given = truth.copy()
    given[planted] = (given[planted] + 1 + rng.integers(classes - 1, size=len(planted))) % classes
    probabilities = np.zeros((len(truth), classes), np.float32)
    for train, test in GroupKFold(5).split(x, groups=items["signer"].fillna(items["sha256"])):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=1e-3, max_iter=300))
        found = model.fit(x[train], given[train])
        probabilities[np.ix_(test, found.classes_)] = found.predict_proba(x[test])
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
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    items = files.read_parquet(given.dataset / "items.parquet").to_pandas()
    items = items[items["copy"] == 0].reset_index(drop=True)
    x = features(given.dataset, items)
    trials = [trial(items, x, given.share, seed) for seed in range(given.seeds)]
    print(pd.DataFrame(trials).to_string(index=False))
    files.write_json(OUT, {given.dataset.name: trials})


if __name__ == "__main__":
    main()

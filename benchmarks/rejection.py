"""Rejection of signs that no network was trained on, by words39: how well each score tells them from known ones.

    python benchmarks/rejection.py ../shared/data/words39

Words and signers are cut into five parts each. In fold k the fifth of the words with number k is left out of training,
and the signers of part k are tested: on clips of the other words (known) and of the left-out ones (unknown). So no
signer is tested by a network that trained on them, and each is tested once. Others validate: the temperature is
fitted on them. The network is small, one stream of the light one at a quarter of the width, last epoch.

AUROC is the chance that a known clip scores above an unknown one of the same fold; intervals are percentiles of
bootstraps over signers. Finished networks are kept in results/bench/rejection. Prints the table, writes
results/bench/rejection.json.
"""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import rankdata

from signfold.core import files, versions
from signfold.core.settings import Augmentation, ManifestSettings, ModelSettings, TensorSettings, TrainingSettings
from signfold.dataset import manifest
from signfold.evaluation.calibration import at_temperature, fit_temperature
from signfold.evaluation.fusion import probabilities
from signfold.folds.leakage import audit_folds
from signfold.folds.roles import FOLD_SCHEMA
from signfold.keypoints.import_files import import_folder
from signfold.models.io import load_model
from signfold.tensors.build import build_tensors
from signfold.tensors.streams import masked
from signfold.training.task import TrainingPaths, TrainingTask
from signfold.training.train import train

OUT = Path("results/bench/rejection")
FOLDS, PARTS, REPLICATES, KEPT = 5, 10, 2000, 0.95
# A word is known to a network if this many of its training signers show it.
LEAST_SIGNERS = 2
MATCH = r"(?P<label>[^/]+)/(?P<signer>s\d+)(-\d+)?\.npz$"
TENSORS = TensorSettings(frames=16)
MODEL = ModelSettings("light", 0.25)
TRAINING = TrainingSettings(epochs=16, batch_size=32, checkpoint="last")

Floats = NDArray[np.floating[Any]]


def prepared(dataset: Path) -> pd.DataFrame:
    """Return the items of the dataset, imported and made into tensors below `OUT` if they are not there yet."""
    keypoints, tensors = OUT / "keypoints" / "0.parquet", OUT / "tensors" / "0.npy"
    videos, table = keypoints.with_name("0.videos.parquet"), tensors.with_suffix(".parquet")
    if not (OUT / "items.parquet").exists():
        import_folder({"root": str(dataset), "keypoints": "npz", "size": [640, 480], "match": MATCH}, OUT)
        build_tensors(keypoints, videos, tensors, table, TENSORS)
        index = files.read_parquet(OUT / "index.parquet").to_pandas()
        out = OUT / "items.parquet", OUT / "excluded.csv"
        manifest.build_items(index, [table], [videos], *out, ManifestSettings(), 0)
    return files.read_parquet(OUT / "items.parquet").to_pandas()


def in_parts(items: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Return each item's part of the words, 0 to 4, and of the signers, 0 to 9: frequent words are in several parts."""
    words = items.groupby("label")["signer"].nunique().sort_values(ascending=False, kind="stable").index
    signers = np.random.default_rng(0).permutation(np.sort(items["signer"].unique()))
    word = {name: number % FOLDS for number, name in enumerate(words)}
    signer = {name: number % PARTS for number, name in enumerate(signers)}
    return items["label"].map(word), items["signer"].map(signer)


def written_folds(items: pd.DataFrame) -> list[Path]:
    """Write the folds, each with its audit; a fold's file has only the words that are known in it."""
    word, part = in_parts(items)
    paths = []
    for number in range(FOLDS):
        role = part.map(
            lambda each, k=2 * number: {k: "test", k + 1: "test", (k + 2) % PARTS: "val"}.get(each, "train")
        )
        rows = items.assign(role=role)[word != number]
        training = rows[rows["role"] == "train"].groupby("label")["signer"].nunique()
        rows = rows[rows["label"].isin(training[training >= LEAST_SIGNERS].index)]
        rows = rows.assign(class_id=rows["label"].map({name: k for k, name in enumerate(sorted(set(rows["label"])))}))
        paths.append(OUT / "folds" / f"fold-{number + 1}.parquet")
        metadata = {"version": versions.FOLDS, "method": "official", "group": "signer", "val_group": "signer"}
        files.write_parquet(pa.Table.from_pandas(rows, schema=FOLD_SCHEMA, preserve_index=False), paths[-1], metadata)
        audit_folds([paths[-1]], paths[-1].with_suffix(".json"))
    return paths


def trained(fold: Path) -> Path:
    """Train the network of a fold, unless it is there; return its folder."""
    out = OUT / "models" / fold.stem
    if not (out / "metrics.json").exists():
        task = TrainingTask("words39", "joint", 0, TRAINING, Augmentation(), MODEL)
        paths = TrainingPaths(fold, [OUT / "tensors/0.npy"], fold.with_suffix(".json"), out, out / "state.pt")
        train(task, paths, threads=1)
    return out


def seen_by(folder: Path, tensors: Floats) -> tuple[Floats, Floats]:
    """Return logits (N, K) and pooled features (N, F), which the classifier takes, of clips (N, C, T, V)."""
    model, _ = load_model(folder)
    pooled: list[torch.Tensor] = []
    model.classifier.register_forward_pre_hook(lambda _, inputs: pooled.append(inputs[0]))
    with torch.inference_mode():
        x = torch.from_numpy(masked(tensors))
        logits = torch.cat([model(part) for part in x.split(64)])
    return logits.double().numpy(), torch.cat(pooled).double().numpy()


def distance(features: Floats, training: Floats, classes: NDArray[np.int64]) -> Floats:
    """Return each clip's squared Mahalanobis distance from the nearest class mean (Lee et al. 2018, section 2.1)."""
    means = np.stack([training[classes == k].mean(0) for k in range(classes.max() + 1)])
    spread = np.cov((training - means[classes]).T)
    inverse = np.linalg.inv(spread + 1e-3 * np.trace(spread) / len(spread) * np.eye(len(spread)))
    away = features[:, None] - means
    return np.einsum("nkf,fg,nkg->nk", away, inverse, away).min(1)


def cosine(features: Floats, training: Floats, classes: NDArray[np.int64]) -> Floats:
    """Return each clip's cosine similarity to the nearest class mean of features of length 1."""
    unit, known = (values / np.linalg.norm(values, axis=1, keepdims=True) for values in (features, training))
    means = np.stack([known[classes == k].mean(0) for k in range(classes.max() + 1)])
    return (unit @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T).max(1)


def scored(fold: Path, items: pd.DataFrame, tensors: Floats) -> pd.DataFrame:
    """Return the test clips of a fold: signer, whether known and rightly recognised, and each score."""
    number = int(fold.stem.removeprefix("fold-")) - 1
    word, part = in_parts(items)
    folder, rows = trained(fold), files.read_parquet(fold).to_pandas()
    ids = dict(zip(rows["label"], rows["class_id"], strict=True))
    test = items[part.isin((2 * number, 2 * number + 1)) & (items["label"].isin(ids) | (word == number))]
    train_rows, val = rows[rows["role"] == "train"], rows[rows["role"] == "val"]
    logits, features = seen_by(folder, tensors[test["row"]])
    _, training = seen_by(folder, tensors[train_rows["row"]])
    temperature = fit_temperature(probabilities(seen_by(folder, tensors[val["row"]])[0]), val["class_id"].to_numpy())
    calibrated = at_temperature(probabilities(logits), temperature)
    best = np.sort(calibrated, axis=1)
    classes, known = train_rows["class_id"].to_numpy(), test["label"].isin(ids)
    right = logits.argmax(1) == test["label"].map(ids).fillna(-1)
    table = pd.DataFrame({"fold": fold.stem, "signer": test["signer"], "known": known, "right": right})
    return table.assign(
        probability=best[:, -1],
        margin=best[:, -1] - best[:, -2],
        energy=logsumexp(logits, axis=1),
        mahalanobis=-distance(features, training, classes),
        cosine=cosine(features, training, classes),
    )


SCORES = ("probability", "margin", "energy", "mahalanobis", "cosine")


def auroc(known: Floats, unknown: Floats) -> float:
    """Return the share of pairs in which the known clip has the higher score; equal scores count a half."""
    ranks = rankdata(np.concatenate([known, unknown]))[: len(known)]
    return float((ranks.sum() - len(known) * (len(known) + 1) / 2) / (len(known) * len(unknown)))


def figures(clips: pd.DataFrame) -> dict[str, float]:
    """Return AUROC, and the share of unknown clips answered where 95 % of the right answers are, a mean over folds."""
    found: dict[str, list[float]] = {}
    for _, own in clips.groupby("fold"):
        known, unknown = own[own["known"]], own[~own["known"]]
        if len(known) and len(unknown):
            for score in SCORES:
                found.setdefault(score, []).append(auroc(known[score].to_numpy(), unknown[score].to_numpy()))
                threshold = known.loc[known["right"], score].quantile(1 - KEPT)
                found.setdefault(f"{score} answered", []).append(float((unknown[score] >= threshold).mean()))
    return {name: float(np.mean(values)) for name, values in found.items()}


def bootstrap(clips: pd.DataFrame, statistic: Callable[[pd.DataFrame], dict[str, float]]) -> pd.DataFrame:
    """Return the statistic of `REPLICATES` samples of each fold's signers, drawn with replacement, one row each."""
    random, by_signer = np.random.default_rng(0), dict(list(clips.groupby("signer")))
    signers = [own["signer"].unique() for _, own in clips.groupby("fold")]
    drawn = ([by_signer[name] for own in signers for name in random.choice(own, len(own))] for _ in range(REPLICATES))
    return pd.DataFrame([statistic(pd.concat(parts)) for parts in drawn])


def main() -> None:
    """Train what is missing, print the table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    dataset = parser.parse_args().dataset
    logging.basicConfig(level=logging.INFO)
    items = prepared(dataset)
    tensors = np.load(OUT / "tensors" / "0.npy")
    clips = pd.concat([scored(fold, items, tensors) for fold in written_folds(items)])
    clips.to_csv(OUT / "clips.csv", index=False)
    value, draws = figures(clips), bootstrap(clips, figures)
    result: dict[str, Any] = {}
    known = clips[clips["known"]]
    print(f"{len(known)} known clips, {known['right'].mean():.1%} right; {len(clips) - len(known)} unknown")
    for name in SCORES:
        beside = value[name] - value["probability"], *np.quantile(draws[name] - draws["probability"], (0.025, 0.975))
        own = value[name], *np.quantile(draws[name], (0.025, 0.975))
        answered = value[f"{name} answered"], *np.quantile(draws[f"{name} answered"], (0.025, 0.975))
        result[name] = {"auroc": own, "beside_probability": beside, "unknown_answered": answered}
        shown = "  ".join(f"{a:+.3f} ({b:+.3f} to {c:+.3f})" for a, b, c in (own, beside, answered))
        print(f"{name:12} {shown}")
    files.write_json(OUT.with_suffix(".json"), result)


if __name__ == "__main__":
    main()

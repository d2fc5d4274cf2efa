"""Simple methods in the same folds: a network that is no better than they are has learnt nothing of use.

They see the same tensors as the network: the training part of a fold without copies, and its test part once.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from dtaidistance import dtw_ndim
from sklearn.linear_model import RidgeClassifier
from sklearn.neighbors import NearestCentroid
from sklearn.preprocessing import StandardScaler

from signfold.core import versions
from signfold.core.files import write_parquet
from signfold.evaluation.features import BLOCK, Floats, Ints, features, few_of_each, hands, take, without_copies
from signfold.folds.roles import Fold, Samples, read_fold
from signfold.tensors.shards import Shards

METHODS = ("majority", "nearest centroid", "1-NN (DTW of hands)", "linear")
# Moments by which dynamic time warping may shift.
WINDOW = 4
PENALTY = 100.0  # of the ridge classifier, where no validation clips choose one
PENALTIES = (1.0, 10.0, 100.0, 1e3, 1e4, 1e5)
# Pairs of clips that are warped in a fold, some minutes of a core; beyond, fewer training clips stand for each class.
MOST_PAIRS = 20_000_000
# Training clips behind the linear methods: as float32 features some GB.
MOST_CLIPS = 40_000


@dataclass(frozen=True)
class Answers:
    """What a method says of a fold's test part.

    Parameters
    ----------
    method
        One of `METHODS`.
    predicted
        (N,) class ids.
    detail
        What was chosen or left out, in a few words.
    """

    method: str
    predicted: Ints
    detail: str = ""


def run_baselines(fold_file: Path, audit: Path, tensors: Sequence[Path], out: Path, seed: int) -> None:
    """Write what each method says of each clip of a fold's test part.

    Parameters
    ----------
    fold_file, audit
        `folds/{fold}.parquet` and the `folds/audit.json` that it needs.
    tensors
        The shards' `.npy` files.
    out
        Parquet: sample_id, class_id, method, predicted (class id), detail.
    seed
        Random seed of the choice of training clips where there are too many.

    Raises
    ------
    SignfoldError
        As `read_fold` and `Shards`, and if an array is not the one that was written with its table.
    """
    fold, shards = read_fold(fold_file, audit), Shards(tensors)
    shards.verify()
    test = fold.roles["test"]
    tables = [
        pd.DataFrame({"sample_id": test.sample_id, "class_id": test.class_id, "method": said.method})
        .assign(predicted=said.predicted, detail=said.detail)
        .astype({"predicted": np.int32, "class_id": np.int32})
        for said in answers(fold, shards, seed)
    ]
    table = pa.Table.from_pandas(pd.concat(tables), preserve_index=False)
    write_parquet(table, out, {"version": versions.BASELINES, "fold": fold.name})


def answers(fold: Fold, shards: Shards, seed: int) -> Iterator[Answers]:
    """Yield the answers of each of `METHODS`, in their order."""
    train, test = without_copies(fold.roles["train"]), fold.roles["test"]
    yield Answers("majority", np.full(len(test), majority_class(train.class_id)))

    some = take(train, few_of_each(train.class_id, MOST_CLIPS, seed))
    scaler = StandardScaler()
    seen = scaler.fit_transform(features(shards, some))
    asked = scaler.transform(features(shards, test))
    yield Answers("nearest centroid", nearest_centroid(seen, some.class_id, asked))

    near = take(train, few_of_each(train.class_id, max(1, MOST_PAIRS // len(test)), seed))
    left_out = "" if len(near) == len(train) else f"{len(near)} of {len(train)} training clips"
    yield Answers("1-NN (DTW of hands)", nearest_neighbour(shards, near, test), left_out)

    val = fold.roles["val"]
    chosen_on = scaler.transform(features(shards, val)) if len(val) else None
    penalty = PENALTY if chosen_on is None else choose_penalty(seen, some.class_id, chosen_on, val.class_id)
    yield Answers("linear", ridge(seen, some.class_id, asked, penalty), f"penalty {penalty:g}")


def majority_class(classes: Ints) -> int:
    """Return the class with the most clips, among equals the first."""
    return int(np.bincount(classes).argmax())


def nearest_centroid(seen: Floats, truth: Ints, asked: Floats) -> Ints:
    """Return the class whose mean of `seen` (M, D) is nearest to each of `asked` (N, D)."""
    if len(classes := np.unique(truth)) == 1:
        return np.full(len(asked), classes[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it divides by spreads within classes, which nothing here uses
        return NearestCentroid().fit(seen, truth).predict(asked)


def ridge(seen: Floats, truth: Ints, asked: Floats, penalty: float = PENALTY) -> Ints:
    """Return the classes that a ridge classifier gives `asked` (N, D), fitted on `seen` (M, D) of classes `truth`."""
    if len(classes := np.unique(truth)) == 1:
        return np.full(len(asked), classes[0])
    return RidgeClassifier(alpha=penalty).fit(seen, truth).predict(asked)


def choose_penalty(seen: Floats, truth: Ints, val: Floats, val_truth: Ints) -> float:
    """Return which of `PENALTIES` is right on most validation clips, among equals the first."""
    return max(PENALTIES, key=lambda penalty: (ridge(seen, truth, val, penalty) == val_truth).mean())


def nearest_neighbour(shards: Shards, train: Samples, test: Samples) -> Ints:
    """Return the class of the nearest training clip, by dynamic time warping of both hands (dtaidistance)."""
    references, series = hands(shards, train), hands(shards, test)
    found = []
    for start in range(0, len(test), BLOCK):
        part = series[start : start + BLOCK]
        # Rows are the test clips, columns the references; the rest of the matrix is not computed, and not returned.
        block = ((0, len(part)), (len(part), len(part) + len(references)), False)
        both = np.concatenate([part, references])
        distances = dtw_ndim.distance_matrix_fast(both, window=WINDOW + 1, block=block, compact=True)
        found.append(train.class_id[np.asarray(distances).reshape(len(part), -1).argmin(1)])
    return np.concatenate(found)

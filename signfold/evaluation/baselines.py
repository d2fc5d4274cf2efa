"""What simple methods reach in the same folds: a network that does not beat them has learnt nothing of use.

All see what the network sees, the tensors: their training part without copies, their test part once.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from dtaidistance import dtw_ndim
from numpy.typing import NDArray
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import NearestCentroid
from sklearn.preprocessing import StandardScaler

from signfold.core import versions
from signfold.core.errors import SignfoldError
from signfold.core.files import read_parquet, write_json, write_parquet
from signfold.core.skeleton import SIDES
from signfold.evaluation.intervals import difference
from signfold.folds.roles import Fold, Samples, read_fold
from signfold.tensors.shards import Shards

METHODS = ("majority", "nearest centroid", "1-NN (DTW of hands)", "linear")
# Moments that the linear methods see of each clip, and dynamic time warping, which may move by WINDOW of them.
FRAMES, WARPED, WINDOW = 16, 32, 4
PENALTY = 100.0  # where none is chosen
PENALTIES = (1.0, 10.0, 100.0, 1e3, 1e4, 1e5)
# So many pairs of clips are warped in a fold, some minutes of a core; then fewer training clips stand for each class.
MOST_PAIRS = 20_000_000
# Training clips behind the linear methods: as float32 features some GB.
MOST_CLIPS = 40_000
_BLOCK = 256

Floats = NDArray[np.float32]


def run_baselines(fold_file: Path, audit: Path, tensors: Sequence[Path], out: Path, seed: int) -> None:
    """Write what each method says of each clip of a fold's test part.

    Parameters
    ----------
    fold_file, audit
        `folds/{fold}.parquet` and the `folds/audit.json` that it needs.
    tensors
        The shards' `.npy` files.
    out
        Parquet: sample_id, class_id, method, predicted (class id), and `detail`, what was chosen or left out.
    seed
        Of the choice of training clips where there are too many.

    Raises
    ------
    SignfoldError
        As `read_fold` and `Shards`.
    """
    fold, shards = read_fold(fold_file, audit), Shards(tensors)
    test = fold.roles["test"]
    tables = [
        pd.DataFrame({"sample_id": test.sample_id, "class_id": test.class_id, "method": method, "predicted": found})
        .assign(detail=detail)
        .astype({"predicted": np.int32, "class_id": np.int32})
        for method, found, detail in predictions(fold, shards, seed)
    ]
    table = pa.Table.from_pandas(pd.concat(tables), preserve_index=False)
    write_parquet(table, out, {"version": versions.BASELINES, "fold": fold.name})


def predictions(fold: Fold, shards: Shards, seed: int) -> Iterator[tuple[str, NDArray[np.int64], str]]:
    """Yield for each of `METHODS` its name, the class ids that it gives the test part (N,), and what to say of it."""
    train, val, test = without_copies(fold.roles["train"]), fold.roles["val"], fold.roles["test"]
    yield "majority", np.full(len(test), np.bincount(train.class_id).argmax()), ""

    some = few_of_each(train.class_id, MOST_CLIPS, seed)
    scaler = StandardScaler()
    seen = scaler.fit_transform(features(shards, train, some))
    tested = scaler.transform(features(shards, test))
    truth = train.class_id[some]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of spreads that it works out and nobody asked for
        centroid = NearestCentroid().fit(seen, truth) if len(set(truth)) > 1 else None
    yield "nearest centroid", centroid.predict(tested) if centroid else np.full(len(test), truth[0]), ""

    near = few_of_each(train.class_id, max(1, MOST_PAIRS // max(1, len(test))), seed)
    note = "" if len(near) == len(train) else f"{len(near)} of {len(train)} training clips"
    yield "1-NN (DTW of hands)", nearest(shards, train, near, test), note

    best, penalty, right = None, PENALTY, -1.0
    choice = len(val) and len(set(truth)) > 1
    chosen_on = scaler.transform(features(shards, val)) if choice else None
    for candidate in PENALTIES if choice else ():
        model = RidgeClassifier(alpha=candidate).fit(seen, truth)
        if (score := float((model.predict(chosen_on) == val.class_id).mean())) > right:
            best, penalty, right = model, candidate, score
    if best is None and len(set(truth)) > 1:
        best = RidgeClassifier(alpha=PENALTY).fit(seen, truth)
    yield "linear", best.predict(tested) if best else np.full(len(test), truth[0]), f"penalty {penalty:g}"


def run_shuffled(fold_files: Sequence[Path], audit: Path, tensors: Sequence[Path], out: Path, seed: int) -> None:
    """Write what the linear model would seem to reach if clips were shuffled: every signer in training and in test.

    Parameters
    ----------
    fold_files, audit, tensors
        All folds of a dataset, their audit, and the shards' `.npy` files.
    out
        JSON: `shuffled`, top-1 over folds of shuffled clips, as many as there are folds (5 of an official split);
        `apart`, the same model's over the folds themselves; `clips`. `shuffled` is null where there are too few.
    seed
        Of the shuffling.
    """
    folds, shards = [read_fold(path, audit) for path in fold_files], Shards(tensors)
    hits = []
    for fold in folds:
        train, test = without_copies(fold.roles["train"]), fold.roles["test"]
        some = few_of_each(train.class_id, MOST_CLIPS, seed)
        seen, tested = features(shards, train, some), features(shards, test)
        hits.append(_linear(seen, train.class_id[some], tested) == test.class_id)
    tests = [fold.roles["test"] for fold in folds]
    everyone = Samples(**{name: np.concatenate([getattr(part, name) for part in tests]) for name in vars(tests[0])})
    some = few_of_each(everyone.class_id, MOST_CLIPS, seed)
    truth, seen = everyone.class_id[some], features(shards, everyone, some)
    # As many of a class in each part as can be: else the classes that are asked for most would be learnt from least.
    parts = min(len(folds) if len(folds) > 1 else 5, int(np.bincount(truth).max()))
    value = None
    if parts > 1:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of classes with fewer clips than parts
            split = list(StratifiedKFold(parts, shuffle=True, random_state=seed).split(seen, truth))
        right = [_linear(seen[learnt], truth[learnt], seen[asked]) == truth[asked] for learnt, asked in split]
        value = float(np.concatenate(right).mean())
    write_json(out, {"shuffled": value, "apart": float(np.concatenate(hits).mean()), "clips": len(some)})


def _linear(seen: Floats, truth: NDArray[np.int64], asked: Floats) -> NDArray[np.int64]:
    """Return what a ridge classifier of a fixed penalty says."""
    if len(set(truth)) < 2:
        return np.full(len(asked), truth[0])
    scaler = StandardScaler().fit(seen)
    model = RidgeClassifier(alpha=PENALTY).fit(scaler.transform(seen), truth)
    return model.predict(scaler.transform(asked))


def pooled(
    fold_files: Mapping[str, Path],
    clips: pd.DataFrame,
    right: NDArray[np.bool_],
    groups: NDArray[np.object_],
    resamples: int,
    confidence: float,
    seed: int,
) -> pd.DataFrame:
    """Compare the network with each method on the same clips, over all folds.

    Parameters
    ----------
    fold_files
        For each fold what `build` wrote.
    clips
        The N test clips, with sample_id.
    right
        (N,) whether the network is right.
    groups
        (N,) what the bootstrap draws together.
    resamples, confidence, seed
        Of the bootstrap.

    Returns
    -------
    DataFrame
        One row a method, the best first: method, top1, low, high; gain, gain_low, gain_high: the network's top-1 less
        the method's, with its paired interval; detail.

    Raises
    ------
    SignfoldError
        If a method did not judge the very clips that the network did.
    """
    told = pd.concat([read_parquet(path).to_pandas() for path in fold_files.values()])
    rows = []
    for method, found in told.groupby("method", sort=False):
        own = found.set_index("sample_id")
        if sorted(own.index) != sorted(clips["sample_id"]):
            raise SignfoldError(f"{', '.join(map(str, fold_files.values()))}: not the clips of the folds; delete them")
        own = own.loc[clips["sample_id"]]
        hits = (own["predicted"] == own["class_id"]).to_numpy()
        _, low, high = difference(np.zeros(len(hits)), hits, groups, resamples, confidence, seed)
        gain, gain_low, gain_high = difference(hits, right, groups, resamples, confidence, seed)
        details = ", ".join(sorted(set(own["detail"]) - {""}))
        rows.append([method, hits.mean(), low, high, gain, gain_low, gain_high, details])
    columns = ["method", "top1", "low", "high", "gain", "gain_low", "gain_high", "detail"]
    return pd.DataFrame(rows, columns=columns).sort_values("top1", ascending=False, kind="stable")


def without_copies(samples: Samples) -> Samples:
    """Return the samples that are no copy of another."""
    own = samples.sample_id == samples.source_id
    return Samples(**{name: values[own] for name, values in vars(samples).items()})


def few_of_each(classes: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    """Return the positions of all items, or of as many at random of each class that at most `most` are left."""
    if len(classes) <= most:
        return np.arange(len(classes))
    order = np.random.default_rng(seed).permutation(len(classes))
    place = pd.Series(classes[order]).groupby(classes[order]).cumcount().to_numpy()
    return np.sort(order[np.argsort(place, kind="stable")[:most]])


def features(shards: Shards, samples: Samples, index: NDArray[np.int64] | None = None) -> Floats:
    """Return clips as (N, C * FRAMES * V), 0 where a joint is missing."""
    index = np.arange(len(samples)) if index is None else index
    rows = [_resampled(shards, samples, part, FRAMES) for part in _blocks(index)]
    joints, channels = len(shards.layout.joints), len(shards.channels)
    return np.concatenate(
        [np.empty((0, channels * FRAMES * joints), np.float32), *(x.reshape(len(x), -1) for x in rows)]
    )


def hands(shards: Shards, samples: Samples, index: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
    """Return the hands' joints of clips as series (N, WARPED, D), 0 where a hand is missing."""
    index = np.arange(len(samples)) if index is None else index
    own = [joint for side in SIDES for joint in shards.layout.hand(side)]
    rows = [_resampled(shards, samples, part, WARPED)[..., own] for part in _blocks(index)]
    series = np.concatenate([x.transpose(0, 2, 1, 3).reshape(len(x), WARPED, -1) for x in rows])
    return series.astype(np.float64)


def _blocks(index: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(index), _BLOCK):
        yield index[start : start + _BLOCK]


def _resampled(shards: Shards, samples: Samples, index: NDArray[np.int64], frames: int) -> Floats:
    """Return (N, C, frames, V) of a few clips."""
    x = shards.read(samples.shard[index], samples.row[index])
    moments = np.linspace(0, x.shape[2] - 1, frames).round().astype(int)
    return np.nan_to_num(x[:, :, moments], nan=0.0)


def nearest(shards: Shards, train: Samples, near: NDArray[np.int64], test: Samples) -> NDArray[np.int64]:
    """Return the class of the nearest training clip, by dynamic time warping of both hands (dtaidistance)."""
    references = hands(shards, train, near)
    found = []
    for part in _blocks(np.arange(len(test))):
        series = np.concatenate([hands(shards, test, part), references])
        # Rows are the test clips, columns the references; the rest of the matrix is not computed, and not returned.
        block = ((0, len(part)), (len(part), len(series)), False)
        distances = dtw_ndim.distance_matrix_fast(series, window=WINDOW + 1, block=block, compact=True)
        found.append(train.class_id[near[np.asarray(distances).reshape(len(part), -1).argmin(1)]])
    return np.concatenate(found)

"""What a split by clips, not by signers, would seem to give: the same classifier on the same clips, twice."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.preprocessing import StandardScaler

from signfold.core.files import write_json
from signfold.evaluation.baselines import MOST_CLIPS, ridge
from signfold.evaluation.features import Floats, Ints, features, few_of_each, subset, without_copies
from signfold.evaluation.intervals import GroupIntervals
from signfold.folds.roles import Samples, read_fold
from signfold.tensors.shards import Shards

# Parts of an official split, which has one fold only.
PARTS = 5

Splits = list[tuple[Ints, Ints]]


def run_shuffled(fold_files: Sequence[Path], audit: Path, tensors: Sequence[Path], out: Path, seed: int) -> None:
    """Write the top-1 of a linear model on all clips, with signers apart and with clips shuffled.

    Both times the clips are cut into as many parts as there are folds, each part is asked of a model that learnt from
    as many of the other clips, and every clip is asked once. So the two figures differ by the signers alone. Classes of
    one signer are left out: with signers apart nobody could know them.

    Parameters
    ----------
    fold_files, audit, tensors
        All folds of a dataset, their audit, and the shards' `.npy` files.
    out
        JSON: `shuffled` and `apart`, top-1 on the same `clips`; `difference` {value, low, high}, with its 95 % interval
        over signers; `trained`, the training clips of each model. Empty where it cannot be told: a signer is unknown,
        or fewer than two signers share two classes.
    seed
        Random seed of the shuffled parts and of the choice of training clips.
    """
    everyone = all_samples(fold_files, audit)
    known = all(signer is not None for signer in everyone.signer)
    everyone = subset(everyone, in_several_signers(everyone)) if known else subset(everyone, np.array([], int))
    everyone = subset(everyone, few_of_each(everyone.class_id, MOST_CLIPS, seed))
    signers, classes = everyone.signer.astype(str), everyone.class_id
    if len(set(classes)) < 2:
        write_json(out, {})
        return
    parts = min(len(fold_files) if len(fold_files) > 1 else PARTS, len(set(signers)), int(np.bincount(classes).max()))
    apart = list(GroupKFold(parts).split(classes, classes, signers))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes with fewer clips than parts
        mixed = list(StratifiedKFold(parts, shuffle=True, random_state=seed).split(classes, classes))
    trained = min(len(learnt) for learnt, _ in apart + mixed)
    shards = Shards(tensors)
    shards.verify()
    seen = features(shards, everyone)
    right = [ask_each(seen, classes, splits, trained, seed) == classes for splits in (apart, mixed)]
    difference = GroupIntervals.of(signers).difference(*right)
    figures = {"apart": float(right[0].mean()), "shuffled": float(right[1].mean()), "difference": asdict(difference)}
    write_json(out, {**figures, "clips": len(classes), "trained": trained})


def all_samples(fold_files: Iterable[Path], audit: Path) -> Samples:
    """Return every clip that is in some role of some fold once, in the order of their names; no copies."""
    roles = [without_copies(samples) for path in fold_files for samples in read_fold(path, audit).roles.values()]
    together = Samples(**{name: np.concatenate([getattr(part, name) for part in roles]) for name in vars(roles[0])})
    return subset(together, np.unique(together.sample_id.astype(str), return_index=True)[1])


def in_several_signers(samples: Samples) -> NDArray[np.bool_]:
    """Return whether the class of each sample (N,) is signed by at least two signers."""
    signers = pd.Series(samples.signer).groupby(samples.class_id).transform("nunique")
    return (signers > 1).to_numpy()


def ask_each(seen: Floats, truth: Ints, splits: Splits, trained: int, seed: int) -> Ints:
    """Return what a ridge classifier says of every clip (N,), trained on `trained` clips outside of its part."""
    said = np.empty(len(truth), np.int64)
    for learnt, asked in splits:
        some = np.random.default_rng(seed).permutation(learnt)[:trained]
        scaler = StandardScaler().fit(seen[some])
        said[asked] = ridge(scaler.transform(seen[some]), truth[some], scaler.transform(seen[asked]))
    return said

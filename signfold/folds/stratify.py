"""Dealing groups of clips into parts of equal size and equal classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def assign_groups(
    groups: Sequence[str], classes: Sequence[int], parts: int, seed: int | Sequence[int]
) -> dict[str, int]:
    """Deal whole groups into `parts`, alike in size and in classes, none of them empty.

    Greedy: the largest group first, each to the part with which it has least in common: the sum, over classes, of the
    clips of the class in the group times the share of the class that the part already holds, plus the same for clips
    of any class. An empty part has nothing in common with anyone, so none stays empty (scikit-learn's
    StratifiedGroupKFold, greedy as well, may leave one). Groups of equal size come in a seeded order.

    Parameters
    ----------
    groups, classes
        Of every clip; the order of the clips does not matter.
    parts
        At most as many as there are groups.
    seed
        Of the order of equal groups.

    Returns
    -------
    dict
        The part, 0 to parts - 1, of every group.
    """
    names, group_of = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    kinds, class_of = np.unique(np.asarray(classes), return_inverse=True)
    # Any class counts as one more class, of which every clip is a member.
    class_of = np.concatenate([class_of, np.full(len(class_of), len(kinds))])
    members = np.stack([np.concatenate([group_of, group_of]), class_of])
    (owner, kind), count = np.unique(members, axis=1, return_counts=True)
    starts = np.searchsorted(owner, np.arange(len(names) + 1))
    total = np.bincount(class_of).astype(np.float64)

    sizes = np.bincount(group_of)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    held = np.zeros((parts, len(total)))
    chosen: npt.NDArray[np.int64] = np.zeros(len(names), dtype=np.int64)
    for group in order:
        own = slice(starts[group], starts[group + 1])
        cost = held[:, kind[own]] @ (count[own] / total[kind[own]])
        chosen[group] = np.argmin(cost)
        held[chosen[group], kind[own]] += count[own]
    return dict(zip(names.tolist(), chosen.tolist(), strict=True))

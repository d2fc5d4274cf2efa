"""Assignment of whole groups to parts of similar size and similar classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def assign_groups(
    groups: Sequence[str], classes: Sequence[int], parts: int, seed: int | Sequence[int]
) -> dict[str, int]:
    """Assign whole groups to `parts` of similar size and similar classes, none of them empty.

    Greedy: the largest group first, each to the part with the lowest cost. The cost is the sum, over classes, of the
    group's clips of the class times the part's share of all clips of the class; "any class" counts as one more class.
    An empty part costs nothing, so no part stays empty (scikit-learn's StratifiedGroupKFold, greedy as well, may leave
    one). Groups of equal size come in a seeded order.

    Parameters
    ----------
    groups
        (N,) group of every clip; the order of the clips does not matter.
    classes
        (N,) class of every clip.
    parts
        Number of parts, at most the number of groups.
    seed
        Random seed of the order of groups of equal size.

    Returns
    -------
    dict
        Part of every group, 0 to parts - 1.
    """
    names, group_of = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    kinds, class_of = np.unique(np.asarray(classes), return_inverse=True)
    # "Any class" is one more class, with every clip.
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

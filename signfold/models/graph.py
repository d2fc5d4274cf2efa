"""The skeleton as a graph: which joints are neighbours, and on which side of each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from signfold.core.skeleton import Layout

SUBSETS = ("identity", "centripetal", "centrifugal")


def normalised_adjacency(layout: Layout) -> NDArray[np.float32]:
    """Return the skeleton's adjacency with self-links, each column divided by its sum.

    Features spread as `x @ adjacency`: entry (v, w) is what joint w takes from joint v, so every joint takes the mean
    over itself and its neighbours (the random-walk normalisation of ST-GCN, Yan et al. 2018, section 3.2).

    Returns
    -------
    ndarray of float32, shape (V, V)
    """
    adjacency = np.eye(len(layout.joints), dtype=np.float32)
    for child, parent in layout.edges:
        adjacency[child, parent] = adjacency[parent, child] = 1
    return adjacency / adjacency.sum(axis=0, keepdims=True)


def hops_to_root(layout: Layout) -> NDArray[np.int64]:
    """Return the number of bones between each joint and the layout's root, shape (V,)."""
    parents = dict(layout.edges)
    hops = np.zeros(len(layout.joints), dtype=np.int64)
    for joint in range(len(hops)):
        above = parents.get(joint)
        while above is not None:
            hops[joint] += 1
            above = parents.get(above)
    return hops


def spatial_partition(layout: Layout) -> NDArray[np.float32]:
    """Split the normalised adjacency by where a neighbour lies.

    The spatial configuration partition of ST-GCN (Yan et al. 2018, section 3.3), which AAGCN keeps: joint w takes from
    itself (identity), from neighbours nearer to the root than itself (centripetal), and from those farther from it
    (centrifugal). The three subsets sum to `normalised_adjacency`.

    Returns
    -------
    ndarray of float32, shape (3, V, V)
        Subset, giving joint, taking joint; in the order of `SUBSETS`.
    """
    adjacency = normalised_adjacency(layout)
    hops = hops_to_root(layout)
    giver, taker = hops[:, None], hops[None, :]
    return np.stack([adjacency * (giver == taker), adjacency * (giver < taker), adjacency * (giver > taker)])

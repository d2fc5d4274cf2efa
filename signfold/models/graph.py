"""The skeleton as a graph: adjacency of the joints and its partition by distance to the root."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from signfold.core.skeleton import Layout

SUBSETS = ("identity", "centripetal", "centrifugal")


def normalised_adjacency(layout: Layout) -> NDArray[np.float32]:
    """Return the skeleton's adjacency with self-links, each column divided by its sum.

    Features are multiplied as `x @ adjacency`: entry (v, w) is the weight of joint v in the output of joint w, which is
    the mean over w and its neighbours (the random-walk normalisation of ST-GCN, Yan et al. 2018, section 3.2).

    Parameters
    ----------
    layout
        Joints and bones, V joints.

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
    """Split the normalised adjacency by the neighbours' distance to the root.

    The spatial configuration partition of ST-GCN (Yan et al. 2018, section 3.3), which AAGCN uses: a joint itself
    (identity), neighbours nearer to the root (centripetal), and neighbours farther from it (centrifugal). The three
    subsets sum to `normalised_adjacency`.

    Parameters
    ----------
    layout
        Joints and bones, V joints.

    Returns
    -------
    ndarray of float32, shape (3, V, V)
        Subset (in the order of `SUBSETS`), input joint, output joint.
    """
    adjacency = normalised_adjacency(layout)
    hops = hops_to_root(layout)
    source, target = hops[:, None], hops[None, :]
    return np.stack([adjacency * (source == target), adjacency * (source < target), adjacency * (source > target)])

"""The four streams of multi-stream AAGCN, and the mask that tells the network which joints are missing.

Shi et al. 2020 (doi 10.1109/TIP.2020.3028207), section III-D. Missing joints are NaN until the very last step.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from signfold.core.errors import SignfoldError
from signfold.core.settings import STREAMS
from signfold.core.skeleton import Layout


def bones(x: NDArray[np.float32], layout: Layout) -> NDArray[np.float32]:
    """Return each joint minus its parent: NaN where either is missing, 0 for the root where it is there."""
    parents = np.arange(x.shape[-1])
    for child, parent in layout.edges:
        parents[child] = parent
    return x - x[..., parents]


def motion(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return x[t+1] - x[t] over (..., T, V): NaN where either is missing, 0 in the last frame where it is there."""
    return np.concatenate([np.diff(x, axis=-2), x[..., -1:, :] - x[..., -1:, :]], axis=-2)


def stream(x: NDArray[np.float32], name: str, layout: Layout) -> NDArray[np.float32]:
    """Return one of the streams of joints, all channels alike.

    Parameters
    ----------
    x
        Joints, shape (N, C, T, V), NaN where missing.
    name
        Name of the stream, one of `STREAMS`.
    layout
        Layout of the V joints.

    Returns
    -------
    ndarray of float32, shape (N, C, T, V)
        NaN where a value that it needs is missing.

    Raises
    ------
    SignfoldError
        If there is no such stream.
    """
    if name not in STREAMS:
        raise SignfoldError(f"stream: no stream {name!r}; there are {', '.join(STREAMS)}")
    if name.startswith("bone"):
        x = bones(x, layout)
    return motion(x) if name.endswith("motion") else x


def masked(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the network's input: channels with 0 for NaN, and a mask that tells them from joints at 0.

    Parameters
    ----------
    x
        Shape (N, C, T, V), NaN where missing.

    Returns
    -------
    ndarray of float32, shape (N, C + 1, T, V)
        The channels with 0 for NaN, then a mask: 1 where the joint's first channel is there, else 0. (Further channels,
        such as coordinates about the wrist, do not exist for every joint.)
    """
    missing = np.isnan(x)
    return np.concatenate([np.where(missing, np.float32(0), x), ~missing[:, :1]], axis=1, dtype=np.float32)

"""The network beside the simple methods, on the same clips."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from signfold.core.errors import SignfoldError
from signfold.core.files import read_parquet
from signfold.evaluation.intervals import GroupIntervals

# Columns of the answers of simple methods.
ANSWERS = ("sample_id", "class_id", "method", "predicted", "detail")


def with_network(
    answers: Mapping[str, Path], clips: pd.DataFrame, right: NDArray, intervals: GroupIntervals
) -> pd.DataFrame:
    """Compare the network with each simple method, over all folds.

    Parameters
    ----------
    answers
        For each fold the file that `baselines.run_baselines` wrote.
    clips
        The N test clips, with sample_id.
    right
        (N,) whether the network is right; of several seeds the share that is.
    intervals
        The intervals over these clips.

    Returns
    -------
    DataFrame
        One row a method, the best first: method, top1, low, high; gain, gain_low, gain_high: the network's top-1 less
        the method's, with its paired interval; detail.

    Raises
    ------
    SignfoldError
        If the clips that a method answered are not those of the network.
    """
    told = pd.concat([read_parquet(path, ANSWERS).to_pandas() for path in answers.values()])
    rows = []
    for method, found in told.groupby("method", sort=False):
        own = found.set_index("sample_id")
        if sorted(own.index) != sorted(clips["sample_id"]):
            names = ", ".join(map(str, answers.values()))
            raise SignfoldError(f"{names}: {method!r} did not answer the test clips of these folds; delete the files")
        own = own.loc[clips["sample_id"]]
        hits = (own["predicted"] == own["class_id"]).to_numpy()
        top1, gain = intervals.share(hits), intervals.difference(hits, right)
        details = ", ".join(sorted(set(own["detail"]) - {""}))
        rows.append([method, top1.value, top1.low, top1.high, gain.value, gain.low, gain.high, details])
    columns = ["method", "top1", "low", "high", "gain", "gain_low", "gain_high", "detail"]
    return pd.DataFrame(rows, columns=columns).sort_values("top1", ascending=False, kind="stable")


def best(table: pd.DataFrame) -> dict[str, Any]:
    """Return the first row of `with_network`, and whether the network beats it: in this sample, and by the interval."""
    first: dict[str, Any] = json.loads(table.iloc[0].to_json())
    return first | {"beaten": first["gain"] > 0, "beaten_surely": first["gain_low"] > 0}

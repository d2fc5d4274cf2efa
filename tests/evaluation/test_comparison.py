"""The network beside the simple methods, clip by clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from signfold.core.errors import SignfoldError
from signfold.core.files import write_parquet
from signfold.evaluation.comparison import best, with_network
from signfold.evaluation.intervals import GroupIntervals

CLIPS = [f"clip{n:02d}" for n in range(40)]
SIGNERS = GroupIntervals.of(np.arange(40) // 10)


def written(folder: Path, rights: dict[str, int], details: tuple[str, str] = ("", "")) -> dict[str, Path]:
    """Two folds in which each method has the first clips right, as many as `rights` says."""
    folds = {}
    for number, part in enumerate((CLIPS[:20], CLIPS[20:])):
        rows = [
            {"sample_id": name, "class_id": 1, "method": method, "predicted": int(CLIPS.index(name) < count)}
            | {"detail": details[number]}
            for method, count in rights.items()
            for name in reversed(part)
        ]
        folds[f"fold-{number + 1}"] = folder / f"fold-{number + 1}.parquet"
        write_parquet(pa.Table.from_pylist(rows), folds[f"fold-{number + 1}"])
    return folds


def test_gain_is_paired_over_the_same_clips(tmp_path: Path) -> None:
    files = written(tmp_path, {"majority": 10, "linear": 30}, ("penalty 1", "penalty 10"))
    clips, right = pd.DataFrame({"sample_id": CLIPS}), np.arange(40) < 30
    table = with_network(files, clips, right, SIGNERS)
    rows = table.set_index("method")
    assert table["method"].tolist() == ["linear", "majority"]
    assert rows["top1"].tolist() == [0.75, 0.25]
    assert rows["gain"].tolist() == [0, 0.5]
    assert rows.loc["linear", "gain_low"] == pytest.approx(-rows.loc["linear", "gain_high"])
    expected = SIGNERS.difference(np.arange(40) < 10, right)
    assert rows.loc["majority", ["gain_low", "gain_high"]].tolist() == [expected.low, expected.high]
    share = SIGNERS.share(np.arange(40) < 10)
    assert rows.loc["majority", ["low", "high"]].tolist() == [share.low, share.high]
    assert rows.loc["linear", "detail"] == "penalty 1, penalty 10"


def test_answers_to_other_clips_stop(tmp_path: Path) -> None:
    files = written(tmp_path, {"linear": 30})
    with pytest.raises(SignfoldError, match=r"fold-2.parquet: 'linear' did not answer the test clips"):
        with_network(files, pd.DataFrame({"sample_id": CLIPS[1:]}), np.ones(39), GroupIntervals.of(np.arange(39)))


def test_the_best_is_beaten_in_this_sample_or_by_the_interval(tmp_path: Path) -> None:
    clips = pd.DataFrame({"sample_id": CLIPS})
    table = with_network(written(tmp_path, {"linear": 20}), clips, np.arange(40) < 20, SIGNERS)
    assert (best(table)["beaten"], best(table)["beaten_surely"]) == (False, False)
    table = with_network(written(tmp_path, {"linear": 20}), clips, np.arange(40) < 21, SIGNERS)
    assert (best(table)["beaten"], best(table)["beaten_surely"]) == (True, False)
    assert not best(table.assign(gain_low=0.0))["beaten_surely"]
    table = with_network(written(tmp_path, {"majority": 0, "linear": 1, "centroid": 1}), clips, np.ones(40), SIGNERS)
    assert table["method"].tolist() == ["linear", "centroid", "majority"]
    found = best(table)
    assert (found["method"], found["beaten"], found["beaten_surely"]) == ("linear", True, True)

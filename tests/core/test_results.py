"""Which files belong to the last run, and how to make what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from signfold.core.errors import SignfoldError
from signfold.core.results import ResultsFolder


def test_files_of_former_shards_folds_and_seeds_are_left_out(tmp_path: Path) -> None:
    folder = ResultsFolder(tmp_path)
    for name in ("keypoints/0.parquet", "keypoints/7.parquet", "folds/fold-2.parquet", "folds/fold-10.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for seed in (1, 2):
        (tmp_path / f"models/fold-2/joint/seed-{seed}").mkdir(parents=True)
        (tmp_path / f"models/fold-2/joint/seed-{seed}/model.safetensors").touch()
    assert [path.stem for path in folder.shard_files("keypoints", ".parquet")] == ["0", "7"]
    assert folder.folds == ["fold-2", "fold-10"]
    assert [path.name for path in folder.models(2)] == ["seed-2"]
    assert folder.seeds == 1

    pq.write_table(pa.table({"shard": ["0"]}), tmp_path / "index.parquet")
    (tmp_path / "folds/audit.json").write_text(json.dumps({"folds": {"fold-10": {}}}))
    (tmp_path / "evaluation").mkdir()
    metrics = {"folds": ["fold-10"], "streams": ["joint"], "seeds": {"count": 2}}
    (tmp_path / "evaluation/metrics.json").write_text(json.dumps(metrics))
    assert [path.stem for path in folder.shard_files("keypoints", ".parquet")] == ["0"]
    assert folder.folds == ["fold-10"]
    assert folder.models(1) == []
    assert folder.seeds == 2


def test_what_is_missing_is_an_error_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(
        SignfoldError, match=r"metrics\.json: no such file; run `snakemake --cores all .*/report\.html`"
    ):
        ResultsFolder(tmp_path).headline()
    assert "folds/audit.json` first, with that run's --configfile and --config" in str(
        ResultsFolder(tmp_path).missing("no folds", "folds/audit.json")
    )

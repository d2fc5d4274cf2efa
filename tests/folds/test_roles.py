"""What training reads of a fold: the samples of each role, of today's version, with nothing in two roles."""

import json

import pyarrow as pa
import pytest
from fold_data import clip, people, run

from signfold.core.errors import SignfoldError
from signfold.core.files import read_metadata, read_parquet, write_parquet
from signfold.folds.leakage import audit_folds
from signfold.folds.roles import read_fold, signers_may_share


@pytest.fixture
def folder(tmp_path):
    copies = [clip(f"{signer}-0-0", "0", f"signer{signer}", copy=1) for signer in range(6)]
    run(tmp_path, [*people(), *copies], k=3)
    audit_folds(sorted(tmp_path.glob("fold-*.parquet")), tmp_path / "audit.json")
    return tmp_path


def rewrite(path, rows=None, **metadata):
    """Write the file again, with other rows or with some metadata changed."""
    table = read_parquet(path)
    write_parquet(
        pa.Table.from_pylist(rows or table.to_pylist(), schema=table.schema), path, read_metadata(path) | metadata
    )


def with_role(path, old, new):
    """Give the rows of one role another."""
    rewrite(path, [row | {"role": row["role"].replace(old, new)} for row in read_parquet(path).to_pylist()])


def read(folder):
    return read_fold(folder / "fold-1.parquet", folder / "audit.json")


def test_the_samples_of_each_role_are_those_of_the_file(folder):
    fold, rows = read(folder), read_parquet(folder / "fold-1.parquet").to_pylist()
    assert (fold.name, fold.labels) == ("fold-1", ("0", "1", "2", "3"))
    for role, samples in fold.roles.items():
        own = [row for row in rows if row["role"] == role]
        assert len(samples) == len(own) > 0
        for column in ("sample_id", "source_id", "sha256", "signer", "class_id", "weight", "shard", "row"):
            assert getattr(samples, column).tolist() == [row[column] for row in own]


def test_copies_are_read_for_training_only(folder):
    rows = [
        row | {"role": row["role"].replace("none", "test")}
        for row in read_parquet(folder / "fold-1.parquet").to_pylist()
    ]
    rewrite(folder / "fold-1.parquet", rows)
    found = {role: sum("#" in name for name in samples.sample_id) for role, samples in read(folder).roles.items()}
    assert found["train"] > 0
    assert found["val"] == found["test"] == 0


def test_a_fold_where_nobody_validates_is_read(tmp_path):
    run(tmp_path, people(2))
    audit_folds(sorted(tmp_path.glob("fold-*.parquet")), tmp_path / "audit.json")
    assert len(read(tmp_path).roles["val"]) == 0


@pytest.mark.parametrize("version", [2, None])
def test_a_file_of_another_version_is_refused(folder, version):
    rewrite(folder / "fold-1.parquet", version=version)
    with pytest.raises(SignfoldError, match=rf"fold-1\.parquet: roles of version {version} .*expected version 3\."):
        read(folder)


@pytest.mark.parametrize("content", [None, {"ok": False}, {}])
def test_without_a_passed_audit_nothing_is_read(folder, content):
    (folder / "audit.json").unlink()
    if content is not None:
        (folder / "audit.json").write_text(json.dumps(content))
    with pytest.raises(SignfoldError, match=r"audit\.json: the leak audit did not pass"):
        read(folder)


@pytest.mark.parametrize("column", ["source_id", "sha256", "signer"])
def test_a_group_in_two_roles_is_refused_though_the_audit_passed(folder, column):
    rows = read_parquet(folder / "fold-1.parquet").to_pylist()
    learnt, tested = (next(row for row in rows if row["role"] == role) for role in ("train", "test"))
    learnt[column] = tested[column]
    rewrite(folder / "fold-1.parquet", rows)
    with pytest.raises(SignfoldError, match=f"{column} '{tested[column]}' is both in train and in test: a leak"):
        read(folder)


def test_signers_may_be_shared_only_where_the_audit_says_so(tmp_path):
    rows = [row | {"split": ("train", "val", "test")[n % 3]} for n, row in enumerate(people())]
    run(tmp_path, rows, method="official")
    audit_folds([tmp_path / "official.parquet"], tmp_path / "audit.json")
    fold = read_fold(tmp_path / "official.parquet", tmp_path / "audit.json")
    assert set(fold.roles["train"].signer) & set(fold.roles["test"].signer)


@pytest.mark.parametrize("role", ["train", "test"])
def test_an_empty_part_is_refused(folder, role):
    rows = [
        row | {"role": row["role"].replace(role, "none")} for row in read_parquet(folder / "fold-1.parquet").to_pylist()
    ]
    rewrite(folder / "fold-1.parquet", rows)
    with pytest.raises(SignfoldError, match=f"no sample has the role '{role}'"):
        read(folder)


def test_class_ids_must_be_without_gaps(folder):
    rows = [row | {"class_id": row["class_id"] * 2} for row in read_parquet(folder / "fold-1.parquet").to_pylist()]
    rewrite(folder / "fold-1.parquet", rows)
    with pytest.raises(SignfoldError, match=r"class ids are \[0, 2, 4, 6\].*expected 0\.\.K-1"):
        read(folder)


def test_only_official_splits_and_folds_over_videos_may_share_signers():
    assert signers_may_share({"method": "official", "group": "signer"})
    assert signers_may_share({"method": "signers", "group": "sample"})
    assert not signers_may_share({"method": "signers", "group": "signer"})

"""A planted leak of every kind stops the run."""

import json

import pyarrow as pa
import pytest
from fold_data import clip, people, run

from signfold.core.errors import SignfoldError
from signfold.core.files import read_metadata, read_parquet, write_parquet
from signfold.folds.leakage import audit_folds


def paths(folder):
    return sorted([*folder.glob("fold-*.parquet"), *folder.glob("official.parquet")])


def change(path, change_row):
    """Rewrite a fold's file, each row through a function (None drops the row)."""
    table = read_parquet(path)
    rows = [row for row in map(change_row, table.to_pylist()) if row is not None]
    write_parquet(pa.Table.from_pylist(rows, schema=table.schema), path, read_metadata(path))


def first(folder, role, fold="fold-1"):
    return next(row for row in read_parquet(folder / f"{fold}.parquet").to_pylist() if row["role"] == role)


@pytest.fixture
def folder(tmp_path):
    copies = [clip(f"{signer}-0-0", "0", f"signer{signer}", copy=1) for signer in range(6)]
    run(tmp_path, [*people(), *copies], k=3)
    return tmp_path


def assert_stopped(folder, *words):
    with pytest.raises(SignfoldError) as error:
        audit_folds(paths(folder), folder / "audit.json")
    for word in ("leak", *words):
        assert word in str(error.value)
    assert not (folder / "audit.json").exists()


def test_clean_folds_pass_and_the_file_says_so(folder):
    audit_folds(paths(folder), folder / "audit.json")
    found = json.loads((folder / "audit.json").read_text())
    assert (found["ok"], found["shared_signers"], found["group"], found["findings"]) == (True, False, "signer", [])
    assert sum(fold["clips"]["test"] for fold in found["folds"].values()) == len(people())
    assert list(found["folds"]) == ["fold-1", "fold-2", "fold-3"]
    assert found["near_equal"] == {}
    for fold in found["folds"].values():
        assert fold["copies"] == len(fold["signers"]["train"])


def test_names_that_may_mean_one_pass_and_are_told(tmp_path, caplog):
    run(tmp_path, [*people(), clip("x", signer="Signer 1"), clip("y", label="00")], k=3)
    audit_folds(paths(tmp_path), tmp_path / "audit.json")
    found = json.loads((tmp_path / "audit.json").read_text())
    assert found["near_equal"] == {"signer": [["signer1", "Signer 1"]], "label": [["0", "00"]]}
    assert "signer: 'signer1', 'Signer 1': the audit takes these names for different ones" in caplog.text


@pytest.mark.parametrize("pair", [("train", "test"), ("val", "test"), ("train", "val")])
def test_a_signer_in_two_roles(folder, pair):
    test_row = first(folder, pair[1])
    moved = test_row["sample_id"]
    change(folder / "fold-1.parquet", lambda row: row | {"role": pair[0]} if row["sample_id"] == moved else row)
    assert_stopped(folder, "fold-1", f"{pair[0]} and {pair[1]}", test_row["signer"])


def test_a_signer_in_two_roles_whatever_the_metadata_says_of_validation(folder):
    moved, path = first(folder, "val")["sample_id"], folder / "fold-1.parquet"
    change(path, lambda row: row | {"role": "train"} if row["sample_id"] == moved else row)
    write_parquet(read_parquet(path), path, read_metadata(path) | {"val_group": "sample"})
    assert_stopped(folder, "train and val")


def test_a_content_in_two_roles(folder):
    digest, other = first(folder, "test")["sha256"], first(folder, "train")["sample_id"]
    change(folder / "fold-1.parquet", lambda row: row | {"sha256": digest} if row["sample_id"] == other else row)
    tested = first(folder, "test")["sample_id"]
    both = ", ".join(sorted((other, tested)))
    assert_stopped(folder, f"fold-1: train and test share the content of videos: {both}\n")


def same_take(folder, one, other):
    """Write that two clips show one take."""
    pairs = [{"sample_id": one, "other_id": other, "distance": 0.021}]
    write_parquet(pa.Table.from_pylist(pairs), folder / "duplicates.parquet", {})
    return folder / "duplicates.parquet"


@pytest.mark.parametrize("order", [("test", "train"), ("train", "test")])
def test_a_take_in_two_roles_though_contents_differ(folder, order):
    one, other = (first(folder, role)["sample_id"] for role in order)
    pairs = same_take(folder, one, other)
    with pytest.raises(SignfoldError) as error:
        audit_folds(paths(folder), folder / "audit.json", pairs)
    assert f"fold-1: train and test show the same take: {one} and {other} (joints 0.021" in str(error.value)
    assert not (folder / "audit.json").exists()


def test_a_copy_for_balance_of_a_take_in_another_role(folder):
    copied = next(row for row in read_parquet(folder / "fold-1.parquet").to_pylist() if row["copy"])["source_id"]
    tested = first(folder, "test")["sample_id"]
    set_role = {tested: "test", copied: "none", f"{copied}#1": "train"}
    change(folder / "fold-1.parquet", lambda row: row | {"role": set_role.get(row["sample_id"], row["role"])})
    with pytest.raises(SignfoldError, match=f"same take: {tested} and {copied}"):
        audit_folds(paths(folder), folder / "audit.json", same_take(folder, tested, copied))


def test_a_take_that_is_twice_in_one_role_is_no_leak_and_is_counted(folder):
    rows = [
        row["sample_id"] for row in read_parquet(folder / "fold-1.parquet").to_pylist() if row["signer"] == "signer1"
    ]
    audit_folds(paths(folder), folder / "audit.json", same_take(folder, rows[0], rows[1]))
    assert json.loads((folder / "audit.json").read_text())["same_take"] == {"pairs": 1, "exact": 0}


def test_a_copy_in_another_role_than_its_source(folder):
    rows = read_parquet(folder / "fold-1.parquet").to_pylist()
    copy = next(row for row in rows if row["copy"] and row["role"] == "none")
    moved = copy["sample_id"]
    change(folder / "fold-1.parquet", lambda row: row | {"role": "train"} if row["sample_id"] == moved else row)
    assert_stopped(folder, "fold-1", "copies of them", copy["source_id"])


@pytest.mark.parametrize("role", ["val", "test"])
def test_a_copy_where_it_would_be_scored(folder, role):
    source = first(folder, role)
    copy = source | {"sample_id": "sneaked#1", "copy": 1}
    for path in paths(folder):
        here = {row["sample_id"]: row["role"] for row in read_parquet(path).to_pylist()}
        rows = [*read_parquet(path).to_pylist(), copy | {"role": here[source["sample_id"]]}]
        write_parquet(pa.Table.from_pylist(rows, schema=read_parquet(path).schema), path, read_metadata(path))
    assert_stopped(folder, "fold-1", f"copies in {role}", "sneaked#1")


def test_a_video_that_is_tested_twice(folder):
    signer = first(folder, "test")["signer"]
    change(folder / "fold-2.parquet", lambda row: row | {"role": "test"} if row["signer"] == signer else row)
    assert_stopped(folder, "more than one fold")


def test_a_video_that_is_tested_never(folder):
    lost = first(folder, "test")["sample_id"]
    change(folder / "fold-1.parquet", lambda row: row | {"role": "none"} if row["sample_id"] == lost else row)
    assert_stopped(folder, "no fold", lost)


def test_folds_of_different_manifests(folder):
    lost = first(folder, "train", "fold-2")["sample_id"]
    change(folder / "fold-2.parquet", lambda row: None if row["sample_id"] == lost else row)
    assert_stopped(folder, "fold-1 and fold-2", "different manifests")


@pytest.mark.parametrize(("twice", "more"), [(5, ""), (7, " and 2 more")])
def test_a_row_that_is_there_twice(folder, twice, more):
    path = folder / "fold-1.parquet"
    table = read_parquet(path)
    write_parquet(pa.concat_tables([table, table.slice(0, twice)]), path, read_metadata(path))
    names = table["sample_id"].to_pylist()[:twice]
    assert_stopped(folder, f"fold-1: rows that are there twice: {', '.join(sorted(names)[:5])}{more}\n")


def test_a_role_that_nobody_has_or_knows(folder):
    change(folder / "fold-1.parquet", lambda row: row | {"role": "dev"} if row["role"] == "val" else row)
    assert_stopped(folder, "fold-1", "unknown roles: dev", "no row has the role val")


def test_all_leaks_are_told_at_once(folder):
    for name in ("fold-1", "fold-3"):
        moved = first(folder, "test", name)["sample_id"]
        path = folder / f"{name}.parquet"
        change(path, lambda row, moved=moved: row | {"role": "train"} if row["sample_id"] == moved else row)
    assert_stopped(folder, "fold-1: ", "fold-3: ")


def test_signers_that_an_official_split_shares_are_allowed_and_told(tmp_path):
    rows = [row | {"split": ("train", "val", "test")[n % 3]} for n, row in enumerate(people())]
    run(tmp_path, rows, method="official")
    audit_folds(paths(tmp_path), tmp_path / "audit.json", tmp_path / "duplicates.parquet")
    found = json.loads((tmp_path / "audit.json").read_text())
    assert found["shared_signers"]
    assert found["tested_shared_signers"] == [f"signer{n}" for n in range(6)]
    assert found["folds"]["official"]["shared"]["train and test"]
    assert found["folds"]["official"]["val_group"] == "sample"


def test_folds_over_contents_say_that_signers_are_not_apart(tmp_path):
    run(tmp_path, people(1), group="sample", k=3)
    audit_folds(paths(tmp_path), tmp_path / "audit.json")
    found = json.loads((tmp_path / "audit.json").read_text())
    assert (found["group"], found["shared_signers"]) == ("sample", True)


def test_with_two_signers_nobody_validates_and_any_shared_signer_is_a_leak(tmp_path):
    run(tmp_path, people(2))
    audit_folds(paths(tmp_path), tmp_path / "audit.json")
    found = json.loads((tmp_path / "audit.json").read_text())
    assert (found["shared_signers"], found["tested_shared_signers"]) == (False, [])
    assert {fold["clips"]["val"] for fold in found["folds"].values()} == {0}
    assert {fold["val_group"] for fold in found["folds"].values()} == {None}
    (tmp_path / "audit.json").unlink()
    moved = first(tmp_path, "train")["sample_id"]
    change(tmp_path / "fold-1.parquet", lambda row: row | {"role": "val"} if row["sample_id"] == moved else row)
    assert_stopped(tmp_path, "train and val share signers")


@pytest.mark.parametrize("version", [2, None])
def test_folds_of_another_version(folder, version):
    path = folder / "fold-2.parquet"
    write_parquet(read_parquet(path), path, read_metadata(path) | {"version": version})
    assert_stopped(folder, f"fold-2: roles of version {version} of the folds stage, expected version 3")


def test_an_empty_validation_part_that_the_fold_does_not_announce(folder):
    change(folder / "fold-1.parquet", lambda row: row | {"role": row["role"].replace("val", "none")})
    assert_stopped(folder, "fold-1: no row has the role val")


def test_nobody_validates_only_where_the_folds_say_so(tmp_path):
    run(tmp_path, people(), k=3, val_fraction=0)
    audit_folds(paths(tmp_path), tmp_path / "audit.json")
    assert json.loads((tmp_path / "audit.json").read_text())["folds"]["fold-1"]["clips"]["val"] == 0

"""Pre-training uses all clips, but never an official test part."""

import pandas as pd
import pytest
from fold_data import by_id, clip, in_role, people, roles, write_items
from hypothesis import given, settings
from hypothesis import strategies as st

from signfold.core.errors import SignfoldError
from signfold.core.files import read_metadata, read_parquet, write_parquet
from signfold.core.settings import FoldSettings
from signfold.folds.pretrain_split import build_pretrain_split, pretrain_roles
from signfold.folds.roles import read_fold


def clips(rows):
    """Clips as (sample_id, signer, split, sha256)."""
    table = pd.DataFrame(rows, columns=["sample_id", "signer", "split", "sha256"]).astype(object)
    table = table.where(table.notna(), None).set_index("sample_id", drop=False).rename_axis(None)
    return table.assign(class_id=0, take=table["sha256"])


def build(folder, rows, seed=0, balance="none", **options):
    out = folder / "all.parquet"
    build_pretrain_split(*write_items(folder, rows, balance), out, FoldSettings(**options), seed)
    return by_id(out)


def test_an_official_test_part_stays_unseen_under_any_name():
    table = clips(
        [
            ("a", "1", "train", "x"),
            ("b", "2", "val", "y"),
            ("c", "3", "test", "z"),
            ("d", "1", "train", "z"),  # the test clip once more
            ("e", "1", "val", "x"),  # a training clip once more
            ("f", None, None, "w"),
        ]
    )
    found = pretrain_roles(table, FoldSettings(method="official"), 0)
    assert found.to_dict() == {"a": "train", "b": "val", "c": "none", "d": "none", "e": "none", "f": "none"}


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(1, 4), st.integers(0, 99))
def test_without_an_official_split_all_clips_train_or_validate(signers, each, seed):
    table = clips([(f"{s}-{n}", f"s{s}", "test", f"{s}-{n}") for s in range(signers) for n in range(each)])
    found = pretrain_roles(table, FoldSettings(), seed)
    assert set(found) == ({"train", "val"} if signers > 1 else {"train"})
    assert (found.groupby(table["signer"]).nunique() == 1).all(), "validation signers are apart"


def test_the_file_is_one_that_training_reads_without_an_audit(tmp_path):
    rows = build(tmp_path, people(), seed=3)
    fold = read_fold(tmp_path / "all.parquet", None)
    assert len(fold.roles["train"]) + len(fold.roles["val"]) == len(rows) == 48
    assert len(fold.roles["test"]) == 0
    assert not in_role(rows, "train", "signer") & in_role(rows, "val", "signer")
    found = read_metadata(tmp_path / "all.parquet")
    assert (found["fold"], found["seed"], found["method"], found["val_group"]) == ("all", 3, "signers", "signer")


def test_training_refuses_a_file_whose_validation_signers_train(tmp_path):
    build(tmp_path, people())
    path = tmp_path / "all.parquet"
    table = read_parquet(path).to_pandas()
    table.loc[table.index[table["role"] == "val"][0], "role"] = "train"
    write_parquet(read_parquet(path).set_column(10, "role", [table["role"]]), path, read_metadata(path))
    with pytest.raises(SignfoldError, match="is both in train and in val: a leak"):
        read_fold(path, None)


def test_copies_train_with_their_source_and_weights_are_of_the_training_part(tmp_path):
    copies = [clip(f"{signer}-0-0", "0", f"signer{signer}", copy=1) for signer in range(6)]
    found = build(tmp_path, [*people(), *copies], balance="weights")
    for name in (row["sample_id"] for row in copies):
        assert found[name]["role"] == ("train" if found[name.split("#")[0]]["role"] == "train" else "none")
    sums = {
        kind: sum(row["weight"] for row in found.values() if row["role"] == "train" and row["class_id"] == kind)
        for kind in range(4)
    }
    assert max(sums.values()) == pytest.approx(min(sums.values()))


def test_a_split_without_a_train_part_is_an_error_that_says_what_to_set(tmp_path):
    rows = [row | {"split": "test"} for row in people()]
    with pytest.raises(SignfoldError, match=r"items\.parquet: no clip is in the train part.*folds\.method: signers"):
        build(tmp_path, rows, method="official")


def test_without_validation_all_clips_train(tmp_path):
    assert set(roles(build(tmp_path, people(), val_fraction=0)).values()) == {"train"}

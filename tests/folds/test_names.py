"""Names of the folds, and what cannot be split."""

import subprocess
import sys

import pytest

from signfold.core.errors import SignfoldError
from signfold.core.settings import FoldSettings
from signfold.folds.names import check_splittable, count_groups, fold_names


def test_k_folds_or_one_per_group_where_there_are_fewer():
    assert fold_names(20, FoldSettings(k=3)) == ["fold-1", "fold-2", "fold-3"]
    assert fold_names(2, FoldSettings(k=10)) == ["fold-1", "fold-2"]
    assert fold_names(1, FoldSettings(k=10)) == ["fold-1", "fold-2"]
    assert fold_names(9, FoldSettings(method="official")) == ["official"]


def test_groups_are_signers_and_each_clip_of_an_unknown_one():
    assert count_groups(["ann", "bob", "ann", None, None], FoldSettings()) == 4
    assert count_groups(["ann", "bob", "ann"], FoldSettings()) == 2
    assert count_groups(["ann", "bob", "ann"], FoldSettings(group="sample")) == 3


@pytest.mark.parametrize(
    ("signers", "who"), [(["ann", "ann"], "one signer only, 'ann'"), ([None], "one clip only")], ids=["signer", "clip"]
)
def test_one_group_cannot_be_split(signers, who):
    with pytest.raises(SignfoldError, match=rf"folds\.group: there is {who}.*folds\.group: sample"):
        check_splittable(signers, [None, "test"], FoldSettings())


def test_two_groups_can_be_split():
    check_splittable(["ann", "bob"], [None, None], FoldSettings())
    check_splittable(["ann", "ann"], [None, None], FoldSettings(group="sample"))
    check_splittable([None, None], [None, None], FoldSettings())


@pytest.mark.parametrize("splits", [["train", "val"], ["test", None], [None, None]])
def test_an_official_split_needs_a_train_and_a_test_part(splits):
    with pytest.raises(SignfoldError, match=r"folds\.method: official needs clips of a train and of a test split"):
        check_splittable(["ann", "bob"], splits, FoldSettings(method="official"))


def test_an_official_split_needs_no_second_signer():
    check_splittable(["ann", "ann", "ann"], ["train", "test", "val"], FoldSettings(method="official"))
    check_splittable(["ann", "ann"], ["train", "test"], FoldSettings(method="official"))


def test_the_import_loads_no_large_library():
    code = "import sys, signfold.folds.names; print(*{'numpy', 'pandas', 'pyarrow'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.strip() == b""

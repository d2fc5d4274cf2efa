"""Signers apart: which clip has which role in which fold."""

from collections import Counter

import numpy as np
import pytest
from fold_data import clip, in_role, people, roles, run, write_items
from hypothesis import given, settings
from hypothesis import strategies as st

from signfold.core import versions
from signfold.core.errors import SignfoldError
from signfold.core.files import read_metadata
from signfold.core.settings import FoldSettings
from signfold.folds.build import FoldPlan, build_fold


def assert_apart(fold, column, used=("train", "val", "test")):
    values = [in_role(fold, role, column) for role in used]
    assert sum(map(len, values)) == len(set().union(*values))
    assert all(values)


class TestSigners:
    @pytest.mark.parametrize("k", [2, 3, 6, 10])
    def test_signers_are_apart_and_each_is_tested_once(self, tmp_path, k):
        found = run(tmp_path, people(), k=k)
        assert len(found) == min(k, 6)
        for fold in found.values():
            assert_apart(fold, "signer")
        tested = [name for fold in found.values() for name, role in roles(fold).items() if role == "test"]
        assert sorted(tested) == sorted(row["sample_id"] for row in people())

    def test_every_row_of_the_manifest_is_there_without_gloss(self, tmp_path):
        for fold in run(tmp_path, people(), k=3).values():
            assert list(fold) == [row["sample_id"] for row in people()]
            assert "gloss" not in next(iter(fold.values()))

    def test_stable_under_a_seed_and_row_order_and_another_under_another(self, tmp_path):
        rows = people()
        first = {name: roles(fold) for name, fold in run(tmp_path, rows, k=3).items()}
        for order in (rows[::-1], sorted(rows, key=lambda row: row["label"])):
            assert {name: roles(fold) for name, fold in run(tmp_path, order, k=3).items()} == first
        others = [run(tmp_path, rows, seed, k=3) for seed in range(1, 4)]
        assert any({name: roles(fold) for name, fold in other.items()} != first for other in others)

    def test_the_same_bytes_again(self, tmp_path):
        files = []
        for _ in range(2):
            run(tmp_path, people(), k=3)
            files.append((tmp_path / "fold-2.parquet").read_bytes())
        assert files[0] == files[1]

    def test_a_changed_gloss_changes_nothing(self, tmp_path):
        run(tmp_path, people(), k=3)
        before = (tmp_path / "fold-1.parquet").read_bytes()
        run(tmp_path, [row | {"gloss": "another"} for row in people()], k=3)
        assert (tmp_path / "fold-1.parquet").read_bytes() == before

    def test_validation_signers_do_not_train_and_cover_the_classes(self, tmp_path):
        for fold in run(tmp_path, people(10), k=5, val_fraction=0.25).values():
            assert len(in_role(fold, "val", "signer")) == 2
            assert in_role(fold, "val", "class_id") == {0, 1, 2, 3}

    def test_with_three_signers_there_is_one_in_each_role(self, tmp_path):
        for fold in run(tmp_path, people(3)).values():
            assert [len(in_role(fold, role, "signer")) for role in ("train", "val", "test")] == [1, 1, 1]

    def test_with_two_signers_nobody_validates_and_the_metadata_says_so(self, tmp_path):
        for name, fold in run(tmp_path, people(2)).items():
            assert Counter(roles(fold).values()) == {"train": 8, "test": 8}
            assert_apart(fold, "signer", ("train", "test"))
            assert read_metadata(tmp_path / f"{name}.parquet")["val_group"] is None

    def test_a_signer_who_alone_knows_a_class_trains(self, tmp_path):
        """Of three training signers, each of two has a class of its own: only the third can validate."""
        rows = [*people(4), clip("a", "4", "signer0"), clip("b", "5", "signer1")]
        for fold in run(tmp_path, rows, k=4).values():
            assert not in_role(fold, "val", "signer") & {"signer0", "signer1"}
            assert in_role(fold, "val", "signer")

    def test_where_every_signer_has_a_class_of_its_own_nobody_validates(self, tmp_path):
        rows = [*people(4), *(clip(f"own{n}", str(4 + n), f"signer{n}") for n in range(4))]
        for fold in run(tmp_path, rows, k=4).values():
            assert set(roles(fold).values()) == {"train", "test"}

    def test_the_warning_that_nobody_validates_names_the_fold(self, tmp_path, caplog):
        run(tmp_path, people(2))
        assert "fold-2: no signer can be spared for validation; the last epoch will be taken" in caplog.text
        caplog.clear()
        run(tmp_path, people(2), val_fraction=0)
        run(tmp_path, people(3))
        assert "validation" not in caplog.text

    def test_the_metadata_say_how_the_fold_came_about(self, tmp_path):
        run(tmp_path, people(3), seed=7)
        found = read_metadata(tmp_path / "fold-2.parquet")
        assert found["version"] == versions.FOLDS
        assert (found["fold"], found["folds"], found["seed"]) == ("fold-2", ["fold-1", "fold-2", "fold-3"], 7)
        assert (found["method"], found["group"], found["val_group"]) == ("signers", "signer", "signer")
        assert found["clips"] == {"train": 8, "val": 8, "test": 8, "none": 0}
        assert sorted(name for names in found["signers"].values() for name in names) == [
            "signer0",
            "signer1",
            "signer2",
        ]
        assert (found["unknown_signers"], found["copies"], found["unlearnt_test_classes"]) == (0, 0, 0)

    def test_one_signer_only_is_an_error_that_says_what_to_set(self, tmp_path):
        with pytest.raises(
            SignfoldError, match=r"one signer, 'signer0'.*folds\.group: sample.*folds\.method: official"
        ):
            run(tmp_path, people(1))
        for fold in run(tmp_path, people(1), group="sample", k=4).values():
            assert_apart(fold, "sample_id")

    def test_fewer_usable_signers_than_planned_folds_is_an_error_that_names_them(self, tmp_path):
        plan = FoldPlan("fold-1", ("fold-1", "fold-2", "fold-3", "fold-4"), FoldSettings(), 0)
        items = write_items(tmp_path, people(3))
        with pytest.raises(SignfoldError, match=r"4 folds.*only 3 groups \(signer signer0.*set folds\.k: 3"):
            build_fold(*items, tmp_path / "x.parquet", plan)

    def test_a_list_of_ten_groups_is_whole(self, tmp_path):
        plan = FoldPlan("fold-1", tuple(f"fold-{n}" for n in range(1, 13)), FoldSettings(), 0)
        with pytest.raises(SignfoldError, match=r"signer signer8, signer signer9\)"):
            build_fold(*write_items(tmp_path, people(10)), tmp_path / "x.parquet", plan)

    def test_long_lists_of_groups_are_cut(self, tmp_path):
        plan = FoldPlan("fold-1", tuple(f"fold-{n}" for n in range(1, 13)), FoldSettings(), 0)
        with pytest.raises(SignfoldError) as error:
            build_fold(*write_items(tmp_path, people(11)), tmp_path / "x.parquet", plan)
        assert "signer signer8 and 1 more)" in str(error.value)
        assert "signer9" not in str(error.value)

    def test_a_class_with_one_video_is_no_obstacle(self, tmp_path):
        found = run(tmp_path, [*people(), clip("lonely", "4", "signer2")], k=3)
        tested = [name for name, fold in found.items() if roles(fold)["lonely"] == "test"]
        assert len(tested) == 1
        assert read_metadata(tmp_path / f"{tested[0]}.parquet")["unlearnt_test_classes"] == 1


class TestContents:
    def test_unknown_signers_are_kept_apart_by_content(self, tmp_path):
        rows = [row | {"signer": None} for row in people(3)]
        rows += [clip("twin", rows[0]["label"], None, sha256=rows[0]["sha256"])]
        found = run(tmp_path, rows, k=4)
        assert len(found) == 4
        for name, fold in found.items():
            assert_apart(fold, "sha256")
            assert "none" not in roles(fold).values()
            found = read_metadata(tmp_path / f"{name}.parquet")
            assert (found["group"], found["val_group"]) == ("sample", "sample")

    def test_a_few_unknown_signers_do_not_mix_the_known_ones(self, tmp_path, caplog):
        for name, fold in run(tmp_path, [*people(), clip("x", "1", None), clip("y", "2", None)], k=3).items():
            known = {key: row for key, row in fold.items() if row["signer"]}
            assert_apart(known, "signer")
            assert read_metadata(tmp_path / f"{name}.parquet")["unknown_signers"] == 2
            assert f"{name}: 2 videos of unknown signers; only takes are kept apart" in caplog.text
        caplog.clear()
        run(tmp_path, people(), k=3)
        run(tmp_path, [*people(), clip("x", "1", None)], k=3, group="sample")
        assert "unknown" not in caplog.text

    def test_a_video_that_two_signers_have_is_in_one_role_and_still_tested_for_both(self, tmp_path):
        twin = clip("twin", "1", "signer5", sha256=people()[0]["sha256"])
        found = run(tmp_path, [*people(), twin], k=6)
        for fold in found.values():
            assert_apart(fold, "sha256")
            assert_apart(fold, "signer")
        for name in ("twin", people()[0]["sample_id"]):
            assert Counter(roles(fold)[name] for fold in found.values())["test"] == 1
        assert "none" in {role for fold in found.values() for role in roles(fold).values()}


class TestTakes:
    """A take that is there again, re-encoded: other content, the same pairs in `duplicates.parquet`."""

    def test_a_take_that_two_signers_have_is_in_one_role_and_still_tested_for_both(self, tmp_path):
        again, original = clip("again", "1", "signer5"), people()[0]["sample_id"]
        found = run(tmp_path, [*people(), again], k=6, takes=[("again", original)])
        pairs = [(roles(fold)["again"], roles(fold)[original]) for fold in found.values()]
        assert all(one == other or "none" in (one, other) for one, other in pairs)
        assert {("test", "none"), ("none", "test")} <= set(pairs)

    def test_takes_by_unknown_signers_are_never_parted(self, tmp_path):
        rows = [row | {"signer": None} for row in people(3)]
        names = [row["sample_id"] for row in rows]
        chain = [(names[0], names[5]), (names[5], names[9]), (names[9], "not among the items")]
        for fold in run(tmp_path, rows, k=4, takes=chain).values():
            assert len({roles(fold)[name] for name in (names[0], names[5], names[9])}) == 1

    def test_a_training_clip_of_an_official_split_is_left_out_if_its_take_is_tested(self, tmp_path):
        split = {"signer0": "train", "signer1": "train", "signer2": "train", "signer3": "val", "signer4": "test"}
        rows = [row | {"split": split.get(row["signer"])} for row in people()]
        learnt, tested = (next(r["sample_id"] for r in rows if r["split"] == role) for role in ("train", "test"))
        found = roles(run(tmp_path, rows, method="official", takes=[(learnt, tested)])["official"])
        assert (found[learnt], found[tested]) == ("none", "test")


class TestCopies:
    def test_copies_train_with_their_source_or_not_at_all(self, tmp_path):
        copies = [clip(f"{signer}-0-0", "0", f"signer{signer}", copy=n) for signer in range(6) for n in (1, 2)]
        for name, fold in run(tmp_path, [*people(), *copies], k=3).items():
            used = 2 * len(in_role(fold, "train", "signer"))
            assert read_metadata(tmp_path / f"{name}.parquet")["copies"] == used
            for row in fold.values():
                if row["copy"]:
                    source = fold[row["source_id"]]["role"]
                    assert row["role"] == ("train" if source == "train" else "none")

    def test_copies_do_not_change_who_is_where(self, tmp_path):
        copies = [clip("0-0-0", "0", "signer0", copy=n) for n in range(1, 30)]
        plain, filled = run(tmp_path, people(), k=3), run(tmp_path, [*people(), *copies], k=3)
        for name in plain:
            assert plain[name].items() <= filled[name].items()

    def test_weights_come_from_the_training_part_alone(self, tmp_path):
        rows = people() + [clip(f"more{n}", "1", "signer1") for n in range(9)]
        for fold in run(tmp_path, rows, k=3, balance="weights").values():
            train = [row for row in fold.values() if row["role"] == "train"]
            sums = [sum(row["weight"] for row in train if row["class_id"] == label) for label in range(4)]
            np.testing.assert_allclose(sums, len(train) / 4, rtol=1e-5)
            assert {row["weight"] for row in fold.values() if row["role"] != "train"} == {1.0}


class TestOfficial:
    def with_splits(self, **splits):
        split_of = {f"signer{n}": split for split, numbers in splits.items() for n in numbers}
        return [row | {"split": split_of.get(row["signer"])} for row in people()]

    def test_roles_are_those_of_the_dataset(self, tmp_path):
        rows = self.with_splits(train=[0, 1, 2], val=[3], test=[4])
        found = run(tmp_path, rows, method="official")
        assert roles(found["official"]) == {row["sample_id"]: row["split"] or "none" for row in rows}

    def test_without_a_validation_part_signers_are_taken_from_training_for_it(self, tmp_path):
        fold = run(tmp_path, self.with_splits(train=[0, 1, 2, 3], test=[4, 5]), method="official")["official"]
        assert_apart(fold, "signer")
        assert in_role(fold, "test", "signer") == {"signer4", "signer5"}

    @pytest.mark.parametrize(
        ("kept", "lost"), [("test", "train"), ("test", "val"), ("train", "val")], ids=lambda role: role
    )
    def test_a_take_in_two_parts_is_used_in_one(self, tmp_path, kept, lost):
        """What is tested is used nowhere else, and validation takes nothing from training."""
        rows = self.with_splits(train=[0, 1, 2], val=[3], test=[4])
        original = next(row for row in rows if row["split"] == kept)
        rows += [clip("again", "0", "signer5", sha256=original["sha256"], split=lost)]
        rows += [clip("again", "0", "signer5", sha256=original["sha256"], split=lost, copy=1)]
        found = roles(run(tmp_path, rows, method="official")["official"])
        assert (found["again"], found["again#1"], found[original["sample_id"]]) == ("none", "none", kept)

    def test_with_one_training_signer_nobody_validates(self, tmp_path):
        fold = run(tmp_path, self.with_splits(train=[0], test=[4, 5]), method="official")["official"]
        assert Counter(roles(fold).values()) == {"train": 8, "test": 16, "none": 24}

    @pytest.mark.parametrize(("splits", "empty"), [({"train": [0, 1]}, "test"), ({"test": [0]}, "train")])
    def test_a_missing_part_is_an_error_that_names_it(self, tmp_path, splits, empty):
        with pytest.raises(SignfoldError, match=rf"folds/official.*{empty}.*folds\.method"):
            run(tmp_path, self.with_splits(**splits), method="official")


def test_without_validation_signers_nobody_validates_and_all_others_train(tmp_path):
    built = run(tmp_path, people(), k=3, val_fraction=0)
    for fold in built.values():
        assert set(roles(fold).values()) == {"train", "test"}


@st.composite
def manifests(draw):
    """Clips of some signers, of which some classes are rare and some takes are there twice; the pairs of these."""
    signers, classes = draw(st.integers(2, 6)), draw(st.integers(1, 6))
    unknown = draw(st.booleans())
    rows = [
        clip(f"{n}", str(draw(st.integers(0, classes - 1))), None if unknown and n % 3 == 0 else f"signer{n % signers}")
        for n in range(draw(st.integers(signers, 24)))
    ]
    ids = st.sampled_from([row["sample_id"] for row in rows])
    return rows, draw(st.lists(st.tuples(ids, ids).filter(lambda pair: pair[0] != pair[1]), max_size=3))


@settings(max_examples=30, deadline=None)
@given(manifests(), st.sampled_from([0.1, 0.3, 0.6]), st.integers(2, 4), st.sampled_from(["signer", "sample"]))
def test_validation_never_takes_a_class_from_training_nor_a_signer_who_trains(
    tmp_path_factory, manifest, share, k, group
):
    folder = tmp_path_factory.mktemp("folds")
    rows, takes = manifest
    try:
        with_val = run(folder, rows, takes=takes, k=k, val_fraction=share, group=group)
    except SignfoldError as error:
        assert "groups" in str(error) or "no video is left for" in str(error)
        return
    for name, without in run(folder, rows, takes=takes, k=k, val_fraction=0, group=group).items():
        fold = with_val[name]
        assert in_role(fold, "test", "sample_id") == in_role(without, "test", "sample_id")
        assert in_role(fold, "train", "class_id") == in_role(without, "train", "class_id")
        if group == "signer":
            assert not (in_role(fold, "train", "signer") & in_role(fold, "val", "signer")) - {None}

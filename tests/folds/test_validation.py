"""Validation takes whole groups that training can spare."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signfold.folds.validation import can_be_spared, choose_validation, keep_every_class


def series(text):
    """Groups and classes of clips, given as `group+class` words: "ax ay" are two clips by a, of x and of y."""
    words = text.split()
    return pd.Series([word[0] for word in words]), pd.Series([word[1:] for word in words])


def chosen_groups(text, share, seed=0):
    groups, classes = series(text)
    chosen = choose_validation(groups, classes, share, [seed])
    assert set(groups[chosen]).isdisjoint(groups[~chosen])
    return set(groups[chosen])


def test_about_the_wanted_share_validates():
    text = " ".join(f"{name}{kind}" for name in "abcdefghij" for kind in "xy")
    assert [len(chosen_groups(text, share)) for share in (0.1, 0.2, 0.34, 0.5)] == [1, 2, 3, 5]


def test_never_all_groups_validate_however_large_the_share():
    for share in (0.6, 0.99):
        assert len(chosen_groups("ax bx", share)) == 1
        assert len(chosen_groups("ax bx cx dx", share)) == 2
        assert len(chosen_groups("ax bx cx dx ex fx", share)) == 3


@pytest.mark.parametrize("text", ["ax ax ay", "ax by", "ax ay bx bz", "ax ay by bz cz cx cw aw1 bw2 cw3"])
def test_where_no_group_can_be_spared_nobody_validates(text):
    assert chosen_groups(text, 0.3) == set()


def test_only_groups_whose_classes_are_elsewhere_too_can_be_spared():
    groups, classes = series("ax ay bx by by cx cz")
    assert set(groups[can_be_spared(groups, classes)]) == {"a", "b"}


def test_one_group_that_can_be_spared_validates():
    for seed in range(3):
        assert chosen_groups("ax au bx bv cx", 0.2, seed) == {"c"}


def test_the_part_with_the_most_classes_validates():
    for seed in range(5):
        assert chosen_groups("ax ax ay ay bx by by by bx bx cx cx cx cx dy dy dy dy", 0.25, seed) in ({"a"}, {"b"})


def test_among_parts_with_equal_classes_the_one_nearest_to_the_share_validates():
    for seed in range(5):  # of sizes 1, 2 and 6
        assert chosen_groups("ax bx bx cx cx cx cx cx cx", 1 / 3, seed) == {"b"}


def test_groups_go_back_to_training_until_every_class_is_there():
    groups, classes = series("ax ay bx by cz dz ez")
    chosen = groups.isin(["a", "b", "c"])
    kept = keep_every_class(groups, classes, chosen)
    assert set(groups[kept]) in ({"a", "c"}, {"b", "c"})
    assert keep_every_class(groups, classes, groups.isin(["a", "c"])).tolist() == groups.isin(["a", "c"]).tolist()


def test_the_group_with_the_most_lost_classes_goes_back_first():
    groups, classes = series("ax bx by bz cy dz ew")
    kept = keep_every_class(groups, classes, groups.isin(["a", "b", "c", "d"]))
    assert set(groups[kept]) == {"a", "c", "d"}


clips = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("uvwxyz")), min_size=1, max_size=30)


@settings(max_examples=200, deadline=None)
@given(clips, st.floats(0.05, 0.95), st.integers(0, 3))
def test_every_class_stays_in_training_and_who_can_be_spared_is_used(clips, share, seed):
    groups, classes = (pd.Series(part) for part in zip(*clips, strict=True))
    chosen = choose_validation(groups, classes, share, [seed])
    assert set(classes[~chosen]) == set(classes)
    assert set(groups[chosen]).isdisjoint(groups[~chosen])
    assert chosen.any() == can_be_spared(groups, classes).any()

"""Whole groups in parts of even size and even classes."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from signfold.folds.stratify import assign_groups


@st.composite
def crowds(draw):
    """Signers of several clips each, as (signer, class), and a number of parts for them."""
    sizes = draw(st.lists(st.integers(1, 6), min_size=2, max_size=9))
    clips = [(f"s{n}", draw(st.integers(0, 3))) for n, size in enumerate(sizes) for _ in range(size)]
    return clips, draw(st.integers(1, len(sizes)))


@settings(max_examples=50, deadline=None)
@given(crowds(), st.integers(0, 5), st.randoms())
def test_every_group_has_a_part_and_no_part_is_empty_in_any_order_of_clips(crowd, seed, random):
    clips, parts = crowd
    assigned = assign_groups(*zip(*clips, strict=True), parts, seed)
    assert set(assigned) == {signer for signer, _ in clips}
    assert set(assigned.values()) == set(range(parts))
    shuffled = random.sample(clips, len(clips))
    assert assign_groups(*zip(*shuffled, strict=True), parts, seed) == assigned


def test_sizes_are_even_where_they_can_be():
    groups = [f"s{n}" for n in range(12) for _ in range(5)]
    assigned = assign_groups(groups, [0] * 60, 4, 0)
    assert set(Counter(assigned.values()).values()) == {3}


def test_classes_are_even_where_they_can_be():
    clips = [(f"s{n}", n % 3) for n in range(12) for _ in range(5)]  # every signer knows one sign
    assigned = assign_groups(*zip(*clips, strict=True), 4, 0)
    for part in range(4):
        assert {kind for signer, kind in clips if assigned[signer] == part} == {0, 1, 2}


def test_large_groups_go_first_and_small_ones_fill_up():
    """In any order of groups: 6 and 1 against 4 and 3."""
    sizes = {"a": 1, "b": 3, "c": 4, "d": 6}
    groups = [name for name, size in sizes.items() for _ in range(size)]
    for seed in range(5):
        assigned = assign_groups(groups, [0] * 14, 2, seed)
        loads = Counter(assigned[name] for name in groups)
        assert set(loads.values()) == {7}
        assert assigned["d"] == assigned["a"] != assigned["b"] == assigned["c"]


def test_a_rare_class_counts_as_much_as_a_common_one():
    """Two groups of equal size, each with one of two clips of a rare class, are parted."""
    clips = [(name, 0) for name in "abcd" for _ in range(9)] + [("a", 1), ("b", 1), ("c", 0), ("d", 0)]
    for seed in range(5):
        assigned = assign_groups(*zip(*clips, strict=True), 2, seed)
        assert assigned["a"] != assigned["b"]


def test_the_seed_decides_between_groups_of_equal_size():
    groups = [f"s{n}" for n in range(12)]
    assert len({tuple(assign_groups(groups, [0] * 12, 3, seed).values()) for seed in range(5)}) > 1


def test_labels_of_classes_may_be_any_numbers():
    groups = [f"s{n}" for n in range(6) for _ in range(2)]
    kinds = [n % 2 for n in range(12)]
    assert assign_groups(groups, kinds, 3, 1) == assign_groups(groups, [1000 * k - 7 for k in kinds], 3, 1)

"""One person under several spellings: what is not seen never counts, the rest is told or joined."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signfold.core import files
from signfold.dataset import index
from signfold.dataset.index_table import write_index
from signfold.dataset.spelling import clean, key, near_equal

WHO = [
    "José",
    unicodedata.normalize("NFD", "José"),
    "Anna  B",
    "Anna B",
    "anna b",
    "1",
    "01",
    "0001",
    "ＡＮＮＡ\u200b B",
]


def read(tmp_path: Path, **keys: Any) -> index.Index:
    rows = ["video,label,signer"]
    for number, name in enumerate([*WHO, "Anna B"]):
        (tmp_path / f"{number}.mp4").write_bytes(b"x")
        rows.append(f"{number}.mp4,house,{name}")
    (tmp_path / "labels.csv").write_text("\n".join(rows), encoding="utf-8")
    return index.read_index({"root": str(tmp_path), "labels": {"file": "labels.csv"}, **keys})


def test_what_is_not_seen_on_a_screen_makes_no_other_signer(tmp_path: Path) -> None:
    assert read(tmp_path).signers == ("0001", "01", "1", "Anna B", "José", "anna b", "ＡＮＮＡ\u200b B")


def test_near_equal_names_are_told_with_the_index(tmp_path: Path) -> None:
    found = read(tmp_path)
    groups = [["0001", "01", "1"], ["Anna B", "anna b", "ＡＮＮＡ\u200b B"]]
    assert found.near_equal == {"signer": groups}
    write_index(found, 4, tmp_path / "index.parquet", tmp_path / "excluded.csv")
    assert files.read_metadata(tmp_path / "index.parquet")["near_equal"] == {"signer": groups}


def test_they_are_joined_or_kept_as_the_key_says(tmp_path: Path) -> None:
    joined = read(tmp_path, spellings="join")
    assert joined.signers == ("0001", "Anna B", "José")
    assert joined.near_equal == {}
    kept = read(tmp_path, spellings="keep")
    assert (len(kept.signers), kept.near_equal) == (7, {})


@pytest.mark.parametrize(("one", "other"), [("sign 01", "SIGN1"), ("ﬁ", "FI"), ("a\u200db", "ab")])
def test_names_that_differ_a_little_are_near(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(("one", "other"), [("10", "1"), ("a1", "a10"), ("100", "1"), ("José", "Jose"), ("0", "")])
def test_names_that_differ_are_not(one: str, other: str) -> None:
    assert key(one) != key(other)


@given(st.text())
def test_a_clean_name_stays_as_it_is(name: str) -> None:
    assert clean(clean(name)) == clean(name)
    assert near_equal([name, clean(name)]) in ([], [sorted([name, clean(name)])])

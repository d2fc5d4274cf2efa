"""A table opened in a spreadsheet calculates nothing, and reads back as it was."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signfold.core.tables import escaped, read_csv_texts, unescaped, write_csv

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "'=1", "''=1", "\t=1", '=HYPERLINK("http://x")']
PLAIN = ["house", "'house", "", "a=b", "'"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_stands_behind_an_apostrophe(text: str) -> None:
    assert escaped(text) == f"'{text}"


@given(st.one_of(st.text(), st.sampled_from(FORMULAS + PLAIN)))
def test_what_was_escaped_reads_back(text: str) -> None:
    assert unescaped(escaped(text)) == text
    assert not str(escaped(text)).startswith(("=", "+", "-", "@"))


def test_a_table_goes_there_and_back_and_numbers_stay_numbers(tmp_path: Path) -> None:
    table = pd.DataFrame({"label": FORMULAS + PLAIN, "items": range(-1, len(FORMULAS + PLAIN) - 1)})
    write_csv(table, tmp_path / "a.csv")
    found = read_csv_texts(tmp_path / "a.csv")
    assert list(found["label"]) == FORMULAS + PLAIN
    assert found["items"][0] == "-1"

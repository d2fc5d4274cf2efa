"""CSV tables that people open in a spreadsheet: nothing in them is taken for a formula."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from signfold.core.files import atomic_write

# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def escaped(text: object) -> object:
    """Return a text that a spreadsheet shows as it is: an apostrophe stands before what would begin a formula."""
    return f"'{text}" if isinstance(text, str) and text.lstrip("'").startswith(_FORMULA) else text


def unescaped(text: object) -> object:
    """Return what `escaped` was given."""
    if isinstance(text, str) and text.startswith("'") and text.lstrip("'").startswith(_FORMULA):
        return text[1:]
    return text


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as CSV, whole or not at all; texts that a spreadsheet would calculate are escaped."""
    texts = table.select_dtypes(exclude=["number", "bool"]).columns
    safe = table.assign(**{name: table[name].map(escaped) for name in texts})
    with atomic_write(path) as temporary:
        safe.to_csv(temporary, index=False)


def read_csv_texts(path: str | Path) -> pd.DataFrame:
    """Read a table that `write_csv` wrote, all columns as text and empty cells as empty text."""
    return pd.read_csv(path, dtype=str, keep_default_na=False).map(unescaped)

"""Label and gloss tables: CSV of any shape, and WLASL's JSON. Standard library only, see `signfold.dataset.index`."""

from __future__ import annotations

import csv
import io
import json
import os
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from signfold.core.errors import SignfoldError
from signfold.core.text import did_you_mean
from signfold.dataset.spelling import clean

FIELDS = ("label", "gloss", "signer", "split")


@dataclass
class LabelTable:
    """Rows of a label table by what they call their video; remembers which were taken."""

    rows: dict[str, tuple[str, dict[str, str]]]
    taken: dict[str, str] = field(default_factory=dict)

    def take(self, name: str, file: str) -> dict[str, str] | None:
        """Return the row of a video: by its path below the root, the path without extension, or the bare name.

        Parameters
        ----------
        name
            What the table may call the video.
        file
            The video itself.

        Raises
        ------
        SignfoldError
            If another video took the row: the table does not tell the two apart.
        """
        path = PurePosixPath(name)
        for key in (name, str(path.with_suffix("")), path.name, path.stem):
            if key not in self.rows:
                continue
            where, row = self.rows[key]
            other = self.taken.setdefault(key, file)
            if other != file:
                raise SignfoldError(
                    f"{where}: {key!r} stands for two videos, {other!r} and {file!r}; give each its own row, with the "
                    "path below the root"
                )
            return row
        return None

    def missing(self, name: str) -> str:
        """Return the reason why a video has no row; a row that differs in case alone is named."""
        path = PurePosixPath(name)
        for key in (name, str(path.with_suffix("")), path.name, path.stem):
            if other := self._folded.get(key.casefold()):
                return f"no row in the label table, which has {other!r}: upper and lower case differ"
        return "no row in the label table"

    @cached_property
    def _folded(self) -> dict[str, str]:
        return {key.casefold(): key for key in self.rows}

    def unused(self) -> list[str]:
        """Return where the rows stand that no video took."""
        return [f"{where}: {key}" for key, (where, _) in self.rows.items() if key not in self.taken]


def read_table(
    root: Path, sources: Mapping[str, Any] | Sequence[Mapping[str, Any]], label_needed: bool = False
) -> LabelTable:
    """Read one label table, or several (as one for each split).

    Parameters
    ----------
    root
        The dataset's folder; a relative `file` is looked for there, then in the working folder.
    sources
        Mappings with `file`; `format`, csv (default) or wlasl; and for CSV the columns `video`, `label`, `gloss`,
        `signer`, `split`, each a column's name (default: the same word, where there is one) or, in a file without
        header, its number from 0. `values` gives fields that are the same for every row, as `{split: train}`.
    label_needed
        Whether nothing else tells the labels, so that a table without their column is an error.

    Raises
    ------
    SignfoldError
        If a file or column is missing, or two rows say different things of one video.
    """
    rows: dict[str, tuple[str, dict[str, str]]] = {}
    for source in [sources] if isinstance(sources, Mapping) else sources:
        file = _find(root, source["file"])
        needed = ["video", "label"] if label_needed and "label" not in source.get("values", {}) else ["video"]
        rows_of = _wlasl_rows(file) if source.get("format") == "wlasl" else _csv_rows(file, source, needed)
        for where, video, values in rows_of:
            values = {**values, **source.get("values", {})}
            key = _below(root, video)
            other = rows.setdefault(key, (where, values))
            if other[1] != values:
                raise SignfoldError(f"{where}: {video!r} is {values}, but {other[0]} says {other[1]}; keep one")
    return LabelTable(rows)


def _below(root: Path, video: str) -> str:
    """Return what a table calls a video as a path below the root, or as it is if it is no such path."""
    name = unicodedata.normalize("NFC", video.replace("\\", "/").removeprefix("./"))
    if name.startswith("/"):
        for folder in (os.path.abspath(root), os.path.realpath(root)):  # noqa: PTH100 -- once a row
            if name.startswith(folder + "/"):
                return name.removeprefix(folder + "/")
    return name


def _find(root: Path, name: str) -> Path:
    given = Path(name).expanduser()
    for path in (root / given, given):
        if path.is_file():
            return path
    raise SignfoldError(f"{name}: no such table, neither in {root} nor in {Path.cwd()}, where the command runs")


def _csv_rows(
    file: Path, source: Mapping[str, Any], needed: Sequence[str]
) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield (where, video, fields) for each row of a CSV."""
    given = {name: source[name] for name in ("video", *FIELDS) if source.get(name) is not None}
    if any(isinstance(column, int) for column in given.values()) and (absent := [n for n in needed if n not in given]):
        raise SignfoldError(
            f"{file}: no number for {absent[0]!r}; without header give the number of each column from 0"
        )
    for line, row in _records(file, {name: name for name in needed} | given, optional=FIELDS):
        video = row.pop("video")
        if video:
            yield f"{file.name}, line {line}", video, row


def _records(
    file: Path, columns: Mapping[str, str | int], optional: Sequence[str] = ()
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line, row) with the wanted columns only, cleaned; a numbered column means that there is no header.

    Of the `optional` columns those that are in the header are taken too.
    """
    text = _text(file)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    try:
        header = [] if any(isinstance(column, int) for column in columns.values()) else next(reader, [])
        header = [name.strip() for name in header]
        found = {name: place for name in optional if (place := _named(header, name)) is not None}
        places = found | {name: _place(file, header, column) for name, column in columns.items()}
        for row in reader:
            if not any(row):
                continue
            if len(row) <= max(places.values()):
                expected = max(places.values()) + 1
                raise SignfoldError(f"{file}, line {reader.line_num}: {len(row)} columns, expected {expected}")
            cells = {name: row[place] for name, place in places.items()}
            yield reader.line_num, {n: cell.strip() if n == "video" else clean(cell) for n, cell in cells.items()}
    except csv.Error as error:
        raise SignfoldError(
            f"{file}, line {reader.line_num}: {error}; look for a quotation mark at or above it that is never closed"
        ) from None


def _text(file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SignfoldError(f"{file}: not UTF-8 ({error}); save it as UTF-8") from None
    except OSError as error:
        raise SignfoldError(f"{file}: cannot be read ({error.strerror})") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise SignfoldError(f"{file}, line {line}: a NUL character; save the table anew, as text in UTF-8")
    return text


def _delimiter(text: str) -> str:
    """Return the delimiter of a CSV, comma, semicolon or tab: the most frequent in the first line."""
    return max(",;\t", key=text.split("\n", 1)[0].count)


def _named(header: Sequence[str], column: str) -> int | None:
    """Return the number of the first column with a name; where there is none, of the only one in other case."""
    if column in header:
        return header.index(column)
    folded = [place for place, name in enumerate(header) if name.casefold() == column.casefold()]
    return folded[0] if len(folded) == 1 else None


def _place(file: Path, header: Sequence[str], column: str | int) -> int:
    """Return a column's number."""
    if isinstance(column, int):
        return column
    place = _named(header, column)
    if place is None:
        listed = ", ".join(map(repr, header)) or "nothing: the file is empty"
        hint = did_you_mean(column, header)
        asked = f": {hint}" if hint else "."
        raise SignfoldError(
            f"{file}: no column {column!r}; found {listed}{asked} Rename the column, or name it in the dataset's "
            "`labels` or `glosses`"
        )
    return place


def _wlasl_rows(file: Path) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield the instances of WLASL's JSON: a list of {gloss, instances: [{video_id, signer_id, split}]}."""
    try:
        entries = json.loads(_text(file))
        for entry in entries:
            for instance in entry["instances"]:
                label, signer = clean(entry["gloss"]), clean(str(instance["signer_id"]))
                values = {"label": label, "signer": signer, "split": instance["split"]}
                yield f"{file.name}, {entry['gloss']}", str(instance["video_id"]), values
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        expected = "a list of gloss and instances, each with video_id, signer_id, split"
        raise SignfoldError(f"{file}: not WLASL's JSON ({expected}): {error!r}") from None


def read_glosses(root: Path, source: Mapping[str, Any] | None) -> dict[str, str]:
    """Read label to gloss.

    Parameters
    ----------
    root
        The dataset's folder.
    source
        `file`, `label` and `gloss`: a CSV and its two columns; or the glosses themselves under `names`.
    """
    if source is None:
        return {}
    if "names" in source:
        return {clean(str(label)): clean(gloss) for label, gloss in source["names"].items()}
    file = _find(root, source["file"])
    records = _records(file, {"label": source["label"], "gloss": source["gloss"]})
    return {row["label"]: row["gloss"] for _, row in records if row["label"] and row["gloss"]}

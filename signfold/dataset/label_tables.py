"""Label and gloss tables: CSV of any shape, and WLASL's JSON. Standard library only, see `signfold.dataset.index`."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from signfold.core.errors import SignfoldError

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

    def unused(self) -> list[str]:
        """Return where the rows stand that no video took."""
        return [f"{where}: {key}" for key, (where, _) in self.rows.items() if key not in self.taken]


def read_table(root: Path, sources: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> LabelTable:
    """Read one label table, or several (as one for each split).

    Parameters
    ----------
    root
        The dataset's folder; a relative `file` is looked for there, then in the working folder.
    sources
        Mappings with `file`; `format`, csv (default) or wlasl; and for CSV the columns `video`, `label`, `gloss`,
        `signer`, `split`, each a column's name (default: the same word, where there is one) or, in a file without
        header, its number from 0. `values` gives fields that are the same for every row, as `{split: train}`.

    Raises
    ------
    SignfoldError
        If a file or column is missing, or two rows say different things of one video.
    """
    rows: dict[str, tuple[str, dict[str, str]]] = {}
    for source in [sources] if isinstance(sources, Mapping) else sources:
        file = _find(root, source["file"])
        read = _wlasl_rows if source.get("format") == "wlasl" else _csv_rows
        for where, video, values in read(file, source):
            values = {**values, **source.get("values", {})}
            key = unicodedata.normalize("NFC", video.replace("\\", "/").removeprefix("./"))
            other = rows.setdefault(key, (where, values))
            if other[1] != values:
                raise SignfoldError(f"{where}: {video!r} is {values}, but {other[0]} says {other[1]}; keep one")
    return LabelTable(rows)


def _find(root: Path, name: str) -> Path:
    for path in (root / name, Path(name)):
        if path.is_file():
            return path
    raise SignfoldError(f"{name}: no such table, neither in {root} nor in the working folder")


def _csv_rows(file: Path, source: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield (where, video, fields) for each row of a CSV."""
    given = {name: source[name] for name in ("video", *FIELDS) if name in source}
    for line, row in _records(file, {"video": "video", **given}, optional=FIELDS):
        video = row.pop("video")
        if video:
            yield f"{file.name}, line {line}", video, row


def _records(
    file: Path, columns: Mapping[str, str | int], optional: Sequence[str] = ()
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line, row) with the wanted columns only, stripped; a numbered column means that there is no header.

    Of the `optional` columns those that are in the header are taken too.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SignfoldError(f"{file}: not UTF-8 ({error}); save it as UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), dialect=_dialect(text))
    header = [] if any(isinstance(column, int) for column in columns.values()) else next(reader, [])
    columns = {name: name for name in optional if name in header} | dict(columns)
    places = {name: _place(file, header, column) for name, column in columns.items()}
    for row in reader:
        if not any(row):
            continue
        if len(row) <= max(places.values()):
            expected = max(places.values()) + 1
            raise SignfoldError(f"{file}, line {reader.line_num}: {len(row)} columns, expected {expected}")
        yield reader.line_num, {name: row[place].strip() for name, place in places.items()}


def _dialect(text: str) -> type[csv.Dialect]:
    """Tell comma, semicolon and tab apart by the first line."""
    first = text.split("\n", 1)[0]

    class Found(csv.excel):
        delimiter = max(",;\t", key=first.count)

    return Found


def _place(file: Path, header: list[str], column: str | int) -> int:
    """Return a column's number; of several columns with one name the first counts."""
    if isinstance(column, int):
        return column
    names = [name.strip() for name in header]
    if column not in names:
        raise SignfoldError(f"{file}: no column {column!r}; there are {', '.join(map(repr, names))}")
    return names.index(column)


def _wlasl_rows(file: Path, _: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield the instances of WLASL's JSON: a list of {gloss, instances: [{video_id, signer_id, split}]}."""
    try:
        entries = json.loads(file.read_text(encoding="utf-8-sig"))
        for entry in entries:
            for instance in entry["instances"]:
                values = {"label": entry["gloss"], "signer": str(instance["signer_id"]), "split": instance["split"]}
                yield f"{file.name}, {entry['gloss']}", str(instance["video_id"]), values
    except (ValueError, TypeError, KeyError) as error:
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
        return {str(label): gloss for label, gloss in source["names"].items()}
    file = _find(root, source["file"])
    records = _records(file, {"label": source["label"], "gloss": source["gloss"]})
    return {row["label"]: row["gloss"] for _, row in records if row["label"] and row["gloss"]}

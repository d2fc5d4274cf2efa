"""Everything that the report shows, read from a results folder; what is not there is an empty table, not an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from signfold.core.files import damaged, read_json, read_metadata, read_parquet
from signfold.core.results import ResultsFolder
from signfold.core.tables import unescaped

_TEXT = dict.fromkeys("sample_id signer label gloss path reason status shard fold stream sha256".split(), "str")


@dataclass(frozen=True)
class Run:
    """What was run, as report and cards show it.

    Parameters
    ----------
    dataset
        Name of the dataset.
    config
        Its configuration.
    versions
        Version of each package that computes the results.
    command
        Command that gives the report again.
    """

    dataset: str
    config: Mapping[str, Any]
    versions: Mapping[str, str]
    command: str


@dataclass(frozen=True)
class Results:
    """A results folder, read lazily.

    Parameters
    ----------
    root
        `results/{dataset}`.
    pictures
        Whether frames of the videos are shown.
    """

    root: Path
    pictures: bool = True

    @property
    def folder(self) -> ResultsFolder:
        """Which files belong to the last run."""
        return ResultsFolder(self.root)

    @cached_property
    def index(self) -> pd.DataFrame:
        """One row per video found."""
        return _parquet([self.root / "index.parquet"], ["sample_id", "label", "gloss", "signer"])

    @cached_property
    def near_equal(self) -> dict[str, list[list[str]]]:
        """Groups of names that may mean one signer or one label, by field; none that the user wants to keep."""
        path = self.root / "index.parquet"
        found: dict[str, list[list[str]]] = read_metadata(path).get("near_equal", {}) if path.exists() else {}
        return found

    @cached_property
    def videos(self) -> pd.DataFrame:
        """One row per video looked at, with its sizes and status."""
        columns = ["sample_id", "fps", "frames", "frames_pose", "frames_left_hand", "frames_right_hand", "status"]
        return self._present(_parquet(self.folder.shard_files("keypoints", ".videos.parquet"), columns))

    @cached_property
    def tensors(self) -> pd.DataFrame:
        """One row per usable video, with what was imputed."""
        seen = ["seen_left", "seen_right", "imputed_left", "imputed_right", "longest_gap", "mirrored"]
        paths = self.folder.shard_files("tensors", ".parquet")
        span = ["first_frame", "last_frame"]
        return self._present(_parquet(paths, ["sample_id", "frames", "duration_ms", *seen, *span]))

    @cached_property
    def tensor_metadata(self) -> dict[str, Any]:
        """What the first shard says about layout, channels and frames."""
        shards = self.folder.shard_files("tensors", ".parquet")
        return read_metadata(shards[0]) if shards else {}

    @cached_property
    def manifest(self) -> pd.DataFrame:
        """One row per training item."""
        return _parquet(
            [self.root / "manifest.parquet"],
            ["sample_id", "copy", "class_id", "label", "gloss", "signer", "shard", "row"],
        )

    @cached_property
    def excluded(self) -> pd.DataFrame:
        """One row per video left out: stage, name, reason."""
        parts = []
        for stage, file in (("index", "index.excluded.csv"), ("manifest", "manifest.excluded.csv")):
            table = self.csv(file)
            name = "sample_id" if "sample_id" in table else "path"
            if len(table) and {name, "reason"} <= set(table):
                parts.append(pd.DataFrame({"stage": stage, "name": table[name], "reason": table["reason"].fillna("")}))
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["stage", "name", "reason"])

    @cached_property
    def folds(self) -> dict[str, pd.DataFrame]:
        """For each fold its rows: copy, signer, role."""
        names = self.folder.folds
        return {name: _parquet([self.root / f"folds/{name}.parquet"], ["copy", "signer", "role"]) for name in names}

    @cached_property
    def audit(self) -> dict[str, Any]:
        """The leak audit."""
        return self.json("folds/audit.json")

    @cached_property
    def models(self) -> list[dict[str, Any]]:
        """For each model its metrics, in order of fold and stream; those of further seeds behind the first's."""
        numbers = range(1, self.folder.seeds + 1)
        paths = [folder / "metrics.json" for number in numbers for folder in self.folder.models(number)]
        found = [path for path in paths if path.exists()]
        return [read_json(path) | self._name(path) for path in found]

    @cached_property
    def final(self) -> list[dict[str, Any]]:
        """For each network that was trained on all clips its metrics; none of an earlier run."""
        found = [read_json(folder / "metrics.json", "stream", "epochs") for folder in self.folder.final_models()]
        return [own for own in found if own["epochs"] == self.folder.chosen_epochs(own["stream"])]

    @cached_property
    def histories(self) -> dict[tuple[str, str], pd.DataFrame]:
        """For each (fold, stream) one row per epoch, of the first seed."""
        paths = [folder / "history.csv" for folder in self.folder.models()]
        return {(path.parts[-4], path.parts[-3]): self.csv(path.relative_to(self.root)) for path in paths}

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The evaluation's metrics.json."""
        return self.json("evaluation/metrics.json")

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """One row per test clip: what it is, and what the network says."""
        columns = ["sample_id", "signer", "class_id", "predicted", "confidence"]
        return _parquet([self.root / "evaluation/predictions.parquet"], columns)

    @cached_property
    def benchmarks(self) -> pd.DataFrame:
        """One row per job: stage, s, cpu_time (seconds), max_rss (MiB)."""
        rows, columns = [], ("s", "cpu_time", "max_rss")
        for path in sorted(self.root.glob("benchmarks/**/*.tsv")):
            table = pd.read_csv(path, sep="\t", na_values=["-", "NA"])
            stage = path.relative_to(self.root / "benchmarks").with_suffix("").parts[0]
            rows.append({"stage": stage, **{name: table[name].mean() for name in columns if name in table}})
        return pd.DataFrame(rows, columns=["stage", *columns])

    def _name(self, path: Path) -> dict[str, str]:
        """Return which model a file is of."""
        fold, stream = path.relative_to(self.root / "models").parts[:2]
        return {"fold": fold, "stream": stream}

    def _present(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of videos that the index still has."""
        return table[table["sample_id"].isin(self.index["sample_id"])] if len(self.index) and len(table) else table

    def evaluation(self, name: str) -> pd.DataFrame:
        """Return the evaluation's table `name`, without .csv."""
        return self.csv(f"evaluation/{name}.csv")

    def csv(self, file: str | Path) -> pd.DataFrame:
        """Return a CSV file below the root; names stay text, also those that look like numbers or like "NA"."""
        path = self.root / file
        if not path.exists() or not path.stat().st_size:
            return pd.DataFrame()
        try:
            return self._csv(path)
        except ValueError as error:  # what pandas raises for a damaged table is a ValueError
            raise damaged(path, f"not a CSV table ({error})") from None

    def _csv(self, path: Path) -> pd.DataFrame:
        header = pd.read_csv(path, nrows=0).columns
        text = {
            c: "str"
            for c in header
            if c in _TEXT
            or c.endswith(("_label", "_gloss"))
            or c in ("mistaken_for", "method", "detail", "exchanged", "seen_as")
        }
        numbers = {column: [""] for column in header if column not in text}
        empty = {column: [""] for column in text}
        table = pd.read_csv(path, dtype=text, keep_default_na=False, na_values=numbers | empty)
        return table.assign(**{column: table[column].map(unescaped) for column in text})

    def json(self, file: str) -> dict[str, Any]:
        """Return a JSON file below the root, or an empty dictionary."""
        path = self.root / file
        return read_json(path) if path.exists() else {}


def _parquet(paths: Sequence[Path], columns: Sequence[str]) -> pd.DataFrame:
    """Return the wanted columns of all files, one below the other."""
    parts = []
    for path in paths:
        if path.exists():
            parts.append(read_parquet(path, columns))
    frames = [part.to_pandas() for part in parts if part.num_rows]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(columns))

"""Why jobs run, in a few words: what Snakemake says at length of each, gathered by stage."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from snakemake_logger_plugin_signfold.stages import STAGE_OF

_NEXT = re.compile("; (?=Missing|Incomplete|Updated|Input files|Set of|Code|Params|Software)")
_PARAMS = re.compile(r"before: (.*) now: (.*?)\s*$", re.S)
SHOWN = 3


class Reasons:
    """The reasons of a dry run's jobs."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {}
        self._maker: dict[str, str] = {}  # of each file that some job makes, the stage

    def add(self, rule: str, outputs: Sequence[str], reason: str) -> None:
        """Note why a job runs. Jobs come in the order of running, so that those before it are known."""
        stage = STAGE_OF.get(rule, rule)
        counts = self._counts.setdefault(stage, Counter())
        for part in _NEXT.split(reason):
            counts.update(set(self._words(part, stage)))
        self._maker.update(dict.fromkeys(outputs, stage))

    def of(self, stage: str) -> str:
        """Return why a stage runs; what only follows from other stages is said where there is nothing else."""
        counts = self._counts.get(stage, Counter())
        own = [words for words, _ in counts.most_common() if not words.startswith("after ")]
        if own:
            return "; ".join(own[:SHOWN]) + ("; ..." if len(own) > SHOWN else "")
        others = list(dict.fromkeys(words.removeprefix("after ") for words in counts))
        return "after " + ", ".join(others[:SHOWN]) if others else ""

    def _words(self, part: str, stage: str) -> Iterator[str]:
        kind, _, files = part.partition(": ")
        if kind == "Input files updated by another job":
            makers = {self._maker.get(file, "another job") for file in files.split(", ")}
            yield from (f"after {maker}" for maker in makers - {stage})
        elif kind == "Missing output files":
            yield "not there yet"
        elif kind == "Incomplete output files":
            yield "was interrupted"
        elif kind == "Updated input files":
            names = files.split(", ")
            yield f"newer: {names[0]}" + (f" and {len(names) - 1} more" if len(names) > 1 else "")
        elif kind.startswith("Params have changed"):
            yield from changes(files)
        elif kind.startswith("Set of input files"):
            yield "other files to read than last time"
        elif kind:
            yield kind[0].lower() + kind[1:].rstrip(".").split(" since last")[0]


def changes(said: str) -> list[str]:
    """Return what has changed between the params of the last time and now.

    Examples
    --------
    >>> changes("...: before: {'epochs': 1, 'ema': 0.0} now: {'ema': 0.0, 'epochs': 3}")
    ['settings: epochs 1 → 3']
    """
    found = _PARAMS.search(said)
    try:
        before, now = (ast.literal_eval(f"[{text}]") for text in found.groups()) if found else ([], [])
    except (SyntaxError, ValueError):
        before, now = [], []
    if any(isinstance(value, str) for value in now):  # a digest of the index, or of a shard's part of it
        return ["videos or labels changed"]
    differences = [text for pair in _pairs(before, now) for text in _differences(*pair)]
    if not differences:
        return ["settings or signfold's version changed"]
    return ["settings: " + ", ".join(differences[:SHOWN]) + (", ..." if len(differences) > SHOWN else "")]


def _pairs(before: list[Any], now: list[Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield the sections that are there both times: those with the most keys in common."""
    for section in (value for value in now if isinstance(value, dict)):
        former = [value for value in before if isinstance(value, dict) and value.keys() & section.keys()]
        if former:
            yield max(former, key=lambda value: len(value.keys() & section.keys())), section


def _differences(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    for key in now:
        if isinstance(before.get(key), dict) and isinstance(now[key], dict):
            yield from (f"{key}.{text}" for text in _differences(before[key], now[key]))
        elif before.get(key) != now[key]:
            old, new = (text if len(text := str(value)) <= 30 else "..." for value in (before.get(key), now[key]))
            yield f"{key} {old} → {new}"

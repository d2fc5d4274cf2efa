"""Figures as words: percentages, counts, durations, sizes; and names as labels of figures."""

from __future__ import annotations

import html
import math
import re
from typing import Any

from signfold.core import text

# A narrow space that does not break: "74.3 %", "12 345".
_SPACE = "\u202f"
_DASH = "–"
# With fewer clips, counts are shown instead of percentages.
FEW = 20


def share(value: Any, digits: int = 1) -> str:
    """Return 0.743 as "74.3 %", and a dash for nothing."""
    return _DASH if missing(value) else f"{100 * value:.{digits}f}{_SPACE}%"


def tally(part: Any, whole: Any) -> str:
    """Return 3 of 4 as "3 of 4", and 30 of 40 as "75 %": a percentage of few clips claims too much precision."""
    if missing(part) or missing(whole) or not whole:
        return _DASH
    return f"{count(part)} of {count(whole)}" if whole < FEW else share(part / whole, 0)


def both(part: Any, whole: Any) -> str:
    """Return 71 of 72 as "98.6 % (71 of 72)"."""
    return f"{share(part / whole)} ({count(part)} of {count(whole)})"


def span(metric: dict[str, Any] | None) -> str:
    """Return {low, high} as "57.3–85.3 %"."""
    if not metric or missing(metric.get("low")) or missing(metric.get("high")):
        return _DASH
    return f"{100 * metric['low']:.1f}{_DASH}{share(metric['high'])}"


def points(difference: Any) -> str:
    """Return 0.043 as "+4.3": percentage points."""
    return _DASH if missing(difference) else f"{100 * difference:+.1f}".replace("-", "\u2212")


def count(value: Any) -> str:
    """Return 12345 as "12 345"."""
    return _DASH if missing(value) else f"{round(value):,}".replace(",", _SPACE)


def number(value: Any, digits: int = 2) -> str:
    """Return a number with so many digits after the point."""
    return _DASH if missing(value) else f"{value:.{digits}f}"


def duration(seconds: Any) -> str:
    """Return seconds as "0.4 s", "42 s", "3 min 5 s" or "2 h 10 min"."""
    if missing(seconds):
        return _DASH
    said = f"{seconds:.1f} s" if seconds < 9.95 else text.duration(seconds)
    return re.sub(r"(?<=\d) ", _SPACE, said)


def memory(mebibytes: Any) -> str:
    """Return MiB as "420 MiB" or "1.3 GiB"."""
    if missing(mebibytes):
        return _DASH
    return f"{mebibytes:.0f}{_SPACE}MiB" if mebibytes < 1000 else f"{mebibytes / 1024:.1f}{_SPACE}GiB"


def plural(number: int, word: str, words: str | None = None) -> str:
    """Return "1 signer", "6 signers", "3 classes"."""
    return f"{count(number)} {word if number == 1 else words or word + 's'}"


def missing(value: Any) -> bool:
    """Return whether a value is missing: None or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def shown(name: Any) -> str:
    """Return a name on one line, and a dash for none."""
    return _DASH if missing(name) or str(name) in ("nan", "None", "<NA>") else " ".join(str(name).split()) or _DASH


def figure_text(name: Any, longest: int = 26) -> str:
    """Return a name as Plotly is to draw it: on one line, short, and with its pseudo-HTML spelled out."""
    said = shown(name)
    return html.escape(said if len(said) <= longest else said[: longest - 1] + "…", quote=False)

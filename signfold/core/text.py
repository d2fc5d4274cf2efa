"""Numbers, durations and suggestions as people write them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


def counted(number: int, one: str, many: str = "") -> str:
    """Return "1 video" or "2,000 videos"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """Return a time rounded to what matters: "35 s", "4 min 5 s", "25 min", "2 h 10 min", "3 d 4 h"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days or hours:
        parts = [(days, "d"), (hours, "h")] if days else [(hours, "h"), (minutes, "min")]
    else:
        parts = [(minutes, "min"), (rest if minutes < 10 else 0, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"


def did_you_mean(name: str, known: Iterable[str], quote: str = "'") -> str:
    """Return "did you mean 'demo'?" for the known name that is most like another, or "" where none is like it."""
    nearest = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"did you mean {quote}{nearest[0]}{quote}?" if nearest else ""


def shortened(items: Sequence[str], most: int) -> str:
    """Return the first items and the number of the others: "a, b and 3 more"."""
    return ", ".join(items[:most]) + (f" and {len(items) - most} more" if len(items) > most else "")

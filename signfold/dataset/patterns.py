"""Regular expressions of users: compiled, and searched for a limited time."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from signfold.core.errors import SignfoldError

FIELDS = ("label", "gloss", "signer", "split")
# Seconds of processor time: of a search in many names, and for each name. A plain pattern takes a thousandth of it.
LIMIT_S, LIMIT_S_PER_NAME = 10.0, 0.0002


class _TooSlow(Exception):
    pass


def compiled(pattern: str | None) -> re.Pattern[str] | None:
    """Return a dataset's `match`, compiled.

    Raises
    ------
    SignfoldError
        If it is no regular expression, or has groups that mean nothing.
    """
    if pattern is None:
        return None
    try:
        found = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise SignfoldError(f"match: {pattern!r} is no regular expression: {error}") from None
    unknown = set(found.groupindex) - {*FIELDS, "video"}
    if unknown:
        raise SignfoldError(f"match: unknown groups {sorted(unknown)} in {pattern!r}; known are {FIELDS} and video")
    return found


@contextmanager
def limited(pattern: re.Pattern[str] | None, names: int) -> Iterator[None]:
    """Stop a search that would not end: a pattern such as (a+)+$ can take years for one name.

    Python's `re` looks for signals while it searches. Only the main thread has signals; others are not limited.

    Parameters
    ----------
    pattern
        What is searched for within the block.
    names
        Number of names that it is searched for in.

    Raises
    ------
    SignfoldError
        If the time is over.
    """
    if pattern is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    limit = LIMIT_S + LIMIT_S_PER_NAME * names
    before = signal.signal(signal.SIGVTALRM, _stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, limit)
    try:
        yield
    except _TooSlow:
        raise SignfoldError(
            f"match: {pattern.pattern!r} is not through {names} names after {limit:.0f} s; expected milliseconds. "
            "Repetitions inside a repetition, as in (a+)+, take for ever; write [^/]+ for each part of the path"
        ) from None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _stop(*_: object) -> None:
    raise _TooSlow

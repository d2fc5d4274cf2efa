"""Names of signers and labels: one form of each, and those that differ so little that they may be one."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache


@lru_cache(maxsize=1 << 16)
def clean(name: str) -> str:
    """Return a name in Unicode NFC, with single blanks, none at the ends: none of this is seen on a screen."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def key(name: str) -> str:
    """Return what near-equal names share: NFKC, without case, blanks, invisible characters and leading zeros."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    seen = "".join(letter for letter in folded if not letter.isspace() and unicodedata.category(letter) != "Cf")
    return re.sub(r"(?<!\d)0+(?=\d)", "", unicodedata.normalize("NFKC", seen))


def near_equal(names: Iterable[str | None]) -> list[list[str]]:
    """Return the groups of names that are near-equal, each with the most frequent name first.

    Parameters
    ----------
    names
        The name of every clip; None where unknown.
    """
    groups: dict[str, list[str]] = {}
    for name, _ in sorted(Counter(name for name in names if name).items(), key=lambda item: (-item[1], item[0])):
        groups.setdefault(key(name), []).append(name)
    return sorted(group for group in groups.values() if len(group) > 1)


def joined(names: Iterable[str | None]) -> dict[str, str]:
    """Return for each name that is near-equal to a more frequent one, that one."""
    return {name: group[0] for group in near_equal(names) for name in group[1:]}


def near_equal_lines(near_equal: Mapping[str, list[list[str]]]) -> list[str]:
    """Return a line for each group of near-equal names, such as "signer: 'anna', 'Anna'"."""
    return [f"{field}: {', '.join(map(repr, group))}" for field, groups in near_equal.items() for group in groups]

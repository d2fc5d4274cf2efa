"""A user's regular expression ends."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from signfold.core.errors import SignfoldError
from signfold.dataset import index, patterns


def test_a_pattern_that_backtracks_for_ever_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "LIMIT_S", 0.2)
    (tmp_path / f"{'a' * 60}b.mp4").write_bytes(b"x")
    before = signal.getsignal(signal.SIGVTALRM)
    with pytest.raises(SignfoldError, match=r"match: '.*' is not through 1 names after 0 s.*\[\^/\]\+"):
        index.read_index({"root": str(tmp_path), "match": r"(?P<label>(a|a)*)*c$"})
    assert signal.getsignal(signal.SIGVTALRM) == before
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)


def test_a_pattern_that_is_none_is_an_error() -> None:
    with pytest.raises(SignfoldError, match="no regular expression"):
        patterns.compiled("(?P<label>")
    with pytest.raises(SignfoldError, match="unknown groups"):
        patterns.compiled("(?P<sign>.)")

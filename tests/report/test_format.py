"""Figures as words."""

from __future__ import annotations

import pytest

from signfold.report.format import both, count, duration, figure_text, memory, plural, points, share, span, tally


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (share(0.7428), "74.3\u202f%"),
        (share(None), "–"),
        (span({"low": 0.5, "high": 0.75}), "50.0–75.0\u202f%"),
        (span(None), "–"),
        (points(-0.043), "\u22124.3"),
        (tally(3, 4), "3 of 4"),
        (tally(19, 19), "19 of 19"),
        (tally(15, 20), "75\u202f%"),
        (tally(0, 0), "–"),
        (both(71, 72), "98.6\u202f% (71 of 72)"),
        (count(12345.4), "12\u202f345"),
        (duration(185), "3\u202fmin 5\u202fs"),
        (duration(3600), "1\u202fh"),
        (duration(7805), "2\u202fh 10\u202fmin"),
        (duration(59.7), "1\u202fmin"),
        (memory(2048), "2.0\u202fGiB"),
        (plural(1, "copy", "copies"), "1 copy"),
        (figure_text("<a href='x'>\n" + "y" * 40, 20), "&lt;a href='x'&gt; yyyyyy…"),
    ],
)
def test_words(text: str, expected: str) -> None:
    assert text == expected

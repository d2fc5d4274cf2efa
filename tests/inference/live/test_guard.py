"""The names that a server answers to."""

from __future__ import annotations

import pytest

from signfold.inference.live.guard import is_own_name


@pytest.mark.parametrize(
    "host", ["127.0.0.1:80", "localhost:8765", "[::1]:80", "192.168.1.7:80", "LocalHost", "lab:80"]
)
def test_its_own_name_or_an_address_is_accepted(host: str) -> None:
    assert is_own_name(host, ("Lab",))


@pytest.mark.parametrize(
    "host", ["", "evil.example", "127.0.0.1.evil.example:80", "localhost.evil.example", "[", "lab2:80"]
)
def test_another_name_is_not(host: str) -> None:
    assert not is_own_name(host, ("lab",))

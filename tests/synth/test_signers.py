"""Promises of the signers: the same whoever else there is, all different, one in six left-handed."""

from __future__ import annotations

from synthetic_performances import performed

from signfold.core.skeleton import SIDES
from signfold.synth.signers import signer


def test_one_signer_in_six_is_left_handed() -> None:
    for first in (1, 4):
        assert sum(signer(5, first + n).left_handed for n in range(6)) == 1
    for number in range(1, 7):
        arms = performed(number).arms
        dominant = "left" if signer(0, number).left_handed else "right"
        assert [side for side in SIDES if arms[side].active.any()] == [dominant]


def test_signers_are_the_same_whoever_else_there_is_and_differ() -> None:
    assert signer(0, 3) == signer(0, 3)
    looks = {(person.skin, person.shirt, person.hair, person.unit) for person in (signer(0, n) for n in range(1, 9))}
    assert len(looks) == 8
    assert signer(0, 1) != signer(1, 1)

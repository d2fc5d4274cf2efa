"""Promises of the list of planted flaws: it says what the clips are, and all of it."""

from __future__ import annotations

from signfold.dataset.synthetic import SynthSettings, hard_to_see, synthetic_clips
from signfold.synth.flaws import flaws
from signfold.synth.signers import left_handed

DEMO = SynthSettings(signs=12, signers=6, takes=2, seed=0, planted=True)


def test_every_flaw_of_the_demo_is_listed() -> None:
    found = flaws(DEMO)
    names = {kind: [flaw.name for flaw in found if flaw.kind == kind] for kind in {flaw.kind for flaw in found}}
    by_id = {clip.sample_id: clip for clip in synthetic_clips(DEMO)}
    wrong = [name for name, clip in by_id.items() if clip.named_sign not in (None, clip.sign)]
    assert names.pop("wrong_label") == wrong and len(wrong) == 4
    assert names.pop("left_handed") == ["04"] and left_handed(0, 4)
    assert names.pop("poor_light") == [f"{hard_to_see(DEMO):02d}"]
    assert {kind: len(of) for kind, of in names.items()} == dict.fromkeys(
        ("copy", "reencoded", "two_people", "unreadable", "no_label"), 1
    )


def test_a_wrong_label_says_what_is_performed_and_a_copy_of_what_it_is_one() -> None:
    by_id = {clip.sample_id: clip for clip in synthetic_clips(DEMO)}
    for flaw in flaws(DEMO):
        if flaw.kind == "wrong_label":
            assert flaw.other == str(by_id[flaw.name].sign) != str(by_id[flaw.name].named_sign)
        if flaw.kind in ("copy", "reencoded"):
            one, other = by_id[flaw.name], by_id[flaw.other or ""]
            assert (one.signer, one.sign, one.take) == (other.signer, other.sign, other.take)
            assert one.named_signer != other.named_signer


def test_nothing_is_listed_where_nothing_is_planted() -> None:
    assert flaws(SynthSettings(signs=12, signers=6, takes=2, seed=0)) == []

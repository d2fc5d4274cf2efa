"""Promises of what a set of synthetic clips is called, and of what is planted in it."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from signfold.core.errors import SignfoldError
from signfold.dataset.synthetic import SynthSettings, clip_names, hard_to_see, modified_ns, synthetic_clips

DEMO = SynthSettings(signs=12, signers=6, takes=2, seed=0, planted=True)


def test_names_are_known_without_drawing() -> None:
    code = "import sys, signfold.dataset.synthetic as n; n.clip_names(n.SynthSettings())"
    code += "; print({'cv2', 'numpy'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_names_follow_the_pattern_of_vsl() -> None:
    named = synthetic_clips(SynthSettings(signs=3, signers=2, takes=2))
    assert len({clip.name for clip in named}) == len(named) == 12
    for clip in named:
        assert int(clip.name.split("_")[0]) == clip.signer
        assert int(clip.sample_id.rsplit("_", 1)[1]) == clip.sign
        assert f"_ord{clip.take}_" in clip.name
    assert "01_Synth_1-3_1-2_0002___center_device01_signer01_center_ord1_2.mp4" in clip_names(SynthSettings(signs=3))


@pytest.mark.parametrize(
    "key,value", [("signs", 0), ("signs", 99), ("signers", 0), ("signers", 100), ("takes", 0), ("seed", -1)]
)
def test_settings_out_of_range_are_named(key: str, value: int) -> None:
    with pytest.raises(SignfoldError, match=f"{key}: {value}"):
        SynthSettings(**{key: value})


def test_flaws_need_a_second_sign_and_signer() -> None:
    for few in ({"signs": 1}, {"signers": 1}):
        with pytest.raises(SignfoldError, match="too few for copies and wrong labels"):
            SynthSettings(**few, planted=True)


def test_other_settings_have_another_time() -> None:
    assert len({modified_ns(settings) for settings in (DEMO, SynthSettings(seed=1), SynthSettings(planted=True))}) == 3


@pytest.mark.parametrize("settings", [DEMO, SynthSettings(2, 2, 1, 0, True), SynthSettings(2, 3, 1, 5, True)])
def test_what_is_planted(settings: SynthSettings) -> None:
    found = synthetic_clips(settings)
    plain = settings.signs * settings.signers * settings.takes
    assert len({clip.name for clip in found}) == len(found) == plain + 4
    wrong = [clip for clip in found if clip.named_sign not in (None, clip.sign)]
    assert len(wrong) == max(1, plain // 36)
    assert all(clip.signer == clip.named_signer != hard_to_see(settings) for clip in wrong)
    for flag in ("beside", "reencoded", "broken"):
        assert sum(bool(getattr(clip, flag)) for clip in found) == 1
    # Both copies show a clip of another signer, which is in the set under its own name, without any other flaw.
    copies = [clip for clip in found if clip.named_signer != clip.signer]
    assert [clip.reencoded for clip in copies] == [False, True]
    shown = Counter((clip.signer, clip.sign, clip.take) for clip in found if not clip.broken)
    for copy in copies:
        assert shown[copy.signer, copy.sign, copy.take] == 2
        assert copy.named_sign == copy.sign


def test_without_flaws_every_name_says_what_is_shown() -> None:
    assert all(clip.named_sign == clip.sign for clip in synthetic_clips(SynthSettings()))
    assert hard_to_see(SynthSettings()) is None

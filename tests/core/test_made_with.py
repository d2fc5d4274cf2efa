"""What files were made with is compared with what is asked for, as it comes back from JSON."""

from __future__ import annotations

import pytest

from signfold.core.errors import SignfoldError
from signfold.core.made_with import check_made_with, differences, keypoint_options


def test_only_what_is_asked_for_is_compared() -> None:
    made = {"threshold": 0.5, "seed": 0, "size": [640, 480], "other": 1}
    assert differences(made, {"threshold": 0.5, "seed": 0.0, "size": (640, 480)}) == {}
    assert differences(made, {"threshold": 0.9, "new": None}) == {"threshold": (0.5, 0.9)}
    assert differences({}, {"threshold": 0.9}) == {"threshold": (None, 0.9)}


def test_the_error_names_file_option_and_both_values() -> None:
    said = r"^k\.parquet: made with keypoints\.threshold 0\.5, but the configuration says 0\.9; delete the file and run"
    with pytest.raises(SignfoldError, match=said):
        check_made_with("k.parquet", {"threshold": 0.5}, {"threshold": 0.9}, "keypoints")


def test_the_cap_is_an_option_of_keypoints_too() -> None:
    assert keypoint_options({"max_seconds": 60.0, "options": {"x": 1}, "joints": []}) == {"x": 1, "max_seconds": 60.0}
    assert keypoint_options({}) == {}

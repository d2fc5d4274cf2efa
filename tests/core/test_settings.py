"""Settings that stand in files of the results: as they were asked for, or refused with the file's name."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from signfold.core.errors import SignfoldError
from signfold.core.settings import TensorSettings, settings_of_file


def test_settings_come_back_from_a_file() -> None:
    asked = TensorSettings(frames=32)
    assert settings_of_file(TensorSettings, asdict(asked), "t.parquet") == asked


@pytest.mark.parametrize("values", [None, 3, [1], {"frames": "many"}, {"frames": 2}, {"frame": 64}, {"layout": "x"}])
def test_what_is_no_settings_is_an_error_with_the_files_name(values: Any) -> None:
    with pytest.raises(
        SignfoldError, match=r"^t\.parquet: damaged, or of another version: .*TensorSettings.*delete it"
    ):
        settings_of_file(TensorSettings, values, "t.parquet")

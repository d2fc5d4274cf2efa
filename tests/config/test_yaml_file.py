"""A configuration file that cannot be read is told with file, line and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from signfold.config.load import read_config
from signfold.config.yaml_file import read_yaml
from signfold.core.errors import SignfoldError


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('match: "(?P<label>\\d+)"', r"mine\.yaml: line 1, column 20: not YAML \(.*put regexes in single quotes"),
        ("a: [1\nb: 2", r"mine\.yaml: line 2, column 2: not YAML"),
        ("\ta: 1", r"mine\.yaml: line 1, column 1: not YAML .*Indent by blanks"),
        ("- a", r"mine\.yaml: found list; expected keys"),
        ("[" * 5000, r"mine\.yaml: .*not YAML"),
    ],
)
def test_a_file_that_is_no_configuration_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(SignfoldError, match=message):
        read_config(tmp_path / "mine.yaml")


def test_a_missing_file_is_told_with_those_beside_it(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("")
    assert read_yaml(tmp_path / "mine.yaml") == {}
    with pytest.raises(SignfoldError, match=r"mne\.yaml: no such file; there are mine\.yaml\."):
        read_yaml(tmp_path / "mne.yaml")
    with pytest.raises(SignfoldError, match=r"Write -- before a target: .* -- results/mine/report\.html"):
        read_yaml("results/mine/report.html")
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9")
    with pytest.raises(SignfoldError, match=r"latin\.yaml: not UTF-8"):
        read_yaml(tmp_path / "latin.yaml")


def test_later_files_are_laid_over_earlier_ones(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("seed: 1\nshards: 7")
    (tmp_path / "two.yaml").write_text("seed: 2")
    config = read_config(tmp_path / "one.yaml", tmp_path / "two.yaml")
    assert (config["seed"], config["shards"]) == (2, 7)

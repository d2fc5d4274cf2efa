"""What a run says first: what it works on, and what would stop it, before anything is computed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from signfold.config.load import merged, resolved
from signfold.config.overview import introduction
from signfold.config.project import Project
from signfold.core.errors import SignfoldError

DEFAULT = yaml.safe_load((Path(__file__).parents[2] / "config" / "config.yaml").read_text())


def introduced(root: Path, names: str, targets: tuple[str, ...] = (), until: str = "", **over: Any) -> list[str]:
    """What is said of a dataset of files label_signer_number.mp4."""
    for name in names.split():
        (root / "videos").mkdir(exist_ok=True)
        (root / "videos" / f"{name}.mp4").write_bytes(b"x")
    own = {"root": str(root / "videos"), "match": r"(?P<label>[a-z]+)_(?P<signer>[a-z]+)_\d+\.mp4$"}
    given = merged({"dataset": "mine", "datasets": {"mine": own}}, over)
    given = {key: value for key, value in given.items() if value is not None}
    project = Project(resolved(merged(DEFAULT, given), {}))
    return introduction(project, given, targets, until.split())


FOUR = "yes_ann_1 no_ann_1 yes_bob_1 no_bob_1 yes_cy_1 no_cy_1 yes_di_1 no_di_1"


def test_three_lines_say_what_is_found_how_it_is_split_and_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "notes.txt").write_text("x")
    notes = f"'{tmp_path}/videos/notes.txt': not a video file (.txt)"
    assert introduced(tmp_path, FOUR) == [
        f"mine: found: 8 videos, 2 classes, 4 signers; left out: 1, {notes}",
        "mine: folds: 4, no signer in two roles",
        "mine: writes: results/mine/report.html, from 4 networks (4 folds × 1 stream × 1 seed)",
    ]


def test_networks_of_all_clips_are_told_where_they_are_wanted(tmp_path: Path) -> None:
    said = introduced(tmp_path, FOUR, final=True, seeds=2)[2]
    assert said.endswith("from 8 networks (4 folds × 1 stream × 2 seeds), and of all clips 2 networks")


def test_where_signers_are_not_kept_apart_it_is_said(tmp_path: Path) -> None:
    said = introduced(tmp_path, FOUR, folds={"group": "sample"})[1]
    assert said == "mine: folds: 8; folds.group is sample, so that one person may be in training and test"
    unknown = {"mine": {"match": r"(?P<label>[a-z]+)_"}}
    said = introduced(tmp_path, FOUR, datasets=unknown)[1]
    assert said == "mine: folds: 8; signers are unknown, so that one person may be in training and test"


def test_what_cannot_be_learnt_and_who_may_be_one_is_warned_of(tmp_path: Path) -> None:
    said = introduced(tmp_path, FOUR + " may_ann_1 be_bob_1 be_bob_2")[3:]
    assert said == [
        "mine: warning: 1 class cannot be right: one clip, never learnt where it is tested, as 'may'",
        "mine: warning: 1 class cannot be right: one signer, never learnt where tested, as 'be'",
    ]


def test_near_equal_signers_are_warned_of_with_the_key(tmp_path: Path) -> None:
    match = r"(?P<label>[a-z]+)_(?P<signer>[A-Za-z]+)_\d+\.mp4$"
    said = introduced(tmp_path, FOUR + " yes_Ann_1", datasets={"mine": {"match": match}})[3:]
    assert said == [
        "mine: warning: 1 signer may be spelt in several ways, as 'ann' and 'Ann'; set datasets.mine.spellings to join "
        "or keep"
    ]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("yes_a_1 yes_b_1 no_a_1 no_b_1", "2 signers: none can be spared for validation, and the last epoch is taken"),
        ("yes_a_1 yes_b_1 yes_c_1 no_a_1", r"3 signers: of two who train one validates; folds: \{val_fraction: 0\}"),
    ],
)
def test_with_few_signers_the_cost_of_validation_is_said(tmp_path: Path, names: str, said: str) -> None:
    lines = introduced(tmp_path, names)
    assert any(re.search(said, line) for line in lines), lines
    assert not any("validat" in line for line in introduced(tmp_path, names, folds={"val_fraction": 0}))


def test_what_cannot_be_split_stops_a_run_before_it_begins_if_it_needs_folds(tmp_path: Path) -> None:
    alone = "yes_ann_1 no_ann_1"
    with pytest.raises(SignfoldError, match="one signer only, 'ann'"):
        introduced(tmp_path, alone)
    with pytest.raises(SignfoldError, match="one signer only, 'ann'"):
        introduced(tmp_path, alone, ("results/mine/models/fold-1.done",))
    for targets, until in [(("results/mine/keypoints/1.parquet",), ""), ((), "tensors")]:
        assert "none can be made: folds.group: there is one signer" in introduced(tmp_path, alone, targets, until)[1]


def test_one_class_only_stops_a_run(tmp_path: Path) -> None:
    with pytest.raises(SignfoldError, match="one class only, 'yes'; a recogniser needs two"):
        introduced(tmp_path, "yes_ann_1 yes_bob_1")


def test_a_target_that_cannot_be_is_told_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(SignfoldError, match=r"fold-9\.done: mine has no fold-9; it has fold-1 to fold-4"):
        introduced(tmp_path, FOUR, ("results/mine/models/fold-9.done",))
    with pytest.raises(SignfoldError, match=r"no dataset 'mne' in the configuration; did you mean 'mine'\?"):
        introduced(tmp_path, FOUR, ("results/mne/report.html",))


def test_a_file_with_datasets_says_which_to_build_unless_a_target_does(tmp_path: Path) -> None:
    with pytest.raises(SignfoldError, match=r"'demo' would be built, and not 'mine' of your file; .*`dataset: mine`"):
        introduced(tmp_path, FOUR, dataset=None)
    assert introduced(tmp_path, FOUR, ("results/mine/report.html",), dataset=None)[0].startswith("mine: found: 8")


def test_an_overlay_that_a_datasets_own_settings_win_over_is_told(tmp_path: Path) -> None:
    own = {"mine": {"settings": {"training": {"epochs": 20, "ema": 0.5}}}}
    said = introduced(tmp_path, FOUR, training={"epochs": 200, "ema": 0.5}, datasets=own)
    assert [line for line in said if "note" in line] == said[-1:]
    assert said[-1] == ("mine: note: training.epochs: 200 has no effect on mine: datasets.mine.settings says 20")


def test_the_command_line_is_no_overlay(tmp_path: Path) -> None:
    own = {"root": str(tmp_path), "match": r"(?P<label>[a-z]+)_(?P<signer>[a-z]+)", "settings": {"seed": 1}}
    for name in FOUR.split():
        (tmp_path / f"{name}.mp4").write_bytes(b"x")
    over = {"training": {"epochs": "2"}, "seed": 3}  # as Snakemake reads --config: what is in braces stays text
    given = merged({"dataset": "mine", "datasets": {"mine": own}}, over)
    own["settings"]["training"] = {"epochs": 7}  # type: ignore[index]
    project = Project(resolved(merged(DEFAULT, {**given, "datasets": {"mine": own}}), over))
    assert not [line for line in introduction(project, given, ["all"]) if "note" in line]

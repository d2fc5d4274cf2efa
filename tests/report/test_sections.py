"""Sections: what the page says, and does not say, of a run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fake_results import SHUFFLED, as_official, evaluated, fake_results, rewrite, run_evaluate
from html_page import built

from signfold.core.files import read_json, read_metadata, read_parquet, write_json, write_parquet
from signfold.report import sections
from signfold.report.format import share, span
from signfold.report.results import Results


def test_reasons_are_counted_without_their_figures(tmp_path: Path) -> None:
    rows = [(f"a{i}", f"hand seen in {i}.5 % of frames") for i in range(3)] + [("b", "unreadable: moov atom")]
    pd.DataFrame(rows, columns=["sample_id", "reason"]).to_csv(tmp_path / "manifest.excluded.csv", index=False)
    fake = Results(tmp_path)
    assert sections._reasons(fake.excluded) == [
        ("manifest", "hand seen in … % of frames", 3),
        ("manifest", "unreadable", 1),
    ]


def test_names_that_may_mean_one_are_told_with_the_data_and_with_the_audit(tmp_path: Path) -> None:
    root = fake_results(tmp_path)
    assert "Names that may mean one" not in built(root).words
    groups = {"signer": [["Anna", "anna"]], "label": [["1", "01"]]}
    path = root / "index.parquet"
    write_parquet(read_parquet(path), path, read_metadata(path) | {"near_equal": groups})
    write_json(root / "folds/audit.json", read_json(root / "folds/audit.json") | {"near_equal": groups})
    said = built(root).words
    assert "to join or keep: label: '1', '01'; signer: 'Anna', 'anna'." in said
    assert "one person under several: Anna and anna." in said
    write_parquet(read_parquet(path), path, read_metadata(path) | {"near_equal": {}})  # as with `spellings: keep`
    assert "one person under several" not in built(root).words


def test_heat_map_shows_the_confused_signs_only(tmp_path: Path) -> None:
    root = evaluated(tmp_path, classes=60, takes=1)
    section = sections.confusion(Results(root))
    trace = section["figure"].traces[0]
    assert len(trace["z"]) <= sections.HEAT_MAP
    names = section["figure"].layout["xaxis"]["ticktext"]
    assert {"hello", "thanks"} <= set(names)
    z = np.array(trace["z"])
    pairs = pd.read_csv(root / "evaluation/confusions.csv")
    worst = pairs.iloc[0]
    row, column = names.index(worst["true_gloss"]), names.index(worst["predicted_gloss"])
    assert z[row, column] == pytest.approx(worst["share"], abs=1e-4)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return evaluated(tmp_path_factory.mktemp("results"))


def changed(root: Path, **changes: object) -> str:
    """Return the words of the page where the evaluation says something else."""
    path = root / "evaluation/metrics.json"
    before = read_json(path)
    write_json(path, before | changes)
    try:
        return built(root).words
    finally:
        write_json(path, before)


def test_shuffled_clips_are_compared_like_with_like(root: Path) -> None:
    said = built(root).words
    assert f"<s>{share(0.99)}</s>" in (root / "report.html").read_text(encoding="utf-8")
    assert said.index("Not to quote") < said.index(share(0.99))
    assert "of 70 clips; with signers apart, the same model with as many training clips (46) reaches" in said
    assert "+39.0 points (95 % interval +20.0 to +50.0). The difference is recognising people, not signs." in said


def test_a_difference_that_may_be_none_is_not_called_recognising_people(root: Path) -> None:
    said = changed(root, shuffled=SHUFFLED | {"difference": {"value": 0.1, "low": -0.01, "high": 0.2}})
    assert "The interval includes no difference" in said
    assert "recognising people" not in said


def test_nothing_is_said_of_shuffling_where_it_cannot_be_told(root: Path) -> None:
    assert "If clips were shuffled" not in changed(root, shuffled={})


def test_signs_that_cannot_be_right_are_named_with_the_ceiling(root: Path) -> None:
    lost = {"gloss": "water", "label": "3", "clips": 2, "of": 2, "signers": 1}
    said = changed(root, ceiling={"top1": 0.9, "classes": [lost]})
    assert (
        f"1 sign cannot be recognised: where it is tested, training has no clip of it. So top-1 can reach {share(0.9)}"
        in said
    )
    assert "Signs that cannot be right" in said
    assert "water 3 2 of 2 1" in said
    assert "cannot be" not in built(root).words


@pytest.mark.parametrize(("classes", "there"), [(5, False), (6, True)])
def test_top5_of_five_signs_is_left_out(tmp_path: Path, classes: int, there: bool) -> None:
    said = built(evaluated(tmp_path, classes=classes, streams=("joint", "bone"))).words
    assert ("Top-5" in said) == there


def test_few_signers_are_shown_as_a_range(tmp_path: Path) -> None:
    root = evaluated(tmp_path, signers=4)
    ends = read_json(root / "evaluation/metrics.json")["spread"]
    said = built(root).words
    assert "Only 4 signers were tested, so few that the interval is rough" in said
    worst = ends["worst_signer"]
    assert f"from {share(worst['top1'])} ({worst['correct']} of {worst['clips']}) of s02 to" in said


def test_six_signers_need_no_such_caution(root: Path) -> None:
    assert "so few that the interval" not in built(root).words


def test_percentages_of_few_clips_are_counts(root: Path) -> None:
    table = pd.read_csv(root / "evaluation/per_class.csv").sort_values("f1").iloc[0]
    said = built(root).words
    assert f"{table['correct']} of {table['clips']}" in said
    pair = pd.read_csv(root / "evaluation/confusions.csv").iloc[0]
    assert f"{pair['true_gloss']} {pair['predicted_gloss']} {pair['count']} {pair['count']} of {pair['clips']}" in said
    summary = read_json(root / "evaluation/metrics.json")
    right = round(summary["top1"]["value"] * summary["clips"])
    assert f"{right} of {summary['clips']} clips recognised" in said


def test_calibration_is_shown_before_and_after(root: Path) -> None:
    summary = read_json(root / "evaluation/metrics.json")
    said = built(root).words
    assert share(summary["ece"]["value"]) in said
    assert f"Before calibration it is {share(summary['ece_uncalibrated']['value'])}" in said


def test_what_a_threshold_answers_is_said(root: Path) -> None:
    summary = read_json(root / "evaluation/metrics.json")
    answered = summary["answered"]
    said = built(root).words
    assert f"{share(answered['coverage']['value'])} ({span(answered['coverage'])}) of the clips are answered, " in said
    assert f"{share(answered['accuracy']['value'])} ({span(answered['accuracy'])}) of these rightly" in said


def test_signers_who_sign_otherwise_are_named_with_what_they_are_taken_for(tmp_path: Path) -> None:
    root = evaluated(tmp_path)
    assert "other words under" not in built(root).words
    row = {"signer": "<b>ann", "clips": 7, "classes": 2, "given": 0.1, "expected": 0.8, "share": 0.125}
    pd.DataFrame([row | {"seen_as": "hello as thanks (3 of 4)"}]).to_csv(root / "evaluation/label_signers.csv")
    said = built(root).words
    assert "1 signer may sign other words under their labels than everybody else" in said
    assert f"<b>ann 7 2 {share(0.1, 0)} {share(0.8, 0)} hello as thanks (3 of 4)" in said
    assert "<b>ann" not in (root / "report.html").read_text(encoding="utf-8")


def test_commands_are_complete(root: Path) -> None:
    """Each command can be typed as it stands: no ellipsis, no name in capitals."""
    page = (root / "report.html").read_text(encoding="utf-8")
    commands = [part.split("</code>")[0] for part in page.split("<code>")[1:]]
    assert any(command.startswith("signfold view") for command in commands)
    for command in commands:
        if command.startswith(("signfold view", "snakemake")):
            assert "…" not in command
            assert "CLIP" not in command
    first = pd.read_csv(root / "evaluation/label_audit.csv").iloc[0]
    assert any(first["sample_id"] in command and str(root) in command for command in commands)


def test_one_fold_without_validation(tmp_path: Path) -> None:
    """An official split with nothing to validate on: no best fold, no validation line."""
    root = fake_results(tmp_path, epochs=1)
    for path in root.glob("models/*/joint/seed-1/history.csv"):
        history = pd.read_csv(path)
        history[["val_loss", "val_top1"]] = np.nan
        history.to_csv(path, index=False)
    for path in root.glob("models/*/joint/seed-1/metrics.json"):
        none = dict.fromkeys(("top1", "top5", "loss"))
        write_json(path, json.loads(path.read_text(encoding="utf-8")) | {"select": "last", "val": none})
    for path in root.glob("folds/*.parquet"):
        rewrite(path, lambda table: table.assign(role=table["role"].replace("val", "none")))
    as_official(root)
    run_evaluate(root)
    found = built(root).words
    assert "official split" in found
    assert "The best of" not in found
    assert "alidat" not in found.replace("Nobody validates", "")
    assert "these probabilities are not calibrated" in found

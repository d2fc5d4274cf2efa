"""The cards say what the run found, and do not claim what nobody knows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_results import evaluated, fake_results, with_final

from signfold import report
from signfold.core.results import ResultsFolder
from signfold.report.cards import cell
from signfold.report.format import share, span


def written(root: Path) -> tuple[str, str]:
    paths = root / "model_card.md", root / "data_card.md"
    config = {"model": {"network": "light"}}
    run = report.Run("demo", config, {"signfold": "0.1.0", "torch": "2"}, "snakemake --cores all")
    report.cards(report.Results(root), *paths, run)
    return paths[0].read_text(encoding="utf-8"), paths[1].read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return evaluated(tmp_path_factory.mktemp("results"), streams=("joint", "bone"))


def test_the_model_card_has_the_headline_with_interval_and_every_signer(root: Path) -> None:
    model, _ = written(root)
    summary = json.loads((root / "evaluation/metrics.json").read_text(encoding="utf-8"))
    assert f"| top-1 | {share(summary['top1']['value'])} | {span(summary['top1'])} |" in model
    assert summary["protocol"] in model
    assert "`model.network: light`; streams: joint, bone" in model
    assert all(f"| s{number:02d} |" in model for number in range(6))
    assert summary["baseline"]["method"] in model
    assert "6 signers were tested, each unseen in training." in model
    assert "So few" not in model
    assert "snakemake --cores all" in model


def test_the_model_card_tells_a_final_network_from_those_of_the_folds(tmp_path: Path) -> None:
    root = evaluated(tmp_path)
    assert "trained on all clips" not in written(root)[0]
    with_final(root, {"joint": ResultsFolder(root).chosen_epochs("joint")})
    assert "and for use 1 network trained on all clips, of which the cross-validated figures" in written(root)[0]


def test_the_data_card_counts_what_was_left_out_and_why(root: Path) -> None:
    _, data = written(root)
    assert "| videos found | 73 |" in data
    assert "| file name matches no pattern | index | 1 |" in data
    assert "Did they agree to be recorded" in data


def test_tables_are_whole_rows(root: Path) -> None:
    for text in written(root):
        lines = text.splitlines()
        for number, line in enumerate(lines):
            if line.startswith("|---"):
                width = line.count("|")
                end = next((i for i, row in enumerate(lines[number:]) if not row.startswith("|")), None)
                rows = lines[number - 1 : number + end] if end else lines[number - 1 :]
                assert len(rows) > 2
                assert {row.replace("\\|", "").count("|") for row in rows} == {width}, rows


def test_few_signers_and_few_signs_are_said(tmp_path: Path) -> None:
    model, _ = written(evaluated(tmp_path, signers=4, classes=4))
    assert (
        "4 signers were tested, each unseen in training. So few make the interval rough: by signer, top-1 is" in model
    )
    assert "top-5" not in model


def test_unknown_signers_are_said(tmp_path: Path) -> None:
    model, data = written(evaluated(tmp_path, known_signers=False))
    assert "Signers are not known: the same person may be in training and test" in model
    assert "| signers | unknown |" in data


def test_without_an_evaluation_the_cards_say_so(tmp_path: Path) -> None:
    model, data = written(fake_results(tmp_path))
    assert "Nothing is evaluated yet" in model
    assert "| signs | 6 |" in data


def test_names_stay_what_they_are() -> None:
    assert cell("a|b*c_<d>\n") == r"a\|b\*c\_\<d\>"

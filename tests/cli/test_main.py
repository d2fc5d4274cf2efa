"""The command line: what it lists, and how it says what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from signfold.cli.main import main


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, list(arguments))
    return result.exit_code, result.output


def test_help_lists_every_command() -> None:
    code, said = run("--help")
    assert code == 0
    assert all(command in said for command in ("synth", "cache", "predict", "show"))


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_explains_itself(command: str) -> None:
    code, said = run(command, "--help")
    assert code == 0
    assert len(said.splitlines()) > 3


def test_show_prints_where_the_report_is_and_its_headline(tmp_path: Path) -> None:
    (tmp_path / "evaluation").mkdir()
    metrics = {"top1": {"value": 0.8125, "low": 0.7, "high": 0.9}, "protocol": "9 signers, 9 folds"}
    metrics["interval"] = {"confidence": 0.95}
    (tmp_path / "evaluation" / "metrics.json").write_text(json.dumps(metrics))
    code, said = run("show", str(tmp_path))
    assert code == 0
    assert f"report: {tmp_path}/report.html" in said
    assert "top-1 81.2% (95% interval 70.0% to 90.0%); 9 signers, 9 folds" in said


def test_an_error_is_one_message_without_a_traceback(tmp_path: Path) -> None:
    code, said = run("show", str(tmp_path))
    assert code == 1
    assert said.startswith("Error: ")
    assert "no such file; run `snakemake" in said


def test_synth_draws_clips(tmp_path: Path) -> None:
    code, said = run("synth", str(tmp_path), "--signs", "1", "--signers", "1", "--takes", "1")
    assert code == 0, said
    assert len(list(tmp_path.glob("*.mp4"))) == 1
    code, said = run("synth", str(tmp_path), "--signs", "1000")
    assert code == 1
    assert "out of range" in said

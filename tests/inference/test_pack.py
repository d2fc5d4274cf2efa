"""From a results folder to a bundle, and from either to the same predictions."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from saved_models import save_folds
from tensor_clips import signer

import signfold
from signfold.cli.main import main
from signfold.core.errors import SignfoldError
from signfold.inference.pack import pack


@pytest.fixture
def results(tmp_path: Path) -> Path:
    root = save_folds(tmp_path / "mine", final=True)
    (root / "model_card.md").write_text("# Model card: mine\n")
    return root


def card(bundle: Path) -> str:
    with zipfile.ZipFile(bundle) as archive:
        return archive.read("model_card.md").decode()


@pytest.mark.parametrize("ensemble", [False, True])
def test_a_bundle_answers_as_the_results_do_and_needs_nothing_else(
    tmp_path: Path, results: Path, ensemble: bool
) -> None:
    expected = signfold.load(results, ensemble=ensemble).predict(signer())
    packed = pack(results, tmp_path / "a.signfold", ensemble)
    pack(results, tmp_path / "b.signfold", ensemble)
    assert (tmp_path / "a.signfold").read_bytes() == (tmp_path / "b.signfold").read_bytes()
    shutil.rmtree(results)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    bundle = (tmp_path / "a.signfold").rename(elsewhere / "any name")
    model = signfold.load(bundle)
    assert model.predict(signer()) == expected
    assert (model.name, model.final, list(model.members)) == ("mine", not ensemble, list(packed.members))
    assert "# Model card: mine" in card(bundle)
    assert ("trained on all clips. Nobody was left to test it on" in card(bundle)) != ensemble


def test_the_graph_for_other_programs_travels_in_the_bundle_and_changes_no_answer(
    tmp_path: Path, results: Path
) -> None:
    expected = signfold.load(results).predict(signer())
    ran = CliRunner().invoke(main, ["pack", str(results), "-o", str(tmp_path / "a.signfold"), "--onnx"])
    assert ran.exit_code == 0, ran.output
    with zipfile.ZipFile(tmp_path / "a.signfold") as archive:
        said = json.loads(archive.read("preprocessing.json"))
        graph = archive.read("model.onnx")
    assert said["labels"] == list(signfold.load(results).labels)
    assert b"probabilities" in graph
    assert signfold.load(tmp_path / "a.signfold").predict(signer()) == expected


def test_without_a_final_network_the_error_says_how_to_train_it_and_what_else_there_is(
    tmp_path: Path, results: Path
) -> None:
    shutil.rmtree(results / "models/final")
    with pytest.raises(
        SignfoldError, match=rf"--ensemble takes .*run `snakemake --cores all {results}/models/final.done`"
    ):
        pack(results, tmp_path / "a.signfold")
    pack(results, tmp_path / "a.signfold", ensemble=True)


def test_a_bundle_travels_with_its_card(tmp_path: Path, results: Path) -> None:
    (results / "model_card.md").unlink()
    with pytest.raises(SignfoldError, match=r"model_card\.md: no such file, and a bundle travels with its card; run"):
        pack(results, tmp_path / "a.signfold")


@pytest.mark.parametrize("name", ["a.zip", ".", "a"])
def test_a_bundle_has_its_ending(tmp_path: Path, results: Path, name: str) -> None:
    with pytest.raises(SignfoldError, match=r"a bundle is a file whose name ends in \.signfold"):
        pack(results, tmp_path / name)


def test_the_command_packs(tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["pack", "mine"])
    assert done.exit_code == 0, done.output
    assert done.output.startswith("mine.signfold: ")
    assert signfold.load("mine.signfold").final
    CliRunner().invoke(main, ["pack", "mine", "--ensemble", "-o", "folds.signfold"])
    assert not signfold.load("folds.signfold").final


def test_a_choice_of_networks_is_for_results_folders(tmp_path: Path, results: Path) -> None:
    pack(results, tmp_path / "a.signfold")
    with pytest.raises(SignfoldError, match="a bundle holds one model"):
        signfold.load(tmp_path / "a.signfold", ensemble=True)


def test_importing_signfold_loads_nothing_heavy() -> None:
    heavy = {"numpy", "torch", "pandas", "mediapipe"}
    code = f"import signfold, sys; print(sorted({heavy} & set(sys.modules)), signfold.load)"
    said = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert said.startswith("[] <function load")


def test_a_place_that_cannot_be_written_is_told_before_the_export(
    tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported: list[object] = []
    monkeypatch.setattr("signfold.inference.onnx.exported", lambda model: exported.append(model) or {})
    (tmp_path / "file").touch()
    with pytest.raises(SignfoldError, match="file"):
        pack(results, tmp_path / "file" / "a.signfold", onnx=True)
    assert exported == []

"""`signfold runs`: runs side by side, against figures known elsewhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from fake_results import evaluated, rewrite, run_evaluate, seeded

from signfold.cli.main import main
from signfold.core.errors import SignfoldError
from signfold.core.files import read_json, write_json
from signfold.evaluation.compare import compare
from signfold.evaluation.runs import HEADER, compared, find_runs, listing, read_run

MODEL = {"network": "aagcn", "width": 1.0}


def change_networks(root: Path, change: Callable[[dict], dict], pattern: str = "*/*/*") -> None:
    """Change what networks say of themselves, at the time at which they were written."""
    for file in root.glob(f"models/{pattern}/metrics.json"):
        when = file.stat().st_mtime
        write_json(file, change(read_json(file)))
        os.utime(file, (when, when))


def with_settings(root: Path, pattern: str = "*/*/*", **model: object) -> Path:
    """Say that networks were trained with these settings of the model."""
    change_networks(root, lambda own: own | {"settings": {"model": MODEL | model, "training": {"epochs": 9}}}, pattern)
    return root


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`results/a`, and `results/b` of another width in which every fifth clip is wrong."""
    root = tmp_path_factory.mktemp("project")
    a = with_settings(evaluated(root / "results/a"))
    b = with_settings(Path(shutil.copytree(a, root / "results/b")), width=0.5)
    change_networks(b, lambda own: own | {"train_seconds": 100.0})
    worse = lambda t: t.assign(predicted=t["predicted"].where(t.index % 5 > 0, (t["class_id"] + 1) % 6))  # noqa: E731
    rewrite(b / "evaluation/predictions.parquet", worse)
    return root


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of `made`, in which the command is run."""
    shutil.copytree(made / "results", tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> tuple[int, list[str]]:
    result = CliRunner().invoke(main, ["runs", *arguments])
    return result.exit_code, result.output.splitlines()


def test_the_table_has_what_differs_the_paired_difference_and_the_time(project: Path) -> None:
    a, b = Path("results/a"), Path("results/b")
    rows = compared([read_run(a), read_run(b)])
    assert [row.settings for row in rows] == ["model.width 1.0", "model.width 0.5"]
    gain = compare(a, b).gain
    assert gain.value < -0.1
    assert rows[0].difference == ""
    assert rows[1].difference == f"{100 * gain.value:+.1f} ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})"
    networks = len(list(a.glob("models/*/*/seed-1")))
    assert (rows[0].run.seconds, rows[1].run.seconds) == (networks * 33.5, networks * 100.0)
    code, said = run("results/a", "results/b")
    assert code == 0, said
    top1 = read_json(a / "evaluation/metrics.json")["top1"]
    figures = f"{100 * top1['value']:.1f} ({100 * top1['low']:.1f} to {100 * top1['high']:.1f})"
    assert [said[0].split("  ")[0], said[1].split("  ")[0], said[2].split("  ")[0]] == ["run", "results/a", "results/b"]
    assert figures in said[1]
    assert rows[1].difference in said[2]
    assert said[2].index(rows[1].difference) == said[0].index("difference")
    assert "top-1: percent, with its 95% interval over signers" in said
    assert not any("seeds" in line or "not all made alike" in line for line in said)


def test_a_further_run_has_its_settings_where_they_differ_from_the_first(project: Path) -> None:
    third = with_settings(Path(shutil.copytree("results/a", "results/c")), network="light")
    change_networks(third, lambda own: own | {"threads": 4})
    again = shutil.copytree("results/a", "results/d")
    rows = compared([read_run(Path(name)) for name in ("results/a", "results/b", third, again)])
    assert [row.settings for row in rows] == [
        "model.network aagcn; model.width 1.0; threads not stated",
        "model.width 0.5",
        "model.network light; threads 4",
        "as the first",
    ]


def test_markdown_has_the_same_cells(project: Path) -> None:
    rows = compared([read_run(Path("results/a")), read_run(Path("results/b"))])
    Path("results/b").rename("results/b|c")
    code, said = run("--md", "results/a", "results/b|c")
    assert code == 0, said
    assert said[0] == f"| {' | '.join(HEADER)} |"
    assert said[1] == "|---|---|---|---|---|---|"
    cells = [cell.strip() for cell in said[3].replace("\\|", "/").split("|")[1:-1]]
    assert cells[0] == "results/b/c"
    assert (cells[3], cells[5]) == (rows[1].difference, "model.width 0.5")
    assert said[4] == ""
    assert all(line.startswith("- ") for line in said[5:])


def test_without_arguments_all_evaluated_runs_are_shown_by_name(project: Path) -> None:
    shutil.copytree("results/a", "results/unfinished")
    shutil.rmtree("results/unfinished/evaluation")
    Path("results/cache").mkdir()
    code, said = run()
    assert code == 0, said
    assert [line.split()[0] for line in said[1:3]] == ["results/a", "results/b"]
    assert said[3] == ""


def test_without_arguments_a_run_that_cannot_be_shown_is_a_line(project: Path) -> None:
    next(Path("results/a").glob("models/*/*/*/metrics.json")).unlink()
    runs, left_out = find_runs(Path("results"))
    assert [run.results.name for run in runs] == ["b"]
    assert left_out[0].startswith("left out: results/a: incomplete: 1 of ")
    code, said = run()
    assert code == 0
    assert said[-1] == left_out[0]
    shutil.rmtree("results/b")
    code, said = run()
    assert code == 1
    assert said[0].startswith("Error: results: no folder in it has an evaluation (left out: results/a: incomplete")


def test_nothing_to_show_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = run()
    assert code == 1
    assert said[0].startswith("Error: results: no folder in it has an evaluation (evaluation/metrics.json); run")


def test_a_run_of_another_dataset_is_said_in_its_row(project: Path) -> None:
    other = Path(shutil.copytree("results/b", "results/other"))
    rewrite(other / "evaluation/predictions.parquet", lambda t: t.assign(sample_id="x/" + t["sample_id"]))
    labels = Path(shutil.copytree("results/b", "results/labels"))
    rewrite(labels / "evaluation/predictions.parquet", lambda t: t.assign(label=t["label"].radd("x")))
    half = Path(shutil.copytree("results/b", "results/half"))
    rewrite(half / "evaluation/predictions.parquet", lambda t: t[t.index % 2 == 0])
    rows = compared([read_run(Path(name)) for name in ("results/a", other, labels, half)])
    assert [row.difference for row in rows[1:3]] == ["no common clips", "other labels"]
    clips = len(compare(Path("results/a"), half).clips)
    assert rows[3].difference.endswith(f"), on {clips} clips of both")


def test_a_folder_without_results_and_an_incomplete_run_are_errors(project: Path) -> None:
    Path("empty").mkdir()
    code, said = run("results/a", "empty")
    assert code == 1
    assert said == ["Error: empty: no results of a run: no index, no folds, no models; name one as results/demo"]
    root = Path("results/b")
    folds = len(list(root.glob("folds/*.parquet")))
    shutil.rmtree(root / "models/fold-2")
    with pytest.raises(SignfoldError, match=r"b: incomplete: . of . networks that were evaluated are gone, .*fold-2"):
        read_run(root)
    shutil.rmtree(root / "evaluation")
    expected = f"b: incomplete: not evaluated; networks of {folds - 1} of {folds} folds are trained; run `snakemake"
    with pytest.raises(SignfoldError, match=expected):
        read_run(root)
    (root / "folds").rename(root / "models/folds")
    with pytest.raises(SignfoldError, match="b: incomplete: not evaluated; networks of 0 of 0 folds are trained"):
        read_run(root)


def test_files_of_several_settings_are_told(project: Path) -> None:
    with_settings(Path("results/b"), "fold-1/*/*", width=0.25)
    runs = [read_run(Path(name)) for name in ("results/a", "results/b")]
    assert compared(runs)[1].settings == "model.width 0.5 / 0.25"
    assert "results/b: its files were not all made alike: model.width 0.5 / 0.25" in listing(runs)


def test_networks_newer_than_the_evaluation_are_told(project: Path) -> None:
    told = (
        "results/b: a network is newer than the evaluation, whose figures may be of an earlier one; run snakemake again"
    )
    when = Path("results/b/evaluation/metrics.json").stat().st_mtime
    network = Path("results/b/models/fold-2/joint/seed-1/metrics.json")
    os.utime(network, (when, when))
    runs = [read_run(Path(name)) for name in ("results/a", "results/b")]
    assert told not in listing(runs)
    os.utime(network, (when + 1, when + 1))
    assert told in listing([read_run(Path("results/b"))])


def test_of_several_seeds_all_networks_count_and_the_first_is_compared(tmp_path: Path) -> None:
    seeded(tmp_path, 2)
    run_evaluate(tmp_path / "all", seeds=2)
    one, two = read_run(tmp_path / "alone-0"), read_run(tmp_path / "all")
    assert two.seconds == 2 * one.seconds
    assert compared([one, two])[1].settings == "seeds 2"
    assert "of several seeds, top-1 is the mean, and the difference is the first seed's" in listing([one, two])


def test_streams_and_their_fusion_are_settings(tmp_path: Path) -> None:
    one = read_run(evaluated(tmp_path / "one"))
    two = read_run(evaluated(tmp_path / "two", streams=("joint", "bone")))
    assert compared([one, two])[1].settings == "streams [joint, bone]; evaluation.fusion {joint: 2.0, bone: 2.0}"

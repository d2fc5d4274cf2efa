"""`signfold compare`: paired over the same clips, against figures worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner
from scipy.stats import binom

from signfold.cli.main import main
from signfold.core.errors import SignfoldError
from signfold.core.files import read_parquet, write_parquet
from signfold.evaluation.compare import by_sign, compare, comparison_lines
from signfold.evaluation.intervals import Interval


def result(folder: Path, right: dict[str, bool], label: str = "a", signer: bool = True) -> Path:
    """A results folder in which clips `signer/number` are right or wrong."""
    rows = [
        {
            "sample_id": name,
            "signer": name.split("/")[0] if signer else None,
            "label": label if name.endswith("0") else "b",
            "gloss": None,
            "class_id": 0,
            "predicted": 0 if good else 1,
        }
        for name, good in right.items()
    ]
    schema = {"sample_id": pa.string(), "signer": pa.string(), "label": pa.string(), "gloss": pa.string()}
    table = pa.Table.from_pylist(
        rows, schema=pa.schema([*schema.items(), ("class_id", pa.int32()), ("predicted", pa.int32())])
    )
    write_parquet(table, folder / "evaluation/predictions.parquet", {})
    return folder


def clips(signers: int = 4, each: int = 10) -> list[str]:
    return [f"s{signer}/{number}" for signer in range(signers) for number in range(each)]


def test_figures_are_those_of_a_case_worked_out_by_hand(tmp_path: Path) -> None:
    # Of 40 clips A has 20 right, B the same less 2 and 8 others.
    a = {name: number < 20 for number, name in enumerate(clips())}
    b = {name: 2 <= number < 28 for number, name in enumerate(clips())}
    found = compare(result(tmp_path / "a", a), result(tmp_path / "b", b))
    assert (found.top1_a, found.top1_b, found.lost, found.won) == (0.5, 0.65, 2, 8)
    assert found.p == pytest.approx(2 * binom.cdf(2, 10, 0.5))
    # Signers gain -2, 0, 8 and 0 of 10 clips.
    assert found.unit == "signer"
    assert found.gain.value == pytest.approx(0.15)
    assert -0.7 < found.gain.low < 0 < 0.15 < found.gain.high <= 1


def test_what_all_signers_gain_alike_is_nearly_certain(tmp_path: Path) -> None:
    a = {name: name.endswith("1") for name in clips()}
    b = {name: name[-1] in "12" for name in clips()}
    found = compare(result(tmp_path / "a", a), result(tmp_path / "b", b))
    assert found.gain.value == pytest.approx(0.1)
    assert 0.1 < found.gain.high - found.gain.low < 0.3
    assert (found.won, found.lost, found.p) == (4, 0, pytest.approx(2 * 0.5**4))


def test_the_interval_is_over_clips_where_a_signer_is_unknown(tmp_path: Path) -> None:
    right = dict.fromkeys(clips(), True)
    found = compare(result(tmp_path / "a", right, signer=False), result(tmp_path / "b", right, signer=False))
    assert (found.unit, found.gain.value, found.p) == ("clip", 0, 1)
    assert found.gain.low == pytest.approx(-found.gain.high)


def test_only_shared_clips_count_and_the_others_are_counted(tmp_path: Path) -> None:
    a, b = dict.fromkeys(clips(3), True), dict.fromkeys(clips(4)[5:], False)
    found = compare(result(tmp_path / "a", a), result(tmp_path / "b", b))
    assert (len(found.clips), found.only_a, found.only_b, found.lost) == (25, 5, 10, 25)


def test_signs_that_got_better_and_worse(tmp_path: Path) -> None:
    a = {name: name.endswith("0") for name in clips()}
    b = {name: not name.endswith("0") for name in clips()}
    table = by_sign(compare(result(tmp_path / "a", a), result(tmp_path / "b", b))).set_index("sign")
    pd.testing.assert_series_equal(table["gain"], pd.Series({"a": -1.0, "b": 1.0}, name="gain"), check_names=False)


def test_the_command_prints_a_verdict(tmp_path: Path) -> None:
    good = result(tmp_path / "b", dict.fromkeys(clips(), True))
    bad = result(tmp_path / "a", dict.fromkeys(clips(), False))
    done = CliRunner().invoke(main, ["compare", str(bad), str(good)])
    assert done.exit_code == 0, done.output
    assert "B - A: +100.0 points, 95% interval +" in done.output
    assert "to +100.0 (score interval over signers); B is better" in done.output
    assert "right in B alone: 40; in A alone: 0; McNemar" in done.output
    assert "better in B: 2 of 2 signs" in done.output
    assert "  a: 0 to 4 of 4 clips" in done.output
    assert "worse in B: 0 of 2 signs" in done.output
    other = CliRunner().invoke(main, ["compare", str(good), str(bad)])
    assert "; A is better" in other.output
    assert "  a: 4 to 0 of 4 clips" in other.output
    same = CliRunner().invoke(main, ["compare", str(good), str(good)])
    assert "; no difference can be told" in same.output
    for low, high in ((0.0, 0.2), (-0.2, 0.0)):
        open_at_0 = replace(compare(bad, good), gain=Interval(0.1, low, high))
        assert comparison_lines(open_at_0, bad, good)[4].endswith("; no difference can be told")


def test_a_long_list_of_signs_is_cut(tmp_path: Path) -> None:
    """Of 39 signs, B has 25 right that A has not: those that gained most are named, the others counted."""
    names = [f"s{n % 4}/{n}" for n in range(40)]
    folders = []
    for folder, rights in (("a", 0), ("b", 25)):
        path = result(tmp_path / folder, {name: place < rights for place, name in enumerate(names)})
        file = path / "evaluation/predictions.parquet"
        table = read_parquet(file).to_pandas()
        table["gloss"] = table["sample_id"]
        table.loc[39, "gloss"] = names[0]
        write_parquet(pa.Table.from_pandas(table, preserve_index=False), file, {})
        folders.append(path)
    lines = comparison_lines(compare(*folders), *folders)
    at = lines.index("better in B: 25 of 39 signs")
    assert all(line.endswith(": 0 to 1 of 1 clips") for line in lines[at + 1 : at + 11])
    assert lines[at + 11 : at + 13] == ["  and 15 more", "worse in B: 0 of 39 signs"]
    assert comparison_lines(compare(*folders), *folders, most=25)[-2] == f"  {names[0]}: 0 to 1 of 2 clips"
    assert lines[2] == "40 clips in both (0 only in A, 0 only in B)"
    assert lines[3] == "top-1 on these: A 0.0%, B 62.5%"


def test_what_cannot_be_compared_is_an_error_with_names(tmp_path: Path) -> None:
    a = result(tmp_path / "a", dict.fromkeys(clips(), True))
    with pytest.raises(SignfoldError, match=r"missing/evaluation/predictions.parquet: no such file; run"):
        compare(a, tmp_path / "missing")
    with pytest.raises(SignfoldError, match="share no tested clip"):
        compare(a, result(tmp_path / "c", {"x/0": True}))
    with pytest.raises(SignfoldError, match=r"4 clips have different labels, such as 's0/0': 'a' in .*, 'other' in"):
        compare(a, result(tmp_path / "d", dict.fromkeys(clips(), True), label="other"))

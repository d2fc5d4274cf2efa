"""`signfold compare`: paired over the same clips, against figures worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner
from scipy.stats import binom

from signfold.cli.main import main
from signfold.core.errors import SignfoldError
from signfold.core.files import write_parquet
from signfold.evaluation.compare import by_sign, compare


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
    # Signers gain -2, 0, 8 and 0 of 10 clips: the interval's ends are means of four of these.
    assert found.unit == "signer"
    assert -0.2 <= found.low < 0 < 0.15 < found.high <= 0.8


def test_what_all_signers_gain_alike_is_certain(tmp_path: Path) -> None:
    a = {name: name.endswith("1") for name in clips()}
    b = {name: name[-1] in "12" for name in clips()}
    found = compare(result(tmp_path / "a", a), result(tmp_path / "b", b))
    assert found.low == pytest.approx(0.1)
    assert found.high == pytest.approx(0.1)


def test_clips_are_drawn_where_a_signer_is_unknown(tmp_path: Path) -> None:
    right = dict.fromkeys(clips(), True)
    found = compare(result(tmp_path / "a", right, signer=False), result(tmp_path / "b", right, signer=False))
    assert (found.unit, found.low, found.high, found.p) == ("clip", 0, 0, 1)


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
    assert "B - A: +100.0 points, 95% interval +100.0 to +100.0 (bootstrap over signers); B is better" in done.output
    assert "better in B: 2 of 2 signs" in done.output


def test_what_cannot_be_compared_is_an_error_with_names(tmp_path: Path) -> None:
    a = result(tmp_path / "a", dict.fromkeys(clips(), True))
    with pytest.raises(SignfoldError, match=r"missing/evaluation/predictions.parquet: no such file; run"):
        compare(a, tmp_path / "missing")
    with pytest.raises(SignfoldError, match="share no tested clip"):
        compare(a, result(tmp_path / "c", {"x/0": True}))
    with pytest.raises(SignfoldError, match=r"4 clips have different labels, such as 's0/0': 'a' in .*, 'other' in"):
        compare(a, result(tmp_path / "d", dict.fromkeys(clips(), True), label="other"))

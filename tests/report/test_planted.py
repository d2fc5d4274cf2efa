"""Promises of the note on planted flaws: it says of each whether the run found it, and only of data with flaws."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from fake_results import evaluated, rewrite

from signfold import report
from signfold.core.files import write_parquet
from signfold.report.planted import KINDS, planted
from signfold.report.results import Results
from signfold.synth.flaws import Kind

WRONG, COPY, ORIGINAL, TWO = (f"s00/sign00{number}_0" for number in range(4))


def plant(root: Path, *flaws: tuple[str, str, str | None]) -> None:
    """Write the list of planted flaws, as the renderer does."""
    rows = [dict(zip(("kind", "name", "other"), flaw, strict=True)) for flaw in flaws]
    write_parquet(pa.table({"sample_id": ["any"]}), root / "videos/truth.parquet", {"planted": rows})


def note(root: Path, kind: str, name: str, other: str | None = None) -> dict[str, Any]:
    plant(root, (kind, name, other))
    (row,) = planted(Results(root))["rows"]
    return row


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return evaluated(tmp_path / "results")


def test_every_kind_of_flaw_has_its_check() -> None:
    assert set(KINDS) == set(Kind.__args__)
    assert all(check.section in report.page.TITLES for check in KINDS.values())


def test_a_wrong_label_is_found_where_the_label_errors_list_it(root: Path) -> None:
    file = root / "evaluation/label_audit.csv"
    pd.read_csv(file, dtype=str).head(0).to_csv(file, index=False)
    assert not note(root, "wrong_label", WRONG, "3")["found"]
    rows = pd.DataFrame({"sample_id": ["s01/sign001_0", WRONG], "label": "1", "other_label": "3"})
    rows.to_csv(file, index=False)
    found = note(root, "wrong_label", WRONG, "3")
    assert found["found"]
    assert found["said"] == "performs water; number 2 of 2 suspicious labels, as water"


def test_a_copy_is_found_where_the_pair_is_a_near_duplicate(root: Path) -> None:
    assert not note(root, "copy", COPY, ORIGINAL)["found"]
    pair = {"sample_id": [COPY], "other_id": [ORIGINAL], "distance": np.array([0.012], np.float32)}
    write_parquet(pa.table(pair), root / "duplicates.parquet")
    assert "0.012 shoulder widths" in note(root, "copy", COPY, ORIGINAL)["said"]
    assert note(root, "reencoded", ORIGINAL, COPY)["found"]
    assert not note(root, "reencoded", ORIGINAL, TWO)["found"]


def test_what_is_left_out_is_found_with_its_reason(root: Path) -> None:
    assert not note(root, "unreadable", "bad")["found"]
    pd.DataFrame({"path": ["results/demo/videos/bad.mp4"], "reason": "no label"}).to_csv(
        root / "index.excluded.csv", index=False
    )
    assert note(root, "no_label", "bad")["said"] == "left out: no label"
    table = {"sample_id": [TWO], "path": [f"{TWO}.mp4"], "reason": ["unreadable: moov"]}
    pd.DataFrame(table).to_csv(root / "manifest.excluded.csv", index=False)
    assert note(root, "unreadable", TWO)["found"]


def test_a_second_person_is_reported_as_not_looked_for(root: Path) -> None:
    found = note(root, "two_people", TWO)
    assert not found["found"]
    assert "MediaPipe follows one" in found["said"]


def test_signers_are_found_by_what_is_measured_of_them(root: Path) -> None:
    for file in root.glob("tensors/*.parquet"):
        rewrite(file, lambda t: t.assign(longest_gap=t["longest_gap"] + 20 * t["sample_id"].str.startswith("s02")))
    assert note(root, "poor_light", "s02")["found"], "its hands are lost longest"
    assert not note(root, "poor_light", "s01")["found"]
    assert not note(root, "left_handed", "s01")["found"]
    for file in root.glob("tensors/*.parquet"):
        rewrite(file, lambda t: t.assign(mirrored=t["sample_id"].str.startswith("s01")))
    assert note(root, "left_handed", "s01")["found"]
    assert not note(root, "left_handed", "s02")["found"]


def test_the_page_has_the_note_where_flaws_are_planted_alone(root: Path) -> None:
    def page() -> str:
        report.build(Results(root), root / "report.html", report.Run("demo", {}, {}, "snakemake"))
        return (root / "report.html").read_text(encoding="utf-8")

    assert 'id="planted"' not in page() and "#planted" not in page()
    plant(root)
    assert 'id="planted"' not in page()
    plant(root, ("no_label", "nowhere", None), ("two_people", TWO, None))
    assert "2 flaws of real data are planted among them. The run found 0." in page()
    assert '<a href="#planted">' in page()

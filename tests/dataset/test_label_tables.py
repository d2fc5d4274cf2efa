"""Tables of labels: what is wrong with one is said with file, line or column, and what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from signfold.core.errors import SignfoldError
from signfold.dataset import index

Row = tuple[str, str, str | None]


def read(root: Path, text: str, **keys: Any) -> list[Row]:
    for name in ("a.mp4", "b.mp4"):
        (root / name).write_bytes(b"x")
    (root / "labels.csv").write_text(text, encoding="utf-8")
    found = index.read_index({"root": str(root), "labels": {"file": "labels.csv", **keys}})
    return [(sample.sample_id, sample.label, sample.signer) for sample in found.samples]


def test_a_mistyped_column_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(SignfoldError, match=r"no column 'label'; found 'video', 'labl': did you mean 'labl'\?"):
        read(tmp_path, "video,labl\na.mp4,x\n")


@pytest.mark.parametrize("header", [" video , label ,signer ", "Video,LABEL,Signer"])
def test_blanks_and_case_of_a_header_do_not_matter(tmp_path: Path, header: str) -> None:
    assert read(tmp_path, f"{header}\na.mp4, x ,ann\n") == [("a", "x", "ann")]


def test_of_two_columns_that_differ_in_case_the_exact_one_counts(tmp_path: Path) -> None:
    assert read(tmp_path, "video,Label,label\na.mp4,x,y\n") == [("a", "y", None)]


def test_absolute_paths_below_the_root_are_paths_below_the_root(tmp_path: Path) -> None:
    assert read(tmp_path, f"video,label\n{tmp_path}/a.mp4,x\n") == [("a", "x", None)]
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    found = index.read_index({"root": str(tmp_path / "link"), "labels": {"file": "labels.csv"}})
    assert [sample.sample_id for sample in found.samples] == ["a"]


def test_if_no_row_fits_the_rows_are_shown(tmp_path: Path) -> None:
    with pytest.raises(SignfoldError, match=r"'labels\.csv, line 2: /other/a\.mp4': in the label table, but"):
        read(tmp_path, "video,label\n/other/a.mp4,x\n")


def test_a_row_in_other_case_is_named(tmp_path: Path) -> None:
    with pytest.raises(SignfoldError, match=r"no row in .* table, which has 'A\.MP4': upper and lower case"):
        read(tmp_path, "video,label\nA.MP4,x\n")


def test_labels_may_come_from_the_path_or_be_the_same_for_all(tmp_path: Path) -> None:
    assert read(tmp_path, "video,signer\na.mp4,ann\n", values={"label": "x"}) == [("a", "x", "ann")]
    keys = {"root": str(tmp_path), "labels": {"file": "labels.csv"}, "match": r"(?P<label>[^/]+)\.mp4$"}
    assert index.read_index(keys).samples[0].label == "a"


def test_a_table_without_header_needs_a_number_for_each_column(tmp_path: Path) -> None:
    with pytest.raises(SignfoldError, match=r"no number for 'label'"):
        read(tmp_path, "a.mp4,x\n", video=0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('video,label\na.mp4,"' + "x" * 200_000, r"labels\.csv, line 2: .*field limit.*quotation mark"),
        ("video,label\na.mp4,x\0y\n", r"labels\.csv, line 2: a NUL character"),
        ("", r"no column 'video'; found nothing: the file is empty"),
    ],
)
def test_a_damaged_table_is_an_error_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SignfoldError, match=message):
        read(tmp_path, text)


def test_a_deeply_nested_json_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SignfoldError, match="not WLASL's JSON"):
        read(tmp_path, "[" * 100_000, format="wlasl")
    instances = [{"video_id": "a", "signer_id": "Ann  B", "split": "train"}]
    assert read(tmp_path, json.dumps([{"gloss": " house", "instances": instances}]), format="wlasl") == [
        ("a", "house", "Ann B")
    ]


def test_blanks_inside_a_videos_name_are_its_own(tmp_path: Path) -> None:
    (tmp_path / "two  blanks.mp4").write_bytes(b"x")
    assert read(tmp_path, "video,label\ntwo  blanks.mp4,x\n") == [("two  blanks", "x", None)]

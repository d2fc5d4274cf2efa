"""Who signs what: names, tables, folders, and what is said of files that do not fit."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import yaml

from signfold.core import files
from signfold.core.errors import SignfoldError
from signfold.dataset import index
from signfold.dataset.index_table import write_index
from signfold.dataset.state import fingerprint

PRESETS = Path(__file__).parents[2] / "config" / "datasets"


def make(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def preset(name: str, root: Path, **keys: Any) -> dict[str, Any]:
    return yaml.safe_load((PRESETS / f"{name}.yaml").read_text()) | {"root": str(root)} | keys


def rows(found: index.Index) -> list[tuple[str, str, str | None, str | None, str | None]]:
    return [(s.sample_id, s.label, s.gloss, s.signer, s.split) for s in found.samples]


VSL = "01_Co-Hien_1-100_1-2-3_0108___center_device02_signer01_center_ord1_23.mp4"


def test_vsl_names_carry_signer_and_class_and_the_table_its_glosses(tmp_path: Path) -> None:
    make(tmp_path, VSL)
    (tmp_path / "labels.csv").write_text("\ufeffid,name,english,id\n23,bãi cỏ,lawn,23\n", encoding="utf-8")
    found = index.read_index(preset("vsl", tmp_path, glosses={"file": "labels.csv", "label": "id", "gloss": "name"}))
    assert rows(found) == [(VSL.removesuffix(".mp4"), "23", "bãi cỏ", "01", None)]
    assert found.excluded == ()


def test_the_real_vsl_sample(shared: Path) -> None:
    glosses = {"file": "labels.csv", "label": "id_label_in_documents", "gloss": "name"}
    (sample,) = index.read_index(preset("vsl", shared / "vsl-sample", glosses=glosses)).samples
    assert (sample.label, sample.signer) == ("23", "01")
    assert sample.gloss


def test_autsl_takes_colour_videos_and_the_official_split(tmp_path: Path) -> None:
    make(
        tmp_path, "train/signer0_sample1_color.mp4", "train/signer0_sample1_depth.mp4", "test/signer6_sample9_color.mp4"
    )
    (tmp_path / "train_labels.csv").write_text("signer0_sample1,41\n")
    (tmp_path / "val_labels.csv").write_text("signer1_sample2,3\n")
    (tmp_path / "test_labels.csv").write_text("signer6_sample9,7\n")
    found = index.read_index(preset("autsl", tmp_path))
    assert rows(found) == [
        ("test/signer6_sample9_color", "7", None, "6", "test"),
        ("train/signer0_sample1_color", "41", None, "0", "train"),
    ]
    reasons = dict(found.excluded)
    assert "does not match" in reasons[str(tmp_path / "train/signer0_sample1_depth.mp4")]
    assert "no such video" in reasons["val_labels.csv, line 1: signer1_sample2"]


def test_lsa64_wlasl_include_and_folders(tmp_path: Path) -> None:
    lsa = make(tmp_path / "lsa", "001_002_003.mp4")
    assert rows(index.read_index(preset("lsa64", lsa))) == [("001_002_003", "001", None, "002", None)]

    wlasl = make(tmp_path / "wlasl", "videos/69241.mp4")
    instances = [{"video_id": "69241", "signer_id": 118, "split": "train"}]
    instances += [{"video_id": "07069", "signer_id": 2, "split": "val"}]
    (wlasl / "WLASL_v0.3.json").write_text(json.dumps([{"gloss": "book", "instances": instances}]))
    found = index.read_index(preset("wlasl", wlasl))
    assert rows(found) == [("videos/69241", "book", None, "118", "train")]
    assert len(found.excluded) == 1

    include = make(tmp_path / "include", "Adjectives/1. loud/MVI_5177.MOV", "Animals/1. Dog/MVI_1.MOV")
    assert [(s.label, s.gloss) for s in index.read_index(preset("include", include)).samples] == [
        ("Adjectives/1. loud", "loud"),
        ("Animals/1. Dog", "Dog"),
    ]
    folders = make(tmp_path / "folders", "deep/er/house/a.webm", "tree/b.AVI")
    assert [s.label for s in index.read_index(preset("folders", folders)).samples] == ["house", "tree"]


def test_a_table_of_any_shape(tmp_path: Path) -> None:
    make(tmp_path, "a.mp4", "sub/b.mp4", "c.mp4", "d.mp4")
    text = "clip;sign;who;sign\na.mp4;house;anna;x\nb;tree;;y\nsub\\c.mp4;;ben;z\n"
    (tmp_path / "t.csv").write_text(text, encoding="utf-8-sig")
    labels = {"file": "t.csv", "video": "clip", "label": "sign", "signer": "who"}
    found = index.read_index({"root": str(tmp_path), "labels": labels})
    assert rows(found) == [("a", "house", None, "anna", None), ("sub/b", "tree", None, None, None)]
    assert sorted(reason for _, reason in found.excluded) == [
        "in the label table, but there is no such video",
        "no row in the label table",
        "no row in the label table",
    ]


def test_letters26_by_its_table(shared: Path) -> None:
    found = index.read_index(preset("csv", shared / "letters26"))
    assert len(found.samples) == 234
    assert len(found.signers) == 9
    assert len({s.label for s in found.samples}) == 26


@pytest.mark.parametrize(
    "name", ["with space.mp4", "o'quo\"te.mp4", "new\nline.mp4", "日本語.mp4", "-dash.mp4", ";$(x).mp4", "a:b%03d.mp4"]
)
def test_names_of_any_kind(tmp_path: Path, name: str) -> None:
    make(tmp_path, f"house/{name}")
    found = index.read_index(preset("folders", tmp_path))
    write_index(found, 8, tmp_path / "index.parquet", tmp_path / "excluded.csv")
    (row,) = files.read_parquet(tmp_path / "index.parquet").to_pylist()
    assert row["sample_id"] == f"house/{name.removesuffix('.mp4')}"
    assert Path(row["path"]).is_file()


def test_ids_are_unicode_nfc(tmp_path: Path) -> None:
    make(tmp_path, "house/" + unicodedata.normalize("NFD", "é") + ".mp4")
    assert index.read_index(preset("folders", tmp_path)).samples[0].sample_id == unicodedata.normalize("NFC", "house/é")


def test_a_name_that_is_no_text_is_left_out(tmp_path: Path) -> None:
    make(tmp_path, "house/a.mp4")
    Path(os.fsdecode(bytes(tmp_path / "house") + b"/\xff.mp4")).write_bytes(b"x")
    found = index.read_index(preset("folders", tmp_path))
    assert [s.sample_id for s in found.samples] == ["house/a"]
    write_index(found, 8, tmp_path / "index.parquet", tmp_path / "excluded.csv")
    with (tmp_path / "excluded.csv").open(encoding="utf-8") as file:
        assert [row["reason"] for row in csv.DictReader(file)] == ["the name is not valid UTF-8; rename the file"]


def test_two_files_with_one_id_are_an_error_that_names_both(tmp_path: Path) -> None:
    make(tmp_path, "house/a.mp4", "house/a.mov")
    with pytest.raises(SignfoldError, match=r"house/a'.*a\.mov.*a\.mp4"):
        index.read_index(preset("folders", tmp_path))


def test_a_folder_without_use_says_what_is_in_it(tmp_path: Path) -> None:
    with pytest.raises(SignfoldError, match="no such folder"):
        index.read_index(preset("folders", tmp_path / "nowhere"))
    with pytest.raises(SignfoldError, match="the folder is empty"):
        index.read_index(preset("folders", tmp_path))
    make(tmp_path, "notes.txt")
    with pytest.raises(SignfoldError, match=r"none of 1 files could be used: '.*notes\.txt': not a video file"):
        index.read_index(preset("folders", tmp_path))


def test_broken_tables_say_where(tmp_path: Path) -> None:
    make(tmp_path, "a.mp4")
    table = tmp_path / "labels.csv"

    def read(text: str, **columns: Any) -> None:
        table.write_text(text)
        index.read_index({"root": str(tmp_path), "labels": {"file": "labels.csv", **columns}})

    with pytest.raises(SignfoldError, match="no column 'sign'; found 'video', 'label'"):
        read("video,label\na,x\n", label="sign")
    with pytest.raises(SignfoldError, match="line 3: 1 columns, expected 2"):
        read("video,label\na,x\nb\n")
    with pytest.raises(SignfoldError, match=r"'y'.*line 2 says.*'x'"):
        read("video,label\na,x\na,y\n")
    with pytest.raises(SignfoldError, match="no such table"):
        index.read_index({"root": str(tmp_path), "labels": {"file": "other.csv"}})
    with pytest.raises(SignfoldError, match="no regular expression"):
        index.read_index({"root": str(tmp_path), "match": "(?P<label>"})
    with pytest.raises(SignfoldError, match="unknown groups"):
        index.read_index({"root": str(tmp_path), "match": "(?P<sign>.)"})


def test_one_row_never_stands_for_two_videos(tmp_path: Path) -> None:
    make(tmp_path, "anna/001.mp4", "ben/001.mp4")
    (tmp_path / "labels.csv").write_text("video,label,signer\n001.mp4,house,anna\n")
    with pytest.raises(SignfoldError, match=r"line 2: '001\.mp4' stands for two videos, 'anna/001\.mp4' and 'ben/001"):
        index.read_index(preset("csv", tmp_path))


def test_an_unknown_split_is_left_out_with_its_name(tmp_path: Path) -> None:
    make(tmp_path, "a.mp4", "b.mp4")
    (tmp_path / "labels.csv").write_text("video,label,split\na,x,dev\nb,x,extra\n")
    found = index.read_index(preset("csv", tmp_path))
    assert [s.split for s in found.samples] == ["val"]
    assert "unknown split 'extra'" in found.excluded[0][1]


def test_a_shard_depends_on_the_sample_alone() -> None:
    names = [f"clip{number}" for number in range(1000)]
    shards = {name: index.shard_of(name, 16) for name in names}
    assert set(shards.values()) == {f"{number:02d}" for number in range(16)}
    assert all(index.shard_of(name, 16) == shard for name, shard in shards.items())


def test_the_fingerprint_follows_the_files(tmp_path: Path) -> None:
    dataset = preset("folders", make(tmp_path, "house/a.mp4", "house/b.mp4"))
    first = fingerprint(index.read_index(dataset).samples, dataset)
    assert fingerprint(index.read_index(dataset).samples, dataset) == first
    os.utime(tmp_path / "house/a.mp4", (1, 1))
    touched = fingerprint(index.read_index(dataset).samples, dataset)
    (tmp_path / "house/b.mp4").unlink()
    assert len({first, touched, fingerprint(index.read_index(dataset).samples, dataset)}) == 3


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    make(tmp_path, "house/a.mp4")
    (tmp_path / "house" / "again").symlink_to(tmp_path, target_is_directory=True)
    assert [s.sample_id for s in index.read_index(preset("folders", tmp_path)).samples] == ["house/a"]


def test_the_snakefile_pays_for_nothing_heavy() -> None:
    heavy = "{'numpy', 'pandas', 'pyarrow', 'cv2', 'torch', 'mediapipe', 'scipy'}"
    modules = "signfold.config.load, signfold.dataset.index, signfold.folds.names, signfold.core.settings"
    code = f"import sys; import {modules}; print({heavy} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_a_name_that_a_spreadsheet_would_calculate_is_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(make(tmp_path, "house/a.mp4", "=cmd|' !A0'.txt"))
    write_index(index.read_index(preset("folders", Path())), 8, Path("index.parquet"), Path("excluded.csv"))
    with (tmp_path / "excluded.csv").open(encoding="utf-8") as file:
        assert [row["path"] for row in csv.DictReader(file)] == ["'=cmd|' !A0'.txt"]


def test_a_missing_folder_says_from_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SignfoldError, match=rf"nowhere: no such folder \(looked for in {tmp_path}, where"):
        index.read_index(preset("folders", Path("nowhere")))

"""What becomes a training item, and why not."""

import csv
from collections import Counter

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signfold.core import versions
from signfold.core.clip import VIDEOS_SCHEMA
from signfold.core.errors import SignfoldError
from signfold.core.files import read_metadata, read_parquet, write_parquet
from signfold.core.made_with import FRAMES_SHA256
from signfold.core.settings import ManifestSettings
from signfold.dataset.manifest import build_items, build_manifest, check_tensors, class_weights, natural, with_copies
from signfold.tensors.build import TABLE_SCHEMA

TEXT = ("sample_id", "path", "label", "gloss", "signer", "split", "shard")
OUT = ("manifest.parquet", "manifest.excluded.csv", "classes.csv")


def video(name, label="1", signer="ann", gloss=None, status="ok", hands=0.9, error=None, shard="0"):
    return {
        "sample_id": name, "path": f"{name}.mp4", "label": label, "gloss": gloss, "signer": signer, "split": None,
        "shard": shard, "status": status, "error": error, "seen_any": hands, "sha256": f"digest of {name}",
    }  # fmt: skip


def run(folder, videos, seed=0, **options):
    """Write the stages before, build the manifest, and return its rows."""
    index = pa.Table.from_pylist(videos, schema=pa.schema([(name, pa.string()) for name in TEXT]))
    write_parquet(index, folder / "index.parquet")
    tensors, tables = [], []
    for shard in sorted({row["shard"] for row in videos}):
        rows = [row for row in videos if row["shard"] == shard and row["status"] is not None]
        usable = [row for row in rows if row["status"] == "ok"]
        tensors.append(folder / f"{shard}.parquet")
        tables.append(folder / f"{shard}.videos.parquet")
        write_parquet(pa.Table.from_pylist(usable, schema=TABLE_SCHEMA), tensors[-1])
        write_parquet(pa.Table.from_pylist(rows, schema=VIDEOS_SCHEMA), tables[-1])
    outputs = [folder / name for name in OUT]
    both(folder, tensors, tables, outputs, ManifestSettings(**options), seed)
    return read_parquet(outputs[0]).to_pylist()


def both(folder, tensors, tables, outputs, settings, seed):
    """Make the items, then the manifest with its glosses."""
    manifest, excluded, classes = outputs
    index, items = folder / "index.parquet", folder / "items.parquet"
    build_items(read_parquet(index).to_pandas(), tensors, tables, items, excluded, settings, seed)
    build_manifest(items, index, manifest, classes)


def table(folder, name):
    with (folder / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_rows_say_where_the_tensor_is(tmp_path):
    rows = run(tmp_path, [video("b", shard="x"), video("bad", shard="x", status="unreadable"), video("c", shard="x"),
                          video("a", shard="y")])  # fmt: skip
    assert [(row["sample_id"], row["shard"], row["row"]) for row in rows] == [
        ("a", "y", 0),
        ("b", "x", 0),
        ("c", "x", 1),
    ]
    assert all(row["source_id"] == row["sample_id"] and row["copy"] == 0 and row["weight"] == 1 for row in rows)
    assert rows[1]["sha256"] == "digest of b"


def test_class_ids_are_compact_and_in_natural_order_of_the_labels_that_are_left(tmp_path):
    videos = [
        video("a", "10"),
        video("b", "2"),
        video("c", "7", status="no_person"),
        video("d", "a10"),
        video("e", "a9"),
    ]
    rows = run(tmp_path, videos)
    assert {row["label"]: row["class_id"] for row in rows} == {"2": 0, "10": 1, "a9": 2, "a10": 3}
    classes = table(tmp_path, "classes.csv")
    assert [(row["class_id"], row["label"], row["items"]) for row in classes][:2] == [("0", "2", "1"), ("1", "10", "1")]


@given(st.lists(st.text(alphabet="0123ab-", min_size=1), unique=True, max_size=8), st.randoms())
@settings(max_examples=60, deadline=None)
def test_natural_order_is_total(labels, random):
    shuffled = random.sample(labels, len(labels))
    assert sorted(shuffled, key=natural) == sorted(labels, key=natural)


def test_what_is_left_out_is_listed_with_its_reason(tmp_path):
    videos = [
        video("fine"), video("few", hands=0.02), video("none", status="no_person"), video("new", status=None),
        video("bad, \"odd\"", status="unreadable", error="moov atom not found"),
    ]  # fmt: skip
    rows = run(tmp_path, videos)
    assert [row["sample_id"] for row in rows] == ["fine"]
    reasons = {row["sample_id"]: row["reason"] for row in table(tmp_path, "manifest.excluded.csv")}
    assert reasons["few"] == "hands seen in 2.0% of frames, less than manifest.min_hand_share 5.0%"
    assert reasons["none"] == "no_person"
    assert reasons['bad, "odd"'] == "unreadable: moov atom not found"
    assert "keypoints stage" in reasons["new"]
    assert {row["path"] for row in table(tmp_path, "manifest.excluded.csv")} >= {"few.mp4", "none.mp4"}


def test_nothing_usable_is_an_error_that_counts_the_reasons(tmp_path):
    videos = [video("a", status="no_person"), video("b", status="no_person"), video("c", hands=0.0)]
    with pytest.raises(SignfoldError, match=r"none of 3 videos.*2 × no_person; 1 × hands"):
        run(tmp_path, videos)
    assert not (tmp_path / "manifest.parquet").exists()


def test_videos_that_the_index_no_longer_has_are_passed_over(tmp_path):
    videos = [video("a"), video("gone")]
    run(tmp_path, videos)
    index = read_parquet(tmp_path / "index.parquet").slice(0, 1)
    write_parquet(index, tmp_path / "index.parquet")
    outputs = [tmp_path / name for name in OUT]
    both(tmp_path, [tmp_path / "0.parquet"], [tmp_path / "0.videos.parquet"], outputs, ManifestSettings(), 0)
    assert read_parquet(outputs[0])["sample_id"].to_pylist() == ["a"]


def test_a_class_with_one_video_is_kept_and_told_of(tmp_path, caplog):
    rows = run(tmp_path, [video("a", "hello"), video("b", "bye"), video("c", "bye")])
    assert {row["label"] for row in rows} == {"hello", "bye"}
    assert read_metadata(tmp_path / "manifest.parquet")["single_clip_classes"] == ["hello"]
    assert "hello" in caplog.text


def test_unknown_signers_and_glosses_stay_unknown(tmp_path):
    (row,) = run(tmp_path, [video("a", signer=None)])
    assert row["signer"] is None
    assert row["gloss"] is None


class TestBalance:
    videos = (
        *(video(f"big{n}", "big", f"s{n % 3}") for n in range(7)),
        *(video(f"small{n}", "small", signer) for n, signer in enumerate(["ann", "ann", "bob"])),
    )

    def test_copies_fill_up_every_class_and_point_at_their_source(self, tmp_path):
        rows = run(tmp_path, list(self.videos), balance="copies")
        assert Counter(row["label"] for row in rows) == {"big": 7, "small": 7}
        by_id = {row["sample_id"]: row for row in rows}
        assert len(by_id) == len(rows)
        for row in rows:
            source = by_id[row["source_id"]]
            assert source["copy"] == 0
            same = ("class_id", "label", "signer", "shard", "row", "sha256")
            assert [row[key] for key in same] == [source[key] for key in same]
            assert row["copy"] == 0 or row["sample_id"] == f"{row['source_id']}#{row['copy']}"

    def test_a_number_fills_up_to_it_and_takes_nothing_away(self, tmp_path):
        rows = run(tmp_path, list(self.videos), balance="copies", per_class=5)
        assert Counter(row["label"] for row in rows) == {"big": 7, "small": 5}

    def test_copies_do_not_depend_on_row_order_or_on_other_classes_but_on_the_seed(self, tmp_path):
        def copies(videos, seed=0):
            rows = run(tmp_path, videos, seed, balance="copies", per_class=8)
            return sorted(row["sample_id"] for row in rows if row["copy"] and row["label"] == "small")

        expected = copies(list(self.videos))
        assert copies(list(reversed(self.videos))) == expected
        for more in range(1, 9):
            others = [video(f"x{n}", "a new class") for n in range(more)]
            assert copies([*self.videos, *others]) == expected
        assert any(copies(list(self.videos), seed) != expected for seed in range(1, 20))

    def test_weights_make_classes_weigh_the_same(self, tmp_path):
        rows = run(tmp_path, list(self.videos), balance="weights")
        sums = {label: sum(row["weight"] for row in rows if row["label"] == label) for label in ("big", "small")}
        assert sums["big"] == pytest.approx(sums["small"])
        assert sum(sums.values()) == pytest.approx(len(rows))

    def test_a_video_named_like_a_copy_keeps_its_name(self, tmp_path):
        rows = run(tmp_path, [video("a"), video("a#1", "2"), video("b", "2")], balance="copies")
        assert sorted(row["sample_id"] for row in rows) == ["a", "a#1", "a#2", "b"]


@given(
    st.lists(st.sampled_from(["ann", "bob", "cat", None]), min_size=1, max_size=9),
    st.integers(0, 30),
    st.integers(0, 9),
)
@settings(max_examples=30, deadline=None)
def test_copies_are_even_over_clips_and_over_signers_within_a_round(signers, more, seed):
    ids = [f"v{n}" for n in range(len(signers))]
    clips = pd.DataFrame({"sample_id": ids, "source_id": ids, "copy": 0, "label": "x", "signer": signers}).fillna("-")
    items = with_copies(clips, len(signers) + more, seed)
    copies = items[items["copy"] > 0]
    assert len(copies) == more
    per_clip = copies["source_id"].value_counts().reindex(ids, fill_value=0)
    assert per_clip.max() - per_clip.min() <= 1
    # In the last, incomplete round no signer with clips left over gets two fewer than another.
    extra = per_clip[per_clip > per_clip.min()].index
    last = Counter(clips.set_index("sample_id").loc[extra, "signer"])
    has = Counter(clips["signer"])
    for one in has:
        for other in has:
            assert last[one] - last[other] <= 1 or last[other] == has[other]


def test_class_weights_of_equal_classes_are_one():
    assert class_weights([3, 5, 3, 5]).tolist() == [1, 1, 1, 1]


SETTINGS, OPTIONS = {"frames": 64, "channels": ("x", "y")}, {"min_detection_confidence": 0.5}


def shard_tables(folder, frames="of today", **changes):
    """Write the tables of a shard's tensors and keypoints; return both paths."""
    made = {"version": versions.TENSORS, "settings": SETTINGS, "keypoints": OPTIONS, FRAMES_SHA256: "of today"}
    paths = folder / "tensors/0.parquet", folder / "keypoints/0.videos.parquet"
    write_parquet(TABLE_SCHEMA.empty_table(), paths[0], made | changes)
    write_parquet(VIDEOS_SCHEMA.empty_table(), paths[1], {FRAMES_SHA256: frames})
    return [paths[0]], [paths[1]]


def test_tensors_as_asked_for_pass(tmp_path):
    check_tensors(*shard_tables(tmp_path), SETTINGS, OPTIONS)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"settings": SETTINGS | {"frames": 32}}, "made with tensors.frames 32, but the configuration says 64"),
        ({"keypoints": {"min_detection_confidence": 0.9}}, "made with keypoints.min_detection_confidence 0.9, but"),
        ({"version": 1}, "made with tensors.version 1, but"),
        ({"frames": "older"}, "made of other keypoints than those in"),
        ({FRAMES_SHA256: None}, "made of other keypoints than those in"),
    ],
)
def test_tensors_of_other_settings_or_keypoints_are_refused(tmp_path, changes, said):
    with pytest.raises(SignfoldError, match=rf"^{tmp_path}/tensors/0.parquet: {said}"):
        check_tensors(*shard_tables(tmp_path, **changes), SETTINGS, OPTIONS)

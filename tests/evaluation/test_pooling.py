"""Pooling: each clip once, in manifest order, with weights and temperature of its own fold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from signfold.core.errors import SignfoldError
from signfold.core.files import write_parquet
from signfold.evaluation.calibration import at_temperature, fit_temperature
from signfold.evaluation.fusion import fit_weights, fuse
from signfold.evaluation.pooling import check_cover, pool_folds, read_logits

CLASSES = 3
ITEMS = pd.DataFrame(
    {
        "sample_id": [f"clip{n}" for n in range(8)],
        "class_id": [0, 1, 2, 0, 1, 2, 0, 1],
        "signer": ["ann", "ann", "ann", "ben", "ben", "cem", "cem", "cem"],
    }
)
ITEMS = ITEMS.assign(label=ITEMS["class_id"].astype(str), gloss="g" + ITEMS["class_id"].astype(str), copy=0)
ITEMS["sha256"] = "digest of " + ITEMS["sample_id"]
EQUAL = {"joint": 1.0, "bone": 1.0}


def folds() -> dict[str, pd.DataFrame]:
    """Ben is tested first, then Ann and Cem; the other fold's first signer validates."""
    parts = {"fold-1": ({"ben"}, {"ann"}), "fold-2": ({"ann", "cem"}, {"ben"})}
    return {
        fold: ITEMS.assign(role=["test" if s in test else "val" if s in val else "train" for s in ITEMS["signer"]])
        for fold, (test, val) in parts.items()
    }


def models(root: Path, streams: tuple[str, ...] = ("joint", "bone")) -> dict[tuple[str, str], Path]:
    """Each model has random logits, which depend on nothing but fold, stream and clip."""
    found = {}
    for fold, table in folds().items():
        for stream in streams:
            rows = table[table["role"] != "train"].iloc[::-1]
            found[fold, stream] = root / fold / stream
            flat = pa.FixedSizeListArray.from_arrays(pa.array(logits(fold, stream, rows).ravel()), CLASSES)
            columns = {"sample_id": rows["sample_id"].tolist(), "role": rows["role"].tolist()}
            written = pa.table({**columns, "class_id": rows["class_id"].tolist(), "logits": flat})
            write_parquet(written, found[fold, stream] / "predictions.parquet")
    return found


def logits(fold: str, stream: str, rows: pd.DataFrame) -> np.ndarray:
    seeds = [(int(fold[-1]), len(stream), int(name[4:])) for name in rows["sample_id"]]
    noise = np.array([np.random.default_rng(seed).normal(0, 2, CLASSES) for seed in seeds])
    return noise + 3 * np.eye(CLASSES)[rows["class_id"]]


def test_clips_stand_in_manifest_order_with_what_is_known_of_them(tmp_path: Path) -> None:
    pool = pool_folds(models(tmp_path), folds(), ITEMS, EQUAL)
    assert pool.clips["sample_id"].tolist() == ITEMS["sample_id"].tolist()
    assert pool.clips["fold"].tolist() == ["fold-2"] * 3 + ["fold-1"] * 2 + ["fold-2"] * 3
    columns = ["signer", "class_id", "label", "gloss", "sha256"]
    assert set(pool.clips) == {"sample_id", "fold", *columns}
    for column in columns:
        assert pool.clips[column].tolist() == ITEMS[column].tolist()
    assert pool.scored.truth.tolist() == ITEMS["class_id"].tolist()


def test_each_fold_is_fused_and_calibrated_by_itself(tmp_path: Path) -> None:
    pool = pool_folds(models(tmp_path), folds(), ITEMS, None)
    for fold, table in folds().items():
        val, test = (table[table["role"] == role] for role in ("val", "test"))
        held_out, asked = ({s: logits(fold, s, rows) for s in ("joint", "bone")} for rows in (val, test))
        weights = fit_weights(held_out, val["class_id"].to_numpy())
        assert pool.fusion[fold] == pytest.approx(weights)
        temperature = fit_temperature(fuse(held_out, weights), val["class_id"].to_numpy())
        assert pool.temperature[fold] == pytest.approx(temperature)
        own = pool.clips["fold"] == fold
        np.testing.assert_allclose(pool.scores[own], at_temperature(fuse(asked, weights), temperature), rtol=1e-5)
        np.testing.assert_allclose(pool.uncalibrated.take(own).confidence, fuse(asked, weights).max(1))
        np.testing.assert_array_equal(pool.uncalibrated.take(own).rank, pool.scored.take(own).rank)
        np.testing.assert_allclose(
            pool.streams["bone"].take(own).confidence, fuse(asked, {"joint": 0, "bone": 1}).max(1)
        )
    assert pool.scores.dtype == np.float32
    np.testing.assert_array_equal(pool.scores.argmax(1), pool.scored.predicted)


def test_given_weights_are_brought_to_a_sum_of_1(tmp_path: Path) -> None:
    pool = pool_folds(models(tmp_path), folds(), ITEMS, {"joint": 3.0, "bone": 1.0, "bone_motion": 9.0})
    assert pool.fusion == {fold: {"joint": 0.75, "bone": 0.25} for fold in folds()}
    assert list(pool.streams) == ["joint", "bone"]
    with pytest.raises(SignfoldError, match="the weights of joint, bone are all 0"):
        pool_folds(models(tmp_path), folds(), ITEMS, {"joint": 0.0, "bone": 0.0})


def test_one_stream_has_no_part_of_its_own(tmp_path: Path) -> None:
    pool = pool_folds(models(tmp_path, ("bone",)), folds(), ITEMS, EQUAL)
    assert pool.streams == {}
    assert pool.fusion["fold-1"] == {"bone": 1.0}


def test_without_validation_nothing_is_fitted(tmp_path: Path) -> None:
    lonely = {fold: t.assign(role=t["role"].replace("val", "none")) for fold, t in folds().items()}
    pool = pool_folds(models(tmp_path), lonely, ITEMS, EQUAL)
    assert pool.temperature == {"fold-1": None, "fold-2": None}
    np.testing.assert_array_equal(pool.scored.confidence, pool.uncalibrated.confidence)
    with pytest.raises(SignfoldError, match="fold-1 has no validation part"):
        pool_folds(models(tmp_path), lonely, ITEMS, None)


def test_a_copy_of_a_validation_clip_is_not_asked_for(tmp_path: Path) -> None:
    copied = folds()
    row = copied["fold-1"][copied["fold-1"]["role"] == "val"].iloc[[0]].assign(sample_id="clip0#1", copy=1)
    copied["fold-1"] = pd.concat([copied["fold-1"], row], ignore_index=True)
    found, expected = (pool_folds(models(tmp_path), tables, ITEMS, EQUAL) for tables in (copied, folds()))
    assert found.temperature == expected.temperature


def test_logits_come_in_the_order_of_the_rows(tmp_path: Path) -> None:
    path = models(tmp_path)["fold-2", "joint"]
    rows = folds()["fold-2"]
    for role in ("test", "val"):
        own = rows[rows["role"] == role].sample(frac=1, random_state=0)
        np.testing.assert_allclose(read_logits(path, own, CLASSES, role), logits("fold-2", "joint", own))


def test_a_clip_in_two_test_parts_or_in_none_is_named() -> None:
    paths = {fold: Path(f"{fold}.parquet") for fold in folds()}
    check_cover(folds(), ITEMS, paths)
    twice = folds()
    twice["fold-2"].loc[3, "role"] = "test"
    with pytest.raises(SignfoldError, match=r"fold-2.parquet: 'clip3' is in the test parts of fold-1 and fold-2"):
        check_cover(twice, ITEMS, paths)
    never = folds()
    never["fold-2"].loc[[2, 5], "role"] = "train"
    with pytest.raises(
        SignfoldError, match="2 clips of the manifest, such as 'clip2', are in no test part of fold-1, fold-2"
    ):
        check_cover(never, ITEMS, paths)
    check_cover({"official": folds()["fold-1"]}, ITEMS, {"official": Path("official.parquet")})
    check_cover(folds(), pd.concat([ITEMS, ITEMS.assign(sample_id="copy", copy=1)]), paths)

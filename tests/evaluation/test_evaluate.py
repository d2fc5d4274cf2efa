"""Promises of the evaluation: every clip once, and a headline that says how it came about."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fake_results import as_official, fake_results, rewrite, run_evaluate, seeded

from signfold.core.errors import SignfoldError
from signfold.core.files import read_parquet, write_json
from signfold.core.settings import EvaluationSettings
from signfold.evaluation.metrics import METRICS


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    root = fake_results(tmp_path_factory.mktemp("results"))
    return root, run_evaluate(root)


def test_every_clip_is_pooled_once(results: tuple[Path, dict]) -> None:
    root, summary = results
    manifest = read_parquet(root / "manifest.parquet").to_pandas()
    table = read_parquet(root / "evaluation/predictions.parquet")
    about = ["sample_id", "fold", "signer", "class_id", "label", "gloss"]
    assert table.column_names == [*about, "predicted", "rank", "confidence", "probabilities"]
    pooled = table.to_pandas()
    assert pooled["sample_id"].tolist() == manifest[manifest["copy"] == 0]["sample_id"].tolist()
    assert (summary["clips"], summary["untested"]) == (len(pooled), 0)
    probabilities = np.stack(pooled["probabilities"])
    np.testing.assert_array_equal(probabilities.argmax(1), pooled["predicted"])
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)


def test_headline_is_the_pooled_share_and_says_how_it_came_about(results: tuple[Path, dict]) -> None:
    root, summary = results
    pooled = read_parquet(root / "evaluation/predictions.parquet").to_pandas()
    for metric in METRICS:
        assert summary[metric]["low"] <= summary[metric]["high"]
    assert summary["top1"]["value"] == pytest.approx((pooled["predicted"] == pooled["class_id"]).mean())
    assert summary["top1"]["value"] != pytest.approx(summary["spread"]["best_fold"]["top1"])
    assert summary["protocol"] == (
        "6 signers, 3 signer-wise folds, epoch chosen on validation signers, each test part scored once; "
        "95 % interval: score interval over 6 signers"
    )
    assert (summary["interval"]["unit"], summary["interval"]["groups"]) == ("signer", 6)
    assert summary["chance"] == pytest.approx(1 / 6)
    assert 0 < summary["majority"] < 0.5
    assert summary["spread"]["worst_signer"]["signer"] == "s02"


def test_the_last_epoch_is_not_called_chosen(tmp_path: Path) -> None:
    fake_results(tmp_path)
    for path in tmp_path.glob("models/*/*/seed-1/metrics.json"):
        write_json(path, json.loads(path.read_text(encoding="utf-8")) | {"select": "last"})
    assert "last epoch taken" in run_evaluate(tmp_path)["protocol"]


def test_tables_agree_with_the_pool(results: tuple[Path, dict]) -> None:
    root, summary = results
    tables = {path.stem: pd.read_csv(path) for path in (root / "evaluation").glob("*.csv")}
    assert set(tables) == {
        "per_fold",
        "per_signer",
        "per_class",
        "confusions",
        "calibration",
        "coverage",
        "streams",
        "label_audit",
        "label_signers",
        "baselines",
    }
    right = round(summary["top1"]["value"] * summary["clips"])
    for name in ("per_signer", "per_class"):
        assert tables[name]["clips"].sum() == summary["clips"]
        assert tables[name]["correct"].sum() == right
    assert tables["confusions"]["count"].sum() == summary["clips"] - right
    worst = tables["confusions"].iloc[0]
    assert (worst["true_gloss"], worst["predicted_gloss"]) == ("thanks", "hello")
    assert tables["per_fold"]["fold"].tolist() == ["fold-1", "fold-2", "fold-3"]


def test_the_threshold_keeps_95_percent_of_the_right_answers(results: tuple[Path, dict]) -> None:
    root, summary = results
    told = pd.read_parquet(root / "evaluation/predictions.parquet")
    right, answered = told["predicted"] == told["class_id"], told["confidence"] >= summary["threshold"]
    assert (right & answered).sum() >= 0.95 * right.sum()
    assert (right & (told["confidence"] >= summary["threshold"] + 1e-4)).sum() < 0.95 * right.sum() + 1
    found = summary["answered"]
    assert found["clips"] == answered.sum()
    assert found["coverage"]["value"] == pytest.approx(answered.mean())
    assert found["accuracy"]["value"] == pytest.approx(right[answered].mean())
    assert found["accuracy"]["low"] < found["accuracy"]["value"] < found["accuracy"]["high"]
    table = pd.read_csv(root / "evaluation/coverage.csv")
    assert table.loc[0, "accuracy"] == pytest.approx(summary["top1"]["value"])
    assert [row["threshold"] for row in summary["coverage"]] == [number / 10 for number in range(11)]
    assert summary["coverage"][5] == pytest.approx(table.loc[50, ["threshold", "coverage", "accuracy"]].to_dict())
    assert summary["coverage"][10] == {"threshold": 1, "coverage": 0, "accuracy": None}


def test_order_of_a_models_predictions_does_not_matter(results: tuple[Path, dict], tmp_path: Path) -> None:
    root = tmp_path / "shuffled"
    shutil.copytree(results[0], root)
    for path in root.glob("models/*/*/seed-1/predictions.parquet"):
        rewrite(path, lambda table: table.sample(frac=1, random_state=0))
    assert run_evaluate(root) == results[1]


def test_streams_are_fused_and_shown_alone(tmp_path: Path) -> None:
    fake_results(tmp_path, classes=8, streams=("joint", "bone"))
    summary = run_evaluate(tmp_path)
    table = pd.read_csv(tmp_path / "evaluation/streams.csv").set_index("stream")
    assert table.index.tolist() == ["joint", "bone", "fusion"]
    assert table.loc["fusion", "top1"] == pytest.approx(summary["top1"]["value"])
    assert "joint + bone fused with fixed weights" in summary["protocol"]
    alone = run_evaluate(tmp_path, EvaluationSettings(fusion=[1, 0, 1, 1]))
    assert alone["top1"]["value"] == pytest.approx(table.loc["joint", "top1"])


def test_weights_are_fitted_on_each_folds_validation_part_alone(tmp_path: Path) -> None:
    fake_results(tmp_path, classes=8, streams=("joint", "bone"))
    wanted = EvaluationSettings(fusion="validation")
    summary = run_evaluate(tmp_path, wanted)
    assert summary["fusion"] is None
    (weights,) = summary["fusion_by_fold"]
    assert set(weights) == {"fold-1", "fold-2", "fold-3"}
    assert "joint + bone fused with weights fitted on validation" in summary["protocol"]

    def scramble(role: str, fold: str) -> None:
        def change(table: pd.DataFrame) -> pd.DataFrame:
            rows = table["role"] == role
            return table.assign(
                logits=table["logits"].where(~rows, pd.Series([np.arange(8, dtype=np.float32)] * len(table)))
            )

        rewrite(tmp_path / f"models/{fold}/bone/seed-1/predictions.parquet", change)

    scramble("test", "fold-1")
    assert run_evaluate(tmp_path, wanted)["fusion_by_fold"] == [weights]
    scramble("val", "fold-2")
    (changed,) = run_evaluate(tmp_path, wanted)["fusion_by_fold"]
    assert {fold for fold in weights if changed[fold] != weights[fold]} == {"fold-2"}
    assert changed["fold-2"]["bone"] < weights["fold-2"]["bone"]
    rewrite(tmp_path / "folds/fold-3.parquet", lambda t: t.assign(role=t["role"].replace("val", "none")))
    with pytest.raises(SignfoldError, match="fold-3 has no validation part"):
        run_evaluate(tmp_path, wanted)


def test_the_headline_is_the_mean_over_seeds_with_their_spread(tmp_path: Path) -> None:
    tops = seeded(tmp_path, 3)
    assert len(set(tops)) == 3
    one, three = run_evaluate(tmp_path / "all"), run_evaluate(tmp_path / "all", seeds=3)
    assert three["top1"]["value"] == pytest.approx(np.mean(tops))
    assert three["seeds"]["values"]["top1"] == pytest.approx(tops)
    assert three["seeds"]["sd"]["top1"] == pytest.approx(np.std(tops, ddof=1))
    assert (one["seeds"]["count"], one["seeds"]["sd"]) == (1, None)
    assert "each test part scored once, mean over 3 seeds;" in three["protocol"]
    assert "seeds" not in one["protocol"]
    assert three["spread"] == one["spread"], "tables are the first seed's"
    assert three["baseline"]["gain"] == pytest.approx(np.mean(tops) - three["baseline"]["top1"])


def test_seeds_together_are_scored_by_their_mean_probabilities(tmp_path: Path) -> None:
    tops = seeded(tmp_path, 2)
    run_evaluate(tmp_path / "all")
    assert pd.read_csv(tmp_path / "all/evaluation/streams.csv").empty
    assert run_evaluate(tmp_path / "all", seeds=2)["seeds"]["sd"] is not None
    table = pd.read_csv(tmp_path / "all/evaluation/streams.csv").set_index("stream")["top1"]
    alone = [pd.read_parquet(tmp_path / f"alone-{n}/evaluation/predictions.parquet") for n in range(2)]
    together = np.mean([np.stack(each["probabilities"].tolist()) for each in alone], axis=0).argmax(1)
    assert table["seeds together"] == pytest.approx((together == alone[0]["class_id"]).mean())
    assert table["mean of the seeds"] == pytest.approx(np.mean(tops))
    assert len(table) == 2
    assert abs(table["seeds together"] - np.mean(tops)) > 1e-3


def test_what_networks_were_trained_on_before_is_said(tmp_path: Path) -> None:
    fake_results(tmp_path)
    assert run_evaluate(tmp_path)["pretrained"] is None
    for path in tmp_path.glob("models/*/*/seed-1/metrics.json"):
        seen = {"pretrained": {"datasets": ["autsl"], "clips": 1200, "namesakes": ["p1"]}}
        write_json(path, json.loads(path.read_text(encoding="utf-8")) | seen)
    summary = run_evaluate(tmp_path)
    assert summary["pretrained"] == seen["pretrained"]
    told = "pre-trained on 1200 clips of autsl, none of them tested (test signers whose names are there too: 1)"
    assert told in summary["protocol"]


def test_unknown_signers_are_said(tmp_path: Path) -> None:
    fake_results(tmp_path, known_signers=False)
    summary = run_evaluate(tmp_path)
    assert summary["signers"] is None
    assert summary["interval"]["unit"] == "clip"
    assert summary["protocol"].startswith("Signers unknown")
    assert "score interval over" in summary["protocol"]
    assert pd.read_csv(tmp_path / "evaluation/per_signer.csv").empty


def _roles(table: pd.DataFrame, old: str, new: str) -> pd.DataFrame:
    """Give the first video of role `old` the role `new`."""
    first = table.index[(table["role"] == old) & (table["copy"] == 0)][0]
    table.loc[first, "role"] = new
    return table


def test_shared_signers_are_said(tmp_path: Path) -> None:
    fake_results(tmp_path)

    def share(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(signer=table["signer"].replace({"s00": "s01"}))

    for path in (tmp_path / "folds").glob("*.parquet"):
        rewrite(path, share)
    audit = json.loads((tmp_path / "folds/audit.json").read_text())
    write_json(tmp_path / "folds/audit.json", audit | {"tested_shared_signers": ["s01"]})
    summary = run_evaluate(tmp_path)
    assert summary["signers_shared"]
    assert "test signers also in training" in summary["protocol"]


def _drop_first_test_clip(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(table.index[table["role"] == "test"][0])


def _test_copy(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(role=table["role"].mask(table["copy"] == 1, "test"))


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("folds/fold-1.parquet", lambda t: _roles(t, "train", "test"), "test parts of fold-1 and"),
        ("folds/fold-2.parquet", lambda t: _roles(t, "test", "none"), "in no test part"),
        ("folds/fold-2.parquet", lambda t: t.assign(role="train"), "role test"),
        ("folds/fold-2.parquet", _test_copy, "copy in the test part"),
        ("models/fold-3/joint/seed-1/predictions.parquet", _drop_first_test_clip, "fold has"),
        ("models/fold-3/joint/seed-1/predictions.parquet", lambda t: pd.concat([t, t]), "fold has"),
        ("models/fold-3/joint/seed-1/predictions.parquet", lambda t: t.assign(class_id=0), "class ids"),
        ("models/fold-3/joint/seed-1/predictions.parquet", lambda t: t.assign(logits=[[0.0]] * len(t)), "logits for"),
        (
            "models/fold-3/joint/seed-1/predictions.parquet",
            lambda t: t.assign(logits=[[np.inf] * 6] * len(t)),
            "finite",
        ),
    ],
)
def test_a_clip_scored_twice_or_not_at_all_stops(tmp_path: Path, file: str, change: object, message: str) -> None:
    fake_results(tmp_path)
    rewrite(tmp_path / file, change)
    with pytest.raises(SignfoldError, match=message):
        run_evaluate(tmp_path)


def test_a_fold_without_a_stream_that_others_have_stops(tmp_path: Path) -> None:
    fake_results(tmp_path, streams=("joint", "bone"))
    (tmp_path / "models/fold-2/bone").rename(tmp_path / "bone")
    with pytest.raises(SignfoldError, match=r"fold-2.*'bone'"):
        run_evaluate(tmp_path)


def test_official_split_leaves_the_rest_untested(tmp_path: Path) -> None:
    as_official(fake_results(tmp_path))
    summary = run_evaluate(tmp_path)
    assert summary["folds"] == ["official"]
    assert summary["untested"] > 0
    assert "official split" in summary["protocol"]


def test_summary_is_plain_json(results: tuple[Path, dict]) -> None:
    text = (results[0] / "evaluation/metrics.json").read_text(encoding="utf-8")
    assert "NaN" not in text
    assert json.loads(text) == results[1]


def test_temperature_is_fitted_on_validation_clips_alone(tmp_path: Path) -> None:
    """Scrambled test logits change no temperature, scrambled validation logits only that of their fold."""
    fake_results(tmp_path)
    for path in tmp_path.glob("models/*/*/seed-1/predictions.parquet"):
        rewrite(path, lambda table: table.assign(logits=table["logits"] * 4))
    summary = run_evaluate(tmp_path)
    (found,) = summary["temperature_by_fold"]
    assert set(found) == {"fold-1", "fold-2", "fold-3"}
    assert min(found.values()) > 2
    assert summary["ece"]["value"] < summary["ece_uncalibrated"]["value"]
    before = summary["top1"], summary["top5"]

    def scramble(role: str, fold: str) -> None:
        def change(table: pd.DataFrame) -> pd.DataFrame:
            rolled = pd.Series(list(np.roll(np.stack(table["logits"]), 1, axis=1)), index=table.index)
            return table.assign(logits=table["logits"].where(table["role"] != role, rolled))

        rewrite(tmp_path / f"models/{fold}/joint/seed-1/predictions.parquet", change)

    scramble("test", "fold-1")
    summary = run_evaluate(tmp_path)
    assert summary["temperature_by_fold"] == [found]
    assert (summary["top1"], summary["top5"]) != before
    scramble("val", "fold-2")
    (changed,) = run_evaluate(tmp_path)["temperature_by_fold"]
    assert {fold for fold in found if changed[fold] != found[fold]} == {"fold-2"}


def test_where_nobody_validates_nothing_is_calibrated_or_called_validated(tmp_path: Path) -> None:
    fake_results(tmp_path)
    for path in tmp_path.glob("models/*/*/seed-1/metrics.json"):
        about = json.loads(path.read_text(encoding="utf-8"))
        write_json(path, about | {"select": "last", "val": {"top1": None, "top5": None, "loss": None}})
    for path in tmp_path.glob("folds/*.parquet"):
        rewrite(path, lambda table: table.assign(role=table["role"].replace("val", "none")))
    summary = run_evaluate(tmp_path)
    assert summary["temperature_by_fold"] == [dict.fromkeys(("fold-1", "fold-2", "fold-3"))]
    assert summary["ece"] == summary["ece_uncalibrated"]
    assert summary["validated_folds"] == 0
    assert "validation" not in summary["protocol"]
    assert pd.read_csv(tmp_path / "evaluation/per_fold.csv")["val_top1"].isna().all()


def test_every_clip_right_has_an_interval_with_width(tmp_path: Path) -> None:
    fake_results(tmp_path)
    for path in tmp_path.glob("models/*/*/seed-1/predictions.parquet"):
        rewrite(path, lambda t: t.assign(logits=list(20.0 * np.eye(len(t["logits"][0]))[t["class_id"]])))
    top1 = run_evaluate(tmp_path)["top1"]
    assert top1["value"] == top1["high"] == 1
    assert 0.85 < top1["low"] < 0.95


def test_classes_that_training_lacks_set_a_ceiling(results: tuple[Path, dict], tmp_path: Path) -> None:
    assert results[1]["ceiling"] == {"top1": 1, "classes": []}
    fake_results(tmp_path)
    rewrite(
        tmp_path / "folds/fold-1.parquet",
        lambda t: t.assign(role=t["role"].mask((t["role"] == "train") & (t["class_id"] == 2), "none")),
    )
    found = run_evaluate(tmp_path)["ceiling"]
    assert found["top1"] < 1
    assert [each["label"] for each in found["classes"]] == ["3"]


def test_majority_is_that_of_the_simple_methods(results: tuple[Path, dict]) -> None:
    table = pd.read_csv(results[0] / "evaluation/baselines.csv").set_index("method")
    assert results[1]["majority"] == pytest.approx(table.loc["majority", "top1"])

"""Promises of the evaluation: figures that can be computed by hand, every clip once, intervals over signers."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fake_results import fake_results, rewrite, run_evaluate, seeded
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, top_k_accuracy_score

from signfold.errors import SignfoldError
from signfold.evaluate import EvaluationSettings
from signfold.files import read_parquet, write_json
from signfold.fusion import fit, fuse
from signfold.metrics import METRICS, Scored, bootstrap, calibration, point, resampled, score, wilson
from signfold.protocol import majority

# Five clips, three classes. Right: clips 0, 1, 4. Truth ranks: 1, 1, 2, 3, 1.
SCORES = np.array([[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.5, 0.4, 0.1], [0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
TRUTH = np.array([0, 0, 1, 2, 2])


def test_metrics_are_those_computed_by_hand() -> None:
    scored = score(SCORES, TRUTH)
    values = point(scored)
    assert scored.rank.tolist() == [1, 1, 2, 3, 1]
    assert scored.predicted.tolist() == [0, 0, 0, 0, 2]
    assert values["top1"] == pytest.approx(3 / 5)
    assert values["top5"] == 1  # only three classes
    # F1: class 0 has precision 2/4, recall 1 -> 2/3; class 1 -> 0; class 2 has precision 1, recall 1/2 -> 2/3.
    assert values["macro_f1"] == pytest.approx((2 / 3 + 0 + 2 / 3) / 3)
    assert values["balanced_accuracy"] == pytest.approx((1 + 0 + 1 / 2) / 3)
    # Bins: 0.8 twice, both right -> |1.6 - 2|; 0.6 once, right -> 0.4; 0.5 twice, both wrong -> 1.0.
    assert values["ece"] == pytest.approx((0.4 + 0.4 + 1.0) / 5)
    assert calibration(scored)["clips"].sum() == 5


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 9), st.integers(1, 30))
def test_one_group_drawn_whole_gives_the_library_values(seed: int, classes: int, clips: int) -> None:
    """The vectorised sums behind the bootstrap agree with scikit-learn."""
    rng = np.random.default_rng(seed)
    scored = score(rng.dirichlet(np.ones(classes), clips), rng.integers(classes, size=clips))
    whole = resampled(scored, np.zeros(clips), 1, seed)
    values = point(scored)
    for name in METRICS:
        assert whole[name][0] == pytest.approx(values[name]), name
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        assert values["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(scored.truth, scored.predicted))


def test_top5_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    scores, truth = rng.dirichlet(np.ones(12), 300), rng.integers(12, size=300)
    assert point(score(scores, truth))["top5"] == top_k_accuracy_score(truth, scores, k=5, labels=range(12))


def test_equal_scores_do_not_flatter() -> None:
    """A network that says nothing gets the first class right and no other."""
    scored = score(np.full((4, 4), 0.25), np.arange(4))
    assert scored.rank.tolist() == [1, 2, 3, 4]
    assert point(scored)["top1"] == 0.25


def _clips(hits: list[int], each: int) -> tuple[Scored, np.ndarray]:
    """Two classes; signer i has `each` clips, of which `hits[i]` are right."""
    right = np.concatenate([np.arange(each) < n for n in hits])
    truth = np.tile(np.arange(each) % 2, len(hits))
    scored = Scored(truth, np.where(right, truth, 1 - truth), np.where(right, 1, 2), np.full(len(truth), 0.9), 2)
    return scored, np.repeat(np.arange(len(hits)), each)


def test_interval_is_over_signers_not_clips() -> None:
    """Signers who differ make the interval wide, however many clips each has; alike signers leave no width."""
    differing, signers = _clips([100, 90, 30, 20], 100)
    over_signers = bootstrap(differing, signers, 500, 0.95, 0)["top1"]
    over_clips = bootstrap(differing, np.arange(400), 500, 0.95, 0)["top1"]
    assert over_signers["high"] - over_signers["low"] > 4 * (over_clips["high"] - over_clips["low"])
    assert over_signers["low"] < over_signers["value"] == 0.6 < over_signers["high"]
    alike = bootstrap(*_clips([60, 60, 60, 60], 100), 500, 0.95, 0)["top1"]
    assert alike["low"] == alike["value"] == alike["high"] == 0.6


def test_interval_of_two_signers_by_hand() -> None:
    """Two signers with 0 and 1: a resample gives 0, 0.5 or 1 with odds 1:2:1."""
    scored, signers = _clips([0, 10], 10)
    samples = resampled(scored, signers, 4000, 0)["top1"]
    shares = [(samples == value).mean() for value in (0, 0.5, 1)]
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.03)


def test_interval_is_the_same_again_and_narrower_with_less_confidence() -> None:
    scored, signers = _clips([9, 3, 5, 8, 2, 7], 10)
    first = bootstrap(scored, signers, 300, 0.95, 4)
    assert first == bootstrap(scored, signers, 300, 0.95, 4)
    half = bootstrap(scored, signers, 300, 0.5, 4)
    assert half["top1"]["high"] - half["top1"]["low"] < first["top1"]["high"] - first["top1"]["low"]


def test_many_groups_are_drawn_in_blocks() -> None:
    """Blocks of resamples join without a seam: as many values as asked for, around the pooled one."""
    rng = np.random.default_rng(1)
    truth = rng.integers(999, size=30_000)
    predicted = np.where(rng.random(30_000) < 0.7, truth, (truth + 1) % 999)
    scored = Scored(truth, predicted, np.where(truth == predicted, 1, 9), rng.random(30_000), 999)
    samples = resampled(scored, np.arange(30_000), 300, 0)
    assert samples["macro_f1"].shape == (300,)
    assert samples["top1"].mean() == pytest.approx(point(scored)["top1"], abs=0.002)


def test_wilson_interval_by_hand() -> None:
    """Wilson's centre is (hits + z²/2) / (clips + z²)."""
    low, high = wilson(8, 10, 0.95)
    z = 1.959964
    assert (low + high) / 2 == pytest.approx((8 + z**2 / 2) / (10 + z**2), abs=1e-5)


def test_fusion_by_hand() -> None:
    """Softmax of (log 3, 0) is (3/4, 1/4); weights 2 and 1 with (1/2, 1/2) give (2·3/4 + 1/2) / 3."""
    logits = {"joint": np.log([[3.0, 1.0]]), "bone": np.zeros((1, 2))}
    weights = {"joint": 2.0, "bone": 1.0, "joint_motion": 1.0}
    np.testing.assert_allclose(fuse(logits, weights), [[2 / 3, 1 / 3]])
    np.testing.assert_allclose(fuse({"joint": logits["joint"]}, weights), [[0.75, 0.25]])
    with pytest.raises(SignfoldError, match="bone_motion"):
        fuse({"bone_motion": np.zeros((1, 2))}, weights)
    with pytest.raises(SignfoldError, match="above 0"):
        fuse({"joint": np.zeros((1, 2))}, {"joint": 0.0})


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 4))
def test_fitted_weights_are_the_likeliest_on_the_simplex(seed: int, count: int) -> None:
    """No other weights give the truth a greater likelihood: not equal ones, not one stream alone, no step away."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(5, size=40)
    logits = {f"stream {n}": rng.normal(size=(40, 5)) + rng.normal() * np.eye(5)[truth] for n in range(count)}
    weights = fit(logits, truth)
    assert sum(weights.values()) == pytest.approx(1)
    assert min(weights.values()) >= 0

    def likelihood(values: np.ndarray) -> float:
        fused = fuse(logits, dict(zip(logits, values, strict=True)))
        return np.log(fused[np.arange(40), truth]).sum()

    best = np.array(list(weights.values()))
    others = [np.ones(count), *np.eye(count), *(best + 0.05 * rng.dirichlet(np.ones(count), 8))]
    assert likelihood(best) >= max(map(likelihood, others)) - 1e-4


def test_fitted_weights_find_the_better_stream_and_keep_equals_equal() -> None:
    truth = np.arange(30) % 3
    good, noise = 4 * np.eye(3)[truth], np.random.default_rng(0).normal(size=(30, 3))
    assert fit({"joint": noise, "bone": good}, truth)["bone"] > 0.95
    assert fit({"joint": noise, "bone": noise}, truth) == pytest.approx({"joint": 0.5, "bone": 0.5})
    impossible = np.where(np.eye(3)[truth] == 1, -2000.0, 0.0)  # its probability of the truth is 0
    assert fit({"joint": impossible, "bone": impossible}, truth) == pytest.approx({"joint": 0.5, "bone": 0.5})


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    root = fake_results(tmp_path_factory.mktemp("results"))
    return root, run_evaluate(root)


def test_every_clip_is_pooled_once(results: tuple[Path, dict]) -> None:
    root, summary = results
    manifest = read_parquet(root / "manifest.parquet").to_pandas()
    pooled = read_parquet(root / "evaluation/predictions.parquet").to_pandas()
    assert pooled["sample_id"].tolist() == manifest[manifest["copy"] == 0]["sample_id"].tolist()
    assert summary["clips"] == len(pooled)
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
        "95 % interval: bootstrap over signers (200)"
    )
    assert (summary["interval"]["unit"], summary["interval"]["groups"]) == ("signer", 6)
    assert summary["chance"] == pytest.approx(1 / 6)
    assert 0 < summary["majority"] < 0.5
    assert summary["spread"]["worst_signer"]["signer"] == "s02"


def test_the_last_epoch_is_not_called_chosen(tmp_path: Path) -> None:
    fake_results(tmp_path)
    for path in tmp_path.glob("models/*/*/metrics.json"):
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
        "streams",
        "label_audit",
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


def test_order_of_a_models_predictions_does_not_matter(results: tuple[Path, dict], tmp_path: Path) -> None:
    root = tmp_path / "shuffled"
    shutil.copytree(results[0], root)
    for path in root.glob("models/*/*/predictions.parquet"):
        rewrite(path, lambda table: table.sample(frac=1, random_state=0))
    assert run_evaluate(root) == results[1]


def test_majority_by_hand() -> None:
    """Class 0 has most videos in training, class 1 only most copies: a test clip in two is of class 0."""
    rows = [("train", 0, 0)] * 3 + [("train", 1, 0)] * 2 + [("train", 1, 1)] * 9 + [("test", 0, 0), ("test", 1, 0)]
    table = pd.DataFrame(rows, columns=["role", "class_id", "copy"])
    clips = table[table["role"] == "test"].assign(fold="fold-1")
    assert majority({"fold-1": table}, clips) == 0.5
    assert majority({"fold-1": table}, clips.assign(class_id=0)) == 1


def test_streams_are_fused_and_shown_alone(tmp_path: Path) -> None:
    fake_results(tmp_path, classes=8, streams=("joint", "bone"))
    summary = run_evaluate(tmp_path)
    table = pd.read_csv(tmp_path / "evaluation/streams.csv").set_index("stream")
    assert table.index.tolist() == ["joint", "bone", "fusion"]
    assert table.loc["fusion", "top1"] == pytest.approx(summary["top1"]["value"])
    assert "joint + bone fused with fixed weights" in summary["protocol"]
    alone = run_evaluate(tmp_path, EvaluationSettings(bootstrap=50, fusion=[1, 0, 1, 1]))
    assert alone["top1"]["value"] == pytest.approx(table.loc["joint", "top1"])


def test_weights_are_fitted_on_each_folds_validation_part_alone(tmp_path: Path) -> None:
    fake_results(tmp_path, classes=8, streams=("joint", "bone"))
    wanted = EvaluationSettings(bootstrap=50, fusion="validation")
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

        rewrite(tmp_path / f"models/{fold}/bone/predictions.parquet", change)

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
    tops = seeded(tmp_path, 3)
    run_evaluate(tmp_path / "all")
    assert pd.read_csv(tmp_path / "all/evaluation/streams.csv").empty
    run_evaluate(tmp_path / "all", seeds=3)
    table = pd.read_csv(tmp_path / "all/evaluation/streams.csv").set_index("stream")["top1"]
    alone = [pd.read_parquet(tmp_path / f"alone-{n}/evaluation/predictions.parquet") for n in range(3)]
    together = np.mean([np.stack(each["probabilities"].tolist()) for each in alone], axis=0).argmax(1)
    assert table["seeds together"] == pytest.approx((together == alone[0]["class_id"]).mean())
    assert table["mean of the seeds"] == pytest.approx(np.mean(tops))
    assert len(table) == 2
    assert abs(table["seeds together"] - np.mean(tops)) > 1e-3


def test_the_interval_over_seeds_draws_the_same_signers_for_all() -> None:
    scored, signers = _clips([9, 3, 5, 8, 2, 7], 10)
    other = score(np.eye(2)[1 - scored.predicted], scored.truth)
    both = bootstrap([scored, other], signers, 300, 0.95, 4)["top1"]
    # What one has right the other has wrong: on every resample the mean is one half.
    assert (both["low"], both["value"], both["high"]) == pytest.approx((0.5, 0.5, 0.5))
    assert bootstrap([scored, scored], signers, 300, 0.95, 4) == bootstrap(scored, signers, 300, 0.95, 4)


def test_what_was_learnt_before_is_owned_up_to(tmp_path: Path) -> None:
    fake_results(tmp_path)
    assert run_evaluate(tmp_path)["pretrained"] is None
    for path in tmp_path.glob("models/*/*/metrics.json"):
        seen = {"pretrained": {"datasets": ["autsl"], "clips": 1200}}
        write_json(path, json.loads(path.read_text(encoding="utf-8")) | seen)
    summary = run_evaluate(tmp_path)
    assert summary["pretrained"] == {"datasets": ["autsl"], "clips": 1200}
    assert "pre-trained on 1200 clips of autsl, none of them tested" in summary["protocol"]


def test_unknown_signers_are_owned_up_to(tmp_path: Path) -> None:
    fake_results(tmp_path, known_signers=False)
    summary = run_evaluate(tmp_path)
    assert summary["signers"] is None
    assert summary["interval"]["unit"] == "clip"
    assert summary["protocol"].startswith("Signers unknown")
    assert "bootstrap over clips" in summary["protocol"]
    assert pd.read_csv(tmp_path / "evaluation/per_signer.csv").empty


def _roles(table: pd.DataFrame, old: str, new: str) -> pd.DataFrame:
    """Give the first video of role `old` the role `new`."""
    first = table.index[(table["role"] == old) & (table["copy"] == 0)][0]
    table.loc[first, "role"] = new
    return table


def test_shared_signers_are_owned_up_to(tmp_path: Path) -> None:
    fake_results(tmp_path)

    def share(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(signer=table["signer"].replace({"s00": "s01"}))

    for path in (tmp_path / "folds").glob("*.parquet"):
        rewrite(path, share)
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
        ("models/fold-3/joint/predictions.parquet", _drop_first_test_clip, "fold has"),
        ("models/fold-3/joint/predictions.parquet", lambda t: pd.concat([t, t]), "fold has"),
        ("models/fold-3/joint/predictions.parquet", lambda t: t.assign(class_id=0), "class ids"),
        ("models/fold-3/joint/predictions.parquet", lambda t: t.assign(logits=[[0.0]] * len(t)), "logits for"),
        ("models/fold-3/joint/predictions.parquet", lambda t: t.assign(logits=[[np.inf] * 6] * len(t)), "finite"),
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
    fake_results(tmp_path)
    for folder in ("folds", "models"):
        for path in sorted((tmp_path / folder).glob("fold-*")):
            if path.stem != "fold-1":
                path.rename(tmp_path / f"{folder}-{path.name}")
            else:
                path.rename(path.with_name(path.name.replace("fold-1", "official")))
    summary = run_evaluate(tmp_path)
    assert summary["folds"] == ["official"]
    assert summary["untested"] > 0
    assert "official split" in summary["protocol"]


def test_wrong_fusion_weights_are_refused() -> None:
    for weights in ([1, 2], [1, 1, 1, -1], "test"):
        with pytest.raises(SignfoldError, match=r"evaluation\.fusion"):
            EvaluationSettings(fusion=weights)


def test_summary_is_plain_json(results: tuple[Path, dict]) -> None:
    text = (results[0] / "evaluation/metrics.json").read_text(encoding="utf-8")
    assert "NaN" not in text
    assert json.loads(text) == results[1]

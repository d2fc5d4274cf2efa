"""Promises of fusion: weights given or fitted, and nothing but the scores decides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signfold.core.errors import SignfoldError
from signfold.core.settings import EvaluationSettings
from signfold.evaluation.fusion import fit_weights, fuse


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
    weights = fit_weights(logits, truth)
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
    assert fit_weights({"joint": noise, "bone": good}, truth)["bone"] > 0.95
    assert fit_weights({"joint": noise, "bone": noise}, truth) == pytest.approx({"joint": 0.5, "bone": 0.5})
    impossible = np.where(np.eye(3)[truth] == 1, -2000.0, 0.0)  # its probability of the truth is 0
    assert fit_weights({"joint": impossible, "bone": impossible}, truth) == pytest.approx({"joint": 0.5, "bone": 0.5})


def test_wrong_fusion_weights_are_refused() -> None:
    for weights in ([1, 2], [1, 1, 1, -1], "test"):
        with pytest.raises(ValueError, match="fusion"):
            EvaluationSettings(fusion=weights)

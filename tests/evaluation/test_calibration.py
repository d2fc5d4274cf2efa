"""Calibration: a temperature that is planted is found, and nothing but the confidence changes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_expit, logit, softmax
from scipy.stats import norm

from signfold.evaluation.calibration import (
    BINS,
    at_temperature,
    bins,
    calibration_error,
    calibration_table,
    fit_temperature,
)


def drawn(clips: int, sharpness: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of a network whose logits are `sharpness` times those that the truth is drawn from."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (clips, 6))
    truth = np.array([rng.choice(6, p=row) for row in softmax(logits, axis=1)])
    return softmax(sharpness * logits, axis=1), truth


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_a_planted_temperature_is_found(sharpness: float) -> None:
    probabilities, truth = drawn(4000, sharpness)
    assert fit_temperature(probabilities, truth) == pytest.approx(sharpness, rel=0.07)


def test_temperature_makes_other_clips_calibrated_and_keeps_the_order() -> None:
    temperature = fit_temperature(*drawn(2000, 3.0, seed=1))
    probabilities, truth = drawn(2000, 3.0, seed=2)
    after = at_temperature(probabilities, temperature)
    np.testing.assert_allclose(after.sum(1), 1)
    np.testing.assert_array_equal(after.argsort(1), probabilities.argsort(1))

    def error(values: np.ndarray) -> float:
        return calibration_error(calibration_table(values.max(1), values.argmax(1) == truth))

    assert error(probabilities) > 0.1
    assert error(after) < 0.04


def test_temperature_by_hand() -> None:
    """The square roots of 0.8 and 0.2 are as 2 to 1; a probability of 0 stays one."""
    np.testing.assert_allclose(at_temperature(np.array([[0.8, 0.2, 0.0]]), 2), [[2 / 3, 1 / 3, 0]], atol=1e-12)
    np.testing.assert_allclose(at_temperature(np.array([[2 / 3, 1 / 3]]), 0.5), [[0.8, 0.2]])


def test_few_clips_move_the_temperature_little() -> None:
    """With clips that are all right the likelihood alone would make every answer certain; with none it says nothing."""
    few = np.array([[0.7, 0.3]] * 3), np.zeros(3, int)
    many = np.array([[0.7, 0.3]] * 3000), np.zeros(3000, int)
    grid = np.linspace(-1, 1, 2001)  # log temperature, whose prior is normal
    posterior = norm.logpdf(grid, scale=0.5) + 3 * log_expit(logit(0.7) / np.exp(grid))
    assert np.log(fit_temperature(*few)) == pytest.approx(grid[posterior.argmax()], abs=0.002)
    assert fit_temperature(*many) < 0.2
    assert fit_temperature(np.empty((0, 2)), np.empty(0, int)) == pytest.approx(1, abs=1e-4)


def test_bins_are_closed_at_the_top() -> None:
    edges = np.array([1 / BINS, 1 / BINS + 1e-9, 0.5, 1.0, 1 + 1e-7, 1e-12, 0.0])
    assert bins(edges).tolist() == [0, 1, 7, 14, 14, 0, 0]


def test_table_and_error_by_hand() -> None:
    table = calibration_table(np.array([0.95, 0.99, 0.5]), np.array([True, False, False]))
    used = table[table["clips"] > 0]
    assert used["clips"].tolist() == [1, 2]
    assert used["confidence"].tolist() == pytest.approx([0.5, 0.97])
    assert used["accuracy"].tolist() == pytest.approx([0, 0.5])
    assert used["low"].tolist() == pytest.approx([7 / 15, 14 / 15])
    assert used["high"].tolist() == pytest.approx([8 / 15, 1])
    assert len(table) == BINS
    assert calibration_error(table) == pytest.approx((0.5 * 1 + 0.47 * 2) / 3)

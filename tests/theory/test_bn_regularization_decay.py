"""Batch statistics as a penalty: numbers of the sheet, the law of large batches, Monte-Carlo, wrong input."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.errors import ParameterError
from dmft.theory.batch_statistics import gaussian_penalty, mean_deviation, zeta

SLUG = "bn-regularization/decay"


@pytest.mark.parametrize(
    ("activation", "batch", "penalty", "law"),
    [("identity", 8, 0.0973, 0.09375), ("identity", 32, 0.02368, 0.0234375), ("relu", 32, 0.01154, 0.01171875)],
)
def test_gaussian_penalties_are_those_of_the_sheet(activation, batch, penalty, law):
    run = dmft.solve(SLUG, activation=activation, batch=batch)
    # the sheet's numbers for M = 32 are Monte-Carlo: three units of the last digit
    assert run["penalty"].last == pytest.approx(penalty, abs=5e-5 if batch == 8 else 3e-5)
    assert run["zeta"].last == pytest.approx(law, rel=1e-12)


def test_laplace_is_that_of_the_sheet():
    run = dmft.simulate(SLUG, distribution="laplace", batch=32, size=100_000, replicas=8)
    assert run["penalty"].last == pytest.approx(0.03383, abs=5e-6 + 3.0 * run["penalty"].last_stderr)
    assert run["penalty"].last_stderr < 5e-4
    assert dmft.solve(SLUG, distribution="laplace", batch=32)["zeta"].last == pytest.approx(0.03516, abs=5e-6)


@pytest.mark.parametrize(("activation", "exponent"), [("identity", 1.0), ("relu", 0.5)])
def test_corrections_to_the_law(activation, exponent):
    """Of relative order 1/M, but 1/√M for ReLU: samples within 1/√M of the kink change sides."""
    first, second = (gaussian_penalty(batch, activation) / zeta(batch, activation) - 1.0 for batch in (10000, 40000))
    assert np.log(first / second) / np.log(4.0) == pytest.approx(exponent, abs=0.03)


def test_mean_deviation_of_two_numbers():
    """|x − y|/2 has the mean 1/√π."""
    assert mean_deviation(np.array(2)) == pytest.approx(1.0 / np.sqrt(np.pi), rel=1e-14)
    below, above = mean_deviation(np.array([401, 402]))  # logarithms of gamma functions, and the series
    assert above - below == pytest.approx(0.75 / 401.5**2, rel=0.01)


def test_relu_penalty_of_two_samples_by_hand():
    """û = ±1; u = μ ± σ: E over two Gaussian numbers on a grid."""
    point, weight = np.polynomial.hermite_e.hermegauss(100)
    x, y = np.meshgrid(point, point)
    p = np.outer(weight, weight) / weight.sum() ** 2
    larger, smaller = np.maximum(x, y), np.minimum(x, y)
    by_hand = 0.25 * np.sum(p * ((np.maximum(larger, 0.0) - 1.0) ** 2 + np.maximum(smaller, 0.0) ** 2))
    assert gaussian_penalty(2, "relu") == pytest.approx(by_hand, rel=3e-3)  # a kink: the grid converges as 1/n


@pytest.mark.parametrize("activation", ["identity", "relu"])
def test_twin_agrees(activation):
    run = dmft.compare(SLUG, activation=activation, size=10_000, replicas=10, seed=1)
    assert run.comparison.verdict == "agrees", run.comparison.message
    assert "penalty_by_batch" in run.comparison.observables


@pytest.mark.parametrize("distribution", ["uniform", "laplace"])
def test_law_of_large_batches_for_other_distributions(distribution):
    run = dmft.compare(SLUG, distribution=distribution, size=100_000, replicas=8, seed=1)
    last, error = run.simulation["scaled_penalty"].values[-1], run.simulation["scaled_penalty"].stderr[-1]
    # at M = 256: of the relative order of a few 1/M
    assert last == pytest.approx(run["scaled_zeta"].values[-1], abs=3.0 * error + 10.0 / 256.0 * last)
    assert error < 0.02 * last


@pytest.mark.parametrize(
    ("options", "words"),
    [({"batch": 1}, "one sample is zero"), ({"batch": 0}, "batch = 0"), ({"activation": "gelu"}, "activation")],
)
def test_wrong_input_is_refused(options, words):
    with pytest.raises(ParameterError, match=words):
        dmft.solve(SLUG, **options)

"""Noise of normalisation statistics and growth of the gradient: reference numbers, limits, mistakes."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.errors import ParameterError
from dmft.theory.group_norm import (
    LEVELS,
    GroupNorm,
    conditional_variance,
    distribution,
    kurtosis,
    mean_deviation,
    noise,
)
from dmft.theory.group_norm_gradient import RELU_LIMIT, GroupNormGradient, linear_growth, relu_growth
from dmft.theory.group_norm_training import GroupNormTraining


@pytest.mark.parametrize(("n", "expected"), [(2, 0.8716), (4, 0.4042), (8, 0.1946), (32, 0.0473)])
def test_noise_law(n, expected):
    assert float(noise(n)) == pytest.approx(expected, abs=5e-5)
    run = dmft.solve("group-norm", norm="bn", batch=n)
    assert float(run.scalars["noise"].values) == float(noise(n))


def test_noise_of_many_values():
    assert float(noise(1e9)) == pytest.approx(1.5e-9, rel=1e-8)
    exact = 2.0 * (1.0 - mean_deviation(2000.0))
    assert float(noise(2000.5)) == pytest.approx(float(exact) * 2000.0 / 2000.5, rel=1e-6)  # no step where it changes


def test_kurtosis_and_bound():
    assert float(kurtosis(8.0)) == pytest.approx(2.333, abs=5e-4)
    run = dmft.solve("group-norm", norm="gn", channels=64, groups=8, pixels=1)
    assert float(run.scalars["values"].values) == 8.0
    assert float(run.scalars["kurtosis"].values) == pytest.approx(7.0 / 3.0)
    assert float(run.scalars["bound"].values) == pytest.approx(np.sqrt(7.0))


@pytest.mark.parametrize(("norm", "expected"), [("bn", [16, 64]), ("gn", [8, 8]), ("ln", [48, 48]), ("in", [4, 4])])
def test_who_shares_statistics(norm, expected):
    model = GroupNorm(norm=norm, channels=12, groups=6, pixels=4)
    assert [model.values_of(norm, batch) for batch in (4, 16)] == expected


@pytest.mark.parametrize("n", [3, 4, 5, 16, 200])
def test_distribution_has_unit_variance_and_ends_at_the_bound(n):
    y = np.linspace(-np.sqrt(n - 1.0), np.sqrt(n - 1.0), 200001)
    cumulative = distribution(n, y)
    assert cumulative[0] == pytest.approx(0.0, abs=1e-12)
    assert cumulative[-1] == pytest.approx(1.0)
    middle = 0.5 * (y[1:] + y[:-1])
    for power, expected in ((2, 1.0), (4, float(kurtosis(n)))):
        assert np.sum(np.diff(cumulative) * middle**power) == pytest.approx(expected, rel=1e-4)


def test_two_values_are_plus_and_minus_one():
    np.testing.assert_array_equal(distribution(2, LEVELS), np.where(LEVELS < -1, 0.0, np.where(LEVELS > 1, 1.0, 0.5)))
    assert float(kurtosis(2)) == 1.0


@pytest.mark.parametrize("n", [2, 3, 5, 16, 300])
def test_spread_of_a_standardised_value_averages_to_what_is_left(n):
    """E Var[x̂|x] + Var E[x̂|x] = 1, and Cov(x, x̂) = c_n: the regression on x leaves at most 1 − c_n²."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    mean = float(np.sum(weights * [conditional_variance(n, x) for x in nodes]) / weights.sum())
    assert 0.0 < mean <= 1.0 - float(mean_deviation(n)) ** 2 + 1e-6
    if n == 300:  # the law of many values is (1 + x²/2)/n with corrections of relative order 1/n
        for x in (0.0, 1.0, 2.0):
            assert conditional_variance(n, x) == pytest.approx((1.0 + x**2 / 2.0) / n, rel=0.04)


def test_spread_of_a_standardised_value_is_exact_for_few_and_for_very_many():
    """n = 3, x = 0: x̂² = (1 + sin 2φ)/(2 − sin 2φ) of the even angle φ of the other two, whose mean is √3 − 1.

    Very many: the law has corrections of relative order 1/n.
    """
    assert conditional_variance(3, 0.0) == pytest.approx(np.sqrt(3.0) - 1.0, rel=1e-13)
    for n in (10**10, 10**14):
        for x in (0.0, 1.0, -3.0):
            assert conditional_variance(n, x) == pytest.approx((1.0 + x**2 / 2.0) / n, rel=1e-8)


def test_growth_of_the_gradient():
    assert linear_growth(8) == pytest.approx(1.2)
    assert relu_growth(10**7) == pytest.approx(RELU_LIMIT, abs=1e-5)
    assert pytest.approx(1.4669, abs=5e-5) == RELU_LIMIT
    # 1.475 is the published simulation at finite width, below the exact number for infinite width
    assert relu_growth(128) == pytest.approx(1.475, abs=0.005)
    run = dmft.solve("group-norm/gradient", norm="bn", batch=8, depth=10)
    np.testing.assert_allclose(np.diff(run["log_gradient"].values), -np.log(1.2))
    assert float(dmft.solve("group-norm/gradient", norm="gn").scalars["growth"].values) == 1.0


@pytest.mark.parametrize("batch", [4, 8, 32])
def test_growth_of_relu_against_random_directions(batch):
    rng = np.random.default_rng(batch)
    g = rng.standard_normal((200000, batch))
    g -= g.mean(axis=1, keepdims=True)
    u = g / np.linalg.norm(g, axis=1, keepdims=True)
    gate, projector = (u > 0.0).astype(float), np.eye(batch) - 1.0 / batch
    traces = np.einsum("ni,nj,ij->n", gate, gate, projector**2, optimize=True)
    gated = gate * u
    traces -= (gated**2).sum(axis=1) - gated.sum(axis=1) ** 2 / batch
    outputs = np.sqrt(batch) * gated
    spread = (outputs - outputs.mean(axis=1, keepdims=True)).var(axis=1) * batch / (batch - 1)
    scale = batch / ((batch - 3.0) * (batch - 1.0))
    ratio = traces.mean() / spread.mean()
    error = ratio * np.sqrt(((traces / traces.mean() - spread / spread.mean()) ** 2).mean() / len(g))
    assert abs(relu_growth(batch) - scale * ratio) < 4.0 * scale * error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"norm": "bn", "batch": 1}, "one value has no variance; batch normalisation needs a batch of at least 2"),
        ({"norm": "in"}, "instance normalisation of a dense layer has one value"),
        ({"norm": "gn", "groups": 256}, "give fewer groups"),
        ({"groups": 7}, "groups = 7 do not divide channels = 256: give a divisor, such as"),
        ({"batch": 0}, "batch = 0 is not allowed"),
        ({"norm": "rms"}, "unknown value 'rms'"),
    ],
)
def test_mistakes_are_told(options, message):
    with pytest.raises(ParameterError, match=message):
        GroupNorm(**options)


def test_mistakes_of_the_variants_are_told():
    for batch in (1, 2, 3):
        with pytest.raises(ParameterError, match=f"batch = {batch} is not allowed: for batches of 3 and fewer"):
            GroupNormGradient(batch=batch)
    GroupNormGradient(batch=1, norm="ln")
    for options, message in (
        ({"norms": "bn,rn"}, "norms = 'bn,rn': unknown one 'rn': did you mean 'ln'"),
        ({"batches": "32,1"}, "batch normalisation needs batches of at least 2"),
        ({"batches": "32,x"}, "give whole numbers with commas"),
        ({"batches": "0", "norms": "gn"}, "give numbers of samples from 1"),
    ):
        with pytest.raises(ParameterError, match=message):
            GroupNormTraining(**options)
    assert GroupNormTraining(batches="4,1", norms="gn, ln").chosen == ("gn", "ln")


def test_published_table():
    run = dmft.solve("group-norm/training")
    np.testing.assert_allclose(run["published_bn_error"].values[[0, -1]], [34.7, 23.6])
    np.testing.assert_allclose(run["published_gn_error"].values[[0, -1]], [24.1, 24.1])
    assert float(run.scalars["published_gap"].values) == pytest.approx(10.6)
    assert "not a prediction" in run.status.message

"""The cyclic-shift family: it fits all short sequences, and gradient flow does not leave it."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.errors import ParameterError
from dmft.theory.linear_rnn import response
from dmft.theory.temporal_extrapolation_counterexample import TemporalExtrapolationCounterexample, half_way

SLUG = "temporal-extrapolation/counterexample"


def test_response_of_the_family():
    model = TemporalExtrapolationCounterexample(state_dim=7, teacher=2.0, shift=0.8, test_length=22)
    expected = np.zeros(22)
    expected[[0, 7, 14, 21]] = 2.0 * 0.8 ** np.array([0, 7, 14, 21])
    np.testing.assert_allclose(response(model.family(), 7, 22), expected, atol=1e-15)
    assert model.family_error() == pytest.approx(np.linalg.norm(expected[1:]), rel=1e-14)


@pytest.fixture(scope="module")
def run():
    return dmft.solve(SLUG, state_dim=5, train_length=4, test_length=11, t_max=100.0, rtol=1e-7, atol=1e-10)


def test_noise_does_not_leave_the_basin(run):
    shares = run["perturbation_basin_fraction"]
    assert np.all(shares.values[:4] == 1.0)
    assert np.all(shares.stderr > 0.0)
    assert run["perturbation_train_loss"].values[0] < 1e-12
    assert run["perturbation_error"].values[0] == pytest.approx(run["family_error"].last, rel=0.05)


def test_mixing_with_a_symmetric_start_does(run):
    errors = run["mixture_error"].values
    assert errors[0] == pytest.approx(run["family_error"].last, rel=1e-9)
    assert np.all(np.diff(errors) < 0.0)
    assert errors[-1] < 1e-2 * errors[0]
    assert 0.0 < run["basin_edge"].last < 1.0


def test_the_family_itself_stays_where_it_is():
    run = dmft.solve(SLUG, perturbation=0.0, t_max=10.0, state_dim=5, test_length=11, rtol=1e-6)
    assert run["train_loss"].values.max() < 1e-30
    np.testing.assert_allclose(run["extrapolation_error"].values, run["family_error"].last, rtol=1e-12)


def test_half_way():
    assert half_way(np.array([0.0, 1.0, 2.0]), np.array([1.0, 0.75, 0.25])) == pytest.approx(1.5)
    assert half_way(np.array([0.0, 1.0]), np.array([1.0, 1.0])) == 1.0
    assert half_way(np.array([0.0, 1.0]), np.array([0.2, 0.0])) == 0.0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"state_dim": 4}, "state_dim = 4 is not allowed with train_length = 5"),
        ({"test_length": 10}, "test_length = 10 is not allowed with state_dim = 10"),
        ({"mixture": 1.5}, "mixture = 1.5 is not allowed"),
        ({"shift": 0.0}, "shift = 0.0 is not allowed"),
        ({"perturbation": -1.0}, "perturbation = -1.0 is not allowed"),
    ],
)
def test_wrong_input_is_refused_in_one_line(options, words):
    with pytest.raises(ParameterError, match=words):
        dmft.solve(SLUG, **options)

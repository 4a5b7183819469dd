"""Generalisation against the load: numbers of the sheet, limits, the replica averages, finite N, wrong input."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.errors import ParameterError
from dmft.simulation.bn_regularization_generalization import Replica
from dmft.simulation.method import Simulation
from dmft.theory.bn_regularization_generalization import BNRegularizationGeneralization, ridge_error, scaled_error
from dmft.theory.replica_relu import averages, equations, solve_relu

SLUG = "bn-regularization/generalization"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"alpha": 2.0, "batch": 32}, 0.0973),
        ({"alpha": 0.5, "zeta": 0.25}, 0.3202),
        ({"alpha": 4.0, "zeta": 0.25}, 0.0905),
        ({"alpha": 2.0, "optimiser": "vanilla"}, 0.1250),
    ],
)
def test_errors_are_those_of_the_sheet(options, error):
    run = dmft.solve(SLUG, label_noise=0.25, penalty="literal", **options)
    assert run["epsilon_gen"].last == pytest.approx(error, abs=5.1e-5)


@pytest.mark.parametrize("alpha", [0.3, 0.9, 1.5, 6.0])
def test_vanilla_is_the_limit_without_ridge(alpha):
    exact = ridge_error(alpha, 0.0, 0.25)
    first, second = (ridge_error(alpha, ridge, 0.25) - exact for ridge in (1e-6, 1e-7))
    assert abs(first) < 1e-3 * exact
    assert first == pytest.approx(10.0 * second, rel=0.05)
    assert scaled_error(alpha, 1.0, 0.25) == pytest.approx(exact, rel=1e-14)


def test_vanilla_diverges_at_the_interpolation_threshold():
    assert ridge_error(1.0, 0.0, 0.25) == np.inf
    assert scaled_error(1.0, 0.9, 0.25) == np.inf
    run = dmft.solve(SLUG, alpha=1.0, optimiser="vanilla")
    assert run["epsilon_gen"].last == np.inf


@pytest.mark.parametrize("alpha", [0.5, 2.0])
def test_best_ridge_is_the_label_noise(alpha):
    noise = 0.25
    best = ridge_error(alpha, noise, noise)
    assert dmft.solve(SLUG, alpha=alpha)["epsilon_gen_optimal"].last == best
    for ridge in (0.9 * noise, 1.1 * noise):
        assert best < ridge_error(alpha, ridge, noise) < 1.01 * best


@pytest.mark.parametrize("optimiser", ["wn-decay", "bn"])
def test_twin_of_the_identity_agrees(optimiser):
    run = dmft.compare(SLUG, optimiser=optimiser, batch=8, size=[40, 80], replicas=6, seed=1)
    assert run.comparison.verdict == "agrees", run.comparison.message
    assert "epsilon_gen_by_alpha" in run.comparison.observables


@pytest.mark.parametrize("label_noise", [0.25, 0.0])
def test_replica_averages_against_sampling(label_noise):
    """The minimisation of one output by brute force, for a million draws."""
    m, v, chi = 0.6, 0.3, 1.7
    rng = np.random.default_rng(0)
    z, w = rng.standard_normal((2, 200_000))
    w = m * z + np.sqrt(v) * w
    y = np.maximum(z, 0.0) + np.sqrt(label_noise) * rng.standard_normal(len(z))

    def cost(u):
        return 0.5 * (y - np.maximum(u, 0.0)) ** 2 + (u - w) ** 2 / (2.0 * chi)

    candidates = np.stack([np.maximum((w + chi * y) / (1.0 + chi), 0.0), np.minimum(w, 0.0)])
    best = np.where(cost(candidates[0]) < cost(candidates[1]), candidates[0], candidates[1])
    g = (best - w) / chi
    for found, sample in zip(averages(m, v, chi, label_noise), (g * w, g * z, g * g), strict=True):
        assert found == pytest.approx(sample.mean(), abs=4.0 * sample.std() / np.sqrt(len(z)))


def test_replica_averages_do_not_depend_on_nodes():
    found = [averages(0.6, 0.3, 1.7, 0.25, nodes) for nodes in (48, 96)]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-8)


def test_replica_equations_are_solved():
    found = solve_relu(2.0, 0.3, 0.25)
    assert found.converged
    np.testing.assert_allclose(equations(found.point, 2.0, 0.3, 0.25), found.point, atol=1e-8)


def test_twin_of_relu_agrees_under_strong_decay():
    run = dmft.compare(SLUG, activation="relu", zeta=0.4, size=[50, 100], replicas=6, seed=1)
    assert run.comparison.verdict == "agrees", run.comparison.message


def test_descent_of_relu_under_weak_decay_ends_above_the_global_minimum():
    """Between the loads 0.5 and 2 it finds local minima, which generalise better than the global one."""
    run = dmft.compare(SLUG, activation="relu", optimiser="vanilla", size=80, replicas=4)
    loads = run.theory.coordinates["alpha"].values
    middle = (loads > 0.8) & (loads < 2.0)
    theory, found = run.theory["epsilon_gen_by_alpha"].values, run.simulation["epsilon_gen_by_alpha"]
    assert (found.values[middle] + 3.0 * found.stderr[middle] < theory[middle]).all()


def test_exact_batch_normalisation_is_scaled_least_squares():
    """The gain that random batches of the training set give is c_M, within its own error."""
    model = BNRegularizationGeneralization(optimiser="bn", batch=8, label_noise=0.0)
    replica = Replica(model, Simulation(size=60), None, np.random.default_rng(1))
    h = np.random.default_rng(2).standard_normal(2000)
    gains = [replica._batch_gain(h, h) for _ in range(8)]
    c = 1.0 - 0.0973
    assert np.mean(gains) == pytest.approx(c, abs=3.0 * np.std(gains) / np.sqrt(8.0) + 2e-3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch": 1}, "one sample is zero"),
        ({"optimiser": "bn", "activation": "relu"}, "identity only"),
        ({"alpha": 0.0}, "alpha = 0.0"),
        ({"label_noise": -1.0}, "label_noise"),
    ],
)
def test_wrong_input_is_refused(options, words):
    with pytest.raises(ParameterError, match=words):
        dmft.solve(SLUG, **options)

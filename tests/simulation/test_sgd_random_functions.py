"""Finite-size twin of random functions: covariance, derivatives, response, and the theory as limit."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.errors import MemoryLimitError
from dmft.results.comparison import compare_solutions
from dmft.simulation import sgd_random_functions as twin
from dmft.simulation.backend import Backend
from dmft.simulation.method import Simulation
from dmft.theory.sgd_random_functions import SGDRandomFunctions

CASES = {
    "default": {},
    "start": {"m0": 0.3, "r0": 1.0, "label_noise": 0.25, "quadratic": 1.0, "learning_rate": 0.1},
    "sphere": {"m0": 0.5, "sphere": True, "linear": 0.0, "quadratic": 1.0, "learning_rate": 0.1},
    "gradient descent": {"batch_fraction": 1.0, "learning_rate": 0.1, "r0": 0.5},
    "inverse, cubic": {
        "m0": 0.5, "r0": 0.5, "cubic": 0.5, "learning_rate": 0.05, "normalisation": "inverse", "alpha": 1.0,
        "size": (12, 18, 27), "replicas": 48,
    },
}  # fmt: skip
SIZES = {"size": (20, 40, 80), "replicas": 24, "steps": 12}


@pytest.mark.parametrize("name", CASES)
def test_theory_is_the_limit_of_simulations(name):
    """Three sizes extrapolated by a + c/N: z-scores at 1 % false alarm in all, one standard deviation added."""
    comparison = dmft.compare("sgd/random-functions", field_response=True, **{**SIZES, **CASES[name]}).comparison
    known = {"magnetization", "norm", "train_loss", "test_error", "correlation", "response", "noise_kernel"}
    assert known == set(comparison.observables)
    assert all(item.max_z < item.threshold + 1.0 for item in comparison.observables.values()), comparison.message


START = {"r0": 0.5, "m0": 0.3, "steps": 12}


@pytest.fixture(scope="module")
def simulation():
    return dmft.simulate("sgd/random-functions", size=120, replicas=24, **START).simulation


@pytest.mark.parametrize(
    "wrong", [{"quadratic": 0.35}, {"linear": 1.1}, {"batch_fraction": 0.33}, {"alpha": 2.2}, {"r0": 0.6}], ids=str
)
def test_a_theory_a_little_wrong_deviates(wrong, simulation):
    theory = dmft.solve("sgd/random-functions", **{**START, **wrong}).theory
    assert compare_solutions(theory, {120: simulation}).verdict == "deviates"


def test_the_right_theory_does_not_deviate(simulation):
    assert compare_solutions(dmft.solve("sgd/random-functions", **START).theory, {120: simulation}).verdict == "agrees"


def test_covariance_of_the_functions():
    """E[f(w)f(w')] = h(w·w'/N): mean over 8000 functions of five weights, within five standard errors."""
    model = SGDRandomFunctions(alpha=1600.0, linear=0.5, quadratic=0.7, cubic=0.3)
    made = twin.RandomFunctions(model, 5, np, np.dtype(float), np.random.default_rng(0))
    one, other = np.array([1.0, -1.0, 1.0, 1.0, 2.0]), np.array([0.5, 0.3, 1.0, 2.0, 1.0])
    h = np.polynomial.Polynomial(model.covariance)
    for left, right in ((one, one), (one, other)):
        products = made(left)[0] * made(right)[0]
        error = products.std() / np.sqrt(len(products))
        assert abs(products.mean() - h(left @ right / 5.0)) < 5.0 * error


def test_derivatives_by_differences():
    model = SGDRandomFunctions(alpha=2.0, linear=0.5, quadratic=0.7, cubic=0.3)
    rng = np.random.default_rng(1)
    made = twin.RandomFunctions(model, 6, np, np.dtype(float), rng)
    weights, direction = rng.standard_normal((2, 6))
    _, gradients, curvatures = made(weights)
    low, high = made(weights - 1e-5 * direction), made(weights + 1e-5 * direction)
    np.testing.assert_allclose(gradients @ direction, (high[0] - low[0]) / 2e-5, atol=1e-8)
    np.testing.assert_allclose(sum(curvatures) @ direction, (high[1] - low[1]) / 2e-5, atol=1e-8)


@pytest.mark.parametrize("sphere", [False, True])
def test_response_is_that_of_a_pushed_copy(sphere):
    """The update of one step with a small field added, all else equal, in plain NumPy."""
    start = {"m0": 0.4, "sphere": True} if sphere else {"m0": 0.4, "r0": 0.5}
    model = SGDRandomFunctions(cubic=0.2, learning_rate=0.05, steps=8, **start)
    made = twin.Replica(model, Simulation(size=10, field_response=True), Backend(np, 1), np.random.default_rng(2))
    first, state = made.weights.copy(), made.rng.bit_generator.state
    made.run(lambda: False, lambda done: None)

    def history(push, at):
        made.rng.bit_generator.state = state
        weights, rows = first.copy(), []
        for t in range(model.steps + 1):
            rows.append(weights)
            values, gradients, _ = made.functions(weights)
            force = (made.rng.random(len(values)) < model.batch_fraction) * (values - made.label)
            weights = (1.0 - 0.05 * model.ridge) * weights - 0.05 * gradients.T @ force
            if t == at:
                weights = weights + push * made.fields.signs
            if sphere:
                weights = weights * np.sqrt(10.0 / (weights @ weights))
        return np.array(rows)

    np.testing.assert_allclose(history(0.0, 0), made.weight_history, atol=1e-12)
    for at in (0, 3):
        moved = (history(1e-5, at) - history(-1e-5, at)) @ made.fields.signs / (2e-5 * 9)
        np.testing.assert_allclose(made.fields.response[at + 1 :, at], moved[at + 1 :], atol=1e-7)


def test_couplings_beyond_memory_are_refused():
    with pytest.raises(MemoryLimitError, match="try a smaller --size"):
        dmft.simulate("sgd/random-functions", size=20_000)
    with pytest.raises(MemoryLimitError, match="try a smaller --size"):
        dmft.simulate("sgd/random-functions", size=1000, cubic=1.0)


def test_linear_functions_are_the_twin_of_the_teacher():
    """h(q) = q at finite size: two simulations that share no code for the data, by z-scores of their difference."""
    options = {"size": 100, "replicas": 40, "steps": 10, "m0": 0.2, "label_noise": 0.2}
    one = dmft.simulate("sgd", data="teacher", r0=0.0, **options)
    other = dmft.simulate("sgd/random-functions", quadratic=0.0, **{**options, "seed": 1})
    for name in ("magnetization", "norm", "train_loss", "test_error"):
        error = np.hypot(one[name].stderr, other[name].stderr)
        noisy = error > 1e-12
        # 4 × 11 points: 4.5 standard errors are 3e-4 by chance in all
        assert np.abs((one[name].values - other[name].values)[noisy] / error[noisy]).max() < 4.5


def test_divergence_keeps_what_is_finite():
    run = dmft.simulate("sgd/random-functions", size=30, replicas=3, learning_rate=5.0, steps=200)
    assert run.status.code == "diverged"
    assert np.isfinite(run["norm"].values).all()


def test_seed_gives_the_same_bits_for_any_number_of_threads(monkeypatch):
    options = {"size": 20, "replicas": 4, "steps": 5, "seed": 7}
    first = dmft.simulate("sgd/random-functions", **options)
    monkeypatch.setattr("dmft.simulation.backend.threads", lambda: 1)
    second = dmft.simulate("sgd/random-functions", **options)
    assert all(np.array_equal(first[name].values, second[name].values) for name in first)

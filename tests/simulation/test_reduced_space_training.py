"""Gradient descent and Adam on the reduced space: their steps, their limit, the three-arm study."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.errors import ParameterError
from dmft.simulation import reduced_space_training as twin
from dmft.theory.kernels import shallow_relu as kernels
from dmft.theory.reduced_space_training import ARMS, ReducedSpaceTraining

SLUG = "reduced-space/training"
SMALL = {"neurons": 6, "t_max": 4.0, "learning_rate": 0.02}


@pytest.mark.parametrize("constrained", [False, True])
@pytest.mark.parametrize("adam", [False, True])
def test_steps_in_plain_numpy(adam, constrained):
    N, d, rng = 4, 2, np.random.default_rng(0)
    y = rng.standard_normal(N + N * d + N)
    if constrained:
        w = y[N : N + N * d].reshape(N, d)
        w /= np.linalg.norm(w, axis=1)[:, None]
        y[-N:] = [0.99, -0.99, 0.0, 0.5]
    points = np.column_stack([rng.standard_normal((9, d)), rng.standard_normal(9), np.full(9, 1.0 / 9.0)])
    mine, expected = y.copy(), y.copy()
    assert kernels.train(mine, N, d, points, 7, 0, 0.05, adam, 1.0, constrained, np.zeros((2, len(y))))
    first, second = np.zeros(len(y)), np.zeros(len(y))
    for step in range(1, 8):
        gradient = np.empty(len(y))
        kernels.gradient_on_points(expected, N, d, points, gradient)
        w = expected[N : N + N * d].reshape(N, d)
        if constrained:
            g = gradient[N : N + N * d].reshape(N, d)
            g -= (g * w).sum(axis=1)[:, None] * w
        if adam:
            first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
            gradient = first / (1.0 - 0.9**step) / (np.sqrt(second / (1.0 - 0.999**step)) + 1e-8)
        expected -= 0.05 * gradient
        if constrained:
            w /= np.linalg.norm(w, axis=1)[:, None]
            expected[-N:] = np.clip(expected[-N:], -1.0, 1.0)
    np.testing.assert_allclose(mine, expected, rtol=1e-11, atol=1e-12)


def test_gradient_descent_tends_to_the_flow_like_the_rate():
    """The same points and start: the difference halves with the rate, in every arm."""
    from dmft.solvers.flow.solve import integrate

    model = ReducedSpaceTraining(**SMALL, target="absolute")
    problem, rng = model.problem(), np.random.default_rng(3)
    starts, points = model.starts(problem, rng), problem.sample(200, rng)
    for arm in ARMS:
        data = np.concatenate([[6, 1, problem.radius], points.ravel()])
        end = integrate(
            kernels.flow_on_points, (0.0, 1.0), starts[arm], parameters=[[float(arm == "reduced")]], data=data,
            rtol=1e-9, atol=1e-11,
        ).y_end[0]  # fmt: skip
        errors = []
        for steps in (200, 400, 800):
            y = starts[arm].copy()
            kernels.train(y, 6, 1, points, steps, 0, 1.0 / steps, False, 1.0, arm == "reduced", np.zeros((2, 18)))
            errors.append(np.linalg.norm(y - end))
        # kinks that cross a point make the order one only on the whole
        assert errors[0] / errors[2] == pytest.approx(4.0, rel=0.25)


@pytest.mark.parametrize(
    "target", ["absolute", *(pytest.param(name, marks=pytest.mark.slow) for name in ("sine", "step"))]
)
def test_theory_is_the_limit_of_simulations(target):
    run = dmft.compare(
        SLUG, target=target, optimiser="gradient_descent", size=(100, 200, 400), replicas=12, starts=24, **SMALL
    )
    assert set(run.comparison.observables) == {f"log_mse_{arm}" for arm in ARMS}
    # 1 % false alarms in all, one standard deviation added
    assert all(item.max_z < item.threshold + 1.0 for item in run.comparison.observables.values())


def test_another_start_deviates():
    theory = dmft.solve(SLUG, starts=40, target="absolute", init="he", **SMALL).theory
    options = {"target": "absolute", "optimiser": "gradient_descent", "size": 200, "replicas": 40}
    simulation = dmft.simulate(SLUG, init="pytorch", **options, **SMALL).simulation
    assert dmft.results.comparison.compare_solutions(theory, {200: simulation}).verdict == "deviates"


def test_seed_gives_the_same_bits_for_any_number_of_threads(monkeypatch):
    options = {"size": 50, "replicas": 3, "epochs": 60, **SMALL}
    first = dmft.simulate(SLUG, **options)
    monkeypatch.setattr("dmft.simulation.backend.threads", lambda: 1)
    second, other = dmft.simulate(SLUG, **options), dmft.simulate(SLUG, seed=1, **options)
    for name in ("mse_reduced", "adam_mse_standard"):
        assert np.array_equal(first[name].values, second[name].values)
        assert not np.array_equal(first[name].values, other[name].values)


def test_starts_of_the_simulation_are_not_those_of_the_theory():
    theory = dmft.solve(SLUG, starts=2, seed=0, **SMALL)
    simulation = dmft.simulate(SLUG, size=5000, replicas=2, seed=0, optimiser="gradient_descent", **SMALL)
    assert abs(theory["log_mse_standard"].values[0] - simulation["log_mse_standard"].values[0]) > 1e-6


def test_too_large_a_rate_is_diverged_with_the_data_before_it():
    options = {"neurons": 200, "learning_rate": 3.0, "target": "step", "optimiser": "gradient_descent"}
    run = dmft.simulate(SLUG, size=20, replicas=2, **options)
    assert run.status.code == "diverged"
    assert "try a smaller --learning-rate" in run.status.message
    assert 0 < len(run["mse_standard"].values) < 60
    assert np.all(np.isfinite(run["mse_standard"].values))


@pytest.mark.slow
def test_three_arms_of_the_sheet():
    """Median errors of Adam, 5e-3, 5000 epochs, N = 20 and 40: the spread of thresholds makes the difference."""
    sine = dmft.simulate(SLUG, optimiser="adam", size=200, replicas=10)
    medians = [sine[f"final_adam_mse_{arm}"].last for arm in ARMS]
    assert 0.3 < medians[0] < 0.5
    assert 1e-3 < medians[1] < 1e-2
    assert medians[1] < medians[2] < 0.1 * medians[0]
    franke = dmft.simulate(SLUG, target="franke", neurons=40, optimiser="adam", size=200, replicas=10)
    assert all(3e-4 < franke[f"final_adam_mse_{arm}"].last < 3e-3 for arm in ARMS)
    straight = dmft.simulate(SLUG, target="absolute", optimiser="adam", size=200, replicas=10)
    assert all(1e-9 < straight[f"final_adam_mse_{arm}"].last < 1e-5 for arm in ARMS)


def test_epochs_are_distinct_and_end_at_the_last():
    for count in (60, 61, 100, 5000, 10**6):
        epochs = twin.epochs(ReducedSpaceTraining(epochs=count))
        assert len(set(epochs.tolist())) == 60
        assert (epochs[0], epochs[-1]) == (1, count)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"backend": "cupy"}, "backend = 'cupy' is not allowed here"),
        ({"precision": "float32"}, "precision = 'float32' is not allowed here"),
        ({"optimiser": "newton"}, "optimiser = unknown value 'newton'"),
    ],
)
def test_wrong_input_is_refused_in_one_line(options, words):
    with pytest.raises(ParameterError, match=words):
        dmft.simulate(SLUG, size=10, replicas=2, **options)

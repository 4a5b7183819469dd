"""The stationary solver against the march and an exact solution; its fixed point, its statuses, its bits."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.errors import ParameterError
from dmft.solvers.spectrum import MarchenkoPastur
from dmft.solvers.stationary.solve import beyond, remaining
from dmft.solvers.stationary.state import BLOCK, Batch, History, Kernels
from dmft.theory.sgd_temperature import SGDTemperature

FAST = {"data": "two-cluster", "alpha": 2.0, "ridge": 0.5, "m0": 0.0, "steps": 100, "lags": 20}
TEACHER = {"data": "teacher", "alpha": 2.0, "ridge": 0.5, "m0": 0.0, "label_noise": 0.25, "steps": 100, "lags": 20}
SHORT = {"solver": "stationary", "paths": 2048, "memory": 100}


def solve(**options):
    return dmft.solve("sgd/temperature", **options)


def z_scores(one, two, names):
    """Deviations in combined standard errors, where there is any error."""
    found = []
    for name in names:
        error = np.hypot(one[name].stderr, two[name].stderr)
        free = error > 1e-12
        found.append(
            np.atleast_1d(one[name].values - two[name].values)[np.atleast_1d(free)] / np.atleast_1d(error[free])
        )
    return np.concatenate(found)


FINAL = ("final_magnetization", "final_norm", "final_train_loss", "final_test_error", "small_noise_temperature")
LAGS = ("effective_temperature", "displacement", "susceptibility")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        pytest.param({"persistence": 1.0}, marks=pytest.mark.slow),
        pytest.param({"normalisation": "inverse", "learning_rate": 0.1}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_both_solvers_find_one_state(changes):
    """Bands of 8 batches with the Student factor; curves over lags are correlated: a maximum of 4.5 is 1e-4."""
    options = {**FAST, **changes}
    stationary, marched = solve(**options, **SHORT), solve(**options, paths=8192)
    assert stationary.status.success
    assert marched.status.success
    assert np.abs(z_scores(stationary, marched, FINAL + LAGS)).max() < 4.5


@pytest.mark.slow
def test_both_solvers_find_the_state_behind_a_door():
    stationary, marched = solve(solver="stationary", paths=8192), solve(steps=500, paths=16384)
    assert stationary.status.success
    assert np.abs(z_scores(stationary, marched, (*FINAL[:1], *LAGS))).max() < 4.5


def test_linear_teacher_is_solved_in_closed_form():
    """Square loss: R, C and the loss at infinite time follow from the Marchenko–Pastur law."""
    run = solve(**TEACHER, **SHORT)
    exact = dmft.solve("sgd/ridge", alpha=2.0, ridge=0.5, label_noise=0.25, steps=300)
    for name in ("magnetization", "norm", "train_loss", "test_error"):
        curve = run[f"final_{name}"]
        assert abs(curve.last - exact[f"final_{name}"].last) < 4.5 * curve.last_stderr
    law = MarchenkoPastur.quadrature(2.0, 4000)
    a = 1.0 - 0.2 * (0.3 * law.nodes + 0.5)
    chi = 0.2 * np.cumsum([law.mean(a**k) for k in range(20)])
    curve = run["susceptibility"]
    assert np.abs((curve.values - chi)[1:] / curve.stderr[1:]).max() < 4.5


def test_residual_falls_to_round_off():
    model = SGDTemperature(**FAST)
    batch = Batch(model.problem(), 40, 256, np.random.default_rng(1))
    kernels = batch.start()
    for _ in range(50):
        kernels = Kernels.of_vector(0.3 * kernels.vector() + 0.7 * batch.iterate(kernels).vector(), 40)
    again = batch.iterate(kernels)
    assert again.overlap == pytest.approx(kernels.overlap, abs=1e-9)
    np.testing.assert_allclose(again.response, kernels.response, atol=1e-9)
    np.testing.assert_allclose(again.spectrum, kernels.spectrum, atol=1e-9 * kernels.spectrum.max())


def test_too_few_iterations_are_not_convergence():
    run = solve(**FAST, **SHORT, iterations=3)
    assert run.status.code == "not_converged"
    assert "--iterations" in run.status.message
    assert np.isfinite(run["effective_temperature"].values).all()


def test_a_memory_too_short_is_told():
    run = solve(**{**FAST, "lags": 5}, solver="stationary", memory=8, paths=2048)
    assert run.status.code == "not_converged"
    assert "--memory" in run.status.message


def test_response_beyond_the_memory_of_an_exponential():
    response = np.concatenate(([0.0], 0.9 ** np.arange(60.0)))
    exact = 0.9**60 / (1.0 - 0.9**60)
    assert beyond(response) == pytest.approx(exact, rel=0.3)
    assert beyond(np.concatenate((response, [-1e-9] * 20))) == 0.0


def test_gradient_descent_comes_to_rest():
    """b = 1: nothing fluctuates. The state is that of the march, its temperature 0 to round-off."""
    run = solve(**FAST, solver="stationary", memory=80, paths=512, batch_fraction=1.0)
    assert run.status.success, run.status.message
    assert run["small_noise_temperature"].last == 0.0
    assert run["displacement"].values.max() < 1e-20
    assert np.isfinite(run["effective_temperature"].values).all()
    marched = solve(**FAST, batch_fraction=1.0, paths=2048)
    assert np.abs(z_scores(run, marched, FINAL[:4])).max() < 4.5


@pytest.mark.slow
def test_rare_jumps_behind_the_door_are_told():
    """b = .9: a few paths change sides, seldom. What is left of C says so; short lags agree with the march."""
    stationary = solve(batch_fraction=0.9, solver="stationary", paths=4096, memory=160, lags=10)
    assert stationary.status.code == "not_converged"
    assert "--memory" in stationary.status.message or "--iterations" in stationary.status.message
    marched = solve(batch_fraction=0.9, steps=500, lags=150, paths=8192)
    for lag in (1, 5, 10):
        one, two = (run["effective_temperature"] for run in (stationary, marched))
        error = np.hypot(one.stderr[lag - 1], two.stderr[lag - 1])
        assert abs(one.values[lag - 1] - two.values[lag - 1]) < 4.5 * error


def test_history_is_the_sum_over_all_earlier_rows():
    rng = np.random.default_rng(1)
    response, rows = rng.standard_normal(24), rng.standard_normal((3 * BLOCK, 5))
    history = History(response)
    for t in range(len(rows)):
        expected = sum((response[t - v] * rows[v] for v in range(max(0, t - 23), t)), np.zeros(5))
        np.testing.assert_allclose(history.at(t, rows), expected, atol=1e-13)


def test_what_is_left_of_an_exponential():
    assert remaining(0.9 ** np.arange(61.0)) == pytest.approx(0.9**59, rel=0.01)
    assert remaining(np.zeros(61)) == 0.0


def test_divergence():
    run = solve(**{**TEACHER, "learning_rate": 6.0}, **SHORT)
    assert run.status.code in ("diverged", "not_converged")


@pytest.mark.parametrize(
    ("options", "words"),
    [({"ridge": 0.0}, "--memory"), ({"sphere": True, "ridge": None}, "--solver marching")],
    ids=str,
)
def test_refused(options, words):
    with pytest.raises(ParameterError, match=words):
        solve(**{**FAST, **options}, solver="stationary", paths=256)


def test_bits_do_not_depend_on_the_number_of_threads(monkeypatch):
    import numba

    runs = []
    for count in (1, 2):
        monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", count)
        runs.append(solve(**FAST, solver="stationary", memory=40, paths=512, seed=5))
    for name in runs[0]:
        np.testing.assert_array_equal(runs[0][name].values, runs[1][name].values)

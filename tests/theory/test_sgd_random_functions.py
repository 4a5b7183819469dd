"""Closed DMFT of random functions: the linear case in closed form, invariants, another quadrature, wrong input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dmft
from dmft.errors import MemoryLimitError, ParameterError
from dmft.results.comparison import compare_solutions
from dmft.results.progress import SILENT, Progress
from dmft.solvers.two_time.discrete import solve as march
from dmft.theory.sgd_random_functions import SGDRandomFunctions

CURVES = ("magnetization", "norm", "train_loss", "test_error")
CURVED = {"linear": 0.5, "quadratic": 0.7, "cubic": 0.3, "m0": 0.4, "r0": 0.6, "learning_rate": 0.1, "steps": 25}


def solve(**options):
    return dmft.solve("sgd/random-functions", **options)


@settings(max_examples=40)
@given(
    st.one_of(st.floats(0.2, 0.7), st.floats(1.4, 4.0)),  # close to 1 the quadrature of the closed form errs by 1e-9
    st.floats(0.01, 1.0), st.floats(0.05, 1.0), st.floats(0.01, 0.3), st.floats(0.0, 1.0),
    st.floats(0.0, 2.0), st.sampled_from(["unit", "inverse"]),
)  # fmt: skip
def test_linear_functions_are_ridge_regression(alpha, ridge, b, eta, noise, r0, normalisation):
    """h(q) = q against the Marchenko–Pastur average, to 1e-12 of the scale of the curve."""
    options = {
        "alpha": alpha, "ridge": ridge, "batch_fraction": b, "learning_rate": eta, "label_noise": noise, "r0": r0,
        "normalisation": normalisation, "steps": 40,
    }  # fmt: skip
    exact = dmft.solve("sgd/ridge", **options)
    mine = solve(quadratic=0.0, **options)
    length = min(len(exact["norm"].values), len(mine["norm"].values))
    for name in CURVES:
        one, other = exact[name].values[:length], mine[name].values[:length]
        np.testing.assert_allclose(other, one, rtol=1e-12, atol=1e-12 * np.abs(one).max())


def test_linear_functions_have_the_kernels_of_the_monte_carlo_solver():
    """``sgd`` with data teacher: C, R, M, K by the package's own z-scores."""
    options = {"steps": 10, "m0": 0.3, "r0": 0.5, "label_noise": 0.25}
    sampled = dmft.solve("sgd", data="teacher", paths=32768, **options)
    mine = solve(quadratic=0.0, **options)
    comparison = compare_solutions(mine.theory, {1: sampled.theory})
    assert {"correlation", "response", "noise_kernel", "memory_kernel", "train_loss"} <= set(comparison.observables)
    assert comparison.verdict == "agrees", comparison.message
    assert all(item.relative_error < 0.01 for item in comparison.observables.values())


def test_linear_functions_on_the_sphere():
    options = {"steps": 10, "m0": 0.3, "sphere": True}
    sampled, mine = dmft.solve("sgd", data="teacher", paths=32768, **options), solve(quadratic=0.0, **options)
    comparison = compare_solutions(mine.theory, {1: sampled.theory})
    assert comparison.verdict == "agrees", comparison.message


@pytest.mark.parametrize("sphere", [False, True])
@pytest.mark.parametrize("normalisation", ["unit", "inverse"])
def test_kernels_by_matrix_algebra(sphere, normalisation):
    """Eqs. (4) to (9) written with whole matrices: ρ as an inverse, A and B from Kc by a triangular solve."""
    options = {**CURVED, "normalisation": normalisation, "label_noise": 0.2}
    if sphere:
        options.pop("r0")
    model = SGDRandomFunctions(**options, sphere=sphere)
    values, status, _ = march(model.problem(), model.steps, SILENT)
    assert status.success
    problem, times = model.problem(), model.steps + 1
    m, C, R = values["overlap"], values["correlation"], values["response"]
    h = np.polynomial.Polynomial(problem.covariance)
    full = C + np.outer(m, m)
    eta, mean = problem.learning_rate, problem.mean
    S = np.tril(h.deriv()(full) * R, -1)
    rho = np.linalg.inv(np.eye(times) + eta * mean * S)
    G = h(full) - h(m)[:, None] - h(m)[None, :] + h(1.0) + problem.label_noise
    felt = G @ rho.T
    # e = (g − y) − ηSF, E[F F'] off the diagonal = mean² ρGρᵀ-like: iterate the linear relation to its fixed point
    B = np.zeros((times, times))
    for _ in range(times + 1):
        A = mean * felt - eta * S @ B
        loss = np.diagonal(felt) - eta * np.einsum("tv,tv->t", S, np.tril(A, -1))
        lower = mean * np.tril(A, -1)
        B = lower + lower.T + np.diag(problem.square * loss)
    np.testing.assert_allclose(values["loss"], loss, rtol=1e-11)
    np.testing.assert_allclose(values["noise"], problem.load * B * h.deriv()(full), rtol=1e-10, atol=1e-12)
    memory = -problem.load * np.tril(mean * rho * h.deriv()(full) - eta * B * h.deriv(2)(full) * R)
    np.testing.assert_allclose(values["memory"], memory, rtol=1e-10, atol=1e-12)


@settings(max_examples=25)
@given(st.floats(0.3, 3.0), st.floats(0.1, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 0.5))
def test_invariants(alpha, b, linear, quadratic, cubic):
    options = {**CURVED, "linear": linear + 0.05, "quadratic": quadratic, "cubic": cubic}
    run = solve(alpha=alpha, batch_fraction=b, **options)
    C, M, R = (run[name].values for name in ("correlation", "noise_kernel", "response"))
    for kernel in (C, M):
        assert np.array_equal(kernel, kernel.T)
        assert np.linalg.eigvalsh(kernel).min() > -1e-12 * np.abs(kernel).max()
    assert not np.triu(R).any()
    np.testing.assert_array_equal(np.diagonal(R, -1), 1.0)
    np.testing.assert_array_equal(np.diagonal(C), run["norm"].values)
    assert np.all(run["train_loss"].values >= 0.0)
    assert np.all(run["test_error"].values >= -1e-12)


@given(st.floats(0.2, 5.0))
@settings(max_examples=10)
def test_scale_of_the_functions(scale):
    """Functions times √c, learning rate over c, ridge times c: the same weights, c times the loss."""
    options = {**CURVED, "ridge": 0.1}
    one = solve(**options)
    other = solve(**{**options, **{name: scale * options[name] for name in ("linear", "quadratic", "cubic", "ridge")},
                     "learning_rate": options["learning_rate"] / scale})  # fmt: skip
    np.testing.assert_allclose(other["norm"].values, one["norm"].values, rtol=1e-10)
    np.testing.assert_allclose(other["train_loss"].values, scale * one["train_loss"].values, rtol=1e-10)


def test_recovery_is_perfect_without_noise_from_the_signal():
    run = solve(m0=1.0, r0=0.0, ridge=0.0, quadratic=1.0)
    for name in ("train_loss", "test_error", "norm"):
        assert np.abs(run[name].values).max() < 1e-14
    np.testing.assert_allclose(run["magnetization"].values, 1.0, rtol=1e-14)


def test_sphere_stays_on_the_sphere():
    run = solve(m0=0.4, sphere=True)
    assert run.parameters["r0"] == pytest.approx(0.84)
    assert run.parameters["ridge"] == 0.0
    np.testing.assert_allclose(run["norm"].values + run["magnetization"].values ** 2, 1.0, rtol=1e-14)


def test_divergence_keeps_what_is_finite():
    run = solve(learning_rate=5.0, steps=300)
    assert run.status.code == "diverged"
    assert "--learning-rate" in run.status.message
    times = len(run["norm"].values)
    assert 1 < times < 301
    assert run["memory_kernel"].values.shape == (times, times)
    assert all(np.isfinite(curve.values).all() for curve in run.theory.values())


def test_an_interrupt_keeps_what_there_is():
    class Impatient(Progress):
        def update(self, done):
            if done > 3.0 * 20**2:
                raise KeyboardInterrupt

    run = dmft.solve("sgd/random-functions", progress=Impatient())
    assert run.status.code == "interrupted"
    times = len(run["norm"].values)
    assert 15 < times < 30
    np.testing.assert_array_equal(run["norm"].values, solve(steps=times - 1)["norm"].values)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"linear": 0.0, "quadratic": 0.0}, "functions vanish"),
        ({"linear": -1.0}, "linear = -1.0 is not allowed"),
        ({"cubic": float("nan")}, "cubic = nan is not allowed"),
        ({"alpha": 0.0}, "alpha = 0.0 is not allowed"),
        ({"batch_fraction": 1.5}, "batch_fraction = 1.5 is not allowed"),
        ({"steps": 0}, "steps = 0 is not allowed"),
        ({"sphere": True, "ridge": 0.2}, "leave ridge out"),
        ({"sphere": True, "m0": 1.2}, r"give \|m0\| <= 1"),
        ({"sphere": True, "r0": 0.5}, "leave r0 out"),
    ],
)
def test_wrong_input_is_refused(options, words):
    with pytest.raises(ParameterError, match=words):
        solve(**options)


def test_memory_is_known_before_the_start():
    with pytest.raises(MemoryLimitError, match="fewer --steps"):
        solve(steps=10**6)


def test_a_start_that_cannot_move_is_warned_about():
    assert "never leaves 0" in SGDRandomFunctions(linear=0.0).warnings()[0]
    assert "m = 0 for ever" in SGDRandomFunctions(linear=0.0, r0=1.0).warnings()[0]
    assert not SGDRandomFunctions(linear=0.0, m0=0.1).warnings()
    assert not SGDRandomFunctions().warnings()
    assert not solve(linear=0.0, r0=1.0, steps=20)["magnetization"].values.any()

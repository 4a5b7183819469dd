"""The flow of a fixed kernel against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from dmft.solvers.kernel_flow import KernelFlow

X = np.array([-0.8, -0.6, -0.3, -0.06, 0.1])
Y = np.array([0.25, -0.25, -0.07, 0.15, -0.05])
TIMES = np.array([0.3, 2.0, 30.0])


def gaussian(x, z):
    return np.exp(-((x[:, None] - z[None, :]) ** 2) / 0.08)


def cubic(x, z):
    return np.abs(x[:, None] - z[None, :]) ** 3


def line(x):
    return np.stack([np.ones_like(x), x], axis=1)


def test_positive_definite_kernel_against_an_integrator():
    kernel = gaussian(X, X)
    flow = KernelFlow.of(kernel, np.empty((5, 0)), Y)
    exact = solve_ivp(lambda t, u: -kernel @ u, (0.0, 30.0), Y, t_eval=TIMES, rtol=1e-11, atol=1e-13).y.T
    np.testing.assert_allclose(flow.residual(TIMES), exact, atol=1e-9)
    places = np.linspace(-1.0, 0.2, 7)
    expected = flow.coefficients(TIMES) @ gaussian(places, X).T
    np.testing.assert_allclose(flow.predict(TIMES, gaussian(places, X), np.empty((7, 0))), expected, atol=1e-14)
    np.testing.assert_allclose(flow.predict(TIMES, kernel, np.empty((5, 0))), Y - exact, atol=1e-9)


def test_polynomials_are_the_limit_of_a_large_kernel():
    """K + c P Pᵀ at c → ∞, with corrections of order 1/c."""
    kernel, polynomials = cubic(X, X), line(X)
    flow = KernelFlow.of(kernel, polynomials, Y)
    errors = []
    for large in (1e3, 1e4):
        rates, modes = np.linalg.eigh(kernel + large * polynomials @ polynomials.T)
        exact = (np.exp(-np.multiply.outer(TIMES, rates)) * (Y @ modes)) @ modes.T
        errors.append(np.abs(flow.residual(TIMES) - exact).max())
    assert errors[0] < 1e-3
    assert errors[1] == pytest.approx(0.1 * errors[0], rel=0.1)


def test_infinite_time_is_the_solution_of_the_saddle_point():
    kernel, polynomials = cubic(X, X), line(X)
    flow = KernelFlow.of(kernel, polynomials, Y)
    matrix = np.block([[kernel, polynomials], [polynomials.T, np.zeros((2, 2))]])
    solution = np.linalg.solve(matrix, np.concatenate([Y, np.zeros(2)]))
    places = np.linspace(-1.0, 0.2, 7)
    expected = cubic(places, X) @ solution[:5] + line(places) @ solution[5:]
    end = np.array([np.inf])
    np.testing.assert_allclose(flow.predict(end, cubic(places, X), line(places))[0], expected, atol=1e-12)
    np.testing.assert_allclose(flow.residual(end), 0.0, atol=1e-15)


def test_polynomials_are_fitted_at_once():
    flow = KernelFlow.of(cubic(X, X), line(X), Y)
    start = flow.residual(np.array([1e-12]))[0]
    np.testing.assert_allclose(start, Y - line(X) @ np.linalg.lstsq(line(X), Y, rcond=None)[0], atol=1e-10)
    assert not KernelFlow.of(cubic(X, X)[:2, :2], line(X[:2]), Y[:2]).rates.size


def test_degenerate_points_are_refused():
    with pytest.raises(ValueError, match="not independent"):
        KernelFlow.of(np.eye(3), np.ones((3, 2)), np.ones(3))
    with pytest.raises(ValueError, match="not positive definite"):
        KernelFlow.of(-np.eye(3), np.ones((3, 1)), np.ones(3))

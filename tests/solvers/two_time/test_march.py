"""The march of the two-time solver: order, error series, exact solutions, residual, another discretisation."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ive

from dmft.solvers.two_time.march import March
from dmft.solvers.two_time.problem import TwoTimeProblem
from dmft.solvers.two_time.uniform import Extrapolation
from dmft.theory.p_spin import PSpin


@pytest.fixture(scope="module")
def plain():
    """Heun's rule in NumPy, written apart from the kernels."""
    path = Path(__file__).resolve().parents[3] / "benchmarks" / "numpy_two_time.py"
    spec = importlib.util.spec_from_file_location("numpy_two_time", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def march(problem: TwoTimeProblem, t_max: float, steps: int, points: int, tolerance: float = 1e-13) -> March:
    made = March(problem, t_max, steps, steps // points, tolerance, points + 1)
    made.run(lambda part: None)
    assert made.done == points + 1
    return made


def bessel(t):
    """Energy of p = 2 at T = 0."""
    return -np.divide(ive(2, 4.0 * t), ive(1, 4.0 * t), out=np.zeros_like(t), where=t > 0.0)


def error_of_energy(curves, t_max) -> float:
    t = np.linspace(0.0, t_max, len(curves["driven"]))
    return float(np.abs(-curves["driven"] - bessel(t)).max())


def test_order_of_the_march_is_two():
    """Halving the step divides the error by four; order within ±0.1."""
    problem = PSpin(p=2).problem()
    errors = [error_of_energy(march(problem, 4.0, steps, 20).curves, 4.0) for steps in (80, 160, 320)]
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    np.testing.assert_allclose(orders, 2.0, atol=0.1)


@pytest.mark.parametrize(("extrapolations", "steps"), [(1, 60), (2, 60)])
def test_each_extrapolation_raises_the_order_by_two(extrapolations, steps):
    """The error is a series in even powers of h: order 4 and 6 within ±0.1 from grids in the ratio 2 : 3 : 4."""
    problem, errors = PSpin(p=2).problem(), []
    for factor in (1, 2, 4):
        table = Extrapolation()
        for part in (2, 3, 4)[: extrapolations + 1]:
            table.add(part, march(problem, 4.0, factor * part * steps // 2, 10).curves)
        errors.append(error_of_energy(table.best, 4.0))
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert orders[-1] == pytest.approx(2.0 + 2.0 * extrapolations, abs=0.1)


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_free_relaxation(temperature):
    """D = Σ = 0 with constant drag T: C = e^{−T(t−s)} with C(t,t) = 1, and R = e^{−T(t−s)}."""
    problem, table = TwoTimeProblem(np.zeros(1), np.zeros(1), temperature), Extrapolation()
    for steps in (40, 60, 80):
        table.add(steps, march(problem, 2.0, steps, 10).curves)
    t = np.linspace(0.0, 2.0, 11)
    lag = t[:, None] - t[None, :]
    np.testing.assert_allclose(table.best["correlation"], np.exp(-temperature * np.abs(lag)), atol=1e-8)
    np.testing.assert_allclose(table.best["response"], np.tril(np.exp(-temperature * lag)), atol=1e-8)
    np.testing.assert_allclose(table.best["multiplier"], temperature, atol=1e-14)


@pytest.mark.parametrize(("p", "temperature"), [(2, 0.0), (3, 0.0), (3, 0.7), (4, 0.3)])
def test_another_discretisation_has_the_same_limit(plain, p, temperature):
    """Heun in the later time, extrapolated from two grids to order h³, against the march in the earlier time.

    The allowed difference is what Heun's own last extrapolation changed, divided by two: the next term of its
    series is one order smaller.
    """
    grids = (80, 160, 320)
    results = [plain.march(p, temperature, 2.0, steps) for steps in grids]
    coarse, middle, fine = (np.stack([C[:: n // 20, :: n // 20], np.tril(R)[:: n // 20, :: n // 20]])
                            for n, (_, C, R) in zip(grids, results, strict=True))  # fmt: skip
    first, second = middle + (middle - coarse) / 3.0, fine + (fine - middle) / 3.0
    table = Extrapolation()
    for steps in (80, 120, 160):
        table.add(steps, march(PSpin(p=p, temperature=temperature).problem(), 2.0, steps, 20).curves)
    mine = np.stack([table.best["correlation"], table.best["response"]])
    allowed = 0.5 * np.abs(second - first).max()
    assert allowed < 1e-3
    assert np.abs(mine - second).max() < allowed


def test_the_answer_put_back_into_the_equations():
    """∂_t R = −μR + ∫ΣR and ∂_t C of the left equations, by splines: the march solves the right ones."""
    from scipy.interpolate import make_interp_spline

    model, t_max, points = PSpin(p=3), 6.0, 240
    table = Extrapolation()
    for steps in (240, 480, 720):
        table.add(steps, march(model.problem(), t_max, steps, points).curves)
    C, R, mu = (table.best[name] for name in ("correlation", "response", "multiplier"))
    t = np.linspace(0.0, t_max, points + 1)

    def integral(values, start, stop):
        return make_interp_spline(t[start : stop + 1], values, k=5).integrate(t[start], t[stop])

    n = 200
    memory, noise = 3.0 * C[n, : n + 1] * R[n, : n + 1], 1.5 * C[n, : n + 1] ** 2
    for s in (10, 60, 120, 170):
        slope_R = make_interp_spline(t[s:], R[s:, s], k=5).derivative()(t[n])
        right = -mu[n] * R[n, s] + integral(memory[s:] * R[s : n + 1, s], s, n)
        assert slope_R == pytest.approx(right, abs=2e-6)
        slope_C = make_interp_spline(t[s:], C[s:, s], k=5).derivative()(t[n])
        right = -mu[n] * C[n, s] + integral((memory * C[: n + 1, s])[: s + 1], 0, s)
        right += integral((memory * C[: n + 1, s])[s:], s, n) + integral(noise[: s + 1] * R[s, : s + 1], 0, s)
        assert slope_C == pytest.approx(right, abs=2e-6)


@settings(max_examples=15)
@given(st.integers(2, 6), st.floats(0.0, 2.0))
def test_invariants(p, temperature):
    """C symmetric, positive semidefinite and at most 1; R causal; the pure model's identity μ = T − pE."""
    model, table = PSpin(p=p, temperature=temperature), Extrapolation()
    for steps in (60, 80, 120):
        table.add(steps, march(model.problem(), 1.5, steps, 20).curves)
    C, R = table.best["correlation"], table.best["response"]
    allowed = 4.0 * table.error + 1e-12  # errors of C(t,t), of entries, of eigenvalues: up to √(entries) of them
    assert np.array_equal(C, C.T)
    assert np.linalg.eigvalsh(C).min() > -20.0 * allowed
    assert np.abs(np.diagonal(C) - 1.0).max() < allowed
    assert not np.triu(R, 1).any()
    np.testing.assert_array_equal(np.diagonal(R), 1.0)
    np.testing.assert_allclose(C[:, 0], R[:, 0], atol=1e-12)  # uncorrelated start
    np.testing.assert_allclose(table.best["multiplier"], temperature + p * table.best["driven"], atol=allowed)


def test_time_can_be_rescaled():
    """D and Σ times a², T times a: the same curves at times shorter by a."""
    one, a = PSpin(p=3, temperature=0.3).problem(), 2.5
    other = TwoTimeProblem(a**2 * one.noise_law, a**2 * one.memory_law, a * one.temperature)
    slow, fast = march(one, 5.0, 100, 20).curves, march(other, 2.0, 100, 20).curves
    np.testing.assert_allclose(fast["correlation"], slow["correlation"], atol=1e-11)
    np.testing.assert_allclose(fast["response"], slow["response"], atol=1e-11)
    np.testing.assert_allclose(fast["multiplier"], a * slow["multiplier"], atol=1e-10)


def test_zero_temperature_energy_never_rises():
    driven = march(PSpin(p=3).problem(), 10.0, 400, 100).curves["driven"]
    assert np.all(np.diff(driven) > 0.0)


def test_a_step_that_is_too_large_is_found():
    made = March(PSpin(p=3).problem(), 100.0, 20, 1, 1e-9, 21)
    made.run(lambda part: None)
    assert made.failed
    assert 0 < made.done < 21
    assert np.isfinite(made.curves["correlation"]).all()

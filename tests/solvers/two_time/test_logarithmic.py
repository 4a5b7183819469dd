"""The logarithmic grid of the two-time solver: tables, Jacobian, exact solutions, error estimate, faults."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ive

from dmft.errors import MemoryLimitError, ParameterError
from dmft.results.progress import SILENT
from dmft.solvers.two_time import logarithmic, uniform
from dmft.solvers.two_time import logarithmic_kernels as kernels
from dmft.solvers.two_time.logarithmic_grid import ALONG, BETWEEN, SLOPE, LogGrid, derivatives, integrals, scales
from dmft.solvers.two_time.logarithmic_march import LogMarch
from dmft.solvers.two_time.method import TwoTime
from dmft.solvers.two_time.problem import TwoTimeProblem
from dmft.solvers.two_time.report import Report
from dmft.theory.p_spin import PSpin

PROBLEM = PSpin(p=3).problem()


def short(t_max: float = 10.0) -> Report:
    t = np.linspace(0.0, t_max, 51)
    return Report(t, t[[5, 10, 20]], t[:31])


def solve(problem, report, progress=SILENT, **options):
    return logarithmic.solve(problem, report, TwoTime(**options), progress)


def two_spins(t: np.ndarray) -> np.ndarray:
    """C of p = 2 at T = 0, for times above 0: c(t+s)/√(c(2t) c(2s)), c(x) = I₁(2x)/x (Cugliandolo and Dean)."""

    def moment(x):
        return ive(1, 2.0 * x) / x

    later, earlier = t[:, None], t[None, :]
    return moment(later + earlier) / np.sqrt(moment(2.0 * later) * moment(2.0 * earlier))


@pytest.mark.parametrize("count", [BETWEEN, ALONG])
def test_interpolation_is_exact_for_polynomials(count):
    values, out = np.polynomial.Polynomial(np.linspace(1.0, -1.0, count)), np.zeros(count)
    for place in (0.0, 0.3, 7.5, 14.2, 19.0):
        first = kernels.weights_at(place, 20, scales(count), out)
        assert 0 <= first <= 20 - count
        assert out @ values((first + np.arange(count)) / 20.0) == pytest.approx(values(place / 20.0), abs=1e-11)


@pytest.mark.parametrize("lean", [-2, 2])
def test_derivatives_are_exact_for_polynomials(lean):
    weights, firsts = derivatives(20, SLOPE, lean)
    values = np.polynomial.Polynomial(np.linspace(1.0, -1.0, SLOPE))
    for i in range(20):
        slope = weights[i] @ values((firsts[i] + np.arange(SLOPE)) / 20.0)
        assert slope == pytest.approx(values.deriv()(i / 20.0) / 20.0, abs=1e-11)
    assert firsts[10] + SLOPE // 2 == 10 + lean


def test_integrals_are_exact_for_polynomials():
    weights, firsts = integrals(20, ALONG)
    values = np.polynomial.Polynomial(np.linspace(1.0, -1.0, ALONG))
    for cell in range(19):
        area = weights[cell] @ values((firsts[cell] + np.arange(ALONG)) / 20.0) / 20.0
        assert area == pytest.approx(values.integ()((cell + 1) / 20.0) - values.integ()(cell / 20.0), abs=1e-13)


def test_points_of_a_row():
    grid = LogGrid(PROBLEM, 1e5, 200)
    assert grid.theta[0] == grid.rest[-1] == 0.0
    assert grid.theta[-1] == grid.rest[0] == 1.0
    assert np.all(np.diff(grid.theta) > 0.0)
    np.testing.assert_allclose(grid.theta + grid.rest, 1.0, atol=1e-15)
    np.testing.assert_allclose(grid.position(grid.theta, grid.rest), np.arange(201.0), atol=1e-9)
    assert grid.t[0] == 0.0
    assert grid.t[-1] == 1e5
    # the shortest step of the last row resolves the fastest decay, and integrals see it
    assert grid.rest[-2] * 1e5 * PROBLEM.rate < 1.0
    lag = grid.rest * 1e5
    np.testing.assert_allclose(grid.integrate(np.exp(-lag), 1e5), -np.expm1(-lag), atol=1e-6)


def test_the_jacobian_is_the_derivative_of_the_residual():
    march = LogMarch(PSpin(p=3, temperature=0.4).problem(), LogGrid(PROBLEM, 3.0, 24), 1e-10)
    march.run(lambda done: None)
    grid, n = march.grid, march.done - 1
    state = np.concatenate([march.response[n], march.correlation[n], [march.drag[n]]])
    state += 0.01 * np.sin(np.arange(len(state)))
    size = grid.points + 1

    def residual(x, want):
        missing, jacobian = np.zeros(len(x)), np.zeros((len(x), len(x)))
        problem = march.problem
        kernels.residual(
            grid.t[n], problem.temperature, problem.noise_law, problem.memory_law, grid.theta, grid.rest,
            grid.stretch, grid.quadrature, grid.before, grid.beyond, grid.ratio, grid.scale, grid.down,
            grid.down_first, grid.up, grid.up_first, march.known, march.inner, march.outer, x[size:-1].copy(),
            x[:size].copy(), x[-1], missing, jacobian, want,
        )  # fmt: skip
        return missing, jacobian

    jacobian, step = residual(state, True)[1], 1e-5
    for k in range(len(state)):
        shift = step * (np.arange(len(state)) == k)
        slope = (residual(state + shift, False)[0] - residual(state - shift, False)[0]) / (2.0 * step)
        np.testing.assert_allclose(jacobian[:, k], slope, atol=1e-8)


def test_free_relaxation():
    """D = Σ = 0: C = R = e^{−T(t−s)}, and χ its integral, over four decades of times."""
    problem, t = TwoTimeProblem(np.zeros(1), np.zeros(1), 0.8), np.concatenate([[0.0], np.geomspace(0.01, 100.0, 30)])
    curves, status, facts = solve(problem, Report(t, t[[10, 20]], t[:20]), tolerance=1e-5)
    lag = t[:, None] - t[None, :]
    assert status.code == "converged"
    allowed = facts["estimated_error"]
    np.testing.assert_allclose(curves["correlation"], np.exp(-0.8 * np.abs(lag)), atol=allowed)
    np.testing.assert_allclose(curves["response"], np.tril(np.exp(-0.8 * np.abs(lag))), atol=allowed)
    np.testing.assert_allclose(curves["susceptibility"], np.tril(-np.expm1(-0.8 * np.abs(lag)) / 0.8), atol=allowed)
    np.testing.assert_allclose(curves["multiplier"], 0.8, atol=1e-12)


@pytest.mark.parametrize("t_max", [1e3, pytest.param(1e5, marks=pytest.mark.slow)])
def test_two_spins_at_long_times(t_max):
    """Energy to 1e-6 and C(t,t') to the estimated error, against the exact solution."""
    t = np.concatenate([[0.0], np.geomspace(0.1, t_max, 80)])
    report = Report(t, t_max * np.array([0.01, 0.1]), np.geomspace(0.1, 0.9 * t_max, 20))
    curves, status, facts = solve(PSpin(p=2).problem(), report, tolerance=1e-4)
    assert status.code == "converged"
    np.testing.assert_allclose(-curves["driven"][1:], -ive(2, 4.0 * t[1:]) / ive(1, 4.0 * t[1:]), atol=1e-6)
    np.testing.assert_allclose(curves["correlation"][1:, 1:], two_spins(t[1:]), atol=facts["estimated_error"])
    for start, aged in zip(report.waiting, curves["aging_correlation"], strict=True):
        exact = [two_spins(np.array([start, start + lag]))[0, 1] for lag in report.lags]
        np.testing.assert_allclose(aged, exact, atol=facts["estimated_error"])


@pytest.mark.parametrize("model", [{"p": 3}, {"p": 3, "temperature": 0.3}, {"p": 4, "temperature": 1.0}], ids=str)
def test_both_grids_agree(model):
    """All curves within the estimated error; the energy to 1e-5."""
    problem, report = PSpin(**model).problem(), short()
    truth, _, _ = uniform.solve(problem, 10.0, 50, TwoTime(tolerance=1e-8), SILENT)
    truth |= report.aging(truth)
    curves, status, facts = solve(problem, report, tolerance=1e-4)
    assert status.code == "converged"
    assert set(curves) == set(truth)
    error = max(np.abs(curves[name] - truth[name]).max() for name in curves)
    assert error < facts["estimated_error"] <= 1e-4
    assert np.abs(curves["driven"] - truth["driven"]).max() < 1e-5


def test_errors_fall_at_the_order_of_the_rows():
    """Five points between rows: order 5, by doubling the points; coarse rows, of order 8, do better."""
    problem, report, errors = PSpin(p=2).problem(), short(4.0), []
    exact = ive(2, 4.0 * report.t[1:]) / ive(1, 4.0 * report.t[1:])
    for points in (32, 64, 128):
        march = LogMarch(problem, LogGrid(problem, 4.0, points), 1e-12)
        march.run(lambda done: None)
        errors.append(np.abs(march.curves(report)["driven"][1:] - exact).max())
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert orders[0] > 5.0
    assert orders[1] == pytest.approx(5.0, abs=0.2)


def test_an_unreached_tolerance_is_said():
    curves, status, facts = solve(PROBLEM, short(), tolerance=1e-9, max_points=100)
    assert status.code == "not_converged"
    assert "--max-points" in status.message
    assert 1e-9 < facts["estimated_error"] < 1e-3
    assert np.isfinite(curves["response"]).all()


def test_rows_that_fail_are_said_and_cut(monkeypatch):
    monkeypatch.setattr("dmft.solvers.two_time.logarithmic_march.MOST_STEPS", 3)
    curves, status, _ = solve(PROBLEM, short(), tolerance=1e-6, max_points=64)
    assert status.code == "not_converged"
    assert "rows do not converge" in status.message
    assert len(curves["driven"]) < 51
    assert np.isfinite(curves["correlation"]).all()


def test_an_interrupt_keeps_what_is_finished(impatient):
    whole, _, _ = solve(PROBLEM, short(), tolerance=1e-3)
    first, status, _ = solve(PROBLEM, short(), impatient(40.0), tolerance=1e-3)
    later, _, _ = solve(PROBLEM, short(), impatient(90.0), tolerance=1e-8)
    assert status.code == "interrupted"
    assert 1 < len(first["driven"]) < 51 == len(later["driven"])
    np.testing.assert_allclose(first["driven"], whole["driven"][: len(first["driven"])], atol=1e-2)
    np.testing.assert_allclose(later["driven"], whole["driven"], atol=1e-2)


def test_progress_adds_up(count):
    solve(PROBLEM, short(), count, tolerance=1e-3)
    assert count.done == count.total > 0.0


def test_the_same_bits_for_any_number_of_threads():
    from threadpoolctl import threadpool_limits

    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(solve(PROBLEM, short(), tolerance=1e-3)[0])
    assert all(np.array_equal(found[0][name], found[1][name]) for name in found[0])


def test_too_few_points_and_too_little_memory_are_refused():
    with pytest.raises(ParameterError, match=r"max_points = 64 is too few for t_max = 1e\+06: give at least 2"):
        solve(PROBLEM, short(1e6), max_points=64)
    estimate = logarithmic.estimate(PROBLEM, 1e4, TwoTime())
    assert 8.0 * 17.0 * 700.0**2 < estimate["memory"] < 8.0 * 50.0 * 1024.0**2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dmft.solvers.memory.available_memory", lambda: 1e6)
        with pytest.raises(MemoryLimitError, match="--max-points"):
            solve(PROBLEM, short(1e4))

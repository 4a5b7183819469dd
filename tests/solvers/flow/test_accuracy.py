"""Order by halving, and the answers of scipy's most exact solvers on published problems."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from dmft.solvers.flow.solve import integrate

METHODS = ("dormand_prince", "rosenbrock")
#: DETEST by name; the problems of the fixture are loaded later.
NAMES = [f"{letter}{k}" for letter in "ABCDE" for k in range(1, 6) if (letter, k) != ("C", 5)]


def starts_of(start: list[float], members: int) -> np.ndarray:
    return np.array(start) + 0.1 * np.random.default_rng(1).standard_normal((members, len(start)))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["B5", "E1"])
def test_order_is_five(problems, plain, method, name):
    """Root mean square error of 32 starts with fixed steps, each half of the one before."""
    number, start = problems.DETEST[name]
    starts, end = starts_of(start, 32), 4.0
    exact = solve_reference(plain(problems.detest, number), starts, end)
    errors = []
    for steps in (64, 128, 256):
        flows = integrate(
            problems.detest, (0.0, end), starts, parameters=[number], fixed_step=end / steps, method=method,
            jacobian=problems.detest_jacobian,
        )  # fmt: skip
        assert np.all(flows.accepted == steps)
        errors.append(np.sqrt(np.mean((flows.y_end - exact) ** 2)))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert abs(orders[-1] - 5.0) < 0.1, orders


@pytest.mark.parametrize("method", METHODS)
def test_order_of_dense_output_is_four(problems, plain, method):
    """The error within one step falls with its fifth power."""
    number, start = problems.DETEST["B5"]
    starts, theta = starts_of(start, 32), np.linspace(0.1, 0.9, 9)
    errors = []
    for step in (0.2, 0.1, 0.05):
        flows = integrate(
            problems.detest, (0.0, step), starts, parameters=[number], fixed_step=step, method=method, dense_output=True
        )
        inner = np.array([sol(step * theta) for sol in flows.sol])
        fine = integrate(
            problems.detest, (0.0, step), starts, parameters=[number], t_eval=step * theta, rtol=1e-13, atol=1e-15,
            max_step=step / 20,
        )  # fmt: skip
        errors.append(np.sqrt(np.mean((inner - fine.y) ** 2)))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert abs(orders[-1] - 5.0) < 0.1, orders


def solve_reference(field, starts, end):
    return np.array([solve_ivp(field, (0.0, end), y, method="DOP853", rtol=3e-14, atol=1e-15).y[:, -1] for y in starts])


@pytest.mark.parametrize("name", NAMES)
def test_answers_agree_with_scipy(problems, plain, name):
    """At tolerances of 1e-12 the error is of the size of LSODA's (a tolerance of a step means something a little else
    to every solver: within a factor of ten), or round-off."""
    number, start = problems.DETEST[name]
    field = plain(problems.detest, number)
    options = {"rtol": 1e-12, "atol": 1e-12}
    exact = solve_ivp(field, (0.0, 20.0), start, method="DOP853", rtol=3e-14, atol=1e-15).y[:, -1]
    lsoda = solve_ivp(field, (0.0, 20.0), start, method="LSODA", **options).y[:, -1]
    scale = 1e-12 * (1.0 + np.abs(exact).max())
    for method in METHODS:
        flow = integrate(problems.detest, (0.0, 20.0), start, parameters=[number], method=method, **options)
        assert flow.success
        error = np.abs(flow.y_end[0] - exact).max()
        assert error <= max(10.0 * np.abs(lsoda - exact).max(), 10.0 * scale), method


@pytest.mark.parametrize("name", ["Van der Pol", "Robertson", "Oregonator", "HIRES"])
def test_stiff_problems_converge_with_the_tolerance(problems, name):
    """Against the published digits; a hundred times the tolerance covers the condition of the problems."""
    number, start, end, published = problems.STIFF[name]
    errors = []
    for rtol in (1e-6, 1e-8):
        flow = integrate(
            problems.stiff, (0.0, end), start, parameters=[number], method="rosenbrock", rtol=rtol, atol=1e-8 * rtol
        )
        assert flow.success
        errors.append(np.max(np.abs(flow.y_end[0] / published - 1.0)))
        assert errors[-1] < 100.0 * rtol
    assert errors[1] < 0.1 * errors[0]


def test_explicit_method_says_that_a_stiff_problem_needs_the_other(problems):
    number, start, end, _ = problems.STIFF["Van der Pol"]
    flow = integrate(problems.stiff, (0.0, end), start, parameters=[number], max_steps=1000)
    assert flow.status[0] == -3
    assert "rosenbrock" in flow.message
    assert flow.outcome().code == "not_converged"
    assert 0.0 < flow.t_end[0] < end


@pytest.mark.parametrize("given", [True, False])
def test_jacobian_given_or_from_differences(problems, given):
    """A start in many directions around a moving circle: closed form."""
    angle = np.linspace(0.0, 6.0, 7)
    starts = np.stack([1.0 + 2.0 * np.cos(angle), 2.0 * np.sin(angle)], axis=1)
    flows = integrate(
        problems.oscillator, (0.0, 3.0), starts, parameters=[0.5], method="rosenbrock", rtol=1e-10, atol=1e-12,
        jacobian=problems.oscillator_jacobian if given else None,
    )  # fmt: skip
    exact = [problems.oscillator_exact(3.0, start, 0.5) for start in starts]
    assert np.allclose(flows.y_end, exact, rtol=0.0, atol=1e-8)
    assert np.all(flows.njev <= flows.nlu)
    assert np.all(flows.nlu == flows.accepted + flows.rejected)


def test_very_long_times(problems):
    """dy/dt = −y³/2 decays like t^{−1/2}: the implicit method reaches 1e6 in few steps."""
    times = np.geomspace(1.0, 1e6, 13)
    flow = integrate(
        problems.detest, (0.0, 1e6), [1.0], parameters=[2.0], t_eval=times, method="rosenbrock", rtol=1e-10, atol=1e-14
    )
    assert np.allclose(flow.y[0, :, 0], 1.0 / np.sqrt(1.0 + times), rtol=1e-8)
    assert flow.accepted[0] < 1000

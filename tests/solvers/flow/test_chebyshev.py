"""Runge–Kutta–Chebyshev: order, long stable steps, cost, status, bits."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from dmft.errors import ParameterError
from dmft.solvers.flow import chebyshev
from dmft.solvers.flow.callbacks import right_side
from dmft.solvers.flow.chebyshev import relax


@right_side
def logistic(t, y, parameters, data, out):
    out[0] = y[0] * (1.0 - y[0]) + np.sin(t)
    out[1] = -data[0] * (y[1] - np.cos(t))


@right_side
def growing(t, y, parameters, data, out):
    out[0] = y[0] * y[0]


@njit
def fixed_steps(field, step, count, stages, data, y):
    space = np.empty((5, 2))
    h = 1.0 / count
    for i in range(count):
        field(i * h, y, data, data, space[0])
        step(field, i * h, h, stages, y, space[0], data, data, space[1], space[2], space[3], space[4])
        y[:] = space[3]


@pytest.mark.parametrize("stages", [2, 5, 12])
def test_order_two_by_halving(stages):
    ends = []
    for count in (20, 40, 80, 160):
        y = np.array([0.1, 0.3])
        fixed_steps(logistic, chebyshev.step, count, stages, np.array([2.0]), y)
        ends.append(y)
    differences = np.linalg.norm(np.diff(ends, axis=0), axis=1)
    np.testing.assert_allclose(np.log2(differences[:-1] / differences[1:]), 2.0, atol=0.1)


@pytest.mark.parametrize("rate", [1.0, 1e3, 1e6])
def test_stiff_modes_cost_the_square_root(rate):
    exact = relax(logistic, (0.0, 5.0), [0.1, 0.3], data=[1.0], rtol=1e-9, atol=1e-12).y_end[0]
    flows = relax(logistic, (0.0, 5.0), [0.1, 0.3], data=[rate], rtol=1e-5, atol=1e-8)
    assert flows.success
    assert flows.y_end[0, 0] == pytest.approx(exact[0], abs=1e-3)
    driven = rate * (rate * np.cos(5.0) + np.sin(5.0)) / (rate**2 + 1.0)  # y → cos t, up to e^(−rate t)
    assert flows.y_end[0, 1] == pytest.approx(driven, abs=1e-2 if rate == 1.0 else 1e-4)
    assert flows.nfev[0] < 500 + 60.0 * np.sqrt(5.0 * rate)


def test_times_are_met_and_members_are_independent(monkeypatch):
    times = np.array([0.0, 0.1, 1.0, 2.0])
    starts = np.array([[0.1, 0.3], [0.9, -1.0], [0.5, 0.0]])
    flows = relax(logistic, (0.0, 2.0), starts, data=[50.0], t_eval=times)
    assert np.array_equal(flows.y[:, 0], starts)
    assert np.array_equal(flows.y[:, -1], flows.y_end)
    assert np.array_equal(flows.saved, [4, 4, 4])
    monkeypatch.setattr("dmft.solvers.threads.threads", lambda: 1)
    again = relax(logistic, (0.0, 2.0), starts[1:2], data=[50.0], t_eval=times)
    assert np.array_equal(again.y[0], flows.y[1])


def test_status():
    blown = relax(growing, (0.0, 2.0), [1.0], max_steps=10**5)
    assert blown.outcome().code in ("diverged", "not_converged")
    assert blown.t_end[0] == pytest.approx(1.0, abs=1e-3)
    short = relax(logistic, (0.0, 5.0), [0.1, 0.3], data=[10.0], max_steps=3)
    assert short.outcome().code == "not_converged"
    assert np.all(np.isfinite(short.y_end))
    with pytest.raises(ParameterError, match=r"rtol = 0\.0 is not allowed"):
        relax(growing, (0.0, 1.0), [1.0], rtol=0.0)

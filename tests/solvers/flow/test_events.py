"""Zeros of event functions: where, which, how many, and what ends a run."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from dmft.solvers.flow.callbacks import event, right_side
from dmft.solvers.flow.solve import integrate


@right_side
def pendulum(t, y, parameters, data, out):
    out[0] = y[1]
    out[1] = -np.sin(y[0])


@event
def crossings(t, y, parameters, data, out):
    out[0] = y[0]
    out[1] = y[1]


def python_pendulum(t, y):
    return [y[1], -np.sin(y[0])]


@pytest.mark.parametrize("method", ["dormand_prince", "rosenbrock"])
@pytest.mark.parametrize("direction", [0.0, 1.0, -1.0])
def test_events_are_those_of_scipy(method, direction):
    """The error of a zero is that of the state over its speed: 100 tolerances."""

    def angle(t, y):
        return y[0]

    angle.direction = direction
    theirs = solve_ivp(python_pendulum, (0.0, 30.0), [1.0, 0.3], method="DOP853", rtol=1e-12, atol=1e-12, events=angle)
    ours = integrate(
        pendulum, (0.0, 30.0), [1.0, 0.3], events=crossings, direction=[direction, 0.0], method=method,
        rtol=1e-10, atol=1e-10,
    )  # fmt: skip
    count = len(theirs.t_events[0])
    assert ours.event_counts[0, 0] == count
    assert np.allclose(ours.t_events[0, 0, :count], theirs.t_events[0], rtol=0.0, atol=1e-8)
    assert np.all(np.isnan(ours.t_events[0, 0, count:]))
    assert np.abs(ours.y_events[0, 0, :count, 0]).max() < 1e-12


@pytest.mark.parametrize("which", [1, 3])
def test_the_kth_zero_ends_the_run(which):
    flow = integrate(
        pendulum, (0.0, 30.0), [1.0, 0.3], events=crossings, terminal=[which, 0], t_eval=np.arange(31.0),
        rtol=1e-10, atol=1e-10,
    )  # fmt: skip
    assert flow.status[0] == 1
    assert flow.success
    assert flow.event_counts[0, 0] == which
    assert flow.t_end[0] == flow.t_events[0, 0, which - 1]
    assert abs(flow.y_end[0, 0]) < 1e-12
    saved = flow.saved[0]
    assert saved == np.floor(flow.t_end[0]) + 1
    assert np.all(np.isfinite(flow.y[0, :saved]))
    assert np.all(np.isnan(flow.y[0, saved:]))


def test_what_comes_after_a_terminal_event_is_not_counted():
    """Both functions change their sign in one long step: only the first zero belongs to the run."""

    def line(t, y, parameters, data, out):
        out[0] = 1.0

    def marks(t, y, parameters, data, out):
        out[0] = y[0] - 0.7
        out[1] = y[0] - 0.4

    flow = integrate(line, (0.0, 1.0), [0.0], events=marks, terminal=[0, 1], fixed_step=1.0)
    assert flow.event_counts.tolist() == [[0, 1]]
    assert flow.t_end[0] == pytest.approx(0.4, abs=1e-15)


def test_a_start_on_the_zero_is_no_event():
    flow = integrate(pendulum, (0.0, 1.0), [0.0, 1.0], events=crossings, terminal=[1, 0])
    assert flow.status[0] == 0
    assert flow.event_counts[0, 0] == 0


def test_more_zeros_than_are_kept_are_counted():
    flow = integrate(pendulum, (0.0, 100.0), [1.0, 0.0], events=crossings, terminal=[0, 0], keep_events=3)
    assert flow.event_counts[0, 0] > 20
    assert flow.t_events.shape == (1, 2, 3)
    assert np.all(np.isfinite(flow.t_events[0, 0]))

"""Exact flows of one ReLU neuron: published limits, scipy, laws that hold along every flow, ends that are no ends."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from dmft.errors import ParameterError
from dmft.solvers import threads as module
from dmft.solvers.piecewise.solve import flow_relu


def vardi_shamir(gamma):
    return np.array([[3.0, -1.0, 0.0], [4.0, 2.0, 0.0], [0.0, gamma, gamma]]), np.array([16.0, 18.0, 0.0])


def random_problem(seed, n, d, labels="positive"):
    rng = np.random.default_rng(seed)
    x, y, w = rng.standard_normal((n, d)), np.abs(rng.standard_normal(n)), rng.standard_normal((1, d))
    if labels == "teacher":
        teacher = rng.standard_normal(d)
        return x, np.maximum(x @ teacher, 0.0), w, teacher
    return x, y, w, None


def descent(x, y):
    def slope(t, w):
        z = x @ w
        return ((z > 0.0) * (y - z)) @ x

    return slope


@pytest.mark.parametrize(
    ("gamma", "last", "switch"),
    [(1.0, -0.0407729, 0.169651), (2.0, -0.1106965, None), (20.0, -0.2301149, None), (1e6, -0.2307281, None)],
)
@pytest.mark.parametrize("edge_active", [True, False])
def test_published_limits(gamma, last, switch, edge_active):
    """arXiv:2012.05156: (5, −1, s(γ)), to the digits that are given; the first two components are exact."""
    x, y = vardi_shamir(gamma)
    flow = flow_relu(x, y, np.zeros(3), edge_active=edge_active, keep_switches=2)
    assert np.allclose(flow.limit[0, :2], [5.0, -1.0], rtol=0.0, atol=1e-13)
    assert abs(flow.limit[0, 2] - last) < 1e-7
    assert flow.switches[0] == 1 or gamma == 1e6  # there x·w is lost in round-off at the edge, and comes back once
    if switch is not None:
        assert abs(flow.switch_times[0, 0] - switch) < 1e-6
    assert flow.support[0].tolist() == [True, True, False]


def test_limit_of_vardi_and_shamir_in_closed_form():
    """All samples are active until the third leaves and w_3 is frozen: when, by bisection of a matrix exponential."""
    from scipy.linalg import expm

    x, y = vardi_shamir(3.0)
    h, q = x.T @ x, x.T @ y

    def at(t):
        return np.linalg.solve(h, (np.eye(3) - expm(-h * t)) @ q)

    low, high = 0.01, 1.0
    while high - low > 1e-15:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if x[2] @ at(middle) > 0.0 else (low, middle)
    flow = flow_relu(x, y, np.zeros(3), keep_switches=1)
    assert flow.switch_times[0, 0] == pytest.approx(high, abs=1e-13)
    assert flow.limit[0, 2] == pytest.approx(at(high)[2], abs=1e-12)


@pytest.mark.parametrize(("n", "d"), [(1, 1), (3, 2), (20, 2), (6, 5), (4, 8), (15, 3)])
def test_trajectories_agree_with_scipy(n, d):
    """DOP853 with steps too short to jump over a cone: each step that meets a kink errs by its tolerance."""
    x, y, w, _ = random_problem(n + 10 * d, n, d)
    times = np.linspace(0.0, 2.0, 9)
    flow = flow_relu(x, y, w, t_eval=times, keep_switches=50)
    theirs = solve_ivp(
        descent(x, y), (0.0, 2.0), w[0], method="DOP853", rtol=1e-11, atol=1e-12, t_eval=times, max_step=0.01
    )
    assert np.allclose(flow.w[0], theirs.y.T, rtol=0.0, atol=1e-8)
    assert np.array_equal(flow.active[0], flow.w[0] @ x.T > 0.0)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 12),
    d=st.integers(1, 6),
    labels=st.sampled_from(["positive", "teacher"]),
)
def test_laws_of_every_flow(seed, n, d, labels):
    """Loss never grows; the limit solves the normal equations of its support, nearest to the last switch; distances to
    zero-loss weights never grow, and the way to the limit is at most twice that to them.
    """
    x, y, w, teacher = random_problem(seed, n, d, labels)
    flow = flow_relu(x, y, w, keep_switches=400)
    assert flow.status[0] == 0
    limit, support = flow.limit[0], flow.support[0]
    rows = x[support]
    size = 1.0 + np.abs(x).max() ** 2
    if support.any():
        assert np.abs(rows.T @ (rows @ limit - y[support])).max() < 1e-9 * size * n
    assert np.all(x[~support] @ limit < 1e-9 * size)
    last = flow_relu(x, y, w, t_eval=[flow.last_switch[0]]).w[0, 0]
    outside = limit - last
    if support.any():  # what no support vector sees has not moved
        outside = outside - np.linalg.pinv(rows) @ (rows @ outside)
    assert np.abs(outside).max() < 1e-8 * size
    times = np.geomspace(1e-3, 1e3, 40)
    path = flow_relu(x, y, w, t_eval=times).w[0]
    loss = 0.5 * np.sum((np.maximum(path @ x.T, 0.0) - y) ** 2, axis=1)
    assert np.all(np.diff(loss) <= 1e-12 * loss[0] + 1e-14)
    if teacher is not None:
        distance = np.linalg.norm(path - teacher, axis=1)
        assert np.all(np.diff(distance) <= 1e-12 * (1.0 + distance[0]))
        assert np.linalg.norm(limit - w[0]) <= 2.0 * np.linalg.norm(teacher - w[0]) * (1.0 + 1e-12)


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 12), d=st.integers(1, 4), scale=st.sampled_from([0.0, 1e-3, 1.0]))
def test_growth_of_the_norm_is_what_a_fine_grid_shows(seed, n, d, scale):
    """If the exact answer is yes, no grid may see the norm shrink; if no, a fine one between the switches does."""
    x, y, w, _ = random_problem(seed, n, d)
    w = scale * w / np.linalg.norm(w)
    flow = flow_relu(x, y, w, keep_switches=400)
    switches = flow.switch_times[0][np.isfinite(flow.switch_times[0])]
    edges = np.concatenate([[0.0], switches, [flow.last_switch[0] + 200.0]])
    grid = np.unique(
        np.concatenate([low + (high - low) * np.geomspace(1e-9, 1.0, 800) for low, high in itertools.pairwise(edges)])
    )
    norm = np.linalg.norm(flow_relu(x, y, w, t_eval=grid).w[0], axis=1)
    shrinks = np.diff(norm).min() < -1e-13 * norm.max()
    if flow.norm_increasing[0]:
        assert not shrinks
    elif norm.max() > norm.min():
        assert shrinks or np.ptp(norm) < 1e-9 * norm.max()


def test_no_switch_is_missed_where_a_sample_dips_below_its_edge_for_a_moment():
    """One sample whose pre-activation is (u − a)(u − b) with u = exp(−t): zero twice, as close as one likes.

    Two modes of rates 1 and 2 carry it: rows along the axes fix the rates, a third of almost no weight sees both.
    """
    for gap in (1e-1, 1e-3, 1e-5):
        low, high = 0.5, 0.5 + gap
        # w_0 = 5 − (low + high) u, w_1 = low·high − 5 + u²; the third sample sums them with a tiny weight
        x = np.array([[1.0, 0.0], [0.0, -np.sqrt(2.0)], [1e-9, 1e-9]])
        limit = np.array([5.0, low * high - 5.0])
        flow = flow_relu(x, np.maximum(x @ limit, 0.0), limit + np.array([-(low + high), 1.0]), keep_switches=9)
        mine = flow.switch_times[0][flow.switch_samples[0] == 2]
        assert len(mine) == 2
        assert np.allclose(mine, [-np.log(high), -np.log(low)], rtol=0.0, atol=1e-12 / gap)


def test_bits_do_not_depend_on_threads(monkeypatch):
    rng = np.random.default_rng(5)
    x, y, w = rng.standard_normal((300, 8, 3)), np.abs(rng.standard_normal((300, 8))), rng.standard_normal((300, 3))
    results = []
    for count in (1, 4):
        monkeypatch.setattr(module, "threads", lambda count=count: count)
        results.append(flow_relu(x, y, w, t_eval=[0.1, 1.0], keep_switches=5))
    for name in ("w", "limit", "switch_times", "active", "norm_increasing"):
        assert np.array_equal(getattr(results[0], name), getattr(results[1], name), equal_nan=True)
    alone = flow_relu(x[7], y[7], w[7], t_eval=[0.1, 1.0])
    assert np.array_equal(alone.w[0], results[0].w[7])


def test_a_dead_start_stays():
    flow = flow_relu([[1.0, 0.0], [0.0, 1.0]], [1.0, 1.0], [[-1.0, -2.0]], t_eval=[0.0, 5.0])
    assert np.array_equal(flow.w[0], [[-1.0, -2.0]] * 2)
    assert not flow.support.any()
    assert not flow.norm_increasing[0]
    assert flow.status[0] == 0


def test_slope_at_zero_decides_at_an_edge():
    """x_2·w(0) = 0 and stays so, unless the sample counts as active there."""
    x, y, w = [[1.0, 0.0], [0.0, 1.0]], [1.0, 2.0], [[0.5, 0.0]]
    assert np.allclose(flow_relu(x, y, w).limit, [[1.0, 0.0]])
    assert np.allclose(flow_relu(x, y, w, edge_active=True).limit, [[1.0, 2.0]])


def test_negative_labels_may_slide_and_end_with_a_status():
    """x_2 is pushed to its edge from both sides: its label is negative, and x_1 pulls it up."""
    flow = flow_relu([[1.0, 0.5], [0.0, 1.0]], [4.0, -1.0], [[0.0, 0.5]], t_eval=np.linspace(0.0, 5.0, 11))
    assert flow.status[0] == 1
    assert flow.outcome().code == "not_converged"
    assert "sample 1" in flow.outcome().message
    assert 0 < flow.saved[0] < 11
    assert np.all(np.isfinite(flow.w[0, : flow.saved[0]]))
    assert np.all(np.isfinite(flow.limit))


def test_max_switches_is_a_guard():
    x, y, w, _ = random_problem(1, 20, 3)
    free = flow_relu(x, y, 1e-3 * w)
    assert free.switches[0] > 3
    stopped = flow_relu(x, y, 1e-3 * w, max_switches=3)
    assert stopped.status[0] == 1
    assert stopped.switches[0] == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rows": np.zeros((0, 2)), "labels": []}, "data of shape (0, 2) are not allowed"),
        ({"rows": [1.0, 2.0]}, "data of shape (2,) are not allowed"),
        ({"labels": [1.0]}, "labels of shape (1,) do not fit to data of shape (2, 2)"),
        ({"starts": [[1.0, 2.0, 3.0]]}, "starts of shape (1, 3) do not fit"),
        ({"rows": [[1.0, np.nan], [0.0, 1.0]]}, "data hold a number that is not finite"),
        ({"labels": [1.0, np.inf]}, "labels hold a number that is not finite"),
        ({"rows": [[1.0, 1.0], [0.0, 0.0]]}, "sample 1 of the data is zero"),
        ({"t_eval": [-1.0]}, "t_eval is not allowed"),
        ({"t_eval": [2.0, 1.0]}, "t_eval is not allowed"),
    ],
    ids=str,
)
def test_bad_input_by_name(options, words):
    call = {"rows": [[1.0, 0.0], [0.0, 1.0]], "labels": [1.0, 1.0], "starts": [[0.1, 0.1]]} | options
    with pytest.raises(ParameterError) as error:
        flow_relu(call.pop("rows"), call.pop("labels"), call.pop("starts"), **call)
    assert words in str(error.value)

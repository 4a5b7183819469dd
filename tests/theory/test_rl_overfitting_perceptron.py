"""RL perceptron: numbers of the sheet, another integrator, closed forms, fixed points, slowing down, finite D."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.stats import binom

import dmft
from dmft.errors import DMFTError, ParameterError
from dmft.simulation.kernels.rl_perceptron import literal, play
from dmft.theory import policy_learning
from dmft.theory.rl_overfitting_perceptron import RLOverfittingPerceptron

SLUG = "rl-overfitting/perceptron"


def sheet(t, state, reward, penalty, horizon, required):
    """dR/dt and dQ/dt as in the sheet, with binomial tails of scipy."""
    r, q = state
    rho = np.clip(r / np.sqrt(q), -1.0, 1.0)
    p = 1.0 - np.arccos(rho) / np.pi
    s_c, s_w = binom.sf(required - 2, horizon - 1, p), binom.sf(required - 1, horizon - 1, p)
    total, wins = reward + penalty, binom.sf(required - 1, horizon, p)
    slope = total * ((1.0 + rho) * s_c - (1.0 - rho) * s_w) / np.sqrt(2.0 * np.pi) - penalty * rho * np.sqrt(
        2.0 / np.pi
    )
    growth = total * np.sqrt(2.0 * q / np.pi) * ((1.0 + rho) * s_c + (1.0 - rho) * s_w)
    growth += -2.0 * penalty * np.sqrt(2.0 * q / np.pi)
    return [slope, growth + ((reward**2 - penalty**2) * wins + penalty**2) / horizon]


@pytest.mark.parametrize(("horizon", "ratio"), [(5, 0.3767), (8, 0.0576)])
def test_critical_ratio_is_that_of_the_sheet(horizon, ratio):
    run = dmft.solve(SLUG, horizon=horizon, t_max=1.0)
    assert run["critical_ratio"].last == pytest.approx(ratio, abs=5.1e-5)
    rho = np.linspace(0.01, 0.99, 20001)
    p = 1.0 - np.arccos(rho) / np.pi
    h = (2.0 * rho / ((1.0 + rho) * p ** (horizon - 1))).max()
    assert run["critical_ratio"].last == pytest.approx(1.0 / (h - 1.0), rel=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {}, {"penalty_rate": 0.3}, {"penalty_rate": 0.6}, {"horizon": 8, "required": 5, "penalty_rate": 0.2},
        {"horizon": 1}, {"horizon": 3, "required": 1, "overlap_init": -0.4}, {"horizon": 40, "required": 20},
    ],
    ids=str,
)  # fmt: skip
def test_flow_is_that_of_the_sheet_by_another_integrator(options):
    run = dmft.solve(SLUG, t_max=20.0, **options)
    model = RLOverfittingPerceptron(t_max=20.0, **options)
    start = [model.overlap_init * np.sqrt(model.norm_init), model.norm_init]
    numbers = (model.reward_rate, model.penalty_rate, model.horizon, model.required)
    other = solve_ivp(
        sheet, (0.0, 20.0), start, method="DOP853", t_eval=model.times, args=numbers, rtol=1e-11, atol=1e-13
    )
    np.testing.assert_allclose(run["norm"].values, other.y[1], rtol=1e-7)
    np.testing.assert_allclose(run["overlap"].values, other.y[0] / np.sqrt(other.y[1]), atol=1e-7)
    p = run["accuracy"].values
    np.testing.assert_allclose(run["reward"].values, binom.sf(model.required - 1, model.horizon, p), rtol=1e-9)


def test_one_decision_with_equal_rates_is_hebbian_learning():
    """T = 1, η1 = η2: R and Q in closed form."""
    eta = 0.7
    run = dmft.solve(SLUG, horizon=1, reward_rate=eta, penalty_rate=eta, overlap_init=0.2, norm_init=1.5, t_max=30.0)
    t = run.theory.coordinates["t"].values
    slope = eta * np.sqrt(2.0 / np.pi)
    r0 = 0.2 * np.sqrt(1.5)
    r = r0 + slope * t
    q = 1.5 + eta**2 * t + slope * (2.0 * r0 * t + slope * t**2)
    np.testing.assert_allclose(run["norm"].values, q, rtol=1e-8)
    np.testing.assert_allclose(run["overlap"].values, r / np.sqrt(q), rtol=1e-8)


def test_one_decision_with_penalties_only_is_rosenblatts_rule():
    """T = 1, η1 = 0: learning from mistakes; the error falls as t^(−1/3) (Biehl and Riegler 1994)."""
    run = dmft.solve(SLUG, horizon=1, reward_rate=0.0, penalty_rate=1.0, t_max=1e6)
    error, t = 1.0 - run["accuracy"].values, run.theory.coordinates["t"].values
    slope = np.polyfit(np.log(t[50:]), np.log(error[50:]), 1)[0]
    assert slope == pytest.approx(-1.0 / 3.0, abs=2e-3)
    assert run["fixed_points"].last == 0.0


@settings(max_examples=30)
@given(st.floats(1e-6, 3.1), st.integers(1, 60), st.data())
def test_tails_of_numpy_are_binomial(theta, horizon, data):
    required = data.draw(st.integers(1, horizon))
    p = 1.0 - theta / np.pi
    exact, more = policy_learning.tails(np.array(theta), horizon, required)
    assert float(exact) == pytest.approx(binom.pmf(required - 1, horizon - 1, p), rel=1e-8, abs=1e-300)
    assert float(more) == pytest.approx(binom.sf(required - 1, horizon - 1, p), rel=1e-8, abs=1e-300)


@settings(max_examples=30)
@given(st.floats(0.02, 3.0), st.integers(1, 200), st.floats(-3.0, 3.0), st.floats(0.0, 2.0), st.data())
def test_compiled_flow_is_that_of_numpy(theta, horizon, log, penalty, data):
    from dmft.theory.kernels.rl_perceptron import episodes

    required = data.draw(st.integers(1, horizon))
    numbers = (1.0, penalty, horizon, required)
    expected = policy_learning.velocity(np.array([theta, log]), *numbers)
    found = np.empty(2)
    row = np.array([*numbers, 0.0, 2.0, 2.0])
    episodes.__wrapped__(0.0, np.array([theta, log]), row, np.zeros(0), found)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-12)


@settings(max_examples=8)
@given(st.floats(0.1, 10.0), st.floats(0.0, 0.8))
def test_rates_only_set_the_scale_of_the_norm(scale, penalty):
    options = {"t_max": 8.0, "horizon": 3}
    one = dmft.solve(SLUG, penalty_rate=penalty, **options)
    other = dmft.solve(SLUG, reward_rate=scale, penalty_rate=scale * penalty, norm_init=scale**2, **options)
    np.testing.assert_allclose(one["overlap"].values, other["overlap"].values, atol=1e-8)
    np.testing.assert_allclose(one["norm"].values * scale**2, other["norm"].values, rtol=1e-7)


@pytest.mark.parametrize(("horizon", "required", "penalty"), [(5, 5, 0.6), (8, 8, 0.1), (5, 4, 5.0), (13, 9, 3.0)])
def test_fixed_points_stand_still(horizon, required, penalty):
    bad, saddle = policy_learning.fixed_points(1.0, penalty, horizon, required)
    assert bad.stable
    assert not saddle.stable
    assert bad.overlap < policy_learning.critical_share(horizon, required)[1] < saddle.overlap
    for point in (bad, saddle):
        state = [point.overlap * np.sqrt(point.norm), point.norm]
        np.testing.assert_allclose(sheet(0.0, state, 1.0, penalty, horizon, required), 0.0, atol=1e-10)
        # eigenvalues against those of the flow of R and Q, differentiated on their own
        slopes = []
        for axis in np.eye(2) * 1e-5 * np.abs(state):
            ends = [np.array(sheet(0.0, state + s * axis, 1.0, penalty, horizon, required)) for s in (1.0, -1.0)]
            slopes.append((ends[0] - ends[1]) / (2.0 * axis.sum()))
        expected = np.sort(np.linalg.eigvals(np.array(slopes).T).real)[::-1]
        np.testing.assert_allclose([value.real for value in point.growth], expected, rtol=1e-5)


def test_learning_stalls_above_the_critical_ratio_and_is_told():
    run = dmft.solve(SLUG, penalty_rate=0.6)
    assert run["final_overlap"].last == pytest.approx(run["bad_overlap"].last, rel=1e-6)
    assert run["final_norm"].last == pytest.approx(run["bad_norm"].last, rel=1e-6)
    assert "stalls" in run.status.message
    when = run["stalling_time"].last
    t = run.theory.coordinates["t"].values
    inside = np.abs(run["overlap"].values / run["bad_overlap"].last - 1.0) < 0.01
    assert not inside[t < when - 1.0][-1]
    assert inside[t > when + 1.0].all()
    assert dmft.solve(SLUG, penalty_rate=0.3)["final_overlap"].last > 0.9


def test_time_of_half_reward():
    run = dmft.solve(SLUG)
    t, reward = run.theory.coordinates["t"].values, run["reward"].values
    at = np.searchsorted(reward, 0.5)
    assert t[at - 1] < run["learning_time"].last < t[at]


@pytest.mark.parametrize(("horizon", "required"), [(5, 5), (13, 9)])
def test_slowing_down_is_that_of_a_saddle_node(horizon, required):
    """Exponent −1/2 and amplitude: the correction of the time is a constant, so ratio − 1 falls as √δ."""
    run = dmft.solve(SLUG, horizon=horizon, required=required, t_max=1.0)
    assert run["passage_exponent"].last == pytest.approx(-0.5, abs=0.006)
    short = 1.0 - run["passage_time"].values / run["passage_law"].values
    assert short[-1] < 0.005
    assert short[-3] / short[-1] == pytest.approx(np.sqrt(10.0), rel=0.05)


@settings(max_examples=30)
@given(st.floats(0.05, 0.95), st.integers(1, 20), st.floats(0.0, 0.7), st.data())
def test_optimal_rate_aligns_fastest(rho, horizon, ratio, data):
    required = data.draw(st.integers(1, horizon))
    model = RLOverfittingPerceptron(horizon=horizon, required=required, penalty_rate=ratio, schedule="optimal")
    theta, log = np.arccos(rho), 0.6
    best = float(model.rates(np.array(theta), np.array(log)))
    turn = [
        -policy_learning.velocity(np.array([theta, log]), f * best, f * ratio * best, horizon, required)[0]
        for f in (0.95, 1.0, 1.05)
    ]
    assert turn[1] >= max(turn[0], turn[2])
    if required == horizon and not ratio:  # the closed form of the sheet
        p, q = 1.0 - theta / np.pi, np.exp(log)
        assert best == pytest.approx(horizon * np.sqrt(q) * (1.0 - rho**2) / (np.sqrt(2.0 * np.pi) * rho * p), rel=1e-9)


def test_optimal_schedule_is_never_behind_and_its_overlap_obeys_its_own_equation():
    run = dmft.solve(SLUG, overlap_init=0.1, penalty_rate=0.1)
    assert (run["overlap_optimal"].values[1:] > run["overlap"].values[1:]).all()
    other = dmft.solve(SLUG, overlap_init=0.1, penalty_rate=0.1, schedule="optimal", norm_init=50.0)
    np.testing.assert_allclose(other["overlap"].values, run["overlap_optimal"].values, atol=1e-7)  # Q does not matter


@pytest.mark.parametrize(("horizon", "required", "share"), [(1, 1, 0.0), (3, 2, 0.3), (4, 4, 0.2)])
def test_compiled_episodes_have_the_law_of_literal_ones(horizon, required, share):
    """Change of R and Q in one episode of 7 weights: means and variances over many."""
    rng = np.random.default_rng(5)
    target, start = rng.standard_normal((2, 7))
    target *= np.sqrt(7.0) / np.linalg.norm(target)
    found, count, work = [], 4_000, np.empty(7)
    for kind in range(2):
        rows = []
        for _ in range(count):
            w = start.copy()
            if kind:
                won = literal(w, target, 0.8, share, horizon, required, rng)
            else:
                won = play(w, target, np.array([0.8]), share, horizon, required, rng, work)
            change = w - start
            rows.append([won, w @ target, w @ w, change @ change, change[0] * change[1]])
        found.append(np.array(rows))
    for power in (1, 2):
        one, other = (item**power for item in found)
        error = np.sqrt((one.var(axis=0) + other.var(axis=0)) / count)
        assert (np.abs(one.mean(axis=0) - other.mean(axis=0)) <= 4.5 * error + 1e-15).all()


@pytest.mark.parametrize(
    "options",
    [
        {"penalty_rate": 0.2},
        {"horizon": 3, "required": 2, "penalty_rate": 0.3},
        {"schedule": "optimal", "overlap_init": 0.4},
    ],
    ids=str,
)
def test_twin_agrees(options):
    run = dmft.compare(SLUG, size=[100, 200], replicas=8, seed=1, t_max=6.0, **options)
    assert {"overlap", "norm", "accuracy", "reward"} <= set(run.comparison.observables)
    assert run.comparison.verdict == "agrees", run.comparison.message


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {}, {"penalty_rate": 0.6, "t_max": 10.0}, {"horizon": 8, "required": 5}, {"horizon": 1, "penalty_rate": 1.0},
        {"horizon": 12, "required": 6, "penalty_rate": 0.1}, {"schedule": "optimal", "overlap_init": 0.3},
    ],
    ids=str,
)  # fmt: skip
def test_twin_agrees_at_large_sizes(options):
    run = dmft.compare(SLUG, size=[300, 600], replicas=16, seed=1, **{"t_max": 40.0, **options})
    assert run.comparison.verdict == "agrees", run.comparison.message


@pytest.mark.slow
def test_deviation_falls_with_the_size():
    """Mean overlap while it rises: the corrections are of order 1/D."""
    theory = dmft.solve(SLUG, penalty_rate=0.2, t_max=8.0)
    gaps, errors = [], []
    for size in (25, 50, 100):
        found = dmft.simulate(SLUG, penalty_rate=0.2, t_max=8.0, size=size, replicas=3000, seed=4)
        gaps.append(found["overlap"].values[60] - theory["overlap"].values[60])
        errors.append(found["overlap"].stderr[60])
    scaled = np.array(gaps) * [25, 50, 100]
    assert abs(gaps[0]) > 5.0 * errors[0]
    assert abs(gaps[0]) > abs(gaps[1]) > abs(gaps[2])
    assert scaled[2] == pytest.approx(scaled[1], abs=4.0 * (50 * errors[1] + 100 * errors[2]) + 0.3 * abs(scaled[1]))


def test_same_seed_same_bits_for_any_number_of_replicas():
    one, other = (dmft.simulate(SLUG, size=40, replicas=2, t_max=2.0, seed=3, penalty_rate=0.1) for _ in range(2))
    for name in one.simulation:
        assert np.array_equal(one[name].values, other[name].values)


def test_norm_out_of_range_is_told():
    run = dmft.simulate(SLUG, size=20, replicas=2, t_max=5.0, norm_init=1e12, reward_rate=1e6)
    assert run.status.success  # large, but numbers
    run = dmft.solve(SLUG, overlap_init=1e-12, schedule="optimal", t_max=50.0)
    assert run.status.code in ("converged", "diverged")
    assert all(np.isfinite(curve.values).all() for name, curve in run.theory.items() if name in ("overlap", "reward"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"required": 6}, "has only 5 decisions"),
        ({"required": 0}, "required = 0"),
        ({"horizon": 0}, "horizon = 0"),
        ({"horizon": 1001}, "horizon = 1001"),
        ({"penalty_rate": -0.1}, "penalty_rate = -0.1"),
        ({"penalty_rate": float("nan")}, "penalty_rate = nan"),
        ({"reward_rate": 0.0}, "nothing is learned"),
        ({"schedule": "optimal", "overlap_init": 0.0}, "infinite at overlap 0"),
        ({"overlap_init": 1.0}, "overlap_init = 1.0"),
        ({"norm_init": 0.0}, "norm_init = 0.0"),
    ],
)
def test_wrong_input_is_refused(options, words):
    with pytest.raises(ParameterError, match=words):
        dmft.solve(SLUG, **options)


def test_a_start_beyond_the_stall_is_told():
    with pytest.warns(dmft.errors.ModelWarning, match="beyond"):
        dmft.solve(SLUG, overlap_init=0.9, penalty_rate=0.6, t_max=1.0)


def test_too_large_dimension_is_refused():
    with pytest.raises(DMFTError, match="of memory"):
        dmft.simulate(SLUG, size=10**9)


@pytest.mark.parametrize("state", [(-1e-3, 0.0), (0.0, 0.0), (3.2, 0.0), (1.0, -2000.0), (1.0, np.nan)])
def test_trial_steps_that_go_too_far_are_not_numbers(state):
    """So that the integrator rejects them: no exception of a division in a callback, which could only be printed."""
    from dmft.theory.kernels.rl_perceptron import episodes

    found = np.zeros(2)
    episodes.__wrapped__(0.0, np.array(state), np.array([1.0, 0.9, 9.0, 9.0, 0.0, 2.0, 2.0]), np.zeros(0), found)
    assert np.isnan(found).all()

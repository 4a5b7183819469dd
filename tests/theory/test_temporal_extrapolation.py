"""Linear recurrent networks under gradient flow: gradients, conservation laws, the late-time law, and where it ends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from scipy.integrate import solve_ivp

import dmft
from dmft.errors import ParameterError
from dmft.theory.kernels.temporal_extrapolation import curvature, descent
from dmft.theory.linear_rnn import response, split
from dmft.theory.temporal_extrapolation import TemporalExtrapolation, corner, limit_ratio

SLUG = "temporal-extrapolation"


@njit
def evaluate(field, y, data, out):
    field(0.0, y, data, data, out)


def right_side(y, d, targets):
    out = np.empty(len(y))
    evaluate(descent, y, np.concatenate([[d, len(targets)], targets]), out)
    return out


def sums(y, d, targets):
    """The gradient as the sheet of equations states it: three nested sums."""
    A, B, C = split(y[:-1], d)
    power = [np.linalg.matrix_power(A, j) for j in range(len(targets))]
    r = np.array([C @ P @ B for P in power]) - targets
    dA, dB, dC = np.zeros((d, d)), np.zeros(d), np.zeros(d)
    for j in range(len(targets)):
        dC += r[j] * power[j] @ B
        dB += r[j] * power[j].T @ C
        for q in range(j):
            dA += r[j] * np.outer(power[q].T @ C, power[j - 1 - q] @ B)
    growth = sum(2.0 * j * r[j] * (r[j] + targets[j]) for j in range(len(targets)))
    return np.concatenate([-dA.ravel(), -dB, -dC, [growth]])


@settings(max_examples=25)
@given(st.integers(1, 6), st.integers(2, 7), st.integers(0, 1000))
def test_gradient_is_the_sum_of_the_equations(d, k, seed):
    rng = np.random.default_rng(seed)
    y, targets = rng.standard_normal(d * d + 2 * d + 1), rng.standard_normal(k)
    expected = sums(y, d, targets)
    np.testing.assert_allclose(right_side(y, d, targets), expected, atol=1e-13 * np.abs(expected).max(), rtol=1e-11)


def test_jacobian_by_differences():
    d, k, h = 3, 5, 1e-6
    rng = np.random.default_rng(0)
    y, targets = 0.7 * rng.standard_normal(d * d + 2 * d + 1), rng.standard_normal(k)
    exact = np.empty((len(y), len(y)))
    evaluate(curvature, y, np.concatenate([[d, k], targets]), exact)
    for i in range(len(y)):
        step = np.zeros(len(y))
        step[i] = h
        difference = (right_side(y + step, d, targets) - right_side(y - step, d, targets)) / (2.0 * h)
        np.testing.assert_allclose(exact[:, i], difference, atol=1e-8 * np.abs(exact).max())


@pytest.mark.parametrize("integrator", ["dormand_prince", "rosenbrock"])
@pytest.mark.parametrize("symmetric", [True, False])
def test_flow_is_that_of_scipy(integrator, symmetric):
    options = {"state_dim": 3, "train_length": 4, "test_length": 6, "t_max": 30.0, "init_scale": 1.0}
    options |= {"symmetric": symmetric, "integrator": integrator, "rtol": 1e-11, "atol": 1e-13}
    run = dmft.solve(SLUG, **options)
    model = TemporalExtrapolation(**{name: options[name] for name in options if name in run.parameters})
    start = np.append(model.starts(1)[0], 0.0)
    flow = solve_ivp(lambda t, y: sums(y, 3, model.targets()[:4]), (0.0, 30.0), start, "DOP853", rtol=1e-12, atol=1e-14)
    expected = response(flow.y[:-1, -1], 3, 6)
    np.testing.assert_allclose(run["moments"].values, expected, atol=1e-9)


@pytest.mark.parametrize("options", [{}, {"symmetric": False}, {"init_scale": 1.0, "symmetric": False, "seed": 3}])
def test_conservation_laws_hold_to_the_tolerance_of_the_steps(options):
    run = dmft.solve(SLUG, t_max=1e3, rtol=1e-9, **options)
    for name in ("norm_conservation_error", "frobenius_conservation_error"):
        assert run[name].values.max() < 1e-7
    assert np.all(np.diff(run["train_loss"].values) <= 1e-9)
    assert np.all(np.diff(run["frobenius_norm"].values) <= 1e-9)  # d‖A‖²/dt = −2 Σ j m_j²


def test_symmetry_is_preserved_and_bounds_every_moment():
    """A = Aᵀ and B = Cᵀ for ever, and |m_j| ≤ ‖A‖^(j−2) m_2: zero loss with k ≥ 3 is perfect extrapolation."""
    model = TemporalExtrapolation(state_dim=6, t_max=1e3, init_scale=0.8)
    flows = model.flow(model.starts(3), np.array([1.0, 100.0, 1e3]), model.method(), dmft.results.progress.SILENT)
    A, B, C = split(flows.y[..., :-1], 6)
    assert np.abs(A - A.swapaxes(-1, -2)).max() < 1e-12
    assert np.abs(B - C).max() < 1e-12
    m = response(flows.y, 6, 20)
    norm = np.linalg.norm(A, 2, axis=(-2, -1))
    bound = norm[..., None] ** np.arange(18) * m[..., 2:3]
    assert np.all(np.abs(m[..., 2:]) <= bound * (1.0 + 1e-9) + 1e-15)


def test_values_of_the_sheet():
    """d = 10, k = 5, t = 1e4: L between 1.10e-9 and 1.19e-9, against 1.25e-9 of the law."""
    run = dmft.solve(SLUG, t_max=1e4, starts=5)
    assert 1.10e-9 < run["final_train_loss"].last < 1.19e-9
    assert run["late_time_law"].last == pytest.approx(1.25e-9, rel=1e-12)


@pytest.mark.parametrize("train_length", [3, 5])
def test_law_within_one_per_cent_for_a_small_start(train_length):
    """Eq. (11): between w²/((w + ρ²)² Σ ρ^2p) and 1 times 1/(8 w² t²); ρ = .04 leaves less than 1 %."""
    run = dmft.solve(SLUG, train_length=train_length, init_scale=0.03, t_max=1e6, rtol=1e-7)
    assert run["law_ratio_bound"].last > 0.99
    assert 0.99 < run["law_ratio"].last < 1.0
    # without what was left at the begin of the late regime: the slope of (8 L)^(−1/2) = w t + constant
    t, level = run.theory.coordinates["t"].values, (8.0 * run["train_loss"].values) ** -0.5
    slope = (level[-1] - level[-16]) / (t[-1] - t[-16])
    assert 1.0 < slope < run["law_ratio_bound"].last ** -0.5


@pytest.mark.parametrize(("k", "seed"), [(3, 0), (5, 1), (5, 3)])
def test_corrected_law_in_two_dimensions(k, seed):
    """One direction beside B: L → w²/((w + a²)² Σ a^2p) · 1/(8 w² t²), whatever its eigenvalue a."""
    run = dmft.solve(SLUG, state_dim=2, train_length=k, init_scale=1.0, teacher=1.5, t_max=1e6, seed=seed)
    assert run["law_ratio"].last < 0.97
    assert run["law_ratio"].last == pytest.approx(run["predicted_law_ratio"].last, rel=1e-3)


def test_limit_ratio_is_the_point_of_least_norm():
    rng = np.random.default_rng(1)
    for _ in range(20):
        a, w, seen = rng.uniform(-1.0, 1.0, 4), rng.uniform(0.5, 2.0), int(rng.integers(1, 5))
        corners = corner(a, w, seen)
        shares = rng.dirichlet(np.ones(4), 5000)
        least = 4.0 * w**2 / limit_ratio(a, w, seen)
        norms = ((shares @ corners.T) ** 2).sum(axis=1)
        assert least <= norms.min() * (1.0 + 1e-12)
        assert least >= (2.0 * w) ** 2 * (1.0 - 1e-12)
    assert limit_ratio(np.array([0.0, 0.7]), 1.0, 3) == pytest.approx(1.0)


def test_two_is_too_short():
    with pytest.warns(dmft.errors.ModelWarning, match="train_length = 2"):
        run = dmft.solve(SLUG, train_length=2, t_max=1e3)
    assert run["final_train_loss"].last < 1e-17
    assert run["final_extrapolation_error"].last > 1e-3
    assert "law_ratio" not in run


def test_generic_starts_fit_and_fail_where_symmetric_ones_extrapolate():
    ends = {s: dmft.solve(SLUG, init_scale=1.0, symmetric=s, t_max=1e3, starts=9, rtol=1e-7) for s in (True, False)}
    assert ends[False]["final_train_loss"].last < 1e-15
    assert ends[False]["final_error_lower_quartile"].last > 0.02
    assert ends[True]["final_extrapolation_error"].last < 1e-4
    assert ends[True]["start_error"].values.shape == (9,)
    # and the symmetric error still falls like 1/t
    late = ends[True]["median_error"].values
    t = ends[True].theory.coordinates["t"].values
    slope = np.polyfit(np.log(t[-15:]), np.log(late[-15:]), 1)[0]
    assert -1.6 < slope < -0.9


def test_error_by_length_and_first_start():
    one, three = (dmft.solve(SLUG, t_max=50.0, starts=count, symmetric=False) for count in (1, 3))
    assert np.array_equal(one["train_loss"].values, three["train_loss"].values)
    tail = one["moments"].values[5:]
    np.testing.assert_allclose(one["error_by_length"].values, np.sqrt(np.cumsum(tail**2)), rtol=1e-14)
    assert one["extrapolation_error"].last == pytest.approx(one["error_by_length"].last, rel=1e-14)


def test_chebyshev_agrees_at_long_times():
    """Order 2 at tolerance 1e-6: errors of the loss below 1e-3 were measured at this tolerance."""
    options = {"t_max": 1e6, "rtol": 1e-6, "atol": 1e-9}
    one, other = (dmft.solve(SLUG, integrator=name, **options) for name in ("rosenbrock", "chebyshev"))
    assert other["law_ratio"].last == pytest.approx(one["law_ratio"].last, rel=5e-3)
    np.testing.assert_allclose(other["train_loss"].values[::10], one["train_loss"].values[::10], rtol=5e-3)


@pytest.mark.parametrize("threads", [1, 2])
def test_bits_do_not_depend_on_threads(threads, monkeypatch):
    reference = dmft.solve(SLUG, t_max=10.0, starts=5)
    monkeypatch.setattr("dmft.solvers.threads.threads", lambda: threads)
    again = dmft.solve(SLUG, t_max=10.0, starts=5)
    assert np.array_equal(reference["start_error"].values, again["start_error"].values)


def test_unstable_matrix_is_diverged_at_a_finite_lag_with_the_data_before_it():
    run = dmft.solve(SLUG, init_scale=2.0, test_length=3000, t_max=10.0)
    assert run.status.code == "diverged"
    lag = len(run["moments"].values)
    assert 100 < lag < 3000
    assert f"left the float range at lag {lag}, A is unstable" in run.status.message
    assert "test_loss" not in run
    assert all(np.all(np.isfinite(curve.values)) for curve in run.theory.values())
    assert run["train_loss"].values[-1] < run["train_loss"].values[0]


def test_start_beyond_the_float_range_is_diverged_at_once():
    run = dmft.solve(SLUG, init_scale=1e80)
    assert run.status.code == "diverged"
    assert run.status.exit_code == 3
    assert "train_loss" not in run
    assert run["frobenius_norm"].values[0] > 1e79
    assert all(np.all(np.isfinite(curve.values)) for curve in run.theory.values())


@pytest.mark.parametrize(
    ("name", "value"),
    [("train_length", 1), ("state_dim", 0), ("test_length", 5), ("teacher", 0.0), ("init_scale", 0.0),
     ("init_scale", float("nan")), ("t_max", -1.0), ("rtol", 0.0), ("atol", 0.0), ("starts", 0), ("symmetric", 2)],
)  # fmt: skip
def test_wrong_input_is_refused_in_one_line(name, value):
    with pytest.raises(ParameterError, match=rf"^{name} = .*is not allowed") as caught:
        dmft.solve(SLUG, **{name: value})
    assert "\n" not in str(caught.value)

"""Temporal-difference learning: moments by full matrices, plateaus, stability, finite batches, wrong input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dmft
from dmft.errors import DMFTError, ParameterError
from dmft.results.comparison import compare_solutions
from dmft.theory.rl_overfitting_td import RLOverfittingTD
from dmft.theory.td_moments import Moments

SLUG = "rl-overfitting/td"
SMALL = {"features": 6, "horizon": 4, "batch": 2, "gamma": 0.7, "unexplained": 0.3, "learning_rate": 0.8}


def matrices(process, rotation):
    """Σ(t, s) of rotated features, as a function, and the reward and value weights in their basis."""

    def sigma(lag):
        return rotation @ np.diag(process.variance * process.memory ** abs(lag)) @ rotation.T

    value = rotation @ process.value
    a = sigma(0) - process.gamma * sigma(1)
    reward = np.linalg.solve(sigma(0), a @ value)
    return sigma, a, reward, value


def full_step(model, rotation, mean, square, wick=True):
    """m' and M' with all matrices, for sums over every pair of times: the equations of the sheet, and both pairings."""
    p, rate, batch, horizon = model.process, model.learning_rate, model.batch, model.horizon
    sigma, a, reward, value = matrices(p, rotation)
    n = len(value)
    second = square + np.outer(mean, value) + np.outer(value, mean) + np.outer(value, value)  # E w wᵀ
    first = mean + value
    uu = second - np.outer(first, reward) - np.outer(reward, first) + np.outer(reward, reward)
    vv, uv = p.gamma**2 * second, p.gamma * (np.outer(reward, first) - second)
    noise = np.zeros((n, n))
    for t in range(horizon):
        for s in range(horizon):
            pair = np.trace(uu @ sigma(t - s)) + np.trace(vv @ sigma(t - s))
            pair += np.trace(uv @ sigma(t - s - 1)) + np.trace(uv @ sigma(t + 1 - s))
            pair += p.unexplained * p.unexplained_memory ** abs(t - s)
            noise += pair * sigma(t - s)
            if wick:
                # E ψ(t)δ_s = Σ(t−s)u + Σ(t−s−1)v and E δ_tψ(s)ᵀ = uᵀΣ(t−s) + vᵀΣ(t+1−s)
                noise += sigma(t - s) @ uu @ sigma(t - s) + sigma(t - s - 1) @ vv @ sigma(t + 1 - s)
                noise += sigma(t - s) @ uv @ sigma(t + 1 - s) + sigma(t - s - 1) @ uv.T @ sigma(t - s)
    shrink = np.eye(n) - rate * a
    return shrink @ mean, shrink @ square @ shrink.T + rate**2 / batch * noise / horizon**2


def rotation_of(n, seed):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))[0]


@pytest.mark.parametrize("seed", [0, 1])
def test_moments_are_those_of_full_matrices_in_any_basis(seed):
    model = RLOverfittingTD(**SMALL)
    rotation = rotation_of(model.features, seed)
    p, moments = model.process, Moments.of(model.process)
    mean, square = -p.value, p.value**2
    full_mean, full = -(rotation @ p.value), rotation @ np.outer(p.value, p.value) @ rotation.T
    for _ in range(4):
        mean, square = moments.step(mean, square, model.learning_rate, model.batch)
        full_mean, full = full_step(model, rotation, full_mean, full)
        np.testing.assert_allclose(rotation.T @ full_mean, mean, rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(np.diag(rotation.T @ full @ rotation), square, rtol=1e-10)
    assert np.trace(full @ matrices(p, rotation)[0](0)) == pytest.approx(float(p.variance @ square), rel=1e-12)


def test_value_is_the_fixed_point_and_the_discounted_sum_of_rewards():
    """w_V = A⁻¹ Σ̄ w_R; of an autoregressive feature E Σ γ^k r(t+k) is its value."""
    p = RLOverfittingTD(**SMALL).process
    sigma, a, reward, value = matrices(p, np.eye(len(p.value)))
    np.testing.assert_allclose(np.linalg.solve(a, sigma(0) @ reward), value, rtol=1e-12)
    k = np.arange(2000)[:, None]
    np.testing.assert_allclose(((p.gamma * p.memory) ** k).sum(axis=0) * reward, value, rtol=1e-12)


def test_second_pairing_is_a_correction_of_few_features():
    """Relative difference of the noise with and without it, white features: of order 1/N."""
    parts = []
    for features in (8, 16, 32):
        options = {"spectrum_decay": 0.0, "reward_decay": 0.0, "correlation_decay": 0.0, "features": features}
        model = RLOverfittingTD(**{**SMALL, "horizon": 2, "unexplained": 0.0, "learning_rate": 1.0, **options})
        rotation, value = np.eye(features), model.process.value
        both, one = (
            np.trace(full_step(model, rotation, -value, np.outer(value, value), wick)[1]) for wick in (True, False)
        )
        kept = (((1.0 - model.learning_rate * model.process.curvature) * value) ** 2).sum()  # without noise
        parts.append((both - one) / (one - kept))
    assert parts[0] / parts[1] == pytest.approx(2.0, rel=0.3)
    assert parts[1] / parts[2] == pytest.approx(2.0, rel=0.3)


def test_plateau_is_where_the_steps_end():
    model = RLOverfittingTD(**SMALL)
    run = dmft.solve(SLUG, steps=2000, **SMALL)
    assert run["final_value_error"].last == pytest.approx(run["plateau"].last, rel=1e-8)
    square = Moments.of(model.process).stationary(model.learning_rate, model.batch)
    _, again = Moments.of(model.process).step(0.0 * square, square, model.learning_rate, model.batch)
    np.testing.assert_allclose(again, square, rtol=1e-11)


def test_plateau_is_proportional_to_rate_over_batch():
    base = {**SMALL, "steps": 1}
    ratio = [dmft.solve(SLUG, **{**base, "learning_rate": 1e-3 * f, "batch": f})["plateau"].last for f in (1, 7)]
    assert ratio[0] == pytest.approx(ratio[1], rel=1e-2)  # the same η/B
    errors = []
    for rate in (1e-3, 5e-4):
        run = dmft.solve(SLUG, **{**base, "learning_rate": rate})
        errors.append(run["plateau"].last / run["plateau_law"].last - 1.0)
    assert errors[0] == pytest.approx(2.0 * errors[1], rel=1e-2)  # the law is the first order
    assert errors[0] < 1e-2


def test_plateau_vanishes_without_bootstrap_unless_reward_is_unexplained():
    options = {**SMALL, "gamma": 0.0, "steps": 5000}
    quiet = dmft.solve(SLUG, **{**options, "unexplained": 0.0})
    assert quiet["plateau"].last == 0.0
    assert quiet["final_value_error"].last < 1e-9
    assert dmft.solve(SLUG, **options)["plateau"].last > 1e-2
    assert quiet["plateau_by_gamma"].values[0] == 0.0
    assert (np.diff(quiet["plateau_by_gamma"].values[:15]) > 0.0).all()


def test_annealing_removes_the_plateau():
    """Rates ∝ n^(−1/2): the value error follows the plateau of the moment, which falls by the root."""
    options = {**SMALL, "annealing": 0.5, "annealing_steps": 10.0}
    ends = [dmft.solve(SLUG, steps=steps, **options)["final_value_error"].last for steps in (1500, 6000)]
    assert ends[1] < 0.15 * dmft.solve(SLUG, steps=1, **SMALL)["plateau"].last
    assert ends[0] / ends[1] == pytest.approx(2.0, rel=0.1)


@settings(max_examples=15)
@given(st.integers(1, 12), st.integers(1, 6), st.integers(1, 4), st.floats(0.0, 0.95), st.floats(0.2, 20.0))
def test_largest_rate_is_where_the_spectral_radius_is_one(features, horizon, batch, gamma, tau):
    model = RLOverfittingTD(features=features, horizon=horizon, batch=batch, gamma=gamma, correlation_time=tau)
    moments = Moments.of(model.process)
    limit = moments.largest_rate(batch)
    noise = moments.spread @ moments.errors[2] + np.diag(moments.own[2])
    for rate, stable in ((0.999 * limit, True), (1.001 * limit, False)):
        step = np.diag((1.0 - rate * moments.curvature) ** 2) + rate**2 / batch * noise
        assert (step >= -1e-15).all()
        assert (np.abs(np.linalg.eigvals(step)).max() < 1.0) == stable
    assert limit < 2.0 / moments.curvature.max()


def test_divergence_is_told_and_data_are_kept():
    limit = dmft.solve(SLUG, steps=1, **SMALL)["largest_learning_rate"].last
    run = dmft.solve(SLUG, **{**SMALL, "learning_rate": 1.05 * limit})
    assert run.status.code == "diverged"
    assert "try a smaller --learning-rate" in run.status.message
    assert len(run["value_error"].values) == len(RLOverfittingTD(**SMALL).at)
    assert run["plateau"].last == np.inf
    far = dmft.solve(SLUG, **{**SMALL, "learning_rate": 30.0 * limit})
    assert far.status.code == "diverged"
    assert 0 < len(far["value_error"].values) < len(run["value_error"].values)
    assert np.isfinite(far["value_error"].values).all()
    twin = dmft.simulate(SLUG, size=2, replicas=2, **{**SMALL, "learning_rate": 30.0 * limit})
    assert twin.status.code == "diverged"
    assert np.isfinite(twin["value_error"].values).all()


@pytest.mark.parametrize(
    "options", [{"learning_rate": 0.5}, {"annealing": 0.5, "annealing_steps": 20.0, "unexplained": 0.0}], ids=str
)
def test_twin_agrees(options):
    run = dmft.compare(SLUG, size=40, replicas=8, seed=1, steps=60, **{**SMALL, **options})
    assert set(run.comparison.observables) == {"value_error", "td_error"}
    assert run.comparison.verdict == "agrees", run.comparison.message


@pytest.mark.slow
@pytest.mark.parametrize("features", [60, 150, 300])
def test_twin_agrees_for_many_features(features):
    run = dmft.compare(SLUG, size=16, replicas=8, seed=2, features=features, steps=200, batch=1, gamma=0.9)
    assert run.comparison.verdict == "agrees", run.comparison.message


def test_a_theory_a_little_wrong_deviates():
    options = {**SMALL, "steps": 60, "learning_rate": 0.5}
    simulation = dmft.simulate(SLUG, size=60, replicas=8, seed=1, **options).simulation
    for wrong in ({"gamma": 0.65}, {"learning_rate": 0.55}, {"unexplained": 0.4}):
        theory = dmft.solve(SLUG, **{**options, **wrong}).theory
        assert compare_solutions(theory, {60: simulation}).verdict == "deviates"


def test_same_seed_same_bits():
    one, other = (dmft.simulate(SLUG, size=3, replicas=2, steps=20, seed=3, **SMALL) for _ in range(2))
    for name in one.simulation:
        assert np.array_equal(one[name].values, other[name].values)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"gamma": 1.0}, "gamma = 1.0"),
        ({"gamma": -0.1}, "gamma = -0.1"),
        ({"batch": 0}, "batch = 0"),
        ({"features": 0}, "features = 0"),
        ({"learning_rate": 0.0}, "learning_rate = 0.0"),
        ({"learning_rate": float("nan")}, "learning_rate = nan"),
        ({"horizon": 0}, "horizon = 0"),
        ({"annealing": 1.5}, "annealing = 1.5"),
        ({"unexplained": -1.0}, "unexplained = -1.0"),
        ({"steps": 0}, "steps = 0"),
    ],
)
def test_wrong_input_is_refused(options, words):
    with pytest.raises(ParameterError, match=words):
        dmft.solve(SLUG, **options)


def test_too_many_features_are_refused():
    with pytest.raises(DMFTError, match="of memory"):
        dmft.solve(SLUG, features=10_000_000, horizon=10_000)
    with pytest.raises(DMFTError, match="of memory"):
        dmft.simulate(SLUG, features=1_000_000, size=10_000)

"""Finite pools of levels: numbers of the sheet, limits, quadrature, Cover's count, finite D, wrong input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import linprog
from scipy.special import comb, ndtr

import dmft
from dmft.errors import DMFTError, ParameterError
from dmft.results.comparison import compare_solutions
from dmft.simulation.rl_overfitting import separable, wishart
from dmft.theory import rl_overfitting as theory

SLUG = "rl-overfitting"


@pytest.mark.parametrize(("alpha", "train", "test"), [(0.25, 1.000, 0.145), (1.0, 0.972, 0.260), (4.0, 0.618, 0.490)])
def test_rewards_are_those_of_the_sheet(alpha, train, test):
    run = dmft.solve(SLUG, alpha=alpha, flip_probability=0.2, ridge=0.3)
    assert run["train_reward"].last == pytest.approx(train, abs=5.1e-4)
    assert run["test_reward"].last == pytest.approx(test, abs=5.1e-4)
    assert run["generalisation_gap"].last == run["train_reward"].last - run["test_reward"].last


@pytest.mark.parametrize("alpha", [0.2, 0.5, 1.0])
def test_random_rewards_are_memorised_and_teach_nothing(alpha):
    run = dmft.solve(SLUG, alpha=alpha, flip_probability=0.5, ridge=0.001)
    assert run["train_reward"].last == pytest.approx(1.0, abs=5e-4)
    assert run["test_reward"].last == 0.0


def test_susceptibility_and_order_parameters_solve_the_equations_of_the_sheet():
    for alpha, p, ridge in ((0.3, 0.1, 0.2), (1.0, 0.4, 1e-6), (7.0, 0.0, 3.0)):
        found = theory.order_parameters(alpha, p, ridge)
        chi = found.susceptibility
        assert ridge * chi**2 + (ridge + alpha - 1.0) * chi - 1.0 == pytest.approx(0.0, abs=1e-12 * (1.0 + chi))
        c, k, k2 = (1.0 - 2.0 * p) * np.sqrt(2.0 / np.pi), alpha / (1.0 + chi), alpha / (1.0 + chi) ** 2
        overlap = chi * k * c
        assert found.overlap == pytest.approx(overlap, rel=1e-12)
        norm = chi**2 * ((k * c) ** 2 + k2 * (1.0 - 2.0 * overlap * c)) / (1.0 - chi**2 * k2)
        assert found.norm == pytest.approx(norm, rel=1e-9)


@settings(max_examples=30)
@given(st.floats(0.05, 8.0), st.floats(0.0, 0.49), st.floats(1e-3, 5.0), st.integers(1, 50), st.floats(0.0, 3.0))
def test_average_over_levels_is_that_of_quadrature(alpha, p, ridge, visits, noise):
    """Owen's T against the integral over |g|, at finite and unlimited visits."""
    found = theory.order_parameters(alpha, p, ridge, noise, visits)
    b, extra = found.leverage, noise / visits
    spread = np.sqrt((1.0 - b) ** 2 * (found.norm - found.overlap**2) + b**2 * extra * found.norm)

    def integrand(g):
        right, wrong = (ndtr((sign * (1.0 - b) * found.overlap * g + b) / spread) for sign in (1.0, -1.0))
        return 2.0 * np.exp(-0.5 * g * g) / np.sqrt(2.0 * np.pi) * ((1.0 - p) * right + p * wrong)

    expected = 2.0 * quad(integrand, 0.0, 9.0, epsabs=1e-11, points=[spread])[0] - 1.0
    assert theory.train_reward(found, p, extra) == pytest.approx(expected, abs=1e-8)


@settings(max_examples=30)
@given(st.floats(0.05, 8.0), st.floats(0.0, 0.5), st.floats(0.0, 5.0), st.floats(0.0, 3.0))
def test_rewards_are_bounded_and_training_is_not_worse(alpha, p, ridge, noise):
    model = theory.RLOverfitting(alpha=alpha, flip_probability=p, ridge=ridge, state_noise=noise)
    train, test, found = model.rewards(alpha, p)
    assert 0.0 <= test <= 1.0
    assert test - 1e-12 <= train + 2.0 * p  # flips are seen by the training levels only
    assert train <= 1.0 + 1e-12
    assert found.norm >= found.overlap**2


def test_flips_beyond_one_half_teach_the_wrong_action():
    """p → 1 − p turns the labels: the same fit of the opposite teacher."""
    one, other = (dmft.solve(SLUG, alpha=2.0, flip_probability=p) for p in (0.1, 0.9))
    assert one["test_reward"].last == pytest.approx(-other["test_reward"].last, rel=1e-12)
    assert one["train_reward"].last == pytest.approx(other["train_reward"].last, rel=1e-12)


def test_limits_of_ridge_and_pool():
    for alpha in (0.5, 2.0):  # λ → 0 is reached smoothly
        exact = theory.RLOverfitting(ridge=0.0).rewards(alpha, 0.2)
        near = theory.RLOverfitting(ridge=1e-9).rewards(alpha, 0.2)
        assert near[:2] == pytest.approx(exact[:2], abs=1e-6)
    threshold = theory.RLOverfitting(ridge=0.0).rewards(1.0, 0.2)
    assert threshold[0] == 1.0  # all memorised,
    assert threshold[1] == 0.0  # at infinite norm: nothing generalises
    large = dmft.solve(SLUG, alpha=1e4, flip_probability=0.2)
    assert large["test_reward"].last == pytest.approx(1.0, abs=0.02)
    assert large["train_reward"].last == pytest.approx(0.6, abs=0.02)  # 1 − 2p


def test_unlimited_visits_are_a_ridge_and_finite_visits_approach_it():
    ridge = dmft.solve(SLUG, alpha=1.5, ridge=0.3 + 1.5 * 0.5)
    noisy = dmft.solve(SLUG, alpha=1.5, ridge=0.3, state_noise=0.5)
    for name in ("train_reward", "test_reward", "overlap", "norm", "susceptibility"):
        assert noisy[name].last == pytest.approx(ridge[name].last, rel=1e-13)
    gaps = [
        dmft.solve(SLUG, alpha=1.5, ridge=0.3, state_noise=0.5, visits=v)["test_reward"].last
        - noisy["test_reward"].last
        for v in (1000, 2000)
    ]
    assert gaps[0] == pytest.approx(2.0 * gaps[1], rel=0.02)  # as 1/V
    assert abs(gaps[0]) < 1e-3


def test_one_visit_is_a_noisy_sample_of_larger_variance():
    """V = 1: rows of variance 1 + s²; rescaled, the equations of the sheet with another ridge and correlation."""
    alpha, ridge, noise, p = 0.8, 0.4, 0.7, 0.1
    found = theory.order_parameters(alpha, p, ridge, noise, 1)
    v = 1.0 + noise
    # in z = x/√v the weights are √v w, the ridge λ/v, and the covariance of label and u·z is c/√v
    c = (1.0 - 2.0 * p) * np.sqrt(2.0 / np.pi) / np.sqrt(v)
    chi = theory.susceptibility(alpha, ridge / v)
    k, k2 = alpha / (1.0 + chi), alpha / (1.0 + chi) ** 2
    overlap = chi * k * c
    norm = chi**2 * ((k * c) ** 2 + k2 * (1.0 - 2.0 * overlap * c)) / (1.0 - chi**2 * k2)
    assert found.overlap == pytest.approx(overlap / np.sqrt(v), rel=1e-12)
    assert found.norm == pytest.approx(norm / v, rel=1e-12)


def test_count_of_dichotomies_is_covers_sum():
    for dimension in (1, 3, 8):
        for levels in range(1, 5 * dimension):
            exact = 2.0 ** (1 - levels) * sum(comb(levels - 1, k, exact=True) for k in range(dimension))
            found = theory.memorisation_probability(np.array(levels), np.array(dimension))
            assert float(found) == pytest.approx(min(exact, 1.0), rel=1e-12)


@pytest.mark.parametrize("dimension", [1, 5, 40, 300])
def test_capacity_is_two_in_every_dimension(dimension):
    assert theory.capacity(dimension) == 2.0
    width = [float(theory.memorisation_probability(np.array(round(load * dimension)), np.array(dimension)))
             for load in (1.8, 2.2)]  # fmt: skip
    assert width[0] >= 0.5 >= width[1]


def test_separability_is_that_of_linear_programming():
    rng = np.random.default_rng(3)
    answers = []
    for _ in range(25):
        x, y = rng.standard_normal((10, 5)), rng.choice((-1.0, 1.0), 10)
        found = linprog(np.zeros(5), A_ub=-y[:, None] * x, b_ub=-np.ones(10), bounds=(None, None))
        answers.append(separable(x, y))
        assert answers[-1] == (found.status == 0)
    assert 0 < sum(answers) < 25


def test_wishart_has_its_mean_and_variance():
    rng, freedom, size = np.random.default_rng(0), 40, 4
    draws = np.array([wishart(rng, freedom, size) for _ in range(4000)])
    error = draws.std(axis=0) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(axis=0) - freedom * np.eye(size)) < 4.5 * error).all()
    # Var W_ij = n (1 + δ_ij); relative error of a sample variance √(2/4000), times 4.5 and a little for the tails
    np.testing.assert_allclose(draws.var(axis=0), freedom * (1.0 + np.eye(size)), rtol=0.13)


@pytest.mark.parametrize(
    "options", [{"state_noise": 0.5, "visits": 4, "ridge": 0.1}, {"state_noise": 1.0, "ridge": 0.0}]
)
def test_twin_agrees_at_small_sizes(options):
    run = dmft.compare(SLUG, size=[50, 100], replicas=5, seed=1, **options)
    assert {"train_reward_by_alpha", "test_reward_by_alpha", "memorisation_probability"} <= set(
        run.comparison.observables
    )
    assert run.comparison.verdict == "agrees", run.comparison.message


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"state_noise": 0.5},
        {"state_noise": 0.5, "visits": 6},
        {"ridge": 0.0},
        {"flip_probability": 0.5, "ridge": 1e-3},
    ],
    ids=str,
)
def test_twin_agrees_at_large_sizes(options):
    run = dmft.compare(SLUG, size=[400, 500, 600], replicas=8, seed=2, **options)
    assert run.comparison.verdict == "agrees", run.comparison.message


def test_a_theory_a_little_wrong_deviates():
    simulation = dmft.simulate(SLUG, size=200, replicas=8, ridge=0.3).simulation
    wrong = dmft.solve(SLUG, ridge=0.3, flip_probability=0.25).theory
    assert compare_solutions(wrong, {200: simulation}).verdict == "deviates"


def test_same_seed_same_bits():
    one, other = (dmft.simulate(SLUG, size=30, replicas=2, state_noise=0.1, seed=3) for _ in range(2))
    for name in one.simulation:
        assert np.array_equal(one[name].values, other[name].values)


def test_visits_without_noise_are_told():
    with pytest.warns(dmft.errors.ModelWarning, match="no effect"):
        dmft.solve(SLUG, visits=3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"alpha": 0.0}, "alpha = 0.0"),
        ({"alpha": float("nan")}, "alpha = nan"),
        ({"ridge": -0.1}, "ridge = -0.1"),
        ({"flip_probability": 1.1}, "flip_probability = 1.1"),
        ({"state_noise": -1}, "state_noise = -1"),
        ({"visits": 0}, "visits = 0"),
    ],
)
def test_wrong_input_is_refused(options, words):
    with pytest.raises(ParameterError, match=words):
        dmft.solve(SLUG, **options)


def test_empty_pool_and_too_large_dimension_are_refused():
    with pytest.raises(ParameterError, match="the pool has no level"):
        dmft.simulate(SLUG, alpha=0.001, size=100)
    with pytest.raises(DMFTError, match="of memory"):
        dmft.simulate(SLUG, size=10_000_000)


@pytest.mark.parametrize("options", [{"model": SLUG}, {"model": "rl-overfitting/perceptron", "t_max": 1.0},
                                     {"model": "rl-overfitting/td", "steps": 2, "features": 5}])  # fmt: skip
def test_every_parameter_can_be_swept(options):
    """A sweep takes its parameter's name for an axis: no curve or axis of the model may bear it."""
    run = dmft.solve(**options)
    assert not set(run.parameters) & {*run.theory.coordinates, *run.theory}

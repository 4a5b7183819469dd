"""The sin² map: periods of the sheet, both laws, exact kinematics, symmetry, the twin, wrong input."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.errors import ParameterError
from dmft.simulation.bn_weight_decay import step
from dmft.theory.bn_weight_decay import BNWeightDecay, after_jumps
from dmft.theory.scale_invariant import contraction, cosine, inverse_contraction, next_norm


def solve(**options):
    run = dmft.solve("bn-weight-decay", **options)
    assert run.status.success
    return {name: curve.last for name, curve in run.scalars.items()}


@pytest.mark.parametrize(
    ("product", "floor", "of_map", "law"),
    [(1e-3, 1e-16, 266.8, 271.4), (2e-3, 1e-16, 188.8, 191.9), (1e-3, 1e-8, 184.6, 191.9)],
)
def test_periods_at_a_noise_floor_are_those_of_the_sheet(product, floor, of_map, law):
    found = solve(eta=0.1, weight_decay=10.0 * product, noise_floor=floor, steps=40000)
    assert found["period_mean"] == pytest.approx(
        of_map, abs=0.05 + 2.0 * found["period_std"] / found["n_periods"] ** 0.5
    )
    assert found["period_law"] == pytest.approx(law, abs=0.05)
    assert found["beta_max_law"] == pytest.approx(2.0 * np.exp(np.sqrt(2.0 * product * np.log(1.0 / floor))), rel=1e-12)
    # corrections to the Toda limit are of the order of its small parameter, the swing of ln β
    assert abs(found["beta_max"] / found["beta_max_law"] - 1.0) < np.log(found["beta_max_law"] / 2.0) ** 2


def test_periods_without_a_floor_follow_entrance_and_exit():
    """T·ηλ is of order 1 and constant over a decade; predicted cycle by cycle within 4 % on average."""
    errors = []
    for product in (1e-3, 3e-3, 1e-2):
        found = solve(eta=0.1, weight_decay=10.0 * product, steps=int(100 / product))
        assert 0.88 <= found["scaled_period"] <= 0.99
        errors.append(found["prediction_error"])
        assert found["prediction_error"] < 10.0 * product / 0.88  # a jump takes up to ten steps, which the law has not
    assert np.mean(errors) < 0.04
    assert errors[0] < errors[1] < errors[2]


def test_angle_falls_far_below_the_range_of_numbers():
    """To e^(−π²/8ηλ) when ln β starts from far below, and comes back."""
    run = dmft.solve("bn-weight-decay", eta=1e-4, weight_decay=10.0, steps=20000)
    lowest, bound = run["log_angle"].values.min(), -(np.pi**2) / 8.0 / 1e-3
    # the angle starts at 0.1, and decay itself shrinks it by √(β₀/2) until β = 2
    assert bound + np.log(0.1) + 0.5 * np.log(1e-4) < lowest < bound + 0.1 / 1e-3 * 2e-4 + np.log(0.11)
    assert lowest < np.log(np.finfo(float).tiny)
    assert len(run["period"].values) > 5


def test_period_depends_on_the_product_alone():
    """f(x, y) is rescaled by a and ρ: the same β₀ and ηλ make the same orbit."""
    one = dmft.solve("bn-weight-decay", eta=0.1, weight_decay=0.02, steps=3000)
    other = dmft.solve("bn-weight-decay", eta=0.4, weight_decay=0.005, curvature=2.0, rho0=8.0**0.5, steps=3000)
    assert np.array_equal(one["period"].values, other["period"].values)
    np.testing.assert_allclose(one["norm"].values * 8.0**0.5, other["norm"].values, rtol=1e-3)


def test_map_is_gradient_descent_in_the_plane():
    """Against ∇f by hand, with the exact kinematics (1) and (2)."""
    model = BNWeightDecay(eta=0.3, weight_decay=0.1, curvature=1.7, rho0=0.8, phi0=0.6, steps=40)
    run = dmft.solve(model)
    w = model.rho0 * np.array([np.cos(model.phi0), np.sin(model.phi0)])
    for t in range(model.steps):
        rho = np.linalg.norm(w)
        assert run["norm"].values[t] == pytest.approx(rho, rel=1e-12)
        assert run["log_angle"].values[t] == pytest.approx(np.log(abs(w[1] / w[0])), abs=1e-10)
        x, y = w
        gradient = 2.0 * model.curvature * x * y / rho**4 * np.array([-y, x])
        moved = w - model.eta * (gradient + model.weight_decay * w)
        slope = np.linalg.norm(gradient) * rho
        assert run["effective_gradient"].values[t] == pytest.approx(slope, rel=1e-9)
        assert np.linalg.norm(moved) == pytest.approx(next_norm(rho, slope, model.eta, model.k), rel=1e-14)
        angle = w @ moved / rho / np.linalg.norm(moved)
        assert angle == pytest.approx(cosine(rho, slope, model.eta, model.k), rel=1e-14)
        w = moved


def test_decay_is_an_exponential_learning_rate():
    """v_t = k^(−t) w_t follows SGD without decay at the rate η k^(−2t−1)."""
    model = BNWeightDecay(eta=0.2, weight_decay=0.05, phi0=0.4, steps=200)
    path = dmft.solve(model)
    v = model.rho0 * np.array([np.cos(model.phi0), np.sin(model.phi0)])
    for t in range(model.steps):
        assert np.linalg.norm(v) * model.k**t == pytest.approx(path["norm"].values[t], rel=1e-11)
        x, y = v
        gradient = 2.0 * model.curvature * x * y / (v @ v) ** 2 * np.array([-y, x])
        v = v - model.eta * model.k ** (-2 * t - 1) * gradient


def test_both_ways_to_keep_small_angles_agree():
    """Mantissa and exponent against logarithms, until round-off has been amplified by the jumps."""
    model = BNWeightDecay(eta=0.1, weight_decay=0.02, steps=1500)
    run = dmft.solve(model)
    tangent, square = np.log(np.tan(np.array([model.phi0]))), np.array([0.0])
    for t in range(model.steps):
        assert run["log_angle"].values[t] == pytest.approx(tangent[0], rel=1e-7, abs=1e-7)
        tangent, square = step(model, tangent, square)


def test_contraction_is_its_integral():
    s = np.linspace(-3.0, 3.0, 60001)
    middle = 0.5 * (s[1:] + s[:-1])
    integral = np.concatenate([[0.0], np.cumsum(np.log(np.abs(1.0 - np.exp(middle))) * np.diff(s))])
    exact = contraction(s) - contraction(s[0])
    # the midpoint rule errs by h·ln 2/2 next to the logarithmic singularity
    np.testing.assert_allclose(integral, exact, rtol=0.0, atol=np.diff(s)[0])
    assert contraction(np.array(-50.0)) == pytest.approx(np.pi**2 / 6.0, rel=1e-12)
    values = np.array([-0.8, 0.0, 1.0, 30.0])
    out = inverse_contraction(values)
    assert (out >= np.log(2.0)).all()
    np.testing.assert_allclose(contraction(out), values, rtol=1e-12, atol=1e-12)


def test_twin_has_the_periods_of_the_theory():
    run = dmft.compare("bn-weight-decay", weight_decay=0.1, steps=2500, size=2, replicas=8, members=64, seed=1)
    assert run.comparison.verdict == "agrees", run.comparison.message
    assert run.comparison.observables["period_quantile"].max_z > 0.0


def test_sizes_that_are_the_same_runs_are_not_compared():
    assert dmft.models()["bn-weight-decay"]().default_sizes() == (2,)
    small, large = (
        dmft.simulate("bn-weight-decay", weight_decay=0.1, steps=1000, replicas=3, size=size) for size in (2, 900)
    )
    assert np.array_equal(small["period_quantile"].values, large["period_quantile"].values)


def test_after_jumps():
    unstable, shrinking = np.array([10.0, 30.0, 50.0]), np.array([2.0, 14.0, 16.0, 33.0, 52.0])
    assert after_jumps(unstable, shrinking).tolist() == [2, 3]
    assert after_jumps(unstable[:1], shrinking).tolist() == []


def test_no_period_is_told():
    run = dmft.solve("bn-weight-decay", steps=50)
    assert run.status.code == "not_converged"
    assert "no full period in 50 steps: give more --steps" in run.status.message
    assert np.isnan(run["period_mean"].last)


def test_same_seed_same_bits(monkeypatch):
    one = dmft.solve("bn-weight-decay", steps=2000, seed=3)
    monkeypatch.setattr("dmft.solvers.threads.threads", lambda: 1)
    other = dmft.solve("bn-weight-decay", steps=2000, seed=3)
    assert np.array_equal(one["period_quantile"].values, other["period_quantile"].values)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"eta": 10.0, "weight_decay": 0.1}, "the product 1 must be below 1"),
        ({"weight_decay": -0.1}, "weight_decay = -0.1 is not allowed"),
        ({"phi0": 0.0}, "phi0 = 0.0 is not allowed"),
        ({"noise_floor": 0.9}, "noise_floor = 0.9"),
        ({"rho0": 0.0}, "rho0 = 0.0"),
    ],
)
def test_wrong_input_is_refused(options, words):
    with pytest.raises(ParameterError, match=words):
        dmft.solve("bn-weight-decay", **options)

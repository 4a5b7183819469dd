"""The closed form: numbers of the sheet, limits, stability, and a brute-force simulation of its own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import dmft
from dmft.results.progress import SILENT
from dmft.theory.sgd_ridge import SGDRidge, Spectral

SHEET = {"alpha": 2.0, "batch_fraction": 0.3, "learning_rate": 0.2, "ridge": 0.1, "label_noise": 0.25}
INVERSE = {"normalisation": "inverse", "learning_rate": 0.05}


def solve(**options):
    return dmft.solve("sgd/ridge", **options)


def stationary(run) -> tuple[float, float]:
    return run["stationary_train_loss"].last, run["noise_gain"].last


def test_numbers_of_the_sheet():
    loss = 2.0 * solve(**SHEET)["train_loss"].values[[0, 1, 2, 5, 10, 30, 100]]
    np.testing.assert_allclose(loss, [1.25, 0.93380, 0.73199, 0.43922, 0.28481, 0.18670, 0.17006], rtol=0.0, atol=6e-6)


@pytest.mark.parametrize(
    "changes",
    [{}, {"alpha": 0.5}, {"alpha": 1.0}, {"batch_fraction": 1.0}, INVERSE,
     {"ridge": 0.0}, {"r0": 2.0}],
    ids=str,
)  # fmt: skip
def test_nodes_of_the_quadrature_do_not_matter(changes):
    options = {**SHEET, **changes, "steps": 60}
    coarse, fine = (solve(**options, nodes=nodes) for nodes in (400, 9001))
    automatic = solve(**options)
    for name in ("magnetization", "norm", "train_loss", "test_error"):
        # polynomials of degree 2·60 + 2 are exact: round-off only; at α = 1 or λ = 0 the ridge is all of 1/(bx+λ)
        np.testing.assert_allclose(coarse[name].values, fine[name].values, rtol=1e-10, atol=1e-11)
        np.testing.assert_allclose(automatic[name].values, fine[name].values, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize(
    "changes",
    [{}, {"alpha": 0.5}, {"batch_fraction": 1.0}, INVERSE,
     {"ridge": 0.0}, {"ridge": 0.0, "alpha": 0.5}, {"r0": 2.0}],
    ids=str,
)  # fmt: skip
def test_stationary_loss_is_the_limit_of_long_times(changes):
    run = solve(**{**SHEET, **changes, "steps": 1500})
    loss, gain = stationary(run)
    assert 0.0 <= gain < 1.0
    # the slowest mode is below .99^k here: 1e-6 of the start after 1500 steps, squared in the loss
    assert run["train_loss"].values[-1] == pytest.approx(loss, rel=1e-8, abs=1e-9)


def test_interpolation_of_pure_gradient_descent():
    """b = 1, λ = 0, α < 1: all labels are fitted, whatever their noise."""
    run = solve(alpha=0.5, ridge=0.0, batch_fraction=1.0, label_noise=1.0, steps=2000)
    assert run["train_loss"].values[-1] < 1e-12
    assert run["noise_gain"].last == 0.0
    # the projection on P = αN random directions: m = α, and the norm of the interpolator <1/x> = α/(1−α)
    assert run["magnetization"].values[-1] == pytest.approx(0.5, abs=1e-9)
    assert run["norm"].values[-1] == pytest.approx(0.5 - 0.25 + 0.5 / 0.5, abs=1e-8)


def test_ridge_regression_without_sampling_noise():
    """b = 1: the limit is ridge regression, m = <x/(x+λ)>, from the resolvent of the Marchenko–Pastur law."""
    alpha, lam = 2.0, 0.3
    run = solve(alpha=alpha, ridge=lam, batch_fraction=1.0, steps=2000)
    # g = <1/(x+λ)> solves λg² + (λ + α − 1)g − 1 = 0
    resolvent = (1.0 - alpha - lam + np.sqrt((lam + alpha - 1.0) ** 2 + 4.0 * lam)) / (2.0 * lam)
    assert run["magnetization"].values[-1] == pytest.approx(1.0 - lam * resolvent, abs=1e-10)


def growth(run) -> float:
    """Mean growth of ln(loss − its stationary part) a step over the second half."""
    loss = run["train_loss"].values
    half = len(loss) // 2
    return float(np.log(loss[-1] / loss[half]) / (len(loss) - 1 - half))


@settings(max_examples=12)
@given(st.floats(0.2, 5.0), st.floats(0.05, 1.0), st.floats(0.01, 1.0), st.floats(0.05, 6.0), st.booleans())
def test_unstable_exactly_when_the_gain_exceeds_one(alpha, b, ridge, eta, inverse):
    options = {
        "alpha": alpha, "batch_fraction": b, "ridge": ridge, "learning_rate": eta, "label_noise": 0.1,
        "normalisation": "inverse" if inverse else "unit",
    }  # fmt: skip
    run = solve(**options, steps=1000, nodes=1500)
    loss, gain = stationary(run)
    edge = eta * ((1.0 if inverse else b) * (np.sqrt(alpha) + 1.0) ** 2 + ridge)
    assume(abs(gain - 1.0) > 0.1)  # critical slowing down: too slow to see
    assume(abs(edge - 2.0) > 0.05)
    unstable = gain > 1.0 or edge >= 2.0
    assert np.isinf(loss) == unstable
    if run.status.code == "diverged":
        assert unstable
    else:
        assert (growth(run) > 1e-4) == unstable


def critical(**options) -> float:
    """The learning rate at which the gain is one, by bisection to 1e-6."""
    low, high = 1e-3, 10.0
    while high - low > 1e-6:
        middle = 0.5 * (low + high)
        solution = SGDRidge(**options, learning_rate=middle, steps=1).solve(Spectral(), SILENT)
        if solution["noise_gain"].last < 1.0:
            low = middle
        else:
            high = middle
    return low


@pytest.mark.parametrize("alpha", [0.5, 2.0])
@pytest.mark.parametrize("b", [0.1, 0.5, 1.0])
def test_critical_step(alpha, b):
    options = {"alpha": alpha, "batch_fraction": b, "ridge": 0.1, "label_noise": 0.1}
    eta = critical(**options)
    if b == 1.0:  # no sampling noise: the edge of the spectrum decides
        assert eta == pytest.approx(2.0 / ((np.sqrt(alpha) + 1.0) ** 2 + 0.1), rel=1e-4)
    stable, unstable = (solve(**options, learning_rate=factor * eta, steps=3000) for factor in (0.98, 1.02))
    assert stable["train_loss"].values[-1] == pytest.approx(stable["stationary_train_loss"].last, rel=1e-3)
    assert unstable.status.code == "diverged" or growth(unstable) > 1e-4
    assert np.isinf(unstable["stationary_train_loss"].last)


def test_divergence_keeps_what_is_finite():
    run = solve(learning_rate=50.0, steps=500)
    assert run.status.code == "diverged"
    assert "--learning-rate" in run.status.message
    times = len(run["norm"].values)
    assert 1 < times < 501
    assert all(np.isfinite(run[name].values).all() for name in ("norm", "train_loss", "magnetization", "test_error"))
    assert len(run.theory.coordinates["t"].values) == times
    shorter = solve(learning_rate=50.0, steps=times - 1)
    assert shorter.status.success
    np.testing.assert_allclose(run["norm"].values, shorter["norm"].values, rtol=1e-9)


def brute_force(model: SGDRidge, size: int, replicas: int, rng) -> np.ndarray:
    """Squared residual per sample at every step of plain SGD on `replicas` random problems; standard normal data."""
    count = round(model.alpha * size)
    data = rng.normal(size=(replicas, count, size)) / np.sqrt(size)
    teacher = rng.normal(size=(replicas, size, 1))
    labels = data @ teacher + np.sqrt(model.label_noise) * rng.normal(size=(replicas, count, 1))
    weights, losses = np.sqrt(model.r0) * rng.normal(size=(replicas, size, 1)), []
    for _ in range(model.steps + 1):
        residual = data @ weights - labels
        losses.append(np.mean(residual**2, axis=(1, 2)))
        batch = (rng.random(residual.shape) < model.batch_fraction) * model.as_sgd().amplitude
        step = data.transpose(0, 2, 1) @ (batch * residual) + model.ridge * weights
        weights = weights - model.learning_rate * step
    return np.array(losses).T


@pytest.mark.parametrize(
    "changes", [{}, {"alpha": 0.6, "r0": 1.0}, {"normalisation": "inverse", "learning_rate": 0.05}], ids=str
)
def test_brute_force_simulations_tend_to_the_closed_form(changes):
    """The deviation fitted by a + c/N: a is zero within its errors, at every step."""
    model = SGDRidge(**{**SHEET, **changes, "steps": 12})
    exact = 2.0 * model.solve(Spectral(), SILENT)["train_loss"].values
    sizes, rng = np.array([10.0, 20.0, 40.0]), np.random.default_rng(0)
    losses = [brute_force(model, int(size), int(40000 / size), rng) for size in sizes]
    deviation = np.array([loss.mean(axis=0) - exact for loss in losses])
    error = np.array([loss.std(axis=0) / np.sqrt(len(loss)) for loss in losses])
    for t in range(len(exact)):
        design = np.stack([np.ones(3), 1.0 / sizes], axis=1) / error[:, t, None]
        covariance = np.linalg.inv(design.T @ design)
        offset = (covariance @ design.T @ (deviation[:, t] / error[:, t]))[0]
        assert abs(offset) < 4.0 * np.sqrt(covariance[0, 0])  # 13 correlated steps, 6e-5 each
        assert np.sqrt(covariance[0, 0]) < 0.02 * exact[0], "the errors are too large to prove anything"

"""Self-training by averaging: reference row, fixed points and their stability, rejection, limits, wrong input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

import dmft
from dmft.errors import ParameterError
from dmft.theory.self_training_averaging import SelfTrainingAveraging

SLUG = "self-training/averaging"


def test_reference_row():
    run = dmft.solve(SLUG)
    assert run["overlap"].values.round(3).tolist() == [0.4, 0.687, 0.854, 0.890, 0.895]
    assert run["limit_overlap"].last == pytest.approx(run["fixed_points"].values[-1], abs=1e-12)
    assert run["final_overlap"].last == run["overlap"].last
    np.testing.assert_allclose(run["test_error"].values, ndtr(-run["overlap"].values / 0.7))
    assert run["bayes_error"].last == ndtr(-1.0 / 0.7)
    assert run["acceptance"].values.tolist() == pytest.approx([1.0] * 5)


def test_step_against_sampling():
    """The average of labelled samples, by its definition: mean along μ, along the classifier, and its length."""
    model = SelfTrainingAveraging(sigma=0.6, kappa=0.3, threshold=0.4)
    rng, rho, count = np.random.default_rng(0), 0.5, 400_000
    z = rng.standard_normal((count, 2))
    x = np.stack([1.0 + 0.6 * z[:, 0], 0.6 * z[:, 1]], axis=1)  # class +1 in the plane of μ and β
    s = x @ np.array([rho, np.sqrt(1.0 - rho**2)])
    weight = np.sign(s) * (np.abs(s) >= 0.4)
    mean = (weight[:, None] * x).mean(axis=0)
    error = (weight[:, None] * x).std(axis=0) / np.sqrt(count)
    length = np.sqrt(mean @ mean + 0.36 * 0.3 * np.mean(weight**2))
    assert float(model.step(np.array(rho))) == pytest.approx(mean[0] / length, abs=5.0 * error.sum() / length)


def test_fixed_points_and_their_slopes():
    run = dmft.solve(SLUG)
    points, slopes = run["fixed_points"].values, run["fixed_point_slopes"].values
    model = SelfTrainingAveraging()
    np.testing.assert_allclose(model.step(points), points, atol=1e-13)
    assert run["fixed_point_stable"].values.tolist() == [0.0, 1.0]
    # at zero: (1 + σ²)/σ² (1 + κP_a/4φ²)^−½, φ(0) = 1/√2π
    assert slopes[0] == pytest.approx((1.49 / 0.49) / np.sqrt(1.0 + 0.5 * np.pi / 2.0), rel=1e-9)
    at = 0.5 * (points[1] + run["overlap"].values[-1])
    move = (float(model.step(np.array(at))) - points[1]) / (at - points[1])
    assert slopes[1] == pytest.approx(move, rel=1e-2)


def test_two_stable_fixed_points_at_high_confidence():
    """Small noise, high threshold: only good starts are improved; both attractors and the edge between them."""
    options = {"sigma": 0.1, "kappa": 0.5, "threshold": 1.0, "rounds": 40}
    run = dmft.solve(SLUG, **options)
    assert run["fixed_point_stable"].values.tolist() == [1.0, 0.0, 1.0]
    edge = run["fixed_points"].values[1]
    ends = [dmft.solve(SLUG, overlap_init=edge + side * 0.02, **options)["final_overlap"].last for side in (-1, 1)]
    assert abs(ends[0]) < 1e-6
    assert ends[1] == pytest.approx(run["fixed_points"].values[2], abs=1e-9)


@pytest.mark.parametrize(("sigma", "kappa"), [(0.7, 0.5), (0.5, 1.0), (0.9, 0.2), (0.3, 3.0)])
def test_rejection_raises_the_fixed_point_up_to_a_best_threshold(sigma, kappa):
    run = dmft.solve(SLUG, sigma=sigma, kappa=kappa)
    limits = run["limit_by_threshold"].values
    best = int(np.argmax(limits))
    assert 0 < best < len(limits) - 1
    assert np.all(np.diff(limits[: best + 1]) > 0.0)
    assert limits[-1] < limits[0]  # but hardly anybody is left beyond it


positive = st.floats(-1.0, 1.0).map(lambda power: 10.0**power)


@given(positive, positive, st.floats(0.0, 3.0), st.integers(-100, 100).map(lambda k: k / 100.0))
@settings(max_examples=30)
def test_map_is_odd_bounded_and_goes_to_its_limit(sigma, kappa, gamma, start):
    model = SelfTrainingAveraging(sigma=sigma, kappa=kappa, threshold=gamma * sigma, overlap_init=start)
    rho = np.linspace(-1.0, 1.0, 41)
    image = model.step(rho)
    np.testing.assert_allclose(image, -image[::-1], atol=1e-12)
    assert np.all(np.abs(image) <= 1.0)
    points = model.fixed_points()
    np.testing.assert_allclose(model.step(points), points, atol=1e-10)
    limit = model.limits(start, np.array([model.threshold]))[0]
    assert np.abs(np.concatenate([points, -points]) - limit).min() < 1e-9 or limit == start
    slope = abs(model.slope(limit))
    if slope < 0.9:
        x = np.array(start)
        for _ in range(400):
            x = model.step(x)
        assert float(x) == pytest.approx(limit, abs=1e-8)


@pytest.mark.parametrize("threshold", [0.0, 1.0, 3.0])
def test_small_overlaps_keep_their_digits(threshold):
    """The ratio ρ'/ρ runs smoothly through the point where a series takes over, down to the smallest numbers."""
    model = SelfTrainingAveraging(threshold=threshold)
    slope = model.slope(0.0)
    for rho in (1e-300, 1e-20, 1e-9, 0.69e-5, 0.71e-5):
        assert float(model.step(np.array(rho))) / rho == pytest.approx(slope, rel=1e-9)
    assert model.limits(1e-200, np.array([0.0]))[0] == pytest.approx(model.fixed_points(0.0)[-1], abs=1e-12)


def test_error_is_never_below_the_bayes_error():
    for kappa in (1e-6, 0.1, 10.0):
        run = dmft.solve(SLUG, kappa=kappa, overlap_init=1.0, rounds=20)
        assert np.all(run["test_error"].values >= run["bayes_error"].last)
    assert run["gain"].last < 0.0  # from the best direction averages of few samples only lose


@pytest.mark.parametrize("threshold", [1e2, 1e20])
def test_nobody_accepted_is_a_status(threshold):
    run = dmft.solve(SLUG, threshold=threshold)
    assert run.status.code == "not_converged"
    assert run.status.exit_code == 3
    assert "no sample was accepted in round 1" in run.status.message
    for name, curve in run.theory.items():
        assert np.isfinite(curve.values).all(), name


@pytest.mark.parametrize(
    "options",
    [{"sigma": 1e-6}, {"sigma": 1e40}, {"kappa": 1e-40}, {"kappa": 1e40}, {"threshold": 15.0}, {"overlap_init": -1.0},
     {"overlap_init": 0.0}, {"sigma": 1e-6, "threshold": 0.999}, {"rounds": 3000}],
    ids=str,
)  # fmt: skip
def test_extremes_give_numbers(options):
    run = dmft.solve(SLUG, **options)
    for name, curve in run.theory.items():
        assert np.isfinite(curve.values).all(), name


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sigma": 0.0}, "sigma = 0.0"),
        ({"kappa": -1.0}, "kappa = -1.0"),
        ({"threshold": -0.1}, "threshold = -0.1"),
        ({"threshold": float("nan")}, "threshold = nan"),
        ({"overlap_init": 1.1}, "overlap_init = 1.1"),
        ({"rounds": 0}, "rounds = 0"),
        ({"gamma": 1.0}, "unknown parameter or option 'gamma'"),
    ],
    ids=str,
)
def test_wrong_input_is_refused_by_name(options, words):
    with pytest.raises((ParameterError, dmft.errors.UnknownNameError), match=words):
        dmft.solve(SLUG, **options)

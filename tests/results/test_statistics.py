"""Standard errors from few samples: the Student factor, its coverage, and the running moments."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from dmft.results.statistics import Moments, two_sigma_factor

COVERED = math.erf(math.sqrt(2.0))  # probability of |z| < 2


def moments_of(samples) -> Moments:
    moments = Moments()
    for sample in samples:
        moments.add({"x": sample})
    return moments


@pytest.mark.parametrize("count", [2, 3, 8, 20, 1000])
def test_factor_is_the_student_quantile(count):
    expected = stats.t.ppf(0.5 + 0.5 * COVERED, count - 1) / 2.0
    assert two_sigma_factor(count) == pytest.approx(expected, rel=1e-9)


def test_factor_falls_to_one_and_needs_two_samples():
    factors = [two_sigma_factor(count) for count in range(2, 40)]
    assert np.all(np.diff(factors) < 0.0)
    assert two_sigma_factor(10**7) == pytest.approx(1.0, abs=1e-6)
    assert math.isnan(two_sigma_factor(1))
    assert math.isnan(two_sigma_factor(0))


@pytest.mark.parametrize("count", [2, 3, 8, 20])
def test_two_standard_errors_cover_the_truth(count):
    trials = 40000
    data = np.random.default_rng(count).normal(3.0, 2.0, size=(count, trials))
    moments = moments_of(data)
    covered = np.mean(np.abs(moments.mean("x") - 3.0) <= 2.0 * moments.stderr("x"))
    # the binomial error of the fraction, four of them: false alarm 6e-5
    assert abs(covered - COVERED) < 4.0 * math.sqrt(COVERED * (1.0 - COVERED) / trials)


@given(arrays(np.float64, (5, 3), elements=st.floats(-1e6, 1e6)))
def test_moments_are_those_of_numpy(data):
    moments = moments_of(data)
    scale = 1e-12 * (1.0 + np.abs(data).max())
    plain = data.std(axis=0, ddof=1) / math.sqrt(len(data))
    np.testing.assert_allclose(moments.mean("x"), data.mean(axis=0), rtol=1e-12, atol=scale)
    np.testing.assert_allclose(moments.stderr("x"), two_sigma_factor(5) * plain, rtol=1e-7, atol=scale)


def test_moments_do_not_cancel():
    """Σx² − (Σx)²/n in double precision would leave nothing of a spread of 1e-6 on top of 1e6."""
    small = np.random.default_rng(0).normal(size=(50, 4)) * 1e-6
    moments = moments_of(1e6 + small)
    plain = (1e6 + small - 1e6).std(axis=0, ddof=1) / math.sqrt(50)
    # one ulp of 1e6 is 1e-10, that is 1e-4 of the spread
    np.testing.assert_allclose(moments.stderr("x"), two_sigma_factor(50) * plain, rtol=1e-4)


def test_one_sample_has_no_error_and_none_has_no_names():
    moments = moments_of([np.array([1.0, 2.0])])
    np.testing.assert_array_equal(moments.mean("x"), [1.0, 2.0])
    assert np.isnan(moments.stderr("x")).all()
    assert list(Moments()) == []
    assert Moments().count == 0


def test_moments_keep_no_view_of_what_they_were_given():
    values = np.ones(3)
    moments = moments_of([values, values])
    values[:] = 7.0
    np.testing.assert_array_equal(moments.mean("x"), np.ones(3))
    np.testing.assert_array_equal(moments.stderr("x"), np.zeros(3))

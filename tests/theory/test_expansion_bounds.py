"""Gaussian expansion, bounds and threshold: numbers of the sheet, many digits, limits, hypotheses that fail."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from dmft.errors import ParameterError
from dmft.theory import expansion_bounds as bounds

MASSES = st.floats(1e-300, 0.49)
REACHES = st.floats(0.01, 20.0)


@pytest.mark.parametrize(("mass", "reach", "value"), [(0.1, 1.0, 3.89), (0.1, 2.0, 7.64), (0.5, 1.0, 1.683)])
def test_expansion_is_that_of_the_sheet(mass, reach, value):
    unit = 0.5 * 10.0 ** -(len(str(value)) - 2)
    assert np.exp(bounds.log_expansion(np.log(mass), reach)) == pytest.approx(value, abs=unit)


def test_threshold_of_the_sheet_is_cut_off_not_rounded():
    """The sheet says .2596; the value is .25966, which rounds to .2597. By its definition, in plain arithmetic:"""
    t = ndtri(0.096)
    plain = 0.096 / (ndtr(t + 1.0) - ndtr(t - 1.0))
    assert plain == pytest.approx(0.259662, abs=5e-7)
    assert np.exp(bounds.log_threshold(np.log(0.096), 1.0)) == pytest.approx(plain, rel=1e-14)


#: ln c and ln λ* to 17 digits, by arithmetic of 60 digits.
DIGITS = {
    (1e-300, 0.001): (0.074146101004398818, 2.6014622697549475),
    (1e-300, 0.5): (36.57441912835548, -18.412116388761017),
    (1e-300, 1.0): (72.149604607511328, -36.57441912835548),
    (1e-20, 0.001): (0.01873386689622504, 3.9773026095081319),
    (1e-20, 0.5): (8.8737763421651203, -4.5602876348672346),
    (1e-20, 1.0): (16.761133484052121, -8.873776334873833),
    (0.096, 0.001): (0.0035467941473793563, 5.6412414042934117),
    (0.096, 0.5): (1.3766198248010624, -0.60008722741914337),
    (0.096, 1.0): (2.0644480866727484, -1.3483728620492443),
}


@pytest.mark.parametrize(("mass", "radius"), DIGITS)
def test_digits_are_kept_down_to_the_smallest_masses(mass, radius):
    """To a few spacings of floats at ln a."""
    log_c, log_threshold = DIGITS[mass, radius]
    error = 8.0 * np.spacing(-np.log(mass))
    assert bounds.log_expansion(np.log(mass), 2.0 * radius) == pytest.approx(log_c, abs=error)
    assert bounds.log_threshold(np.log(mass), radius) == pytest.approx(log_threshold, abs=error)


def test_the_digits_of_a_small_expansion_are_kept():
    """c − 1 → h φ(t)/a, where c itself is 1 to all digits."""
    t, h = ndtri(0.2), 1e-30
    bell = np.exp(-0.5 * t**2) / np.sqrt(2.0 * np.pi)
    assert bounds.log_expansion(np.log(0.2), h) == pytest.approx(h * bell / 0.2, rel=1e-13)
    assert bounds.error_bound(1.0, 0.2, 0.0, 1.0) == np.inf
    assert bounds.log_slab(1e300, 1.0) == -np.inf


def test_masses_beyond_the_smallest_number():
    """ln a = −5000: in the far tail ln c → √(2 ln 1/a) h − h²/2 up to the logarithm in Φ⁻¹."""
    found = bounds.log_expansion(-5000.0, 1.0)
    t = np.sqrt(2.0 * 5000.0)
    assert t - 0.5 - np.log(t) < found < t - 0.5 + 0.1


@given(MASSES, REACHES)
def test_expansion_falls_with_the_mass_and_grows_with_the_reach(mass, reach):
    log_c = bounds.log_expansion(np.log([mass, 1.01 * mass]), reach)
    assert 0.0 < log_c[1] < log_c[0] + 1e-12
    assert log_c[0] <= -np.log(mass) + 1e-12  # no set grows beyond the whole
    assert bounds.log_expansion(np.log(mass), 1.1 * reach) >= log_c[0] - 1e-12


@given(MASSES, REACHES, REACHES)
def test_expanding_twice_is_expanding_further(mass, first, second):
    once = bounds.log_expansion(np.log(mass), first)
    rest = 1.0 - np.exp(np.log(mass) + once)
    if rest > 1e-3:
        twice = once + bounds.log_expansion(np.log(mass) + once, second)
        assert twice == pytest.approx(float(bounds.log_expansion(np.log(mass), first + second)), abs=1e-9)


@given(MASSES, st.floats(0.001, 10.0))
def test_threshold_grows_with_the_mass_and_falls_with_the_radius(mass, radius):
    here = bounds.log_threshold(np.log(mass), radius)
    assert bounds.log_threshold(np.log(1.01 * mass), radius) >= here - 1e-11
    assert bounds.log_threshold(np.log(mass), 1.1 * radius) <= here + 1e-11
    assert here >= np.log(mass) - 1e-12  # keeping the tail costs at most the whole


@given(st.floats(-30.0, 30.0), st.floats(1e-9, 30.0))
def test_slabs_are_continuous_between_their_formulas(centre, half):
    """Thin by quadrature, wide by tails: both, where either will do."""
    found = float(bounds.log_slab(centre, half))
    halves = np.logaddexp(*(bounds.log_slab(centre + shift, 0.5 * half) for shift in (-0.5 * half, 0.5 * half)))
    assert found == pytest.approx(float(halves), abs=1e-9 + 1e-12 * abs(found))


@pytest.mark.parametrize("c", [1.5, 3.5, 8.0])
def test_bound_at_the_penalty_of_the_theorem_is_the_theorem(c):
    error, mu = 0.05, 0.002
    at = float(bounds.error_bound(2.0 * c / (c + 1.0), error, mu, c))
    assert at == pytest.approx(2.0 / (c - 1.0) * error + 2.0 * c / (c - 1.0) * mu, rel=1e-12)
    around = bounds.error_bound(np.geomspace(0.01, 100.0, 200), error, 0.0, c)
    assert around.min() >= at - 2.0 * c / (c - 1.0) * mu - 1e-12  # no penalty has a better one at μ = 0
    assert bounds.error_bound(0.0, error, mu, c) == np.inf


def test_hypotheses_that_fail_are_named():
    assert bounds.denoising_failure(0.2, 4.0) == ""
    assert "ā < 1/3 fails" in bounds.denoising_failure(0.4, 4.0)
    assert "c > 3 fails" in bounds.denoising_failure(0.2, 2.5)
    assert bounds.denoising_bound(0.2, 0.01, 0.2, 2.5) == np.inf
    assert bounds.denoising_bound(0.2, 0.0, 0.25, 100.0) == pytest.approx(2.0 / 3.0 * 0.2)  # c = 1/ā = 4
    assert "c > 1 fails" in bounds.unsupervised_failure(0.5, 0.0, 1.0)
    assert "min P(class)" in bounds.unsupervised_failure(0.1, 0.06, 3.0)
    assert bounds.unsupervised_bound(0.1, 0.06, 3.0) == np.inf
    assert bounds.unsupervised_bound(0.5, 0.01, 1.5) == pytest.approx(0.03)
    assert bounds.unsupervised_bound(0.5, 0.01, 3.0) == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("log_mass", "reach"), [(0.0, 1.0), (np.nan, 1.0), (-np.inf, 1.0), (-1.0, 0.0), (-1.0, np.nan)]
)
def test_wrong_input_is_refused(log_mass, reach):
    with pytest.raises(ParameterError, match="not allowed"):
        bounds.log_expansion(log_mass, reach)

"""The spherical p-spin model: closed forms, equilibrium, the threshold, aging, and wrong input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ive

import dmft
from dmft.errors import ParameterError
from dmft.theory.p_spin import PSpin


def solve(**options):
    run = dmft.solve("p-spin", **options)
    assert run.status.success
    return run


def times(run):
    return run.theory.coordinates["t"].values


@pytest.mark.parametrize("t_max", [0.5, 5.0, 20.0])
def test_two_spins_at_zero_temperature_are_bessel_functions(t_max):
    run = solve(p=2, t_max=t_max)
    t = times(run)[1:]
    energy = run["energy"].values
    assert energy[0] == 0.0
    allowed = run.theory.diagnostics["estimated_error"]
    assert allowed < 1e-6
    np.testing.assert_allclose(energy[1:], -ive(2, 4.0 * t) / ive(1, 4.0 * t), rtol=0.0, atol=allowed)


def test_three_spins_are_those_of_the_sheet():
    run = solve(p=3)
    energy = run["energy"].values[[5, 10, 25, 50, 100]]
    np.testing.assert_allclose(times(run)[[5, 10, 25, 50, 100]], [1.0, 2.0, 5.0, 10.0, 20.0], rtol=1e-15)
    np.testing.assert_allclose(energy, [-0.7825, -0.9262, -1.0357, -1.0816, -1.1096], rtol=0.0, atol=1e-4)
    # six digits of our own, from grids up to 4000 steps
    np.testing.assert_allclose(energy, [-0.782508, -0.926219, -1.035656, -1.081599, -1.109507], rtol=0.0, atol=1e-6)


@pytest.mark.parametrize("p", [2, 3, 4])
def test_short_times(p):
    """C(t,0) = 1 − ∫μ + O(t²) and E = −p t/2 + O(t³): gradients of a random start have variance f'(1) = p/2."""
    run = solve(p=p, t_max=1e-2)
    t = times(run)
    assert np.abs(run["energy"].values + 0.5 * p * t).max() < 20.0 * p**2 * 1e-6
    assert run["energy"].values[1] / t[1] == pytest.approx(-0.5 * p, rel=p**2 * 1e-3)


@pytest.mark.parametrize("p", [2, 3])
def test_energy_tends_to_the_threshold(p):
    """E − E_th falls like a power: fitted on the last half of the curve its limit is the threshold within 1 %."""
    run = solve(p=p, t_max=60.0, tolerance=1e-4)
    t, energy = times(run), run["energy"].values
    threshold = run["threshold_energy"].last
    assert threshold == pytest.approx({2: -1.0, 3: -2.0 / np.sqrt(3.0)}[p], abs=1e-14)
    gap = energy - threshold
    assert np.all(gap > 0.0)
    assert np.all(np.diff(gap) < 0.0)
    # a + b t^(−c) through three points with times in geometric progression
    first, second, third = energy[[25, 50, 100]]
    limit = (first * third - second**2) / (first + third - 2.0 * second)
    assert t[50] ** 2 == pytest.approx(t[25] * t[100])
    assert limit == pytest.approx(threshold, rel=1e-2)


@pytest.mark.parametrize(("p", "temperature"), [(3, 0.9), (3, 1.5), (2, 2.0), (4, 1.0)])
def test_equilibrium_above_the_dynamical_temperature(p, temperature):
    """E = −1/(2T), C(t,s) a function of t − s, and the fluctuation–dissipation theorem R = −∂_τ C/T."""
    run = solve(p=p, temperature=temperature, t_max=60.0, tolerance=1e-6)
    assert temperature > PSpin(p=p).dynamical_temperature
    C, R, t = run["correlation"].values, run["response"].values, times(run)
    left = abs(C[100, 0]) + abs(C[50, 0])  # what is remembered of the start: the distance from equilibrium
    assert left < 1e-2
    assert run["final_energy"].last == pytest.approx(-0.5 / temperature, abs=left + 1e-6)
    assert run["threshold_energy"].last == -0.5 / temperature
    np.testing.assert_allclose(C[100, 60:], C[90, 50:91], atol=left + 1e-6)
    # χ(t, s) = ∫_s^t R = (1 − C)/T, integrated by a spline that has the exact slope information of the grid
    from scipy.interpolate import make_interp_spline

    response = make_interp_spline(t[60:], R[100, 60:], k=5).antiderivative()
    coarse = make_interp_spline(t[60::2], R[100, 60::2], k=5).antiderivative()
    integrated = response(t[100]) - response(t[60:])
    quadrature = np.abs(integrated - (coarse(t[100]) - coarse(t[60:]))).max()
    np.testing.assert_allclose(integrated, (1.0 - C[100, 60:]) / temperature, atol=left + quadrature + 1e-6)


def test_aging_below_the_dynamical_temperature_violates_it():
    """T = 0.3: at late times χ is far below (1 − C)/T where C has left its plateau; above T_d it is not."""
    run = solve(temperature=0.3, t_max=40.0, tolerance=1e-4)
    C, R, t = run["correlation"].values, run["response"].values, times(run)
    susceptibility = np.trapezoid(R[100], t)
    assert C[100, 10] < 0.5
    assert 0.3 * susceptibility < 0.8 * (1.0 - C[100, 10])


def test_dynamical_temperatures():
    assert PSpin(p=3).dynamical_temperature == pytest.approx(np.sqrt(3.0 / 8.0), rel=1e-14)
    assert PSpin(p=2).dynamical_temperature == 1.0
    # max over q of p/2 q^(p−2) (1 − q)
    q = np.linspace(0.0, 1.0, 200_001)
    for p in (4, 5, 10):
        assert PSpin(p=p).dynamical_temperature == pytest.approx(
            np.sqrt((0.5 * p * q ** (p - 2) * (1 - q)).max()), rel=1e-9
        )


@given(st.integers(2, 10), st.floats(0.0, 3.0))
def test_threshold_energy_is_continuous(p, temperature):
    """At T_d it joins equilibrium, at T = 0 the square root; −1 + T/2 for p = 2."""
    model = PSpin(p=p, temperature=temperature)
    close = PSpin(p=p, temperature=temperature + 1e-7)
    assert close.threshold_energy == pytest.approx(model.threshold_energy, abs=1e-5)
    if p == 2 and temperature < 1.0:
        assert model.threshold_energy == pytest.approx(-1.0 + 0.5 * temperature, abs=1e-12)
    edge = PSpin(p=p, temperature=model.dynamical_temperature * (1.0 - 1e-12))
    assert edge.threshold_energy == pytest.approx(-0.5 / edge.temperature, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "value"),
    [("p", 1), ("p", 2.5), ("p", "three"), ("p", 1000), ("temperature", -0.1), ("temperature", float("nan")),
     ("t_max", 0.0), ("t_max", -1.0), ("t_max", float("inf")), ("tolerance", 0.0), ("tolerance", -1e-6)],
)  # fmt: skip
def test_wrong_input_is_refused_in_one_line(name, value):
    with pytest.raises(ParameterError) as caught:
        dmft.solve("p-spin", **{name: value})
    message = str(caught.value)
    assert message.startswith(f"{name} = {value!r} is not allowed")
    assert "\n" not in message


def test_what_is_reported():
    run = solve(t_max=2.0)
    assert set(run) == {item.name for item in PSpin.observables}
    assert run["correlation"].values.shape == run["response"].values.shape == (101, 101)
    assert all(curve.stderr is None for curve in run.theory.values())
    estimate = PSpin(t_max=2.0).estimate(PSpin.method())
    assert estimate["memory"] > 0.0
    assert estimate["seconds"] > 0.0


def test_not_converged_is_said_and_kept():
    run = dmft.solve("p-spin", tolerance=1e-9, max_steps=300)
    assert run.status.code == "not_converged"
    assert np.isfinite(run["energy"].values).all()

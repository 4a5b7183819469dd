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


@pytest.mark.parametrize(
    ("p", "temperature"), [(3, 0.9), (3, 1.5), (2, 2.0), pytest.param(4, 1.0, marks=pytest.mark.slow)]
)
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


@pytest.fixture(scope="module")
def quench():
    """p = 3 at T = 0, to a time that the uniform grid would take minutes for."""
    return solve(t_max=2000.0, tolerance=1e-3)


def test_long_times_have_the_known_power_law(quench):
    """E − E_th ∝ t^(−2/3), by the local exponent, whose own correction falls like t^(−2/3): extrapolated by it."""
    t, gap = times(quench)[1:], quench["energy"].values[1:] - quench["threshold_energy"].last
    late = t > 20.0
    slope = np.gradient(np.log(gap), np.log(t))[late][1:-1]
    limit, _ = np.linalg.lstsq(
        np.stack([np.ones_like(slope), t[late][1:-1] ** (-2.0 / 3.0)], axis=1), slope, rcond=None
    )[0]
    assert quench.theory.diagnostics["grid"] == "logarithmic"
    assert limit == pytest.approx(-2.0 / 3.0, abs=2e-3)
    assert np.all(np.diff(gap) < 0.0)


def test_long_times_against_a_long_uniform_march(quench):
    """Energy at t = 1000 of marches with 4900 steps, which took minutes: −1.1515."""
    t, energy = times(quench), quench["energy"].values
    assert np.interp(np.log(1000.0), np.log(t[1:]), energy[1:]) == pytest.approx(-1.1515, abs=1e-4)


def at_ratio(run, ratio: float) -> np.ndarray:
    """C(t, t_w) at t_w/t = ratio, for every waiting time."""
    pairs = zip(run["time_ratio"].values, run["aging_correlation"].values, strict=True)
    return np.array([np.interp(ratio, r[::-1], c[::-1]) for r, c in pairs])


def slopes_at(run, correlation: float) -> np.ndarray:
    """−dχ/dC where C has that value, for every waiting time."""
    pairs = zip(run["aging_correlation"].values, run["aging_susceptibility"].values, strict=True)
    return np.array([-np.interp(correlation, c[::-1], np.gradient(x, c)[::-1]) for c, x in pairs])


def test_aging_collapses(quench):
    """C at one ratio of the times changes less and less with the waiting time; at one lag it changes more and more."""
    assert quench.theory.coordinates["waiting_time"].values == pytest.approx([2.0, 20.0, 200.0])
    changes = np.abs(np.diff(at_ratio(quench, 0.1)))
    assert changes[1] < 0.6 * changes[0]
    lags = quench.theory.coordinates["lag"].values
    at_lag = [np.interp(20.0, lags, c) for c in quench["aging_correlation"].values]
    assert np.diff(at_lag).min() > 5.0 * changes[1]


def test_effective_temperature_at_zero_temperature(quench):
    """−dχ/dC on the aging scale approaches 1/T_eff of eq. (11), slowly."""
    expected = quench["aging_slope"].last
    assert expected == pytest.approx(1.0 / np.sqrt(3.0), rel=1e-14)
    errors = np.abs(slopes_at(quench, 0.6)[1:] - expected)
    assert errors[1] < errors[0] < 0.1


@pytest.mark.slow
def test_the_way_to_the_asymptotics_at_zero_temperature():
    """To t = 10⁵: corrections to the collapse ∝ t_w^(−1/3), to the slope of χ below 3 %; E to 10 % of its distance."""
    run = solve(t_max=1e5, tolerance=1e-3)
    changes = np.abs(np.diff(at_ratio(run, 0.1)))
    assert changes[2:] / changes[1:-1] == pytest.approx(10.0 ** (-1.0 / 3.0), abs=0.07)
    errors = np.abs(slopes_at(run, 0.6) - run["aging_slope"].last)
    assert np.all(np.diff(errors[1:]) < 0.0)
    assert errors[-1] < 0.03 * run["aging_slope"].last
    t, gap = times(run), run["energy"].values - run["threshold_energy"].last
    late = t > 3e3
    exponent, _ = np.polyfit(np.log(t[late]), np.log(gap[late]), 1)
    assert exponent == pytest.approx(-2.0 / 3.0, abs=5e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("p", "temperature"), [(3, 0.1), (3, 0.3), (3, 0.5), (4, 0.3)])
def test_fluctuation_dissipation_ratio_below_the_dynamical_temperature(p, temperature):
    """χ(C) tends to the two straight lines of eq. (11) as the waiting time grows; the energy to the threshold."""
    run = solve(p=p, temperature=temperature, t_max=1e4, tolerance=1e-3)
    chi, law = run["aging_susceptibility"].values, run["asymptotic_susceptibility"].values
    off = np.abs(chi - law).max(axis=1)
    assert np.all(np.diff(off) < 0.0)
    assert off[-1] < 0.05
    C, q = run["aging_correlation"].values[-1], run["plateau"].last
    aging = 0.9 * q > C
    slope = -np.polyfit(C[aging], chi[-1][aging], 1)[0]
    assert slope == pytest.approx(run["aging_slope"].last, rel=0.04)
    assert run["final_energy"].last == pytest.approx(run["threshold_energy"].last, abs=3e-3)


@pytest.mark.parametrize("temperature", [pytest.param(0.8, marks=pytest.mark.slow), 1.2])
def test_equilibrium_at_long_times(temperature):
    """χ = (1 − C)/T after every waiting time that exceeds the relaxation time, and the energy −1/(2T)."""
    run = solve(temperature=temperature, t_max=2000.0, tolerance=1e-3)
    allowed = run.theory.diagnostics["estimated_error"]
    C, chi = run["aging_correlation"].values[-1], run["aging_susceptibility"].values[-1]
    np.testing.assert_allclose(chi, (1.0 - C) / temperature, atol=(1.0 + 1.0 / temperature) * allowed)
    np.testing.assert_allclose(chi, run["asymptotic_susceptibility"].values[-1], atol=2.3 * allowed)
    assert run["final_energy"].last == pytest.approx(-0.5 / temperature, abs=allowed)
    assert run["plateau"].last == 0.0


@pytest.mark.parametrize(("p", "temperature"), [(3, 0.0), (3, 0.3), (3, 0.6), (4, 0.2), (5, 0.4), (2, 0.5), (3, 0.9)])
def test_asymptotic_susceptibility_gives_the_threshold_energy(p, temperature):
    """E = −∫ f'(C) dχ along χ(C), from 0 to 1, which at T = 0 jumps at C = 1; and χ is continuous at q."""
    model = PSpin(p=p, temperature=temperature)
    C = np.linspace(0.0, 1.0, 20001)
    q, slope, chi = model.asymptotic(C)
    inside = q - 1e-3 > C if model.ages else C >= 0.0
    assert -np.diff(chi[inside]) == pytest.approx((slope if model.ages else 1.0 / temperature) * C[1], rel=1e-6)
    middle = 0.5 * (C[1:] + C[:-1])
    energy = float((0.5 * p * middle ** (p - 1) * np.diff(chi)).sum())
    assert energy == pytest.approx(model.threshold_energy, abs=2e-4)


def test_the_grid_follows_the_time():
    model = PSpin(t_max=100.0)
    assert model.report.even
    assert not PSpin(t_max=101.0).report.even
    with pytest.raises(ParameterError, match="grid = 'uniform' is allowed up to t_max = 100, got t_max = 1000"):
        dmft.solve("p-spin", t_max=1000.0, grid="uniform")
    both = [solve(t_max=5.0, grid=grid, tolerance=1e-4) for grid in ("uniform", "logarithmic")]
    assert [run.theory.diagnostics["grid"] for run in both] == ["uniform", "logarithmic"]
    for name in PSpin.observables:
        one, other = (run[name.name].values for run in both)
        np.testing.assert_allclose(one, other, atol=2e-4)


def test_long_runs_open_in_xarray(quench, tmp_path):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    quench.save(tmp_path / "quench.h5")
    with xarray.open_dataset(tmp_path / "quench.h5", group="theory", engine="h5netcdf") as data:
        assert data["correlation"].dims == ("t", "t_prime")
        assert data["aging_susceptibility"].dims == ("waiting_time", "lag")
        np.testing.assert_array_equal(data["t"], times(quench))


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


def test_the_figure_shows_one_line_for_each_waiting_time(quench):
    """Energy with its threshold; aging against lag, ratio of times and, for χ, against C with the asymptotic law."""
    panels = quench.plot().axes
    assert [len(axes.lines) for axes in panels[:4]] == [2, 3 + 1, 3, 3 + 1]
    assert [axes.get_xscale() for axes in panels[:4]] == ["log", "log", "linear", "linear"]
    for line, expected in zip(panels[3].lines, quench["aging_correlation"].values, strict=False):
        np.testing.assert_array_equal(line.get_xdata(), expected)
    words = [text.get_text() for text in panels[3].get_legend().get_texts()]
    assert len(words) == 4
    assert "200" in words[2]

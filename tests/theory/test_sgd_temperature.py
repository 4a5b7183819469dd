"""Fluctuation against dissipation: definitions, limits, reference numbers, simulation, and states still moving."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.errors import ParameterError
from dmft.results.comparison import compare_solutions
from dmft.theory.sgd_temperature import SGDTemperature, local_slope

QUICK = {"steps": 60, "lags": 20, "paths": 1024}
#: Two clusters with a strong ridge relax within a few dozen steps.
FAST = {"data": "two-cluster", "alpha": 2.0, "ridge": 0.5, "m0": 0.0, "steps": 100, "lags": 20}
NAMES = ("effective_temperature", "local_temperature", "susceptibility", "displacement")


def solve(**options):
    return dmft.solve("sgd/temperature", **options)


def test_definitions_from_the_two_time_functions_of_one_march(monkeypatch):
    """B, χ and T_eff are those of C and R, averaged over the waiting times, march by march."""
    samples, at_end = [], SGDTemperature.at_end

    def record(self, sample, margin):
        samples.append((sample, at_end(self, sample, margin)))
        return samples[-1][1]

    monkeypatch.setattr(SGDTemperature, "at_end", record)
    solve(**QUICK)
    waits = SGDTemperature(steps=60, lags=20).waiting_times
    assert (waits[0], waits[-1]) == (20, 40)
    for sample, found in samples:
        C, R = sample["correlation"], sample["response"]
        B = np.mean([[C[w + k, w + k] + C[w, w] - 2.0 * C[w + k, w] for k in range(1, 21)] for w in waits], axis=0)
        chi = np.mean([[0.2 * R[w + k, w : w + k].sum() for k in range(1, 21)] for w in waits], axis=0)
        np.testing.assert_allclose(found["displacement"], B, atol=1e-14)  # differences of numbers of order one
        np.testing.assert_allclose(found["susceptibility"], chi, rtol=1e-12)
        np.testing.assert_allclose(found["effective_temperature"], B / (2 * chi), rtol=1e-9)


def test_axes():
    run = solve(**QUICK)
    for name in NAMES:
        assert run[name].dims == ("lag",)
        assert np.isfinite(run[name].values).all()
        assert np.isfinite(run[name].stderr).all()
    axes = run.theory.coordinates
    np.testing.assert_array_equal(axes["lag"].values, np.arange(1, 21))
    np.testing.assert_allclose(axes["lag_time"].values, 0.2 * np.arange(1, 21))
    assert run["final_effective_temperature"].last == run["effective_temperature"].last


def test_figure_leads_with_the_fluctuation_dissipation_plot():
    """χ against B, the law for small noise dashed and the slope 1/2T_eff dotted; beside it T_eff with the law."""
    run = solve(**QUICK)
    first, second = run.plot().axes[:2]
    (line,) = (line for line in first.lines if line.get_label() == "theory")
    np.testing.assert_array_equal(line.get_xdata(), run["displacement"].values)
    np.testing.assert_array_equal(line.get_ydata(), run["susceptibility"].values)
    for style, name in (("--", "small_noise_temperature"), (":", "final_effective_temperature")):
        (law,) = (line for line in first.lines if line.get_linestyle() == style)
        np.testing.assert_allclose(law.get_xdata(), 2.0 * run[name].last * law.get_ydata())
    (level,) = (line for line in second.lines if line.get_linestyle() == "--")
    assert set(level.get_ydata()) == {run["small_noise_temperature"].last}
    assert second.get_ylabel() == r"$T_{\mathrm{eff}}$"
    curves = solve(**FAST, solver="stationary", memory=40, paths=128, iterations=3).plot().axes
    assert [axes.get_ylabel() for axes in curves] == ["$χ$", r"$T_{\mathrm{eff}}$", r"$T_{\mathrm{loc}}$", "$B$", "$χ$"]


def test_local_slope_of_a_line_and_of_a_bend():
    x = np.cumsum(0.7 ** np.arange(40))
    np.testing.assert_allclose(local_slope(3.0 * x, x), 3.0, rtol=1e-12)
    bent = local_slope(np.where(x < 1.71, x, 1.7 + 2.0 * (x - 1.7)), x)
    assert bent[0] == pytest.approx(1.0)
    assert bent[-1] == pytest.approx(2.0)
    assert not local_slope(np.zeros(5), x[:5]).any()


def test_gradient_descent_has_no_temperature():
    """b = 1: all that moves is what is left of the relaxation, which the ridge alone makes faster than (1−ηλ)^t."""
    run = solve(**FAST, batch_fraction=1.0, paths=4096)
    noisy = solve(**FAST, paths=4096)
    left = 4.0 * (1.0 - 0.2 * 0.5) ** (2 * 60)
    assert run.status.success
    assert run["small_noise_temperature"].last == 0.0
    assert run["displacement"].values.max() < left < 0.02 * noisy["displacement"].values.min()


@pytest.mark.slow
def test_small_steps_have_the_temperature_of_small_noise():
    """T_eff/T_0 − 1 is of order η: it halves with η, and at η = .05 is a few per cent."""
    ratios = []
    for eta in (0.1, 0.05):
        run = solve(**{**FAST, "steps": round(20 / eta), "lags": 10}, learning_rate=eta, paths=8192)
        assert run.status.success
        ratios.append(run["effective_temperature"].values[4] / run["small_noise_temperature"].last - 1.0)
    assert abs(ratios[1]) < 0.05
    assert abs(ratios[1]) < 0.75 * abs(ratios[0]) + 0.005


def test_independent_draws_are_persistence_at_its_limit():
    vanilla, persistent = (solve(**FAST, persistence=value, paths=4096) for value in (None, 0.2 / 0.3))
    for name in NAMES:
        np.testing.assert_allclose(vanilla[name].values, persistent[name].values, rtol=1e-9)


def test_normalisations_are_one_problem_with_another_step():
    """s ∈ {0, 1/b} at η is s ∈ {0, 1} at η/b with ridge and noise rescaled: bλ, and χ in units of the step."""
    b = 0.5
    unit = solve(**{**FAST, "ridge": 0.5 * b}, learning_rate=0.2, batch_fraction=b, paths=4096)
    inverse = solve(**FAST, learning_rate=0.2 * b, batch_fraction=b, paths=4096, normalisation="inverse")
    np.testing.assert_allclose(inverse["displacement"].values, unit["displacement"].values, rtol=1e-7)
    # the field enters the update with the step: η R
    np.testing.assert_allclose(inverse["susceptibility"].values, b * unit["susceptibility"].values, rtol=1e-7)
    ratio = inverse["small_noise_temperature"].last / unit["small_noise_temperature"].last
    assert ratio == pytest.approx(1.0 / b, rel=1e-7)


#: T_eff at (lag 5, lag 20) from N = 500 simulations, good to 5–10 %.
REFERENCE = {
    "reference": ({}, 0.0077, 0.0076),
    "larger batches": ({"batch_fraction": 0.5}, 0.0096, None),
    "persistent": ({"persistence": 2.0}, None, 0.028),
    "more samples": ({"alpha": 6.0}, None, 0.0185),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REFERENCE)
def test_reference_numbers(name):
    changes, at_five, at_twenty = REFERENCE[name]
    run = solve(**changes)
    assert run.status.success
    for lag, expected in ((5, at_five), (20, at_twenty)):
        if expected is not None:
            assert run["effective_temperature"].values[lag - 1] == pytest.approx(expected, rel=0.1)


def test_a_state_that_still_moves_is_not_called_stationary():
    run = solve(steps=30, lags=10, paths=4096)
    assert run.status.code == "not_converged"
    assert "--steps" in run.status.message


def test_weights_that_grow_without_bound_are_not_called_stationary():
    """Their error bars grow with them, so that no drift is significant."""
    batches = {"batch_fraction": 0.1, "steps": 120, "lags": 20, "paths": 4096}
    run = solve(normalisation="inverse", **batches)
    assert run["temperature_drift"].last < 3.0 * run["temperature_drift"].last_stderr
    assert run.status.code == "not_converged"
    assert "‖w‖² grows" in run.status.message
    assert "ridge" in run.status.message
    assert "‖w‖² grows" not in solve(**batches).status.message


def test_no_room_for_a_measurement():
    with pytest.raises(ParameterError, match=r"steps = 60 < 3 lags = 63"):
        SGDTemperature(steps=60, lags=21)


def test_switched_field_is_the_response_to_fields_at_all_times(monkeypatch):
    """χ of the switched fields is η Σ R of fields at single steps when both use the same signs: to round-off."""
    options = {"steps": 30, "lags": 10, "size": 40, "replicas": 2, "field_response": True}
    found, at_end = [], SGDTemperature.at_end

    def record(self, sample, margin):
        chi = sample["switched"].copy()
        result = at_end(self, sample, margin)
        found.append((chi, sample["response"]))
        return result

    from dmft.simulation import sgd_temperature

    shifted = sgd_temperature.Shifted.__init__

    def same_signs(self, *arguments):
        shifted(self, *arguments)
        self.signs = self.fields.signs

    monkeypatch.setattr(SGDTemperature, "at_end", record)
    monkeypatch.setattr(sgd_temperature.Shifted, "__init__", same_signs)
    for sphere in (False, True):
        ridge = {"sphere": True, "ridge": None, "m0": 0.5} if sphere else {}
        found.clear()
        dmft.simulate("sgd/temperature", **options, **ridge)
        assert len(found) == 2
        for chi, response in found:
            for w, row in zip(SGDTemperature(steps=30, lags=10).waiting_times, chi, strict=True):
                expected = [0.2 * response[w + k, w : w + k].sum() for k in range(1, 11)]
                np.testing.assert_allclose(row, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("changes", [{}, {"persistence": 1.0}, {"batch_fraction": 0.9}], ids=str)
def test_theory_agrees_with_simulation(changes):
    theory = solve(**FAST, **changes, paths=8192).theory
    simulations = {
        size: dmft.simulate("sgd/temperature", size=size, replicas=16, **FAST, **changes).simulation
        for size in (100, 200)
    }
    assert theory.status.success
    comparison = compare_solutions(theory, simulations)
    items = comparison.observables
    assert set(NAMES) <= set(items)
    # one more standard deviation than 1 % false alarm: 3e-4 a curve
    assert all(items[name].max_z < items[name].threshold + 1.0 for name in NAMES), comparison.message

"""f-principle: coefficients, eigenvalues and times against quadrature and the published law."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

import dmft
from dmft.errors import ParameterError
from dmft.theory.f_principle import FPrinciple, crossing

END = np.pi


def kernel(theta, bias):
    gate = (np.pi - theta) / (2.0 * np.pi)
    return gate * (0.5 * (np.cos(theta) + 1.0) if bias else np.cos(theta))


@pytest.mark.parametrize("bias", [False, True])
def test_coefficients_are_the_cosine_series_of_the_kernel(bias):
    found = FPrinciple(bias=bias, max_frequency=9).coefficients
    for k, value in enumerate(found):
        integral = quad(kernel, 0.0, END, args=(bias,), weight="cos", wvar=k)[0] if k else quad(kernel, 0, END, bias)[0]
        assert value == pytest.approx((2.0 if k else 1.0) / np.pi * integral, abs=1e-12)


def test_coefficients_of_the_sheet():
    plain, biased = (FPrinciple(bias=bias).coefficients for bias in (False, True))
    pi2 = np.pi**2
    assert plain[:4] == pytest.approx([1 / pi2, 1 / 4, 10 / (9 * pi2), 0.0], abs=1e-15)
    assert biased[:4] == pytest.approx([1 / (2 * pi2) + 1 / 8, 1 / pi2 + 1 / 8, 5 / (9 * pi2), 1 / (9 * pi2)])


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("samples", [60, 62, 61])
def test_eigenvalues_are_those_of_the_gram_matrix(bias, samples):
    model = FPrinciple(bias=bias, samples=samples)
    distance = np.abs(model.angles[:, None] - model.angles[None, :])
    gram = kernel(np.minimum(distance, 2.0 * np.pi - distance), bias)
    for k, value in enumerate(model.eigenvalues):
        wave = np.cos(k * model.angles)
        np.testing.assert_allclose(gram @ wave, value * wave, atol=1e-12)


def test_eigenvalues_tend_to_the_coefficients():
    """Aliases of k add of order (k/n)² to n c_k/2."""
    errors = []
    for samples in (100, 200):
        model = FPrinciple(samples=samples)
        errors.append(model.eigenvalues[5] / (0.5 * samples * model.coefficients[5]) - 1.0)
    assert 0.0 < errors[1] < 0.01
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.05)


def test_times_of_the_sheet():
    run = dmft.solve("f-principle")
    assert run["time_to_fit"].values[[2, 5, 10]] == pytest.approx([57.5, 801.2, 2913.0], abs=0.05)
    law = np.log(0.05) / np.log(1.0 - 0.03 * 60 * FPrinciple().coefficients[[2, 5, 10]] / 2)
    assert run["time_to_fit_continuum"].values[[2, 5, 10]] == pytest.approx(law)
    assert run.scalars["spectral_slope"].last == pytest.approx(2.0, abs=0.15)


def test_slope_is_two_for_large_frequencies():
    """Where aliases do not count: ln(1 − ηλ) ≈ −ηλ and c_k ≈ 1/(πk)²."""
    model = FPrinciple(samples=4000, learning_rate=1e-4, max_frequency=100)
    times = model.times_to_fit(model.eigenvalues)
    k = np.arange(20, 101, 2)
    assert np.polyfit(np.log(k), np.log(times[k]), 1)[0] == pytest.approx(2.0, abs=0.01)


def test_odd_frequencies_need_a_bias():
    run = dmft.solve("f-principle", bias=False)
    assert np.isinf(run["time_to_fit"].values[[3, 5, 7, 9]]).all()
    assert np.isfinite(run["time_to_fit"].values[[0, 1, 2, 4, 10]]).all()
    np.testing.assert_array_equal(run["mode_amplitude"].values[:, 3], 1.0)


def test_amplitude_loss_and_time_belong_together():
    run = dmft.solve("f-principle", samples=24, max_frequency=6, steps=3000)
    steps = run.theory.coordinates["step"].values
    found = crossing(steps, run["mode_amplitude"].values, 0.05)
    np.testing.assert_allclose(found, run["time_to_fit"].values, rtol=1e-9)
    model = FPrinciple(samples=24, max_frequency=6)
    assert run["train_loss"].values[0] == pytest.approx(0.5 * np.mean(model.target**2))


def test_crossing_interpolates_exponentials_and_tells_what_never_falls():
    t = np.array([0.0, 1.0, 4.0, 10.0])
    amplitude = np.stack([np.exp(-0.5 * t), np.ones(4), 0.01 * np.ones(4)], axis=1)
    assert crossing(t, amplitude, 0.1)[0] == pytest.approx(2.0 * np.log(10.0))
    assert np.isnan(crossing(t, amplitude, 0.1)[1])
    assert crossing(t, amplitude, 0.1)[2] == 0.0


def test_divergence_has_a_status_and_keeps_the_data():
    with pytest.warns(dmft.errors.ModelWarning, match="diverges from 2 on"):
        run = dmft.solve("f-principle", learning_rate=0.5, steps=100000)
    assert run.status.code == "diverged"
    assert "try a --learning-rate below 0.19" in run.status.message
    values = run["mode_amplitude"].values
    assert len(values) > 10
    assert np.isfinite(values).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"max_frequency": 30}, "at most 29 or more samples"),
        ({"samples": 3}, r"samples = 3 is not allowed: give an integer in \[4"),
        ({"learning_rate": float("nan")}, "learning_rate = nan is not allowed"),
        ({"output_scale": 0.0}, "output_scale = 0.0 is not allowed"),
        ({"directions": "evenly"}, "did you mean 'even'"),
    ],
)
def test_bad_input(wrong, message):
    with pytest.raises(ParameterError, match=message):
        FPrinciple(**wrong)


def test_too_large_for_the_memory(monkeypatch):
    monkeypatch.setattr("dmft.solvers.memory.available_memory", lambda: 1e4)
    with pytest.raises(dmft.errors.MemoryLimitError, match="try fewer --samples"):
        dmft.solve("f-principle")

"""The model `sgd`: its samples, its test error, its parameters and their limits."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.errors import ParameterError
from dmft.theory.sgd import SGD

DATA = ("two-cluster", "three-cluster", "random-labels", "teacher")


def draw(model, count=200_000, seed=0):
    uniforms = np.random.default_rng(seed).random((model.draw_dimensions, count))
    return model.draw(uniforms)


@pytest.mark.parametrize("data", DATA)
def test_samples_have_the_laws_of_the_sheet(data):
    model = SGD(data=data, label_noise=0.5 if data == "teacher" else 0.0)
    c, u, y = draw(model)
    error = 5.0 / np.sqrt(len(c))  # five standard errors of a mean of variance one
    assert abs(u.mean()) < error
    assert abs(u.var() - 1.0) < 2.0 * error
    if data == "two-cluster":
        np.testing.assert_array_equal(c, y)
        assert set(np.unique(y)) == {-1.0, 1.0}
    elif data == "three-cluster":
        np.testing.assert_array_equal(y == -1.0, c == 0.0)
        assert set(np.unique(c)) == {-1.0, 0.0, 1.0}
        assert abs(np.mean(c == 1.0) - 0.25) < error
        assert abs(np.mean(c == -1.0) - 0.25) < error
    else:
        assert not c.any()
    if data == "teacher":
        noise = y - u
        assert abs(noise.var() - 0.5) < error
        assert abs(np.mean(noise * u)) < error
    else:
        assert abs(y.mean()) < error
        assert abs(np.mean(y * u)) < error


@pytest.mark.parametrize(("m", "norm"), [(0.0, 1.0), (0.5, 0.3), (-0.4, 0.2), (1.2, 0.0), (0.1, 5.0)])
@pytest.mark.parametrize("output", ["linear", "door"])
@pytest.mark.parametrize("data", DATA)
def test_test_error_is_that_of_fresh_samples(data, output, m, norm):
    """P(yφ(r) < 0), or E(r − y)² for the teacher, by drawing r = m(c + √Δu) + √(Δ·norm) z."""
    if data == "teacher" and output == "door":
        pytest.skip("the teacher is linear")
    model = SGD(data=data, output=output, label_noise=0.3 if data == "teacher" else 0.0)
    c, u, y = draw(model)
    z = np.random.default_rng(1).normal(size=len(c))
    r = m * (c + np.sqrt(model.delta) * u) + np.sqrt(model.delta * norm) * z
    output_of = r * r - model.door**2 if output == "door" else r
    trials = (r - y) ** 2 if data == "teacher" else y * output_of < 0.0
    measured, error = trials.mean(), trials.std() / np.sqrt(len(trials))
    assert abs(model.test_error(np.array(m), np.array(norm)) - measured) < 5.0 * error + 1e-12


def test_reference_of_the_sheet():
    """three-cluster, logistic, α=3 Δ=.5 λ=.3 b=.3 η=.2 from m=1: stationary m = .545 (three digits)."""
    run = dmft.solve("sgd", data="three-cluster", alpha=3.0, ridge=0.3, m0=1.0, steps=200, paths=16384)
    assert run["magnetization"].last == pytest.approx(0.545, abs=0.0005 + 3.0 * run["magnetization"].last_stderr)


def test_noise_temperature_of_the_sheet():
    """T_eff(lag) = B/(2χ), 2112.10852: .0082…0074 for lags 1 to 20 at the reference parameters."""
    run = dmft.solve("sgd", data="three-cluster", alpha=3.0, ridge=0.3, m0=1.0, steps=120, paths=32768)
    C, R, start = run["correlation"].values, run["response"].values, 90
    for lag in (1, 5, 20):
        t = start + lag
        distance = C[t, t] + C[start, start] - 2.0 * C[t, start]
        susceptibility = 0.2 * R[t, start:t].sum()
        assert 0.0072 < distance / (2.0 * susceptibility) < 0.0084


WRONG = [
    ("alpha", 0.0), ("alpha", -1.0), ("alpha", float("nan")), ("alpha", float("inf")), ("alpha", "two"),
    ("alpha", True), ("alpha", None), ("alpha", [1.0]), ("alpha", 1j), ("delta", 0.0), ("delta", -0.5), ("ridge", -0.1),
    ("ridge", float("inf")), ("batch_fraction", 0.0), ("batch_fraction", 1.0001), ("batch_fraction", -0.3),
    ("learning_rate", 0.0), ("learning_rate", float("nan")), ("persistence", 0.0), ("persistence", -1.0),
    ("persistence", "long"), ("data", "two-clusters"), ("data", 2), ("loss", "logistics"), ("loss", 1.0),
    ("kappa", float("inf")), ("door", 0.0), ("output", "doors"), ("m0", float("nan")), ("r0", -1.0),
    ("label_noise", -1.0),
    ("sphere", "maybe"), ("sphere", 1), ("steps", 0), ("steps", -3), ("steps", 2.5), ("steps", True), ("steps", "ten"),
    ("normalisation", "none"), ("normalisation", "units"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG, ids=str)
def test_wrong_values_are_refused_with_name_value_and_what_is_allowed(name, value):
    with pytest.raises(ParameterError) as caught:
        SGD(**{name: value})
    message = str(caught.value)
    item = next(item for item in SGD.declared() if item.name == name)
    assert message.startswith(f"{name} = ")
    assert str(value) in message
    assert all(choice in message for choice in item.choices)
    assert item.bounds is None or item.bounds.text in message
    assert item.kind is not bool or "true or false" in message


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"persistence": 0.1, "learning_rate": 0.2}, ["learning_rate = 0.2", "persistence = 0.1", ">= learning_rate"]),
        ({"persistence": 0.3, "batch_fraction": 0.3}, ["batch_fraction = 0.3", "0.4", "larger"]),
        ({"data": "teacher", "loss": "logistic"}, ["loss = 'logistic'", "teacher", "square"]),
        ({"data": "teacher", "loss": "hinge2"}, ["loss = 'hinge2'", "teacher", "square"]),
        ({"data": "teacher", "delta": 0.5}, ["teacher", "delta = 1"]),
        ({"data": "teacher", "output": "door"}, ["teacher", "linear"]),
        ({"label_noise": 0.1}, ["label_noise = 0.1", "teacher", "two-cluster"]),
        ({"sphere": True, "ridge": 0.1}, ["ridge = 0.1", "sphere"]),
        ({"sphere": True, "m0": 1.1}, ["m0 = 1.1", "|m0| <= 1"]),
        ({"sphere": True, "r0": 0.5}, ["r0 = 0.5", "sphere"]),
    ],
    ids=str,
)
def test_combinations_that_make_no_sense_are_refused(options, words):
    with pytest.raises(ParameterError) as caught:
        SGD(**options)
    for word in words:
        assert word in str(caught.value)


def test_the_limits_themselves_are_allowed():
    assert SGD(persistence=0.2, learning_rate=0.2, batch_fraction=0.5).chain.turn_on == 1.0
    assert SGD(persistence=1.8, learning_rate=0.2, batch_fraction=0.1).chain.turn_off == 1.0
    assert SGD(sphere=True, m0=-1.0).start_norm == 0.0
    assert SGD(batch_fraction=1.0, persistence=0.2).chain.turn_off == 0.0


def test_defaults_that_depend_on_the_data():
    assert (SGD().delta, SGD().loss, SGD().ridge, SGD().output) == (0.5, "logistic", 0.1, "linear")
    teacher = SGD(data="teacher")
    assert (teacher.delta, teacher.loss, teacher.output) == (1.0, "square", "linear")
    assert SGD(data="three-cluster").output == "door"
    assert SGD(sphere=True).ridge == 0.0


def test_amplitude():
    assert SGD(batch_fraction=0.25).amplitude == 1.0
    assert SGD(batch_fraction=0.25, normalisation="inverse").amplitude == 4.0

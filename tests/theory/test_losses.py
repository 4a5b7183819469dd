"""Losses: compiled kernels, array formulas and numerical differences say the same; a user's own is checked."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dmft
from dmft.errors import ParameterError
from dmft.results.comparison import compare_solutions
from dmft.simulation.losses import derivatives
from dmft.theory.sgd import SGD


def value(y, r):
    return 0.25 * (r - y) ** 4


def first(y, r):
    return (r - y) ** 3


def second(y, r):
    return 3.0 * (r - y) ** 2


QUARTIC = dmft.Loss("quartic", value, first, second)
MODELS = {
    **{
        f"{loss} {output}": SGD(loss=loss, output=output, kappa=0.4, door=0.6)
        for loss in ("logistic", "hinge2", "square")
        for output in ("linear", "door")
    },
    "teacher": SGD(data="teacher", label_noise=0.2),
    "own": SGD(loss=QUARTIC),
    "own door": SGD(loss=QUARTIC, output="door"),
    "own teacher": SGD(data="teacher", loss=QUARTIC),
}


def compiled(model, y, r):
    """ℓ, ∂ℓ/∂r, ∂²ℓ/∂r² and the margin from the solver's kernel."""
    out = np.empty((4, len(r)))
    model.problem().evaluate(y, r.copy(), *out)
    return out


def sample(count=2000, width=4.0):
    rng = np.random.default_rng(0)
    return np.where(rng.random(count) < 0.5, -1.0, 1.0), width * rng.normal(size=count)


@pytest.mark.parametrize("name", MODELS)
def test_compiled_kernels_equal_array_formulas(name):
    y, r = sample()
    for left, right in zip(compiled(MODELS[name], y, r), derivatives(MODELS[name], np)(y, r), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", MODELS)
def test_derivatives_equal_differences(name):
    y, r = sample(width=1.5)
    if name.startswith("hinge2"):  # not at the kink
        margin = compiled(MODELS[name], y, r)[3]
        y, r = (part[np.abs(margin - 0.4) > 1e-3] for part in (y, r))
    step = 1e-5
    here, up, down = (compiled(MODELS[name], y, r + shift) for shift in (0.0, step, -step))
    # truncation step² times a derivative of order one to ten, rounding 1e-16/step
    for order in (0, 1):
        np.testing.assert_allclose(here[order + 1], (up[order] - down[order]) / (2.0 * step), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", [name for name in MODELS if "teacher" not in name and "own" not in name])
def test_classification_depends_on_the_margin_only(name):
    """Turning label and output together changes nothing: (y, r) → (−y, −r), or r → −r behind the door."""
    model = MODELS[name]
    y, r = sample()
    loss, slope, curvature, margin = compiled(model, y, r)
    turned = compiled(model, y if model.output == "door" else -y, -r)
    for left, right in zip((loss, -slope, curvature, margin), turned, strict=True):
        np.testing.assert_array_equal(left, right)
    np.testing.assert_allclose(margin, y * (r * r - 0.36 if model.output == "door" else r), rtol=1e-15, atol=1e-15)


def test_regression_is_symmetric_too():
    y, r = sample()
    for left, right, sign in zip(
        compiled(MODELS["teacher"], y, r), compiled(MODELS["teacher"], -y, -r), (1, -1, 1, 1), strict=True
    ):
        np.testing.assert_array_equal(left, sign * right)


@given(st.floats(-1e150, 1e150))
def test_logistic_never_overflows(r):
    y = np.array([1.0, -1.0])
    loss, slope, curvature, _ = compiled(MODELS["logistic linear"], y, np.array([r, r]))
    assert np.isfinite(loss).all()
    assert np.all(loss >= 0.0)
    assert loss[1] - loss[0] == pytest.approx(r, rel=1e-12, abs=1e-12)  # ln(1+e^r) − ln(1+e^−r) = r
    assert np.all((-y * slope >= 0.0) & (-y * slope <= 1.0))
    assert np.all((curvature >= 0.0) & (curvature <= np.nextafter(0.25, 1.0)))  # a quarter, rounded


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_array_formulas_keep_their_precision(precision):
    y, r = (part.astype(precision) for part in sample(width=100.0))
    for name in MODELS:
        with np.errstate(over="raise", invalid="raise"):
            parts = derivatives(MODELS[name], np)(y, r)
        assert all(part.dtype == precision for part in parts), name
        assert all(np.isfinite(part).all() for part in parts), name


def make(*functions):
    return dmft.Loss("mine", *functions).compiled


@pytest.mark.parametrize("order", [1, 2])
def test_wrong_derivatives_are_refused(order):
    functions = [value, first, second]
    functions[order] = lambda y, r: (r - y) ** 2
    with pytest.raises(ParameterError, match=rf"loss 'mine': derivative {order} at y=1.0, r=0.3137 is .* differences"):
        make(*functions)


def unknown(y, r):
    return nonsense(y, r)  # noqa: F821


@pytest.mark.parametrize("function", [unknown, lambda y: y, lambda y, r: "text" + y, lambda y, r, z: y])
def test_what_does_not_compile_is_refused(function):
    with pytest.raises(ParameterError, match=r"loss 'mine': .* is not a Numba function of"):
        make(function, first, second)


@pytest.mark.parametrize("part", [None, 3.0, "ln(1+exp(-v))"])
def test_what_is_no_function_is_refused(part):
    with pytest.raises(ParameterError, match="loss 'mine'"):
        make(part, first, second)


def test_a_bad_loss_is_refused_by_solve_and_simulate():
    bad = dmft.Loss("bad", value, second, second)
    for call in (dmft.solve, dmft.simulate):
        with pytest.raises(ParameterError, match="loss 'bad': derivative 1"):
            call("sgd", loss=bad, steps=1)


def test_own_loss_gives_the_built_in_result():
    """The square loss of classification written by hand.

    A loss of one's own need not be symmetric, so its paths are others: the same up to error bars. One more
    standard deviation on the threshold of 1 % makes the false alarm 3e-4 a curve.
    """
    own = dmft.Loss("own square", lambda y, r: 0.5 * (1.0 - y * r) ** 2, lambda y, r: r - y, lambda y, r: 1.0)
    # y² = 1, so −y(1 − yr) = r − y
    options = {"steps": 10, "paths": 4096, "learning_rate": 0.1}
    mine, built_in = dmft.solve("sgd", loss=own, **options), dmft.solve("sgd", loss="square", seed=1, **options)
    assert mine.parameters["loss"] == "own:own square"
    comparison = compare_solutions(mine.theory, {1: built_in.theory})
    assert {"magnetization", "correlation", "response", "margins"} <= set(comparison.observables)
    assert all(item.max_z < item.threshold + 1.0 for item in comparison.observables.values()), comparison.message


def test_a_jump_of_the_first_derivative_is_refused_but_a_steep_one_is_not():
    jump = dmft.Loss("absolute", lambda y, r: abs(r - y), lambda y, r: math.copysign(1.0, r - y), lambda y, r: 0.0)
    with pytest.raises(ParameterError, match=r"absolute.*jumps near y=1, r=1;"):
        jump.compiled  # noqa: B018 — compiled and checked on first use
    steep = dmft.Loss(
        "steep",
        lambda y, r: math.log(math.cosh(200.0 * (r - y))) / 200.0,
        lambda y, r: math.tanh(200.0 * (r - y)),
        lambda y, r: 200.0 / math.cosh(200.0 * (r - y)) ** 2,
    )
    assert len(steep.compiled) == 3

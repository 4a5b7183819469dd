"""Runs that blow up say so, and keep what is right."""

from __future__ import annotations

import numpy as np
import pytest

import dmft

TEACHER = {"data": "teacher", "r0": 0.5, "label_noise": 0.1}


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("response", ["exact", "probe"])
@pytest.mark.parametrize("eta", [5.0, 1e3, 1e20])
def test_divergence_keeps_finite_data(eta, response, precision):
    run = dmft.solve(
        "sgd", learning_rate=eta, steps=300, paths=256, batches=2, response=response, precision=precision, **TEACHER
    )
    assert run.status.code == "diverged"
    assert run.status.exit_code == 3
    assert "--learning-rate" in run.status.message
    times = len(run["norm"].values)
    assert 1 <= times < 301
    assert f"after step {times - 1}:" in run.status.message
    for name, curve in run.theory.items():
        assert np.isfinite(curve.values).all(), name
        assert name == "margins" or all(length == times for length in curve.values.shape)
    for axis in ("t", "t_prime", "step"):
        assert len(run.theory.coordinates[axis].values) == times
    assert run["final_norm"].last == run["norm"].last


def test_what_is_kept_is_right():
    """The growing curves are those of the closed form: relative errors stay below 5 of their standard errors."""
    options = {"learning_rate": 5.0, "steps": 12, "r0": 0.5, "label_noise": 0.1}
    run = dmft.solve("sgd", data="teacher", paths=16384, **options)
    exact = dmft.solve("sgd/ridge", **options)
    for name in ("norm", "train_loss"):
        kept = exact[name].values[: len(run[name].values)]
        z = (run[name].values - kept)[1:] / run[name].stderr[1:]
        assert np.all(np.abs(z) < 5.0)
        assert kept[-1] > 1e6 * kept[0]


@pytest.mark.parametrize("options", [{"m0": 1e60}, {"r0": 1e150}, {"m0": 1e200}])
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_a_start_outside_the_float_range_is_divergence_not_a_crash(options, precision):
    run = dmft.solve("sgd", data="teacher", steps=3, paths=64, precision=precision, **options)
    assert run.status.code == "diverged"
    assert all(np.isfinite(curve.values).all() for curve in run.theory.values())


def test_a_bounded_force_does_not_diverge():
    """The logistic force is bounded: a huge step makes a wild but finite trajectory."""
    run = dmft.solve("sgd", learning_rate=50.0, ridge=0.0, steps=20, paths=512)
    assert run.status.success

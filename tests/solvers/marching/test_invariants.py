"""What must hold for any parameters: finite, causal, symmetric, positive; and the edges of what is allowed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dmft
from dmft.theory.sgd import SGD

QUICK = {"steps": 8, "paths": 128, "batches": 2}


@st.composite
def parameters(draw):
    """Anything the model allows that does not blow up in eight steps by itself."""
    data = draw(st.sampled_from(["two-cluster", "three-cluster", "random-labels", "teacher"]))
    b, eta = draw(st.floats(0.05, 1.0)), draw(st.floats(1e-3, 2.0))
    values = {
        "data": data, "batch_fraction": b, "learning_rate": eta, "alpha": draw(st.floats(0.1, 5.0)),
        "m0": draw(st.floats(-1.0, 1.0)), "seed": draw(st.integers(0, 100)), "steps": draw(st.integers(1, 8)),
        "response": draw(st.sampled_from(["exact", "probe"])), "sampler": draw(st.sampled_from(["sobol", "random"])),
    }  # fmt: skip
    if data != "teacher":
        values["loss"] = draw(st.sampled_from(["logistic", "hinge2", "square"]))
        values["output"] = draw(st.sampled_from(["linear", "door"]))
        values["delta"] = draw(st.floats(0.01, 2.0))
    if draw(st.booleans()):
        values["persistence"] = eta * max(1.0, (1.0 - b) / b) * draw(st.floats(1.0, 20.0)) * (1.0 + 1e-9)
    if draw(st.booleans()):
        values["sphere"] = True
    else:
        values["ridge"], values["r0"] = draw(st.floats(0.0, 1.0)), draw(st.floats(0.0, 3.0))
    return values


def check(run, ridge_start: bool = True) -> None:
    """Every number finite; C, M symmetric and positive semidefinite; R and K causal."""
    for name, curve in run.theory.items():
        assert np.isfinite(curve.values).all(), name
        assert np.isfinite(curve.stderr).all(), name
        assert (curve.stderr >= 0.0).all(), name
    for name in ("correlation", "noise_kernel"):
        matrix = run[name].values
        np.testing.assert_array_equal(matrix, matrix.T)
        assert np.linalg.eigvalsh(matrix).min() >= -1e-12 * max(np.trace(matrix), 1e-300), name
    response, memory = run["response"].values, run["memory_kernel"].values
    assert not np.triu(response).any(), "R(t,s) = 0 for s >= t"
    assert not np.triu(memory, 1).any(), "K(t,s) = 0 for s > t"
    if ridge_start:
        np.testing.assert_array_equal(np.diagonal(response, -1), 1.0)
    assert (run["train_error"].values >= 0.0).all()
    assert (run["train_error"].values <= 1.0).all()
    assert (run["train_loss"].values >= 0.0).all()
    assert (run["margins"].values >= 0.0).all()
    assert run["margins"].values.sum() * 0.1 <= 1.0 + 1e-12


@settings(max_examples=60)
@given(parameters())
def test_solutions_are_causal_symmetric_and_positive(values):
    run = dmft.solve("sgd", **{**QUICK, **values})
    check(run, ridge_start=not values.get("sphere", False))
    if run.status.success:
        assert len(run["norm"].values) == values["steps"] + 1
    else:
        assert run.status.code == "diverged"


EDGES = {
    "gradient descent": {"batch_fraction": 1.0},
    "small step": {"learning_rate": 1e-3},
    "tiny step": {"learning_rate": 1e-9},
    "square": {"loss": "square"},
    "square on a door": {"loss": "square", "output": "door"},
    "at the origin": {"r0": 0.0},
    "at the origin of a teacher": {"data": "teacher", "r0": 0.0, "batch_fraction": 1.0},
    "no ridge": {"ridge": 0.0},
    "decay to zero in one step": {"ridge": 5.0},
    "on the signal": {"m0": 1.0, "r0": 0.0},
    "random labels": {"data": "random-labels"},
    "random labels behind a door": {"data": "random-labels", "output": "door"},
    "three clusters at m0 = 0": {"data": "three-cluster"},
    "one path a batch": {"paths": 8, "batches": 8},
    "one path a batch, random": {"paths": 8, "batches": 8, "sampler": "random"},
    "one step": {"steps": 1},
    "no noise in the data": {"delta": 1e-8},
    "a handful of samples": {"alpha": 1e-6},
    "rare batches": {"batch_fraction": 1e-4},
    "rare batches, inverse": {"batch_fraction": 0.01, "normalisation": "inverse", "learning_rate": 1e-3},
    "almost frozen batches": {"persistence": 1e6},
}


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("name", EDGES)
def test_edges_are_finite(name, precision):
    run = dmft.solve("sgd", **{**QUICK, **EDGES[name]}, precision=precision)
    assert run.status.success
    check(run)


@pytest.mark.parametrize("response", ["exact", "probe"])
def test_satisfied_constraints_exert_no_force(response):
    """hinge2 with all margins beyond κ: forces exactly zero, the weights only shrink by the ridge."""
    run = dmft.solve("sgd", loss="hinge2", kappa=-50.0, ridge=0.3, response=response, **QUICK)
    check(run)
    for name in ("noise_kernel", "memory_kernel", "train_loss", "magnetization"):
        assert not run[name].values.any(), name
    decay = (1.0 - 0.2 * 0.3) ** np.arange(9)
    np.testing.assert_allclose(run["correlation"].values, np.outer(decay, decay), rtol=1e-13)
    ages = np.subtract.outer(np.arange(9), np.arange(9))
    expected = np.where(ages > 0, (1.0 - 0.06) ** (ages - 1.0), 0.0)
    np.testing.assert_allclose(run["response"].values, expected, rtol=1e-13)


def test_hinge_at_the_origin_stays_there():
    run = dmft.solve("sgd", loss="hinge2", r0=0.0, **QUICK)
    check(run)
    assert not run["norm"].values.any()


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_long_gradient_descent_stays_positive(precision):
    """300 steps of nearly equal forces: the covariance is numerically singular, a plain Cholesky factor fails."""
    run = dmft.solve("sgd", batch_fraction=1.0, steps=300, paths=512, batches=2, precision=precision)
    assert run.status.success
    check(run)
    assert run.theory.diagnostics["noise_rank"] < 100


def test_three_clusters_stay_where_symmetry_puts_them():
    """At m0 = 0 the force along the signal is odd: zero up to the sampling error; and the model says so."""
    run = dmft.solve("sgd", data="three-cluster", steps=20, paths=8192)
    m = run["magnetization"]
    assert np.all(np.abs(m.values) <= 5.0 * m.stderr + 1e-15)
    (sentence,) = SGD(data="three-cluster").warnings()
    assert "--m0" in sentence
    assert SGD(data="three-cluster", m0=0.1).warnings() == SGD().warnings() == ()

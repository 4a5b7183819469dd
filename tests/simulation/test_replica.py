"""One replica: its start, its updates against plain NumPy, its response against a pushed twin, its batches."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.theory.losses import Loss
from dmft.theory.sgd import SGD

QUARTIC = Loss("quartic", lambda y, r: 0.25 * (r - y) ** 4, lambda y, r: (r - y) ** 3, lambda y, r: 3.0 * (r - y) ** 2)
CASES = {
    "default": {},
    "gradient descent": {"batch_fraction": 1.0},
    "door": {"data": "three-cluster", "m0": 0.5},
    "persistent": {"persistence": 2.0},
    "inverse": {"normalisation": "inverse", "learning_rate": 0.05},
    "teacher": {"data": "teacher", "label_noise": 0.3},
    "random labels": {"data": "random-labels", "loss": "hinge2", "kappa": 1.0},
    "sphere": {"sphere": True, "m0": 0.3},
    "sphere behind a door": {"sphere": True, "m0": 0.3, "data": "three-cluster"},
    "own": {"loss": QUARTIC, "learning_rate": 0.02},
}


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize(("m0", "r0"), [(0.0, 1.0), (0.7, 0.2), (-1.5, 0.0), (0.0, 0.0)])
def test_start_is_exact_in_every_replica(m0, r0, precision, replicas):
    tolerance = 1e-13 if precision == "float64" else 1e-6
    for sample in replicas(m0=m0, r0=r0, steps=1, size=40, replicas=3, precision=precision):
        assert sample["magnetization"][0] == pytest.approx(m0, abs=tolerance)
        assert sample["norm"][0] == pytest.approx(r0, abs=tolerance)
        assert sample["correlation"][0, 0] == pytest.approx(r0, abs=tolerance)


@pytest.mark.parametrize("m0", [0.0, 0.6, -1.0])
def test_sphere_is_kept(m0, replicas):
    for sample in replicas(sphere=True, m0=m0, steps=10, size=40, replicas=2):
        np.testing.assert_allclose(sample["norm"] + sample["magnetization"] ** 2, 1.0, rtol=1e-13)


@pytest.mark.parametrize("name", CASES)
def test_replica_is_plain_stochastic_gradient_descent(name, recorded):
    model = SGD(steps=8, **CASES[name])
    run = recorded(model, size=30)
    size, sample = 30, run.member.sample
    weights, losses, forces = run.again()
    overlap, rest = weights[:, 0] / np.sqrt(size), weights[:, 1:]

    def equal(left, right):
        np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-11)

    equal(sample["magnetization"], overlap)
    equal(sample["correlation"], rest @ rest.T / size)
    equal(sample["norm"], np.diagonal(sample["correlation"]))
    equal(sample["train_loss"], losses)
    equal(sample["noise_kernel"], model.delta * forces @ forces.T / size)
    equal(sample["test_error"], model.test_error(sample["magnetization"], sample["norm"]))
    margin = np.empty((4, len(run.label)))
    model.problem().evaluate(run.label, run.data @ weights[-1], *margin)
    assert sample["train_error"][-1] == np.mean(margin[3] < 0.0)
    inside = np.mean(np.abs(margin[3]) <= 8.0)
    assert np.sum(run.member.at_end["margins"]) * 0.1 == pytest.approx(inside)


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name].get("loss") != "hinge2"])
def test_response_is_that_of_a_pushed_twin(name, recorded):
    """R(t,s): push the update of step s by ±ε times the field and follow both, same data and batches."""
    steps, size, push = 8, 30, 1e-5
    model = SGD(steps=steps, **CASES[name])
    run = recorded(model, size=size, field_response=True)
    expected = np.zeros((steps + 1, steps + 1))
    for s in range(steps):
        up, down = (run.again(s, sign * push)[0] for sign in (1.0, -1.0))
        expected[:, s] = (up - down) @ run.signs / (2.0 * push * size)
    response = run.member.sample["response"]
    # up to the scale, see the next test; truncation ε² times a third derivative, rounding 1e-15/ε
    np.testing.assert_allclose(response / response[1, 0], expected / expected[1, 0], rtol=0.0, atol=1e-7)
    assert not np.triu(response).any()
    assert not np.triu(expected).any()


@pytest.mark.parametrize("size", [2, 30])
def test_response_to_a_field_of_the_last_step_is_one(size, replicas):
    """R(t+1,t) = 1 exactly, in the theory as for any number of weights: the field adds itself to the weights."""
    for sample in replicas(steps=4, size=size, replicas=2, field_response=True):
        np.testing.assert_allclose(np.diagonal(sample["response"], -1), 1.0, rtol=1e-12)


def test_data_are_those_of_the_model(recorded):
    """x_μ = c v/√N + √Δ z with the signal along the first axis: means, variances, and the number of samples."""
    model = SGD(alpha=3.0, delta=0.4, steps=1)
    run = recorded(model, size=400)
    assert run.data.shape == (1200, 400)
    rest = run.data[:, 1:] * np.sqrt(400)
    count = rest.size
    assert abs(rest.mean()) < 5.0 * np.sqrt(0.4 / count)
    assert abs(rest.var() - 0.4) < 5.0 * 0.4 * np.sqrt(2.0 / count)
    first = run.data[:, 0] * np.sqrt(400) - run.label
    assert abs(first.mean()) < 5.0 * np.sqrt(0.4 / 1200)
    assert abs(first.var() - 0.4) < 5.0 * 0.4 * np.sqrt(2.0 / 1200)


@pytest.mark.parametrize("tau", [None, 2.0, 20.0])
def test_batches_follow_the_chain(tau, recorded):
    """P(s=1) = b and correlation (1 − η/(bτ))^k, over 20000 samples."""
    b, eta = 0.3, 0.2
    run = recorded(SGD(alpha=5000.0, batch_fraction=b, learning_rate=eta, persistence=tau, ridge=0.0, steps=8), size=4)
    batches = np.array(run.batches, dtype=float)
    error = 5.0 * np.sqrt(b * (1.0 - b) / batches.shape[1])
    assert np.all(np.abs(batches.mean(axis=1) - b) < error)
    decay = 0.0 if tau is None else 1.0 - eta / (b * tau)
    for lag in range(1, 9):
        covariance = np.mean((batches[0] - b) * (batches[lag] - b))
        assert abs(covariance - b * (1.0 - b) * decay**lag) < error


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("eta", [5.0, 1e6])
def test_divergence_keeps_finite_data(eta, precision):
    run = dmft.simulate(
        "sgd",
        data="teacher",
        learning_rate=eta,
        steps=400,
        size=40,
        replicas=3,
        precision=precision,
        field_response=True,
    )
    assert run.status.code == "diverged"
    assert run.status.exit_code == 3
    times = len(run["norm"].values)
    assert 1 <= times < 401
    assert f"after step {times - 1}:" in run.status.message
    for name, curve in run.simulation.items():
        assert np.isfinite(curve.values).all(), name
    assert len(run.simulation.coordinates["t"].values) == times


EDGES = {
    "one sample": {"alpha": 1e-6},
    "at the origin": {"r0": 0.0},
    "satisfied": {"loss": "hinge2", "kappa": -80.0},
    "tiny step": {"learning_rate": 1e-9},
    "rare batches": {"batch_fraction": 1e-3},
    "one step": {"steps": 1},
    "two weights": {"size": 2},
}


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("name", EDGES)
def test_edges_are_finite(name, precision):
    run = dmft.simulate("sgd", precision=precision, **{"steps": 5, "size": 20, "replicas": 2, **EDGES[name]})
    assert run.status.success
    for name, curve in run.simulation.items():
        assert np.isfinite(curve.values).all(), name
        assert np.isfinite(curve.stderr).all(), name
    if name == "satisfied":
        assert not run["noise_kernel"].values.any()


def test_one_replica_has_no_error_bar():
    run = dmft.simulate("sgd", steps=3, size=20, replicas=1)
    assert np.isnan(run["norm"].stderr).all()
    assert np.isfinite(run["norm"].values).all()

"""Two replicas: exact distance of the linear teacher, the equations, symmetry, limits, finite size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dmft
from dmft.results.comparison import compare_solutions
from dmft.results.statistics import Moments
from dmft.simulation.backend import Backend
from dmft.simulation.method import Simulation
from dmft.simulation.sgd_replicas import Pair
from dmft.solvers.spectrum import MarchenkoPastur
from dmft.theory.sgd_replicas import SGDReplicas

REFERENCE = {"data": "three-cluster", "loss": "hinge2", "alpha": 0.8, "ridge": 0.0, "learning_rate": 0.1}
QUICK = {"steps": 20, "paths": 512, "batches": 2, "seed": 3}
CASES = {
    "reference": {},
    "persistent": {"persistence": 2.0},
    "inverse": {"normalisation": "inverse", "learning_rate": 0.05},
    "logistic": {"data": "two-cluster", "loss": "logistic", "alpha": 2.0, "ridge": 0.1, "learning_rate": 0.2},
    "teacher": {"data": "teacher", "loss": "square", "label_noise": 0.25, "r0": 0.0},
    "sphere": {"data": "two-cluster", "loss": "logistic", "sphere": True, "m0": 0.3},
}


def single_marches(monkeypatch, **options):
    """The averages of every march: the equations are an identity only there."""
    samples, add = [], Moments.add
    with monkeypatch.context() as patch:
        patch.setattr(Moments, "add", lambda self, sample: (samples.append(sample), add(self, sample))[1])
        dmft.solve("sgd/replicas", **options)
    return samples


def exact_distance(b, eta, ridge, alpha, normalisation, steps, **rest):
    """2 η² var(s) Σ_j <x a^{2(k−1−j)}> L(j): twice the part of C that comes from the sampling."""
    common = {"learning_rate": eta, "ridge": ridge, "alpha": alpha, "normalisation": normalisation, "steps": steps}
    loss = 2.0 * dmft.solve("sgd/ridge", batch_fraction=b, **common, **rest)["train_loss"].values
    mean, variance = (b, b * (1.0 - b)) if normalisation == "unit" else (1.0, (1.0 - b) / b)
    law = MarchenkoPastur.quadrature(alpha, 4000)
    a = 1.0 - eta * (mean * law.nodes + ridge)
    drift = np.array([law.mean(law.nodes * a ** (2 * k)) for k in range(steps)])
    return np.array([2.0 * eta**2 * variance * drift[:k][::-1] @ loss[:k] for k in range(steps + 1)])


@pytest.mark.parametrize(
    ("normalisation", "eta", "alpha", "r0"),
    [("unit", 0.2, 2.0, 0.0), ("inverse", 0.05, 2.0, 0.5), ("unit", 0.2, 0.7, 1.0)],
)
def test_distance_of_linear_regression_is_exact(normalisation, eta, alpha, r0):
    """Every point within five standard errors: chance 1e-5 for thirty points."""
    rest = {"label_noise": 0.25, "r0": r0}
    common = {"batch_fraction": 0.3, "learning_rate": eta, "ridge": 0.1, "alpha": alpha, "normalisation": normalisation}
    run = dmft.solve("sgd/replicas", data="teacher", loss="square", steps=30, paths=32768, **common, **rest)
    expected = exact_distance(0.3, eta, 0.1, alpha, normalisation, 30, **rest)
    z = (run["distance"].values - expected)[1:] / run["distance"].stderr[1:]
    assert np.abs(z).max() < 5.0
    wrong = (run["distance"].values - 1.1 * expected)[1:] / run["distance"].stderr[1:]
    assert np.abs(wrong).max() > 5.0
    closed = dmft.solve("sgd/ridge", steps=30, **common, **rest)
    assert np.abs((run["norm"].values - closed["norm"].values)[1:] / run["norm"].stderr[1:]).max() < 5.0


@pytest.mark.parametrize("name", CASES)
def test_full_batch_replicas_never_part(name):
    """b = 1: no noise, distance exactly 0 in theory and simulation."""
    case = {key: value for key, value in CASES[name].items() if key != "persistence"}
    for run in (
        dmft.solve("sgd/replicas", batch_fraction=1.0, **QUICK, **case),
        dmft.simulate("sgd/replicas", batch_fraction=1.0, size=40, replicas=2, steps=20, **case),
    ):
        assert not run["distance"].values.any()
        # the linear algebra library multiplies a matrix with itself in another order than with its equal
        np.testing.assert_allclose(run["cross_correlation"].values, run["correlation"].values, rtol=1e-13)
        assert run.scalars["saturation_distance"].last == 0.0


@pytest.mark.parametrize("name", CASES)
def test_answer_solves_the_equations(name, monkeypatch):
    """C12(t+1,s) = (1−ηλ)C12(t,s) + ηΣ_v K(t,v)C12(v,s) + η²Σ_v M12(t,v)R(s,v), march by march; the same for C."""
    model = dmft.models()["sgd/replicas"](**CASES[name])
    eta, decay = model.learning_rate, 1.0 - model.learning_rate * model.ridge
    for sample in single_marches(monkeypatch, **QUICK, **CASES[name]):
        R, K = sample["response"], sample["memory_kernel"]
        for C, M in (("cross_correlation", "cross_noise_kernel"), ("correlation", "noise_kernel")):
            C, M = sample[C], sample[M]
            np.testing.assert_array_equal(C, C.T)
            for t in range(len(C) - 1):
                s = slice(0, t + 1)
                shrink = R[t + 1, t]  # 1 but on the sphere
                expected = decay * C[t, s] + eta * K[t, s] @ C[s, s] + eta**2 * R[s, s] @ M[t, s]
                np.testing.assert_allclose(C[t + 1, s], shrink * expected, rtol=0.0, atol=1e-10 * np.abs(C).max())
        C, cross = np.diagonal(sample["correlation"]), np.diagonal(sample["cross_correlation"])
        np.testing.assert_allclose(sample["distance"], 2.0 * (C - cross), rtol=0.0, atol=1e-13 * C.max())
        assert sample["distance"][0] == 0.0
        assert (sample["distance"] >= 0.0).all()


@pytest.mark.parametrize("name", CASES)
def test_one_replica_is_sgd(name):
    """Everything that one replica knows is that of `sgd`: Student scores against other random numbers."""
    options = {"steps": 15, "paths": 16384}
    pair = dmft.solve("sgd/replicas", **options, **CASES[name])
    single = dmft.solve(
        "sgd", seed=1, **options, **{**REFERENCE, **CASES[name], "ridge": CASES[name].get("ridge", 0.0)}
    )
    comparison = compare_solutions(pair.theory, {1: single.theory})
    assert {"norm", "correlation", "response", "memory_kernel", "noise_kernel"} <= set(comparison.observables)
    assert all(item.max_z < item.threshold + 1.0 for item in comparison.observables.values()), comparison.message


@pytest.mark.parametrize("name", CASES)
def test_theory_is_the_limit_of_simulations(name):
    """Three sizes extrapolated by a + c/N; one more standard deviation than 1 % for many curves."""
    run = dmft.compare("sgd/replicas", size=(150, 300, 600), replicas=24, steps=15, paths=32768, **CASES[name])
    assert {"distance", "cross_correlation", "cross_noise_kernel"} <= set(run.comparison.observables)
    assert all(item.max_z < item.threshold + 1.0 for item in run.comparison.observables.values()), (
        run.comparison.message
    )


def test_a_theory_a_little_wrong_deviates():
    simulation = dmft.simulate("sgd/replicas", size=600, replicas=24, steps=15, **CASES["logistic"]).simulation
    wrong = {**CASES["logistic"], "batch_fraction": 0.33}
    theory = dmft.solve("sgd/replicas", steps=15, paths=32768, **wrong).theory
    assert compare_solutions(theory, {600: simulation}).verdict == "deviates"


@settings(max_examples=15)
@given(st.floats(0.1, 1.0), st.floats(0.01, 0.5), st.booleans(), st.sampled_from(["exact", "probe"]))
def test_replicas_are_positive(b, eta, inverse, response):
    """The joint correlation of both replicas is positive semidefinite."""
    run = dmft.solve(
        "sgd/replicas", batch_fraction=b, learning_rate=eta * (b if inverse else 1.0), m0=0.3, steps=8, paths=128,
        batches=2, response=response, normalisation="inverse" if inverse else "unit",
    )  # fmt: skip
    C, cross = run["correlation"].values, run["cross_correlation"].values
    for part in (C + cross, C - cross):
        assert np.linalg.eigvalsh(part).min() >= -1e-12 * np.trace(C)


def test_saturation_is_the_mean_of_the_last_quarter():
    """Of one march or pair, then averaged: linear, so that of the mean curve."""
    run = dmft.simulate("sgd/replicas", size=40, replicas=3, steps=63)
    d = run["distance"].values
    assert run.scalars["saturation_distance"].last == pytest.approx(d[-16:].mean())
    assert run.scalars["distance_drift"].last == pytest.approx(d[-8:].mean() - d[-16:-8].mean())
    assert run.scalars["final_distance"].last == d[-1]


def test_marches_that_disagree_are_not_converged():
    run = dmft.solve("sgd/replicas", steps=100, paths=64, batches=4)
    assert run.status.code == "not_converged"
    assert "--paths" in run.status.message
    assert dmft.solve("sgd/replicas", steps=20, paths=8192).status.success


def test_the_default_is_resolved():
    assert dmft.solve("sgd/replicas").status.success


@pytest.mark.slow
def test_saturated_distance_of_the_sheet():
    """Over-parametrised reference, time 150: d falls with b as in the sheet, but its .0078 at b = .7 is too small.

    The sheet has .034, .024, .0078 for b = .3, .5, .7. The distance grows with N: ours at N = 600 is a lower bound.
    """
    found = []
    for b in (0.3, 0.7):
        model = SGDReplicas(batch_fraction=b, steps=1500)
        distances = []
        for seed in range(48):
            method = Simulation(size=600, precision="float32")
            pair = Pair(model, method, Backend(np, 1), np.random.default_rng(seed))
            for step in range(model.steps):
                for run in pair.runs:
                    assert run.observe(step)
                    run.step()
            assert all(float(run.averages[0, -2]) < 1e-3 for run in pair.runs)
            one, two = (run.weights for run in pair.runs)
            distances.append(float(np.sum((one - two) ** 2)) / len(one))
        found.append((np.mean(distances), np.std(distances, ddof=1) / np.sqrt(len(distances))))
    (noisy, error), (quiet, other) = found
    assert noisy - quiet > 2.0 * np.hypot(error, other)
    assert abs(noisy - 0.034) < 4.0 * np.sqrt(2.0) * error
    assert quiet - 0.0078 > 3.0 * other

"""Infinite size against finite: every case of the model agrees, and a theory that is a little wrong does not."""

from __future__ import annotations

import pytest

import dmft
from dmft.results.comparison import compare_solutions
from dmft.theory.losses import Loss

#: The square loss, saturating for samples far from their label: neither convex nor built in.
SOFT = Loss(
    "saturating",
    lambda y, r: 0.5 * (1.0 - y * r) ** 2 / (1.0 + 0.1 * (1.0 - y * r) ** 2),
    lambda y, r: -y * (1.0 - y * r) / (1.0 + 0.1 * (1.0 - y * r) ** 2) ** 2,
    lambda y, r: (1.0 - 0.3 * (1.0 - y * r) ** 2) / (1.0 + 0.1 * (1.0 - y * r) ** 2) ** 3,
)
DOOR = {"data": "three-cluster", "m0": 1.0, "alpha": 3.0, "ridge": 0.3}
CASES = {
    "two-cluster": {},
    "three-cluster": DOOR,
    "gradient descent": {"batch_fraction": 1.0},
    "persistent": {"persistence": 2.0},
    "persistent door": {**DOOR, "persistence": 2.0},
    "teacher": {"data": "teacher", "label_noise": 0.25},
    "random labels": {"data": "random-labels", "ridge": 0.0, "alpha": 0.8},
    "random labels behind a door": {"data": "random-labels", "output": "door", "learning_rate": 0.05},
    "hinge2": {"loss": "hinge2", "kappa": 1.0, "ridge": 0.0},
    "square": {"loss": "square"},
    "inverse": {"normalisation": "inverse", "learning_rate": 0.1},
    "sphere": {"sphere": True, "m0": 0.3},
    "sphere behind a door": {**DOOR, "ridge": None, "sphere": True, "m0": 0.6},
    "own": {"loss": SOFT},
    "large step": {"learning_rate": 2.0},
    "large step, inverse, persistent": {"learning_rate": 1.5, "normalisation": "inverse", "persistence": 4.0},
    "few samples": {"alpha": 0.3, "r0": 0.2, "m0": 0.5},
}
SIZES = {"size": (150, 300, 600), "replicas": 24, "steps": 15, "paths": 32768}


def assert_agreement(comparison) -> None:
    """Max |z| of each observable, Student-corrected, below the quantile of as many points at 1 % false alarm.

    One more standard deviation makes it 3e-4 a curve: over a hundred curves are judged here.
    """
    assert all(item.max_z < item.threshold + 1.0 for item in comparison.observables.values()), comparison.message


@pytest.mark.parametrize("name", CASES)
def test_theory_is_the_limit_of_simulations(name):
    """Three sizes, extrapolated by a + c/N; kernels and response included."""
    run = dmft.compare("sgd", field_response=True, **SIZES, **CASES[name])
    known = {"magnetization", "norm", "train_loss", "train_error", "correlation", "response", "noise_kernel", "margins"}
    assert known <= set(run.comparison.observables)
    assert_agreement(run.comparison)


@pytest.mark.parametrize("name", ["two-cluster", "three-cluster"])
def test_theory_agrees_with_a_large_simulation(name):
    """N = 2000, no extrapolation: corrections of order 1/N are below the error bars of eight replicas."""
    run = dmft.compare("sgd", size=2000, replicas=8, steps=25, paths=32768, **CASES[name])
    assert_agreement(run.comparison)


def test_closed_form_agrees_with_simulations():
    run = dmft.compare("sgd/ridge", size=SIZES["size"], replicas=24, steps=25, label_noise=0.25)
    assert set(run.comparison.observables) == {"magnetization", "norm", "train_loss", "test_error"}
    assert_agreement(run.comparison)


@pytest.fixture(scope="module")
def simulation():
    return dmft.simulate("sgd", size=1000, replicas=24, steps=15, field_response=True).simulation


@pytest.mark.parametrize(
    "wrong",
    [{"alpha": 2.0 * 1.05}, {"learning_rate": 0.2 * 1.05}, {"batch_fraction": 0.3 * 1.05}, {"delta": 0.5 * 1.05},
     {"ridge": 0.1 * 1.15}, {"loss": "square"}, {"persistence": 1.0}],
    ids=str,
)  # fmt: skip
def test_a_theory_a_little_wrong_deviates(wrong, simulation):
    theory = dmft.solve("sgd", steps=15, paths=32768, **wrong).theory
    assert compare_solutions(theory, {1000: simulation}).verdict == "deviates"


def test_divergence_is_no_agreement():
    """Numbers of size 1e50 on either side: a verdict or none, but no arithmetic error."""
    options = {"data": "teacher", "learning_rate": 5.0, "steps": 200, "paths": 256}
    run = dmft.compare("sgd", size=(50, 100), replicas=3, **options)
    assert run.status.code == "diverged"
    assert run.comparison is None or run.comparison.verdict == "undecided"
    theory = dmft.solve("sgd", **options).theory
    simulated = dmft.simulate("sgd", size=50, replicas=3, data="teacher", learning_rate=4.0, steps=200).simulation
    comparison = compare_solutions(theory, {50: simulated})
    assert (comparison.verdict, comparison.reason) == ("undecided", "theory or simulation is not complete")


def test_the_right_theory_does_not_deviate(simulation):
    assert_agreement(compare_solutions(dmft.solve("sgd", steps=15, paths=32768).theory, {1000: simulation}))

"""The estimators of the memory kernel agree with each other, and the exact one with fewer paths."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.results.comparison import compare_solutions
from dmft.solvers.marching.response import AUTO_LEAST, response_paths
from dmft.theory.sgd import SGD

CASES = {
    "two-cluster": {},
    "gradient descent": {"batch_fraction": 1.0},
    "door": {"data": "three-cluster", "m0": 1.0, "alpha": 3.0, "ridge": 0.3},
    "persistent": {"persistence": 2.0, "loss": "hinge2", "kappa": 0.5},
}
SIZES = {"steps": 20, "paths": 8192}


def agree(first, second) -> None:
    """Both have the same mean: Student z-scores over all entries.

    The threshold has 1 % false alarm a curve; one more standard deviation makes it 3e-4, for 80 curves in all.
    """
    comparison = compare_solutions(first.theory, {1: second.theory})
    assert {"response", "memory_kernel", "correlation"} <= set(comparison.observables)
    assert all(item.max_z < item.threshold + 1.0 for item in comparison.observables.values()), comparison.message


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("sampler", ["sobol", "random"])
def test_exact_response_and_probes_agree(name, sampler):
    options = {**SIZES, **CASES[name], "sampler": sampler}
    exact = dmft.solve("sgd", response="exact", seed=1, **options)
    agree(exact, dmft.solve("sgd", response="probe", seed=2, **options))


def test_response_of_some_paths_is_that_of_all(monkeypatch):
    """`auto` with little to spend uses the first paths only: noisier, not biased."""
    everything = dmft.solve("sgd", response="exact", seed=1, **SIZES)
    monkeypatch.setattr("dmft.solvers.marching.response.AUTO_RATIO", 0.0)
    some = dmft.solve("sgd", response="auto", seed=2, **SIZES)
    assert some.theory.diagnostics["response_paths"] == 8 * AUTO_LEAST
    assert everything.theory.diagnostics["response_paths"] == SIZES["paths"]
    agree(everything, some)
    ratio = np.median(some["memory_kernel"].stderr[5:, 2] / everything["memory_kernel"].stderr[5:, 2])
    assert ratio > 1.0


def test_how_many_paths_carry_the_exact_response():
    problem = SGD().problem()
    assert response_paths(problem, 50, 1024, "exact") == 1024
    assert response_paths(problem, 50, 1024, "probe") == 0
    counts = [response_paths(problem, steps, 1024, "auto") for steps in (10, 100, 1000, 10000)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == 1024
    assert counts[3] == AUTO_LEAST
    assert response_paths(problem, 1000, 100, "auto") == 100


def test_probe_and_exact_have_the_same_equal_time_kernel_to_the_bit():
    """K(t,t) = −αΔE[D(t)] needs no probe; at t = 0 nothing else can differ."""
    exact, probe = (dmft.solve("sgd", response=name, **SIZES)["memory_kernel"].values for name in ("exact", "probe"))
    assert exact[0, 0] == probe[0, 0]
    assert not np.array_equal(exact, probe)

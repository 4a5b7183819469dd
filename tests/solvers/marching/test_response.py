"""The estimators of the memory kernel agree with each other, and the exact one with fewer paths."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.results.comparison import compare_solutions
from dmft.solvers.marching.kernels import affordable_paths
from dmft.solvers.marching.response import AUTO_LEAST, AUTO_RATIO, OTHER, carriers

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
    assert carriers(1024, "probe") is None
    slopes = np.where(np.arange(1024) % 4 == 0, 1.0, 0.0)  # a quarter of the paths is live
    rules = [carriers(1024, name) for name in ("exact", "auto")]
    counts = [[affordable_paths(slopes, rule.budget / t, rule.least) for t in (1, 10, 100, 10000)] for rule in rules]
    assert counts[0] == [1024] * 4
    assert counts[1] == [1024, 1024, 128, AUTO_LEAST]
    for t, paths in zip((1, 10), counts[1], strict=False):
        assert 0.5 * t**2 * paths / 4 <= AUTO_RATIO * OTHER * t * 1024
    few = carriers(100, "auto")
    assert affordable_paths(slopes[:100], few.budget / 1000, few.least) == 100
    assert affordable_paths(np.zeros(1024), 0.0, 128) == 1024  # slopes that are 0 cost nothing


def test_only_slopes_that_are_not_zero_count_against_the_budget():
    """Where most samples are beyond the margin, many more paths can carry their response at the same cost."""
    options = {"steps": 60, "paths": 16384, "batch_fraction": 1.0, "learning_rate": 0.2}
    hinge, logistic = (dmft.solve("sgd", loss=loss, **options) for loss in ("hinge2", "logistic"))
    assert hinge.theory.diagnostics["response_paths"] > 2 * logistic.theory.diagnostics["response_paths"]


def test_probe_and_exact_have_the_same_equal_time_kernel_to_the_bit():
    """K(t,t) = −αΔE[D(t)] needs no probe; at t = 0 nothing else can differ."""
    exact, probe = (dmft.solve("sgd", response=name, **SIZES)["memory_kernel"].values for name in ("exact", "probe"))
    assert exact[0, 0] == probe[0, 0]
    assert not np.array_equal(exact, probe)

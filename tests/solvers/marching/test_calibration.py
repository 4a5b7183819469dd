"""Error bars mean what they say: values ± 2 standard errors cover the mean of many runs in about 95 % of cases."""

from __future__ import annotations

import numpy as np
import pytest

import dmft

SEEDS = 80
OBSERVABLES = ("magnetization", "norm", "train_loss", "test_error", "correlation", "response", "noise_kernel")
CASES = {
    "sobol": {"sampler": "sobol"},
    "random": {"sampler": "random"},
    "probe": {"response": "probe"},
    "single precision": {"precision": "float32"},
    "gradient descent": {"batch_fraction": 1.0},
    "door": {"data": "three-cluster", "m0": 1.0, "alpha": 3.0, "ridge": 0.3},
    "persistent": {"persistence": 2.0},
    "hinge2": {"loss": "hinge2", "ridge": 0.0},
}


@pytest.fixture(scope="module", params=CASES)
def runs(request):
    return [dmft.solve("sgd", steps=12, paths=512, seed=seed, **CASES[request.param]) for seed in range(SEEDS)]


def coverage(runs, name: str) -> float:
    """Share of entries (of all seeds) within two of their standard errors of the mean of all seeds."""
    values = np.array([run[name].values for run in runs])
    errors = np.array([run[name].stderr for run in runs])
    # entries fixed by the start or by causality have no error at all
    free = errors.max(axis=0) > 1e-13 * np.abs(values).max()
    assert free.any()
    # the mean contains the run itself: its deviation from it has the variance (1 − 1/n) σ²
    reach = 2.0 * errors * np.sqrt(1.0 - 1.0 / len(runs))
    return float((np.abs(values - values.mean(axis=0)) <= reach)[:, free].mean())


@pytest.mark.parametrize("name", OBSERVABLES)
def test_two_standard_errors_cover_the_mean(runs, name):
    """The entries of one run are correlated; 80 seeds are at least 80 independent trials, whose share has the
    standard error .023: 95.4 % less three of them is 88 %."""
    assert 0.88 <= coverage(runs, name) <= 1.0


def test_two_standard_errors_cover_the_mean_in_all(runs):
    """All observables together know it better, and too long error bars (coverage above 99.5 %) are wrong as well."""
    together = np.mean([coverage(runs, name) for name in OBSERVABLES])
    assert 0.90 <= together <= 0.995


def test_errors_shrink_with_the_number_of_paths():
    """Pseudo-random paths: halved by four times the paths, ± the 20 % that 40 runs of 7 degrees of freedom allow."""

    def typical(paths):
        runs = [dmft.solve("sgd", steps=12, paths=paths, seed=seed, sampler="random") for seed in range(10)]
        return np.sqrt(np.mean([run["correlation"].stderr ** 2 for run in runs]))

    assert typical(1024) / typical(4096) == pytest.approx(2.0, rel=0.2)


def test_sobol_points_are_worth_their_name():
    """The rmse measured for the sheet: 6.5e-3 pseudo-random, 1.4e-4 Sobol' with 8192 paths and b = 1; here a tenth."""
    options = {"batch_fraction": 1.0, "steps": 20, "paths": 8192, "response": "exact"}
    sobol, random = (dmft.solve("sgd", sampler=name, **options) for name in ("sobol", "random"))
    for name in ("magnetization", "correlation", "train_loss"):
        assert np.sqrt(np.mean(sobol[name].stderr ** 2)) < 0.1 * np.sqrt(np.mean(random[name].stderr ** 2)), name

"""First jumps: bounds of the sheet, bounds hold for every path, the twin, wrong input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dmft
from dmft.errors import ParameterError
from dmft.theory.bn_weight_decay_jumps import BNWeightDecayJumps

SLUG = "bn-weight-decay/jumps"


def test_bounds_are_those_of_the_sheet():
    run = dmft.solve(SLUG, eta=0.1, weight_decay=0.1, delta=1e-3, grad_min=0.9, grad_max=1.1, rho0=5.0**0.5)
    assert run["t_min"].last == pytest.approx(34.8, abs=0.05)
    assert run["t_max"].last == pytest.approx(48.1, abs=0.05)
    # the sheet saw 37…45; of 4096 paths, all but a few per mille are within
    assert run["first_jump_min"].last >= 36.0
    assert run["jump_probability"].values[36] < 0.003
    assert run["jump_probability"].values[45] > 0.997


@settings(max_examples=40, deadline=None)
@given(
    st.floats(0.02, 1.0), st.floats(0.01, 0.3), st.floats(1e-5, 0.5), st.floats(0.2, 1.0), st.floats(0.0, 2.0),
    st.floats(0.3, 20.0), st.integers(0, 1000),
)  # fmt: skip
def test_bounds_hold_for_every_path(eta, product, delta, low, width, rho0, seed):
    model = BNWeightDecayJumps(
        eta=eta, weight_decay=product / eta, delta=delta, grad_min=low, grad_max=low + width, rho0=rho0
    )
    bounds = model.bounds()
    _, first = model._batch(64, np.random.default_rng(seed))
    assert first.min() >= np.floor(bounds["t_min"])
    if bounds["t_max"] <= model.steps:
        assert first.max() <= np.ceil(bounds["t_max"])


def test_bounds_are_tight():
    """With the largest gradient just above the threshold, and the smallest as well, times meet the bounds."""
    model = BNWeightDecayJumps(grad_min=1.0, grad_max=1.0, delta=1e-5, rho0=50.0, steps=400)
    bounds = model.bounds()
    _, first = model._batch(3, np.random.default_rng(0))
    assert first.min() == first.max() == np.ceil(bounds["t_min"])
    assert bounds["t_min"] < bounds["t_max"] < bounds["t_min"] + 1.0


@pytest.mark.parametrize("options", [{}, {"delta": 0.3, "grad_min": 0.01, "grad_max": 5.0, "eta": 1.0, "rho0": 3.0}])
def test_two_standard_errors_cover_the_truth(options):
    """Also where no path, or every path, has jumped: 40 seeds know their share of 95.4 % to .033, three are allowed."""
    truth = dmft.solve(SLUG, paths=200_000, seed=99, steps=60, **options)
    runs = [dmft.solve(SLUG, paths=320, seed=seed, steps=60, **options) for seed in range(40)]
    for name in ("norm", "jump_probability"):
        values, errors = (np.array([getattr(run[name], part) for run in runs]) for part in ("values", "stderr"))
        alike = truth[name].stderr == 0.0  # fixed by the start, or certain by the bounds
        np.testing.assert_allclose(values[:, alike] - truth[name].values[alike], 0.0, atol=1e-13)
        reach = 2.0 * np.hypot(errors, truth[name].stderr)
        covered = np.abs(values - truth[name].values) <= reach
        assert 0.85 <= covered[:, ~alike].mean() <= 1.0
        assert covered[:, ~alike].mean(axis=0).min() >= 0.7, name


def test_no_jump_is_guaranteed_and_none_comes():
    """Small gradients against a large δ: equilibrium, without a jump."""
    run = dmft.solve(SLUG, delta=0.5, weight_decay=0.01, steps=500, paths=64)
    assert run["t_max"].last == np.inf
    assert run.status.code == "not_converged"
    assert "no jump is guaranteed" in run.status.message
    run = dmft.solve(SLUG, steps=10, paths=64)
    assert "give --steps 50" in run.status.message


def test_twin_agrees():
    run = dmft.compare(SLUG, size=[5, 50], replicas=30, steps=60, seed=2)
    assert set(run.comparison.observables) == {"norm", "jump_probability"}
    assert run.comparison.verdict == "agrees", run.comparison.message
    assert run["t_min"].last <= run.simulation["first_jump_min"].last
    assert run.simulation["first_jump_max"].last <= run["t_max"].last


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"grad_min": 2.0}, "grad_max = 1.1 is below grad_min = 2"),
        ({"delta": 1.0}, "delta = 1.0 is not allowed"),
        ({"eta": 20.0}, "must be below 1"),
    ],
)
def test_wrong_input_is_refused(options, words):
    with pytest.raises(ParameterError, match=words):
        dmft.solve(SLUG, **options)

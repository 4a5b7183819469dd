"""Equilibrium of scale-invariant weights: fixed points of the sheet, relaxation, the twin, wrong input."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.errors import ParameterError

SLUG = "bn-weight-decay/equilibrium"


@pytest.mark.parametrize(("momentum", "norm", "angle"), [(0.0, 1.4955, 0.04472), (0.9, 2.6593, 0.032444)])
def test_equilibrium_is_that_of_the_sheet(momentum, norm, angle):
    run = dmft.solve(SLUG, eta=0.1, weight_decay=0.01, momentum=momentum, steps=40000)
    assert run["norm_star"].last == pytest.approx(norm, abs=6e-5)
    assert run["angle_star"].last == pytest.approx(angle, abs=6e-6)
    assert run["final_norm"].last == pytest.approx(run["norm_star"].last, rel=1e-12)
    # the angle has corrections of relative order ηλ, over 1 − α
    assert run["final_angle"].last == pytest.approx(angle, rel=1e-3 / (1.0 - momentum))


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("product", [1e-3, 0.3])
def test_the_map_of_moments_has_this_fixed_point(momentum, product):
    """Also for large ηλ, and for every start."""
    for rho0 in (0.3, 10.0):
        run = dmft.solve(SLUG, eta=0.1, weight_decay=10.0 * product, momentum=momentum, rho0=rho0, steps=30000)
        assert run["final_norm"].last == pytest.approx(run["norm_star"].last, rel=1e-10)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_relaxation_is_exponential(momentum):
    """q = ρ⁴ relaxes at 4ηλ/(1 − α), from q*/0.3: the error of the law is of first order in ηλ."""
    errors = []
    for eta in (1e-3, 5e-4):
        size = 0.3 * 2.0 * (1.0 - momentum) / eta
        run = dmft.solve(SLUG, eta=eta, weight_decay=1.0, momentum=momentum, grad_sq=size, steps=int(1 / eta))
        errors.append(np.abs(run["norm_law"].values / run["norm"].values - 1.0).max())
    assert errors[0] < 0.05
    assert np.log2(errors[0] / errors[1]) == pytest.approx(1.0, abs=0.1 if momentum == 0.0 else 0.3)


def test_twin_agrees():
    run = dmft.compare(SLUG, size=[250, 500, 1000], replicas=6, rho0=2.0, momentum=0.5, steps=400, seed=1)
    assert set(run.comparison.observables) == {"norm", "elr", "angle"}
    assert run.comparison.verdict == "agrees", run.comparison.message


def test_twin_is_within_three_per_mille_of_the_sheet():
    run = dmft.simulate(SLUG, size=1000, replicas=4, rho0=2.6593, momentum=0.9, steps=500, seed=1)
    assert run["norm"].values[50:].mean() == pytest.approx(2.6593, rel=3e-3)
    assert run["angle"].values[50:].mean() == pytest.approx(0.032444, rel=3e-3)


def test_divergence_is_told():
    run = dmft.simulate(SLUG, size=10, replicas=2, eta=1e12, weight_decay=1e-13, rho0=1e-60, steps=3)
    assert run.status.code == "diverged"
    assert "try a smaller --eta" in run.status.message
    run = dmft.solve(SLUG, eta=1e12, weight_decay=1e-13, rho0=1e-120, steps=3)
    assert run.status.code == "diverged"


@pytest.mark.parametrize("options", [{"eta": 1.0, "weight_decay": 1.0}, {"weight_decay": -1.0}, {"momentum": 1.0}])
def test_wrong_input_is_refused(options):
    with pytest.raises(ParameterError):
        dmft.solve(SLUG, **options)

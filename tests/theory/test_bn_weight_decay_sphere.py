"""Three regimes on the sphere: losses of the sheet, laws, two implementations, wrong input."""

from __future__ import annotations

import numpy as np
import pytest

import dmft
from dmft.errors import ParameterError
from dmft.simulation.bn_weight_decay_sphere import step
from dmft.theory.bn_weight_decay_sphere import BNWeightDecaySphere

SLUG = "bn-weight-decay/sphere"


@pytest.mark.parametrize(
    ("elr", "loss", "digits"),
    [
        (0.14, 0.0, 1e-12),
        (0.145, 0.05172, 6e-6),
        (0.15, 0.16667, 6e-6),
        (0.17, 0.55882, 6e-6),
        (0.2, 1.0, 6e-5),
        (0.5, 2.53, 7e-3),
        (100.0, 3.495, 1e-3),
    ],
)
def test_losses_are_those_of_the_sheet(elr, loss, digits):
    run = dmft.solve(SLUG, elr=elr, steps=16000, members=3, seed=1)
    assert run.status.success
    assert run["mean_loss"].last == pytest.approx(loss, abs=digits + 2.0 * run["mean_loss"].last_stderr)


def test_just_above_the_threshold_groups_share_the_sphere_by_their_heights():
    run = dmft.solve(SLUG, elr=0.146, steps=20000)
    assert run["elr_threshold"].last == pytest.approx(1.0 / 7.0, rel=1e-15)
    np.testing.assert_allclose(run["group_norm_sq_law"].values, np.array([1.0, 2.0, 4.0]) / 7.0, rtol=1e-15)
    assert run["mean_loss"].last == pytest.approx(run["mean_loss_law"].last, rel=1e-5)
    np.testing.assert_allclose(run["group_norm_sq"].values, run["group_norm_sq_law"].values, rtol=0.02)


def test_the_law_is_a_fixed_point_of_the_modulus():
    """ρ_i² = a_i/A and sin²φ = (1 − 1/eA)/2: a step of the twin turns the angles round and keeps both."""
    heights, e = np.array([1.0, 2.0, 4.0]), 0.16
    sine = np.sqrt(0.5 * (1.0 - 1.0 / (e * 7.0)))
    w = np.sqrt(heights / 7.0) * np.stack([np.full(3, np.sqrt(1.0 - sine**2)), np.full(3, sine)])
    moved, loss = step(w, np.array(e), heights)
    np.testing.assert_allclose(np.abs(moved), w, rtol=1e-14)
    assert moved[1, 0] < 0.0
    assert loss == pytest.approx(BNWeightDecaySphere().law(np.array(e)), rel=1e-14)


def test_twin_agrees():
    run = dmft.compare(SLUG, elr=0.3, steps=800, replicas=12, size=2)
    assert set(run.comparison.observables) == {"loss_by_elr", "group_norm_sq"}
    assert run.comparison.verdict == "agrees", run.comparison.message
    alike = dmft.compare(SLUG, steps=20, members=8, replicas=8)
    # starts of their own: a shared start would hide what is wrong below the scatter of starts
    assert not np.any(np.isclose(alike.theory["loss_by_elr"].values, alike.simulation["loss_by_elr"].values, rtol=1e-9))


def test_heights_from_a_tuple():
    assert BNWeightDecaySphere(curvature=(1.0, 2)).curvature == "1.0,2"
    assert BNWeightDecaySphere(curvature="3").heights.tolist() == [3.0]


@pytest.mark.parametrize("options", [{"curvature": "1,x"}, {"curvature": "1,-2"}, {"curvature": ""}, {"elr": 0.0}])
def test_wrong_input_is_refused(options):
    with pytest.raises(ParameterError, match=next(iter(options))):
        dmft.solve(SLUG, **options)

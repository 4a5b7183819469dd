"""The exact minimiser on Gaussians: threshold, collapse, cells of a line and their order, limits, wrong input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

import dmft
from dmft.errors import MemoryLimitError, ModelWarning, ParameterError
from dmft.simulation.self_training_expansion import TwoClasses
from dmft.theory.self_training_expansion import SelfTrainingExpansion

SLUG = "self-training/expansion"


def test_scalars_are_the_formulas_of_the_sheet():
    run = dmft.solve(SLUG, radius=1.0, mislabelled_mass=0.096)
    t = ndtri(0.096)
    c = ndtr(t + 2.0) / 0.096
    assert run["threshold"].last == pytest.approx(0.096 / (ndtr(t + 1.0) - ndtr(t - 1.0)), rel=1e-13)
    assert run["expansion"].last == pytest.approx(c, rel=1e-13)
    assert run["denoising_bound"].last == pytest.approx(2.0 / (c - 1.0) * 0.096, rel=1e-13)
    assert run["expansion_half"].last == pytest.approx(2.0 * ndtr(2.0), rel=1e-13)
    assert run["theorem_penalty"].last == pytest.approx(2.0 * c / (c + 1.0), rel=1e-13)
    assert dmft.solve(SLUG, radius=0.5, mislabelled_mass=0.1)["expansion"].last == pytest.approx(3.89, abs=5e-3)
    assert dmft.solve(SLUG, radius=1.0, mislabelled_mass=0.1)["expansion"].last == pytest.approx(7.64, abs=5e-3)
    assert dmft.solve(SLUG, radius=0.5)["expansion_half"].last == pytest.approx(1.683, abs=5e-4)


def test_bound_is_loose_on_separated_gaussians():
    """The theorem's own penalty is far beyond the threshold: the minimiser has no error, the bound is positive."""
    run = dmft.solve(SLUG)
    assert run["theorem_penalty"].last > 6.0 * run["threshold"].last
    assert run["error"].last == 0.0
    assert run["denoising_bound"].last == pytest.approx(0.0279, abs=5e-5)
    assert run["error_bound"].last == pytest.approx(run["denoising_bound"].last, rel=1e-12)


@pytest.mark.parametrize(("factor", "error"), [(0.999, 0.096), (1.001, 0.0)])
def test_the_threshold_is_sharp(factor, error):
    penalty = factor * dmft.solve(SLUG)["threshold"].last
    assert dmft.solve(SLUG, penalty=penalty)["error"].last == error


def test_truncated_classes_tend_to_gaussians():
    far = dmft.solve(SLUG)
    for separation, size in ((8.0, 1e-3), (12.0, 1e-8), (30.0, 1e-14)):
        near = dmft.solve(SLUG, separation=separation)
        assert near["threshold"].last == pytest.approx(far["threshold"].last, rel=size)
        assert 0.0 < near["mu"].last < 2.0 * ndtr(1.0 - 0.5 * separation)
    assert far["mu"].last == 0.0
    assert far["collapse"].last == np.inf
    assert far["unsupervised_bound"].last == 0.0


def quantiles(model: SelfTrainingExpansion, count: int) -> np.ndarray:
    """One class as equally heavy points, outermost first."""
    return -ndtri((np.arange(count) + 0.5) / count * ndtr(model.half))


@settings(max_examples=60)
@given(
    st.floats(np.log(0.05), np.log(2.0)), st.floats(np.log(0.005), np.log(0.49)), st.floats(np.log(0.02), np.log(20.0)),
    st.one_of(st.none(), st.floats(0.0, 1.5)),
)  # fmt: skip
def test_minimiser_is_that_of_all_labelings_of_a_line(log_radius, log_mass, log_penalty, log_separation):
    """Dynamic programming over all changes of the label of both classes; the theory knows three of them."""
    radius, mass, penalty = np.exp([log_radius, log_mass, log_penalty])
    separation = None if log_separation is None else 2.0 * radius * np.exp(log_separation)
    try:
        model = SelfTrainingExpansion(radius=radius, mislabelled_mass=mass, penalty=penalty, separation=separation)
    except ParameterError:
        assume(False)
    count = 4000
    # a transition is met to the fluctuation of points among cells; balls at the boundary must not be empty
    assume(all(abs(penalty / at - 1.0) > 20.0 / (count * mass) for at in (model.threshold_of(mass), model.collapse)))
    assume(model.mu == 0.0 or 2.0 * count * model.boundary_samples > 20.0)
    z = quantiles(model, count)
    found, theory = TwoClasses(model, z, z).minimise(penalty), model.minimiser(penalty)
    assert found["error"] == pytest.approx(float(theory["error"]), abs=5.0 / count)
    gap = 0.05 * penalty * model.mu  # the ball of the last point before the boundary ends short of it
    assert found["objective"] == pytest.approx(float(theory["objective"]), abs=(3.0 + 6.0 * penalty) / count + gap)


def test_threshold_on_cells_is_of_first_order_and_exact_where_an_edge_meets_the_tail():
    model, tail = SelfTrainingExpansion(), ndtri(0.096)
    exact = float(model.threshold_of(0.096))
    widths, errors = [], []
    for cells in np.geomspace(200, 60_000, 60).astype(int):
        run = dmft.solve(SLUG, cells=int(cells))
        widths.append(run["cell_width"].last)
        errors.append(abs(run["threshold_on_cells"].last - exact))
    widths, errors = np.array(widths), np.array(errors)

    def bell(z):
        return np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi)

    # keeping the tail costs more, to first order, with the change at the cell's edge outwards or inwards of its own
    steeper, flatter = (bell(tail) + sign * exact * (bell(tail + 1.0) - bell(tail - 1.0)) for sign in (1.0, -1.0))
    most = 1.0 / (1.0 / steeper + 1.0 / flatter) / (0.096 / exact)  # where both are equally dear
    assert np.all(errors <= most * widths * (1.0 + 2.0 * widths))
    assert errors.max() >= 0.8 * most * widths[errors.argmax()]
    # where in its cell the edge lies is as good as random: the largest of twelve in a row has an order
    blocks = widths.reshape(5, 12).mean(axis=1), errors.reshape(5, 12).max(axis=1)
    assert np.polyfit(*np.log(blocks), 1)[0] == pytest.approx(1.0, abs=0.1)
    edge = 1.3  # a multiple of the radius 0.1, and so of every cell
    mass = float(ndtr(-edge))
    for cells in (1000, 3000):
        run = dmft.solve(SLUG, radius=0.1, mislabelled_mass=mass, cells=cells)
        assert run["threshold_on_cells"].last == pytest.approx(run["threshold"].last, rel=1e-9)


def test_threshold_on_cells_keeps_its_digits_far_out():
    for edge in (20.0, 37.0):
        run = dmft.solve(SLUG, radius=0.5, mislabelled_mass=float(ndtr(-edge)), cells=20_000)
        assert run["pseudolabel_error"].last < 1e-88
        assert run["threshold_on_cells"].last == pytest.approx(run["threshold"].last, rel=1e-9)


def test_collapse_to_one_label():
    """Classes that touch: from a penalty on, one label for all is cheaper than the truth. The bound knows."""
    model = SelfTrainingExpansion(separation=3.0, radius=0.5, mislabelled_mass=0.1)
    below, above = (model.minimiser(factor * model.collapse) for factor in (0.999, 1.001))
    assert below["error"] == 0.0
    assert above["error"] == 0.5
    assert below["objective"] == pytest.approx(float(above["objective"]), rel=2e-3)
    assert np.all(np.abs(np.log2(model.penalties / model.collapse)) > 0.24)


@settings(max_examples=30)
@given(st.floats(0.01, 5.0), st.floats(1e-4, 0.49), st.floats(0.0, 50.0))
def test_no_minimiser_is_above_its_bound(radius, mass, penalty):
    for separation in (None, 4.0 * radius + 6.0):
        model = SelfTrainingExpansion(radius=radius, mislabelled_mass=mass, penalty=penalty, separation=separation)
        run = dmft.solve(model)
        assert run["error"].last <= run["error_bound"].last * (1.0 + 1e-12)
        assert np.all(run["error_by_penalty"].values <= run["bound_by_penalty"].values * (1.0 + 1e-12))
        theorem = model.minimiser(model.theorem_penalty)
        assert theorem["error"] <= run["denoising_bound"].last


@pytest.mark.parametrize(
    "options",
    [
        {"radius": 1e-200}, {"radius": 1e300}, {"separation": 1e300}, {"separation": 80.0}, {"penalty": 1e300},
        {"penalty": 0.0}, {"penalty": 1e-320}, {"mislabelled_mass": 0.4999999},
        {"radius": 1e-300, "separation": 1e-299},
    ],
)  # fmt: skip
def test_extremes_have_no_nan(options):
    run = dmft.solve(SLUG, **options)
    assert not any(np.isnan(curve.values).any() for curve in run.theory.values())
    assert 0.0 <= run["error"].last <= min(1.0, run["error_bound"].last * (1.0 + 1e-12))


@given(st.floats(0.05, 3.0), st.floats(0.001, 0.49))
def test_minimum_is_concave_in_the_penalty(radius, mass):
    model = SelfTrainingExpansion(radius=radius, mislabelled_mass=mass, separation=4.0 * radius + 6.0)
    penalty = np.linspace(0.0, 3.0, 60)
    found = model.minimiser(penalty)
    assert np.all(np.diff(found["objective"]) >= -1e-15)
    assert np.all(np.diff(found["objective"], 2) <= 1e-12)
    assert np.all(np.diff(found["inconsistency"]) <= 1e-15)


def test_masses_down_to_1e_300():
    run = dmft.solve(SLUG, smallest_mass=1e-300, mislabelled_mass=1e-300)
    assert np.all(run["bound_by_mass"].values[1:] > 0.0)  # the first is 1e-331, which is no number
    assert run["log_expansion"].last == pytest.approx(72.149604607511328, abs=1e-12)
    assert np.all(np.isfinite(run["threshold_by_mass"].values))
    assert np.all(np.diff(run["expansion_by_mass"].values) < 0.0)


@pytest.mark.parametrize(
    ("options", "words", "name"),
    [
        ({"mislabelled_mass": 0.4}, "ā < 1/3 fails", "denoising_bound"),
        ({"radius": 0.1}, "c > 3 fails", "denoising_bound"),
        ({"separation": 1.0, "radius": 0.2}, "max(2/(c − 1), 2) μ fails", "unsupervised_bound"),
    ],
)
def test_hypotheses_that_fail_are_told_and_bounds_are_infinite(options, words, name):
    with pytest.warns(ModelWarning) as caught:
        run = dmft.solve(SLUG, **options)
    assert any(words in str(item.message) for item in caught)
    assert words in run.status.message
    assert run.status.success
    assert run[name].last == np.inf
    assert np.isfinite(run["error_bound"].last)  # what is left for c > 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mislabelled_mass": 0.5}, "mislabelled_mass = 0.5 is not allowed: give a < 1/2.*ā < 1/3"),
        ({"mislabelled_mass": 0.0}, "mislabelled_mass = 0.0 is not allowed: give a number in .1e-300, 1."),
        ({"mislabelled_mass": -0.1}, "mislabelled_mass = -0.1 is not allowed"),
        ({"mislabelled_mass": float("nan")}, "mislabelled_mass = nan is not allowed"),
        ({"radius": 0.0}, "radius = 0.0 is not allowed"),
        ({"radius": -1.0}, "radius = -1.0 is not allowed"),
        ({"radius": float("inf")}, "radius = inf is not allowed"),
        ({"penalty": -0.1}, "penalty = -0.1 is not allowed"),
        ({"penalty": float("nan")}, "penalty = nan is not allowed"),
        ({"separation": 1.0}, "separation of at least 2"),
        ({"separation": 2.0, "mislabelled_mass": 0.45}, "meet those about the boundary"),
        ({"smallest_mass": 0.25}, "smallest_mass = 0.25 is not allowed"),
        ({"cells": 10}, "cells = 10 are wider than radius = 1: give at least 22"),
        ({"cells": -1}, "cells = -1"),
    ],
)
def test_wrong_input_is_refused(options, words):
    with pytest.raises(ParameterError, match=words):
        dmft.solve(SLUG, **options)


def test_cells_that_do_not_fit_into_memory_are_refused():
    with pytest.raises(MemoryLimitError, match="fewer --cells"):
        dmft.solve(SLUG, cells=10**9)
    assert SelfTrainingExpansion().estimate(SelfTrainingExpansion.method(cells=10**9))["memory"] == 2e11

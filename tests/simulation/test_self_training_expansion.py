"""Samples against theory, trend with size, exactness on the sample, determinism, wrong input."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

import dmft
from dmft.errors import MemoryLimitError, ParameterError
from dmft.simulation.method import Simulation
from dmft.simulation.self_training_expansion import Replica, Tail, TwoClasses, estimate
from dmft.solvers.consistency.flow import minimise_by_flow
from dmft.solvers.consistency.graph import BallGraph
from dmft.theory.self_training_expansion import SelfTrainingExpansion

SLUG = "self-training/expansion"
SMALL = {"smallest_mass": 0.05, "replicas": 6}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"separation": 5.0, "radius": 0.5, "mislabelled_mass": 0.2},
        {"separation": 3.0, "radius": 0.5, "mislabelled_mass": 0.1},  # with a collapse
        {"radius": 2.0, "mislabelled_mass": 0.3},
    ],
)
def test_samples_agree_with_the_theory(options):
    run = dmft.compare(SLUG, **SMALL, **options, size=[10_000, 20_000], seed=1)
    assert run.comparison.verdict == "agrees", run.comparison.message
    assert {"threshold_by_mass", "inconsistency_by_penalty", "objective_by_penalty"} <= set(run.comparison.observables)


def test_minimiser_has_no_error_beyond_the_threshold():
    """While the bound at the theorem's penalty is positive: it is loose on separated Gaussians."""
    run = dmft.simulate(SLUG, **SMALL, size=20_000)
    beyond = run.simulation.coordinates["penalty"].values > SelfTrainingExpansion().threshold_of(0.096)
    assert run["error"].last == 0.0
    assert np.all(run["error_by_penalty"].values[beyond] <= 3.0 / 20_000)  # a lonely sample far out may keep its label
    kept, spread = run["error_by_penalty"].values[~beyond], run["error_by_penalty"].stderr[~beyond]
    assert np.all(np.abs(kept - 0.096) < 4.0 * spread)


def test_the_threshold_of_a_sample_comes_nearer_as_one_over_the_root_of_the_size():
    """Its spread is that of the ratio of two counts, samples in the tail and samples near its edge."""
    mass, edge, replicas = 0.3, -ndtri(0.3), 200
    exact = float(SelfTrainingExpansion().threshold_of(mass))
    near = mass / exact
    both = ndtr(edge + 1.0) - ndtr(edge)  # in the tail, and near its edge
    relative = (1.0 - mass) / mass + (1.0 - near) / near - 2.0 * (both / (mass * near) - 1.0)
    rng = np.random.default_rng(5)
    for size in (200, 1600):
        found = np.array([Tail(-np.sort(rng.standard_normal(size)), 1.0).threshold(edge) for _ in range(replicas)])
        spread = exact * np.sqrt(relative / size)
        assert found.std() == pytest.approx(spread, rel=4.0 / np.sqrt(2.0 * replicas))
        assert found.mean() == pytest.approx(
            exact, abs=4.0 * spread / np.sqrt(replicas) + 2.0 * relative * exact / size
        )


def small_classes(seed: int, **options):
    model = SelfTrainingExpansion(**options)
    return model, Replica(model, Simulation(size=600, seed=seed), None, np.random.default_rng(seed)).classes


@pytest.mark.parametrize("seed", range(3))
def test_both_classes_are_minimised_exactly(seed):
    """Dynamic programming on the line against a minimum cut on the graph of the same points."""
    model, classes = small_classes(seed, separation=3.0, radius=0.1, mislabelled_mass=0.2)
    both = TwoClasses(model, *classes)
    points = np.concatenate([-model.half - classes[0], (model.half + classes[1])[::-1]])
    graph = BallGraph.from_points(points[:, None], model.radius)
    for tenths in (2, 10, 30):
        found = both.minimise(tenths / 10.0)
        costs = (10 * both.costs).astype(int)
        value, _ = minimise_by_flow(graph, costs, tenths * graph.masses)
        assert found["objective"] == pytest.approx(value / 10.0 / len(points), rel=1e-12)
        assert both.mu == graph.inconsistent(both.truth).mean()


def test_the_threshold_of_a_sample_is_sharp():
    """On either side of it the minimiser has, or has given up, most of the wrong labels."""
    model, classes = small_classes(0)
    edge = float(model.edge(0.2))
    found = Tail(classes[0], model.radius).threshold(edge)
    single = SelfTrainingExpansion(mislabelled_mass=0.2)
    empty = TwoClasses(single, classes[0], classes[0])  # the same class twice: its errors are those of one
    wrong = np.mean(classes[0] > edge)
    assert empty.minimise(found * (1.0 - 1e-9))["error"] >= 0.5 * wrong
    assert empty.minimise(found * (1.0 + 1e-9))["error"] < 0.5 * wrong


def test_replicas_are_their_streams():
    runs = [dmft.simulate(SLUG, smallest_mass=0.1, size=1500, replicas=n, seed=s) for n, s in ((3, 1), (3, 1), (3, 2))]
    first, again, other = (run["threshold_by_mass"].values for run in runs)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_what_cannot_be_sampled_is_refused():
    with pytest.raises(ParameterError, match="give a size of at least 2e\\+301"):
        dmft.simulate(SLUG, smallest_mass=1e-300, size=1000)
    with pytest.raises(ParameterError, match="give a size of at least 1251"):
        dmft.simulate(SLUG, smallest_mass=0.1, size=1200)
    with pytest.raises(ParameterError, match="majority of its samples by chance"):
        dmft.compare(SLUG, mislabelled_mass=0.4999)
    with pytest.raises(MemoryLimitError, match="smaller --size"):
        dmft.simulate(SLUG, size=10**9)
    needs = estimate(SelfTrainingExpansion(), Simulation(size=10**9))
    assert needs["memory"] > 1e11


def test_few_samples_at_the_boundary_are_told():
    run = dmft.simulate(SLUG, separation=9.0, smallest_mass=0.1, size=60_000, replicas=2)
    assert "few samples at the boundary" in run.simulation.status.message
    assert run.status.success


def test_default_sizes_follow_the_tails():
    for options in ({}, {"mislabelled_mass": 0.3}, {"smallest_mass": 1e-3}, {"separation": 6.0}):
        model = SelfTrainingExpansion(**options)
        sizes = model.default_sizes()
        assert sizes == tuple(sorted(sizes))
        assert sizes[0] * min(model.mislabelled_mass, model.smallest_mass) >= 99.0
        assert sizes[-1] <= 1_000_000

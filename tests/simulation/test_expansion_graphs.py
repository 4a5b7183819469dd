"""Both theorems on small weighted graphs: never violated, met by some; wrong input."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest

from dmft.errors import ParameterError
from dmft.simulation.expansion_graphs import (
    LabelledGraph,
    changed,
    check_denoising,
    check_unsupervised,
    climb,
    random_graph,
    search,
    worst_case,
)
from dmft.solvers.consistency.graph import BallGraph

CHECKS = [check_denoising, check_unsupervised]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("classes", [2, 3])
def test_random_graphs_do_not_violate_a_theorem(check, classes):
    rng, checked = np.random.default_rng(classes), []
    for _ in range(120):
        found = check(random_graph(rng, int(rng.integers(4, 8)), classes))
        checked += [] if found is None else [found]
    assert not any(item.violated for item in checked)
    assert sum(item.applies for item in checked) > 5
    if check is check_denoising:  # and c > 1 alone is enough
        assert sum(not item.applies for item in checked) > 5


@pytest.mark.parametrize("check", CHECKS)
def test_climbing_does_not_violate_a_theorem(check):
    found = search(check, climbs=2, steps=80, samples=(6, 8), classes=2, seed=1)
    assert found.violated == 0
    assert found.graphs > 60
    assert 0.2 < found.largest <= 1.0


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("classes", [2, 3])
def test_long_climbs_do_not_violate_a_theorem(check, classes):
    found = search(check, climbs=12, steps=600, samples=(6, 8), classes=classes, seed=7)
    assert found.violated == 0
    assert found.graphs > 1000
    assert found.largest == found.ratios.max() <= 1.0
    # without labels a graph of three classes rarely has both expansion and inconsistency
    assert found.largest > (0.45 if check is check_unsupervised else 0.9)


@pytest.mark.parametrize("c", [3.0, 3.5, 5.0])
def test_denoising_bound_is_met(c):
    core = 10_000
    contact = round((c - 3.0) / 2.0 * core) + 1
    case = worst_case(core, contact, round((c - 1.0) * core) - contact)
    found = check_denoising(case)
    assert found.applies
    assert float(found.expansion) == pytest.approx(c, rel=1e-4)
    assert 0.9998 < found.ratio <= 1.0


@pytest.mark.parametrize("c", [1.2, 1.5, 2.0])
def test_unsupervised_bound_is_met(c):
    found = check_unsupervised(worst_case(10_000, round((c - 1.0) * 10_000), 0))
    assert float(found.expansion) == pytest.approx(c, rel=1e-3)
    assert 0.9998 < found.ratio <= 1.0


def by_hand(case: LabelledGraph, c: Fraction) -> tuple[Fraction, Fraction]:
    """Largest error of a minimiser of the theorem's objective and its bound, as the paper writes them."""
    masses, total = case.graph.masses, case.graph.total
    neighbours = [set(case.graph.members[a:b].tolist()) for a, b in pairwise(case.graph.starts)]

    def part(which):
        return Fraction(int(sum(m for m, good in zip(masses, which, strict=True) if good)), total)

    def unstable(labels):
        return part([any(labels[y] != labels[x] for y in neighbours[x]) for x in range(len(masses))])

    costs = {}
    for labels in product(range(case.classes), repeat=len(masses)):
        other = part(np.array(labels) != case.pseudolabels)
        costs[labels] = (c + 1) / (c - 1) * other + 2 * c / (c - 1) * unstable(labels)
    best = min(costs.values())
    error = max(part(np.array(labels) != case.truth) for labels, cost in costs.items() if cost == best)
    wrong = part(case.pseudolabels != case.truth)
    return error, 2 / (c - 1) * wrong + 2 * c / (c - 1) * unstable(case.truth.tolist())


def test_checks_are_the_formulas_of_the_paper():
    rng, seen = np.random.default_rng(4), 0
    while seen < 6:
        case = random_graph(rng, 5)
        found = check_denoising(case)
        if found is not None:
            assert (found.error, found.bound) == by_hand(case, found.expansion)
            seen += 1


def test_graphs_without_expansion_or_errors_are_left_out():
    masses = np.array([1, 1, 1, 1])
    alone = BallGraph.from_edges(masses, [])
    truth, pseudo = np.array([0, 0, 1, 1]), np.array([1, 0, 1, 1])
    assert check_denoising(LabelledGraph(alone, truth, pseudo)) is None  # c = 1
    assert check_unsupervised(LabelledGraph(alone, truth, pseudo)) is None
    joined = BallGraph.from_edges(masses, [(0, 1), (2, 3)])
    assert check_denoising(LabelledGraph(joined, truth, truth)) is None  # nothing wrong
    assert check_unsupervised(LabelledGraph(joined, truth, truth)).ratio == 0.0  # found without any label


def test_changes_and_climbs_repeat_with_the_seed():
    made = [
        climb(random_graph(np.random.default_rng(2), 6), check_denoising, 30, np.random.default_rng(3))[1]
        for _ in range(2)
    ]
    assert made[0] == made[1]
    case = random_graph(np.random.default_rng(0), 6)
    rng = np.random.default_rng(1)
    for _ in range(50):
        case = changed(case, rng)
        assert case.classes == 2
        assert set(case.truth) == {0, 1}


def test_wrong_labels_are_refused():
    graph = BallGraph.from_edges([1, 1, 1], [])
    with pytest.raises(ParameterError, match="give \\(3,\\)"):
        LabelledGraph(graph, np.array([0, 1]), np.array([0, 1, 1]))
    with pytest.raises(ParameterError, match="all classes"):
        LabelledGraph(graph, np.array([0, 0, 0]), np.array([0, 1, 1]))

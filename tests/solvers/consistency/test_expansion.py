"""Expansion constants against sets tried one by one, and the penalty at which a minimiser changes sides."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmft.errors import ParameterError
from dmft.solvers.consistency.exhaustive import expansion_constant, labelings
from dmft.solvers.consistency.graph import BallGraph
from dmft.solvers.consistency.parametric import CostLine, critical_penalty


def one_by_one(graph: BallGraph, members: np.ndarray, mass: Fraction) -> Fraction | None:
    """The definition: B, N, and all sets."""
    n, whole = len(graph), int(graph.masses[members].sum())
    balls = [{x, *graph.members[graph.starts[x] : graph.starts[x + 1]].tolist()} for x in range(n)]
    found = []
    for size in range(1, len(members) + 1):
        for chosen in combinations(members.tolist(), size):
            own = int(graph.masses[list(chosen)].sum())
            near = [y for y in members.tolist() if any(balls[x] & balls[y] for x in chosen)]
            grown = int(graph.masses[near].sum())
            if own and Fraction(own, whole) <= mass and grown < whole:
                found.append(Fraction(grown, own))
    return min(found, default=None)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.fractions(Fraction(1, 20), 1))
def test_expansion_is_that_of_the_worst_set(seed, mass):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 8))
    graph = BallGraph.from_edges(rng.integers(0, 9, n) + (np.arange(n) == 0), rng.integers(0, n, (n, 2)))
    members = np.flatnonzero(rng.random(n) < 0.8)
    if not len(members) or not graph.masses[members].sum():
        members = np.array([0])
    assert expansion_constant(graph, members, mass) == one_by_one(graph, members, mass)


def test_the_smallest_ratio_is_exact_where_floats_are_not():
    """Two ratios that differ by less than float64 resolves."""
    q = 2**28
    graph = BallGraph.from_edges([q - 1, q, q - 2, q - 1], [(0, 1), (2, 3)])
    assert (2 * q - 1) / q == (2 * q - 3) / (q - 1)
    assert expansion_constant(graph, np.arange(4), Fraction(3, 10)) == Fraction(2 * q - 3, q - 1)


@pytest.mark.parametrize("scale", [2**58, 2**63])
def test_any_fraction_bounds_the_sets(scale):
    """Products of these fractions with the masses do not fit 64 bits: they wrapped around, or raised an error."""
    graph = BallGraph.from_edges([40, 60], [])
    below = (2 * scale // 5 - 1) | 1  # odd: the fraction cannot be reduced
    assert expansion_constant(graph, np.arange(2), Fraction(below, scale)) is None
    assert expansion_constant(graph, np.arange(2), Fraction(below + 2, scale)) == 1


def test_larger_balls_expand_more():
    rng = np.random.default_rng(3)
    points = rng.standard_normal((9, 1))
    found = [
        expansion_constant(BallGraph.from_points(points, r), np.arange(9), Fraction(1, 2)) for r in (0.1, 0.5, 1.0)
    ]
    assert found[0] <= found[1]
    assert found[2] is None or found[1] <= found[2]


def test_too_many_subsets_are_refused():
    graph = BallGraph.from_edges(np.ones(15, int), [])
    with pytest.raises(ParameterError, match="15 samples"):
        expansion_constant(graph, np.arange(15), Fraction(1, 2))
    with pytest.raises(ParameterError, match="two labels and minimise_by_flow"):
        labelings(9, 3)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=12))
def test_the_crossing_is_where_the_lower_envelope_changes_sides(pairs):
    """`beyond` are the lines with more disagreement than ten; the envelope is scanned on both sides of the answer."""
    lines = [CostLine(0.0, 60.0, False), CostLine(100.0, 0.0, True)]
    lines += [CostLine(float(d), float(r), d > 10) for d, r in pairs]

    def best(fidelity, penalty):
        return min(lines, key=lambda item: fidelity * item.disagreement + penalty * item.inconsistency)

    def lead(side, penalty):
        """By how much the other side is better."""
        costs = {which: min(item.at(penalty) for item in lines if item.beyond == which) for which in (True, False)}
        return costs[side] - costs[not side]

    found = critical_penalty(best, lines[0], lines[1])
    if np.isinf(found):
        assert lead(False, 1e6) <= 0.0
    else:
        assert lead(True, found * (1.0 + 1e-6)) <= 1e-9
        assert lead(False, found * (1.0 - 1e-6)) <= 1e-9


def test_there_may_be_no_crossing():
    line = CostLine(1.0, 2.0, True)
    assert critical_penalty(lambda a, b: line, CostLine(0.0, 2.0, False), line) == np.inf
    assert critical_penalty(lambda a, b: line, CostLine(1.0, 3.0, False), line) == 0.0

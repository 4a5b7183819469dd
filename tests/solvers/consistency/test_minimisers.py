"""Line, minimum cut and all labelings against each other, exactly; laws that every minimum obeys; wrong input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmft.errors import MemoryLimitError, ParameterError
from dmft.solvers.consistency import graph as graph_module
from dmft.solvers.consistency import line as line_module
from dmft.solvers.consistency.exhaustive import minimise_by_trial
from dmft.solvers.consistency.flow import minimise_by_flow
from dmft.solvers.consistency.graph import BallGraph, integer_masses, pseudolabel_costs
from dmft.solvers.consistency.line import balls_of_cells, balls_of_points, inconsistent_on_line, minimise_on_line

SEEDS = st.integers(0, 2**32 - 1)


def random_problem(seed: int, labels: int = 2):
    """A graph of up to 10 samples with costs and penalties, many of them zero."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 11 if labels == 2 else 7))
    edges = rng.integers(0, n, (int(rng.integers(0, 2 * n + 1)), 2))
    graph = BallGraph.from_edges(rng.integers(1, 20, n), edges)
    return graph, rng.integers(0, 30, (n, labels)), np.maximum(rng.integers(-5, 20, n), 0)


@settings(max_examples=60)
@given(SEEDS)
def test_minimum_cut_is_the_best_of_all_labelings(seed):
    graph, costs, penalties = random_problem(seed)
    value, labels = minimise_by_flow(graph, costs, penalties)
    best, every = minimise_by_trial(graph, costs, penalties)
    assert value == best == graph.cost(costs, penalties, labels)
    fewest = every[every.sum(axis=1) == every.sum(axis=1).min()]
    np.testing.assert_array_equal(fewest, [labels])  # and that one is unique


@settings(max_examples=40)
@given(SEEDS, st.integers(1, 5))
def test_line_is_the_best_of_all_labelings(seed, reach):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 11))
    points = np.sort(rng.integers(0, 16, n)).astype(float)  # some of them equal
    costs, penalties = rng.integers(0, 30, (n, 2)), rng.integers(0, 20, n)
    for places, balls in ((points, balls_of_points(points, reach)), (np.arange(n), balls_of_cells(n, reach))):
        graph = BallGraph.from_points(places[:, None], reach)
        value, labels = minimise_on_line(costs, penalties, *balls)
        assert value == minimise_by_trial(graph, costs, penalties)[0] == graph.cost(costs, penalties, labels)
        np.testing.assert_array_equal(inconsistent_on_line(labels, *balls), graph.inconsistent(labels))
        assert minimise_on_line(costs / 64.0, penalties / 64.0, *balls)[0] == value / 64.0  # real numbers


def test_several_labels_are_tried():
    for seed in range(5):
        graph, costs, penalties = random_problem(seed, labels=3)
        value, every = minimise_by_trial(graph, costs, penalties)
        assert all(graph.cost(costs, penalties, labels) == value for labels in every)
        spread = costs.copy()
        spread[:, 2] = 1000  # a label that nobody wants
        assert minimise_by_trial(graph, spread, penalties)[0] == minimise_by_flow(graph, spread[:, :2], penalties)[0]


@pytest.mark.parametrize("seed", range(3))
def test_large_line_is_the_large_minimum_cut(seed):
    rng = np.random.default_rng(seed)
    points = np.sort(rng.standard_normal(1500))
    graph = BallGraph.from_points(points[:, None], 0.02, rng.integers(1, 50, 1500))
    wrong = (points < -1.0) ^ (rng.random(1500) < 0.1)
    costs = 10 * pseudolabel_costs(graph.masses, wrong.astype(int), 2)
    value, labels = minimise_by_flow(graph, costs, 3 * graph.masses)
    other, _ = minimise_on_line(costs, 3 * graph.masses, *balls_of_points(points, 0.02))
    assert value == other
    assert 0 < labels.sum() < 1500


def lattice(side: int, rng: np.random.Generator):
    """A square lattice whose right half is of class 1, with a tenth of the pseudolabels wrong."""
    n = side * side
    index = np.arange(n).reshape(side, side)
    pairs = (index[1:], index[:-1]), (index[:, 1:], index[:, :-1])
    edges = np.concatenate([np.stack([a.ravel(), b.ravel()], axis=1) for a, b in pairs])
    truth = (index % side >= side // 2).ravel().astype(int)
    return BallGraph.from_edges(rng.integers(50, 150, n), edges), truth, truth ^ (rng.random(n) < 0.1)


@pytest.mark.parametrize("side", [100, pytest.param(300, marks=pytest.mark.slow)])
def test_noise_on_a_lattice_is_removed(side):
    """Ten thousand and ninety thousand samples in seconds; the truth costs no less than what is found."""
    graph, truth, pseudo = lattice(side, np.random.default_rng(0))
    costs = pseudolabel_costs(graph.masses, pseudo, 2)
    value, labels = minimise_by_flow(graph, costs, graph.masses)
    assert value == graph.cost(costs, graph.masses, labels)
    assert value <= min(graph.cost(costs, graph.masses, other) for other in (truth, pseudo, np.zeros_like(truth)))
    assert np.mean(labels != truth) < 0.1 * np.mean(pseudo != truth)


@settings(max_examples=25)
@given(SEEDS)
def test_minimum_is_concave_and_inconsistency_falls_with_the_penalty(seed):
    graph, costs, penalties = random_problem(seed)
    minima, parts = [], []
    for factor in range(6):
        value, labels = minimise_by_flow(graph, 4 * costs, factor * penalties)
        minima.append(value)
        parts.append(int(penalties[graph.inconsistent(labels)].sum()))
    assert all(np.diff(minima) >= 0)
    assert all(np.diff(minima, 2) <= 0)
    assert all(np.diff(parts) <= 0)


@settings(max_examples=25)
@given(SEEDS)
def test_renaming_the_labels_changes_nothing(seed):
    graph, costs, penalties = random_problem(seed)
    assert minimise_by_flow(graph, costs, penalties)[0] == minimise_by_flow(graph, costs[:, ::-1], penalties)[0]


def test_balls_of_a_matrix_of_edges_and_of_points_are_the_same():
    points = np.array([0.0, 1.0, 3.0, 3.5])[:, None]
    near = np.abs(points - points.T) <= 2.0
    graphs = (
        BallGraph.from_points(points, 2.0), BallGraph.from_matrix(np.ones(4, int), near),
        BallGraph.from_edges(np.ones(4, int), np.argwhere(near)),
    )  # fmt: skip
    for graph in graphs:
        np.testing.assert_array_equal(graph.members, [1, 0, 2, 1, 3, 2])
        np.testing.assert_array_equal(graph.inconsistent(np.array([0, 0, 0, 1])), [0, 0, 1, 1])
    assert graphs[0].neighbourhoods() == [0b0111, 0b1111, 0b1111, 0b1110]


def test_masses_are_scaled_within_what_is_told():
    weights = np.random.default_rng(0).random(1000)
    made = integer_masses(weights, 10**6)
    assert np.abs(made / 1e6 - weights / weights.sum()).max() <= 0.5000001e-6
    for wrong in ([1.0, -1.0], [np.nan], [0.0], [[1.0]]):
        with pytest.raises(ParameterError, match="weights"):
            integer_masses(wrong)


@pytest.mark.parametrize(
    ("masses", "edges", "words"),
    [
        ([1, -1], [], "masses has an entry -1"),
        ([1.0, 2.0], [], "masses are of type float64"),
        ([0, 0], [], "add up to 0"),
        ([2**31, 1], [], "add up to"),
        ([], [], "at least one sample"),
        ([1, 1], [(0, 2)], "samples 0 to 2"),
        ([1, 1], [(0.5, 1.0)], "pairs"),
        ([1, 1], [0, 1], "pairs"),
    ],
)
def test_wrong_graphs_are_refused(masses, edges, words):
    with pytest.raises(ParameterError, match=words):
        BallGraph.from_edges(np.array(masses, dtype=None if masses else int), np.array(edges))


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        ([[0, 1], [0, 0]], "not symmetric, 1 is in the ball of 0"),
        ([[0.0, -1.0], [-1.0, 0.0]], "an entry -1"),
        ([[0.0, np.nan], [np.nan, 0.0]], "an entry nan"),
        ([[0, 1, 0], [1, 0, 0]], "shape"),
    ],
)
def test_wrong_matrices_are_refused(matrix, words):
    with pytest.raises(ParameterError, match=words):
        BallGraph.from_matrix([1, 1], np.array(matrix))


@pytest.mark.parametrize(
    ("points", "radius", "words"),
    [([[0.0], [np.inf]], 1.0, "finite"), ([[0.0]], -1.0, "radius"), ([0.0], 1.0, "shape")],
)
def test_wrong_points_are_refused(points, radius, words):
    with pytest.raises(ParameterError, match=words):
        BallGraph.from_points(points, radius)


def test_wrong_costs_are_refused():
    graph = BallGraph.from_edges([1, 1], [(0, 1)])
    good, penalties = np.zeros((2, 2), dtype=int), np.ones(2, dtype=int)
    for costs, words in ((good[:1], "shape"), (good - 1, "-1"), (good / 2, "float64"), (good + 2**61, "overflow")):
        with pytest.raises(ParameterError, match=words):
            minimise_by_flow(graph, costs, penalties)
    with pytest.raises(ParameterError, match="penalties"):
        minimise_by_flow(graph, good, penalties[:1])
    with pytest.raises(ParameterError, match="3 labels"):
        minimise_by_flow(graph, np.zeros((2, 3), dtype=int), penalties)
    with pytest.raises(ParameterError, match="at most 2147483646"):
        minimise_by_flow(graph, np.array([[2**31, 0], [0, 2**31]]), penalties)
    with pytest.raises(ParameterError, match="labelings"):
        minimise_by_trial(BallGraph.from_edges(np.ones(15, int), []), np.zeros((15, 2), int), np.ones(15, int))


def test_wrong_lines_are_refused():
    costs, penalties, (low, high) = np.zeros((3, 2)), np.ones(3), balls_of_cells(3, 1)
    for arguments, words in (
        ((costs[:2], penalties, low, high), "costs"),
        ((costs - 1.0, penalties, low, high), "costs must be finite"),
        ((costs, np.nan * penalties, low, high), "penalties must be finite"),
        ((costs, penalties, low[::-1], high), "do not decrease"),
        ((costs, penalties, low, high + 1), "within 0 to 3"),
        ((costs.astype(int) + 2**53, penalties.astype(int), low, high), "smaller integers"),
    ):
        with pytest.raises(ParameterError, match=words):
            minimise_on_line(*arguments)


def test_what_does_not_fit_into_memory_is_refused(monkeypatch):
    from dmft.solvers import memory

    monkeypatch.setattr(memory, "available_memory", lambda: 1e4)
    with pytest.raises(MemoryLimitError, match="smaller radius"):
        BallGraph.from_points(np.zeros((20, 1)), 1.0)
    with pytest.raises(MemoryLimitError, match="fewer samples"):
        minimise_on_line(np.zeros((100, 2)), np.ones(100), *balls_of_cells(100, 1))
    with pytest.raises(MemoryLimitError, match="smaller radius or fewer"):
        minimise_by_flow(BallGraph.from_edges(np.ones(99, int), []), np.zeros((99, 2), int), np.ones(99, int))
    assert graph_module.check_memory is line_module.check_memory

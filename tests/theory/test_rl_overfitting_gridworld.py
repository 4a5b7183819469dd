"""Mazes by number: invariants, exact search against play, dynamic programming and brute force, mistakes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dmft
from dmft.errors import MemoryLimitError, ParameterError, UnknownNameError
from dmft.theory.gridworld import HALF, LATE, LIMIT, MAZES, OBJECTS, REWARDS, best_game, expected, levels, surviving
from dmft.theory.rl_overfitting_gridworld import RLOverfittingGridworld, Search

SLUG = "rl-overfitting/gridworld"
IDS = np.concatenate([np.arange(150), 2**62 + np.arange(10), HALF + np.arange(40)])


def walk(made, index, actions):
    """Return and steps of a game in plain Python, by the rules in words: the oracle of all kernels."""
    side, wall = made.side, set(made.walls[index].tolist())
    row, column = divmod(int(made.start[index]), side)
    left = {int(cell): item for item, cell in enumerate(made.where[index])}
    total = 0.0
    for step, action in enumerate(actions, start=1):
        down, right = {0: (-1, 0), 1: (1, 0), 2: (0, -1), 3: (0, 1)}[int(action)]
        if 0 <= row + down < side and 0 <= column + right < side and (row + down) * side + column + right not in wall:
            row, column = row + down, column + right
        item = left.pop(row * side + column, None)
        if item is not None:
            total += made.rewards[index, item]
        if OBJECTS[item] == "key" if item is not None else False:
            return total, step
        if step == LIMIT:
            return total + LATE, step
    return total, None


@pytest.mark.parametrize("maze", MAZES)
def test_levels_are_what_they_must_be(maze):
    made = levels(maze, IDS)
    side = {"basic": 9, "blocks": 13, "tunnel": 13}[maze] - 2  # the wall around is no cell
    assert made.side == side
    assert made.moves.shape == (len(IDS), side * side, 4)
    if maze != "tunnel":
        assert made.walls.shape[1] == {"basic": 0, "blocks": 8}[maze]
    for i in range(len(IDS)):
        wall = set(made.walls[i].tolist())
        assert len(wall) == made.walls.shape[1]
        placed = [*made.where[i].tolist(), int(made.start[i])]
        assert len(set(placed)) == 6
        assert not wall & set(placed)
        kinds = made.thing[i][made.thing[i] < 5]
        assert sorted(OBJECTS[item] for item in kinds) == sorted(OBJECTS)
        np.testing.assert_array_equal(made.thing[i][made.where[i]], np.arange(5))
        moved = made.moves[i].astype(int)
        assert not wall & set(moved[[cell for cell in range(side**2) if cell not in wall]].ravel().tolist())
    if maze == "tunnel":  # a tree: one way between any two cells, one fewer passages than cells
        for i in range(20):
            free = np.setdiff1d(np.arange(side**2), made.walls[i])
            assert np.sum(made.moves[i][free] != free[:, None]) == 2 * (len(free) - 1)


@pytest.mark.parametrize("maze", MAZES)
def test_every_level_is_worth_2_1_and_the_search_plays_it(maze):
    made = levels(maze, IDS)
    for i in range(len(IDS)):
        value, actions = best_game(made, i)
        total, steps = walk(made, i, actions)
        assert value == pytest.approx(2.1, abs=1e-12)
        assert total == pytest.approx(2.1, abs=1e-12)
        assert steps == len(actions) <= LIMIT


@pytest.mark.parametrize("maze", MAZES)
def test_search_and_dynamic_programming_agree_on_flipped_levels(maze):
    made = levels(maze, IDS[:25], flip=1.0)
    np.testing.assert_array_equal(made.rewards, np.tile(-np.array(REWARDS), (25, 1)))
    for i in range(25):
        value, actions = best_game(made, i)
        total, steps = walk(made, i, actions)
        assert steps == len(actions)
        assert total == pytest.approx(value, abs=1e-12)
        assert expected(made, i)[LIMIT, made.start[i]] == pytest.approx(value, abs=1e-12)
        assert value <= 1.9 + 1e-12
    if maze != "tunnel":  # bomb and lightning can be had without diamonds
        assert all(best_game(made, i)[0] == pytest.approx(1.9) for i in range(25))


def test_short_expectations_against_all_sequences_of_actions():
    """Four steps by brute force: all 4⁴ choices, and for sticky actions all 2³ patterns of repeats."""
    made = levels("basic", np.arange(12), flip=0.5)
    sticky, steps = 0.3, 4
    for i in range(12):
        totals = {}
        for actions in itertools.product(range(4), repeat=steps):
            totals[actions] = walk(made, i, actions)[0]
        start = made.start[i]
        plain = expected(made, i, best=False, late=0.0)[steps, start]
        assert plain == pytest.approx(np.mean(list(totals.values())), abs=1e-12)
        mean = 0.0
        for stuck in itertools.product((False, True), repeat=steps - 1):
            chance = np.prod([sticky if again else 1.0 - sticky for again in stuck])
            values = []
            for actions in totals:
                done = [actions[0]]
                for again, action in zip(stuck, actions[1:], strict=True):
                    done.append(done[-1] if again else action)
                values.append(totals[tuple(done)])
            mean += chance * np.mean(values)
        assert expected(made, i, sticky, best=False, late=0.0)[steps, start] == pytest.approx(mean, abs=1e-12)
        assert expected(made, i, late=0.0)[steps, start] == pytest.approx(max(totals.values()), abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(sorted(MAZES)),
    st.integers(0, 2**62),
    st.floats(0.0, 1.0),
    st.floats(0.0, 0.99),
)
def test_properties_of_any_level(maze, number, flip, sticky):
    made, again = levels(maze, [number], flip), levels(maze, [number + 1, number], flip)
    for name in ("moves", "thing", "where", "start", "walls", "rewards"):  # of its number alone
        np.testing.assert_array_equal(getattr(made, name)[0], getattr(again, name)[1])
    value, actions = best_game(made, 0)
    assert walk(made, 0, actions)[0] == pytest.approx(value, abs=1e-12)
    alive = surviving(made, 0, sticky)
    assert np.all(np.diff(alive, axis=0) <= 1e-12)
    assert np.all((alive >= 0.0) & (alive <= 1.0))
    free = made.starts[0, : made.count[0]]
    uniform, best = (expected(made, 0, sticky, best=greedy)[LIMIT, free] for greedy in (False, True))
    assert np.all(uniform <= best + 1e-12)
    assert np.all(best <= 2.1 + 1e-12)


def test_pinned_levels():
    """A level id is a level on every machine: these must never change."""
    made = [levels(maze, [2**40 + 7]) for maze in MAZES]
    assert [item.where[0].tolist() for item in made] == [
        [26, 48, 35, 30, 32],
        [5, 66, 15, 77, 114],
        [92, 70, 111, 61, 26],
    ]
    assert [int(item.start[0]) for item in made] == [15, 71, 46]


def test_pools_are_disjoint_and_flips_are_for_training_alone():
    model = RLOverfittingGridworld(levels=300, test_levels=200, flip_probability=0.5)
    for seed in range(20):
        train, test = model.pools(300, 200, np.random.default_rng(seed))
        assert len(set(train.ids)) == 300
        assert len(set(test.ids)) == 200
        assert train.ids.max() < HALF <= test.ids.min()
        assert np.all(test.rewards == np.array(REWARDS))
    flipped = np.mean(levels("basic", np.arange(20_000), 0.5).rewards[:, 0] < 0.0)
    assert abs(flipped - 0.5) < 4.0 * 0.5 / np.sqrt(20_000)  # a fair coin for each level
    some, more = (levels("basic", np.arange(500), p).rewards[:, 0] < 0.0 for p in (0.3, 0.6))
    assert np.all(more[some])  # flipped at some p, so at every larger one


def test_solve_tells_the_references():
    run = dmft.solve(SLUG, sample=12, seed=3)
    assert run.status.code == "converged"
    for name in ("optimal_train_return", "optimal_test_return", "optimal_random_start_return"):
        assert float(run[name].values) == pytest.approx(2.1, abs=1e-12)
    # a careful player keeps away from bombs, but not in tunnels that lead past them
    assert 2.0 < float(run["optimal_sticky_return"].values) <= 2.1 + 1e-12
    assert float(dmft.solve(SLUG, sample=4, maze="tunnel")["optimal_sticky_return"].values) < 2.1 - 1e-6
    assert run["random_return"].values.shape == (LIMIT + 1,)
    assert run["random_return"].values[0] == 0.0
    flipped = dmft.solve(SLUG, sample=12, seed=3, flip_probability=1.0)
    assert float(flipped["optimal_train_return"].values) == pytest.approx(1.9, abs=1e-12)
    assert float(flipped["optimal_test_return"].values) == pytest.approx(2.1, abs=1e-12)
    np.testing.assert_allclose(flipped["random_return"].values[:-1], -run["random_return"].values[:-1], atol=1e-12)


def test_same_seed_same_bits_for_any_number_of_threads(monkeypatch):
    import numba

    runs = []
    for count in (1, 2):
        monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", count)
        runs.append(dmft.solve(SLUG, sample=6, maze="blocks", sticky=0.2, null_ops=3, random_starts=True))
    for name in runs[0]:
        np.testing.assert_array_equal(runs[0][name].values, runs[1][name].values)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"levels": 0}, "levels = 0"),
        ({"maze": "spiral"}, "maze = unknown value 'spiral'"),
        ({"flip_probability": 1.2}, "flip_probability = 1.2"),
        ({"flip_probability": float("nan")}, "flip_probability = nan"),
        ({"sticky": 1.0}, "sticky = 1.0"),
        ({"sticky": -0.1}, "sticky = -0.1"),
        ({"null_ops": 200}, "null_ops = 200"),
        ({"discount": 1.1}, "discount = 1.1"),
        ({"steps": 100}, "steps = 100 are less than one update"),
        ({"policy": "deep"}, "policy = unknown value 'deep'"),
        ({"view": "eye"}, "view = unknown value 'eye'"),
        ({"learning_rate": float("inf")}, "learning_rate = inf"),
        ({"test_levels": 2.5}, "test_levels = 2.5"),
    ],
)
def test_wrong_values_are_named(wrong, words):
    with pytest.raises(ParameterError, match=words):
        RLOverfittingGridworld(**wrong)


def test_wrong_options_are_named():
    with pytest.raises(ParameterError, match="sample = 1 "):
        Search(sample=1)
    with pytest.raises(UnknownNameError, match="did you mean 'levels'"):
        dmft.solve(SLUG, level=3)
    with pytest.raises(MemoryLimitError, match="--sample"):
        dmft.solve(SLUG, sample=10_000_000)

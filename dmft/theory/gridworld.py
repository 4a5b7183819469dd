"""Levels of ``rl-overfitting/gridworld``: mazes by number, what their objects pay, and their exact references.

Equation numbers are those of docs/theory/rl_overfitting_gridworld.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray
#: Side of the maze inside its wall and number of single blocks; the paper counts the wall: 9 × 9 and 13 × 13.
MAZES = {"basic": (7, 0), "blocks": (11, 8), "tunnel": (11, 0)}
OBJECTS = ("diamond", "diamond", "bomb", "lightning", "key")
REWARDS = (1.0, 1.0, -1.0, -1.0, 0.1)
#: Steps of a game, and what it costs to take no key in them.
LIMIT, LATE = 200, -1.0
#: Training levels have numbers below, test levels from here to twice that: no level can be both.
HALF = 2**40


@dataclass(frozen=True, eq=False)
class Levels:
    """Tables of levels, made by :func:`levels`; L levels of C cells.

    Attributes
    ----------
    maze : str
        One of :data:`MAZES`.
    ids : ndarray (L,)
        Numbers of the levels.
    moves : ndarray (L, C, 4)
        The cell that an action leads to; the same cell at a wall.
    thing : ndarray (L, C)
        The object on a cell, by its place in :data:`OBJECTS`; 5 for none.
    where : ndarray (L, 5)
        The cell of each object.
    start : ndarray (L,)
        Where the game starts.
    starts, count : ndarray (L, C), (L,)
        Cells without object from which a level is solvable: the first `count`.
    walls : ndarray (L, W)
        Cells that are wall.
    rewards : ndarray (L, 5)
        What the objects pay; of a flipped level with the other sign.
    """

    maze: str
    ids: Array
    moves: Array
    thing: Array
    where: Array
    start: Array
    starts: Array
    count: Array
    walls: Array
    rewards: Array

    @property
    def side(self) -> int:
        """Cells along an edge, inside the wall."""
        return MAZES[self.maze][0]

    def __len__(self) -> int:
        return len(self.ids)


def table_bytes(maze: str, count: float) -> float:
    """Memory of so many levels."""
    side, _ = MAZES[maze]
    return count * (side**2 * 6.5 + 70.0)


def levels(maze: str, ids: Any, flip: float = 0.0) -> Levels:
    """The levels of these numbers; each depends on its number alone.

    Parameters
    ----------
    maze : str
        One of :data:`MAZES`.
    ids : array_like of int, shape (L,)
        Numbers from 0.
    flip : float
        Part of the levels whose objects pay with the other sign; a level flipped at some `flip` is so at all larger.

    Notes
    -----
    About 1 μs (basic), 3 μs (blocks) and 20 μs (tunnel) a level.
    """
    from .kernels import gridworld as kernels

    ids = np.ascontiguousarray(ids, dtype=np.int64)
    side, blocks = MAZES[maze]
    kind, number, cells = list(MAZES).index(maze), len(ids), side * side
    built = cells - (2 * ((side + 1) // 2) ** 2 - 1) if maze == "tunnel" else blocks
    moves = np.empty((number, cells, 4), np.uint8)
    thing, starts = np.empty((number, cells), np.uint8), np.zeros((number, cells), np.uint8)
    where, start, count = np.empty((number, 5), np.uint8), np.empty(number, np.uint8), np.empty(number, np.int32)
    walls, coin = np.empty((number, built), np.uint8), np.empty(number)
    kernels.make_levels(kind, side, blocks, ids, moves, thing, where, start, starts, count, walls)
    kernels.coins(kind, ids, coin)
    rewards = np.where(coin < flip, -1.0, 1.0)[:, None] * np.array(REWARDS)
    return Levels(maze, ids, moves, thing, where, start, starts, count, walls, rewards)


def best_game(made: Levels, index: int) -> tuple[float, Array]:
    """The largest return of a level without chance, and the fewest actions (steps,) that give it."""
    from .kernels.gridworld import search

    actions = np.empty(LIMIT, np.int64)
    start = int(made.start[index])
    value, steps = search(made.moves[index], made.thing[index], made.rewards[index], start, LIMIT, LATE, actions)
    return float(value), actions[:steps]


def expected(made: Levels, index: int, sticky: float = 0.0, *, best: bool = True, late: float = LATE) -> Array:
    """Exact expected return (LIMIT + 1, C) with n steps left at each cell: eq. (2), `best` policy or uniform."""
    from .kernels.gridworld import expectations

    out = np.empty((LIMIT + 1, made.side**2))
    expectations(made.moves[index], made.thing[index], made.rewards[index], sticky, best, late, out)
    return out


def surviving(made: Levels, index: int, sticky: float = 0.0) -> Array:
    """Probability (LIMIT + 1, C) that the uniformly random player has no key after n steps."""
    from .kernels.gridworld import expectations

    out = np.empty((LIMIT + 1, made.side**2))
    expectations(made.moves[index], made.thing[index], np.zeros(5), sticky, False, 1.0, out)
    return out

"""Thousands of games at once on a pool of levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...theory.gridworld import LATE, LIMIT, Levels

Array = np.ndarray


@dataclass(frozen=True)
class Rules:
    """What is changed about the game, to regularise the player or to find out whether it has overfitted.

    Attributes
    ----------
    sticky : float
        Probability ζ that the last action is repeated in place of the chosen one.
    anywhere : bool
        Start on any cell from which the level is solvable.
    idle : int
        Stand still for 0 to so many steps before the first action, which the clock counts.
    """

    sticky: float = 0.0
    anywhere: bool = False
    idle: int = 0


def features(levels: Levels, view: str) -> int:
    """Numbers in an observation, most of them zero: see :meth:`Games.observe`."""
    planes = 4 + (levels.walls.shape[1] > 0)
    cells, wide = levels.side**2, (2 * levels.side - 1) ** 2
    return cells + planes * (cells if view == "map" else wide)


class Games:
    """Games side by side, each on one level of a pool.

    Parameters
    ----------
    levels : Levels
        The pool.
    count : int
        Number of games G.
    rules : Rules
        Changes of the game.
    seed : int
        Of all its random numbers, in [0, 2^63).
    endless : bool
        A game that is over starts anew, on a level drawn from the pool; else games are played once, game i on level
        i modulo the number of levels.
    first : int, optional
        Play the first so many levels alone, where games are played once.

    Attributes
    ----------
    level, cell, taken, clock : ndarray (G,)
        Where each game stands.

    Notes
    -----
    8 to 20 ns a step and 8 to 40 ns an observation on one core: ``benchmarks/gridworld.py``.
    """

    def __init__(
        self, levels: Levels, count: int, rules: Rules, seed: int, *, endless: bool, first: int | None = None
    ) -> None:
        from ..kernels import gridworld as kernels

        self.levels, self.rules, self.endless, self._kernels = levels, rules, endless, kernels
        self.everyone = np.arange(count)
        self.level = (self.everyone % (first or len(levels))).astype(np.int32)
        self.cell, self.taken = (np.empty(count, np.uint8) for _ in range(2))
        self.last, self.clock, self.random = (
            np.empty(count, np.int8),
            np.empty(count, np.int32),
            np.empty((count, 2), np.uint64),
        )
        kernels.seed_games(seed, self.random)
        self.restart(self.everyone, again=endless)

    def _start(self) -> tuple[Any, ...]:
        """Arguments of the kernels that start a game."""
        made, rules = self.levels, self.rules
        state = (self.level, self.cell, self.taken, self.last, self.clock, self.random)
        return (made.start, made.starts, made.count, rules.idle, rules.anywhere, *state)

    def restart(self, who: Array, *, again: bool) -> None:
        """Start the games `who`, with `again` on levels drawn anew."""
        self._kernels.restart(who, again, *self._start())

    def step(self, who: Array, action: Array) -> tuple[Array, Array]:
        """One step of the games `who` (n,): what it pays (n,) and how it ends the game (n,): 0 not, 1 key, 2 time."""
        reward, over = np.empty(len(who)), np.empty(len(who), np.uint8)
        made = self.levels
        tables = (made.moves, made.thing, made.rewards, LIMIT, LATE, self.rules.sticky, self.endless)
        self._kernels.step(who, action, *tables, *self._start(), reward, over)
        return reward, over

    def observe(self, who: Array, view: str) -> Array:
        """Places (n, k) of the ones in the observations of the games `who`, −1 for an object that is gone.

        In the view ``map``: planes of all cells for the player, diamonds, bomb, lightning, key and walls. In
        ``centred`` objects and walls are placed relative to the player, whose own cell is still told.
        """
        made = self.levels
        out = np.empty((len(who), 6 + made.walls.shape[1]), np.int32)
        see = self._kernels.see_map if view == "map" else self._kernels.see_centred
        see(who, made.side, made.where, made.walls, self.level, self.cell, self.taken, out)
        return out

    def choose(self, who: Array, outputs: Array) -> Array:
        """Actions (n,) drawn from the probabilities ∝ exp of the first four of their outputs (n, ≥ 4)."""
        action = np.empty(len(who), np.int64)
        self._kernels.choose(who, outputs, self.random, action)
        return action

"""A player trained on a finite pool of maze levels: exact references of the game; its twin learns by actor–critic.

There is no theory of what the player learns. What stands here is exact for every level: the largest return there is, by
search, with and without chance, and the whole course of a uniformly random player, from which the learner starts.

Equation numbers are those of docs/theory/rl_overfitting_gridworld.rst.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..errors import ParameterError
from ..parameters import Declared, declare
from ..results.curve import Coordinate, Observable
from ..results.picture import Guide, Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import CONVERGED, Status
from .base import Model
from .gridworld import HALF, LIMIT, MAZES, Levels, best_game, expected, levels, surviving, table_bytes
from .registry import register

if TYPE_CHECKING:
    from ..solvers.ensemble import Member

Array = np.ndarray
#: Times at which returns are measured while the player learns, beside the start.
RECORDS = 20
#: Changes of the game that are to show overfitting: ζ of sticky actions, and most steps in place before a game.
DETECTOR_STICKY, DETECTOR_IDLE = 0.25, 30
ON_STEP, ON_TIME = ("step",), ("time",)
TRAIN = Observable("train_return", "R_train", "return on the training levels, in the plain game", ON_STEP)
TEST = Observable("test_return", "R_test", "return on new levels, in the plain game", ON_STEP)


@dataclass(frozen=True)
class Search(Declared):
    """Options of the exact references."""

    sample: int = declare(100, "n", "levels that the references are averaged over", bounds="[2, 1e7]")
    seed: int = declare(0, "seed", "seed of the choice of levels", bounds="[0, inf)")


@register
@dataclass(frozen=True)
class RLOverfittingGridworld(Model):
    """Two diamonds (+1), bomb and lightning (−1) and a key (0.1) that ends the game; −1 after 200 steps without it.

    The twin's player has `size` neurons in each of two hidden layers (none with the linear policy).
    """

    slug: ClassVar[str] = "rl-overfitting/gridworld"
    title: ClassVar[str] = "Overfitting of a player in mazes: return on training levels and on new ones"
    references: ClassVar[tuple[str, ...]] = (
        "Zhang, Vinyals, Munos, Bengio, arXiv:1804.06893",
        "Mnih et al., arXiv:1602.01783 (actor–critic)",
        "Schulman et al., arXiv:1506.02438 (advantages)",
    )
    observables: ClassVar[tuple[Observable, ...]] = (
        TRAIN,
        TEST,
        Observable("game_steps", "T_game", "steps of a game on the training levels", ON_STEP),
        Observable("random_return", "R_0", "reward of a uniformly random player until a time of the training game",
                   ON_TIME),
        TRAIN.final(),
        TEST.final(),
        Observable("gap", "ΔR", "return on training levels minus that on new levels, at the end", ()),
        Observable("sticky_return", "R_ζ", "return on the training levels with sticky actions, at the end", ()),
        Observable("random_start_return", "R_start", "return on the training levels from random starts, at the end",
                   ()),
        Observable("null_op_return", "R_idle", "return on the training levels after steps in place, at the end", ()),
        Observable("optimal_train_return", "R_opt_train", "largest return on the training levels", ()),
        Observable("optimal_test_return", "R_opt_test", "largest return on new levels", ()),
        Observable("optimal_steps", "T_opt", "fewest steps to the largest return on the training levels", ()),
        Observable("optimal_sticky_return", "R_opt_sticky", "largest return with sticky actions, of one who knows them",
                   ()),
        Observable("optimal_random_start_return", "R_opt_start", "largest return from random starts", ()),
        Observable("optimal_null_op_return", "R_opt_idle", "largest return after steps in place", ()),
    )  # fmt: skip
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel(
            "train_return",
            log="",
            guides=(Guide("test_return", label="new levels"), Guide("optimal_train_return", label="largest")),
        ),
        Panel("test_return", log="", guides=(Guide("optimal_test_return", label="largest"),)),
        Panel("game_steps", log="", guides=(Guide("optimal_steps", label="shortest"),)),
        Panel("random_return", log="", title="random player, from which the learner starts"),
    )
    method: ClassVar[type[Search]] = Search
    sizes: ClassVar[tuple[int, ...]] = (64,)
    size_means: ClassVar[str] = "neurons of each hidden layer"

    maze: str = declare("basic", "", "kind of the levels: 9 × 9 empty, 13 × 13 with 8 blocks or of tunnels",
                        choices=tuple(MAZES))  # fmt: skip
    levels: int = declare(10, "L", "training levels of a player", bounds="[1, 1e9]")
    flip_probability: float = declare(
        0.0, "p", "chance that the objects of a training level pay with the other sign", bounds="[0, 1]"
    )
    sticky: float = declare(0.0, "ζ", "in training, chance that the last action is repeated", bounds="[0, 1)")
    random_starts: bool = declare(False, "", "in training, start anywhere")
    null_ops: int = declare(0, "K", "in training, stand still for 0 to K steps before a game", bounds="[0, 199]")
    policy: str = declare("mlp", "", "policy and value: linear, or two hidden layers", choices=("linear", "mlp"))
    view: str = declare(
        "centred", "", "one-hot planes of the level: as a map, or relative to the player", choices=("centred", "map")
    )
    steps: int = declare(1_000_000, "", "steps of all games of a player in training", bounds="[1, 1e12]")
    games: int = declare(128, "G", "games that a player plays at once", bounds="[1, 1e7]")
    horizon: int = declare(8, "T", "steps of each game between two updates", bounds="[1, 1e5]")
    learning_rate: float = declare(0.01, "η", "rate of Adam at the start; it falls to 0 linearly", bounds="(0, inf)")
    entropy: float = declare(0.1, "β", "entropy bonus at the start; it falls to 0 linearly", bounds="[0, inf)")
    discount: float = declare(0.995, "γ", "discount of rewards, for the learner alone", bounds="[0, 1]")
    trace: float = declare(0.9, "λ", "decay of the generalised advantages", bounds="[0, 1]")
    test_levels: int = declare(200, "", "new levels that a player is tested on", bounds="[1, 1e9]")

    def check(self) -> None:
        if self.steps < self.games * self.horizon:
            raise ParameterError(
                f"steps = {self.steps} are less than one update of games × horizon = {self.games * self.horizon}: "
                "give more steps or fewer games"
            )

    @property
    def recorded_updates(self) -> Array:
        """Updates after which returns are measured, from 0 to all."""
        updates = self.steps // (self.games * self.horizon)
        return np.unique(np.round(np.linspace(0, updates, RECORDS + 1)).astype(int))

    def pools(self, count: int, tests: int, rng: np.random.Generator) -> tuple[Levels, Levels]:
        """So many training and test levels: two runs of numbers, which no level can be in both of."""
        train, test = (int(rng.integers(HALF - number)) for number in (count, tests))
        return (
            levels(self.maze, train + np.arange(count), self.flip_probability),
            levels(self.maze, HALF + test + np.arange(tests)),
        )

    def estimate(self, method: Search) -> dict[str, float]:
        """Memory in bytes and a rough number of seconds."""
        cells = MAZES[self.maze][0] ** 2
        return {
            "memory": 2.0 * table_bytes(self.maze, method.sample) + 8.0 * 3.0 * method.sample * (LIMIT + 8),
            "seconds": 0.5 + 2.5e-4 * cells * method.sample,
        }

    def solve(self, method: Search, progress: Progress) -> Solution:
        """Exact values of single levels, averaged over a sample of them."""
        from ..solvers.ensemble import Member, run_ensemble, threads
        from ..solvers.memory import check_memory

        check_memory(self.estimate(method)["memory"], "try a smaller --sample")
        train, test = self.pools(method.sample, method.sample, np.random.default_rng(method.seed))

        def task(index: int, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
            if stop():
                return Member({}, 0)
            values = self.exact(train, test, index)
            update(1.0)
            return Member({}, 1, at_end=values)

        moments, status, _ = run_ensemble(task, method.sample, threads(), 0, progress, "searching levels")
        curves = self.mean_curves(moments) if moments.count > 1 else {}
        if status.success:
            status = Status(CONVERGED, f"exact on each of {method.sample} levels: what a player learns is simulated")
        return Solution(curves, {"time": time_axis()} if curves else {}, status, moments.count, method.as_dict(), {})

    def exact(self, train: Levels, test: Levels, index: int) -> dict[str, Array]:
        """Eqs. (2) and (3) for one training and one test level."""
        first, actions = best_game(train, index)
        plain, sticky = expected(train, index), expected(train, index, DETECTOR_STICKY)
        start = train.start[index]
        return {
            "random_return": self.random_course(train, index),
            "optimal_train_return": np.array(first),
            "optimal_test_return": np.array(best_game(test, index)[0]),
            "optimal_steps": np.array(float(len(actions))),
            "optimal_sticky_return": sticky[LIMIT, start],
            "optimal_random_start_return": plain[LIMIT, _free(train, index)].mean(),
            "optimal_null_op_return": plain[LIMIT - DETECTOR_IDLE :, start].mean(),
        }

    def random_course(self, train: Levels, index: int) -> Array:
        """Expected reward (201,) of the uniformly random player until each time of the training game, eq. (3)."""
        cells = _free(train, index) if self.random_starts else train.start[index : index + 1]
        free = expected(train, index, self.sticky, best=False, late=0.0)[:, cells].mean(axis=1)
        alive = surviving(train, index, self.sticky)[:, cells].mean(axis=1)
        course = np.zeros(LIMIT + 1)
        for idle in range(self.null_ops + 1):
            course[idle:] += free[: LIMIT + 1 - idle] / (self.null_ops + 1)
            course[LIMIT] -= alive[LIMIT - idle] / (self.null_ops + 1)  # −1 for those without key
        return course


def time_axis() -> Coordinate:
    """Steps of one game."""
    return Coordinate("time", np.arange(LIMIT + 1), "t", "step of a game", "step")


def _free(made: Levels, index: int) -> Array:
    """Cells that a level can be started from."""
    return made.starts[index, : made.count[index]]

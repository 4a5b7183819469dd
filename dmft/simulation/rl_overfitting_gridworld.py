"""Learning twin of ``rl-overfitting/gridworld``: an actor–critic on a pool of levels, tested on new ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..errors import BackendError
from ..results.curve import Coordinate
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import CONVERGED, DIVERGED, Status
from ..solvers.ensemble import Member
from ..solvers.memory import check_memory
from ..theory.gridworld import MAZES, Levels, best_game, levels, table_bytes
from ..theory.rl_overfitting_gridworld import DETECTOR_IDLE, DETECTOR_STICKY, RLOverfittingGridworld, time_axis
from .backend import Backend, get_backend
from .gridworld.actor_critic import Learner, Played, build, play
from .gridworld.games import Games, Rules
from .method import Simulation
from .networks.losses import actor_critic
from .networks.schedules import warm_up_linear_decay
from .replicas import run_replicas

Array = np.ndarray
#: Games of a measurement: at least, and levels of a pool that are played at most.
LEAST, MOST = 200, 1000
#: Games of the random player, at least.
RANDOM = 1000
#: Weight of the squared error of the value in the loss.
VALUE = 0.5
PLAIN = Rules()
DETECTORS = {
    "sticky_return": Rules(sticky=DETECTOR_STICKY),
    "random_start_return": Rules(anywhere=True),
    "null_op_return": Rules(idle=DETECTOR_IDLE),
}


def estimate(model: RLOverfittingGridworld, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate`."""
    network = build(levels(model.maze, [0]), model.view, model.policy, method.size)
    item, samples = np.dtype(method.precision).itemsize, model.games * model.horizon
    games = max(LEAST, min(model.levels, MOST), RANDOM, model.test_levels)
    workers = min(get_backend(method.backend).workers, method.replicas)
    activations = float(sum(shape[0] for shape in network.features))
    memory = network.memory(1, samples, item) + games * activations * item
    memory += samples * (4.0 * network.inputs[0] + 80.0) + 60.0 * (games + model.games)
    memory += table_bytes(model.maze, float(model.levels + model.test_levels))
    # one forward pass to play, and one forward and backward pass to learn
    each = 1.5e-6 + network.flops(1, 1) * 4.0 / 3.0 * (8e-11 if item == 4 else 1.6e-10)
    seconds = method.replicas * (model.steps * each + 3e-6 * MAZES[model.maze][0] ** 2 * min(model.levels, MOST))
    return {"memory": workers * memory, "seconds": 0.5 + seconds / workers}


def simulate(model: RLOverfittingGridworld, method: Simulation, progress: Progress) -> Solution:
    """Train independent players (own levels, own start, own games), and play with them.

    Returns
    -------
    Solution
        Returns in the plain game while they learn, on training levels with the rewards of training and on new levels
        with the true ones; at the end also with each detector, on the training levels.

    Raises
    ------
    MemoryLimitError, BackendError

    Notes
    -----
    5 μs a step and replica on one core with 64 neurons in float32, 9 μs in float64.
    """
    backend = get_backend(method.backend)
    if backend.xp is not np:
        raise BackendError("the games of rl-overfitting/gridworld run on the CPU alone: use --backend numpy")
    check_memory(estimate(model, method)["memory"], "try fewer --levels, --test-levels, --games or a smaller --size")
    times = model.recorded_updates
    moments, status, facts = run_replicas(Replica, model, method, backend, len(times) - 1, progress)
    curves = model.mean_curves(moments)
    if "gap" in curves:  # the runs are complete
        curves |= model.finals(curves)
        # a figure of a sweep shows the first scalars
        curves = {item.name: curves[item.name] for item in model.observables if item.name in curves}
    kept = len(curves["train_return"].values) if "train_return" in curves else 0
    passed = times[:kept].astype(float) * model.games * model.horizon
    axes = {"step": Coordinate("step", passed, "n", "steps of all games", "step")} if kept else {}
    if "random_return" in curves:
        axes["time"] = time_axis()
    if status.code == DIVERGED:
        words = f"the data up to step {int(passed[-1])} are kept" if kept else "there are no data"
        status = Status(DIVERGED, f"the weights left the float range: {words}; try a smaller --learning-rate")
    elif status.success:
        made = [f"{float(curves[name].last):.3f}" for name in ("train_return", "optimal_train_return", "test_return")]
        words = f"{len(facts)} players learned for {int(passed[-1])} steps: return {made[0]} of at most {made[1]} on "
        status = Status(CONVERGED, f"{words}{model.levels} training levels, {made[2]} on new ones")
    told = {"weights": facts[0]["weights"] if facts else 0}
    return Solution(curves, axes, status, moments.count, method.as_dict(), told)


class Replica:
    """One player."""

    def __init__(
        self, model: RLOverfittingGridworld, method: Simulation, backend: Backend, rng: np.random.Generator
    ) -> None:
        self.model, self.rng = model, rng
        self.train, self.test = model.pools(model.levels, model.test_levels, rng)
        self.network = build(self.train, model.view, model.policy, method.size)
        self.weights = self.network.start([rng]).astype(method.precision)
        self.rules = Rules(model.sticky, model.random_starts, model.null_ops)

    def run(self, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        """Learn to the end, to an interrupt, or until a weight is no number."""
        model, times = self.model, self.model.recorded_updates
        updates = int(times[-1])
        games = Games(self.train, model.games, self.rules, self._seed(), endless=True)
        loss = actor_critic(model.entropy, VALUE)
        learner = Learner(
            self.network, self.weights, games, model.view, loss, model.horizon, model.discount, model.trace
        )
        rate, bonus = (warm_up_linear_decay(value, 0, updates) for value in (model.learning_rate, model.entropy))
        rows: list[tuple[float, float, float]] = []
        ends, diverged = self._before(), False
        for now in range(updates + 1):
            if stop():
                break
            if now == times[len(rows)]:
                diverged = not bool(np.isfinite(learner.weights).all())
                if diverged:
                    break
                rows.append(self._measure(learner.weights))
                update(1.0)
            if now < updates:
                learner.loss = actor_critic(bonus(now), VALUE)
                diverged = not np.isfinite(learner.update(rate(now)))
                if diverged:
                    break
        series = dict(zip(("train_return", "test_return", "game_steps"), np.array(rows).T, strict=False))
        if len(rows) == len(times):
            ends |= self._detect(learner.weights) | {"gap": np.array(rows[-1][0] - rows[-1][1])}
        return Member({}, len(rows), diverged, {"weights": self.network.size}, ends, series)

    def _seed(self) -> int:
        return int(self.rng.integers(2**63))

    def _play(self, weights: Array, pool: Levels, rules: Rules, least: int = LEAST) -> Played:
        """Play levels of a pool, the first of many, each as often as it takes."""
        count = min(len(pool), MOST)
        return play(self.network, weights, pool, self.model.view, rules, self._seed(), count, -(-least // count))

    def _before(self) -> dict[str, Array]:
        """The largest returns there are, and the course of the random player that this one still is."""
        best = [[best_game(pool, i) for i in range(min(len(pool), MOST))] for pool in (self.train, self.test)]
        course = self._play(self.weights, self.train, self.rules, RANDOM).course
        return {
            "random_return": course,
            "optimal_train_return": np.array(np.mean([value for value, _ in best[0]])),
            "optimal_test_return": np.array(np.mean([value for value, _ in best[1]])),
            "optimal_steps": np.array(np.mean([float(len(actions)) for _, actions in best[0]])),
        }

    def _measure(self, weights: Array) -> tuple[float, float, float]:
        """Returns on both pools in the plain game, and the steps of a game on the first."""
        train, test = (self._play(weights, pool, PLAIN) for pool in (self.train, self.test))
        return float(train.returns.mean()), float(test.returns.mean()), float(train.steps.mean())

    def _detect(self, weights: Array) -> dict[str, Array]:
        """Returns on the training levels in the changed games."""
        return {
            name: np.array(self._play(weights, self.train, rules).returns.mean()) for name, rules in DETECTORS.items()
        }

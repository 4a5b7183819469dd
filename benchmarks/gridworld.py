"""Steps per second of the games of ``rl-overfitting/gridworld``, and of the learner on them.

    python benchmarks/gridworld.py [--games 4096] [--threads 2] [--levels 1000]

The floor is what a step cannot do without: one random number for each game (as drawn to choose its action) and one
reading of the table of moves, in a loop without rules, ends or rewards. "Share" is the floor's time over ours. Each
thread plays games of its own; the best of several rounds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from dmft.simulation.gridworld.actor_critic import Learner, build
from dmft.simulation.gridworld.games import Games, Rules
from dmft.simulation.kernels.gridworld import below
from dmft.simulation.networks.losses import actor_critic
from dmft.solvers.blas import single_threaded_blas
from dmft.solvers.compiled import compiled
from dmft.theory.gridworld import MAZES, levels

STEPS = 200


@compiled
def floor(who, moves, level, cell, random):
    """A random walk on the levels and nothing else."""
    for i in range(who.shape[0]):
        game = who[i]
        cell[game] = moves[level[game], cell[game], below(random, game, 4)]


def rate(makers: list[Callable[[], Callable[[], None]]], games: int, rounds: int = 5) -> float:
    """Steps of games a second of all threads together, each with a function of its own."""
    functions = [maker() for maker in makers]
    seconds = []
    with ThreadPoolExecutor(len(functions)) as pool:
        for function in functions:
            function()  # compiles
        for _ in range(rounds):
            started = time.perf_counter()
            list(pool.map(lambda function: [function() for _ in range(STEPS)], functions))
            seconds.append(time.perf_counter() - started)
    return len(functions) * STEPS * games / min(seconds)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--games", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--levels", type=int, default=1000)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    for maze in MAZES:
        made = levels(maze, np.arange(options.levels))
        actions = rng.integers(0, 4, (64, options.games))

        def games() -> Games:
            return Games(made, options.games, Rules(sticky=0.25), int(rng.integers(2**40)), endless=True)  # noqa: B023

        def bare() -> Callable[[], None]:
            mine = games()
            return lambda: floor(mine.everyone, mine.levels.moves, mine.level, mine.cell, mine.random)

        def stepping(see: str = "") -> Callable[[], None]:
            mine, counter = games(), iter(range(10**9))

            def one() -> None:
                mine.step(mine.everyone, actions[next(counter) % 64])  # noqa: B023
                if see:
                    mine.observe(mine.everyone, see)

            return one

        for threads in sorted({1, options.threads}):
            best = rate([bare] * threads, options.games)
            step = rate([stepping] * threads, options.games)
            seen = {view: rate([lambda v=view: stepping(v)] * threads, options.games) for view in ("map", "centred")}
            words = ", ".join(f"with view {view} {value / 1e6:.1f}" for view, value in seen.items())
            print(
                f"{maze}, {threads} threads: {step / 1e6:.1f} million steps/s ({step / best:.2f} of the floor), {words}"
            )
    learning(options.levels)


def learning(count: int) -> None:
    """The learner at its defaults, one thread."""
    made = levels("basic", np.arange(count))
    with single_threaded_blas():
        for precision in ("float32", "float64"):
            network = build(made, "centred", "mlp", 64)
            weights = network.start([np.random.default_rng(0)]).astype(precision)
            games = Games(made, 128, Rules(), 0, endless=True)
            learner = Learner(network, weights, games, "centred", actor_critic(0.1, 0.5), 8, 0.95, 0.9)
            learner.update(0.01)
            started = time.process_time()
            for _ in range(100):
                learner.update(0.01)
            seconds = time.process_time() - started
            print(f"learner, {precision}: {100 * 1024 / seconds:.0f} steps a second of CPU time")


if __name__ == "__main__":
    main()

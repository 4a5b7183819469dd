"""Figures of the page on ``rl-overfitting/gridworld``: mazes, ways of a player, and the study of pools of levels.

    python examples/gridworld_overfitting.py [--only mazes,ways,pools,regularisers] [--folder docs/images]
        [--runs FOLDER] [--steps 1000000] [--pools 10,100,1000] [--replicas 4] [--long]

Runs are kept in the folder `runs` and read again from there. The study takes about four minutes of CPU time, and
``--long`` (10⁷ steps, pools to 10 000 levels, 8 replicas) about three hours of it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import dmft
from dmft.results.figures import STYLE
from dmft.simulation.gridworld.actor_critic import Learner, build
from dmft.simulation.gridworld.games import Games, Rules
from dmft.simulation.networks.losses import actor_critic
from dmft.solvers.blas import single_threaded_blas
from dmft.theory.gridworld import HALF, LIMIT, MAZES, OBJECTS, Levels, best_game, levels

SLUG = "rl-overfitting/gridworld"
MARKS = {"diamond": ("D", "#0072B2"), "bomb": ("o", "0.1"), "lightning": ("X", "#E69F00"), "key": ("P", "#009E73")}
#: What is trained beside the defaults, for the study of pools and of regularisers.
CURVES: dict[str, dict[str, Any]] = {
    "MLP": {},
    "MLP, p = 0.5": {"flip_probability": 0.5},
    "linear": {"policy": "linear"},
}
REGULARISERS: dict[str, dict[str, Any]] = {
    "none": {},
    "sticky 0.25": {"sticky": 0.25},
    "random starts": {"random_starts": True},
    "null ops 30": {"null_ops": 30},
}


def draw(axes: Axes, made: Levels, index: int) -> None:
    """One level: walls, objects, the start as a ring."""
    side = made.side
    image = np.zeros((side + 2, side + 2))
    image[0] = image[-1] = image[:, 0] = image[:, -1] = 1.0
    rows, columns = np.divmod(made.walls[index].astype(int), side)
    image[rows + 1, columns + 1] = 1.0
    axes.imshow(image, cmap="Greys", vmin=0.0, vmax=2.0, extent=(-1.5, side + 0.5, side + 0.5, -1.5))
    for item, cell in enumerate(made.where[index].astype(int)):
        mark, colour = MARKS[OBJECTS[item]]
        axes.plot(cell % side, cell // side, mark, color=colour, markersize=5)
    axes.plot(made.start[index] % side, made.start[index] // side, "o", color="#D55E00", mfc="none", markersize=7)
    axes.set_axis_off()


def mazes() -> Figure:
    """Three kinds of levels with the shortest best ways."""
    figure = Figure(figsize=(7.0, 2.7), layout="constrained")
    for axes, maze in zip(figure.subplots(1, 3), MAZES, strict=True):
        made = levels(maze, [3])
        value, actions = best_game(made, 0)
        draw(axes, made, 0)
        cell, way = int(made.start[0]), [int(made.start[0])]
        for action in actions:
            cell = int(made.moves[0, cell, action])
            way.append(cell)
        trace(axes, made.side, way)
        axes.set_title(f"{maze}: {score(value, len(actions))}")
    return figure


def score(value: float, steps: int) -> str:
    """What a game paid, and how long it took."""
    return f"{value:.1f} in {steps} step{'s' if steps != 1 else ''}"


def trace(axes: Axes, side: int, way: list[int]) -> None:
    """Draw a way, later steps shifted such that none hides another."""
    cells = np.array(way)
    shift = np.linspace(-0.15, 0.15, len(cells))
    axes.plot(cells % side + shift, cells // side + shift, color="#CC79A7", linewidth=1.2)


def ways() -> Figure:
    """The ways of one player that has learned ten levels: on two of them, and on two new ones."""
    train, test = levels("basic", np.arange(10)), levels("basic", HALF + np.arange(40))
    network = build(train, "centred", "mlp", 64)
    weights = network.start([np.random.default_rng(0)]).astype("float32")
    games = Games(train, 128, Rules(), 0, endless=True)
    learner = Learner(network, weights, games, "centred", actor_critic(0.1, 0.5), 8, 0.995, 0.9)
    with single_threaded_blas():
        for step in range(1000):
            learner.loss = actor_critic(0.1 * (1.0 - step / 1000), 0.5)
            learner.update(0.01 * (1.0 - step / 1000))
    figure = Figure(figsize=(7.0, 2.1), layout="constrained")
    for axes, (pool, index) in zip(figure.subplots(1, 4), [(train, 0), (train, 1), (test, 0), (test, 1)], strict=True):
        one = levels("basic", pool.ids[index : index + 1])
        game = Games(one, 1, Rules(), 1, endless=False)
        total, way = 0.0, [int(game.cell[0])]
        for _ in range(LIMIT):
            outputs = network.forward(np, learner.weights, game.observe(game.everyone, "centred")[None])[0][0]
            reward, over = game.step(game.everyone, game.choose(game.everyone, outputs))
            total += float(reward[0])
            way.append(int(game.cell[0]))
            if over[0]:
                break
        draw(axes, one, 0)
        trace(axes, one.side, way)
        axes.set_title(f"{'training' if pool is train else 'new'}: {score(total, len(way) - 1)}")
    return figure


def trained(options: argparse.Namespace, **parameters: Any) -> dmft.results.run.Run:
    """The run with these parameters, from the folder if it is there."""
    words = "_".join(f"{name}={value}" for name, value in sorted(parameters.items()))
    path = options.runs / f"{words}_steps={options.steps}_replicas={options.replicas}.h5"
    if path.exists():
        return dmft.load(path)
    run = dmft.simulate(SLUG, precision="float32", steps=options.steps, replicas=options.replicas, **parameters)
    options.runs.mkdir(parents=True, exist_ok=True)
    run.save(path)
    return run


def text(run: dmft.results.run.Run, name: str) -> str:
    """A scalar with its standard error."""
    curve = run.simulation[name]
    return f"{curve.last:.3f} ± {curve.last_stderr:.3f}"


def pools(options: argparse.Namespace) -> Figure:
    """Train and test return against the pool."""
    figure = Figure(figsize=(7.0, 2.0), layout="constrained")
    for axes, (name, changes) in zip(figure.subplots(1, len(CURVES), sharey=True), CURVES.items(), strict=True):
        runs = [trained(options, levels=count, **changes) for count in options.pools]
        for run, count in zip(runs, options.pools, strict=True):
            words = ", ".join(
                f"{part} {text(run, key)}"
                for part, key in (("train", "final_train_return"), ("test", "final_test_return"))
            )
            print(f"{name}, {count} levels: {words}, largest {text(run, 'optimal_train_return')}")
        for key, style in (("final_train_return", "o-"), ("final_test_return", "s--")):
            ends = [run.simulation[key] for run in runs]
            values, errors = [item.last for item in ends], [2.0 * item.last_stderr for item in ends]
            axes.errorbar(options.pools, values, errors, fmt=style, mfc="white", label=key.split("_")[1])
        best = [run.simulation["optimal_train_return"].last for run in runs]
        axes.plot(options.pools, best, ":", color="0.35", label="largest")
        axes.set(xscale="log", xlabel="training levels", title=name)
    figure.axes[0].set_ylabel("return")
    figure.axes[0].legend(fontsize=6.5)
    return figure


def regularisers(options: argparse.Namespace) -> None:
    """A table: what a change of the game does in training, and what it shows at the end."""
    keys = ("final_train_return", "sticky_return", "random_start_return", "null_op_return", "final_test_return")
    print(f"{'regulariser':15}" + "".join(f"{key:>22}" for key in keys))
    for name, changes in REGULARISERS.items():
        run = trained(options, levels=options.pools[0], **changes)
        print(f"{name:15}" + "".join(f"{text(run, key):>22}" for key in keys))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="mazes,ways,pools,regularisers")
    parser.add_argument("--folder", type=Path, default=Path("docs/images"))
    parser.add_argument("--runs", type=Path, default=Path("gridworld_runs"))
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--pools", default="10,100,1000")
    parser.add_argument("--replicas", type=int, default=4)
    parser.add_argument("--long", action="store_true")
    options = parser.parse_args()
    if options.long:
        options.steps, options.pools, options.replicas = 10_000_000, "10,100,1000,10000", 8
    options.pools = [int(word) for word in options.pools.split(",")]
    with matplotlib.rc_context(fname=STYLE):
        for name in options.only.split(","):
            if name == "regularisers":
                regularisers(options)
                continue
            figure = {"mazes": mazes, "ways": ways, "pools": lambda: pools(options)}[name]()
            figure.savefig(options.folder / f"rl_overfitting_gridworld_{name}.png", dpi=150)


if __name__ == "__main__":
    main()

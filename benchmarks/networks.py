"""Cost of the network engine: a training step against PyTorch (if installed), and replicas at once against one by one.

    python benchmarks/networks.py [--quick]

The network is that of f-principle/training (tanh, 200-200-200-100 on 61 points, full-batch Adam) and a small one
(20-20). One thread everywhere; the best of several repeats, in CPU seconds.
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise

import numpy as np

from dmft.simulation.backend import Backend
from dmft.simulation.networks import starts
from dmft.simulation.networks.activations import Tanh
from dmft.simulation.networks.dense import Dense
from dmft.simulation.networks.losses import mean_square
from dmft.simulation.networks.network import Network
from dmft.simulation.networks.optimisers import Adam
from dmft.simulation.networks.schedules import constant
from dmft.simulation.networks.training import Problem, train
from dmft.solvers.blas import single_threaded_blas

X = np.linspace(-10.0, 10.0, 61)[:, None]
Y = np.sin(X) + np.sin(4.0 * X)
LARGE, SMALL = (200, 200, 200, 100), (20, 20)


def best(call, repeats: int) -> float:
    """Least CPU seconds of several calls."""
    found = []
    for _ in range(repeats):
        started = time.process_time()
        call()
        found.append(time.process_time() - started)
    return min(found)


def engine(widths: tuple[int, ...], precision: str, replicas: int, steps: int):
    """A call that trains `replicas` networks at once."""
    start = starts.normal(0.05)
    layers = [layer for width in widths for layer in (Dense(width, start, start), Tanh())]
    network = Network((*layers, Dense(1, start, start)), (1,))
    problem = Problem(network, mean_square, Adam(), constant(2e-5), X, Y)

    def measure(weights, outputs, losses):
        return {"loss": losses}

    def call() -> None:
        rngs = [np.random.default_rng(i) for i in range(replicas)]
        train(
            problem, rngs, Backend(np, 1), precision, np.array([0, steps]), measure, lambda: False, lambda units: None
        )

    return call


def pytorch(widths: tuple[int, ...], precision: str, steps: int):
    """The same in PyTorch, or None if it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    kind = {"float64": torch.float64, "float32": torch.float32}[precision]
    sizes = [1, *widths, 1]
    layers: list[torch.nn.Module] = []
    for left, right in pairwise(sizes):
        layers += [torch.nn.Linear(left, right, dtype=kind), torch.nn.Tanh()]
    network = torch.nn.Sequential(*layers[:-1])
    x, y = (torch.tensor(part, dtype=kind) for part in (X, Y))

    def call() -> None:
        optimiser = torch.optim.Adam(network.parameters(), lr=2e-5)
        for _ in range(steps):
            optimiser.zero_grad()
            torch.mean((network(x) - y) ** 2).backward()
            optimiser.step()

    return call


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer steps")
    steps, repeats = (20, 2) if parser.parse_args().quick else (200, 4)
    print("milliseconds a step       engine   PyTorch   engine/PyTorch")
    for name, widths in (("200-200-200-100", LARGE), ("20-20", SMALL)):
        for precision in ("float32", "float64"):
            mine = best(engine(widths, precision, 1, steps), repeats) / steps
            other = pytorch(widths, precision, steps)
            theirs = float("nan") if other is None else best(other, repeats) / steps
            print(f"{name:16s} {precision}  {1e3 * mine:6.3f}    {1e3 * theirs:6.3f}    {mine / theirs:6.2f}")
    print("8 replicas, milliseconds a step   at once   one by one   gain")
    for name, widths in (("200-200-200-100", LARGE), ("20-20", SMALL)):
        together = best(engine(widths, "float64", 8, steps), repeats) / steps
        alone = 8.0 * best(engine(widths, "float64", 1, steps), repeats) / steps
        print(f"{name:16s} float64         {1e3 * together:8.3f}   {1e3 * alone:8.3f}   {alone / together:6.2f}")


if __name__ == "__main__":
    with single_threaded_blas():
        main()

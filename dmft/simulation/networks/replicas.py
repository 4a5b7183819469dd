"""Replicas of a training in groups: stacked in one array within a group, groups side by side in threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...results.progress import Progress
from ...results.statistics import Moments
from ...results.status import CONVERGED, DIVERGED, INTERRUPTED, Status
from ...solvers.blas import single_threaded_blas
from ...solvers.ensemble import Member, run_groups
from ..backend import Backend
from ..method import Simulation
from .training import Measure, Problem, Trained, train

#: Numbers in the activations of a group, above which stacking more replicas gains nothing: they leave the cache.
STACKED = 1e5
#: Makes the arrays at the end from a group's trained networks: ``at_end(trained) -> (R, …)`` by name.
AtEnd = Callable[[Trained], dict[str, np.ndarray]]


def groups(replicas: int, workers: int, numbers: float) -> list[range]:
    """Split replicas with `numbers` activations each: as many groups as workers, more if they would be large."""
    size = min(-(-replicas // workers), max(1, int(STACKED / max(numbers, 1.0))))
    return [range(first, min(first + size, replicas)) for first in range(0, replicas, size)]


def run_training(
    problem: Problem,
    method: Simulation,
    backend: Backend,
    times: np.ndarray,
    measure: Measure,
    progress: Progress,
    at_end: AtEnd | None = None,
    unfinished: bool = False,
) -> tuple[Moments, Status, list[dict[str, Any]]]:
    """Train all replicas of `method` and average what is measured.

    Replica i draws from the stream (seed, i), and the linear algebra library is held to one thread: results do not
    depend on the grouping.

    Parameters
    ----------
    unfinished : bool
        Call `at_end` also for networks that diverged or were interrupted after a first measurement: they have fewer
        times, and the last finite weights.

    Returns
    -------
    moments, status, facts
        As :func:`dmft.solvers.ensemble.run_groups`; the status tells steps of training, and how many replicas
        reached the target loss.
    """

    def task(indices: range, stop: Callable[[], bool], update: Callable[[float], None]) -> list[Member]:
        rngs = [np.random.default_rng(np.random.SeedSequence(method.seed, spawn_key=(i,))) for i in indices]
        trained = train(problem, rngs, backend, method.precision, times, measure, stop, update)
        ends = {}
        if at_end is not None and (trained.done == len(times) or (unfinished and trained.done)):
            ends = at_end(trained)
        return [
            Member(
                {},
                trained.done,
                bool(trained.diverged[row]),
                facts={"rests": bool(trained.rests[row])},
                at_end={name: values[row] for name, values in ends.items()},
                series={name: values[row] for name, values in trained.records.items()},
            )
            for row in range(len(indices))
        ]

    split = groups(method.replicas, backend.workers, activations(problem))
    with single_threaded_blas():
        moments, status, facts = run_groups(
            task, split, backend.workers, len(times) - 1, progress, f"training {method.replicas} networks"
        )
    length = len(moments.mean(next(iter(moments)))) if moments.count else 0
    return moments, _told(status, problem, times, length, facts), facts


def activations(problem: Problem) -> float:
    """Numbers that one replica holds in one step."""
    count = problem.batch or len(problem.inputs)
    return float(count * sum(int(np.prod(shape)) for shape in problem.network.features))


def estimate(
    problem: Problem, method: Simulation, backend: Backend, times: np.ndarray, recorded: float
) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds on a CPU; `recorded` numbers are kept at each time."""
    item = np.dtype(method.precision).itemsize
    split = groups(method.replicas, backend.workers, activations(problem))
    samples, network = problem.batch or len(problem.inputs), problem.network
    stacked = min(backend.workers, len(split)) * network.memory(len(split[0]), samples, item)
    kept = 3.0 * 8.0 * method.replicas * len(times) * recorded
    operations = network.flops(method.replicas, samples) / (2.2e10 if item == 8 else 6e10)
    passes = method.replicas * item * (12.0 * network.size + 12.0 * activations(problem)) / 1.3e10
    calls = len(split) * 2e-5 * len(network.layers)
    seconds = (operations + passes + calls) * times[-1] / min(backend.workers, len(split))
    return {"memory": stacked + kept, "seconds": 0.2 + float(seconds)}


def _told(status: Status, problem: Problem, times: np.ndarray, length: int, facts: list[dict[str, Any]]) -> Status:
    """The status in steps of training."""
    last = int(times[length - 1]) if length else 0
    if status.code == DIVERGED:
        what = f"the data up to step {last} are kept" if length else "there are no data"
        return Status(DIVERGED, f"a loss left the float range after step {last}: {what}; try a smaller --learning-rate")
    if status.code == INTERRUPTED and length < len(times):
        return Status(INTERRUPTED, f"interrupted after step {last} of {int(times[-1])}; run again for the rest")
    if not status.success:
        return status
    message = f"{len(facts)} networks trained for {int(times[-1])} steps"
    if problem.target_loss:
        message += f"; {sum(item['rests'] for item in facts)} reached the loss {problem.target_loss:g} before"
    return Status(CONVERGED, message)

"""Independent marches in threads, their mean and standard error; memory known before the start."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numba
import numpy as np

from ...errors import MemoryLimitError
from ...results.progress import Progress
from ...results.statistics import Moments
from ...results.status import CONVERGED, DIVERGED, INTERRUPTED, Status
from ..memory import available_memory, readable
from .march import March
from .method import Marching
from .problem import MarchingProblem, Sample
from .response import response_paths

#: What a march tells about its numerics.
FACTS = ("rank", "left_out", "largest_left_out", "done", "diverged")


def estimate(problem: MarchingProblem, steps: int, method: Marching) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds that :func:`solve` will take."""
    times, n = steps + 1, method.paths_per_batch
    size = np.dtype(method.precision).itemsize
    exact = response_paths(problem, steps, n, method.response)
    path = times * (2.0 * size + 5.0) + 8.0 * 12
    if exact:
        response = exact * (problem.chain.active_pairs(times) * size + problem.chain.mean * times * (4 + size))
    else:
        response = 2.0 * n * times * size
    workers = min(_threads(), method.batches)
    squares = times**2 * 8.0
    memory = workers * (n * path + response + 6 * squares) + (8 + 5 * workers) * squares
    active = problem.chain.mean * times
    work = 3.0 * n * times**2 / 2 + (exact * active**3 / 6 if exact else n * times**2) + times**3
    draws = 60.0 * n * times
    return {"memory": memory, "seconds": 0.5 + (work / 1.5e9 + draws / 1.5e9) * method.batches / workers}


def check_memory(needed: float, advice: str) -> None:
    """Refuse what would not fit into 90 % of the memory that is free now."""
    free = available_memory()
    if needed > 0.9 * free:
        raise MemoryLimitError(f"needs {readable(needed)} of memory, {readable(free)} are free: {advice}")


def _threads() -> int:
    return numba.config.NUMBA_NUM_THREADS


def solve(
    problem: MarchingProblem, steps: int, method: Marching, progress: Progress
) -> tuple[Moments, Status, dict[str, Any]]:
    """Run ``method.batches`` independent marches.

    Returns
    -------
    moments : Moments
        Mean and standard error over the marches of every average of :class:`March`.
    status : Status
        ``diverged`` if any march left the float range (all are cut to the shortest), ``interrupted``
        after Ctrl-C (complete marches are kept; if there are fewer than two, all are cut to the shortest).
    diagnostics : dict
        Paths used, rank of the covariance, pivots left out, seconds.

    Raises
    ------
    MemoryLimitError
        Before anything is allocated, if the paths would not fit.

    Notes
    -----
    Each march is serial and owns its random numbers, so the bits depend neither on the number of threads
    nor on their order.
    """
    check_memory(
        estimate(problem, steps, method)["memory"],
        "try fewer --paths, --precision float32, --response probe or fewer threads (NUMBA_NUM_THREADS)",
    )
    n = method.paths_per_batch
    exact = response_paths(problem, steps, n, method.response)
    streams = np.random.SeedSequence(method.seed).spawn(method.batches)
    stop = threading.Event()
    started = time.perf_counter()
    progress.start("marching", float(method.batches * (steps + 1)))

    def task(stream: np.random.SeedSequence) -> tuple[Sample, dict[str, Any]]:
        if stop.is_set():
            return {}, {}
        rng = np.random.default_rng(stream)
        march = March(problem, steps, n, method.sampler, method.precision, exact, rng)
        sample = march.run(stop.is_set, progress.update)
        facts = {name: getattr(march, name) for name in FACTS}
        return sample, facts

    finished: list[tuple[Sample, dict[str, Any]]] = []
    with ThreadPoolExecutor(min(_threads(), method.batches)) as pool:
        futures: list[Future[tuple[Sample, dict[str, Any]]]] = [pool.submit(task, stream) for stream in streams]
        try:
            for future in futures:
                future.result()
        except BaseException as error:  # also an error in a march: let the others end soon
            stop.set()
            if not isinstance(error, KeyboardInterrupt):
                raise
        finished = [future.result() for future in futures]
    progress.finish()
    kept, status = _select([item for item in finished if item[1].get("done")], method.batches, steps)
    moments = Moments()
    for sample, _ in kept:
        moments.add(sample)
    facts = [fact for _, fact in kept]
    diagnostics = {
        "paths_used": n * len(kept),
        "response_paths": exact * len(kept),
        "batches_used": len(kept),
        "noise_rank": max((fact["rank"] for fact in facts), default=0),
        "forces_left_out": sum(fact["left_out"] for fact in facts),
        "largest_left_out": max((fact["largest_left_out"] for fact in facts), default=0.0),
        "seconds": time.perf_counter() - started,
    }
    return moments, status, diagnostics


def _select(
    finished: list[tuple[Sample, dict[str, Any]]], batches: int, steps: int
) -> tuple[list[tuple[Sample, dict[str, Any]]], Status]:
    """Choose the marches that enter the mean and cut them to one length."""
    diverged = [fact["done"] for _, fact in finished if fact["diverged"]]
    complete = [item for item in finished if item[1]["done"] == steps + 1]
    if not diverged and len(complete) == batches:
        return complete, Status(CONVERGED, f"marched {steps} steps in {batches} independent batches")
    if diverged:
        shortest = min(diverged)
        status = Status(
            DIVERGED,
            f"loss or norm left the float range after step {shortest - 1}: "
            "the data up to there are kept; try a smaller --learning-rate or a larger --ridge",
        )
    elif len(complete) >= 2:
        return complete, Status(INTERRUPTED, f"interrupted: {len(complete)} of {batches} batches are complete and kept")
    else:
        shortest = min((fact["done"] for _, fact in finished), default=0)
        status = Status(INTERRUPTED, f"interrupted after {shortest} of {steps + 1} times; run again for the rest")
    cut = [(_cut(sample, shortest), fact) for sample, fact in finished if fact["done"] >= shortest]
    return cut, status


def _cut(sample: Sample, length: int) -> Sample:
    """The first `length` times; every axis is a time, except that of the margins."""
    return {
        name: values if name == "margins" else values[(slice(length),) * values.ndim] for name, values in sample.items()
    }

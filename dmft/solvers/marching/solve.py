"""Independent marches, their mean and standard error; memory known before the start."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ...results.progress import Progress
from ...results.statistics import Moments
from ...results.status import Status
from ..blas import single_threaded_blas
from ..ensemble import Member, run_ensemble, threads
from ..memory import check_memory
from .march import March
from .method import Marching
from .problem import MarchingProblem
from .response import Carriers, carriers
from .sampling import dimensions_needed, sobol_digits

#: Measured on one core of a server, a second: multiply-adds of the history sums in single precision and of the
#: response, numbers drawn; and seconds of a step beside them.
HISTORY_RATE, RESPONSE_RATE, DRAW_RATE, STEP = 4e9, 1.2e10, 4e7, 1e-4


def estimate(problem: MarchingProblem, steps: int, method: Marching) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds that :func:`solve` will take."""
    times, n = steps + 1, method.paths_per_batch
    size = np.dtype(method.precision).itemsize
    exact = carriers(n, method.response)
    path = times * (2.0 * size + 1.0) + 8.0 * 80  # basis, innovations, membership; working rows and drawing
    response = size * times * (n + times if exact else 2.0 * n)
    workers = min(threads(), method.batches)
    squares = times**2 * 8.0
    # kernels and two-time averages of each march at work; those of finished marches; their running mean
    copies = problem.copies
    squares *= copies
    memory = workers * (copies * (n * path + response) + 7.0 * squares) + (4.0 * method.batches + 8.0) * squares
    if method.sampler == "sobol":
        memory += 4.0 * n * dimensions_needed(problem, times)
    history = (2.0 if exact else 3.0) * n * times**2 * size / 4.0 + times**3
    work = history / HISTORY_RATE
    if exact:
        work += _solves(exact, problem.chain.mean, n, times) / RESPONSE_RATE
    seconds = copies * (work + 2.0 * n * times / DRAW_RATE + STEP * times) * method.batches / workers
    return {"memory": memory, "seconds": 0.5 + seconds}


def _solves(rule: Carriers, share: float, paths: int, times: int) -> float:
    """Most multiply-adds of the exact response if a `share` of the paths is active."""
    everything, least = (share * count * times**3 / 6.0 for count in (paths, rule.least))
    return min(everything, max(least, rule.budget * times**2 / 4.0))


def solve(
    problem: MarchingProblem, steps: int, method: Marching, progress: Progress
) -> tuple[Moments, Status, dict[str, Any]]:
    """Run ``method.batches`` independent marches.

    Returns
    -------
    moments : Moments
        Mean and standard error over the marches of every average of :class:`March`.
    status : Status
        See :func:`dmft.solvers.ensemble.run_ensemble`.
    diagnostics : dict
        Paths used, rank of the noise, what was left out of it, seconds.

    Raises
    ------
    MemoryLimitError
        Before anything is allocated, if the paths would not fit.
    """
    check_memory(
        estimate(problem, steps, method)["memory"],
        "try fewer --paths or --steps, --precision float32, --response probe or fewer threads (NUMBA_NUM_THREADS)",
    )
    n = method.paths_per_batch
    exact = carriers(n, method.response)
    streams = np.random.SeedSequence(method.seed).spawn(method.batches)
    started = time.perf_counter()
    digits = None
    if method.sampler == "sobol":
        digits = sobol_digits(n, dimensions_needed(problem, steps + 1))

    def task(index: int, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        rng = np.random.default_rng(streams[index])
        march = March(problem, steps, n, digits, method.precision, exact, rng)
        sample, at_end = march.run(stop, update)
        return Member(sample, march.done, march.diverged, march.facts(), at_end)

    with single_threaded_blas():
        moments, status, facts = run_ensemble(task, method.batches, threads(), steps, progress, "marching")
    diagnostics = {
        "paths_used": n * len(facts),
        "response_paths": round(sum(fact["carriers"] for fact in facts)),
        "batches_used": len(facts),
        "noise_rank": max((fact["rank"] for fact in facts), default=0),
        "forces_left_out": sum(fact["left_out"] for fact in facts),
        "largest_left_out": max((fact["largest_left_out"] for fact in facts), default=0.0),
        "seconds": time.perf_counter() - started,
    }
    return moments, status, diagnostics

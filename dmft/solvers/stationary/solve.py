"""Independent batches, each iterated to its own fixed point; their mean and standard error."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np

from ...errors import ParameterError
from ...results.progress import Progress
from ...results.statistics import Moments
from ...results.status import CONVERGED, NOT_CONVERGED, Status
from ..blas import single_threaded_blas
from ..ensemble import Member, Sample, run_ensemble, threads
from ..fixed_point import Anderson
from ..marching.problem import MarchingProblem
from ..memory import check_memory
from .method import MarchingOrStationary
from .state import BURN, PUSHES, WINDOW, Batch, Kernels

#: The response is kept until the ridge alone would have shrunk it to e^-20, …
DECAY = 20.0
#: … but at least and at most for as many steps.
LEAST, MOST = 60, 600
#: Part of the response, summed over lags, that may lie beyond the memory: it makes twice that error in C.
BEYOND = 0.01
#: Part of c(0) that may be left there, and the standard errors that it takes to say so.
REMAINING, SIGNIFICANT = 0.05, 3.0
#: Residual below which iterates are combined.
NEAR = 0.3
#: Numbers a second through the history sums, on one core.
RATE = 4.0e9


def memory_steps(problem: MarchingProblem, method: MarchingOrStationary, lags: int) -> int:
    """Lags that are kept of the response; never fewer than are asked for.

    Raises
    ------
    ParameterError
        If there is no ridge to tell and no choice of the user's.
    """
    if method.memory:
        return max(method.memory, lags)
    if problem.decay >= 1.0:
        raise ParameterError("memory = 0 with ridge = 0: nothing tells how long the response lasts, give --memory")
    rate = -np.log(max(problem.decay, 1e-9))
    return max(lags, int(np.clip(np.ceil(DECAY / rate), LEAST, MOST)))


def estimate(problem: MarchingProblem, method: MarchingOrStationary, lags: int) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds that :func:`solve` will take."""
    memory, n = memory_steps(problem, method, lags), method.paths_per_batch
    times = (BURN + WINDOW) * memory
    workers = min(threads(), method.batches)
    numbers = n * (2.0 * times + 5.0 * (times + memory) + memory)
    work = n * memory * (times + 0.5 * PUSHES * memory) + 40.0 * n * times
    seconds = method.batches / workers * min(method.iterations, 15) * work / RATE
    return {"memory": 8.0 * workers * numbers, "seconds": 1.0 + seconds}


def solve(
    problem: MarchingProblem,
    method: MarchingOrStationary,
    lags: int,
    measure: Callable[[Batch, Kernels], Sample],
    progress: Progress,
) -> tuple[Moments, Status, dict[str, Any]]:
    """Iterate ``method.batches`` independent batches to their fixed points.

    Parameters
    ----------
    lags : int
        Largest lag that `measure` needs.
    measure : callable
        ``measure(batch, kernels)``: observables at the fixed point of one batch.

    Returns
    -------
    moments : Moments
        Mean and standard error over the batches of what `measure` gave.
    status : Status
        ``not_converged`` if the residual of a batch stays above ``method.tolerance``.
    diagnostics : dict
        Residual, iterations, memory, what was clipped from spectra, response beyond it, seconds.

    Raises
    ------
    MemoryLimitError, ParameterError

    Notes
    -----
    Cost per iteration and batch n L (5 L + 2 L) multiply-adds for n paths and a memory of L steps.
    """
    if problem.sphere:
        raise ParameterError("solver = stationary has no sphere: give --solver marching")
    memory = memory_steps(problem, method, lags)
    check_memory(estimate(problem, method, lags)["memory"], "try fewer --paths, or a shorter --memory")
    streams = np.random.SeedSequence(method.seed).spawn(method.batches)
    started = time.perf_counter()
    last = method.iterations - 1

    def task(index: int, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        batch = Batch(problem, memory, method.paths_per_batch, np.random.default_rng(streams[index]))
        kernels, residual, mixer = batch.start(), np.inf, Anderson(method.mixing, NEAR)
        for iteration in range(method.iterations):
            if stop():
                return Member({}, iteration)
            new = batch.iterate(kernels)
            if not finite(new):
                return Member({}, iteration, diverged=True)
            residual = change(batch, kernels, new)
            if residual < method.tolerance:
                update(float(method.iterations - iteration))
                break
            kernels = Kernels.of_vector(mixer.next(kernels.vector(), new.vector(), batch.weights(new)), memory)
            update(1.0)
        facts = {"residual": residual, "iterations": iteration + 1, "clipped": batch.clipped}
        facts["beyond"] = beyond(kernels.response)
        facts["remaining"] = remaining(batch.correlation(kernels))
        return Member({}, method.iterations, facts=facts, at_end=measure(batch, kernels))

    with single_threaded_blas():
        moments, status, facts = run_ensemble(task, method.batches, threads(), last, progress, "iterating")
    left = np.array([fact.get("remaining", 0.0) for fact in facts])
    diagnostics = {
        "paths_used": method.paths_per_batch * len(facts),
        "batches_used": len(facts),
        "memory": memory,
        **{f"largest_{name}": float(max((fact.get(name, 0.0) for fact in facts), default=0.0)) for name in FACTS},
        "response_beyond_memory": float(np.mean([fact.get("beyond", 0.0) for fact in facts])) if facts else 0.0,
        "correlation_beyond_memory": float(left.mean()) if len(left) else 0.0,
        "correlation_beyond_memory_stderr": float(left.std(ddof=1) / np.sqrt(len(left))) if len(left) > 1 else 0.0,
        "seconds": time.perf_counter() - started,
    }
    return moments, judge(status, diagnostics, method), diagnostics


FACTS = ("residual", "iterations", "clipped")


def beyond(response: np.ndarray) -> float:
    """Estimated part of Σ R at lags beyond the memory, if R goes on as from the middle to the end of it."""
    last, part = len(response) - 1, max(1, len(response) // 20)
    middle, end = (float(response[at - part + 1 : at + 1].mean()) for at in (last // 2, last))
    if end <= 0.0:
        return 0.0
    length = 0.5 * last / np.log(middle / end) if middle > end else np.inf
    return float(min(end * length / response.sum(), 1.0))


def remaining(decaying: np.ndarray) -> float:
    """Part of the fluctuations c(0) that is left at the end of the memory."""
    part = max(1, len(decaying) // 20)
    return float(decaying[-part:].mean() / decaying[0]) if decaying[0] > 0.0 else 0.0


def judge(status: Status, diagnostics: dict[str, Any], method: MarchingOrStationary) -> Status:
    """Converged only if every batch is."""
    if not status.success:
        return status
    residual, count = diagnostics["largest_residual"], int(diagnostics["largest_iterations"])
    missing = diagnostics["response_beyond_memory"]
    if residual < method.tolerance and missing > BEYOND:
        return Status(
            NOT_CONVERGED,
            f"{missing:.1%} of the response lie beyond the memory of {diagnostics['memory']} steps, {BEYOND:.0%} "
            "allowed: give a longer --memory",
        )
    left, error = (diagnostics[f"correlation_beyond_memory{end}"] for end in ("", "_stderr"))
    if residual < method.tolerance and left > max(REMAINING, SIGNIFICANT * error):
        return Status(
            NOT_CONVERGED,
            f"{left:.0%} of the fluctuations are left after the memory of {diagnostics['memory']} steps, "
            f"{REMAINING:.0%} allowed: short lags are right, but norm and long lags are not; give a longer --memory",
        )
    if residual < method.tolerance:
        return Status(CONVERGED, f"fixed point after at most {count} iterations, residual {residual:.1e}")
    return Status(
        NOT_CONVERGED,
        f"residual {residual:.1e} after {count} iterations is above the tolerance {method.tolerance:g}: "
        "try more --iterations, a smaller --mixing or more --paths",
    )


def change(batch: Batch, old: Kernels, new: Kernels) -> float:
    """Largest change of overlap, variances and response in one iteration, relative to their sizes."""
    before, after = batch.correlation(old), batch.correlation(new)
    norm = new.frozen + after[0] + new.overlap**2
    return max(
        abs(new.overlap - old.overlap) / max(np.sqrt(norm), 1e-300),
        (abs(new.frozen - old.frozen) + float(np.abs(after - before).max())) / max(norm, 1e-300),
        float(np.abs(after - before).max()) / max(after[0], 1e-9 * norm, 1e-300),
        float(np.abs(new.response - old.response).max()),
    )


def finite(kernels: Kernels) -> bool:
    """True if all numbers are, and of a size that can be squared."""
    return all(bool(np.all(np.abs(getattr(kernels, item.name)) < 1e100)) for item in fields(kernels))

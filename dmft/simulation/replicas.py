"""Independent replicas of a simulation, each with a stream of random numbers of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..results.progress import Progress
from ..results.statistics import Moments
from ..results.status import Status
from ..solvers.blas import single_threaded_blas
from ..solvers.ensemble import Member, run_ensemble
from .backend import Backend
from .method import Simulation


def run_replicas(
    kind: Callable[..., Any],
    model: Any,
    method: Simulation,
    backend: Backend,
    steps: int,
    progress: Progress,
    label: str = "",
) -> tuple[Moments, Status, list[dict[str, Any]]]:
    """Run ``kind(model, method, backend, rng).run(stop, update)`` for every replica and average.

    Replica i draws from the stream (seed, i): results do not depend on how many run side by side. The linear algebra
    library is held to one thread, because its sums change with the number of threads. `label` names the task for
    progress. Returns what :func:`dmft.solvers.ensemble.run_ensemble` does.
    """

    def task(index: int, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        rng = np.random.default_rng(np.random.SeedSequence(method.seed, spawn_key=(index,)))
        member: Member = kind(model, method, backend, rng).run(stop, update)
        return member

    with single_threaded_blas():
        words = label or f"simulating N={method.size}"
        return run_ensemble(task, method.replicas, backend.workers, steps, progress, words)

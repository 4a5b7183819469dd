"""Memory and time of a sweep, told before it starts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numba

from ..api import twin
from ..simulation.method import Simulation
from .axes import grid
from .plan import Plan, Point


def estimate(plan: Plan, jobs: int) -> dict[str, float]:
    """Needs of the grid.

    Returns
    -------
    dict
        ``points``, ``workers``, ``memory`` in bytes of that many of the largest points at the same time, ``seconds``
        of all points shared by the workers (adaptive points come in addition).
    """
    points = [point for point in plan.points(grid(plan.axes)) if not point.refused]
    workers = max(1, min(jobs, len(points)))
    with one_thread():
        needs = [item for point in points for item in _needs(plan, point)]
        memory = max((item["memory"] for item in needs), default=0.0)
        seconds = sum(item["seconds"] for item in needs)
    return {"points": len(points), "workers": workers, "memory": workers * memory, "seconds": seconds / workers}


def _needs(plan: Plan, point: Point) -> list[dict[str, float]]:
    """Memory and seconds of each part of one point."""
    model = plan.model.from_dict(point.task["parameters"])
    found = []
    if plan.kind != "simulation":
        found.append(model.estimate(plan.model.method.from_dict(point.task["method"])))
    if plan.kind != "theory":
        given = point.task["simulation"]
        for size in point.task["sizes"] or [given["size"]]:
            found.append(twin(model).estimate(model, Simulation.from_dict({**given, "size": size})))
    return found


@contextmanager
def one_thread() -> Iterator[None]:
    """Estimates as a worker makes them: it has one thread, whatever this process has."""
    before = numba.config.NUMBA_NUM_THREADS
    numba.config.NUMBA_NUM_THREADS = 1
    try:
        yield
    finally:
        numba.config.NUMBA_NUM_THREADS = before

"""Halving of the step, extrapolation and the error estimate: what the user's tolerance means."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...results.progress import Progress
from ...results.status import CONVERGED, INTERRUPTED, NOT_CONVERGED, Status
from ..memory import check_memory
from .march import March
from .method import TwoTime
from .problem import TwoTimeProblem

Array = np.ndarray
#: Multiply-adds a second of the history sums, measured on one core of a server; sweeps of a row.
RATE, SWEEPS = 1.2e9, 3.5
#: Part of the tolerance that the iteration of a row may leave.
ITERATION = 1e-3


@dataclass
class Romberg:
    """Extrapolation of marches with step h, h/2, h/4 …, whose errors are series in h²: eq. (8) of two_time."""

    rows: list[list[dict[str, Array]]] = field(default_factory=list)

    def add(self, curves: dict[str, Array]) -> None:
        """Results with half the step of those before."""
        row = [curves]
        for k, (coarse) in enumerate(self.rows[-1] if self.rows else []):
            factor = 4.0 ** (k + 1)
            fine = row[k]
            row.append({name: fine[name] + (fine[name] - coarse[name]) / (factor - 1.0) for name in fine})
        self.rows.append(row)

    @property
    def best(self) -> dict[str, Array]:
        """The most extrapolated result."""
        return self.rows[-1][-1]

    @property
    def error(self) -> float:
        """Largest change by the last extrapolation: an estimate for the result before it, so a cautious one."""
        if len(self.rows) < 2:
            return float("inf")
        last, before = self.rows[-1][-1], self.rows[-1][-2]
        return max(float(np.abs(last[name] - before[name]).max()) for name in last)


def grids(problem: TwoTimeProblem, t_max: float, method: TwoTime) -> list[int]:
    """Numbers of steps, coarsest first: multiples of the points, doubled as often as is allowed."""
    first = method.points * max(1, int(np.ceil(t_max / (method.points * problem.coarsest_step))))
    steps = [min(first, method.points * (method.max_steps // method.points))]
    while 2 * steps[-1] <= method.max_steps:
        steps.append(2 * steps[-1])
    return steps


def estimate(problem: TwoTimeProblem, t_max: float, method: TwoTime) -> dict[str, float]:
    """Memory in bytes and seconds if the finest grid is needed."""
    steps = grids(problem, t_max, method)
    kept = 8.0 * 2.0 * (method.points + 1) ** 2
    seconds = sum(SWEEPS * 2.0 / 3.0 * n**3 / RATE for n in steps)
    return {"memory": 16.0 * (steps[-1] + 1.0) ** 2 + kept * (len(steps) + 1) ** 2 / 2.0, "seconds": 0.1 + seconds}


def solve(
    problem: TwoTimeProblem, t_max: float, method: TwoTime, progress: Progress
) -> tuple[dict[str, Array], Status, dict[str, Any]]:
    """Solve up to `t_max` with steps halved until the estimated error is below the tolerance.

    Returns
    -------
    curves : dict of ndarray
        ``driven``, ``multiplier`` (points + 1) and ``correlation``, ``response`` (points + 1, points + 1), cut to
        what is complete.
    status : Status
        ``not_converged`` if the tolerance was not reached; the best result is kept.
    diagnostics : dict
        Estimated error, steps on the finest grid, order of the extrapolation, sweeps per row, seconds.

    Raises
    ------
    MemoryLimitError

    Notes
    -----
    A march of n steps costs 2n³/3 multiply-adds a sweep and 16n² bytes. p steps of halving give order 2p + 2.
    """
    check_memory(estimate(problem, t_max, method)["memory"], "try a smaller --max-steps or fewer --points")
    started = time.perf_counter()
    table, march, status = Romberg(), None, None
    finest = 0
    try:
        for steps in grids(problem, t_max, method):
            stride = steps // method.points
            tolerance = max(ITERATION * method.tolerance, 1e-13)
            march = March(problem, t_max, steps, stride, tolerance, method.points + 1)
            _run(march, progress)
            if march.failed:  # too coarse for these equations: extrapolation starts with the next grid
                table = Romberg()
                continue
            table.add(march.curves)
            finest = steps
            if table.error <= method.tolerance:
                status = Status(CONVERGED, f"estimated error {table.error:.1e} with {steps} steps")
                break
    except KeyboardInterrupt:
        status = Status(INTERRUPTED, f"interrupted: estimated error {table.error:.1e}, {method.tolerance:g} was wanted")
    if status is None:
        status = _failure(table, march, method)
    curves, length = (table.best, method.points + 1) if table.rows else ((march.curves, march.done) if march else ({}, 0))
    curves = {name: values[(slice(length),) * values.ndim] for name, values in curves.items()}
    facts = {
        "estimated_error": table.error,
        "steps": finest or (march.steps if march else 0),
        "order": 2 * len(table.rows),
        "sweeps_per_row": march.sweeps / (march.steps + 1) if march else 0.0,
        "seconds": time.perf_counter() - started,
    }
    return curves, status, facts


def _run(march: March, progress: Progress) -> None:
    """One march; its cost grows with the cube of the time reached."""
    progress.start(f"{march.steps} steps", float(march.steps))
    before = 0.0

    def update(part: float) -> None:
        nonlocal before
        progress.update(march.steps * (part**3 - before))
        before = part**3

    try:
        with np.errstate(over="ignore", invalid="ignore"):
            march.run(update)
    finally:
        progress.finish()


def _failure(table: Romberg, march: March | None, method: TwoTime) -> Status:
    if table.rows:
        what = f"estimated error {table.error:.1e} with {method.max_steps} steps at most, {method.tolerance:g} wanted"
    else:
        done = march.done if march else 0
        what = f"the step is too large: rows stop converging after {done} of {method.points + 1} times"
    return Status(NOT_CONVERGED, f"{what}; try a larger --max-steps, a larger --tolerance or a smaller --t-max")

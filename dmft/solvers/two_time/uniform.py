"""Refinement of the grid, extrapolation and the error estimate: what the user's tolerance means."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import ParameterError
from ...results.progress import Progress
from ...results.status import CONVERGED, INTERRUPTED, NOT_CONVERGED, Status
from ..memory import check_memory
from .march import March
from .method import TwoTime
from .problem import TwoTimeProblem

Array = np.ndarray
#: Multiply-adds a second of the history sums, measured on one core of a server; sweeps of a row.
RATE, SWEEPS = 1.2e9, 3.5
#: Coarsest step, in units of the fastest decay; with larger ones the sweeps of a row stop converging.
COARSEST = 0.7
#: Part of the tolerance that the iteration of a row may leave.
ITERATION = 1e-3
#: Default tolerance.
TOLERANCE = 1e-6


@dataclass
class Extrapolation:
    """Polynomial extrapolation in h² to h = 0 of marches on ever finer grids: eq. (8) of two_time.

    Attributes
    ----------
    steps : list of int
        Steps of the marches so far.
    rows : list of list of dict
        ``rows[k][j]`` is of order 2j + 2, from the marches k − j … k.
    tolerance : float
        To which the rows of a march were iterated.
    noise : list of float
        What that amounts to in the last row of results: extrapolation amplifies it.
    """

    steps: list[int] = field(default_factory=list)
    rows: list[list[dict[str, Array]]] = field(default_factory=list)
    tolerance: float = 0.0
    noise: list[float] = field(default_factory=list)

    def add(self, steps: int, curves: dict[str, Array]) -> None:
        """Results on a finer grid than those before."""
        row, noise = [curves], [self.tolerance]
        for j, coarse in enumerate(self.rows[-1] if self.rows else []):
            weight = 1.0 / ((steps / self.steps[-1 - j]) ** 2 - 1.0)
            noise.append((1.0 + weight) * noise[j] + weight * self.noise[j])
            row.append({name: fine + weight * (fine - coarse[name]) for name, fine in row[j].items()})
        self.steps.append(steps)
        self.rows.append(row)
        self.noise = noise

    @property
    def best(self) -> dict[str, Array]:
        """The most extrapolated result."""
        return self.rows[-1][-1]

    @property
    def error(self) -> float:
        """Largest change of any number by the last extrapolation, the error of the result before it, and the noise."""
        if len(self.rows) < 2:
            return float("inf")
        last, before = self.rows[-1][-2:]
        return max(float(np.abs(last[name] - before[name]).max()) for name in last) + self.noise[-1]


def grids(problem: TwoTimeProblem, t_max: float, points: int, method: TwoTime) -> list[int]:
    """Numbers of steps, coarsest first: multiples of the points, each about √2 times the one before."""
    most = method.max_steps // points
    multiple = _least(problem, t_max, points)
    steps: list[int] = []
    while multiple <= most:
        steps.append(points * multiple)
        multiple = max(multiple + 1, round(multiple * np.sqrt(2.0)))
    return steps


def _least(problem: TwoTimeProblem, t_max: float, points: int) -> int:
    """Multiple of the points that resolves the fastest decay."""
    return max(1, int(np.ceil(t_max * problem.rate / (COARSEST * points))))


def estimate(problem: TwoTimeProblem, t_max: float, points: int, method: TwoTime) -> dict[str, float]:
    """Memory in bytes and seconds if the finest grid is needed."""
    steps = grids(problem, t_max, points, method) or [method.max_steps]
    kept = 8.0 * 3.0 * (points + 1) ** 2
    seconds = sum(SWEEPS * 2.0 / 3.0 * n**3 / RATE for n in steps)
    return {"memory": 16.0 * (steps[-1] + 1.0) ** 2 + kept * (len(steps) + 1) ** 2 / 2.0, "seconds": 0.1 + seconds}


def solve(
    problem: TwoTimeProblem, t_max: float, points: int, method: TwoTime, progress: Progress
) -> tuple[dict[str, Array], Status, dict[str, Any]]:
    """Solve up to `t_max` on finer and finer grids until the estimated error is below the tolerance.

    Returns
    -------
    curves : dict of ndarray
        ``driven``, ``multiplier`` (points + 1) and ``correlation``, ``response``, ``susceptibility``
        (points + 1, points + 1) at evenly spaced times; less of it only if not even the coarsest march was finished.
    status : Status
        ``not_converged`` if the tolerance was not reached; the best result is kept.
    diagnostics : dict
        Estimated error, steps on the finest grid, order of the extrapolation, sweeps per row, seconds.

    Raises
    ------
    MemoryLimitError
    ParameterError
        If `max_steps` does not even allow the coarsest grid.

    Notes
    -----
    A march of n steps costs 2n³/3 multiply-adds a sweep and 16n² bytes. Each further grid raises the
    order by two.
    """
    _check(problem, t_max, points, method)
    started = time.perf_counter()
    wanted = TOLERANCE if method.tolerance is None else method.tolerance
    tolerance = max(ITERATION * wanted, 1e-13)
    table, march, status, finest = Extrapolation(tolerance=tolerance), None, None, 0
    try:
        for steps in grids(problem, t_max, points, method):
            march = March(problem, t_max, steps, steps // points, tolerance, points + 1)
            _run(march, progress)
            if march.failed:  # too coarse for these equations: left out of the extrapolation
                continue
            table.add(steps, march.curves)
            finest = steps
            if table.error <= wanted:
                status = Status(CONVERGED, f"estimated error {table.error:.1e} with {steps} steps")
                break
    except KeyboardInterrupt:
        status = Status(INTERRUPTED, f"interrupted: estimated error {table.error:.1e}, {wanted:g} was wanted")
    if status is None:
        status = _failure(table, march, points, method.max_steps, wanted)
    if table.rows:
        curves = table.best
    else:  # nothing finished: the march that was on its way, as far as it came
        done = march.done if march else 0
        curves = {name: v[(slice(done),) * v.ndim] for name, v in march.curves.items()} if march and done else {}
    facts = {
        "estimated_error": table.error,
        "steps": finest or (march.steps if march else 0),
        "order": 2 * len(table.rows),
        "sweeps_per_row": march.sweeps / (march.steps + 1) if march else 0.0,
        "seconds": time.perf_counter() - started,
    }
    return curves, status, facts


def _check(problem: TwoTimeProblem, t_max: float, points: int, method: TwoTime) -> None:
    """Refuse what cannot be resolved or does not fit."""
    if not grids(problem, t_max, points, method):
        least = points * _least(problem, t_max, points)
        raise ParameterError(
            f"max_steps = {method.max_steps} is too few for t_max = {t_max:g}: "
            f"give at least {least}, better {2 * least}, or a smaller t_max"
        )
    check_memory(estimate(problem, t_max, points, method)["memory"], "try a smaller --max-steps")


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


def _failure(table: Extrapolation, march: March | None, points: int, most: int, wanted: float) -> Status:
    if table.rows:
        what = f"estimated error {table.error:.1e} with {most} steps at most, {wanted:g} wanted"
    else:
        done = march.done if march else 0
        what = f"the step is too large: rows stop converging after {done} of {points + 1} times"
    return Status(NOT_CONVERGED, f"{what}; try a larger --max-steps, a larger --tolerance or a smaller --t-max")

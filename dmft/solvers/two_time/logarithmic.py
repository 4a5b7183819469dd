"""Long times: marches on ever finer logarithmic grids, until what is reported changes by less than the tolerance."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from ...errors import ParameterError
from ...results.progress import Progress
from ...results.status import CONVERGED, INTERRUPTED, NOT_CONVERGED, Status
from ..blas import single_threaded_blas
from ..memory import check_memory
from .logarithmic_grid import LogGrid
from .logarithmic_march import LogMarch
from .method import TwoTime
from .problem import TwoTimeProblem
from .report import Report

Array = np.ndarray
#: Spacing of the coarsest grid, in logarithms of time.
COARSEST = 0.11
#: Default tolerance, and the part of it that Newton's method may leave in a row.
TOLERANCE, ITERATION = 1e-4, 1e-4
#: Seconds of a row, measured on one core of a server: per M² for its integrals, per M³ for its linear algebra.
INTEGRALS, ALGEBRA = 4.5e-7, 6e-10
#: Estimated error of the second grid, and the factor by which each further one lowers it: for the estimate of time.
SECOND, GAIN = 1e-3, 12.0


def sizes(problem: TwoTimeProblem, t_max: float, method: TwoTime) -> list[int]:
    """Points of a row on each grid, coarsest first, each √2 times the one before."""
    points = max(64, int(np.ceil(LogGrid.width_of(problem, t_max) / COARSEST)))
    found: list[int] = []
    while points <= method.max_points:
        found.append(points)
        points = int(np.ceil(np.sqrt(2.0) * points))
    return found


def estimate(problem: TwoTimeProblem, t_max: float, method: TwoTime) -> dict[str, float]:
    """Memory in bytes if the finest grid is needed, and seconds to the grid that should reach the tolerance."""
    points = np.array(sizes(problem, t_max, method) or [method.max_points], dtype=float)
    rows = LogGrid.rows_of(problem, t_max, points)
    wanted = TOLERANCE if method.tolerance is None else method.tolerance
    count = 2 + max(0, int(np.ceil(np.log(SECOND / wanted) / np.log(GAIN))))
    seconds = float((rows * (INTEGRALS * points**2 + ALGEBRA * points**3))[:count].sum())
    return {"memory": float(8.0 * (25.0 * points**2 + 4.0 * rows * points).max()), "seconds": 0.2 + seconds}


def solve(
    problem: TwoTimeProblem, report: Report, method: TwoTime, progress: Progress
) -> tuple[dict[str, Array], Status, dict[str, Any]]:
    """Solve up to the last time of `report` on finer and finer grids until the estimated error is below the tolerance.

    Returns
    -------
    curves, status, diagnostics
        As :func:`dmft.solvers.two_time.solve.solve`; less of the curves only if not even the coarsest march was
        finished. Status ``not_converged`` if the tolerance was not reached; the best result is kept. Diagnostics:
        estimated error, points and rows of the finest grid, Newton steps per row, seconds.

    Raises
    ------
    MemoryLimitError
    ParameterError
        If `max_points` does not even allow the coarsest grid.

    Notes
    -----
    A march with M points a row has about 0.7 M rows; each costs some 10² M² operations and now and then the
    factors of a matrix of 2M rows: M³ operations in all times a number that depends on t_max only by its logarithm.
    200 M² bytes.
    """
    t_max, started = float(report.t[-1]), time.perf_counter()
    wanted = TOLERANCE if method.tolerance is None else method.tolerance
    _check(problem, t_max, method)
    best: LogMarch | None = None
    curves: dict[str, Array] = {}
    march, error, status = None, float("inf"), None
    try:
        for points in sizes(problem, t_max, method):
            march = LogMarch(problem, LogGrid(problem, t_max, points), max(ITERATION * wanted, 1e-12))
            _run(march, progress)
            if march.failed:  # too coarse for these equations
                continue
            found = march.curves(report)
            if best is not None:
                error = max(float(np.abs(found[name] - curves[name]).max()) for name in found)
            best, curves = march, found
            if error <= wanted:
                status = Status(CONVERGED, f"estimated error {error:.1e} with {points} points a row")
                break
    except KeyboardInterrupt:
        status = Status(INTERRUPTED, f"interrupted: estimated error {error:.1e}, {wanted:g} was wanted")
    if status is None:
        status = _failure(best, march, error, wanted)
    if best is None and march is not None:
        best, curves = march, march.curves(report)
    facts = {
        "estimated_error": error,
        "points": best.grid.points if best else 0,
        "rows": best.done - 1 if best else 0,
        "newton_steps_per_row": best.steps / best.done if best else 0.0,
        "seconds": time.perf_counter() - started,
    }
    return curves, status, facts


def _check(problem: TwoTimeProblem, t_max: float, method: TwoTime) -> None:
    """Refuse what cannot be resolved or does not fit."""
    if not sizes(problem, t_max, method):
        (least, *_) = sizes(problem, t_max, TwoTime(max_points=8192))
        raise ParameterError(
            f"max_points = {method.max_points} is too few for t_max = {t_max:g}: "
            f"give at least {least}, better {2 * least}, or a smaller t_max"
        )
    check_memory(estimate(problem, t_max, method)["memory"], "try a smaller --max-points")


def _run(march: LogMarch, progress: Progress) -> None:
    """One march. Its linear algebra is held to one thread: the bits would change with their number."""
    progress.start(f"{march.grid.points} points", float(march.grid.rows))
    try:
        with single_threaded_blas(), np.errstate(over="ignore", invalid="ignore"):
            march.run(progress.update)
    finally:
        progress.finish()


def _failure(best: LogMarch | None, march: LogMarch | None, error: float, wanted: float) -> Status:
    if best is not None:
        what = f"estimated error {error:.1e} with {best.grid.points} points a row, {wanted:g} wanted"
        if march is not None and march.failed:
            what += f"; with {march.grid.points} points rows stop converging at t = {march.grid.t[march.done]:.3g}"
    else:
        what = "rows do not converge"
    return Status(NOT_CONVERGED, f"{what}; try a larger --max-points, a larger --tolerance or a smaller --t-max")

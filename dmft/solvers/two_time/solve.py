"""Which of the two grids serves a wanted time, and what both report."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import ParameterError
from ...results.progress import Progress
from ...results.status import Status
from . import logarithmic, uniform
from .method import TwoTime
from .problem import TwoTimeProblem
from .report import Report

Array = np.ndarray
#: Longest time for which the uniform grid is chosen: its cost grows like the cube of the time.
LONG = 100.0


def is_uniform(report: Report, method: TwoTime) -> bool:
    """True if the uniform grid is to be used.

    Raises
    ------
    ParameterError
        If it is asked for at times that are not evenly spaced.
    """
    if method.grid == "uniform" and not report.even:
        raise ParameterError(
            f"grid = 'uniform' is allowed up to t_max = {LONG:g}, got t_max = {report.t[-1]:g}: "
            "its cost grows like the cube of the time; try 'logarithmic'"
        )
    return method.grid == "uniform" or (method.grid == "auto" and report.t[-1] <= LONG)


def estimate(problem: TwoTimeProblem, report: Report, method: TwoTime) -> dict[str, float]:
    """Memory in bytes and seconds if the finest grid is needed."""
    if is_uniform(report, method):
        return uniform.estimate(problem, float(report.t[-1]), len(report.t) - 1, method)
    return logarithmic.estimate(problem, float(report.t[-1]), method)


def solve(
    problem: TwoTimeProblem, report: Report, method: TwoTime, progress: Progress
) -> tuple[dict[str, Array], Status, dict[str, Any]]:
    """Solve up to the last time of `report`; see the two solvers, :mod:`uniform` and :mod:`logarithmic`.

    Returns
    -------
    curves : dict of ndarray
        ``driven``, ``multiplier`` (times); ``correlation``, ``response``, ``susceptibility`` (times, times);
        ``aging_correlation``, ``aging_susceptibility`` (waiting times, lags).
    status : Status
    diagnostics : dict
        With the ``grid`` that was used.
    """
    if is_uniform(report, method):
        curves, status, facts = uniform.solve(problem, float(report.t[-1]), len(report.t) - 1, method, progress)
        if curves:
            curves.update(report.aging(curves))
        return curves, status, {"grid": "uniform", **facts}
    curves, status, facts = logarithmic.solve(problem, report, method, progress)
    return curves, status, {"grid": "logarithmic", **facts}

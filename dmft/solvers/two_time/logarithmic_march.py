"""One march on one logarithmic grid: every row of C and R is the root of a dense system of equations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import lu_factor, lu_solve

from . import logarithmic_kernels as kernels
from .logarithmic_grid import ALONG, LogGrid, scales
from .problem import TwoTimeProblem
from .report import Report

Array = np.ndarray
#: Most steps of Newton's method for a row, and the decrease of their size below which the Jacobian is renewed.
MOST_STEPS, SLOW = 25, 0.2
#: Rows from which the first guess of a row is extrapolated.
HISTORY = 5


class LogMarch:
    """C and R on all rows of a grid.

    Attributes
    ----------
    correlation, response, susceptibility : ndarray, (rows + 1, M + 1)
        At (tₙ, θᵢ tₙ); the susceptibility is ``∫_s^t R(t,v) dv``.
    driven, drag : ndarray, (rows + 1,)
        ``∫ D R`` and μ.
    done : int
        Rows that are complete.
    failed : bool
        True if a row did not converge or left the float range.
    steps, renewals : int
        Newton steps and Jacobians so far.
    """

    def __init__(self, problem: TwoTimeProblem, grid: LogGrid, tolerance: float) -> None:
        self.problem, self.grid, self.tolerance = problem, grid, tolerance
        shape, size = (grid.rows + 1, grid.points + 1), grid.points + 1
        self.correlation, self.response, self.susceptibility = np.zeros((3, *shape))
        self.driven, self.drag = np.zeros((2, grid.rows + 1))
        self.correlation[0] = self.response[0] = 1.0
        self.drag[0] = problem.temperature
        self.known, self.inner, self.outer = np.zeros((2, size)), np.zeros((2, size, size)), np.zeros((3, size, size))
        self.lacking, self.jacobian = np.zeros(2 * size + 1), np.zeros((2 * size + 1, 2 * size + 1))
        self.factors: tuple[Array, Array] | None = None
        self.done, self.failed, self.steps, self.renewals = 1, False, 0, 0

    def run(self, update: Callable[[float], None]) -> None:
        """March to the end or until a row fails; ``update(1.0)`` after every row."""
        for n in range(1, self.grid.rows + 1):
            if not self._row(n):
                self.failed = True
                return
            self.susceptibility[n] = self.grid.integrate(self.response[n], self.grid.t[n])
            self.done = n + 1
            update(1.0)

    def _row(self, n: int) -> bool:
        """Newton's method with a Jacobian that is kept, over rows, as long as it converges fast."""
        problem, grid = self.problem, self.grid
        kernels.history(
            n, grid.t[n], grid.start, grid.row_spacing, grid.theta, grid.later, grid.ratio, grid.row_scale(n + 1),
            grid.scale, self.correlation, self.response, self.drag, self.known, self.inner, self.outer,
        )  # fmt: skip
        correlation, response, drag = self._guess(n)
        before, fresh, size = np.inf, False, grid.points + 1
        for _ in range(MOST_STEPS):
            want = self.factors is None
            self.driven[n] = kernels.residual(
                grid.t[n], problem.temperature, problem.noise_law, problem.memory_law, grid.theta, grid.rest,
                grid.stretch, grid.quadrature, grid.before, grid.beyond, grid.ratio, grid.scale, grid.down,
                grid.down_first, grid.up, grid.up_first, self.known, self.inner, self.outer, correlation, response,
                drag, self.lacking, self.jacobian, want,
            )  # fmt: skip
            if not np.isfinite(self.lacking).all():
                return False
            if want:
                self.factors = lu_factor(self.jacobian, check_finite=False)
                self.renewals, fresh = self.renewals + 1, True
            change = lu_solve(self.factors, self.lacking, check_finite=False)
            response = response - change[:size]
            correlation = correlation - change[size:-1]
            drag -= change[-1]
            self.steps += 1
            moved = float(np.abs(change).max())
            if moved <= self.tolerance:
                self.correlation[n], self.response[n], self.drag[n] = correlation, response, drag
                return True
            if not moved < SLOW * before and not fresh:
                self.factors = None
            before, fresh = moved, False
        return False

    def _guess(self, n: int) -> tuple[Array, Array, float]:
        count = min(n, HISTORY)
        weights = np.zeros(count)
        kernels.weights_at(float(count), count, scales(count), weights)
        past = slice(n - count, n)
        return weights @ self.correlation[past], weights @ self.response[past], float(weights @ self.drag[past])

    def curves(self, report: Report) -> dict[str, Array]:
        """What is reported, as far as the march came: curves over the times, their pairs, and after waiting times."""
        end = self.grid.t[self.done - 1]
        t = report.t[report.t <= end]
        curves = {name: self._along(t, getattr(self, key)) for name, key in (("driven",) * 2, ("multiplier", "drag"))}
        later, earlier = np.tril_indices(len(t))
        for name in ("correlation", "response", "susceptibility"):
            values = np.zeros((len(t), len(t)))
            values[later, earlier] = self._between(t[earlier], t[later] - t[earlier], getattr(self, name))
            if name == "correlation":
                values[earlier, later] = values[later, earlier]
            curves[name] = values
        lags = report.lags[report.lags + report.waiting.max() <= end]
        if len(lags):
            start, lag = (item.ravel() for item in np.meshgrid(report.waiting, lags, indexing="ij"))
            for name in ("correlation", "susceptibility"):
                values = self._between(start, lag, getattr(self, name))
                curves[f"aging_{name}"] = values.reshape(len(report.waiting), len(lags))
        return curves

    def _along(self, t: Array, values: Array) -> Array:
        """A function of one time, between the rows."""
        columns = np.repeat(values[:, None], ALONG, axis=1)
        return self._sample(t, np.zeros_like(t), columns)

    def _between(self, start: Array, lag: Array, table: Array) -> Array:
        """A function of two times."""
        t = start + lag
        whole = np.where(t > 0.0, t, 1.0)
        return self._sample(t, self.grid.position(start / whole, lag / whole), table)

    def _sample(self, t: Array, column: Array, table: Array) -> Array:
        grid, out = self.grid, np.zeros(len(t))
        position = np.minimum(np.log1p(t / grid.start) / grid.row_spacing, float(self.done - 1))
        kernels.sample(position, column, grid.row_scale(self.done), grid.scale, table[: self.done], out)
        return out

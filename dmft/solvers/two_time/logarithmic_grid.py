"""The logarithmic grid: where its points lie, and the tables of derivatives and integrals on it."""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np

from . import logarithmic_kernels as kernels
from .problem import TwoTimeProblem

Array = np.ndarray
#: Values that an interpolation along a row, between rows, and a derivative use. Six between rows are unstable.
ALONG, BETWEEN, SLOPE = 8, 5, 9
#: Values by which the stencil of a derivative leans to where the equation comes from; without it rows are unstable.
LEAN = 2
#: Shortest lags and times that are resolved, in units of the fastest decay: of rows at the end, and of the first rows.
LAG, START = 2.0, 0.02
#: Spacing of the rows over that along them, where both errors are about the same.
ROWS = 1.2


def scales(count: int) -> Array:
    """``1/Π_{k≠j} (j − k)`` for j, k < count."""
    return np.array([(-1.0) ** (count - 1 - j) / (factorial(j) * factorial(count - 1 - j)) for j in range(count)])


class LogGrid:
    """Rows tₙ with ln(1 + tₙ/a) evenly spaced; along them M + 1 points θ = s/t, dense at both ends: eqs. (9), (10).

    Attributes
    ----------
    t : ndarray, (rows + 1,)
    theta, rest : ndarray, (M + 1,)
        θ and 1 − θ, both to full relative precision.
    stretch : ndarray, (M + 1,)
        dθ/dx, with x = 0 … M the number of a point.
    quadrature : ndarray, (M + 1,)
        Weights of ``∫_0^1 dθ``.
    before, beyond, ratio, later : ndarray, (M + 1, M + 1)
        Positions in a row of v/t for v = sθⱼ; for v = s + (t − s)θⱼ those of v/t and s/v; and v/t itself.
    """

    def __init__(self, problem: TwoTimeProblem, t_max: float, points: int) -> None:
        self.points, self.edge = points, LAG / (problem.rate * t_max)
        self.width = 0.5 * self.width_of(problem, t_max)
        self.spacing = 2.0 * self.width / points
        self.start = START / problem.rate
        self.rows = int(self.rows_of(problem, t_max, points))
        self.row_spacing = np.log1p(t_max / self.start) / self.rows
        self.t = self.start * np.expm1(self.row_spacing * np.arange(self.rows + 1))
        self.t[-1] = t_max
        x = self.spacing * np.arange(points + 1) - self.width
        x = 0.5 * (x - x[::-1])
        self.theta, self.rest = self._fraction(x), self._fraction(-x)
        self.stretch = self.spacing * (1.0 + 2.0 * self.edge) / (2.0 + np.exp(x) + np.exp(-x))
        self.cells, self.cell_first = integrals(points + 1, ALONG)
        self.quadrature = np.zeros(points + 1)
        np.add.at(self.quadrature, self.cell_first[:, None] + np.arange(ALONG), self.cells)
        self.quadrature *= self.stretch
        theta, rest = self.theta, self.rest
        self.before = self.position(np.outer(theta, theta), rest[:, None] + np.outer(theta, rest))
        self.later = theta[:, None] + np.outer(rest, theta)
        left = np.outer(rest, rest)
        self.beyond = self.position(self.later, left)
        safe = np.where(self.later > 0.0, self.later, 1.0)
        ratio = np.where(self.later > 0.0, theta[:, None] / safe, 1.0)
        self.ratio = self.position(ratio, np.outer(rest, theta) / safe)
        self.down, self.down_first = derivatives(points + 1, SLOPE, LEAN)
        self.up, self.up_first = derivatives(points + 1, SLOPE, -LEAN)
        self.scale = scales(ALONG)

    @staticmethod
    def width_of(problem: TwoTimeProblem, t_max: float) -> float:
        """Logarithms of time along the last row."""
        return float(2.0 * np.log1p(problem.rate * t_max / LAG))

    @classmethod
    def rows_of(cls, problem: TwoTimeProblem, t_max: float, points: Any) -> Any:
        """Rows beside so many points along each."""
        whole = np.log1p(problem.rate * t_max / START)
        return np.maximum(BETWEEN, np.ceil(whole * points / (ROWS * cls.width_of(problem, t_max))))

    def _fraction(self, x: Array) -> Array:
        """θ(x), rising from 0 to 1; the ends are exact."""
        small, edge = np.exp(-np.abs(x)), self.edge
        values = np.where(x < 0.0, (1.0 + edge) * small - edge, 1.0 + edge - edge * small) / (1.0 + small)
        return np.where(np.abs(x) < self.width * (1.0 - 1e-14), values, (x > 0.0).astype(float))

    def position(self, theta: Array, rest: Array) -> Array:
        """Where θ lies among the points of a row, from θ and 1 − θ."""
        x = (np.log((self.edge + theta) / (self.edge + rest)) + self.width) / self.spacing
        return np.clip(x, 0.0, float(self.points))

    def row_scale(self, rows: int) -> Array:
        """The weights' constants if there are only so many rows."""
        return scales(min(rows, BETWEEN))

    def integrate(self, values: Array, t: float) -> Array:
        """``∫_s^t values dv`` for all points s of a row."""
        found = (values * self.stretch)[self.cell_first[:, None] + np.arange(ALONG)]
        parts = (self.cells * found).sum(axis=1)
        return t * np.append(np.cumsum(parts[::-1])[::-1], 0.0)


def integrals(length: int, count: int) -> tuple[Array, Array]:
    """Weights of the integral over each of the ``length − 1`` cells, (cells, count), and the first point they use."""
    nodes, gauss = np.polynomial.legendre.leggauss(count)
    scale, weights, firsts = scales(count), np.zeros((length - 1, count)), np.zeros(length - 1, dtype=np.int64)
    out = np.zeros(count)
    for node, weight in zip(nodes, gauss, strict=True):
        for cell in range(length - 1):
            firsts[cell] = kernels.weights_at(cell + 0.5 * (node + 1.0), length, scale, out)
            weights[cell] += 0.5 * weight * out
    return weights, firsts


def derivatives(length: int, count: int, lean: int) -> tuple[Array, Array]:
    """Weights of d/dx at every point, (length, count), and the first point they use; `lean` > 0 leans to the end."""
    weights, firsts = np.zeros((length, count)), np.zeros(length, dtype=np.int64)
    unit = np.zeros(count)
    unit[1] = 1.0
    for i in range(length):
        firsts[i] = min(max(i - count // 2 + lean, 0), length - count)
        weights[i] = np.linalg.solve(np.vander(firsts[i] + np.arange(count) - float(i), increasing=True).T, unit)
    return weights, firsts

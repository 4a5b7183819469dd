"""Estimators of the memory kernel ``K(t,s) = −αΔ E[D(t) ∂r(t)/∂P(s)]``: exact on some paths, or by a probe.

Measured (``benchmarks/marching_error.py``): the exact response of a few Sobol' paths beats probes on many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from . import kernels
from .problem import MarchingProblem

if TYPE_CHECKING:
    from .march import March

Array = np.ndarray
#: `auto` spends at most this share of the other work of a march on the exact response …
AUTO_RATIO = 0.3
#: … but never uses fewer paths than this in one march: with fewer, its noise shows in R and C.
AUTO_LEAST = 128
#: Multiply-adds a second in the triangular solves, which run in registers, over those of the history sums.
BLOCKED = 3.0


class Estimator(Protocol):
    """Writes ``E[D(t) ∂r(t)/∂P(s)]`` for s < t into `out`."""

    def row(self, t: int, response_row: Array, slope: Array, out: Array) -> None:
        """`slope` is D(t) of every path, `response_row` is R(t, ·)."""


def response_paths(problem: MarchingProblem, steps: int, count: int, choice: str) -> int:
    """How many of `count` paths carry their exact response; 0 means probes.

    The first 2^k Sobol' points are a net of their own, so a subset loses accuracy like a smaller run,
    not like a random subsample.
    """
    if choice == "exact":
        return count
    if choice == "probe":
        return 0
    times = steps + 1
    exact = problem.chain.mean * times**3 / 6.0 / BLOCKED
    other = 1.5 * times**2
    affordable = count * AUTO_RATIO * other / max(exact, 1e-300)
    paths = count
    while paths > max(affordable, AUTO_LEAST):
        paths //= 2
    return paths


def make_estimator(march: March, active: Array, paths: int, precision: str, rng: np.random.Generator) -> Estimator:
    """The estimator for one copy of a march: exact on its first `paths` paths, or by probes if `paths` is 0."""
    if paths:
        return ExactResponse(march.problem, active.shape[0], paths, precision)
    return ProbeResponse(march.problem, active.shape, precision, rng)


class ExactResponse:
    """Response of each path to a field at each earlier time: O(b n T³/6), memory n T."""

    def __init__(self, problem: MarchingProblem, times: int, paths: int, precision: str) -> None:
        self.coupling = problem.delta * problem.learning_rate
        self.paths = paths
        # single precision changes K by 1e-8, far below its sampling error, and halves time and memory
        self.slopes = np.empty((times, paths), dtype=precision)
        self.columns = np.zeros((times, times), dtype=precision)  # R transposed

    def row(self, t: int, response_row: Array, slope: Array, out: Array) -> None:
        """See :class:`Estimator`."""
        self.slopes[t] = slope[: self.paths]
        self.columns[:t, t] = response_row[:t]
        kernels.path_response_row(t, self.coupling, self.columns, self.slopes, out)


class ProbeResponse:
    """One random ±1 field a path: unbiased, O(n T²), noise 1/√n."""

    def __init__(
        self, problem: MarchingProblem, shape: tuple[int, int], precision: str, rng: np.random.Generator
    ) -> None:
        self.coupling = problem.delta * problem.learning_rate
        self.signs = (2.0 * rng.integers(0, 2, size=shape, dtype=np.int8) - 1.0).astype(precision)
        self.weighted = np.zeros(shape, dtype=precision)  # D(v) δ(v)

    def row(self, t: int, response_row: Array, slope: Array, out: Array) -> None:
        """See :class:`Estimator`."""
        probe = np.zeros(slope.shape)
        kernels.weighted_rows(response_row, self.weighted, t, probe)
        # δ(t) = ε(t) − Δη Σ_{v<t} R(t,v) D(v) δ(v)
        weighted = slope * (self.signs[t] - self.coupling * probe)
        self.weighted[t] = weighted
        kernels.row_means(weighted, self.signs, t, out)

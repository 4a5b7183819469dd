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
#: `auto` spends at most this many times the other work of a step on the exact response …
AUTO_RATIO = 4.0
#: … but never on fewer paths than this, …
AUTO_LEAST = 256
#: … nor with more memory than this in one march (bytes); where even the fewest paths need four times as much,
#: a long gradient descent, it falls back on probes.
AUTO_MEMORY = 256e6


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
    exact = (problem.chain.mean * times) ** 3 / 6.0
    other = 1.5 * times**2
    size = 4.0 * problem.copies * problem.chain.active_pairs(times)
    least = min(count, AUTO_LEAST)
    if least * size > 4.0 * AUTO_MEMORY:
        return 0
    affordable = min(count * AUTO_RATIO * other / max(exact, 1e-300), AUTO_MEMORY / size)
    paths = count
    while paths > max(affordable, least):
        paths //= 2
    return max(paths, least)


def make_estimator(march: March, active: Array, paths: int, precision: str, rng: np.random.Generator) -> Estimator:
    """The estimator for one copy of a march: exact on its first `paths` paths, or by probes if `paths` is 0."""
    if paths:
        return ExactResponse(march.problem, active[:, :paths])
    return ProbeResponse(march.problem, active.shape, precision, rng)


class ExactResponse:
    """Response of each path to a field at each earlier time: O(b³ n T³/6), memory b² n T²/2."""

    def __init__(self, problem: MarchingProblem, active: Array) -> None:
        self.coupling = problem.delta * problem.learning_rate
        self.paths = active.shape[1]
        most = np.count_nonzero(active, axis=0).astype(np.int64)
        self.offsets = np.concatenate(([0], np.cumsum(most)))
        self.packed_offsets = np.concatenate(([0], np.cumsum(most * (most + 1) // 2)))
        self.counts = np.zeros(self.paths, dtype=np.int64)
        self.times = np.empty(self.offsets[-1], dtype=np.int32)
        self.slopes = np.empty(self.offsets[-1])
        # single precision changes K by 1e-8, far below its sampling error, and halves time and memory
        self.packed = np.empty(self.packed_offsets[-1], dtype=np.float32)

    def row(self, t: int, response_row: Array, slope: Array, out: Array) -> None:
        """See :class:`Estimator`."""
        kernels.path_response_row(
            t, self.coupling, response_row, slope[: self.paths], self.offsets, self.counts, self.times,
            self.slopes, self.packed_offsets, self.packed, out,
        )  # fmt: skip


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

"""The exact recursion in discrete time: state of the march, divergence, interruption."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...results.progress import Progress
from ...results.status import CONVERGED, DIVERGED, INTERRUPTED, Status
from ..memory import check_memory
from . import kernels

Array = np.ndarray
#: Larger losses and norms are called divergence.
LARGEST = 1e100


@dataclass(frozen=True)
class DiscreteProblem:
    """A square loss of Gaussian random functions of N weights, P = load · N of them.

    Attributes
    ----------
    covariance : ndarray
        Coefficients of the polynomial h, constant term first.
    mean, square : float
        First two moments of the batch variable.
    decay : float
        1 − ηλ.
    m0, r0 : float
        Overlap with the signal and orthogonal squared norm at the start.
    """

    covariance: Array
    load: float
    learning_rate: float
    decay: float
    mean: float
    square: float
    label_noise: float
    m0: float
    r0: float
    sphere: bool

    @property
    def laws(self) -> Array:
        """Coefficients of h, h' and h'', shape (3, degree + 1)."""
        laws = np.zeros((3, len(self.covariance)))
        laws[0] = self.covariance
        powers = np.arange(1, len(self.covariance))
        for k in (1, 2):
            laws[k, :-1] = laws[k - 1, 1:] * powers
        return laws


def estimate(steps: int) -> dict[str, float]:
    """Memory in bytes and seconds of :func:`solve`."""
    times = steps + 1.0
    return {"memory": 8.0 * 7.0 * times**2 + 8.0 * 8.0 * times**2, "seconds": 0.05 + 1.7e-9 * times**3}


def solve(problem: DiscreteProblem, steps: int, progress: Progress) -> tuple[dict[str, Array], Status, dict[str, Any]]:
    """March to the end, to divergence or to an interrupt.

    Returns
    -------
    curves : dict of ndarray
        ``overlap``, ``loss`` (mean squared residual), (times,); ``correlation``, ``response``, ``noise``, ``memory``,
        (times, times), cut to the times that were done.
    status : Status
    diagnostics : dict

    Raises
    ------
    MemoryLimitError

    Notes
    -----
    About 1.7 T³ multiply-adds, 56 T² bytes while it runs.
    """
    check_memory(estimate(steps)["memory"], "try fewer --steps")
    started = time.perf_counter()
    times, laws = steps + 1, problem.laws
    correlation, response, memory, noise, inverse, field, forces = np.zeros((7, times, times))
    overlap, loss, fresh = np.zeros((3, times))
    overlap[0], correlation[0, 0] = problem.m0, problem.r0
    status, done = Status(CONVERGED, "exact recursion, to round-off"), 0
    progress.start("recursion", float(times) ** 3)
    try:
        for t in range(times):
            eta = problem.learning_rate
            loss[t] = kernels.residual_row(
                t, eta, problem.mean, problem.square, problem.label_noise, laws,
                overlap, correlation, response, inverse, field, forces, fresh,
            )  # fmt: skip
            if not abs(loss[t]) < LARGEST:
                status = _divergence(t)
                break
            pull = kernels.kernel_row(
                t, eta, problem.load, problem.mean, laws, overlap, correlation, response, inverse, forces, memory, noise
            )
            done = t + 1
            progress.update(float(done) ** 3 - float(t) ** 3)
            if done == times:
                break
            norm = kernels.next_row(
                t, eta, problem.decay, pull, problem.sphere, overlap, correlation, response, memory, noise
            )
            if not abs(norm) < LARGEST or not np.abs(memory[t]).max() < LARGEST:
                status = _divergence(done)
                break
    except KeyboardInterrupt:
        status = Status(INTERRUPTED, f"interrupted after {done} of {times} times; run again for the rest")
    finally:
        progress.finish()
    square = (slice(done), slice(done))
    curves = {"overlap": overlap[:done], "loss": loss[:done]}
    two_time = {"correlation": correlation, "response": response, "noise": noise, "memory": memory}
    curves.update({name: values[square] for name, values in two_time.items()})
    return curves, status, {"seconds": time.perf_counter() - started}


def _divergence(done: int) -> Status:
    return Status(
        DIVERGED,
        f"loss or norm left the float range after step {done - 1}: the data up to there are kept; "
        "try a smaller --learning-rate or a larger --ridge",
    )

"""One march on one uniform grid: second order, with an error that is a series in even powers of the step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from . import kernels
from .problem import TwoTimeProblem

Array = np.ndarray
TWO_TIME = ("correlation", "response", "susceptibility")
#: Most sweeps for one row; where the step resolves the equations two to five are enough.
MOST_SWEEPS = 60


class March:
    """Rows of C and R on `steps` equal steps up to `t_max`, kept at every `stride`-th time.

    Attributes
    ----------
    curves : dict of ndarray
        ``driven`` ∫D R and ``multiplier`` μ at the kept times; ``correlation``, ``response`` and ``susceptibility``
        ∫R from the earlier time on at pairs of them.
    done : int
        Kept times that are complete.
    failed : bool
        True if a row did not converge or left the float range.
    sweeps : int
        In all rows.
    """

    def __init__(
        self, problem: TwoTimeProblem, t_max: float, steps: int, stride: int, tolerance: float, length: int
    ) -> None:
        self.problem, self.step, self.steps, self.stride = problem, t_max / steps, steps, stride
        self.tolerance = tolerance
        self.memory, self.noise = np.zeros((2, steps + 1, steps + 1))
        self.past = np.zeros((kernels.HISTORY, steps + 1))
        self.rows, self.work = np.zeros((2, 2, steps + 1))
        self.drag = np.zeros(steps + 1)
        self.curves = {name: np.zeros(length) for name in ("driven", "multiplier")}
        self.curves.update({name: np.zeros((length, length)) for name in TWO_TIME})
        self.done, self.failed, self.sweeps = 0, False, 0

    def run(self, update: Callable[[float], None]) -> None:
        """March to the end or until a row fails."""
        problem = self.problem
        for n in range(self.steps + 1):
            sweeps, change, driven = kernels.advance(
                n, self.step, problem.temperature, self.drag, problem.noise_law, problem.memory_law,
                self.memory, self.noise, self.past, self.rows, self.work, self.tolerance, MOST_SWEEPS,
            )  # fmt: skip
            self.sweeps += sweeps
            if not change <= self.tolerance:
                self.failed = True
                return
            if n % self.stride == 0:
                self._keep(n // self.stride, driven)
            update(n / self.steps)
        return

    def _keep(self, k: int, driven: float) -> None:
        correlation, response = self.rows[:, : k * self.stride + 1 : self.stride]
        self.curves["driven"][k] = driven
        self.curves["multiplier"][k] = self.drag[k * self.stride]
        self.curves["correlation"][k, : k + 1] = self.curves["correlation"][: k + 1, k] = correlation
        self.curves["response"][k, : k + 1] = response
        row = self.rows[1, : k * self.stride + 1]
        cells = 0.5 * self.step * (row[1:] + row[:-1])
        summed = np.append(np.cumsum(cells[::-1])[::-1], 0.0)
        self.curves["susceptibility"][k, : k + 1] = summed[:: self.stride]
        self.done = k + 1

"""One causal march: at step t the paths give row t of K and M, the kernels give row t+1 of R, C and m.

With ``F(s) = Σ_k f(s,k) Q_k`` over an orthonormal set Q of vectors over paths, ``M = αΔ f fᵀ`` and the Gaussian
part of the field follows the same linear recursion as R, driven by innovations z:

    g(t) = Σ_k l(t,k) z_k,   l(t+1) = (1−ηλ) l(t) + η Σ_v K(t,v) l(v) + η √(αΔ) f(t),   C = l lᵀ.

So C and M are positive semidefinite by construction, nothing is factorised, and where F has low rank (gradient
descent) the paths cost their rank per step instead of their history. Equations: arXiv:2112.10852, 2006.06098.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from . import kernels
from .problem import MarchingProblem, Sample
from .response import Estimator, make_estimator
from .sampling import draw_paths

Array = np.ndarray
#: Relative mean square below which a force is a combination of earlier ones: amplitudes 1e-10 and 1e-6.
TOLERANCE = {"float64": 1e-20, "float32": 1e-12}
#: Larger squares are called divergence.
LARGEST = {"float64": 1e100, "float32": 1e60}


class March:
    """State of one march over ``steps`` steps with `count` paths; `digits` as in :func:`draw_paths`."""

    def __init__(
        self,
        problem: MarchingProblem,
        steps: int,
        count: int,
        digits: Array | None,
        precision: str,
        response_paths: int,
        rng: np.random.Generator,
    ) -> None:
        times = steps + 1
        self.problem, self.steps, self.count = problem, steps, count
        self.largest = LARGEST[precision]
        drawn = draw_paths(problem, times, count, digits, precision, rng)
        centre, field, self.label, self.innovations, self.active = drawn
        self.width = np.sqrt(problem.delta)
        self.direction = centre + self.width * field  # x·v/√N of the sample
        square = (times, times)
        self.basis = np.empty((times, count), dtype=precision)  # Q
        self.forces = np.zeros(square)  # f
        self.fields = np.zeros((times, times + 1))  # l; column 0 is the start
        self.response, self.memory = np.zeros(square), np.zeros(square)
        self.magnetization, self.norm = np.zeros(times), np.zeros(times)
        self.loss, self.error = np.zeros(times), np.zeros(times)
        self.magnetization[0], self.norm[0] = problem.m0, problem.r0
        self.fields[0, 0] = np.sqrt(problem.r0)
        self.estimator: Estimator = make_estimator(self, response_paths, precision, rng)
        self.work = np.empty((5, count))
        self.tolerance = TOLERANCE[precision]
        self.rank, self.left_out, self.largest_left_out = 0, 0, 0.0
        self.done, self.diverged = 0, False

    def run(self, stop: Callable[[], bool], progress: Callable[[float], None]) -> tuple[Sample, Sample]:
        """March to the end, to divergence, or until `stop()` says so; return the averages over time and at the end."""
        while self.done <= self.steps and not stop():
            t = self.done
            if not self._observe(t):
                self.diverged = True
                break
            self.done += 1
            if t < self.steps and not self._advance(t):
                self.diverged = True
                break
            progress(1.0)
        return self._sample()

    def _observe(self, t: int) -> bool:
        """Paths at step t: fields, forces, row t of M and K. False if a number left the float range."""
        problem, chain = self.problem, self.problem.chain
        r, loss, first, second, margin = self.work
        kernels.local_fields(
            t, self.rank, self.response, self.forces, self.fields, self.basis, self.innovations,
            self.width, problem.learning_rate, self.magnetization[t], self.direction, r,
        )  # fmt: skip
        problem.evaluate(self.label, r, loss, first, second, margin)
        likely, unlikely = (1.0 - chain.turn_off, chain.turn_on) if t else (chain.mean, chain.mean)
        means, largest = kernels.apply_membership(
            loss, first, second, margin, self.direction,
            likely, unlikely, self.active[max(t - 1, 0)], self.active[t], problem.amplitude,
        )  # fmt: skip
        self.loss[t], self.error[t], self.drive, mean_slope = means
        if not (abs(self.loss[t]) < self.largest and largest < self.largest**0.5):
            return False
        self.estimator.row(t, self.response[t], second, self.memory[t])
        self.memory[t, t] = mean_slope
        self.memory[t, : t + 1] *= -problem.load * problem.delta
        if not np.isfinite(self.memory[t, : t + 1]).all():
            return False
        before = self.rank
        self.rank, left = kernels.append_orthogonal_row(first, self.basis, before, self.tolerance, self.forces[t])
        if self.rank == before:
            self.left_out += 1
            self.largest_left_out = max(self.largest_left_out, left)
        return True

    def _advance(self, t: int) -> bool:
        """Rows t+1 of R and l, and m(t+1), from rows up to t."""
        problem = self.problem
        norm = kernels.next_rows(
            t, self.rank, self.response, self.fields, self.forces, self.memory[t],
            problem.decay, problem.learning_rate, np.sqrt(problem.load * problem.delta),
        )  # fmt: skip
        m = problem.decay * self.magnetization[t] - problem.learning_rate * problem.load * self.drive
        if not (norm < self.largest and m * m < self.largest):
            return False
        if problem.sphere:
            shrink = 1.0 / np.sqrt(norm + m * m)
            m, norm = m * shrink, norm * shrink**2
            self.response[t + 1] *= shrink
            self.fields[t + 1] *= shrink
        self.magnetization[t + 1], self.norm[t + 1] = m, norm
        return True

    def _sample(self) -> tuple[Sample, Sample]:
        done, problem = self.done, self.problem
        correlation, noise = np.empty((done, done)), np.empty((done, done))
        kernels.gram(self.fields[:done, : self.rank + 1], 1.0, correlation)
        kernels.gram(self.forces[:done, : self.rank], problem.load * problem.delta, noise)
        sample = {
            "magnetization": self.magnetization[:done],
            "norm": self.norm[:done],
            "train_loss": self.loss[:done],
            "train_error": self.error[:done],
            "correlation": correlation,
            "response": self.response[:done, :done],
            "noise_kernel": noise,
            "memory_kernel": self.memory[:done, :done],
        }
        sample |= problem.derived(sample)
        return sample, problem.at_end(sample, self.work[4]) if done else {}

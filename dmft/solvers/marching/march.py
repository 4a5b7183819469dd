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

#: Relative mean square below which a force is a combination of earlier ones: amplitudes 1e-10 and 1e-6.
TOLERANCE = {"float64": 1e-20, "float32": 1e-12}
#: Larger squares are called divergence.
LARGEST = {"float64": 1e100, "float32": 1e60}


class March:
    """State of one march over ``steps`` steps with `count` paths."""

    def __init__(
        self,
        problem: MarchingProblem,
        steps: int,
        count: int,
        sampler: str,
        precision: str,
        response_paths: int,
        rng: np.random.Generator,
    ) -> None:
        times = steps + 1
        self.problem, self.steps, self.count = problem, steps, count
        self.largest = LARGEST[precision]
        drawn = draw_paths(problem, times, count, sampler, precision, rng)
        self.centre, self.field, self.label, self.innovations, self.active = drawn
        self.direction = self.centre + np.sqrt(problem.delta) * self.field  # x·v/√N of the sample
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

    def run(self, stop: Callable[[], bool], progress: Callable[[float], None]) -> Sample:
        """March to the end, to divergence, or until `stop()` says so; return the averages so far."""
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
        problem = self.problem
        history, r, first, second, margin = self.work
        weights = np.zeros(self.rank)
        kernels.combine_rows(self.response[t], self.forces, t, weights)
        history[:] = 0.0
        kernels.weighted_rows(weights, self.basis, self.rank, history)
        r[:] = 0.0
        kernels.weighted_rows(self.fields[t], self.innovations, self.rank + 1, r)
        width = np.sqrt(problem.delta)
        # r = m(c+√Δu) + √Δ h,  h = g − √Δ η Σ_{s<t} R(t,s) F(s)
        r -= width * problem.learning_rate * history
        r *= width
        r += self.magnetization[t] * self.direction
        loss = history  # no longer needed
        problem.evaluate(self.label, r, loss, first, second, margin)
        self.loss[t] = loss.mean()
        self.error[t] = np.count_nonzero(margin < 0.0) / self.count
        # s(t) given s(t−1) is independent of r(t): averages linear in s(t) need its mean only, not the draw
        chance = problem.amplitude * (problem.chain.probability(self.active[t - 1]) if t else problem.chain.mean)
        self.drive = float((chance * first * self.direction).mean())
        mean_slope = float((chance * second).mean())
        weight = np.where(self.active[t], problem.amplitude, 0.0)
        first *= weight
        second *= weight
        if not (abs(self.loss[t]) < self.largest and np.abs(first).max() < self.largest**0.5):
            return False
        self.estimator.row(t, self.response[t], second, self.memory[t])
        self.memory[t, t] = mean_slope
        self.memory[t, : t + 1] *= -problem.load * problem.delta
        before = self.rank
        self.rank, left = kernels.append_orthogonal_row(first, self.basis, before, self.tolerance, self.forces[t])
        if self.rank == before:
            self.left_out += 1
            self.largest_left_out = max(self.largest_left_out, left)
        return True

    def _advance(self, t: int) -> bool:
        """Rows t+1 of R and l, and m(t+1), from rows up to t."""
        problem = self.problem
        eta, decay = problem.learning_rate, problem.decay
        kernel = eta * self.memory[t, : t + 1]
        kernel[t] += decay
        m = decay * self.magnetization[t] - eta * problem.load * self.drive
        response, fields = self.response[t + 1], self.fields[t + 1]
        kernels.combine_rows(kernel, self.response, t + 1, response[:t])
        response[t] = 1.0
        kernels.combine_rows(kernel, self.fields, t + 1, fields[: self.rank + 1])
        fields[1 : self.rank + 1] += eta * np.sqrt(problem.load * problem.delta) * self.forces[t, : self.rank]
        norm = kernels.mean_square(fields) * fields.size
        if not (norm < self.largest and m * m < self.largest):
            return False
        if problem.sphere:
            shrink = 1.0 / np.sqrt(norm + m * m)
            m, norm = m * shrink, norm * shrink**2
            response *= shrink
            fields *= shrink
        self.magnetization[t + 1], self.norm[t + 1] = m, norm
        return True

    def _sample(self) -> Sample:
        done, problem = self.done, self.problem
        edges = problem.margin_edges
        counts = np.histogram(self.work[4], edges)[0] if done else np.zeros(len(edges) - 1)
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
            "margins": counts / (self.count * np.diff(edges)),
        }
        return {**sample, **problem.derived(sample)}

"""One causal march: at step t the paths give row t of K and M, the kernels give row t+1 of R, C and m.

With ``F(s) = Σ_k f(s,k) Q_k`` over an orthonormal set Q of vectors over paths, ``M = αΔ f fᵀ`` and the Gaussian
part of the field follows the same linear recursion as R, driven by innovations z:

    g(t) = Σ_k l(t,k) z_k,   l(t+1) = (1−ηλ) l(t) + η Σ_v K(t,v) l(v) + η √(αΔ) f(t),   C = l lᵀ.

So C and M are positive semidefinite by construction, nothing is factorised, and where F has low rank (gradient
descent) the paths cost their rank per step instead of their history.

Two copies with the same sample and start, but mini-batches of their own, are equal in law. So half their sum and half
their difference are uncorrelated: two channels of this kind, with the same R and K. The second starts from 0, gives the
distance of the copies without cancellation, and stays 0 if their forces never differ. Equations: arXiv:2112.10852,
2006.06098.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from . import kernels
from .problem import MarchingProblem, Sample
from .response import Estimator, make_estimator
from .sampling import Paths

Array = np.ndarray
#: Relative mean square below which a force is a combination of earlier ones: amplitudes 1e-10 and 1e-6.
TOLERANCE = {"float64": 1e-20, "float32": 1e-12}
#: Innovations drawn at once.
AHEAD = 16
#: Larger squares are called divergence.
LARGEST = {"float64": 1e100, "float32": 1e60}


class Channel:
    """A Gaussian field ``g(t) = Σ_k l(t,k) z_k`` with the forces ``F(t) = Σ_k f(t,k) Q_k`` that drive it."""

    def __init__(self, times: int, count: int, precision: str, start: float) -> None:
        self.tolerance = TOLERANCE[precision]
        self.basis = np.empty((times, count), dtype=precision)  # Q
        self.innovations = np.empty((times + 1, count), dtype=precision)  # z, as far as `drawn`
        self.forces = np.zeros((times, times))  # f
        self.fields = np.zeros((times, times + 1))  # l; column 0 is the start
        self.fields[0, 0] = start
        self.rank, self.drawn, self.pending = 0, 0, False
        self.left_out, self.largest_left_out = 0, 0.0

    def draw(self, innovations: Callable[[int, int], Array]) -> None:
        """Have an innovation for the start and each dimension of the forces."""
        if self.rank >= self.drawn:
            start, self.drawn = self.drawn, min(self.drawn + AHEAD, len(self.innovations))
            self.innovations[start : self.drawn] = innovations(start, self.drawn)

    def append(self, t: int, force: Array) -> None:
        """Expand the forces of step t in the basis; `force` is overwritten."""
        before = self.rank
        self.rank, left, self.pending = kernels.append_orthogonal_row(
            force, self.basis, before, self.tolerance, self.forces[t]
        )
        if self.rank == before:
            self.left_out += 1
            self.largest_left_out = max(self.largest_left_out, left)

    def covariances(self, done: int, strength: float) -> tuple[Array, Array]:
        """``l lᵀ`` and ``strength · f fᵀ`` of the first `done` times."""
        field, force = np.empty((done, done)), np.empty((done, done))
        kernels.gram(self.fields[:done, : self.rank + 1], 1.0, field)
        kernels.gram(self.forces[:done, : self.rank], strength, force)
        return field, force


class March:
    """State of one march over ``steps`` steps with `count` paths; `digits` as in :class:`Paths`."""

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
        self.paths = Paths(problem, times, count, digits, rng)
        self.label, self.active = self.paths.label, self.paths.active
        self.width = np.sqrt(problem.delta)
        self.direction = self.paths.centre + self.width * self.paths.field  # x·v/√N of the sample
        square = (times, times)
        starts = (np.sqrt(problem.r0), 0.0)
        self.channels = [Channel(times, count, precision, start) for start in starts[: problem.copies]]
        self.response, self.memory = np.zeros(square), np.zeros(square)
        self.magnetization, self.norm = np.zeros(times), np.zeros(times)
        self.loss, self.error = np.zeros(times), np.zeros(times)
        self.magnetization[0], self.norm[0] = problem.m0, problem.r0
        self.estimators: list[Estimator] = [
            make_estimator(self, active, response_paths, precision, rng) for active in self.active
        ]
        self.work = np.empty((problem.copies, 5, count))
        self.rows, self.kernel = np.zeros((problem.copies, times)), np.zeros(times)
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
        """Paths at step t: fields, forces, rows t of M and K and t+1 of R. False if a number left the float range."""
        problem = self.problem
        overlaps = (self.magnetization[t], 0.0)
        for number, (channel, overlap, work) in enumerate(zip(self.channels, overlaps, self.work, strict=False)):
            channel.draw(partial(self.paths.innovations, number))
            kernels.local_fields(
                t, channel.rank, channel.pending, self.response, channel.forces, channel.fields,
                channel.basis, channel.innovations, self.width, problem.learning_rate, overlap, self.direction, work[0],
            )  # fmt: skip
        self._between_copies_and_channels(0, 1.0)
        means = [self._force(t, copy) for copy in range(problem.copies)]
        parts = (sum(part) / problem.copies for part in zip(*means, strict=True))
        self.loss[t], self.error[t], self.drive, slope, largest = parts
        if not (abs(self.loss[t]) < self.largest and largest < self.largest**0.5):
            return False
        for estimator, work, row in zip(self.estimators, self.work, self.rows, strict=True):
            estimator.row(t, self.response[t], work[3], row)
        finite = kernels.next_kernels(
            t, self.rows, slope, problem.load * problem.delta, problem.learning_rate, problem.decay,
            self.memory, self.response, self.kernel,
        )  # fmt: skip
        if not finite:
            return False
        self._between_copies_and_channels(2, 0.5)
        for channel, work in zip(self.channels, self.work, strict=True):
            channel.append(t, work[2])
        return True

    def _force(self, t: int, copy: int) -> tuple[float, ...]:
        """Forces and slopes of one copy, in place; its averages and its largest force."""
        problem, chain, active = self.problem, self.problem.chain, self.active[copy]
        r, loss, first, second, margin = self.work[copy]
        problem.evaluate(self.label, r, loss, first, second, margin)
        likely, unlikely = (1.0 - chain.turn_off, chain.turn_on) if t else (chain.mean, chain.mean)
        means, largest = kernels.apply_membership(
            loss, first, second, margin, self.direction,
            likely, unlikely, active[max(t - 1, 0)], active[t], problem.amplitude,
        )  # fmt: skip
        return (*means, largest)

    def _between_copies_and_channels(self, row: int, scale: float) -> None:
        """For two copies, a working row of both becomes `scale` times sum and difference."""
        if len(self.channels) == 2:
            kernels.sum_and_difference(self.work[0, row], self.work[1, row], scale)

    def _advance(self, t: int) -> bool:
        """Row t+1 of l, and m(t+1), from rows up to t; shrink them and R to the sphere."""
        problem = self.problem
        strength = problem.learning_rate * np.sqrt(problem.load * problem.delta)
        norm = sum(
            kernels.next_fields(t, channel.rank, self.kernel, channel.fields, channel.forces, strength)
            for channel in self.channels
        )
        m = problem.decay * self.magnetization[t] - problem.learning_rate * problem.load * self.drive
        if not (norm < self.largest and m * m < self.largest):
            return False
        if problem.sphere:
            shrink = 1.0 / np.sqrt(norm + m * m)
            m, norm = m * shrink, norm * shrink**2
            self.response[t + 1] *= shrink
            for channel in self.channels:
                channel.fields[t + 1] *= shrink
        self.magnetization[t + 1], self.norm[t + 1] = m, norm
        return True

    def facts(self) -> dict[str, float]:
        """Rank of the noise, forces left out of it and the largest share of these."""
        return {
            "rank": sum(channel.rank for channel in self.channels),
            "left_out": sum(channel.left_out for channel in self.channels),
            "largest_left_out": max(channel.largest_left_out for channel in self.channels),
        }

    def _sample(self) -> tuple[Sample, Sample]:
        done, problem = self.done, self.problem
        parts = [channel.covariances(done, problem.load * problem.delta) for channel in self.channels]
        correlation, noise = (np.sum(part, axis=0) for part in zip(*parts, strict=True))
        sample: Sample = {
            "magnetization": self.magnetization[:done],
            "norm": self.norm[:done],
            "train_loss": self.loss[:done],
            "train_error": self.error[:done],
            "correlation": correlation,
            "response": self.response[:done, :done],
            "noise_kernel": noise,
            "memory_kernel": self.memory[:done, :done],
        }
        if problem.copies == 2:
            (same, force), (apart, force_apart) = parts
            sample["cross_correlation"] = same - apart
            sample["cross_noise_kernel"] = force - force_apart
            sample["distance"] = 4.0 * np.diagonal(apart)
        sample |= problem.derived(sample)
        return sample, problem.at_end(sample, self.work[:, 4].ravel()) if done else {}

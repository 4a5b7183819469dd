"""One batch of the stationary solver: sample paths in given kernels, and the kernels that they give back.

With frozen data the field of a path is stationary around a mean of its own: C(lag) = q + c(lag), where q is the
variance of the means and c decays. The Gaussian part of the field is √q z plus a stationary process that is drawn in
the frequency domain. All random numbers stay the same from one iteration to the next, so that a fixed point exists.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import ndtri
from scipy.stats import qmc

from ..marching import kernels
from ..marching.problem import MarchingProblem

Array = np.ndarray
#: Lengths in units of the memory: what is thrown away at the start of a path, and what is averaged over.
BURN, WINDOW = 2, 3
#: Times whose history is summed together.
BLOCK = 16
#: Times in the window at which a field is applied to measure the memory kernel.
PUSHES = 4


@dataclass(frozen=True)
class Kernels:
    """What the paths feel: overlap, frozen variance, spectrum of the rest, response at lags 0 … L (0 at lag 0)."""

    overlap: float
    frozen: float
    spectrum: Array
    response: Array

    def vector(self) -> Array:
        """All numbers in a row."""
        return np.concatenate(([self.overlap, self.frozen], self.spectrum, self.response))

    @classmethod
    def of_vector(cls, numbers: Array, lags: int) -> Kernels:
        """The way back; what is a variance stays positive."""
        variances = np.maximum(numbers[1 : -lags - 1], 0.0)
        return cls(float(numbers[0]), float(variances[0]), variances[1:], numbers[-lags - 1 :])


class History:
    """``Σ_{v<t} R(t − v) rows[v]`` for consecutive t: one product of matrices for all that is before a block."""

    def __init__(self, response: Array) -> None:
        lags = len(response) - 1
        later = np.arange(BLOCK)[:, None] + np.arange(lags, 0, -1)
        self.response = response
        self.weights = np.where(later <= lags, response[np.minimum(later, lags)], 0.0)

    def at(self, t: int, rows: Array) -> Array:
        """The sum for time t, from the rows before it."""
        place = t % BLOCK
        if place == 0:
            begin = max(0, t - self.weights.shape[1])
            self.before = self.weights[:, self.weights.shape[1] - (t - begin) :] @ rows[begin:t]
        total: Array = self.before[place]
        kernels.weighted_rows(self.response[place:0:-1], rows[t - place : t], place, total)
        return total


class Batch:
    """Random numbers of `count` paths for a memory of `lags` steps."""

    def __init__(self, problem: MarchingProblem, lags: int, count: int, rng: np.random.Generator) -> None:
        self.problem, self.lags, self.count = problem, lags, count
        self.burn, self.window = BURN * lags, WINDOW * lags
        self.times = self.burn + self.window
        self.period = next_fast_len(self.times + lags, real=True)
        points = qmc.Sobol(problem.uniforms + 1, rng=rng).random(count).T
        points = np.clip(points, 2.0**-40, 1.0 - 2.0**-40)
        centre, field, self.label = problem.draw(points[:-1])
        self.direction = centre + np.sqrt(problem.delta) * field
        self.frozen = ndtri(points[-1])  # z of the frozen part
        self.white = rfft(rng.standard_normal((self.period, count)), axis=0)
        self.active = np.empty((self.times, count), dtype=bool)
        self.active[0] = problem.chain.first(rng.random(count))
        for t in range(1, self.times):
            self.active[t] = problem.chain.next(self.active[t - 1], rng.random(count))
        self.force = np.zeros((self.times, count))
        self.slope = np.zeros((self.times, count))
        self.clipped = 0.0
        self.loss = self.error = 0.0
        self.margin = np.empty(count)

    def start(self) -> Kernels:
        """Weights as at the start of training, which relax by the ridge alone."""
        response = self.problem.decay ** np.maximum(np.arange(self.lags + 1) - 1.0, 0.0)
        response[0] = 0.0
        return Kernels(self.problem.m0, self.problem.r0, np.zeros(self.period // 2 + 1), response)

    def iterate(self, given: Kernels) -> Kernels:
        """Run the paths and return the kernels that follow from them."""
        self._run(given)
        force, problem = self.force[self.burn :], self.problem
        eta, load = problem.learning_rate, problem.load
        covariance, frozen = self._noise(force)
        response = self._response(self._memory(given.response))
        transfer = np.abs(rfft(response, self.period)) ** 2
        scale = eta**2 * load * problem.delta
        spectrum = scale * transfer * covariance
        return Kernels(self._overlap(given.overlap), scale * response.sum() ** 2 * frozen, spectrum, response)

    def correlation(self, given: Kernels) -> Array:
        """c(lag) at lags 0 … L: the part of C that decays."""
        return irfft(given.spectrum, self.period)[: self.lags + 1]

    def weights(self, given: Kernels) -> Array:
        """What makes errors of all numbers of :meth:`Kernels.vector` relative ones."""
        decaying = self.correlation(given)[0]
        norm = max(given.frozen + decaying + given.overlap**2, 1e-300)
        spectrum = np.full(len(given.spectrum), 1.0 / (np.sqrt(self.period) * max(decaying, 1e-9 * norm)))
        return np.concatenate(([norm**-0.5, 1.0 / norm], spectrum, np.ones(self.lags + 1)))

    def noise(self) -> float:
        """M(lag 0) = αΔ E[F²]."""
        return float(self.problem.load * self.problem.delta * np.mean(self.force[self.burn :] ** 2))

    def _run(self, given: Kernels) -> None:
        problem = self.problem
        width, eta = np.sqrt(problem.delta), problem.learning_rate
        field = irfft(self.white * np.sqrt(given.spectrum)[:, None], self.period, axis=0)
        r, loss, first, second = (np.empty(self.count) for _ in range(4))
        still = given.overlap * self.direction + width * np.sqrt(given.frozen) * self.frozen
        losses, errors = 0.0, 0.0
        history = History(given.response)
        for t in range(self.times):
            r[:] = still + width * (field[t] - width * eta * history.at(t, self.force))
            problem.evaluate(self.label, r, loss, first, second, self.margin)
            share = np.where(self.active[t], problem.amplitude, 0.0)
            self.force[t], self.slope[t] = share * first, share * second
            if t >= self.burn:
                losses += float(loss.mean())
                errors += float(np.mean(self.margin < 0.0))
        self.loss, self.error = losses / self.window, errors / self.window

    def _overlap(self, before: float) -> float:
        """A Newton step for (1 − decay) m = −η α E[F (c + √Δ u)], with the stiffness of an instantaneous answer."""
        problem = self.problem
        force, slope = self.force[self.burn :], self.slope[self.burn :]
        ridge = (1.0 - problem.decay) / problem.learning_rate
        pull = ridge * before + problem.load * float(np.mean(force @ self.direction) / self.count)
        stiffness = ridge + problem.load * abs(float(np.mean(slope @ self.direction**2) / self.count))
        return before - pull / stiffness

    def _noise(self, force: Array) -> tuple[Array, float]:
        """Spectrum of E[F(t)F(t+lag)] less its limit at long lags, and that limit.

        The mean of each path over the window is taken off first: its products with what fluctuates average to zero,
        but would be most of the noise.
        """
        window = len(force)
        means = force.mean(axis=0)
        padded = rfft(force - means, next_fast_len(2 * window, real=True), axis=0)
        power = np.mean(padded.real**2 + padded.imag**2, axis=1)
        pairs = window - np.arange(window)
        covariance = irfft(power, next_fast_len(2 * window, real=True))[:window]
        limit = covariance[self.lags :].sum() / pairs[self.lags :].sum()  # less than 0: the means fluctuate as well
        decaying = covariance[: self.lags + 1] / pairs[: self.lags + 1] - limit
        circle = np.zeros(self.period)
        circle[: self.lags + 1] = decaying
        circle[-self.lags :] = decaying[:0:-1]
        spectrum = rfft(circle).real
        self.clipped = float(-np.minimum(spectrum, 0.0).sum() / max(np.abs(spectrum).sum(), 1e-300))
        return np.maximum(spectrum, 0.0), max(float(np.mean(means**2) + limit), 0.0)

    def _memory(self, response: Array) -> Array:
        """K(lag) = −αΔ E[D(t) ∂r(t)/∂P(t − lag)] from fields at a few times of the window."""
        problem = self.problem
        coupling = problem.delta * problem.learning_rate
        total = np.zeros(self.lags + 1)
        pushed = np.empty((self.lags + 1, self.count))  # D ∂r/∂P
        starts = self.burn + (np.arange(PUSHES) * (self.window - self.lags - 1)) // max(PUSHES - 1, 1)
        for s in starts:
            history = History(response)
            pushed[0] = self.slope[s]
            history.at(0, pushed)
            for lag in range(1, self.lags + 1):
                pushed[lag] = -coupling * self.slope[s + lag] * history.at(lag, pushed)
            total += pushed.mean(axis=1)
        total /= len(starts)
        total[0] = self.slope[self.burn :].mean()
        return -problem.load * problem.delta * total

    def _response(self, memory: Array) -> Array:
        """``R(n+1) = decay R(n) + η Σ_v K(n−v) R(v)``, R(1) = 1."""
        response = np.zeros(self.lags + 1)
        response[1] = 1.0
        kernel = self.problem.learning_rate * memory
        kernel[0] += self.problem.decay
        for n in range(1, self.lags):
            response[n + 1] = kernel[:n] @ response[n:0:-1]
        return response

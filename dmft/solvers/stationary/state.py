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
#: Times in the window at which a field is applied to measure the memory kernel.
PUSHES = 4


@dataclass(frozen=True)
class Kernels:
    """What the paths feel: overlap, frozen variance, spectrum of the rest, response at lags 0 … L (0 at lag 0)."""

    overlap: float
    frozen: float
    spectrum: Array
    response: Array

    def mixed(self, other: Kernels, weight: float) -> Kernels:
        """``(1 − weight)`` of this and `weight` of the other; spectra stay positive."""
        pairs = ((getattr(self, name), getattr(other, name)) for name in self.__dataclass_fields__)
        return Kernels(*((1.0 - weight) * mine + weight * new for mine, new in pairs))


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
        for t in range(self.times):
            memory = np.zeros(self.count)
            begin = max(0, t - self.lags)
            weights = given.response[t - begin : 0 : -1]  # R(t − v) for v = begin … t − 1
            kernels.weighted_rows(weights, self.force[begin:t], t - begin, memory)
            r[:] = still + width * (field[t] - width * eta * memory)
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
        """Spectrum of E[F(t)F(t+lag)] less its limit at long lags, and that limit."""
        window = len(force)
        padded = rfft(force, next_fast_len(2 * window, real=True), axis=0)
        power = np.mean(padded.real**2 + padded.imag**2, axis=1)
        pairs = window - np.arange(window)
        covariance = irfft(power, next_fast_len(2 * window, real=True))[:window]
        limit = covariance[self.lags :].sum() / pairs[self.lags :].sum()
        decaying = covariance[: self.lags + 1] / pairs[: self.lags + 1] - limit
        circle = np.zeros(self.period)
        circle[: self.lags + 1] = decaying
        circle[-self.lags :] = decaying[:0:-1]
        spectrum = rfft(circle).real
        self.clipped = float(-np.minimum(spectrum, 0.0).sum() / np.abs(spectrum).sum())
        return np.maximum(spectrum, 0.0), max(float(limit), 0.0)

    def _memory(self, response: Array) -> Array:
        """K(lag) = −αΔ E[D(t) ∂r(t)/∂P(t − lag)] from fields at a few times of the window."""
        problem = self.problem
        coupling = problem.delta * problem.learning_rate
        total = np.zeros(self.lags + 1)
        pushed = np.empty((self.lags + 1, self.count))  # D ∂r/∂P
        starts = self.burn + (np.arange(PUSHES) * (self.window - self.lags - 1)) // max(PUSHES - 1, 1)
        for s in starts:
            pushed[0] = self.slope[s]
            for lag in range(1, self.lags + 1):
                shift = np.zeros(self.count)
                kernels.weighted_rows(response[lag:0:-1], pushed, lag, shift)
                pushed[lag] = -coupling * self.slope[s + lag] * shift
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

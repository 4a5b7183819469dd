"""Finite-size twin of ``sgd/random-functions``: P = αN polynomials of N weights with random Gaussian coefficients.

The signal is w* = √N e₁, so the overlap is one coordinate and the rest is orthogonal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..results.curve import Curve, Observable
from ..results.progress import Progress
from ..results.solution import Solution
from ..solvers.ensemble import Member, Sample
from ..theory.sgd_random_functions import SGDRandomFunctions
from .backend import Backend, backend_for, get_backend
from .method import Simulation
from .replicas import run_replicas
from .sgd import LARGEST, Tangent


def functions(model: SGDRandomFunctions, size: int) -> int:
    """P, the number of functions of a problem with `size` weights."""
    return max(1, round(model.alpha * size))


def estimate(model: SGDRandomFunctions, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate` on a CPU."""
    item, n, times = np.dtype(method.precision).itemsize, float(method.size), model.steps + 1.0
    degree = int(np.flatnonzero(model.covariance)[-1])
    coefficients = sum(n**k for k in (1, 2, 3) if model.covariance[k]) * functions(model, method.size)
    drawing = {1: 1.0, 2: 2.0, 3: 3.0}[degree]
    history = (functions(model, method.size) + n) * times * item
    if method.field_response:
        history += n * times * item * 3.0
    replica = coefficients * item * drawing + history + 4.0 * times**2 * 8.0
    workers = min(get_backend(method.backend).workers, method.replicas)
    work = coefficients * (3e-8 + times * item * (2.0 if method.field_response else 1.0) / 4e9)
    if method.field_response:
        work += functions(model, method.size) * n * times**2 / 1e10
    memory = workers * replica + method.replicas * 3.0 * times**2 * 8.0
    return {"memory": memory, "seconds": 0.2 + method.replicas / workers * work}


def simulate(model: SGDRandomFunctions, method: Simulation, progress: Progress) -> Solution:
    """Run independent replicas (own functions, start and mini-batches) and average them.

    Returns
    -------
    Solution
        The observables of the theory, except ``memory_kernel``, and ``response`` if it was asked for; mean and
        standard error over replicas.

    Raises
    ------
    MemoryLimitError, BackendError

    Notes
    -----
    α N^(d+1) coefficients for degree d, read once a step. Replica i draws from the stream (seed, i).
    """
    backend = backend_for(
        method,
        estimate(model, method),
        f"all coefficients of {functions(model, method.size)} functions of {method.size} weights: "
        "try a smaller --size, --precision float32 or fewer threads (NUMBA_NUM_THREADS)",
    )
    moments, status, facts = run_replicas(Replica, model, method, backend, model.steps, progress)

    def make(item: Observable) -> Curve | None:
        return item.curve(moments.mean(item.name), moments.stderr(item.name)) if item.name in moments else None

    curves = model.curves(make)
    diagnostics = {
        "functions": functions(model, method.size),
        "replicas_used": len(facts),
    }
    length = len(curves["norm"].values) if curves else 0
    return Solution(curves, model.coordinates(length), status, moments.count, method.as_dict(), diagnostics)


class RandomFunctions:
    """f(w) = x·w + w·A w + B w w w with symmetric Gaussian coefficients: covariance h(w·w'/N) exactly."""

    def __init__(
        self, model: SGDRandomFunctions, size: int, xp: Any, dtype: np.dtype, rng: np.random.Generator
    ) -> None:
        count = functions(model, size)
        _, *coefficients = (float(np.sqrt(c / float(size) ** k)) for k, c in enumerate(model.covariance))
        self.xp, self.tensors = xp, []
        for degree, scale in enumerate(coefficients, start=1):
            if scale:
                tensor = rng.standard_normal((count,) + (size,) * degree, dtype=dtype)
                for k in range(2, degree + 1):  # average over the orders of the first k indices, from that of k − 1
                    total = tensor.copy()
                    for j in range(1, k):
                        total += tensor.swapaxes(j, k)
                    total /= k
                    tensor = total
                tensor *= scale
                self.tensors.append(xp.asarray(tensor))

    def __call__(self, weights: Any) -> tuple[Any, Any, list[Any]]:
        """Values (P,), gradients (P, N), and second derivatives (P, N, N) as a list of summands."""
        values, gradients, curvatures = 0.0, 0.0, []
        for tensor in self.tensors:
            degree = tensor.ndim - 1
            if degree == 3:
                tensor = (tensor.reshape(-1, tensor.shape[-1]) @ weights).reshape(tensor.shape[:-1])
            if tensor.ndim == 3:
                curvatures.append(degree * (degree - 1) * tensor)
                tensor = (tensor.reshape(-1, tensor.shape[-1]) @ weights).reshape(tensor.shape[:-1])
            gradients = gradients + degree * tensor
            values = values + tensor @ weights
        return values, gradients, curvatures


class Replica:
    """One set of functions, one start, one sequence of mini-batches."""

    def __init__(
        self, model: SGDRandomFunctions, method: Simulation, backend: Backend, rng: np.random.Generator
    ) -> None:
        xp, dtype = backend.xp, np.dtype(method.precision)
        size, times = method.size, model.steps + 1
        self.model, self.backend, self.xp, self.rng = model, backend, xp, rng
        self.largest = LARGEST[method.precision]
        self.functions = RandomFunctions(model, size, xp, dtype, rng)
        signal = np.zeros(size, dtype=dtype)
        signal[0] = np.sqrt(size)
        count = functions(model, size)
        noise = np.sqrt(model.label_noise) * rng.standard_normal(count)
        self.label = self.functions(xp.asarray(signal))[0] + xp.asarray(noise.astype(dtype))
        weights = rng.standard_normal(size)
        weights[0] = 0.0
        weights *= np.sqrt(model.r0 * size) / max(float(np.linalg.norm(weights)), 1e-300)
        weights[0] = model.m0 * np.sqrt(size)
        self.weights = xp.asarray(weights.astype(dtype))
        self.weight_history = xp.zeros((times, size), dtype=dtype)
        self.force_history = xp.zeros((times, count), dtype=dtype)
        self.losses = np.zeros(times)
        self.fields = Tangent(xp, size, times, dtype, rng) if method.field_response else None

    def run(self, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        """Step to the end, to divergence, or until ``stop()``."""
        model, xp, done, diverged = self.model, self.xp, 0, False
        size, eta = len(self.weights), model.learning_rate
        decay = 1.0 - eta * model.ridge
        while done <= model.steps and not stop():
            values, gradients, curvatures = self.functions(self.weights)
            residual = values - self.label
            loss = float(0.5 * (residual @ residual)) / len(residual)
            if not (loss < self.largest and float(self.weights @ self.weights) / size < self.largest):
                diverged = True
                break
            member = self.rng.random(len(residual)) < model.batch_fraction
            active = xp.asarray(member.astype(residual.dtype)) * model.amplitude
            force = active * residual
            self.losses[done] = loss
            self.weight_history[done], self.force_history[done] = self.weights, force
            if self.fields is not None:
                self.fields.record(done, self.weights, model.sphere)
                old = self.fields.moved[:, :done]
                bent = sum(xp.tensordot(force, item, axes=1) for item in curvatures)
                bent = bent @ old if curvatures else 0.0
                self.fields.step(done, gradients, active, decay, eta)
                self.fields.moved[:, :done] -= eta * bent
            done += 1
            update(1.0)
            if done > model.steps:
                break
            self.weights = decay * self.weights - eta * (gradients.T @ force)
            if model.sphere:
                shrink = xp.sqrt(size / (self.weights @ self.weights))
                self.weights = self.weights * shrink
                if self.fields is not None:
                    self.fields.moved *= shrink
        return Member(self._sample(done), done, diverged)

    def _sample(self, done: int) -> Sample:
        size = len(self.weights)
        weights, force = self.weight_history[:done], self.force_history[:done]
        overlap = self.backend.to_host(weights[:, 0]) / np.sqrt(size)
        rest = weights[:, 1:]
        correlation = self.backend.to_host(rest @ rest.T) / size
        norm = np.diagonal(correlation).copy()
        slope = np.polynomial.Polynomial(self.model.covariance).deriv()
        full = correlation + overlap[:, None] * overlap[None, :]
        sample = {
            "magnetization": overlap,
            "norm": norm,
            "train_loss": self.losses[:done],
            "test_error": self.model.test_error(overlap, norm),
            "correlation": correlation,
            "noise_kernel": self.backend.to_host(force @ force.T) / size * slope(full),
        }
        if self.fields is not None:
            sample["response"] = self.fields.response[:done, :done]
        return sample

"""Finite-size twin of ``sgd``: N weights, P = αN samples, the same updates, replica by replica.

The signal is v = √N e₁, so the overlap is one coordinate and the rest is orthogonal. The start has exactly the
overlap m0 and the norm r0. Reads the same for NumPy and CuPy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..results.progress import Progress
from ..results.solution import Solution
from ..solvers.ensemble import Member, Sample
from ..theory.sgd import SGD
from .backend import Backend, backend_for, get_backend
from .losses import derivatives
from .method import Simulation
from .replicas import run_replicas

#: Larger squared norms are called divergence.
LARGEST = {"float64": 1e100, "float32": 1e30}


def samples(model: SGD, size: int) -> int:
    """P, the number of samples of a problem with `size` weights."""
    return max(1, round(model.alpha * size))


def estimate(model: SGD, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate` on a CPU."""
    item = np.dtype(method.precision).itemsize
    count = model.alpha * method.size
    data, times = count * method.size, model.steps + 1
    history = model.copies * (count + method.size) * times * item
    fields = model.copies * (count + 2.0 * method.size) * times * item if method.field_response else 0.0
    replica = data * item + history + fields + 4.0 * model.copies * times**2 * 8.0
    workers = min(get_backend("numpy").workers, method.replicas)
    seconds = method.replicas / workers * (data * 2e-8 + model.copies * times * data * item * 2.0 / 6e9)
    if method.field_response:
        seconds += method.replicas / workers * model.copies * data * times**2 * 2.0 / 2e10
    return {"memory": workers * replica + method.replicas * 3.0 * times**2 * 8.0, "seconds": 0.2 + seconds}


def simulate(model: SGD, method: Simulation, progress: Progress, replica: type[Replica] | None = None) -> Solution:
    """Run independent replicas (own data, start and mini-batches) and average them.

    Parameters
    ----------
    replica : type, optional
        What runs and measures one of them; default :class:`Replica`.

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
    Cost per replica 4 P N flops a step, at memory speed; the response costs 4 P N T² in all, at arithmetic speed.
    Replica i draws from the stream (seed, i): results do not depend on how many run side by side. The linear
    algebra library is held to one thread, because its sums change with the number of threads.
    """
    backend = backend_for(
        method,
        estimate(model, method),
        "try a smaller --size, --precision float32 or fewer threads (NUMBA_NUM_THREADS)",
    )
    one = backend.xp.ones(1, dtype=method.precision)
    derivatives(model, backend.xp)(
        one, one
    )  # a loss of one's own is compiled here, once, not in several threads at a time
    moments, status, facts = run_replicas(replica or Replica, model, method, backend, model.steps, progress)
    diagnostics = {
        "samples": samples(model, method.size),
        "replicas_used": len(facts),
    }
    return model.solution(moments, status, method.as_dict(), diagnostics)


class Replica:
    """One data set and one start; one or several runs from there, each with mini-batches of its own."""

    copies = 1

    def __init__(self, model: SGD, method: Simulation, backend: Backend, rng: np.random.Generator) -> None:
        xp, dtype = backend.xp, np.dtype(method.precision)
        size, count = method.size, samples(model, method.size)
        self.model, self.backend = model, backend
        uniforms = rng.random((model.draw_dimensions, count))
        centre, field, label = model.draw(uniforms)
        data = rng.standard_normal((count, size), dtype=dtype)
        data[:, 0] = field  # z·v/√N
        data *= np.sqrt(model.delta / size)
        data[:, 0] += centre / np.sqrt(size)
        weights = rng.standard_normal(size)
        weights[0] = 0.0
        weights *= np.sqrt(model.start_norm * size) / max(float(np.linalg.norm(weights)), 1e-300)
        weights[0] = model.m0 * np.sqrt(size)
        self.data = xp.asarray(data)  # x_μ/√N, so that r = data @ w
        self.label = xp.asarray(label.astype(dtype))
        self.runs = [Trajectory(self, weights, method, rng) for _ in range(self.copies)]

    def run(self, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        """Step to the end, to divergence, or until ``stop()``."""
        steps, done, diverged = self.model.steps, 0, False
        while done <= steps and not stop():
            if not all(run.observe(done) for run in self.runs):
                diverged = True
                break
            done += 1
            update(1.0)
            if done <= steps:
                for run in self.runs:
                    run.step()
        sample = self.sample(done)
        margin = np.concatenate([self.backend.to_host(run.margin) for run in self.runs]) if done else np.empty(0)
        return Member(sample, done, diverged, at_end=self.model.at_end(sample, margin) if done else {})

    def sample(self, done: int) -> Sample:
        """What was measured at the first `done` times: means over the runs."""
        parts = [run.sample(done) for run in self.runs]
        sample = {name: np.mean([part[name] for part in parts], axis=0) for name in parts[0]}
        return {**sample, **self.model.derived(sample)}


class Trajectory:
    """Weights on their way through one sequence of mini-batches, with their history."""

    def __init__(self, problem: Replica, weights: np.ndarray, method: Simulation, rng: np.random.Generator) -> None:
        self.model, self.backend, self.rng = problem.model, problem.backend, rng
        self.xp = xp = self.backend.xp
        dtype, times = np.dtype(method.precision), self.model.steps + 1
        self.data, self.label = problem.data, problem.label
        count, size = self.data.shape
        self.largest = LARGEST[method.precision]
        self.evaluate = derivatives(self.model, xp)
        self.decay = 1.0 - self.model.learning_rate * self.model.ridge
        self.weights = xp.asarray(weights.astype(dtype))
        self.weight_history = xp.zeros((times, size), dtype=dtype)
        self.force_history = xp.zeros((times, count), dtype=dtype)
        self.averages = np.zeros((2, times))
        self.active = np.empty(count, dtype=bool)
        self.force: Any = None
        self.slope: Any = None
        self.margin: Any = None
        self.fields = Tangent(xp, size, times, dtype, rng) if method.field_response else None

    def observe(self, step: int) -> bool:
        """Losses, margins and forces of this step. False if a number left the float range."""
        model = self.model
        loss, first, second, margin = self.evaluate(self.label, self.data @ self.weights)
        norm = float(self.weights @ self.weights) / len(self.weights)
        mean_loss = float(loss.mean())
        if not (norm < self.largest and abs(mean_loss) < self.largest):
            return False
        self.margin = margin
        self.averages[:, step] = mean_loss, float((margin < 0.0).mean())
        weight = self.xp.asarray(self._membership(step).astype(self.data.dtype)) * model.amplitude
        self.force, self.slope = weight * first, weight * second
        self.weight_history[step], self.force_history[step] = self.weights, self.force
        if self.fields is not None:
            self.fields.record(step, self.weights, model.sphere)
            self.fields.step(step, self.data, self.slope, self.decay, model.learning_rate)
        return True

    def step(self) -> Any:
        """Move the weights by the forces that were observed; return the factor that puts them back on the sphere."""
        self.weights = self.decay * self.weights - self.model.learning_rate * (self.data.T @ self.force)
        if not self.model.sphere:
            return 1.0
        shrink = self.xp.sqrt(len(self.weights) / (self.weights @ self.weights))
        self.weights = self.weights * shrink
        if self.fields is not None:
            self.fields.moved *= shrink
        return shrink

    def _membership(self, step: int) -> np.ndarray:
        uniforms = self.rng.random(len(self.active))
        chain = self.model.chain
        self.active = chain.next(self.active, uniforms) if step else chain.first(uniforms)
        return self.active

    def sample(self, done: int) -> Sample:
        """What was measured at the first `done` times."""
        size = len(self.weights)
        weights, force = self.weight_history[:done], self.force_history[:done]
        overlap = self.backend.to_host(weights[:, 0]) / np.sqrt(size)
        rest = weights[:, 1:]
        correlation = self.backend.to_host(rest @ rest.T) / size
        noise = self.backend.to_host(force @ force.T) * (self.model.delta / size)
        norm = np.diagonal(correlation).copy()
        sample = {
            "magnetization": overlap,
            "norm": norm,
            "train_loss": self.averages[0, :done],
            "train_error": self.averages[1, :done],
            "correlation": correlation,
            "noise_kernel": noise,
        }
        if self.fields is not None:
            sample["response"] = self.fields.response[:done, :done]
        return sample


class Tangent:
    """Exact linear response of the weights to a small random ±1 field at each earlier step.

    ``moved[:, s]`` is the displacement caused by a unit field in the update of step s;
    R(t, s) is its overlap with the field. Orthogonal to the signal, like C.
    """

    def __init__(self, xp: Any, size: int, times: int, dtype: np.dtype, rng: np.random.Generator) -> None:
        signs = 2.0 * rng.integers(0, 2, size) - 1.0
        signs[0] = 0.0
        self.signs = xp.asarray(signs.astype(dtype))
        self.moved = xp.zeros((size, times), dtype=dtype)
        self.response = np.zeros((times, times))
        self.to_host = (lambda a: a) if xp is np else xp.asnumpy

    def record(self, t: int, weights: Any, sphere: bool) -> None:
        """Measure row t; on the sphere displacements stay tangent to it."""
        if sphere and t:
            self.moved[:, :t] -= weights[:, None] * (weights @ self.moved[:, :t])[None, :] / len(weights)
        if t:
            self.response[t, :t] = self.to_host(self.signs @ self.moved[:, :t]) / (len(weights) - 1)

    def step(self, t: int, data: Any, slope: Any, decay: float, learning_rate: float) -> None:
        """Move all displacements through the update of step t and start that of a field at step t."""
        if t:
            old = self.moved[:, :t]
            self.moved[:, :t] = decay * old - learning_rate * (data.T @ (slope[:, None] * (data @ old)))
        if t + 1 < self.moved.shape[1]:
            self.moved[:, t] = self.signs

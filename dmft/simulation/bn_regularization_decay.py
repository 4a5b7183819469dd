"""Twin of ``bn-regularization/decay``: random batches, normalised by their own statistics or by those of all."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..results.progress import Progress
from ..results.solution import Solution
from ..solvers.ensemble import Member
from ..theory.bn_regularization_decay import BATCHES, BNRegularizationDecay
from .backend import Backend, backend_for, get_backend
from .method import Simulation
from .replicas import run_replicas

Array = np.ndarray
#: Inputs at a time.
CHUNK = 1 << 17


def estimate(model: BNRegularizationDecay, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate`."""
    workers = min(get_backend(method.backend).workers, method.replicas)
    inputs = method.replicas * (len(BATCHES) + 1.0) * max(method.size, model.batch)
    return {"memory": 8.0 * workers * 8.0 * max(CHUNK, model.batch), "seconds": 0.05 + 4e-8 * inputs / workers}


def simulate(model: BNRegularizationDecay, method: Simulation, progress: Progress) -> Solution:
    """Average the penalty over batches; each replica draws `size` inputs for each batch size.

    Raises
    ------
    MemoryLimitError, BackendError
    """
    backend = backend_for(method, estimate(model, method), "try a smaller --batch")
    moments, status, _ = run_replicas(Batches, model, method, backend, len(BATCHES) - 1, progress)
    curves = model.mean_curves(moments)
    return Solution(curves, model.coordinates(), status, moments.count, method.as_dict())


class Batches:
    """Batches of one replica, at all batch sizes."""

    def __init__(
        self, model: BNRegularizationDecay, method: Simulation, backend: Backend, rng: np.random.Generator
    ) -> None:
        self.model, self.method, self.backend, self.rng = model, method, backend, rng

    def run(self, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        """The penalty at each batch size, then at that of the model."""
        values = []
        for batch in BATCHES:
            if stop():
                break
            values.append(self.penalty(int(batch)))
            update(1.0)
        done = np.array(values)
        ends = {"penalty": np.array(self.penalty(self.model.batch))} if len(done) == len(BATCHES) else {}
        series = {"penalty_by_batch": done, "scaled_penalty": BATCHES[: len(done)] * done}
        return Member({}, len(done), series=series, at_end=ends)

    def penalty(self, batch: int) -> float:
        """Mean of ½(g(u) − g(û))² over `size` inputs, at least one batch."""
        xp, total, left = self.backend.xp, 0.0, max(1, self.method.size // batch)
        count = left
        while left:
            rows = min(left, max(1, CHUNK // batch))
            u = xp.asarray(self.draw((rows, batch)).astype(self.method.precision))
            centred = u - u.mean(axis=1, keepdims=True)
            normalised = centred / xp.sqrt((centred**2).mean(axis=1, keepdims=True))
            if self.model.activation == "relu":
                u, normalised = xp.maximum(u, 0.0), xp.maximum(normalised, 0.0)
            total += float(((u - normalised) ** 2).mean(axis=1).sum())
            left -= rows
        return 0.5 * total / count

    def draw(self, shape: tuple[int, int]) -> Array:
        """Inputs of mean 0 and variance 1."""
        if self.model.distribution == "uniform":
            return self.rng.uniform(-np.sqrt(3.0), np.sqrt(3.0), shape)
        if self.model.distribution == "laplace":
            return self.rng.laplace(0.0, np.sqrt(0.5), shape)
        return self.rng.standard_normal(shape)

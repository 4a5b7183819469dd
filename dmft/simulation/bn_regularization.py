"""Finite-size twin of ``bn-regularization``: online SGD of N weights, each sample seen once.

For optimiser ``bn`` the same samples are also learned in mini-batches that are normalised by their own statistics.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..results.progress import Progress
from ..results.solution import Solution
from ..solvers.ensemble import Member
from ..theory.bn_regularization import CURVES, POINTS, BNRegularization, test_error
from .backend import Backend, backend_for, get_backend
from .method import Simulation
from .replicas import run_replicas

Array = np.ndarray
#: A gain or norm beyond it is called divergence.
LARGEST = 1e50


def estimate(model: BNRegularization, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate` on a CPU."""
    workers = min(get_backend(method.backend).workers, method.replicas)
    steps = model.t_max * method.size
    seconds = method.replicas * steps * (3e-5 + 1.5e-8 * method.size) / workers
    return {"memory": 8.0 * workers * (6.0 + 3.0 * model.batch) * method.size, "seconds": seconds}


def simulate(model: BNRegularization, method: Simulation, progress: Progress) -> Solution:
    """Average the order parameters over replicas with teachers of their own.

    Raises
    ------
    MemoryLimitError, BackendError

    Notes
    -----
    ``t_max · size`` steps of O(size).
    """
    backend = backend_for(method, estimate(model, method), "try a smaller --size or --batch")
    moments, status, _ = run_replicas(Replica, model, method, backend, POINTS, progress)
    curves = model.mean_curves(moments)
    if curves:
        curves |= model.scalars(curves)
    kept = len(curves["norm"].values) if curves else 0
    return Solution(curves, model.coordinates(kept), status, moments.count, method.as_dict())


class Replica:
    """One teacher with its student."""

    def __init__(self, model: BNRegularization, method: Simulation, backend: Backend, rng: np.random.Generator) -> None:
        self.model, self.size, self.xp, self.rng = model, method.size, backend.xp, rng
        self.dtype = np.dtype(method.precision)
        teacher, other = rng.standard_normal((2, method.size))
        teacher *= np.sqrt(method.size) / np.linalg.norm(teacher)
        other -= (other @ teacher / method.size) * teacher
        other *= np.sqrt(method.size) / np.linalg.norm(other)
        vanilla = model.optimiser == "vanilla"
        length = model.gamma_init if vanilla else model.norm_init
        start = length * (model.overlap_init * teacher + np.sqrt(1.0 - model.overlap_init**2) * other)
        self.teacher, self.start = (self.xp.asarray(item.astype(self.dtype)) for item in (teacher, start))
        self.relu = model.activation == "relu"

    def run(self, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        """Learn sample by sample; then, for batch normalisation, in mini-batches."""
        move = self._vanilla if self.model.optimiser == "vanilla" else self._normalised
        rows, done, diverged = self._learn(move, 1, stop, update)
        series = {name: rows[:done, i] for i, name in enumerate(CURVES)}
        if self.model.optimiser == "bn" and done == POINTS + 1 and not diverged:
            exact, got, bad = self._learn(self._batch_normalised, self.model.batch, stop, lambda units: None)
            if got == POINTS + 1 and not bad:
                series |= {"gamma_batch_statistics": exact[:, 0], "test_error_batch_statistics": exact[:, 3]}
        return Member({}, done, diverged, series=series)

    def _learn(
        self, move: Callable[..., tuple[Any, float]], batch: int, stop: Callable[[], bool],
        update: Callable[[float], None],
    ) -> tuple[Array, int, bool]:  # fmt: skip
        """Order parameters (T, 4) at the reported times, how many of them, and whether that is by divergence."""
        model, w, gamma = self.model, self.start.copy(), self.model.gamma_init
        rows, seen = np.empty((POINTS + 1, len(CURVES))), 0
        for now, end in enumerate(np.round(model.times * self.size)):
            while seen < end:
                w, gamma = move(w, gamma, *self._samples(batch))
                seen += batch
            norm = float(self.xp.sqrt(w @ w / self.size))
            gain = norm if model.optimiser == "vanilla" else gamma
            if not max(norm, abs(gain)) < LARGEST:
                return rows, now, True
            if stop():
                return rows, now, False
            overlap = float(w @ self.teacher) / (norm * self.size)
            rows[now] = gain, overlap, norm, test_error(np.array(gain), np.array(overlap), model.activation)
            update(1.0)
        return rows, POINTS + 1, False

    def _samples(self, batch: int) -> tuple[Any, Any]:
        """Inputs (M, N) of variance 1/N, and labels (M,)."""
        x = self.rng.standard_normal((batch, self.size)) / np.sqrt(self.size)
        noise = np.sqrt(self.model.label_noise) * self.rng.standard_normal(batch)
        inputs = self.xp.asarray(x.astype(self.dtype))
        field = inputs @ self.teacher
        labels = self.xp.maximum(field, 0.0) if self.relu else field
        return inputs, labels + self.xp.asarray(noise.astype(self.dtype))

    def _residual(self, h: Any, labels: Any) -> Any:
        """δ = g'(h)(y − g(h))."""
        return (h > 0.0) * (labels - h) if self.relu else labels - h

    def _vanilla(self, w: Any, gamma: float, x: Any, labels: Any) -> tuple[Any, float]:
        return w + self.model.eta * (self._residual(x @ w, labels) @ x), gamma

    def _normalised(self, w: Any, gamma: float, x: Any, labels: Any) -> tuple[Any, float]:
        """Normalisation by the population, σ_P = L, with decay of the gain: eq. (3)."""
        model = self.model
        norm = float(self.xp.sqrt(w @ w / self.size))
        u = float((x @ w)[0]) / norm
        residual = float(self._residual(gamma * u, labels)[0])
        step = model.eta * residual * gamma / norm
        moved = w * (1.0 - step * u / (norm * self.size)) + step * x[0]
        return moved, gamma + model.eta / self.size * (residual * u - model.decay * gamma)

    def _batch_normalised(self, w: Any, gamma: float, x: Any, labels: Any) -> tuple[Any, float]:
        """Normalisation by the batch, gradient through its statistics, summed over the batch."""
        h = x @ w
        centred = h - h.mean()
        deviation = float(self.xp.sqrt((centred**2).mean()))
        u = centred / deviation
        residual = self._residual(gamma * u, labels)
        inner = residual - residual.mean() - u * float((residual * u).mean())
        moved = w + self.model.eta * gamma / deviation * (inner @ x)
        return moved, gamma + self.model.eta / self.size * float((residual * u).sum())

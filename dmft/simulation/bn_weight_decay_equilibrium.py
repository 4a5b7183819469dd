"""Finite-size twin of ``bn-weight-decay/equilibrium``: N weights, Gaussian gradients across them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import DIVERGED, Status
from ..solvers.ensemble import Member
from ..theory.bn_weight_decay_equilibrium import CURVES, BNWeightDecayEquilibrium
from .backend import Backend, backend_for, get_backend
from .method import Simulation
from .replicas import run_replicas

#: Larger norms are called divergence.
LARGEST = {"float64": 1e100, "float32": 1e15}


def estimate(model: BNWeightDecayEquilibrium, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate` on a CPU."""
    return estimate_vectors(method, model.steps, len(model.recorded_steps))


def estimate_vectors(method: Simulation, steps: int, recorded: int) -> dict[str, float]:
    """The same for replicas of one vector of weights and one of gradients."""
    workers = min(get_backend(method.backend).workers, method.replicas)
    memory = 8.0 * (workers * 6.0 * method.size + method.replicas * recorded * 9.0)
    return {"memory": memory, "seconds": method.replicas * steps * (4e-5 + 2e-8 * method.size) / workers}


def simulate(model: BNWeightDecayEquilibrium, method: Simulation, progress: Progress) -> Solution:
    """Average ``norm``, ``elr`` and ``angle`` over independent replicas.

    Raises
    ------
    MemoryLimitError, BackendError
    """
    backend = backend_for(method, estimate(model, method), "try a smaller --size")
    recorded = model.recorded_steps
    moments, status, facts = run_replicas(Replica, model, method, backend, len(recorded) - 1, progress)
    curves = model.mean_curves(moments)
    curves |= model.finals(curves)
    kept = len(curves["norm"].values) if curves else 0
    if status.code == DIVERGED:
        message = f"the norm left the float range after step {recorded[max(kept - 1, 0)]}: the data up to there are"
        status = Status(DIVERGED, f"{message} kept; try a smaller --eta")
    told = {"replicas_used": len(facts)}
    return Solution(curves, model.coordinates(kept), status, moments.count, method.as_dict(), told)


class Replica:
    """One set of weights."""

    def __init__(
        self, model: BNWeightDecayEquilibrium, method: Simulation, backend: Backend, rng: np.random.Generator
    ) -> None:
        self.model, self.method, self.backend, self.rng = model, method, backend, rng
        start = rng.standard_normal(method.size)
        start *= model.rho0 / np.linalg.norm(start)
        self.weights = backend.xp.asarray(start.astype(method.precision))
        self.velocity = backend.xp.zeros_like(self.weights)

    def run(self, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        """Take all steps, as far as the norm stays in range."""
        model, xp = self.model, self.backend.xp
        deviation = np.sqrt(model.grad_sq / (self.method.size - 1.0))
        w, v = self.weights, self.velocity
        times = model.recorded_steps
        rows = np.empty((len(times), 3))
        done, square = 0, float(w @ w)
        for now in range(int(times[-1]) + 1):
            noise = xp.asarray(self.rng.standard_normal(self.method.size).astype(w.dtype))
            noise -= (float(noise @ w) / square) * w
            v = model.momentum * v + (deviation / np.sqrt(square)) * noise + model.weight_decay * w
            moved = w - model.eta * v
            overlap, after = float(moved @ w), float(moved @ moved)
            if not after < LARGEST[self.method.precision]:
                return self._member(rows, done, True)
            if now == times[done]:
                if stop():
                    break
                across = np.sqrt(max(after - overlap**2 / square, 0.0))
                rows[done] = np.sqrt(square), model.eta / square, np.arctan2(across, overlap / np.sqrt(square))
                done += 1
                update(1.0)
            w, square = moved, after
        return self._member(rows, done, False)

    def _member(self, rows: np.ndarray, done: int, diverged: bool) -> Member:
        series = {name: rows[:done, i] for i, name in enumerate(CURVES)}
        return Member({}, done, diverged, series=series)

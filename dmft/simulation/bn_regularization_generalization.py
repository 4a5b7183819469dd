"""Finite-size twin of ``bn-regularization/generalization``: training on P = αN samples, to the end.

Identity: exact least squares with ridge; exact batch normalisation takes its gain from random batches of the training
set. ReLU: descent by L-BFGS from small random weights.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize

from ..results.progress import Progress
from ..results.solution import Solution
from ..solvers.ensemble import Member
from ..solvers.memory import check_memory
from ..theory.bn_regularization import test_error
from ..theory.bn_regularization_generalization import LOADS, BNRegularizationGeneralization
from .backend import Backend, get_backend
from .method import Simulation
from .replicas import run_replicas

Array = np.ndarray
#: Batches that measure the gain of batch normalisation.
BATCHES = 200


def estimate(model: BNRegularizationGeneralization, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate`."""
    workers = min(get_backend("numpy").workers, method.replicas)
    n, most = float(method.size), float(LOADS[-1] * method.size)
    work = float(LOADS.sum()) * n**2 * (n if model.activation == "identity" else 600.0)
    return {"memory": 8.0 * workers * 3.0 * n * most, "seconds": 0.1 + method.replicas * work * 1e-9 / workers}


def simulate(model: BNRegularizationGeneralization, method: Simulation, progress: Progress) -> Solution:
    """Train at every load and average over replicas with data of their own.

    Raises
    ------
    MemoryLimitError

    Notes
    -----
    On the CPU in float64, whatever ``backend`` and ``precision`` say: solutions are exact.
    """
    check_memory(estimate(model, method)["memory"], "try a smaller --size")
    moments, status, _ = run_replicas(Replica, model, method, get_backend("numpy"), len(LOADS) - 1, progress)
    curves = model.mean_curves(moments)
    return Solution(curves, model.coordinates(), status, moments.count, method.as_dict())


class Replica:
    """One teacher, and a student for every load."""

    def __init__(
        self, model: BNRegularizationGeneralization, method: Simulation, backend: Backend, rng: np.random.Generator
    ) -> None:
        self.model, self.size, self.rng = model, method.size, rng
        teacher = rng.standard_normal(self.size)
        self.teacher = teacher * np.sqrt(self.size) / np.linalg.norm(teacher)

    def run(self, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        """The errors at each load, then at that of the model."""
        values = []
        for load in LOADS:
            if stop():
                break
            values.append(self.error(load))
            update(1.0)
        ends = {"epsilon_gen": np.array(self.error(self.model.alpha))} if len(values) == len(LOADS) else {}
        return Member({}, len(values), series={"epsilon_gen_by_alpha": np.array(values)}, at_end=ends)

    def error(self, load: float) -> float:
        """Test error of a student trained on a new data set."""
        model, n = self.model, self.size
        count = max(1, round(load * n))
        x = self.rng.standard_normal((count, n)) / np.sqrt(n)
        field = x @ self.teacher
        labels = np.maximum(field, 0.0) if model.activation == "relu" else field
        y = labels + np.sqrt(model.label_noise) * self.rng.standard_normal(count)
        ridge = model.ridge_of(count / n, model.optimiser)
        w = self._relu(x, y, ridge) if model.activation == "relu" else self._linear(x, y, ridge)
        norm = float(np.linalg.norm(w)) / np.sqrt(n)
        overlap = float(w @ self.teacher) / (n * max(norm, 1e-300))
        return float(test_error(np.array(norm), np.array(overlap), model.activation))

    def _linear(self, x: Array, y: Array, ridge: float) -> Array:
        """Ridge regression, or least squares of least norm; batch normalisation changes its gain."""
        count, n = x.shape
        if ridge:
            if count < n:
                return np.asarray(x.T @ np.linalg.solve(x @ x.T + ridge * np.eye(count), y))
            return np.asarray(np.linalg.solve(x.T @ x + ridge * np.eye(n), x.T @ y))
        w = np.linalg.lstsq(x, y, rcond=None)[0]
        if self.model.optimiser == "bn":
            w = w * self._batch_gain(x @ w, y)
        return np.asarray(w)

    def _batch_gain(self, h: Array, y: Array) -> float:
        """γ that minimises the mean loss over random batches, in units of the deviation of all h."""
        size = min(self.model.batch, len(h))
        products = squares = 0.0
        for _ in range(BATCHES):
            chosen = self.rng.permutation(len(h))[:size]
            part = h[chosen] - h[chosen].mean()
            u = part / max(float(np.sqrt(np.mean(part**2))), 1e-300)
            products += float(u @ y[chosen])
            squares += float(u @ u)
        return products / squares / float(np.std(h))

    def _relu(self, x: Array, y: Array, ridge: float) -> Array:
        """Minimum of ½Σ(y − relu(x·w))² + ½λ‖w‖² that descent from small weights finds."""

        def loss(w: Array) -> tuple[float, Array]:
            h = x @ w
            residual = np.maximum(h, 0.0) - y
            return 0.5 * float(residual @ residual + ridge * (w @ w)), x.T @ ((h > 0.0) * residual) + ridge * w

        start = 0.1 * self.rng.standard_normal(self.size)
        return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 2000}).x)

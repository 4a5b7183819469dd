"""Finite-size twin of ``self-training``: the same rounds with N weights and fresh samples, each minimum found exactly.

The square loss takes one factorisation, of the smaller of the matrices over weights or over samples; the logistic loss
Newton's method until the gradient is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import CONVERGED, DIVERGED, NOT_CONVERGED, Status
from ..solvers.ensemble import Member
from ..theory.pseudo_labels import label
from ..theory.self_training import CURVES, SMALLEST, SelfTraining
from .backend import Backend, backend_for, get_backend
from .method import Simulation
from .replicas import run_replicas

#: Newton's method ends where the gradient is this part of that at zero weights, or of that of the ridge alone.
GRADIENT = 1e-9
STEPS = 100


def samples(alpha: float, size: int) -> int:
    """Number of samples of a batch."""
    return max(1, round(alpha * size))


def estimate(model: SelfTraining, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate` on a CPU."""
    n = float(method.size)
    counts = [float(samples(alpha, method.size)) for alpha in (model.alpha_labeled, model.alpha_unlabeled)]
    workers = min(get_backend(method.backend).workers, method.replicas)
    newton = 1.0 if model.loss == "square" else 12.0
    work = [newton * (2.0 * p * n * min(p, n) + 3.0 * min(p, n) ** 3) + 30.0 * p * n for p in counts]
    memory = workers * 8.0 * max(2.5 * p * n + 4.0 * min(p, n) ** 2 for p in counts)
    return {"memory": memory, "seconds": 0.1 + method.replicas / workers * (work[0] + model.rounds * work[1]) * 2e-10}


def simulate(model: SelfTraining, method: Simulation, progress: Progress) -> Solution:
    """Run independent replicas (own samples in every round) and average them.

    Returns
    -------
    Solution
        The observables of the theory, mean and standard error over replicas; test errors are those of the weights on
        the whole distribution, not on a sample.

    Raises
    ------
    ParameterError
        If an option has no meaning here.
    MemoryLimitError, BackendError

    Notes
    -----
    O(αN³) a round (square), about ten times that for the logistic loss. Samples are drawn on the CPU, so that
    they are the same for both backends.
    """
    method.only("exact minima need", precision="float64", field_response=False)
    backend = backend_for(
        method,
        estimate(model, method),
        f"samples of {method.size} weights: try a smaller --size, --alpha-labeled or --alpha-unlabeled, "
        "or fewer threads (NUMBA_NUM_THREADS)",
    )
    moments, status, facts = run_replicas(Replica, model, method, backend, model.rounds, progress)
    curves = model.mean_curves(moments)
    # gain has an error bar of its own: both ends are those of one replica
    own = [curves.pop(name) for name in ("gain", "supervised_test_error") if name in curves]
    if curves:
        curves |= model.scalars(curves)
    curves |= {curve.name: curve for curve in own}
    told = {
        "newton_steps": max((fact["newton_steps"] for fact in facts), default=0),
        "replicas_used": len(facts),
    }
    kept = len(curves["test_error"].values) if curves else 0
    return Solution(
        curves, model.coordinates(kept), _told(status, kept, moments.count), moments.count, method.as_dict(), told
    )


def _told(status: Status, kept: int, count: int) -> Status:
    if status.code == CONVERGED:
        return replace(status, message=f"{count} replicas, {kept} rounds with the supervised one, exact minima")
    if status.code == DIVERGED:
        return Status(
            NOT_CONVERGED,
            f"no finite minimum was found in round {kept} of a replica, or its weights left the range of numbers: the "
            "rounds before are kept; try a larger ridge",
        )
    return status


class Replica:
    """One sequence of rounds; v = (1, …, 1)."""

    def __init__(self, model: SelfTraining, method: Simulation, backend: Backend, rng: np.random.Generator) -> None:
        self.model, self.backend, self.rng, self.size = model, backend, rng, method.size
        self.weights = backend.xp.zeros(method.size)
        self.newton_steps = 0

    def run(self, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        """All rounds, until ``stop()`` or a round without a minimum."""
        rows: list[list[float]] = []
        diverged = False
        while len(rows) <= self.model.rounds and not stop():
            row = self._round(bool(rows))
            diverged = row is None
            if row is None:
                break
            rows.append(row)
            update(1.0)
        columns = np.array(rows).reshape(-1, len(CURVES)).T
        series = {item.name: column for item, column in zip(CURVES, columns, strict=True)}
        ends = {}
        if len(rows) == self.model.rounds + 1:
            first, last = rows[0][0], rows[-1][0]
            ends = {"gain": np.array(first - last), "supervised_test_error": np.array(first)}
        return Member(series, len(rows), diverged, {"newton_steps": self.newton_steps}, ends)

    def _round(self, pseudo: bool) -> list[float] | None:
        """Draw, label, minimise, and measure; None if there is no minimum."""
        model, xp = self.model, self.backend.xp
        alpha = model.alpha_unlabeled if pseudo else model.alpha_labeled
        ridge = model.lambda_unlabeled if pseudo else model.lambda_labeled
        x, y = self._draw(samples(alpha, self.size))
        hat = label(model.loss, model.labels, x @ self.weights, xp) if pseudo else y
        try:
            found = (self._square if model.loss == "square" else self._logistic)(x, hat, ridge)
        except np.linalg.LinAlgError:
            return None
        if found is None:
            return None
        weights, chi = found
        row = self._measure(weights, chi)
        self.weights = weights
        return row if np.isfinite(row).all() and row[2] > SMALLEST else None

    def _draw(self, count: int) -> tuple[Any, Any]:
        """Samples over √N, (P, N), and their classes."""
        xp, n = self.backend.xp, self.size
        y = 2.0 * self.rng.integers(0, 2, count) - 1.0
        x = self.rng.standard_normal((count, n))
        x *= np.sqrt(self.model.delta / n)
        x += (y / n)[:, None]
        return xp.asarray(x), xp.asarray(y)

    def _square(self, x: Any, hat: Any, ridge: float) -> tuple[Any, float]:
        """Ridge regression and Tr(Hessian)⁻¹/N."""
        count, n = x.shape
        over_weights = count >= n
        factor, trace = self._inverse_factor(x.T @ x if over_weights else x @ x.T, ridge)
        if over_weights:
            return factor.T @ (factor @ (x.T @ hat)), trace / n
        return x.T @ (factor.T @ (factor @ hat)), (trace + (n - count) / ridge) / n

    def _logistic(self, x: Any, hat: Any, ridge: float) -> tuple[Any, float] | None:
        """Newton's method with halved steps, from zero or (without ridge) from the weights before."""
        xp, n = self.backend.xp, self.size
        weights = self.weights if ridge == 0.0 else xp.zeros(n)
        first = float(xp.linalg.norm(x.T @ hat)) / 2.0
        for step in range(STEPS):
            fields = x @ weights
            p = 0.5 * (1.0 + xp.tanh(0.5 * fields))
            slope = p - 0.5 * (1.0 + hat)
            gradient = x.T @ slope + ridge * weights
            bend = p * (1.0 - p)
            size = float(xp.linalg.norm(gradient))
            arrived = size <= GRADIENT * min(first, max(ridge * float(xp.linalg.norm(weights)), 1e-4 * first))
            move, trace = self._newton(x, bend, gradient, ridge)
            if arrived:
                self.newton_steps = max(self.newton_steps, step)
                return weights, trace / n
            weights = self._shorter(x, hat, ridge, weights, fields, move, float(gradient @ move))
            if not bool(xp.isfinite(weights).all()):
                return None
        return None

    def _newton(self, x: Any, bend: Any, gradient: Any, ridge: float) -> tuple[Any, float]:
        """Newton's step and Tr(Hessian)⁻¹."""
        xp, (count, n) = self.backend.xp, x.shape
        if count >= n:
            factor, trace = self._inverse_factor(x.T @ (bend[:, None] * x), ridge)
            return -(factor.T @ (factor @ gradient)), trace
        # (λ + xᵀDx)⁻¹ by the matrix over samples, √D x xᵀ√D
        scaled = xp.sqrt(bend)[:, None] * x
        factor, trace = self._inverse_factor(scaled @ scaled.T, ridge)
        inner = factor.T @ (factor @ (scaled @ gradient))
        return (scaled.T @ inner - gradient) / ridge, trace + (n - count) / ridge

    def _inverse_factor(self, matrix: Any, ridge: float) -> tuple[Any, float]:
        """F with (A + λ)⁻¹ = FᵀF, from Cholesky's factor, and the trace of that inverse."""
        xp = self.backend.xp
        diagonal = xp.arange(len(matrix))
        matrix[diagonal, diagonal] += ridge
        factor = xp.linalg.inv(xp.linalg.cholesky(matrix))
        return factor, float((factor**2).sum())

    def _shorter(self, x: Any, hat: Any, ridge: float, weights: Any, fields: Any, move: Any, slope: float) -> Any:
        """Weights after a step, halved until the objective falls (Armijo's rule)."""
        along, part = x @ move, 1.0

        def objective(t: float) -> float:
            u, w = fields + t * along, weights + t * move
            size = self.backend.xp.abs(u)
            cost = 0.5 * size + self.backend.xp.log1p(self.backend.xp.exp(-size)) - 0.5 * hat * u
            return float(cost.sum()) + 0.5 * ridge * float(w @ w)

        start = objective(0.0)
        while objective(part) > start + 1e-4 * part * slope + 1e-14 * abs(start) and part > 1e-6:
            part *= 0.5
        return weights + part * move

    def _measure(self, weights: Any, chi: float) -> list[float]:
        """Test error, m, q, R and χ, in the order of the curves."""
        from scipy.special import ndtr

        n = self.size
        m, q = float(weights.sum()) / n, float(weights @ weights) / n
        error = float(ndtr(-m / np.sqrt(self.model.delta) / np.sqrt(q))) if q > 0.0 else 0.5
        return [error, m, q, float(weights @ self.weights) / n, chi]

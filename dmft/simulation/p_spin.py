"""Finite-size twin of ``p-spin``: N spins on the sphere, all couplings of p spins, Langevin dynamics.

The couplings are a full Gaussian tensor, so the energy has exactly the covariance N f(s·s'/N). One step applies
half of the noise, the gradient flow, and the other half (Strang splitting).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..results.progress import Progress
from ..results.solution import Solution
from ..solvers.ensemble import Member
from ..theory.p_spin import POINTS, PSpin
from .backend import Backend, backend_for, get_backend
from .method import Simulation
from .replicas import run_replicas

#: Largest steps, in units of the rates of the flow and of the noise; their bias is measured in docs/theory/p_spin.rst.
FLOW_STEP, NOISE_STEP = 0.2, 0.05
#: Stages after the first, each as (weight, part of the step): Runge–Kutta of order 4, and Heun's rule of order 2,
#: which suffices with the small steps that noise needs.
CLASSICAL, HEUN = ((2.0, 0.5), (2.0, 0.5), (1.0, 1.0)), ((1.0, 1.0),)


def substeps(model: PSpin) -> np.ndarray:
    """Steps of the simulation between the times that are reported, (POINTS,)."""
    rate, temperature = float(np.sqrt(0.5 * model.p * (model.p - 1.0))), model.temperature
    inverse = max(rate / FLOW_STEP, np.sqrt(temperature) * (rate + temperature) / NOISE_STEP)
    return np.maximum(1, np.ceil(np.diff(model.report.t) * inverse * (1.0 - 1e-12))).astype(np.int64)


def estimate(model: PSpin, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate` on a CPU."""
    item = np.dtype(method.precision).itemsize
    couplings = float(method.size) ** model.p * item
    history = 3.0 * POINTS * method.size * item
    workers = min(get_backend(method.backend).workers, method.replicas)
    forces = (2.0 if model.temperature else 4.0) * float(substeps(model).sum())
    work = couplings * (forces / 5e9 + 3e-8 / item * model.p**2)
    if method.field_response:
        work += forces * method.size**2 * POINTS / 5e9
    memory = workers * (4.0 * couplings + history + 8.0 * 4.0 * POINTS**2) + method.replicas * 16.0 * POINTS**2
    return {"memory": memory, "seconds": 0.2 + method.replicas / workers * work}


def simulate(model: PSpin, method: Simulation, progress: Progress) -> Solution:
    """Run independent replicas (own couplings, start and noise) and average them.

    Returns
    -------
    Solution
        The observables of the theory, ``response`` if it was asked for; mean and standard error over replicas.

    Raises
    ------
    MemoryLimitError, BackendError

    Notes
    -----
    N^p numbers for the couplings of one replica (four times that while they are drawn); 4 N^p multiply-adds a step,
    2 N^p with noise.
    Replica i draws from the stream (seed, i).
    """
    backend = backend_for(
        method,
        estimate(model, method),
        f"{method.size}^{model.p} couplings for each of the threads: "
        "try a smaller --size, --precision float32 or fewer threads (NUMBA_NUM_THREADS)",
    )
    moments, status, facts = run_replicas(Replica, model, method, backend, POINTS, progress)
    curves = model.mean_curves(moments)
    curves |= model.finals(curves)
    diagnostics = {
        "step": float((np.diff(model.report.t) / substeps(model)).max()),
        "replicas_used": len(facts),
    }
    length = len(curves["energy"].values) if curves else 0
    return Solution(curves, model.coordinates(length), status, moments.count, method.as_dict(), diagnostics)


def symmetric_couplings(p: int, size: int, rng: np.random.Generator, dtype: np.dtype) -> np.ndarray:
    """Average of a tensor of independent standard normal numbers over all orders of its indices, shape (N,)*p.

    The symmetric group of k indices is that of k − 1 times the exchanges with the last one.
    """
    tensor = rng.standard_normal((size,) * p, dtype=dtype)
    for k in range(1, p):
        total = tensor.copy()
        for j in range(k):
            total += tensor.swapaxes(j, k)
        total /= k + 1
        tensor = total
    return tensor


class Replica:
    """One set of couplings, one start, one noise; spins s with ‖s‖² = N."""

    def __init__(self, model: PSpin, method: Simulation, backend: Backend, rng: np.random.Generator) -> None:
        xp, dtype, p, size = backend.xp, np.dtype(method.precision), model.p, method.size
        self.model, self.backend, self.xp, self.rng, self.dtype = model, backend, xp, rng, dtype
        couplings = symmetric_couplings(p, size, rng, dtype)
        couplings *= p * np.sqrt(0.5 * size) / float(size) ** (0.5 * p)  # so that force = couplings s^(p−1)
        self.couplings = xp.asarray(couplings)
        start = rng.standard_normal(size)
        self.spins = xp.asarray((start * np.sqrt(size) / np.linalg.norm(start)).astype(dtype))
        self.substeps = substeps(model)
        self.steps = np.diff(model.report.t) / self.substeps
        # noise of variance exp(2Th) − 1, then back to the sphere: exact decay exp(−Th) at N → ∞
        self.kicks = np.sqrt(np.expm1(self.steps * model.temperature))
        self.history = xp.zeros((POINTS + 1, size), dtype=dtype)
        self.averages = np.zeros((2, POINTS + 1))
        self.signs: Any = None
        self.moved: Any = None
        if method.field_response:
            self.signs = xp.asarray((2.0 * rng.integers(0, 2, size) - 1.0).astype(dtype))
            self.moved = xp.zeros((size, POINTS + 1), dtype=dtype)
            self.response = np.eye(POINTS + 1)

    def run(self, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        """Step to the end or until ``stop()``."""
        done = 0
        while done <= POINTS and not stop():
            self._observe(done)
            done += 1
            update(1.0)
            for _ in range(self.substeps[done - 1] if done <= POINTS else 0):
                self._advance(done)
        return Member(self._sample(done), done)

    def force(self, spins: Any) -> tuple[Any, Any]:
        """−∂H/∂s, and the matrix Σ J s^(p−2) whose product with (p−1)·displacement is its change."""
        matrix = self.couplings
        for _ in range(self.model.p - 2):
            matrix = (matrix.reshape(-1, len(spins)) @ spins).reshape(matrix.shape[:-1])
        return matrix @ spins, matrix

    def _observe(self, k: int) -> None:
        size = len(self.spins)
        force, _ = self.force(self.spins)
        pull = float(force @ self.spins) / size
        self.averages[:, k] = -pull / self.model.p, self.model.temperature + pull
        self.history[k] = self.spins
        if self.moved is not None:
            if k:
                self.response[k, :k] = self.backend.to_host(self.signs @ self.moved[:, :k]) / size
            self.moved[:, k] = self.signs - self.spins * (self.spins @ self.signs) / size

    def _advance(self, fields: int) -> None:
        """Half of the noise, the flow, the other half; one step of those between times fields − 1 and fields."""
        kick = float(self.kicks[fields - 1])
        self._kick(kick, fields)
        moved = None if self.moved is None else self.moved[:, :fields]
        h, spins = float(self.steps[fields - 1]), self.spins
        slope, turn = self._flow(spins, moved)
        total, total_turn, weights = slope, turn, 1.0
        for weight, part in HEUN if kick else CLASSICAL:
            slope, turn = self._flow(spins + part * h * slope, None if moved is None else moved + part * h * turn)
            total = total + weight * slope
            weights += weight
            total_turn = None if moved is None else total_turn + weight * turn
        if moved is not None:
            self.moved[:, :fields] = moved + h / weights * total_turn
        self._return(spins + h / weights * total, fields)
        self._kick(kick, fields)

    def _flow(self, spins: Any, moved: Any) -> tuple[Any, Any]:
        """Gradient flow on the sphere, ds = F − (F·s/N) s, and its linearisation for the displacements."""
        size, p = len(spins), self.model.p
        force, matrix = self.force(spins)
        pull = force @ spins / size
        turn = None
        if moved is not None:
            change = p * (force @ moved) / size  # of the pull: F is of degree p − 1
            turn = (p - 1) * (matrix @ moved) - pull * moved - spins[:, None] * change[None, :]
        return force - pull * spins, turn

    def _kick(self, kick: float, fields: int) -> None:
        if not kick:
            return
        noise = self.rng.standard_normal(len(self.spins), dtype=self.dtype)
        self._return(self.spins + kick * self.xp.asarray(noise), fields)

    def _return(self, spins: Any, fields: int) -> None:
        """Back to the sphere; displacements shrink alike and stay tangent to it."""
        size = len(spins)
        shrink = self.xp.sqrt(size / (spins @ spins))
        self.spins = spins * shrink
        if self.moved is not None:
            moved = self.moved[:, :fields]
            moved *= shrink
            moved -= self.spins[:, None] * (self.spins @ moved)[None, :] / size

    def _sample(self, done: int) -> dict[str, np.ndarray]:
        history = self.history[:done]
        sample = {
            "energy": self.averages[0, :done],
            "lagrange_multiplier": self.averages[1, :done],
            "correlation": self.backend.to_host(history @ history.T) / history.shape[1],
        }
        if self.moved is not None:
            sample["response"] = self.response[:done, :done]
        return sample

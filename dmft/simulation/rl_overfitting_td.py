"""Twin of ``rl-overfitting/td``: learners that see sampled trajectories, and update by their errors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..results.progress import Progress
from ..results.solution import Solution
from ..solvers.ensemble import Member
from ..solvers.memory import check_memory
from ..theory.rl_overfitting_td import LARGEST, RLOverfittingTD
from .backend import Backend, get_backend
from .method import Simulation
from .replicas import run_replicas

Array = np.ndarray
#: New transitions for each learner on which its squared error is measured.
FRESH = 50


def estimate(model: RLOverfittingTD, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate`."""
    workers = min(get_backend("numpy").workers, method.replicas)
    numbers = float(method.size) * model.features * max(model.batch * (model.horizon + 1.0), 2.0 * FRESH)
    seconds = method.replicas * model.steps * (1e-4 + 2e-5 * model.horizon + 2e-8 * numbers) / workers
    return {"memory": 8.0 * workers * 2.0 * numbers, "seconds": seconds}


def simulate(model: RLOverfittingTD, method: Simulation, progress: Progress) -> Solution:
    """Learn from trajectories of the features; each replica is the mean over `size` learners.

    Raises
    ------
    MemoryLimitError

    Notes
    -----
    On the CPU in float64, whatever ``backend`` and ``precision`` say. A step costs O(size·B·T·N).
    """
    check_memory(estimate(model, method)["memory"], "try a smaller --size, --batch, --horizon or fewer --features")
    count = len(model.at) - 1
    moments, status, _ = run_replicas(Replica, model, method, get_backend("numpy"), count, progress)
    curves = model.mean_curves(moments)
    curves |= model.finals(curves)
    kept = len(curves["value_error"].values) if curves else 0
    axes = {"step": model.coordinates(kept, 1.0)["step"]}
    return Solution(curves, axes, status, moments.count, method.as_dict())


class Replica:
    """Learners with trajectories of their own, all from zero weights."""

    def __init__(self, model: RLOverfittingTD, method: Simulation, backend: Backend, rng: np.random.Generator) -> None:
        self.model, self.rng, self.process = model, rng, model.process
        self.reward = self.process.value * (1.0 - self.process.gamma * self.process.memory)
        self.w = np.zeros((method.size, model.features))

    def run(self, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        """Steps from one reported step to the next, and measurements there."""
        model, process = self.model, self.process
        rows, done, at = [], 0, model.at
        diverged = False
        for step in at:
            while done < step and not diverged:
                psi, errors = self._errors(model.batch, model.horizon)
                with np.errstate(over="ignore", invalid="ignore"):
                    change = np.einsum("lbt,lbtn->ln", errors, psi[:, :, :-1])
                    self.w += model.rate(done) / (model.batch * model.horizon) * change
                done += 1
                diverged = not float(np.abs(self.w).max()) < LARGEST**0.5
            if diverged or stop():
                break
            errors = self._errors(FRESH, 1)[1]
            value_error = ((self.w - process.value) ** 2 @ process.variance).mean()
            rows.append((float(value_error), float(np.mean(errors**2))))
            update(1.0)
        found = np.array(rows).reshape(len(rows), 2)
        return Member({}, len(rows), diverged, series={"value_error": found[:, 0], "td_error": found[:, 1]})

    def _errors(self, batch: int, horizon: int) -> tuple[Array, Array]:
        """Trajectories (learners, B, T + 1, N) of the features, and their errors δ (learners, B, T)."""
        p = self.process
        psi = self.rng.standard_normal((len(self.w), batch, horizon + 1, self.model.features)) * np.sqrt(p.variance)
        innovation = np.sqrt(1.0 - p.memory**2)
        for t in range(horizon):
            psi[:, :, t + 1] *= innovation
            psi[:, :, t + 1] += p.memory * psi[:, :, t]
        value = np.einsum("lbtn,ln->lbt", psi, self.w)
        reward = psi[:, :, :-1] @ self.reward
        if p.unexplained:
            reward = reward + self._unexplained(batch, horizon)
        return psi, reward + p.gamma * value[:, :, 1:] - value[:, :, :-1]

    def _unexplained(self, batch: int, horizon: int) -> Array:
        """The part of the reward outside the span of the features."""
        p = self.process
        rest = self.rng.standard_normal((len(self.w), batch, horizon)) * np.sqrt(p.unexplained)
        for t in range(1, horizon):
            rest[:, :, t] *= np.sqrt(1.0 - p.unexplained_memory**2)
            rest[:, :, t] += p.unexplained_memory * rest[:, :, t - 1]
        return rest

"""Finite-size twin of ``rl-overfitting/perceptron``: policies of D weights that learn episode by episode."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..results.progress import Progress
from ..results.solution import Solution
from ..solvers.ensemble import Member
from ..solvers.memory import check_memory
from ..theory.rl_overfitting_perceptron import CURVES, POINTS, RLOverfittingPerceptron
from .backend import Backend, get_backend
from .method import Simulation
from .replicas import run_replicas

Array = np.ndarray
#: A squared norm beyond it is called divergence.
LARGEST = 1e100


def estimate(model: RLOverfittingPerceptron, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate`."""
    workers = min(get_backend("numpy").workers, method.replicas)
    episodes = model.t_max * method.size
    draws = 3e-9 * method.size + 4e-8 * model.horizon + (1.5e-8 * method.size if model.penalty_rate else 0.0)
    memory = 8.0 * workers * 4.0 * method.size + 40.0 * episodes
    return {"memory": memory, "seconds": 0.1 + method.replicas * episodes * draws / workers}


def simulate(model: RLOverfittingPerceptron, method: Simulation, progress: Progress) -> Solution:
    """Average the order parameters over replicas with targets and starts of their own.

    Raises
    ------
    MemoryLimitError

    Notes
    -----
    On the CPU in float64, whatever ``backend`` and ``precision`` say. An optimal schedule is that of the theory. Of
    the order of t_max·D² operations, a little less if only rewarded episodes change the policy.
    """
    check_memory(estimate(model, method)["memory"], "try a smaller --size or --t-max")
    ends = np.round(model.times * method.size).astype(int)
    rates = model.schedule_at(np.arange(max(ends[-1], 1)) / method.size)
    share = model.penalty_rate / (model.reward_rate + model.penalty_rate)
    total = rates / (1.0 - share) if share < 1.0 else np.full(len(rates), model.penalty_rate)

    def kind(model: RLOverfittingPerceptron, method: Simulation, backend: Backend, rng: np.random.Generator) -> Replica:
        return Replica(model, method.size, total, share, ends, rng)

    moments, status, _ = run_replicas(kind, model, method, get_backend("numpy"), POINTS, progress)
    curves = model.mean_curves(moments)
    curves |= model.finals(curves)
    kept = len(curves["norm"].values) if curves else 0
    axes = model.coordinates(kept)
    return Solution(curves, {"t": axes["t"]}, status, moments.count, method.as_dict())


class Replica:
    """One policy and its target."""

    def __init__(
        self,
        model: RLOverfittingPerceptron,
        size: int,
        total: Array,
        share: float,
        ends: Array,
        rng: np.random.Generator,
    ) -> None:
        self.model, self.total, self.share, self.ends, self.rng = model, total, share, ends, rng
        target, other = rng.standard_normal((2, size))
        target *= np.sqrt(size) / np.linalg.norm(target)
        other -= (other @ target / size) * target
        other *= np.sqrt(size) / np.linalg.norm(other)
        rho = model.overlap_init
        self.w = np.sqrt(model.norm_init) * (rho * target + np.sqrt(1.0 - rho**2) * other)
        self.target = target

    def run(self, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        """Learn from one reported time to the next."""
        from .kernels.rl_perceptron import play

        model, size = self.model, len(self.w)
        rows, seen, work = np.empty((POINTS + 1, len(CURVES))), 0, np.empty(size)
        done, diverged = POINTS + 1, False
        for now, end in enumerate(self.ends):
            if end > seen:
                rates = self.total[seen:end]
                play(self.w, self.target, rates, self.share, model.horizon, model.required, self.rng, work)
                seen = end
            norm = float(self.w @ self.w) / size
            diverged = not norm < LARGEST
            if diverged or stop():
                done = now
                break
            rho = float(np.clip(self.w @ self.target / (size * np.sqrt(norm)), -1.0, 1.0))
            told = model.measure(np.array(rho), np.log(norm), np.arccos(rho))
            rows[now] = [float(told[name]) for name in CURVES]
            update(1.0)
        series = {name: rows[:done, i] for i, name in enumerate(CURVES)}
        return Member({}, done, diverged, series=series)

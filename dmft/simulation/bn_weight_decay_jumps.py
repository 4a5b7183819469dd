"""Finite-size twin of ``bn-weight-decay/jumps``: N weights and gradients across them in random directions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..results.progress import Progress
from ..results.solution import Solution
from ..solvers.ensemble import Member
from ..theory.bn_weight_decay_jumps import BNWeightDecayJumps
from .backend import Backend, backend_for
from .bn_weight_decay_equilibrium import estimate_vectors
from .method import Simulation
from .replicas import run_replicas


def estimate(model: BNWeightDecayJumps, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate` on a CPU."""
    return estimate_vectors(method, model.steps, model.steps + 1)


def simulate(model: BNWeightDecayJumps, method: Simulation, progress: Progress) -> Solution:
    """Average ``norm`` and ``jump_probability`` over replicas, and the first jumps.

    Raises
    ------
    MemoryLimitError, BackendError
    """
    backend = backend_for(method, estimate(model, method), "try a smaller --size")
    moments, status, facts = run_replicas(Replica, model, method, backend, model.steps, progress)
    curves = model.mean_curves(moments)
    if facts and status.success:
        first = np.array([item["first"] for item in facts])
        scalars = model.jump_scalars(first)
        curves |= model.exact_curves(scalars)
        status = model.told(status, first)
    told: dict[str, Any] = {"replicas_used": len(facts)}
    kept = len(curves["norm"].values) if curves else 0
    axes = model.coordinates()["step"]
    axes = replace(axes, values=axes.values[:kept])
    return Solution(curves, {"step": axes}, status, moments.count, method.as_dict(), told)


class Replica:
    """One set of weights."""

    def __init__(
        self, model: BNWeightDecayJumps, method: Simulation, backend: Backend, rng: np.random.Generator
    ) -> None:
        self.model, self.method, self.xp, self.rng = model, method, backend.xp, rng

    def run(self, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        """Take all steps, also after the first jump."""
        model, xp, size = self.model, self.xp, self.method.size
        w = xp.asarray(self.rng.standard_normal(size).astype(self.method.precision))
        w *= model.rho0 / float(xp.sqrt(w @ w))
        norms, jumped = np.empty(model.steps + 1), np.zeros(model.steps + 1)
        first, done = np.inf, 0
        for now in range(model.steps + 1):
            if stop():
                break
            square = float(w @ w)
            norm = np.sqrt(square)
            g = xp.asarray(self.rng.standard_normal(size).astype(w.dtype))
            g -= (float(g @ w) / square) * w
            g *= self.rng.uniform(model.grad_min, model.grad_max) / float(xp.sqrt(g @ g))
            moved = w - model.eta * (g / norm + model.weight_decay * w)
            # 1 − cos = 2 sin²(∠/2), from the chord between the directions, which does not lose digits
            chord = moved / float(xp.sqrt(moved @ moved)) - w / norm
            if 0.5 * float(chord @ chord) > model.delta:
                first = min(first, float(now))
            norms[now], jumped[now] = norm, first <= now
            w = moved
            done += 1
            update(1.0)
        series = {"norm": norms[:done], "jump_probability": jumped[:done]}
        return Member({}, done, facts={"first": first}, series=series)

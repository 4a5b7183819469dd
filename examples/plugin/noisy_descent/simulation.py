"""The same game with N weights."""

from __future__ import annotations

import numpy as np

from dmft.results.progress import Progress
from dmft.results.solution import Solution
from dmft.results.statistics import Moments
from dmft.results.status import CONVERGED, Status
from dmft.simulation.method import Simulation

from .theory import NoisyDescent


def estimate(model: NoisyDescent, method: Simulation) -> dict[str, float]:
    """Memory in bytes and seconds, both rough: the command line refuses what would not fit."""
    return {"memory": 8.0 * method.size, "seconds": 1e-8 * method.size * method.replicas * model.steps}


def simulate(model: NoisyDescent, method: Simulation, progress: Progress) -> Solution:
    """Independent replicas; their spread gives the standard error."""
    moments = Moments()
    progress.start(f"simulating N={method.size}", method.replicas)
    for stream in np.random.SeedSequence(method.seed).spawn(method.replicas):
        moments.add({"norm": replica(model, method.size, np.random.default_rng(stream))})
        progress.update(1.0)
    progress.finish()
    curves = {"norm": model.observable("norm").curve(moments.mean("norm"), moments.stderr("norm"))}
    status = Status(CONVERGED, f"{method.replicas} replicas done")
    return Solution(curves, model.coordinates(), status, samples=moments.count, method=method.as_dict())


def replica(model: NoisyDescent, size: int, rng: np.random.Generator) -> np.ndarray:
    """Squared norm per weight at all steps of one run."""
    weights = np.zeros(size)
    norm = np.zeros(model.steps + 1)
    for t in range(model.steps):
        weights = model.decay * weights + np.sqrt(model.kick) * rng.standard_normal(size)
        norm[t + 1] = weights @ weights / size
    return norm

"""Twin of ``lamb/batch-scaling``: SGD and LARS of the package on the noisy quadratic, at rates around the best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ..results.progress import Progress
from ..results.solution import Solution
from ..solvers.ensemble import Member
from ..theory.lamb_batch_scaling import LambBatchScaling, Search
from .backend import Backend, backend_for, get_backend
from .method import Simulation
from .networks.optimisers import LARS, SGD, Optimiser
from .replicas import run_replicas

Array = np.ndarray
#: Rates that are run, over the best of the theory.
FACTORS = 2.0 ** (np.arange(-4, 5) / 3.0)
#: Runs end after this many times the steps of the theory.
PATIENCE = 1.5


def estimate(model: LambBatchScaling, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate` on a CPU."""
    workers = min(get_backend(method.backend).workers, method.replicas)
    numbers = float(len(FACTORS) * method.size * model.dimension)
    steps = 4.0 * PATIENCE * 1e4 / model.target / model.smallest / 27.0
    seconds = method.replicas * steps * (5e-5 + 3e-8 * numbers) / workers
    return {"memory": 100.0 * numbers * workers, "seconds": 1.0 + seconds}


def simulate(model: LambBatchScaling, method: Simulation, progress: Progress) -> Solution:
    """Run all rates at each batch, `size` times in each replica, until the mean loss is down at the target.

    Returns
    -------
    Solution
        The best of the rates that were run with its steps, and the mean loss of SGD where the theory reaches the
        target, which compares exactly.

    Raises
    ------
    MemoryLimitError, BackendError

    Notes
    -----
    Steps to target, of the mean of `size` runs, are a first passage: the noise of that mean makes them a little too
    few.
    """
    backend = backend_for(method, estimate(model, method), "try a smaller --size or --dimension")
    theory = model.solve(Search(), progress)
    best = {
        "sgd": (theory["sgd_rate"].values, theory["sgd_steps"].values),
        "normalised": (theory["normalised_rate"].values, theory["normalised_steps"].values),
    }
    steps, label = len(model.batches) - 1, "running SGD and fixed lengths"
    kind = partial(Replica, best=best)
    moments, status, facts = run_replicas(kind, model, method, backend, steps, progress, label)
    if status.success:
        runs = method.size * len(facts)
        status = replace(
            status, message=f"{runs} runs at each of {len(FACTORS)} rates and {len(model.batches)} batches"
        )
    curves = model.mean_curves(moments)
    diagnostics = {"replicas_used": len(facts)}
    return Solution(curves, model.coordinates(), status, moments.count, method.as_dict(), diagnostics)


class Replica:
    """All batches of one stream of random numbers; `best` are rates and steps of the theory by optimiser."""

    def __init__(
        self,
        model: LambBatchScaling,
        method: Simulation,
        backend: Backend,
        rng: np.random.Generator,
        best: dict[str, tuple[Array, Array]],
    ) -> None:
        self.model, self.method, self.backend, self.rng, self.best = model, method, backend, rng, best

    def run(self, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        """Best rates and steps at each batch, and their slopes; nothing is kept after ``stop()``."""
        model, rows = self.model, dict[str, list[float]]()
        for at, batch in reversed(list(enumerate(model.batches))):  # large batches are quick
            found: dict[str, float] = {}
            for name, (rates, steps) in self.best.items():
                one = float(batch), rates[at], steps[at]
                found |= _runs(model, self.method, self.backend, name, *one, self.rng, stop)
            if stop():
                return Member({}, 0)
            for name, value in found.items():
                rows.setdefault(name, []).append(value)
            update(1.0)
        values = {name: np.array(row[::-1]) for name, row in rows.items()}
        slopes = model.slopes(values["measured_sgd_rate"], values["measured_normalised_rate"])
        return Member({}, len(model.batches), at_end=values | slopes)


def _runs(
    model: LambBatchScaling,
    method: Simulation,
    backend: Backend,
    name: str,
    batch: float,
    rate: float,
    steps: float,
    rng: np.random.Generator,
    stop: Callable[[], bool],
) -> dict[str, float]:
    """Best rate and steps of one optimiser at one batch; for SGD also its loss after the steps of the theory."""
    unknown = {f"measured_{name}_rate": np.nan, f"measured_{name}_steps": np.nan}
    if not np.isfinite(steps):
        return unknown | ({"sgd_loss": np.nan} if name == "sgd" else {})
    rates = rate * FACTORS
    if name == "sgd":
        rates = np.minimum(rates, 1.999 / model.curvatures[0])
    optimiser: Optimiser = SGD() if name == "sgd" else LARS(first=0.0, lower=1.0, upper=1.0)
    losses = _losses(model, method, backend, optimiser, rates, batch, int(np.ceil(PATIENCE * steps)) + 1, rng, stop)
    below = losses <= model.goal
    after = np.argmax(below, axis=0)
    columns = np.arange(len(rates))
    high, low = losses[np.maximum(after - 1, 0), columns], losses[after, columns]
    passed = np.where(below.any(axis=0), after - 1.0 + (high - model.goal) / np.maximum(high - low, 1e-300), np.inf)
    at = int(np.argmin(passed))
    found = {f"measured_{name}_rate": float(rates[at]), f"measured_{name}_steps": float(passed[at])}
    if not np.isfinite(passed[at]):
        found = unknown
    if name == "sgd":
        found["sgd_loss"] = float(losses[int(np.ceil(steps)), len(FACTORS) // 2])
    return found


def _losses(
    model: LambBatchScaling,
    method: Simulation,
    backend: Backend,
    optimiser: Optimiser,
    rates: Array,
    batch: float,
    steps: int,
    rng: np.random.Generator,
    stop: Callable[[], bool],
) -> Array:
    """Mean loss over runs (steps + 1, rates)."""
    xp, H = backend.xp, model.curvatures
    shape = (len(rates) * method.size, model.dimension)
    curvature, spread = (xp.asarray(part.astype(method.precision)) for part in (H, np.sqrt(model.noise * H / batch)))
    each: Any = xp.asarray(np.repeat(rates, method.size)[:, None].astype(method.precision))  # a rate for each run
    weights = xp.ones(shape, dtype=method.precision)
    state = optimiser.start(xp, weights)
    losses = np.full((steps + 1, len(rates)), np.inf)
    for step in range(steps + 1):
        if stop():
            break
        values = backend.to_host(0.5 * (weights * weights) @ curvature)
        losses[step] = values.reshape(len(rates), method.size).mean(axis=1)
        noise = xp.asarray(rng.standard_normal(shape).astype(method.precision))
        weights, state = optimiser.step(xp, weights, curvature * weights + spread * noise, state, each)
    return losses

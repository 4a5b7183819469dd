"""Twin of ``lamb``: the optimisers of the package on the block quadratic, with gradient noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..results.progress import Progress
from ..results.solution import Solution
from ..solvers.ensemble import Member
from ..theory.lamb import Lamb
from .backend import Backend, backend_for, get_backend
from .method import Simulation
from .networks.network import Block
from .networks.optimisers import LAMB, LARS, SGD, Optimiser
from .replicas import run_replicas

Array = np.ndarray
NAMES = ("lars", "lamb", "sgd")


def estimate(model: Lamb, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate` on a CPU."""
    workers = min(get_backend(method.backend).workers, method.replicas)
    numbers = float(method.size) * model.blocks * model.block_size
    step = 2.0 * model.blocks * 3e-5 + 5e-8 * numbers
    seconds = 0.2 + method.replicas * step * float(model.horizons.sum()) / workers
    return {"memory": 200.0 * numbers * workers, "seconds": seconds}


def simulate(model: Lamb, method: Simulation, progress: Progress) -> Solution:
    """Run LARS, LAMB and SGD for each number of steps, `size` times in each replica.

    Returns
    -------
    Solution
        Means over runs of what the theory bounds, and the largest over all runs of a replica of mean over bound.

    Raises
    ------
    MemoryLimitError, BackendError

    Notes
    -----
    All runs of a replica are one array; a step of LARS or LAMB passes over each block by itself.
    """
    backend = backend_for(method, estimate(model, method), "try a smaller --size or --block-size")
    steps, label = len(model.horizons) - 1, "running LARS, LAMB and SGD"
    moments, status, facts = run_replicas(Replica, model, method, backend, steps, progress, label)
    if status.success:
        runs = method.size * len(facts)
        status = replace(status, message=f"{runs} runs of each optimiser for each of {len(model.horizons)} horizons")
    curves = model.mean_curves(moments)
    axes = model.coordinates()
    if curves and len(curves["sgd_gradient"].values) < len(model.horizons):  # interrupted
        kept = len(curves["sgd_gradient"].values)
        axes = {name: replace(axis, values=axis.values[:kept]) for name, axis in axes.items()}
    diagnostics = {"replicas_used": len(facts)}
    return Solution(curves, axes, status, moments.count, method.as_dict(), diagnostics)


class Replica:
    """All optimisers from starts of one stream of random numbers."""

    def __init__(self, model: Lamb, method: Simulation, backend: Backend, rng: np.random.Generator) -> None:
        self.model, self.method, self.backend, self.rng = model, method, backend, rng

    def run(self, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        """Means over runs, and the largest of mean over bound, for one number of steps after the other."""
        model, rows = self.model, dict[str, list[float]]()
        for horizon in map(int, model.horizons):
            means = {name: _mean(model, self.method, self.backend, name, horizon, self.rng, stop) for name in NAMES}
            if stop():
                break
            for name, values in means.items():
                rows.setdefault(f"{name}_gradient", []).append(float(values.mean()))
                if name != "sgd":
                    rows.setdefault(f"{name}_tightness", []).append(float(values.max()) / _bound(model, horizon))
            update(1.0)
        done = len(rows.get("sgd_gradient", []))
        return Member({}, done, series={name: np.array(row) for name, row in rows.items()})


def _bound(model: Lamb, horizon: int) -> float:
    noise = 2.0 * model.blocks * model.noise / np.sqrt(model.batch)
    return float(np.sqrt(2.0 * model.gap * model.curvatures.sum() / horizon) + noise)


def blocks(model: Lamb) -> tuple[Block, ...]:
    """The blocks of the quadratic, as those of a network."""
    d = model.block_size
    return tuple(Block(i, "x", i * d, (i + 1) * d, (d,)) for i in range(model.blocks))


def _optimiser(model: Lamb, name: str, horizon: int) -> tuple[Optimiser, float]:
    """The optimiser with φ = 1 and without momentum, and its rate."""
    kinds: dict[str, Any] = {
        "lars": LARS(first=0.0, lower=1.0, upper=1.0, blocks=blocks(model)),
        "lamb": LAMB(first=0.0, second=0.0, epsilon=1e-12, lower=1.0, upper=1.0, blocks=blocks(model)),
        "sgd": SGD(),
    }
    return kinds[name], 1.0 / model.smoothness_max if name == "sgd" else model.layerwise_step(horizon)


def _mean(
    model: Lamb,
    method: Simulation,
    backend: Backend,
    name: str,
    horizon: int,
    rng: np.random.Generator,
    stop: Callable[[], bool],
) -> Array:
    """Mean over the steps of what is bounded, for each run (size,)."""
    xp, h, d = backend.xp, model.blocks, model.block_size
    curvature = np.repeat(model.curvatures, d)
    start = rng.standard_normal((method.size, h * d))
    start *= np.sqrt(2.0 * model.gap / (start**2 @ curvature))[:, None]
    weights, L = xp.asarray(start.astype(method.precision)), xp.asarray(curvature.astype(method.precision))
    optimiser, rate = _optimiser(model, name, horizon)
    state = optimiser.start(xp, weights)
    deviation = model.noise / np.sqrt(d * model.batch)
    total = np.zeros(method.size)
    for _ in range(horizon):
        if stop():
            break
        gradient = L * weights
        total += _measure(xp, backend, name, gradient.reshape(-1, h, d))
        if deviation:
            gradient = gradient + xp.asarray((deviation * rng.standard_normal(start.shape)).astype(method.precision))
        weights, state = optimiser.step(xp, weights, gradient, state, rate)
    return total / horizon


def _measure(xp: Any, backend: Backend, name: str, gradient: Any) -> Array:
    """Σ_i‖∇_i f‖ for LARS, Σ_i‖∇_i f‖₁/√d for LAMB, ‖∇f‖² for SGD, of gradients (R, h, d)."""
    if name == "lamb":
        return backend.to_host(xp.abs(gradient).sum(axis=(1, 2)) / gradient.shape[2] ** 0.5)
    squares = (gradient * gradient).sum(axis=2)
    return backend.to_host((xp.sqrt(squares) if name == "lars" else squares).sum(axis=1))

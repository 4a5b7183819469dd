"""Twin of ``bn-weight-decay``: the map as it is written, in ln|tan φ| and ln ρ², by NumPy."""

from __future__ import annotations

import numpy as np

from ..results.progress import Progress
from ..results.solution import Solution
from ..results.statistics import Moments
from ..results.status import INTERRUPTED, Status
from ..solvers.memory import check_memory
from ..theory.bn_weight_decay import PROBABILITIES, BNWeightDecay, after_jumps, steady
from .method import Simulation

Array = np.ndarray
#: Steps between two looks at progress and Ctrl-C.
CHUNK = 256


def estimate(model: BNWeightDecay, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate`."""
    events = 8.0 * method.replicas * (2.0 + model.steps * model.rate) * 8.0
    return {"memory": events + 200.0 * method.replicas, "seconds": model.steps * (3e-5 + 1e-7 * method.replicas)}


def simulate(model: BNWeightDecay, method: Simulation, progress: Progress) -> Solution:
    """Iterate the map from random starts, and average periods over them.

    Returns
    -------
    Solution
        ``period_quantile``, ``period_mean``, ``period_std``, ``n_periods`` and ``scaled_period``.

    Raises
    ------
    MemoryLimitError

    Notes
    -----
    ``size`` has no effect: the model has two weights.
    """
    check_memory(estimate(model, method)["memory"], "try fewer --replicas")
    rngs = [np.random.default_rng(np.random.SeedSequence(method.seed, spawn_key=(i,))) for i in range(method.replicas)]
    angles = np.concatenate([model.drawn_angles(1, rng) for rng in rngs])
    unstable, shrinking, done = _events(model, angles, progress)
    moments = Moments()
    for row in range(method.replicas):
        up, down = np.array(unstable[row], dtype=float), np.array(shrinking[row], dtype=float)
        periods = np.diff(down[after_jumps(up, down)]) if len(up) else np.zeros(0)
        if len(periods) > 1:
            scalars = {name: np.array(value) for name, value in model.period_scalars(periods).items()}
            moments.add({"period_quantile": np.quantile(steady(periods), PROBABILITIES), **scalars})
    curves = model.mean_curves(moments)
    status = model.told(moments.count)
    if done < model.steps:
        status = Status(INTERRUPTED, f"interrupted after {done} of {model.steps} steps; run again for the rest")
    facts = {"replicas_used": moments.count}
    axes = {name: axis for name, axis in model.coordinates(0).items() if name == "probability"}
    return Solution(curves, axes, status, moments.count, method.as_dict(), facts)


def step(model: BNWeightDecay, log_tangent: Array, log_square: Array) -> tuple[Array, Array]:
    """One step of eq. (4) for ln|tan φ| and ln ρ²."""
    beta = 2.0 * model.curvature * model.eta * np.exp(-log_square)
    cosine = np.exp(-np.logaddexp(0.0, 2.0 * log_tangent))  # cos²φ
    sine = np.exp(-np.logaddexp(0.0, -2.0 * log_tangent))
    floor = np.log(np.tan(model.noise_floor)) if model.noise_floor else -np.inf
    with np.errstate(divide="ignore"):
        moved = log_tangent + np.log(np.abs(model.k - beta * cosine)) - np.log(model.k + beta * sine)
    return np.maximum(moved, floor), log_square + np.log(model.k**2 + beta**2 * sine * cosine)


def _events(model: BNWeightDecay, angles: Array, progress: Progress) -> tuple[list[list[int]], list[list[int]], int]:
    """Steps after which β has risen beyond 2 and steps after which ρ has begun to shrink, and the steps done."""
    tangent, square = np.log(np.tan(angles)), np.full(len(angles), 2.0 * np.log(model.rho0))
    unstable: list[list[int]] = [[] for _ in angles]
    shrinking: list[list[int]] = [[] for _ in angles]
    edge = np.log(model.curvature * model.eta)  # ln ρ² at β = 2
    now, growing = 0, np.zeros(len(angles), dtype=bool)
    progress.start(f"map from {len(angles)} starts", float(model.steps))
    try:
        for now in range(model.steps):
            before, old = square, growing
            tangent, square = step(model, tangent, square)
            growing = square >= before
            for row in np.flatnonzero(old & ~growing):  # ρ grew in the last step, and shrinks in this one
                shrinking[row].append(now)
            for row in np.flatnonzero((square <= edge) & (before > edge)):
                unstable[row].append(now + 1)
            if now % CHUNK == CHUNK - 1:
                progress.update(float(CHUNK))
    except KeyboardInterrupt:
        return unstable, shrinking, now
    finally:
        progress.finish()
    return unstable, shrinking, model.steps

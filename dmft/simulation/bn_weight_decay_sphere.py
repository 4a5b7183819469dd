"""Twin of ``bn-weight-decay/sphere``: gradients of F in the plane of each group, and a projection, by NumPy."""

from __future__ import annotations

import numpy as np

from ..results.progress import Progress
from ..results.solution import Solution
from ..results.statistics import Moments
from ..results.status import CONVERGED, INTERRUPTED, Status
from ..solvers.memory import check_memory
from ..theory.bn_weight_decay_sphere import RATES, BNWeightDecaySphere
from .method import Simulation

Array = np.ndarray
#: Steps between two looks at progress.
CHUNK = 64


def estimate(model: BNWeightDecaySphere, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate`."""
    numbers = method.replicas * (len(RATES) + 1.0) * len(model.heights)
    return {"memory": 8.0 * 16.0 * numbers, "seconds": model.steps * (6e-5 + 4e-8 * numbers)}


def simulate(model: BNWeightDecaySphere, method: Simulation, progress: Progress) -> Solution:
    """Descend from random starts at all effective learning rates.

    Raises
    ------
    MemoryLimitError

    Notes
    -----
    ``size`` has no effect: there are two weights for each height.
    """
    check_memory(estimate(model, method)["memory"], "try fewer --replicas")
    rates = np.append(model.rates, model.elr)[None, :, None]
    points = []
    for replica in range(method.replicas):
        # no start is one of the theory, whatever the two seeds
        rng = np.random.default_rng(np.random.SeedSequence(method.seed, spawn_key=(replica, 1)))
        angle, square = model.starts(rng)
        points.append(np.sqrt(square) * np.stack([np.cos(angle), np.sin(angle)]))
    # axes: x or y, replica, effective learning rate, group
    w = np.repeat(np.array(points).swapaxes(0, 1)[:, :, None, :], rates.size, axis=2)
    total, count, half = np.zeros(w.shape[1:3]), 0, model.steps // 2
    progress.start(f"descent from {method.replicas} starts", float(model.steps))
    status = Status(CONVERGED, "")
    now = 0
    try:
        for now in range(model.steps):
            w, loss = step(w, rates, model.heights)
            if now >= half:
                total += loss
                count += 1
            if now % CHUNK == CHUNK - 1:
                progress.update(float(CHUNK))
    except KeyboardInterrupt:
        status = Status(INTERRUPTED, f"interrupted after {now} of {model.steps} steps; run again for the rest")
    finally:
        progress.finish()
    moments = Moments()
    for row, end in zip(total / max(count, 1), (w**2).sum(axis=0)[:, -1], strict=True):
        if count:
            moments.add({"loss_by_elr": row[:-1], "mean_loss": row[-1], "group_norm_sq": end})
    curves = model.mean_curves(moments)
    return Solution(curves, model.coordinates(), model.told(status), moments.count, method.as_dict())


def step(w: Array, rates: Array, heights: Array) -> tuple[Array, Array]:
    """One step of eq. (1) for weights (2, …, n) on the sphere, and the loss before it."""
    x, y = w
    square = x**2 + y**2
    loss = (heights * y**2 / square).sum(axis=-1)
    slope = 2.0 * heights * x * y / square**2
    moved = w - rates * np.stack([-slope * y, slope * x])
    return moved / np.sqrt((moved**2).sum(axis=(0, -1), keepdims=True)), loss

"""Train many replicas of a network at once, measuring at given steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backend import Backend
from .losses import Loss
from .network import Network
from .optimisers import Optimiser
from .schedules import Schedule

#: Larger losses are called divergence.
LARGEST = {"float64": 1e100, "float32": 1e30}
#: ``measure(weights (R, P), outputs (R, n, …), losses (R,))``: arrays (R, …) of NumPy, by name.
Measure = Callable[[Any, Any, Any], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Problem:
    """What is trained, on what, and how.

    Attributes
    ----------
    inputs, targets : ndarray
        Shapes (n, …) if all replicas share them, in float64.
    batch : int or None
        Samples of a mini-batch, drawn without replacement for each replica and step; None = all samples.
    target_loss : float
        A replica whose loss over all samples is found below this rests: it is trained no more. 0 = never.
    """

    network: Network
    loss: Loss
    optimiser: Optimiser
    schedule: Schedule
    inputs: np.ndarray
    targets: np.ndarray
    batch: int | None = None
    target_loss: float = 0.0


@dataclass(frozen=True)
class Trained:
    """What came out of it.

    Attributes
    ----------
    start, weights : array (R, P)
        Before the first step, and at the end; of a diverged replica, the last with a finite loss.
    records : dict
        Measured arrays (R, T, …) at the `done` first times.
    done : int
        Times that all replicas have passed.
    diverged : ndarray (R,)
        Replicas that left the float range.
    rests : ndarray (R,)
        Replicas that reached the target loss.
    """

    start: Any
    weights: Any
    records: dict[str, np.ndarray]
    done: int
    diverged: np.ndarray
    rests: np.ndarray


def train(
    problem: Problem,
    rngs: Sequence[np.random.Generator],
    backend: Backend,
    precision: str,
    times: np.ndarray,
    measure: Measure,
    stop: Callable[[], bool],
    update: Callable[[float], None],
) -> Trained:
    """Train until the last of `times`, until all rest, until one diverges, or until ``stop()``.

    Parameters
    ----------
    rngs : sequence of Generator
        One a replica: it draws the start and the mini-batches, so that results do not depend on which replicas
        are trained together.
    times : ndarray of int
        Steps before which `measure` is called, increasing from 0.

    Notes
    -----
    6 R n P operations a step in matrix products; an optimiser passes about ten times over (R, P).
    """
    xp, network, dtype = backend.xp, problem.network, np.dtype(precision)
    weights = xp.asarray(network.start(rngs).astype(dtype))
    data = _Data(problem, rngs, backend, dtype)
    state = problem.optimiser.start(xp, weights)
    start = previous = weights
    rows: list[dict[str, np.ndarray]] = []
    diverged, rests = (np.zeros(len(rngs), dtype=bool) for _ in range(2))
    for step in range(int(times[-1]) + 1):
        if stop():
            break
        losses, gradient, outputs, caches = network.descend(xp, weights, *data.batch(), problem.loss)
        measuring = step == int(times[len(rows)])
        if measuring and problem.batch is not None:
            outputs = network.evaluate(xp, weights, data.inputs)
            losses, _ = problem.loss(xp, outputs, data.targets)
        host = backend.to_host(losses)
        diverged = ~(np.abs(host) < LARGEST[precision])
        if diverged.any():
            weights = xp.where(xp.asarray(diverged)[:, None], previous, weights)
            break
        if measuring:
            rows.append({name: np.array(part) for name, part in measure(weights, outputs, host).items()})
            rests |= host < problem.target_loss
            update(float(len(rngs)))
            if len(rows) == len(times) or rests.all():
                break
        previous = weights
        weights, state = problem.optimiser.step(xp, weights, gradient, state, problem.schedule(step))
        network.follow(xp, weights, caches)
        if rests.any():
            weights = xp.where(xp.asarray(rests)[:, None], previous, weights)
    if rows and rests.all():  # nothing changes any more
        update(float(len(rngs)) * (len(times) - len(rows)))
        rows += [rows[-1]] * (len(times) - len(rows))
    records = {name: np.stack([row[name] for row in rows], axis=1) for name in (rows[0] if rows else ())}
    return Trained(start, weights, records, len(rows), diverged, rests)


class _Data:
    """Samples on the device; all of them, or mini-batches of each replica."""

    def __init__(
        self, problem: Problem, rngs: Sequence[np.random.Generator], backend: Backend, dtype: np.dtype[Any]
    ) -> None:
        xp = backend.xp
        self.inputs, self.targets = (xp.asarray(part.astype(dtype))[None] for part in (problem.inputs, problem.targets))
        self.rngs, self.size, self.xp = rngs, problem.batch, xp

    def batch(self) -> tuple[Any, Any]:
        """Inputs and targets of one step."""
        if self.size is None:
            return self.inputs, self.targets
        count = self.inputs.shape[1]
        chosen = self.xp.asarray(np.stack([rng.permutation(count)[: self.size] for rng in self.rngs]))
        return self.inputs[0][chosen], self.targets[0][chosen]

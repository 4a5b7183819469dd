"""Finite-sample twin of ``group-norm``: Gaussian values through the normalising layers of the package, with ε = 0."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..results.progress import Progress
from ..results.solution import Solution
from ..solvers.ensemble import Member
from ..theory.group_norm import LEVELS, POINTS, GroupNorm
from .backend import Backend, backend_for, get_backend
from .method import Simulation
from .networks.layer import Layer
from .networks.norms import normalisation
from .replicas import run_replicas

Array = np.ndarray
#: Values that are drawn at once.
CHUNK = 2**19


def estimate(model: GroupNorm, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate` on a CPU."""
    drawn = float(method.size) * (_values(model).sum() + len(POINTS) * model.values) * method.replicas
    workers = get_backend(method.backend).workers
    largest = max(CHUNK, int(_values(model).max()), model.values)
    return {"memory": 60.0 * largest * workers, "seconds": 0.2 + 1e-7 * drawn / workers}


def simulate(model: GroupNorm, method: Simulation, progress: Progress) -> Solution:
    """Standardise `size` groups of values in each replica, for each batch and each fixed value.

    Returns
    -------
    Solution
        The observables of the theory. Groups that share nothing are drawn apart, so that all are independent.

    Raises
    ------
    MemoryLimitError, BackendError

    Notes
    -----
    About 0.1 μs a value.
    """
    backend = backend_for(method, estimate(model, method), "try a smaller batch or fewer pixels")
    label = f"standardising {method.size} groups"
    moments, status, facts = run_replicas(Replica, model, method, backend, _looks(model) - 1, progress, label)
    if status.success:
        status = replace(status, message=f"{method.size} groups standardised in each of {len(facts)} replicas")
    curves = model.mean_curves(moments)
    diagnostics = {"replicas_used": len(facts)}
    return Solution(curves, model.coordinates(), status, moments.count, method.as_dict(), diagnostics)


def _values(model: GroupNorm) -> Array:
    """n at each batch of the figure."""
    return np.array([model.values_of(model.norm, int(batch)) for batch in model.batches])


def _looks(model: GroupNorm) -> int:
    """Looks at progress in one replica."""
    return len(model.batches) + len(POINTS)


class Replica:
    """One replica: all its groups, a chunk after the other."""

    def __init__(self, model: GroupNorm, method: Simulation, backend: Backend, rng: np.random.Generator) -> None:
        self.model, self.method, self.backend, self.rng = model, method, backend, rng

    def run(self, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        """All batches and fixed values; nothing is kept after ``stop()``."""
        found = self._measured(stop, update)
        return Member({}, _looks(self.model) if found else 0, at_end=found)

    def _measured(self, stop: Callable[[], bool], update: Callable[[float], None]) -> dict[str, Array]:
        noise, kurtosis = [], []
        for batch in self.model.batches:
            if stop():
                return {}
            sums = self._moments(int(batch))
            noise.append(sums[0])
            kurtosis.append(sums[2] / sums[1] ** 2)
            update(1.0)
        at = int(np.flatnonzero(self.model.batches == max(self.model.batch, 2))[0])
        own: dict[str, Array] = {
            "noise_against_batch": np.array(noise),
            "kurtosis_against_batch": np.array(kurtosis),
            "noise": np.array(noise[at]),
            "kurtosis": np.array(kurtosis[at]),
        }
        variances = []
        for x in POINTS:
            if stop():
                return {}
            variances.append(self._spread(float(x)))
            update(1.0)
        return own | {"conditional_variance": np.array(variances), "distribution": self._distribution()}

    def _moments(self, batch: int) -> Array:
        """Means of (x − x̂)², x̂² and x̂⁴ over all values."""
        totals, count = np.zeros(3), 0
        for inputs, outputs in self._standardised(batch):
            powers = ((inputs - outputs) ** 2, outputs**2, outputs**4)
            totals += [float(part.sum()) for part in powers]
            count += outputs.size
        return totals / count

    def _distribution(self) -> Array:
        below, count = np.zeros(len(LEVELS)), 0
        for _, outputs in self._standardised(self.model.batch):
            order = np.sort(self.backend.to_host(outputs).ravel())
            below += np.searchsorted(order, LEVELS)
            count += order.size
        return below / count

    def _spread(self, x: float) -> float:
        """Variance over all groups of the first value of a group, which is x before."""
        found = [self.backend.to_host(outputs) for _, outputs in self._standardised(self.model.batch, x)]
        return float(np.concatenate([_first(self.model, part) for part in found]).var())

    def _standardised(self, batch: int, fixed: float | None = None) -> Any:
        """Inputs and outputs of a layer (R, B, HW, C), chunk by chunk; as many groups as `size`, in all."""
        model, xp = self.model, self.backend.xp
        # only the values that share statistics are drawn: one sample is enough without the batch, one channel with it
        samples = batch if model.norm == "bn" else 1
        channels = {"bn": 1, "gn": model.channels, "ln": model.channels, "in": 1}[model.norm]
        groups = model.groups if model.norm == "gn" else 1
        layer: Layer = normalisation(model.norm, model.groups, affine=False, epsilon=0.0)
        each = samples * channels * model.pixels
        left = -(-self.method.size // groups)
        while left > 0:
            copies = min(left, max(1, CHUNK // each))
            left -= copies
            drawn = self.rng.standard_normal((copies, samples, model.pixels, channels))
            if fixed is not None:
                _first(model, drawn)[...] = fixed
            inputs = xp.asarray(drawn.astype(self.method.precision))
            yield inputs, layer.forward(xp, {}, inputs)[0]


def _first(model: GroupNorm, values: Array) -> Array:
    """The first value of each group, of an array (R, B, HW, C)."""
    step = model.channels // model.groups if model.norm == "gn" else values.shape[3]
    return values[:, 0, 0, ::step]

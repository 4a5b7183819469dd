"""Finite-size twin of ``self-training/averaging``: fresh samples in p = `size` dimensions, labelled and averaged.

μ is the first unit vector.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import CONVERGED, DIVERGED
from ..solvers.ensemble import Member
from ..theory.self_training_averaging import CURVES, SelfTrainingAveraging
from .backend import Backend, backend_for, get_backend
from .method import Simulation
from .replicas import run_replicas

#: Random numbers that are drawn at once.
BLOCK = 1_000_000


def samples(model: SelfTrainingAveraging, size: int) -> int:
    """n of a round."""
    return max(1, round(size / model.kappa))


def estimate(model: SelfTrainingAveraging, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate` on a CPU."""
    workers = min(get_backend(method.backend).workers, method.replicas)
    numbers = float(samples(model, method.size)) * method.size
    memory = workers * 8.0 * (2.5 * max(min(numbers, BLOCK), method.size) + 4.0 * method.size)
    return {"memory": memory, "seconds": 0.1 + method.replicas / workers * (model.rounds + 1) * numbers * 1.5e-8}


def simulate(model: SelfTrainingAveraging, method: Simulation, progress: Progress) -> Solution:
    """Run independent replicas (own samples in every round, own start) and average them.

    Returns
    -------
    Solution
        Overlap, test error on the whole distribution, and the part of each batch that is accepted; mean and standard
        error over replicas.

    Raises
    ------
    ParameterError
        If an option has no meaning here.
    MemoryLimitError, BackendError

    Notes
    -----
    p²/κ random numbers a round, drawn on the CPU.
    """
    method.only("averages need", precision="float64", field_response=False)
    backend = backend_for(method, estimate(model, method), "try a smaller --size")
    moments, status, facts = run_replicas(Replica, model, method, backend, model.rounds, progress)
    measured = model.mean_curves(moments)
    curves = {item.name: measured[item.name] for item in CURVES if item.name in measured}
    kept = len(curves["overlap"].values) if curves else 0
    if curves:
        curves |= model.scalars(curves)
    if "gain" in measured:  # with an error bar of its own: both ends are those of one replica
        curves["gain"] = measured["gain"]
    if status.code == CONVERGED:
        status = replace(status, message=f"{moments.count} replicas, {model.rounds} rounds")
    elif status.code == DIVERGED:
        status = model.nobody(kept)
    told = {"samples": samples(model, method.size), "replicas_used": len(facts)}
    axes = {"round": model.coordinates(kept, 0)["round"]} if curves else {}
    return Solution(curves, axes, status, moments.count, method.as_dict(), told)


class Replica:
    """One sequence of rounds."""

    def __init__(
        self, model: SelfTrainingAveraging, method: Simulation, backend: Backend, rng: np.random.Generator
    ) -> None:
        self.model, self.backend, self.rng, self.size = model, backend, rng, method.size
        across = rng.standard_normal(method.size)
        across[0] = 0.0
        start = across * np.sqrt(1.0 - model.overlap_init**2) / np.linalg.norm(across)
        start[0] = model.overlap_init
        self.classifier = backend.xp.asarray(start)

    def run(self, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        """All rounds, until ``stop()`` or one without an accepted sample; a batch after the last one, to count."""
        from scipy.special import ndtr

        rows: list[list[float]] = []
        diverged = False
        while len(rows) <= self.model.rounds and not diverged and not stop():
            rho = float(self.classifier[0])
            average, accepted = self._batch()
            rows.append([rho, float(ndtr(-rho / self.model.sigma)), accepted])
            update(1.0)
            if len(rows) <= self.model.rounds:
                length = float(self.backend.xp.linalg.norm(average))
                diverged = not length > 0.0
                self.classifier = average / (length or 1.0)
        columns = np.array(rows).reshape(-1, len(CURVES)).T
        series = {item.name: column for item, column in zip(CURVES, columns, strict=True)}
        complete = len(rows) == self.model.rounds + 1
        ends = {"gain": np.array(rows[0][1] - rows[-1][1])} if complete else {}
        return Member(series, len(rows), diverged, at_end=ends)

    def _batch(self) -> tuple[Any, float]:
        """Sum of the accepted samples, each times its label, over the length of a typical one; part that is accepted.

        The length keeps sums of samples with huge noise in the range of numbers.
        """
        xp, unit = self.backend.xp, max(1.0, self.model.sigma)
        total, accepted = xp.zeros(self.size), 0.0
        for x in self._blocks():
            fields = x @ self.classifier
            taken = xp.where(xp.abs(fields) >= self.model.threshold / unit, xp.where(fields >= 0.0, 1.0, -1.0), 0.0)
            total = total + taken @ x
            accepted += float(xp.abs(taken).sum())
        return total, accepted / samples(self.model, self.size)

    def _blocks(self) -> Iterator[Any]:
        """Samples of a round over max(1, σ), (rows, p), a block at a time."""
        unit = max(1.0, self.model.sigma)
        left, most = samples(self.model, self.size), max(1, BLOCK // self.size)
        while left:
            count = min(left, most)
            x = self.rng.standard_normal((count, self.size))
            x *= self.model.sigma / unit
            x[:, 0] += (2.0 * self.rng.integers(0, 2, count) - 1.0) / unit
            yield self.backend.xp.asarray(x)
            left -= count

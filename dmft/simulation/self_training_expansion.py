"""Twin of ``self-training/expansion``: samples of both classes, whose balls hold other samples only, minimised exactly.

``size`` is the number of samples, half of them in each class. The classes lie on a line: in one dimension the minimiser
over all labelings is found exactly, by dynamic programming.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.special import ndtr, ndtri

from ..errors import ParameterError
from ..results.progress import Progress
from ..results.solution import Solution
from ..solvers.consistency.line import balls_of_points, inconsistent_on_line, minimise_on_line
from ..solvers.consistency.parametric import CostLine, critical_penalty
from ..solvers.ensemble import Member
from ..solvers.memory import check_memory
from ..theory.self_training_expansion import LARGEST, SelfTrainingExpansion
from .backend import Backend, get_backend
from .method import Simulation
from .replicas import run_replicas

Array = np.ndarray
#: Samples that a mislabelled tail must have on average.
LEAST = 10.0
#: Beyond this, no sample of a Gaussian is ever drawn.
FAR = 40.0


def estimate(model: SelfTrainingExpansion, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate`."""
    workers = min(get_backend("numpy").workers, method.replicas)
    solved = len(model.penalties) + 1 + 4 * (len(model.masses) + 1)
    return {
        "memory": 350.0 * method.size * workers,
        "seconds": 1.0 + method.replicas * method.size * (2e-7 + 6e-8 * solved) / workers,
    }


def simulate(model: SelfTrainingExpansion, method: Simulation, progress: Progress) -> Solution:
    """Minimise on the samples of every replica; mean and standard error over replicas.

    Raises
    ------
    ParameterError
        If a mislabelled tail would hold hardly any sample.
    MemoryLimitError

    Notes
    -----
    On the CPU in float64, whatever ``backend`` and ``precision`` say: minima are exact.
    """
    least = min(model.mislabelled_mass, model.smallest_mass)
    if 0.5 * method.size * least < LEAST:
        raise ParameterError(
            f"size = {method.size} puts {0.5 * method.size * least:.2g} samples into a tail of class mass {least:g}: "
            f"give a size of at least {np.ceil(2.0 * LEAST / least):.10g}, "
            "or larger --smallest-mass and --mislabelled-mass"
        )
    if method.size < model.least_size:
        raise ParameterError(
            f"size = {method.size}: a tail of class mass {max(model.mislabelled_mass, LARGEST):g} may be the majority "
            f"of its samples by chance; give a size of at least {np.ceil(model.least_size):.0f}"
        )
    check_memory(estimate(model, method)["memory"], "try a smaller --size")
    steps = len(model.penalties) + len(model.masses)
    moments, status, _ = run_replicas(Replica, model, method, get_backend("numpy"), steps, progress)
    inside = method.size * model.boundary_samples
    if status.success and method.size * model.mu > 1.0 and inside < 20.0:
        words = f"few samples at the boundary, {inside:.2g} in a ball: mu comes out too small, try a larger --size"
        status = replace(status, message=f"{status.message}; {words}")
    return Solution(model.mean_curves(moments), model.coordinates(), status, moments.count, method.as_dict())


class Replica:
    """Samples of two classes."""

    def __init__(
        self, model: SelfTrainingExpansion, method: Simulation, backend: Backend, rng: np.random.Generator
    ) -> None:
        self.model, self.count = model, method.size // 2
        whole = float(ndtr(model.half))
        # outwards from the mean, decreasing: P(z > −s/2 …) by inversion
        self.classes = [-ndtri(np.sort(1.0 - rng.random(self.count)) * whole) for _ in range(2)]

    def run(self, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        """Minimise at every penalty, and find the threshold of every mass."""
        model, done = self.model, 0
        rows = []
        both = TwoClasses(model, *self.classes)
        for penalty in model.penalties:
            if stop():
                return Member({}, done)
            rows.append(both.minimise(penalty))
            done += 1
            update(1.0)
        tail, thresholds = Tail(self.classes[0], model.radius), []
        for mass in model.masses:
            if stop():
                return Member({}, done)
            thresholds.append(tail.threshold(float(model.edge(mass))))
            done += 1
            update(1.0)
        here = both.minimise(float(model.penalty or 0.0))
        ends = {f"{name}_by_penalty": np.array([row[name] for row in rows]) for name in rows[0]} if rows else {}
        ends |= {name: np.array(here[name]) for name in ("error", "objective")}
        ends["threshold_by_mass"] = np.array(thresholds)
        ends["threshold"] = np.array(tail.threshold(float(model.edge(model.mislabelled_mass))))
        ends["pseudolabel_error"] = np.array(both.pseudolabel_error)
        ends["mu"] = np.array(both.mu)
        update(1.0)
        return Member({}, done + 1, at_end=ends)


class TwoClasses:
    """All samples on one line: class 0 on the left, class 1 on the right of the boundary."""

    def __init__(self, model: SelfTrainingExpansion, left: Array, right: Array) -> None:
        half = min(model.half, FAR + model.radius)
        count, tail = len(left), float(model.edge(model.mislabelled_mass))
        points = np.concatenate([-half - left, (half + right)[::-1]])
        self.truth = np.repeat([0, 1], count)
        wrong = np.concatenate([left > tail, (right > tail)[::-1]])
        pseudo = np.where(wrong, 1 - self.truth, self.truth)
        self.costs = np.stack([pseudo == 1, pseudo == 0], axis=1).astype(np.float64)
        self.low, self.high = balls_of_points(points, model.radius)
        self.pseudolabel_error = wrong.mean()
        self.mu = inconsistent_on_line(self.truth, self.low, self.high).mean()

    def minimise(self, penalty: float) -> dict[str, float]:
        """Error, inconsistency and objective of the minimiser."""
        n = len(self.truth)
        value, labels = minimise_on_line(self.costs, np.full(n, float(penalty)), self.low, self.high)
        return {
            "error": float(np.mean(labels != self.truth)),
            "inconsistency": float(inconsistent_on_line(labels, self.low, self.high).mean()),
            "objective": value / n,
        }


class Tail:
    """The samples of one class, from the outermost inwards."""

    def __init__(self, outward: Array, radius: float) -> None:
        self.outward = outward
        self.low, self.high = balls_of_points(-outward, radius)

    def threshold(self, edge: float) -> float:
        """The penalty at which the minimiser gives up half of the wrong labels beyond `edge`: exact, in integers."""
        wrong = (self.outward > edge).astype(np.int64)
        costs = np.stack([wrong, 1 - wrong], axis=1).astype(np.float64)

        def line(labels: Array) -> CostLine:
            inconsistent = inconsistent_on_line(labels, self.low, self.high).sum()
            return CostLine(float(np.sum(labels != wrong)), float(inconsistent), 2 * labels.sum() < wrong.sum())

        def minimise(fidelity: float, penalty: float) -> CostLine:
            penalties = np.full(len(wrong), penalty)
            return line(minimise_on_line(fidelity * costs, penalties, self.low, self.high)[1])

        return critical_penalty(minimise, line(wrong), line(np.zeros_like(wrong)))

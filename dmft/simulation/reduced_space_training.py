"""Finite-size twin of ``reduced-space/training``: gradient descent and Adam on ``size`` samples, three arms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..results.curve import Coordinate, Curve
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import CONVERGED, DIVERGED
from ..solvers.ensemble import Member
from ..theory.reduced_space_training import ARMS, POINTS, ReducedSpaceTraining
from ..theory.target_functions import DOMAINS
from .backend import Backend, backend_for, get_backend
from .method import Simulation
from .replicas import run_replicas


def kinds(model: ReducedSpaceTraining) -> dict[str, bool]:
    """Prefix of the observables and whether it is Adam, for each optimiser that is asked for."""
    return {prefix: adam for prefix, adam, other in (("", False, "adam"), ("adam_", True, "gradient_descent"))
            if model.optimiser != other}  # fmt: skip


def epochs(model: ReducedSpaceTraining) -> np.ndarray:
    """Epochs of Adam that are reported."""
    wanted = np.round(np.geomspace(1.0, model.epochs, POINTS)).astype(int)
    numbers = np.arange(POINTS)
    return np.maximum.accumulate(wanted - numbers) + numbers  # each at least one after the last


def estimate(model: ReducedSpaceTraining, method: Simulation) -> dict[str, float]:
    """Memory in bytes and a rough number of seconds of :func:`simulate`."""
    inputs = DOMAINS[model.target][0]
    workers = min(get_backend(method.backend).workers, method.replicas)
    steps = sum(model.epochs if adam else model.t_max / model.learning_rate for adam in kinds(model).values())
    work = 3.0 * steps * (method.size * model.neurons * (1.5 + inputs) * 4e-9 + 1e-6)
    memory = workers * 8.0 * (method.size * (inputs + 2.0) + 60.0 * model.neurons) + method.replicas * 8.0 * 6 * POINTS
    return {"memory": memory, "seconds": 0.3 + method.replicas / workers * work}


def simulate(model: ReducedSpaceTraining, method: Simulation, progress: Progress) -> Solution:
    """Train every arm on samples of its own, with full batches.

    Returns
    -------
    Solution
        Errors over the whole population: median and quartiles over replicas, and the mean logarithm with its standard
        error; gradient descent over ``t`` (rate times steps), Adam over ``epoch``.

    Raises
    ------
    ParameterError
        If an option has no meaning here.
    MemoryLimitError

    Notes
    -----
    Replica i draws its start and its samples from the stream (seed, i, 1): starts are not those of the theory.
    O(size · neurons · inputs) a step.
    """
    method.only("this training needs", backend="numpy", precision="float64", field_response=False)
    backend = backend_for(method, estimate(model, method), "try a smaller --size")
    problem = model.problem()
    _, status, facts = run_replicas(Replica, model, method, backend, POINTS - 1, progress)
    done = min((len(errors) for fact in facts for errors in fact.values()), default=0)
    if status.code == CONVERGED:
        status = replace(status, message=f"{len(facts)} replicas of {len(ARMS)} arms trained on {method.size} samples")
    elif status.code == DIVERGED:
        status = replace(
            status,
            message=f"weights left the range of numbers after {done} of {POINTS} reports: the data up to there are "
            "kept; try a smaller --learning-rate or --adam-rate",
        )
    curves: dict[str, Curve] = {}
    for prefix in kinds(model) if done else ():
        table = {arm: np.array([fact[prefix + arm][:done] for fact in facts]) for arm in ARMS}
        curves |= model.statistics(table, prefix)
    axes = {
        "t": Coordinate("t", model.times()[:done], "t", "time"),
        "epoch": Coordinate("epoch", epochs(model)[:done].astype(float), "epoch", "epochs of Adam"),
    }
    used = {dim for curve in curves.values() for dim in curve.dims}
    diagnostics = {"inputs": problem.inputs, "replicas_used": len(facts)}
    kept = {name: axis for name, axis in axes.items() if name in used}
    return Solution(curves, kept, status, len(facts), method.as_dict(), diagnostics)


class Replica:
    """One set of samples and one start of each arm."""

    def __init__(
        self, model: ReducedSpaceTraining, method: Simulation, backend: Backend, rng: np.random.Generator
    ) -> None:
        (rng,) = rng.spawn(1)  # no start is one of the theory, whatever the two seeds
        self.model, self.problem = model, model.problem()
        self.population = model.measure(self.problem)
        starts = model.starts(self.problem, rng)
        self.points = self.problem.sample(method.size, rng)
        self.runs = {
            prefix + arm: Training(self, start.copy(), adam, arm == "reduced")
            for prefix, adam in kinds(model).items()
            for arm, start in starts.items()
        }

    def run(self, stop: Callable[[], bool], update: Callable[[float], None]) -> Member:
        """All arms from one report to the next."""
        model, rows, diverged = self.model, [], False
        for t, epoch in zip(model.times(), epochs(model), strict=True):
            if stop():
                break
            row = [run.to(float(epoch) if run.adam else t / model.learning_rate) for run in self.runs.values()]
            diverged = not np.all(np.isfinite(row))
            if diverged:
                break
            rows.append(row)
            update(1.0)
        columns = np.array(rows).reshape(-1, len(self.runs)).T
        table = dict(zip(self.runs, columns, strict=True))
        return Member({}, len(rows), diverged, table)


class Training:
    """One arm under one optimiser."""

    def __init__(self, replica: Replica, state: np.ndarray, adam: bool, constrained: bool) -> None:
        self.replica, self.state, self.adam, self.constrained = replica, state, adam, constrained
        self.before = state.copy()
        self.moments, self.step = np.zeros((2, len(state))), 0

    def to(self, steps: float) -> float:
        """Go on to that many steps; the error there, between two steps that of interpolated weights; NaN beyond."""
        whole = int(np.ceil(steps))
        if whole > self.step:
            if not self._advance(whole - 1 - self.step):
                return float("nan")
            self.before = self.state.copy()
            if not self._advance(1):
                return float("nan")
        part = steps - (self.step - 1)
        model, problem = self.replica.model, self.replica.problem
        state = (1.0 - part) * self.before + part * self.state
        return model.error(problem, self.replica.population, state)

    def _advance(self, steps: int) -> bool:
        from ..theory.kernels.shallow_relu import train

        model, problem = self.replica.model, self.replica.problem
        rate = model.adam_rate if self.adam else model.learning_rate
        good = train(
            self.state, model.neurons, problem.inputs, self.replica.points, steps, self.step, rate, self.adam,
            problem.radius, self.constrained, self.moments,
        )  # fmt: skip
        self.step += steps
        return bool(good)

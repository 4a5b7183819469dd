"""Training on the reduced space against the whole one, in three arms: does the constraint help, or its start?

Equation numbers are those of docs/theory/reduced_space_training.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..parameters import declare, redeclare
from ..results.curve import Coordinate, Curve, Observable
from ..results.picture import Guide, Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.statistics import two_sigma_factor
from ..solvers.flow.method import FlowMethod
from ..solvers.memory import check_memory
from .base import Model
from .reduced_space import REFERENCES
from .registry import register
from .target_functions import DOMAINS, NODES, Target, evaluate, from_table, make

Array = np.ndarray
#: The arms: whole space from a standard start; whole space from the start of the reduced one; reduced space.
ARMS = {
    "standard": "whole space, standard start",
    "reduced_init": "whole space, start of the reduced one",
    "reduced": "reduced space",
}
#: Times and epochs that are reported, and the first time.
POINTS, FIRST = 60, 0.1
#: Errors below this are round-off of the closed integrals.
ROUND_OFF = 1e-15
#: Targets of one input by the number that the kernel knows them by.
CLOSED = {"sine": 0, "absolute": 1, "step": 2}


def _observables() -> tuple[Observable, ...]:
    made = []
    for dim, prefix, words in (("t", "", "gradient flow or descent"), ("epoch", "adam_", "Adam")):
        for arm, where in ARMS.items():
            name = f"{prefix}mse_{arm}"
            made += [
                Observable(name, "MSE", f"mean squared error, median: {where}, {words}", (dim,)),
                Observable(f"{name}_lower", "MSE", f"its lower quartile: {where}, {words}", (dim,)),
                Observable(f"{name}_upper", "MSE", f"its upper quartile: {where}, {words}", (dim,)),
                Observable(
                    f"{prefix}log_mse_{arm}", "lg MSE", f"its decadic logarithm, mean: {where}, {words}", (dim,)
                ),
                Observable(f"final_{name}", "MSE", f"mean squared error at the end, median: {where}, {words}", ()),
                Observable(f"final_{name}_lower", "MSE", f"its lower quartile: {where}, {words}", ()),
                Observable(f"final_{name}_upper", "MSE", f"its upper quartile: {where}, {words}", ()),
            ]
    made += [
        Observable(f"fit_{arm}", "f", f"function of the first start: {where}", ("x",)) for arm, where in ARMS.items()
    ]
    made += [
        Observable("target_function", "g", "target", ("x",)),
        Observable("clipped_fraction", "p_c", "thresholds of the reduced space that end at its boundary", ()),
    ]
    return tuple(made)


def _against(name: str) -> tuple[Guide, ...]:
    """The other two arms beside the reduced one."""
    return (
        Guide(f"{name}_standard", label="whole space, standard start"),
        Guide(f"{name}_reduced_init", label="whole space, start of the reduced one"),
    )


FIGURE = (
    Panel("mse_reduced", log="xy", guides=_against("mse"), title="reduced space, gradient flow"),
    Panel("adam_mse_reduced", log="xy", guides=_against("adam_mse"), title="reduced space, Adam"),
    Panel("log_mse_reduced", log="x", title="reduced space, mean of the logarithm"),
    Panel("log_mse_standard", log="x", title="whole space, standard start"),
    Panel("log_mse_reduced_init", log="x", title="whole space, start of the reduced one"),
    Panel("fit_reduced", guides=(Guide("target_function", label="target"), Guide("fit_standard", label="whole space"))),
)


@dataclass(frozen=True)
class Starts(FlowMethod):
    """Step control, and how many starts the median is taken of."""

    rtol: float = redeclare(FlowMethod, "rtol", 1e-5)
    atol: float = redeclare(FlowMethod, "atol", 1e-8)
    starts: int = declare(10, "", "random starts of each arm", bounds="[1, 1e5]")


@register
@dataclass(frozen=True)
class ReducedSpaceTraining(Model):
    """One hidden layer of ReLU without a constant at the output; infinitely many data, or those of a table."""

    slug: ClassVar[str] = "reduced-space/training"
    title: ClassVar[str] = "Training on the unit sphere with bounded thresholds against the whole space"
    references: ClassVar[tuple[str, ...]] = REFERENCES
    observables: ClassVar[tuple[Observable, ...]] = _observables()
    figure: ClassVar[tuple[Panel, ...]] = FIGURE
    method: ClassVar[type[Starts]] = Starts
    sizes: ClassVar[tuple[int, ...]] = (100, 200, 400)
    size_means: ClassVar[str] = "training samples"

    target: str = declare("sine", "g", "function to learn: sine is sin 4πx on [0, 1]", choices=tuple(DOMAINS))
    data: str | None = declare(None, "", "CSV file to learn in place of target, value last [none]", kind=str)
    neurons: int = declare(20, "N", "neurons of the hidden layer", bounds="[1, 1e4]")
    init: str = declare(
        "glorot",
        "",
        "standard start: glorot or he with thresholds 0, or pytorch with random ones",
        choices=("glorot", "he", "pytorch"),
    )
    threshold_spread: float = declare(
        1.0, "β", "thresholds of the reduced start are uniform on ±β X_B", bounds="[0, 1]"
    )
    t_max: float = declare(100.0, "t_max", "end of the flow", bounds="[1, 1e6]")
    optimiser: str = declare("both", "", "what the simulation does", choices=("gradient_descent", "adam", "both"))
    learning_rate: float = declare(0.02, "η", "learning rate of gradient descent", bounds="(0, 1e3]")
    adam_rate: float = declare(5e-3, "η_A", "learning rate of Adam", bounds="(0, 10]")
    epochs: int = declare(5000, "", "epochs of Adam", bounds="[60, 1e8]")
    seed: int = declare(0, "seed", "seed of the starts of the theory", bounds="[0, inf)")

    def problem(self) -> Target:
        """What is learned."""
        return make(self.target) if self.data is None else from_table(self.data)

    def starts(self, problem: Target, rng: np.random.Generator) -> dict[str, Array]:
        """Start of each arm, y = (c, w row by row, b): eq. (6)."""
        N, d = self.neurons, problem.inputs
        outer, inner, level = {
            "glorot": (np.sqrt(6.0 / (N + 1.0)), np.sqrt(6.0 / (N + d)), 0.0),
            "he": (np.sqrt(6.0 / N), np.sqrt(6.0 / d), 0.0),
            "pytorch": (np.sqrt(1.0 / N), np.sqrt(1.0 / d), np.sqrt(1.0 / d)),
        }[self.init]
        c, w, b = outer * rng.uniform(-1.0, 1.0, N), rng.uniform(-1.0, 1.0, N * d), rng.uniform(-1.0, 1.0, N)
        unit = rng.standard_normal((N, d))
        unit /= np.linalg.norm(unit, axis=1)[:, None]
        bounded = self.threshold_spread * problem.radius * rng.uniform(-1.0, 1.0, N)
        reduced = np.concatenate([c, unit.ravel(), bounded])
        return {"standard": np.concatenate([c, inner * w, level * b]), "reduced_init": reduced, "reduced": reduced}

    def times(self) -> Array:
        """Times that are reported."""
        return np.geomspace(FIRST, self.t_max, POINTS)

    def error(self, problem: Target, population: Array | None, state: Array) -> float:
        """Mean squared error over the population: closed in one dimension, eq. (3), else a sum over its points."""
        from .kernels import shallow_relu as kernels

        out = np.empty_like(state)
        if population is None:
            assert problem.interval is not None
            loss = kernels.gradient_on_interval(state, self.neurons, CLOSED[problem.name], *problem.interval, out)
        else:
            loss = kernels.gradient_on_points(state, self.neurons, problem.inputs, population, out)
        return max(float(loss), ROUND_OFF)

    def measure(self, problem: Target) -> Array | None:
        """Points that stand for the population, None where its integrals are closed."""
        return None if problem.name in CLOSED else problem.population()

    def estimate(self, method: Starts) -> dict[str, float]:
        one = self.data is None and DOMAINS[self.target][0] == 1
        points = 0 if one else NODES**2 if self.data is None else 1000
        evaluation = self.neurons * (6e-9 * self.neurons if one else 3e-9 * points) + 1e-6
        steps = 50.0 + self.t_max * max(1.0, 0.2 * self.neurons)
        numbers = 3.0 * method.starts * POINTS * 4.0 * self.neurons
        return {"memory": 8.0 * numbers, "seconds": 0.3 + 3.0 * method.starts * 7.0 * steps * evaluation}

    def solve(self, method: Starts, progress: Progress) -> Solution:
        """Gradient flow of all arms from all starts; standard errors are those of finitely many starts."""
        from ..solvers.flow.solve import integrate
        from .kernels.shallow_relu import flow_on_interval, flow_on_points

        check_memory(self.estimate(method)["memory"], "try fewer --starts or --neurons")
        problem = self.problem()
        population, N = self.measure(problem), self.neurons
        streams = [
            np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(i,))) for i in range(method.starts)
        ]
        drawn = [self.starts(problem, rng) for rng in streams]
        head = [N, problem.inputs, problem.radius]
        if population is None:
            assert problem.interval is not None
            data = np.array([*head, CLOSED[problem.name], *problem.interval])
        else:
            data = np.concatenate([head, population.ravel()])
        flows = integrate(
            flow_on_interval if population is None else flow_on_points,
            (0.0, self.t_max),
            np.array([start[arm] for arm in ARMS for start in drawn]),
            parameters=np.repeat([[float(arm == "reduced")] for arm in ARMS], method.starts, axis=0),
            data=data,
            t_eval=self.times(),
            rtol=method.rtol,
            atol=method.atol,
            max_steps=method.max_steps,
            progress=progress,
        )
        kept = int(flows.saved.min())
        paths = flows.y[:, :kept].reshape(len(ARMS), method.starts, kept, -1)
        errors = {
            arm: np.array([[self.error(problem, population, state) for state in path] for path in paths[i]])
            for i, arm in enumerate(ARMS)
        }
        curves = self.statistics(errors) if kept else {}
        if kept:
            ends = {arm: paths[i, :, -1] for i, arm in enumerate(ARMS)}
            curves |= self.functions(problem, {arm: states[0] for arm, states in ends.items()})
            share = np.mean(np.abs(ends["reduced"][:, -N:]) >= problem.radius * (1.0 - 1e-9))
            curves["clipped_fraction"] = self.observable("clipped_fraction").curve(np.array(share))
        facts: dict[str, Any] = {
            "measure": "closed integrals" if population is None else f"{len(population)} points",
            "evaluations": int(flows.nfev.sum()),
        }
        axes = {"t": Coordinate("t", self.times()[:kept], "t", "time"), **self.line(problem)} if kept else {}
        return Solution(curves, axes, flows.outcome(), method.starts, method.as_dict(), facts)

    def statistics(self, errors: dict[str, Array], prefix: str = "") -> dict[str, Curve]:
        """Median, quartiles and mean logarithm of errors (starts, points) of each arm."""
        values: dict[str, tuple[Array, Array | None]] = {}
        for arm, table in errors.items():
            name = f"{prefix}mse_{arm}"
            for suffix, level in (("", 0.5), ("_lower", 0.25), ("_upper", 0.75)):
                column = np.quantile(table, level, axis=0)
                values[name + suffix] = column, None
                values[f"final_{name}{suffix}"] = column[-1], None
            logs = np.log10(table)
            stderr = None
            if len(table) > 1:
                stderr = two_sigma_factor(len(table)) * logs.std(axis=0, ddof=1) / np.sqrt(len(table))
            values[f"{prefix}log_mse_{arm}"] = logs.mean(axis=0), stderr
        return {name: self.observable(name).curve(*pair) for name, pair in values.items()}

    def line(self, problem: Target) -> dict[str, Coordinate]:
        """The axis ``x`` of one input."""
        if problem.interval is None or problem.inputs > 1:
            return {}
        return {"x": Coordinate("x", np.linspace(*problem.interval, 401), "x", "input")}

    def functions(self, problem: Target, states: dict[str, Array]) -> dict[str, Curve]:
        """The target and what each arm makes of it, along ``x``."""
        axis = self.line(problem)
        if not axis:
            return {}
        x, N = axis["x"].values, self.neurons
        values = {"target_function": evaluate(problem.name, x[:, None])}
        for arm, state in states.items():
            c, w, b = state[:N], state[N : 2 * N], state[2 * N :]
            values[f"fit_{arm}"] = np.maximum(x[:, None] * w + b, 0.0) @ c
        return self.exact_curves(values)

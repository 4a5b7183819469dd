"""What the size of the start does to one ReLU neuron: many random data sets and starts, each flow exact.

Every run has data, labels and a direction of its own; the sizes ‖w(0)‖ share them. The equations are those of
``relu-neuron``; equation numbers refer to docs/theory/relu_neuron.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import ParameterError
from ..parameters import declare, redeclare
from ..results.curve import Coordinate, Curve, Observable
from ..results.picture import Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.statistics import two_sigma_factor
from ..results.status import CONVERGED, INTERRUPTED, NOT_CONVERGED, Status, worst
from ..solvers.piecewise.method import Piecewise
from . import relu_data
from .base import Model
from .registry import register
from .relu_neuron import REFERENCES, ZERO, ReLUNeuron

Array = np.ndarray
#: Flows that are drawn and solved at a time.
BLOCK = 5000
NAMES = {
    "norm_increasing": ("p_norm", "part of the runs whose norm increases strictly, always"),
    "dead": ("p_dead", "part of the runs that end without any active sample"),
    "zero_loss": ("p_0", "part of the runs that end at zero loss"),
    "reactivating": ("p_re", "part of the runs in which a sample becomes active again"),
    "norm_ratio": ("‖w_∞‖/‖w_0‖", "growth of the norm, geometric mean over the runs"),
}


@dataclass(frozen=True)
class RandomRuns(Piecewise):
    """Statistics over random runs, each exact."""

    starts: int = declare(10_000, "", "random runs, for the error bars", bounds="[2, 1e9]")
    seed: int = declare(0, "seed", "seed of data and starts", bounds="[0, inf)")


@register
@dataclass(frozen=True)
class ReLUNeuronNorms(Model):
    """Fractions of runs against ‖w(0)‖; the scalars are those of the smallest, :attr:`init_norm`."""

    slug: ClassVar[str] = "relu-neuron/norms"
    title: ClassVar[str] = "What the size of the start does to one ReLU neuron: fractions of random runs"
    references: ClassVar[tuple[str, ...]] = REFERENCES
    observables: ClassVar[tuple[Observable, ...]] = (
        *(Observable(f"{name}_curve", symbol, words, ("start_norm",)) for name, (symbol, words) in NAMES.items()),
        *(Observable(name, symbol, f"{words}, at init_norm", ()) for name, (symbol, words) in NAMES.items()),
    )
    figure: ClassVar[tuple[Panel, ...]] = (
        *(Panel(f"{name}_curve", log="x") for name in ("norm_increasing", "dead", "zero_loss", "reactivating")),
        Panel("norm_ratio_curve", log="xy"),
    )
    method: ClassVar[type[RandomRuns]] = RandomRuns
    size_means: ClassVar[str] = "steps of gradient descent"

    data: str = declare("gaussian", "", "samples: N(0,1), or |N(0,1)|, in each component", choices=relu_data.DRAWN)
    labels: str = redeclare(ReLUNeuron, "labels", "positive")
    dimension: int = redeclare(ReLUNeuron, "dimension", 2)
    samples: int = redeclare(ReLUNeuron, "samples", 20)
    init_norm: float = declare(1e-3, "‖w_0‖", "norm of the start, the smallest of all", bounds="[0, inf)")
    largest_norm: float = declare(10.0, "", "largest norm of the start", bounds="(0, inf)")
    norms: int = declare(9, "", "norms of the start, from init_norm in equal ratios; 1: only it", bounds="[1, 1e4]")

    def check(self) -> None:
        if self.norms > 1 and not 0.0 < self.init_norm < self.largest_norm:
            raise ParameterError(
                f"init_norm = {self.init_norm:g}, largest_norm = {self.largest_norm:g} with norms = {self.norms}: give "
                "0 < init_norm < largest_norm, or norms = 1"
            )

    def warnings(self) -> tuple[str, ...]:
        if self.labels != "random":
            return ()
        return ("negative labels: the theorems need y ≥ 0; flows that slide along the edge of a cone have no limit",)

    @property
    def start_norms(self) -> Array:
        """The values of ‖w(0)‖."""
        if self.norms == 1:
            return np.array([self.init_norm])
        return np.geomspace(self.init_norm, self.largest_norm, self.norms)

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Array, Array, Array]:
        """`count` data sets x, y and directions of the start."""
        x, y, _ = relu_data.draw(rng, count, self.samples, self.dimension, self.data, self.labels)
        return x, y, relu_data.directions(rng, count, self.dimension)

    def estimate(self, method: RandomRuns) -> dict[str, float]:
        n, d, block = self.samples, self.dimension, min(BLOCK, method.starts)
        seconds = method.starts * self.norms * (2.0 + n / 3.0) * (2e-6 + 4e-8 * n * d * d)
        return {"memory": 8.0 * block * (3.0 * n * (d + 1.0) + 4.0 * d + 16.0), "seconds": 0.2 + seconds}

    def solve(self, method: RandomRuns, progress: Progress) -> Solution:
        """Exact flows of `starts` random runs at each norm; means with standard errors."""
        from ..solvers.memory import check_memory
        from ..solvers.piecewise.solve import flow_relu

        check_memory(self.estimate(method)["memory"], "try fewer --samples or a smaller --dimension")
        done, status = 0, Status(CONVERGED, "every run is exact to round-off")
        total = Totals(self.norms)
        for block in range(-(-method.starts // BLOCK)):
            rng = np.random.default_rng(np.random.SeedSequence(method.seed, spawn_key=(2**32 - 1, block)))
            x, y, direction = self.draw(rng, min(BLOCK, method.starts - done))
            found = []
            for norm in self.start_norms:
                flows = flow_relu(x, y, norm * direction, max_switches=method.max_switches, progress=progress)
                status = worst(status, flows.outcome())
                if status.code == INTERRUPTED:
                    break
                item = self.measure(x, y, norm, flows.limit, np.asarray(flows.support.any(axis=1)))
                item |= {"norm_increasing": flows.norm_increasing, "reactivating": flows.reactivations > 0}
                found.append(item)
            if len(found) < self.norms:
                status = Status(INTERRUPTED, f"interrupted: {done} of {method.starts} runs are complete and kept")
                break
            total.add(found)
            done += len(y)
        if status.code == NOT_CONVERGED:
            status = Status(NOT_CONVERGED, "runs whose active set changes without end count with their last point; "
                            "labels ≥ 0 have none")  # fmt: skip
        facts: dict[str, Any] = {"runs": done}
        return self.solution(total.mean(), total.stderr(), done, status, method.as_dict(), facts)

    def measure(self, x: Array, y: Array, norm: float, limit: Array, alive: Array) -> dict[str, Array]:
        """What can be told from the ends of runs: one number for each."""
        z = np.maximum(np.einsum("mnd,md->mn", x, limit), 0.0)
        ratio = np.linalg.norm(limit, axis=1) / (norm or 1.0)
        return {
            "dead": ~alive,
            "zero_loss": np.sum((z - y) ** 2, axis=1) <= ZERO * np.sum(y**2, axis=1),
            "norm_ratio": np.log(np.maximum(ratio, 1e-300)),
        }

    def solution(
        self, mean: dict[str, Array], stderr: dict[str, Array], count: int, status: Status, method: dict[str, Any],
        facts: dict[str, Any],
    ) -> Solution:  # fmt: skip
        """Means over runs as curves and, at the smallest norm, as scalars; theory and twin alike."""
        curves: dict[str, Curve] = {}
        for name in NAMES if count else ():
            if name not in mean or (name == "norm_ratio" and not self.init_norm):
                continue
            value, error = mean[name], stderr[name]
            if name == "norm_ratio":  # of logarithms
                value, error = np.exp(value), np.exp(value) * error
            known = error if count > 1 else np.full_like(value, np.nan)
            curves[f"{name}_curve"] = self.observable(f"{name}_curve").curve(value, known)
            curves[name] = self.observable(name).curve(value[0], known[0])
        axis = Coordinate("start_norm", self.start_norms, "‖w_0‖", "norm of the start")
        return Solution(curves, {"start_norm": axis} if curves else {}, status, count, method, facts)


class Totals:
    """Sums and sums of squares of numbers of runs, at each norm."""

    def __init__(self, norms: int) -> None:
        self.count, self.norms = 0, norms
        self.sums: dict[str, Array] = {}
        self.squares: dict[str, Array] = {}

    def add(self, found: list[dict[str, Array]]) -> None:
        """Numbers of a block of runs, one dictionary for each norm."""
        self.count += len(next(iter(found[0].values())))
        for name in found[0]:
            values = np.array([item[name] for item in found], dtype=np.float64)
            self.sums[name] = self.sums.get(name, 0.0) + values.sum(axis=1)
            self.squares[name] = self.squares.get(name, 0.0) + (values**2).sum(axis=1)

    def mean(self) -> dict[str, Array]:
        return {name: value / self.count for name, value in self.sums.items()}

    def stderr(self) -> dict[str, Array]:
        """Standard errors; where all runs agree, that of one more run that does not (rule of succession)."""
        made = {}
        for name, mean in self.mean().items():
            variance = np.maximum(self.squares[name] / self.count - mean**2, 0.0)
            if name != "norm_ratio":
                variance = np.maximum(variance, 1.0 / (self.count + 2.0))
            made[name] = two_sigma_factor(self.count) * np.sqrt(variance / max(self.count - 1, 1))
        return made

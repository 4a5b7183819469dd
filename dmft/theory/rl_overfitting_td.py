"""Temporal-difference learning of a value function with linear features: exact second moments.

Equation numbers are those of docs/theory/rl_overfitting_td.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import ParameterError
from ..parameters import declare
from ..results.curve import Coordinate, Observable
from ..results.picture import Guide, Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import CONVERGED, DIVERGED, INTERRUPTED, Status
from ..solvers.blas import single_threaded_blas
from ..solvers.closed_form import ClosedForm
from ..solvers.memory import check_memory
from .base import Model
from .registry import register
from .td_moments import Moments, Process

Array = np.ndarray
REFERENCES = (
    "B. Bordelon, P. Masset, H. Kuo, C. Pehlevan, Loss dynamics of temporal difference reinforcement learning, NeurIPS "
    "2023, arXiv:2307.04841",
)
#: Reported steps, about so many, evenly in the logarithm.
POINTS = 60
#: A value error beyond it is called divergence.
LARGEST = 1e100
#: Discounts of the plateau's curve, and rates over the largest stable one.
GAMMAS, PARTS = np.linspace(0.0, 0.95, 20), np.geomspace(1e-3, 0.9, 13)
#: Annealing of the guide.
ROOT = 0.5


@register
@dataclass(frozen=True)
class RLOverfittingTD(Model):
    """TD(0) on batches of random trajectories; the twin averages `size` learners in each replica."""

    slug: ClassVar[str] = "rl-overfitting/td"
    title: ClassVar[str] = "Temporal-difference learning with linear features: value error, plateaus, annealing"
    references: ClassVar[tuple[str, ...]] = REFERENCES
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("value_error", "L", "mean squared error of the value", ("step",)),
        Observable("td_error", "⟨δ²⟩", "mean squared temporal-difference error", ("step",)),
        Observable("value_error_annealed", "L", "value error with rates falling by the root", ("step",)),
        Observable("value_error_mean", "L_mean", "value error of the mean weights, of infinite batches", ("step",)),
        Observable("plateau_by_rate", "L_∞", "value error at which learning ends", ("rate",)),
        Observable("plateau_law_by_rate", "∝η/B", "its law for small rates", ("rate",)),
        Observable("plateau_by_gamma", "L_∞", "value error at which learning ends, at this rate", ("discount",)),
        Observable("plateau", "L_∞", "value error at which learning at the constant rate ends", ()),
        Observable("plateau_law", "L_law", "its law for small rates, proportional to rate over batch", ()),
        Observable("largest_learning_rate", "η_c", "rate from which the value error grows without bound", ()),
        Observable("mean_learning_rate", "2/A_1", "rate from which the mean weights do", ()),
        Observable("value_error", "L", "value error").final(),
        Observable("td_error", "⟨δ²⟩", "mean squared temporal-difference error").final(),
        Observable("reward_variance", "⟨r²⟩", "variance of the reward", ()),
    )
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel("value_error", log="xy", guides=(
            Guide("plateau"), Guide("value_error_annealed", label="annealed"),
            Guide("value_error_mean", label="no noise"),
        )),
        Panel("td_error", log="x"),
        Panel("plateau_by_rate", log="xy", guides=(Guide("plateau_law_by_rate"),), title="plateau against rate"),
        Panel("plateau_by_gamma", log="y", title="plateau against discount, at this rate"),
    )  # fmt: skip
    method: ClassVar[type[ClosedForm]] = ClosedForm
    sizes: ClassVar[tuple[int, ...]] = (8,)
    size_means: ClassVar[str] = "learners that each replica averages"

    features: int = declare(60, "N", "features", bounds="[1, 1e7]")
    gamma: float = declare(0.8, "γ", "discount", bounds="[0, 1)")
    learning_rate: float = declare(1.5, "η", "learning rate at the start", bounds="(0, 1e9]")
    batch: int = declare(2, "B", "trajectories of a step", bounds="[1, 1e6]")
    horizon: int = declare(10, "T", "transitions of a trajectory", bounds="[1, 10000]")
    annealing: float = declare(0.0, "β", "power by which the rate falls; 0: constant", bounds="[0, 1]")
    annealing_steps: float = declare(100.0, "n_0", "steps after which it begins to fall", bounds="(0, 1e9]")
    spectrum_decay: float = declare(1.0, "b", "variance of feature k falls as k^−b", bounds="[0, 10]")
    reward_decay: float = declare(1.5, "d", "its part of the variance of the reward falls as k^−d", bounds="[0, 10]")
    correlation_time: float = declare(5.0, "τ", "steps over which the first feature decays", bounds="(0, 1e6]")
    correlation_decay: float = declare(0.5, "c", "correlation time of feature k falls as k^−c", bounds="[0, 10]")
    unexplained: float = declare(0.0, "σ²", "variance of the reward that no feature explains", bounds="[0, 1e6]")
    steps: int = declare(1000, "n", "steps", bounds="[1, 1e8]")

    def check(self) -> None:
        if self.correlation_time * self.features ** (-self.correlation_decay) < 1e-300:
            raise ParameterError("correlation_decay is too large for so many features: give a smaller one")

    @property
    def process(self) -> Process:
        """Features, value function and reward."""
        return self.process_of(self.gamma)

    def process_of(self, gamma: float) -> Process:
        """The same with another discount."""
        k = np.arange(1.0, self.features + 1.0)
        variance, power = k**-self.spectrum_decay, k**-self.reward_decay
        variance, power = variance / variance.sum(), power / power.sum()
        memory = np.exp(-(k**self.correlation_decay) / self.correlation_time)
        reward = np.sqrt(power / variance)
        slow = float(np.exp(-1.0 / self.correlation_time))
        return Process(variance, memory, reward / (1.0 - gamma * memory), gamma, self.unexplained, slow, self.horizon)

    @property
    def at(self) -> Array:
        """Reported steps."""
        return np.unique(np.append(0, np.geomspace(1.0, self.steps, POINTS).round().astype(np.int64)))

    def rate(self, step: float, annealing: float | None = None) -> float:
        """η of a step."""
        power = self.annealing if annealing is None else annealing
        return float(self.learning_rate * (1.0 + step / self.annealing_steps) ** -power)

    def estimate(self, method: ClosedForm) -> dict[str, float]:
        numbers = float(self.features) * self.horizon
        # bisections of the largest rate and the curve over γ solve for all features and lags
        solves = 1e-9 * numbers * (80.0 * self.horizon + 20.0 * len(GAMMAS))
        return {"memory": 8.0 * 16.0 * numbers, "seconds": 0.1 + solves + 2.0 * self.steps * (4e-5 + 3e-9 * numbers)}

    def solve(self, method: ClosedForm, progress: Progress) -> Solution:
        """Moments step by step, and where they end; exact at every number of features."""
        check_memory(self.estimate(method)["memory"], "try fewer --features or a smaller --horizon")
        with single_threaded_blas():
            moments = Moments.of(self.process)
            limit = moments.largest_rate(self.batch)
            found, status = self.learn(moments, self.annealing, progress)
            values: dict[str, Any] = dict(found)
            if status.code != INTERRUPTED:
                guide, _ = self.learn(moments, ROOT, progress)
                kept = len(values["value_error"])
                if len(guide["value_error"]) >= kept:
                    values["value_error_annealed"] = guide["value_error"][:kept]
                values |= self.plateaus(moments, limit)
        values |= {
            "largest_learning_rate": limit,
            "mean_learning_rate": 2.0 / float(moments.curvature.max()),
            "reward_variance": 1.0 + self.unexplained,
        }
        if status.success and not self.annealing and self.learning_rate >= limit:
            words = (
                f"learning_rate = {self.learning_rate:g} is not below {limit:.4g}: the value error grows without bound"
            )
            status = Status(DIVERGED, f"{words}; the data of all steps are kept; try a smaller --learning-rate")
        curves = self.exact_curves(values)
        curves |= self.finals(curves)
        axes = self.coordinates(len(values["value_error"]), limit)
        return Solution(curves, axes, status, 0, method.as_dict())

    def learn(self, moments: Moments, annealing: float, progress: Progress) -> tuple[dict[str, Array], Status]:
        """Value error, its part from the mean, and squared error of the differences at the reported steps."""
        process, at = self.process, self.at
        lam, rows = process.variance, []
        mean = -process.value
        square, done = process.value**2, 0
        status = Status(CONVERGED, f"moments of {self.steps} steps, exact")
        progress.start("moments", float(self.steps))
        try:
            for step in at:
                while done < step:
                    mean, square = moments.step(mean, square, self.rate(done, annealing), self.batch)
                    done += 1
                    if done % 64 == 0:
                        progress.update(64.0)
                        if not float(lam @ square) < LARGEST:
                            break
                error = float(lam @ square)
                if not error < LARGEST:
                    words = f"the value error left the range of numbers before step {step}"
                    status = Status(DIVERGED, f"{words}: the data up to there are kept; try a smaller --learning-rate")
                    break
                rows.append((error, float(moments.correlation(mean, square)[0]), float(lam @ mean**2)))
        except KeyboardInterrupt:
            status = Status(INTERRUPTED, f"interrupted after {done} of {self.steps} steps; run again for the rest")
        finally:
            progress.finish()
        names = ("value_error", "td_error", "value_error_mean")
        return dict(zip(names, np.array(rows).reshape(len(rows), 3).T, strict=True)), status

    def plateau_of(self, moments: Moments, rate: float) -> float:
        """L_∞ at a constant rate; infinite where there is none."""
        square = moments.stationary(rate, self.batch)
        stable = square is not None and moments.stationary(rate, self.batch, unit=True) is not None
        return float(self.process.variance @ square) if square is not None and stable else float("inf")

    def plateaus(self, moments: Moments, limit: float) -> dict[str, Any]:
        """Where learning ends, against rate and discount, with the law of small rates."""
        law = float(self.process.variance @ moments.small_rate(self.batch))
        by_gamma = [self.plateau_of(Moments.of(self.process_of(gamma)), self.learning_rate) for gamma in GAMMAS]
        return {
            "plateau": self.plateau_of(moments, self.learning_rate),
            "plateau_law": law * self.learning_rate,
            "plateau_by_rate": [self.plateau_of(moments, rate) for rate in limit * PARTS],
            "plateau_law_by_rate": law * limit * PARTS,
            "plateau_by_gamma": by_gamma,
        }

    def coordinates(self, kept: int, limit: float) -> dict[str, Coordinate]:
        """The axes."""
        return {
            "step": Coordinate("step", self.at[:kept], "n", "steps"),
            "rate": Coordinate("rate", limit * PARTS, "η", "learning rate"),
            "discount": Coordinate("discount", GAMMAS, "γ", "discount"),
        }

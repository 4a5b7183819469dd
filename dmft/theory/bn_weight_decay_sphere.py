"""Training on the sphere at a fixed effective learning rate: convergence, chaotic balance, random walk.

F = Σ a_i sin²φ_i of groups of two weights with Σ ρ_i² = 1. Equation numbers: docs/theory/bn_weight_decay_sphere.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..parameters import Declared, declare
from ..results.curve import Coordinate, Observable
from ..results.picture import Guide, Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.statistics import Moments
from ..results.status import Status, worst
from ..solvers.map.scaled import from_log
from ..solvers.memory import check_memory
from .base import Model
from .lists import is_sequence, joined, numbers
from .registry import register
from .scale_invariant import REFERENCES

Array = np.ndarray
AXIS = ("elr",)
#: Effective learning rates of the phase diagram, in units of the threshold 1/A.
RATES = np.concatenate([[0.5, 0.8, 0.95, 0.98], np.geomspace(1.015, 20.0, 24), [100.0, 700.0]])


@dataclass(frozen=True)
class SphereMap(Declared):
    """Random starts of the map."""

    members: int = declare(16, "", "random starts at each effective learning rate", bounds="[2, 1e6]")
    seed: int = declare(0, "seed", "seed of the starts", bounds="[0, inf)")


@register
@dataclass(frozen=True)
class BNWeightDecaySphere(Model):
    """Projected gradient descent; averages over the second half of the steps."""

    slug: ClassVar[str] = "bn-weight-decay/sphere"
    title: ClassVar[str] = "Scale-invariant training on the sphere: three regimes of the effective learning rate"
    references: ClassVar[tuple[str, ...]] = REFERENCES
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("loss_by_elr", "⟨F⟩", "mean loss", AXIS),
        Observable("loss_law", "F_law", "law just above the threshold", AXIS),
        Observable("group_norm_sq", "ρ_i²", "squared norm of a group", ("group",)),
        Observable("group_norm_sq_law", "a_i/A", "its law just above the threshold", ("group",)),
        Observable("mean_loss", "⟨F⟩", "mean loss at this effective learning rate", ()),
        Observable("mean_loss_law", "F_law", "its law just above the threshold", ()),
        Observable("loss_random", "A/2", "mean loss of a random walk", ()),
        Observable("elr_threshold", "1/A", "largest effective learning rate that converges", ()),
    )
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel("loss_by_elr", log="x", guides=(Guide("loss_law", label="$(A-1/e)/2$"), Guide("loss_random"))),
        Panel("group_norm_sq", log="", guides=(Guide("group_norm_sq_law"),)),
    )
    method: ClassVar[type[SphereMap]] = SphereMap
    sizes: ClassVar[tuple[int, ...]] = (2,)
    size_means: ClassVar[str] = "no effect: there are two weights for each height"

    elr: float = declare(0.15, "e", "effective learning rate", bounds="(0, inf)")
    curvature: str = declare("1,2,4", "a", "heights a_i of the groups, separated by commas", custom=is_sequence)
    steps: int = declare(4000, "T", "number of steps; the first half is left out", bounds="[2, 1e9]")

    def check(self) -> None:
        object.__setattr__(self, "curvature", joined(self.curvature))
        self.heights  # noqa: B018 — refuses what are no heights

    @property
    def heights(self) -> Array:
        """a_i.

        Raises
        ------
        ParameterError
        """
        return numbers(
            "curvature",
            self.curvature,
            "up to 64 numbers above 0, e.g. 1,2,4",
            good=lambda values: len(values) <= 64 and bool(np.all(values > 0.0)),
        )

    def law(self, elr: Array) -> Array:
        """Mean loss at and just above the threshold 1/A: eq. (2)."""
        return np.maximum(0.0, 0.5 * (self.heights.sum() - 1.0 / elr))

    @property
    def rates(self) -> Array:
        """Effective learning rates of the phase diagram."""
        return RATES / self.heights.sum()

    def estimate(self, method: SphereMap) -> dict[str, float]:
        count, groups = method.members * (len(RATES) + 1.0), len(self.heights)
        return {"memory": 8.0 * count * 30.0 * groups, "seconds": 0.1 + 1e-8 * count * groups * self.steps}

    def starts(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Angles and squared norms of the groups, (n,) each: a Gaussian vector on the sphere."""
        x, y = rng.standard_normal((2, len(self.heights)))
        square = x**2 + y**2
        return np.arctan2(np.abs(y), np.abs(x)), square / square.sum()

    def solve(self, method: SphereMap, progress: Progress) -> Solution:
        """The map from random starts at all effective learning rates, with its laws."""
        from ..solvers.map.solve import iterate
        from .kernels.sphere import sphere

        check_memory(self.estimate(method)["memory"], "try fewer --members")
        heights, rates = self.heights, np.append(self.rates, self.elr)
        states, numbers = [], []
        for member in range(method.members):
            rng = np.random.default_rng(np.random.SeedSequence(method.seed, spawn_key=(member,)))
            angle, square = self.starts(rng)
            m, e = from_log(2.0 * np.log(np.tan(angle)))
            state = np.append(np.stack([m, e, square], axis=1).ravel(), 0.0)
            states += [state] * len(rates)
            numbers += [np.append(rate, heights) for rate in rates]
        half = self.steps // 2
        first = iterate(sphere, states, half, parameters=numbers, progress=progress)
        middle = np.where(np.isfinite(first.y_end), first.y_end, 0.0)
        middle[:, -1] = 0.0
        last = iterate(sphere, middle, self.steps - half, parameters=numbers, progress=progress)
        loss = (last.y_end[:, -1] / (self.steps - half)).reshape(method.members, len(rates))
        norms = last.y_end[:, 2:-1:3].reshape(method.members, len(rates), -1)[:, -1]
        moments = Moments()
        for row, group in zip(loss, norms, strict=True):
            moments.add({"loss_by_elr": row[:-1], "mean_loss": row[-1], "group_norm_sq": group})
        curves = self.mean_curves(moments)
        values: dict[str, Any] = {"loss_law": self.law(self.rates), **self.laws()}
        curves |= self.exact_curves(values)
        status = worst(first.status, last.status)
        return Solution(curves, self.coordinates(), self.told(status), moments.count, method.as_dict())

    def laws(self) -> dict[str, Any]:
        """Closed forms at this effective learning rate."""
        total = float(self.heights.sum())
        return {
            "mean_loss_law": float(self.law(np.array(self.elr))),
            "group_norm_sq_law": self.heights / total,
            "loss_random": 0.5 * total,
            "elr_threshold": 1.0 / total,
        }

    def told(self, status: Status) -> Status:
        """The status, with the regime."""
        if not status.success:
            return status
        threshold = 1.0 / float(self.heights.sum())
        regime = "converges" if self.elr < threshold else "does not converge: chaotic balance"
        return Status(status.code, f"{self.steps} steps; at elr = {self.elr:g}, threshold {threshold:.4g}, F {regime}")

    def coordinates(self) -> dict[str, Coordinate]:
        """The axes of theory and simulation alike."""
        return {
            "elr": Coordinate("elr", self.rates, "e", "effective learning rate"),
            "group": Coordinate("group", np.arange(len(self.heights)), "i", "group of weights"),
        }

"""When scale-invariant weights are thrown off: bounds on the time of the first jump of the direction.

Gradients across the weights with l ≤ ‖g̃‖ ≤ L; a δ-jump is a step with 1 − cos∠(w, w') > δ. Equation numbers are
those of docs/theory/bn_weight_decay_jumps.rst.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from ..errors import ParameterError
from ..parameters import Declared, declare
from ..results.curve import Coordinate, Curve, Observable
from ..results.picture import Guide, Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.statistics import Moments, two_sigma_factor
from ..results.status import CONVERGED, INTERRUPTED, NOT_CONVERGED, Status
from ..solvers.memory import check_memory
from .base import Model
from .registry import register
from .scale_invariant import REFERENCES, check_decay, cosine, next_norm

Array = np.ndarray
BATCHES = 16
CURVES = ("norm", "jump_probability")


@dataclass(frozen=True)
class KinematicSampling(Declared):
    """Random norms of the gradient in the exact kinematics; the distribution of jumps has standard errors."""

    paths: int = declare(4096, "", "random paths, in 16 batches", bounds="[32, 1e8]")
    seed: int = declare(0, "seed", "seed of the gradients", bounds="[0, inf)")


@register
@dataclass(frozen=True)
class BNWeightDecayJumps(Model):
    """First δ-jump; the norm of the effective gradient is uniform between its bounds."""

    slug: ClassVar[str] = "bn-weight-decay/jumps"
    title: ClassVar[str] = "Bounds on the time of the first jump under weight decay"
    references: ClassVar[tuple[str, ...]] = REFERENCES
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("norm", "ρ", "norm of the weights", ("step",)),
        Observable("jump_probability", "P", "part of the runs that have jumped up to here", ("step",)),
        Observable("certain", "P_max", "bound: no jump before t_min, a jump before t_max", ("step",)),
        Observable("norm_decay", "k^tρ_0", "norm without gradient", ("step",)),
        Observable("t_min", "t_min", "no jump before", (), "step"),
        Observable("t_max", "t_max", "a jump before, infinite if none is guaranteed", (), "step"),
        Observable("threshold_high", "u_L", "ρ² below which the largest gradient makes a jump", ()),
        Observable("threshold_low", "u_l", "ρ² below which the smallest gradient makes a jump", ()),
        Observable("norm_sq_star", "u*", "upper bound of ρ² without a jump at long times", ()),
        Observable("first_jump_mean", "⟨t_δ⟩", "mean time of the first jump", (), "step"),
        Observable("first_jump_min", "min t_δ", "earliest first jump", (), "step"),
        Observable("first_jump_max", "max t_δ", "latest first jump", (), "step"),
    )
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel("jump_probability", guides=(Guide("certain", label="bounds"),), log=""),
        Panel("norm", guides=(Guide("norm_decay", label="without gradient"),), log="y"),
    )
    method: ClassVar[type[KinematicSampling]] = KinematicSampling
    sizes: ClassVar[tuple[int, ...]] = (10, 100)

    eta: float = declare(0.1, "η", "learning rate", bounds="(0, inf)")
    weight_decay: float = declare(0.1, "λ", "weight decay", bounds="(0, inf)")
    delta: float = declare(1e-3, "δ", "a jump has 1 − cos∠ above it", bounds="(0, 1)")
    grad_min: float = declare(0.9, "l", "smallest norm of the effective gradient", bounds="(0, inf)")
    grad_max: float = declare(1.1, "L", "largest norm of the effective gradient", bounds="(0, inf)")
    rho0: float = declare(5.0**0.5, "ρ_0", "norm of the weights at the start", bounds="(0, inf)")
    steps: int = declare(100, "T", "number of steps", bounds="[1, 1e7]")

    def check(self) -> None:
        check_decay(self.eta, self.weight_decay)
        if self.grad_max < self.grad_min:
            raise ParameterError(
                f"grad_max = {self.grad_max:g} is below grad_min = {self.grad_min:g}: give 0 < grad_min <= grad_max"
            )

    @property
    def k(self) -> float:
        """What a step of decay leaves of the weights."""
        return 1.0 - self.eta * self.weight_decay

    def bounds(self) -> dict[str, float]:
        """Bounds on the first jump and their thresholds: eq. (2) and (3)."""
        k, eta = self.k, self.eta
        tau = np.sqrt(2.0 * self.delta - self.delta**2) / (1.0 - self.delta)
        high, low = eta * self.grad_max / (k * tau), eta * self.grad_min / (k * tau)
        star = np.sqrt((k * eta * self.grad_max) ** 2 * (2.0 + tau**2) / (1.0 - k**4))
        u0 = self.rho0**2
        first = max(0.0, np.log(u0 / high) / (-2.0 * np.log(k)))
        last = np.inf
        if star < low:
            last = max(0.0, np.log((u0**2 - star**2) / (low**2 - star**2)) / (-4.0 * np.log(k))) if u0 > low else 0.0
        return {"t_min": first, "t_max": last, "threshold_high": high, "threshold_low": low, "norm_sq_star": star}

    def estimate(self, method: KinematicSampling) -> dict[str, float]:
        numbers = method.paths / BATCHES * 6.0 + self.steps * 40.0
        return {"memory": 8.0 * numbers, "seconds": 0.02 + 4e-8 * method.paths * self.steps}

    def solve(self, method: KinematicSampling, progress: Progress) -> Solution:
        """Bounds in closed form; the distribution from random norms in the kinematics."""
        check_memory(self.estimate(method)["memory"], "try fewer --paths")
        moments, first = Moments(), []
        status = Status(CONVERGED, f"bounds exact; distribution from {method.paths} random paths")
        progress.start("jumps", float(BATCHES))
        try:
            for index in range(BATCHES):
                rng = np.random.default_rng(np.random.SeedSequence(method.seed, spawn_key=(index,)))
                sample, jumps = self._batch(method.paths // BATCHES, rng)
                moments.add(sample)
                first.append(jumps)
                progress.update(1.0)
        except KeyboardInterrupt:
            status = Status(INTERRUPTED, f"interrupted after {len(first)} of {BATCHES} batches; run again for the rest")
        finally:
            progress.finish()
        curves = self.mean_curves(moments)
        if moments.count > 1:
            curves["jump_probability"] = self.succession(curves["jump_probability"], moments.count, method)
        bounds = self.bounds()
        steps = np.arange(self.steps + 1)
        certain = np.where(steps < bounds["t_min"], 0.0, np.where(steps > bounds["t_max"], 1.0, np.nan))
        values: dict[str, Any] = {"certain": certain, "norm_decay": self.rho0 * self.k**steps, **bounds}
        if first:
            values |= self.jump_scalars(np.concatenate(first))
            status = self.told(status, np.concatenate(first))
        curves |= self.exact_curves(values)
        return Solution(curves, self.coordinates(), status, moments.count, method.as_dict())

    def succession(self, curve: Curve, batches: int, method: KinematicSampling) -> Curve:
        """Where all paths agree though the bounds allow both: the error of one more path that does not."""
        paths, steps, bounds = batches * (method.paths // BATCHES), np.arange(len(curve.values)), self.bounds()
        # round-off may move a jump by a step against the bounds
        free = (steps >= np.floor(bounds["t_min"])) & (steps <= bounds["t_max"] + 1.0)
        least = two_sigma_factor(batches) * np.sqrt(1.0 / (paths + 2.0) / paths)
        error = np.asarray(curve.stderr)
        return replace(curve, stderr=np.where(free, np.maximum(error, least), error))

    def _batch(self, count: int, rng: np.random.Generator) -> tuple[dict[str, Array], Array]:
        """Means over paths of the kinematics, and their first jumps (infinite where there is none)."""
        norm, first = np.full(count, self.rho0), np.full(count, np.inf)
        means = {name: np.empty(self.steps + 1) for name in CURVES}
        for now in range(self.steps + 1):
            gradient = rng.uniform(self.grad_min, self.grad_max, count)
            jump = 1.0 - cosine(norm, gradient, self.eta, self.k) > self.delta
            first = np.minimum(first, np.where(jump, now, np.inf))
            means["norm"][now] = norm.mean()
            means["jump_probability"][now] = np.isfinite(first).mean()
            norm = next_norm(norm, gradient, self.eta, self.k)
        return means, first

    def jump_scalars(self, first: Array) -> dict[str, float]:
        """Earliest, mean and latest first jump; infinite if a run has none."""
        with np.errstate(invalid="ignore"):
            return {"first_jump_mean": first.mean(), "first_jump_min": first.min(), "first_jump_max": first.max()}

    def told(self, status: Status, first: Array) -> Status:
        """The status, given when runs jumped."""
        missing = int(np.isinf(first).sum())
        if not missing or not status.success:
            return status
        last = self.bounds()["t_max"]
        advice = f"give --steps {int(last) + 2}" if np.isfinite(last) else "no jump is guaranteed for these parameters"
        return Status(NOT_CONVERGED, f"{missing} of {len(first)} runs have no jump in {self.steps} steps: {advice}")

    def coordinates(self) -> dict[str, Coordinate]:
        """The axis of theory and simulation alike."""
        return {"step": Coordinate("step", np.arange(self.steps + 1.0), "t", "step")}

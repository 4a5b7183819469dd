"""Equilibrium of scale-invariant weights: random tangential gradients against weight decay, with momentum.

Exact for infinitely many weights. Equation numbers are those of docs/theory/bn_weight_decay_equilibrium.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..parameters import declare
from ..results.curve import Coordinate, Observable
from ..results.picture import Guide, Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..solvers.closed_form import ClosedForm
from ..solvers.memory import check_memory
from .base import Model
from .registry import register
from .scale_invariant import REFERENCES, check_decay

Array = np.ndarray
#: Steps that are recorded, at most.
RECORDED = 500
CURVES = ("norm", "elr", "angle")


@register
@dataclass(frozen=True)
class BNWeightDecayEquilibrium(Model):
    """Heavy ball v ← αv + g + λw, w ← w − ηv with random g ⟂ w, E‖ρg‖² = G; its twin has `size` weights."""

    slug: ClassVar[str] = "bn-weight-decay/equilibrium"
    title: ClassVar[str] = "Equilibrium of scale-invariant weights under weight decay and momentum"
    references: ClassVar[tuple[str, ...]] = REFERENCES
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("norm", "ρ", "norm of the weights", ("step",)),
        Observable("elr", "η̃", "effective learning rate", ("step",)),
        Observable("angle", "∠(w,w')", "angle of a step", ("step",), "rad"),
        Observable("norm_law", "ρ", "relaxation of the fourth power of the norm", ("step",)),
        Observable("norm_star", "ρ*", "norm in equilibrium", ()),
        Observable("elr_star", "η̃*", "effective learning rate in equilibrium", ()),
        Observable("angle_star", "∠*", "angle of a step in equilibrium, small ηλ", (), "rad"),
        *(
            Observable(f"final_{name}", symbol, f"{name} at the end", ())
            for name, symbol in zip(CURVES, ("ρ", "η̃", "∠(w,w')"), strict=True)
        ),
    )
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel("norm", guides=(Guide("norm_star"), Guide("norm_law", label="relaxation"))),
        Panel("elr", log="y", guides=(Guide("elr_star"),)),
        Panel("angle", log="y", guides=(Guide("angle_star"),)),
    )
    method: ClassVar[type[ClosedForm]] = ClosedForm

    eta: float = declare(0.1, "η", "learning rate", bounds="(0, inf)")
    weight_decay: float = declare(0.01, "λ", "weight decay", bounds="(0, inf)")
    momentum: float = declare(0.0, "α", "momentum of the heavy ball", bounds="[0, 1)")
    grad_sq: float = declare(1.0, "G", "mean square of the effective gradient", bounds="(0, inf)")
    rho0: float = declare(1.0, "ρ_0", "norm of the weights at the start", bounds="(0, inf)")
    steps: int = declare(1500, "T", "number of steps", bounds="[1, 1e9]")

    def check(self) -> None:
        check_decay(self.eta, self.weight_decay)

    @property
    def recorded_steps(self) -> Array:
        """Evenly spaced steps that are reported."""
        return np.arange(0, self.steps + 1, -(-self.steps // RECORDED))

    @property
    def fixed_point(self) -> float:
        """ρ*, eq. (2): exact also for large ηλ."""
        product = self.eta * self.weight_decay
        shrink = self.weight_decay * (1.0 - self.momentum) * (2.0 - product / (1.0 + self.momentum))
        return float((self.grad_sq * self.eta / shrink) ** 0.25)

    @property
    def step_angle(self) -> float:
        """Angle of a step in equilibrium, to first order in √(ηλ): eq. (3)."""
        return float(np.sqrt(2.0 * self.eta * self.weight_decay / (1.0 + self.momentum)))

    def angles(self, moments: Array) -> Array:
        """∠(w, w') from moments (T, 3) before the step, in exact arithmetic."""
        ww, wv, vv = moments.T
        lam, alpha = self.weight_decay, self.momentum
        overlap = alpha * wv + lam * ww
        square = alpha**2 * vv + 2.0 * alpha * lam * wv + lam**2 * ww + self.grad_sq / ww
        # tangent = part of the step across w over the part along it
        across = self.eta * np.sqrt(np.maximum(square - overlap**2 / ww, 0.0))
        return np.arctan2(across, (ww - self.eta * overlap) / np.sqrt(ww))

    def estimate(self, method: ClosedForm) -> dict[str, float]:
        return {"memory": 8.0 * len(self.recorded_steps) * 20.0, "seconds": 0.05 + 1e-7 * self.steps}

    def solve(self, method: ClosedForm, progress: Progress) -> Solution:
        """The map of moments; exact, no standard errors."""
        from ..solvers.map.solve import iterate
        from .kernels.moments import moments

        check_memory(self.estimate(method)["memory"], "try fewer --steps")
        numbers = (self.eta, self.weight_decay, self.momentum, self.grad_sq)
        at = self.recorded_steps
        orbit = iterate(moments, [self.rho0**2, 0.0, 0.0], self.steps, parameters=[numbers], at=at, progress=progress)
        alive = np.isfinite(orbit.y[0]).all(axis=1)
        path = orbit.y[0][: len(alive) if alive.all() else int(np.argmin(alive))]
        norm, star = np.sqrt(path[:, 0]), self.fixed_point
        rate = 4.0 * self.eta * self.weight_decay / (1.0 - self.momentum)
        law = star**4 + (self.rho0**4 - star**4) * np.exp(-rate * at[: len(path)])
        values: dict[str, Any] = {
            "norm": norm,
            "elr": self.eta / norm**2,
            "angle": self.angles(path),
            "norm_law": law**0.25,
            "norm_star": star,
            "elr_star": self.eta / star**2,
            "angle_star": self.step_angle,
        }
        curves = self.exact_curves(values)
        curves |= self.finals(curves)
        return Solution(curves, self.coordinates(len(path)), orbit.status, 0, method.as_dict())

    def coordinates(self, kept: int) -> dict[str, Coordinate]:
        """The axis of theory and simulation alike."""
        return {"step": Coordinate("step", self.recorded_steps[:kept].astype(float), "t", "step")}

"""Learning dynamics of one normalised unit: online SGD of a student on a teacher, in three order parameters.

Batch normalisation acts like normalisation by the population with a decay of the gain. Equation numbers are those of
docs/theory/bn_regularization.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..parameters import Declared, declare
from ..results.curve import Coordinate, Curve, Observable
from ..results.picture import Guide, Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import CONVERGED, DIVERGED, INTERRUPTED, Status
from .base import Model
from .batch_statistics import ACTIVATIONS, REFERENCES, check_batch, zeta
from .registry import register

Array = np.ndarray
#: Intervals between reported times.
POINTS = 100
CURVES = ("gamma", "overlap", "norm", "test_error")
OPTIMISERS = ("bn", "wn", "wn-decay", "vanilla")
PENALTIES = {"half": 1.0, "literal": 2.0}


@dataclass(frozen=True)
class OnlineFlow(Declared):
    """Accuracy of the integration."""

    tolerance: float = declare(1e-9, "", "relative tolerance of a step", bounds="[1e-13, 1e-2]")


def test_error(gamma: Array, overlap: Array, activation: str) -> Array:
    """ε of eq. (7), without label noise."""
    if activation == "identity":
        return 0.5 * (1.0 + gamma**2 - 2.0 * gamma * overlap)
    bounded = np.clip(overlap, -1.0, 1.0)
    kernel = (np.sqrt(1.0 - bounded**2) + bounded * (np.pi - np.arccos(bounded))) / (2.0 * np.pi)
    return 0.25 + 0.25 * gamma**2 - gamma * kernel


@register
@dataclass(frozen=True)
class BNRegularization(Model):
    """Online SGD on a teacher; the twin has `size` weights and sees each sample once."""

    slug: ClassVar[str] = "bn-regularization"
    title: ClassVar[str] = "Batch normalisation as regularisation: learning dynamics of one unit"
    references: ClassVar[tuple[str, ...]] = REFERENCES
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("gamma", "γ", "gain"),
        Observable("overlap", "R", "overlap with the teacher"),
        Observable("norm", "L", "norm of the weights over √N"),
        Observable("test_error", "ε", "test error without label noise"),
        *(Observable(f"test_error_{name}", "ε", f"test error of {name.replace('_', ' ')}")
          for name in ("bn", "wn", "wn_decay", "vanilla")),
        Observable("gamma_batch_statistics", "γ_BN", "gain, batches with their own statistics"),
        Observable("test_error_batch_statistics", "ε_BN", "test error, batches with their own statistics"),
        Observable("zeta", "ζ", "strength of the gamma decay", ()),
        Observable("gamma0", "γ_0", "fixed point of the gain", ()),
        Observable("eta_eff", "η_eff", "effective learning rate ηγ₀/L² at the end", ()),
        Observable("eta_max", "η_max", "largest learning rate at which R = 1 is stable, at the start", ()),
        *(Observable(f"final_{name}", symbol, f"{name.replace('_', ' ')} at the end", ())
          for name, symbol in zip(CURVES, ("γ", "R", "L", "ε"), strict=True)),
    )  # fmt: skip
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel(
            "test_error",
            log="y",
            guides=(
                Guide("test_error_wn", label="WN"),
                Guide("test_error_wn_decay", label="WN + gamma decay"),
                Guide("test_error_vanilla", label="vanilla SGD"),
            ),
        ),
        Panel("gamma", guides=(Guide("gamma0"), Guide("gamma_batch_statistics", label="BN, real batches"))),
        Panel("overlap"),
        Panel(
            "test_error_batch_statistics", log="y", guides=(Guide("test_error", label="theory, first order in 1/M"),)
        ),
        Panel("norm"),
    )
    method: ClassVar[type[OnlineFlow]] = OnlineFlow

    optimiser: str = declare("bn", "", "normalisation, and decay of the gain", choices=OPTIMISERS)
    activation: str = declare("identity", "g", "activation of student and teacher", choices=ACTIVATIONS)
    eta: float = declare(0.5, "η", "learning rate", bounds="(0, inf)")
    batch: int = declare(8, "M", "samples of a batch, which set ζ", bounds="[1, 1e6]")
    zeta: float = declare(
        None, "ζ", "strength of the gamma decay [3/4M, 3/8M for ReLU; 0 for wn and vanilla]", kind=float,
        bounds="[0, inf)",
    )  # fmt: skip
    penalty: str = declare("half", "", "half: ζγ²/2, or literal: ζγ² as published", choices=tuple(PENALTIES))
    label_noise: float = declare(0.0, "S", "variance of the label noise", bounds="[0, inf)")
    gamma_init: float = declare(0.5, "γ(0)", "gain at the start", bounds="(0, inf)")
    overlap_init: float = declare(0.0, "R(0)", "overlap at the start", bounds="[-1, 1]")
    norm_init: float = declare(1.0, "L(0)", "norm at the start; that of vanilla SGD is γ(0)", bounds="(0, inf)")
    t_max: float = declare(20.0, "t_max", "time at the end, samples over weights", bounds="(0, 1e6]")

    def check(self) -> None:
        check_batch(self.batch)
        none = self.optimiser in ("wn", "vanilla")
        self.resolve(zeta=0.0 if none else float(zeta(np.array(self.batch), self.activation)))

    def warnings(self) -> tuple[str, ...]:
        if self.zeta and self.optimiser in ("wn", "vanilla"):
            return (f"zeta = {self.zeta:g} has no effect for optimiser {self.optimiser}",)
        return ()

    @property
    def decay(self) -> float:
        """cζ, what acts on the gain."""
        return 0.0 if self.optimiser in ("wn", "vanilla") else PENALTIES[self.penalty] * float(self.zeta)

    @property
    def gamma0(self) -> float:
        """Fixed point of the gain at R = 1: eq. (8)."""
        return 1.0 / (1.0 + self.decay * (1.0 if self.activation == "identity" else 2.0))

    def eta_max(self, norm: float) -> float:
        """Learning rate above which R = 1 is unstable at γ = γ0 and this norm: eq. (9); the same for both g."""
        gamma = self.gamma0
        slope = gamma * (2.0 * gamma - (1.0 - gamma) ** 2 - self.label_noise)
        return 4.0 * norm**2 / slope if slope > 0.0 else float("inf")

    @property
    def times(self) -> Array:
        """Reported times."""
        return self.t_max * np.arange(POINTS + 1) / POINTS

    def estimate(self, method: OnlineFlow) -> dict[str, float]:
        return {"memory": 1e6, "seconds": 0.05}

    def solve(self, method: OnlineFlow, progress: Progress) -> Solution:
        """The flow of this optimiser, and those of the others for the figure; error below the tolerance of steps."""
        from ..solvers.flow.solve import integrate
        from .kernels.bn_regularization import online

        relu, c = float(self.activation == "relu"), PENALTIES[self.penalty]
        from_batch = c * float(zeta(np.array(self.batch), self.activation))
        others = {
            "test_error_bn": (from_batch, 0.0),
            "test_error_wn": (0.0, 0.0),
            "test_error_wn_decay": (c * float(self.zeta) or from_batch, 0.0),
            "test_error_vanilla": (0.0, 1.0),
        }
        members = [(self.decay, float(self.optimiser == "vanilla")), *others.values()]
        rows = [(self.eta, decay, self.label_noise, relu, plain) for decay, plain in members]
        starts = [
            (self.gamma_init, self.overlap_init, self.gamma_init if plain else self.norm_init) for _, plain in members
        ]
        flows = integrate(
            online, (0.0, self.t_max), starts, parameters=rows, t_eval=self.times, rtol=method.tolerance,
            atol=1e-3 * method.tolerance, progress=progress,
        )  # fmt: skip
        kept = int(flows.saved[0])
        gamma, overlap, norm = flows.y[0, :kept].T
        values = {"gamma": gamma, "overlap": overlap, "norm": norm}
        values["test_error"] = test_error(gamma, overlap, self.activation)
        for row, name in enumerate(others, start=1):
            if int(flows.saved[row]) >= kept:
                values[name] = test_error(flows.y[row, :kept, 0], flows.y[row, :kept, 1], self.activation)
        curves = self.exact_curves(values)
        curves |= self.scalars(curves)
        facts: dict[str, Any] = {"evaluations": int(flows.nfev[0])}
        return Solution(curves, self.coordinates(kept), self.told(kept, flows), 0, method.as_dict(), facts)

    def told(self, kept: int, flows: Any) -> Status:
        """The status for this number of reported times."""
        if kept == POINTS + 1:
            return Status(CONVERGED, f"flow integrated to t = {self.t_max:g}")
        reached = f"t = {float(flows.t_end[0]):.4g}"
        if int(flows.status[0]) == -4:
            return Status(INTERRUPTED, f"interrupted at {reached}; run again for the rest")
        return Status(
            DIVERGED,
            f"the flow left the range of numbers at {reached}: the data up to there are kept; try a smaller --eta",
        )

    def scalars(self, curves: dict[str, Curve]) -> dict[str, Curve]:
        """Closed forms and last values of theory or simulation."""
        last = float(curves["norm"].values[-1]) if len(curves["norm"].values) else float("nan")
        start = self.gamma_init if self.optimiser == "vanilla" else self.norm_init
        values = {
            "zeta": 0.0 if self.decay == 0.0 else float(self.zeta),
            "gamma0": self.gamma0,
            "eta_eff": self.eta * self.gamma0 / last**2,
            "eta_max": self.eta_max(start),
        }
        made = self.exact_curves(values)
        return made | self.finals(curves)

    def coordinates(self, kept: int) -> dict[str, Coordinate]:
        """The axis of theory and simulation alike."""
        return {"t": Coordinate("t", self.times[:kept], "t", "samples over weights")}

"""Exact benchmark of ``sgd``: square loss on a linear teacher, solved in closed form, no Monte-Carlo.

Labels y = w*·x + noise; the start has variance r0 (0 by default) and no overlap with the teacher. The mean
motion diagonalises over the Marchenko–Pastur law; the sampling noise feeds back through a Volterra sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..parameters import Declared, declare
from ..results.curve import Observable
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import CONVERGED, DIVERGED, Status
from ..solvers.memory import check_memory
from ..solvers.spectrum import MarchenkoPastur
from .base import Model
from .registry import register
from .sgd import OBSERVABLES, REFERENCES, SGD

Array = np.ndarray
CURVES = ("magnetization", "norm", "train_loss", "test_error")
SCALARS = (
    Observable("stationary_train_loss", "ℓ_∞", "training loss at infinite time", ()),
    Observable("noise_gain", "g", "feedback of the sampling noise; the dynamics is stable below 1", ()),
)


@dataclass(frozen=True)
class Spectral(Declared):
    """Quadrature over the spectrum."""

    nodes: int = declare(0, "", "quadrature nodes; 0 = as many as make round-off the largest error", bounds="[0, 1e9]")


@register
@dataclass(frozen=True)
class SGDRidge(Model):
    """SGD for ridge regression; agrees with ``sgd`` for data teacher, r0 as here, and vanilla sampling."""

    slug: ClassVar[str] = "sgd/ridge"
    title: ClassVar[str] = "SGD for ridge regression in closed form: the exact benchmark"
    references: ClassVar[tuple[str, ...]] = REFERENCES
    observables: ClassVar[tuple[Observable, ...]] = (
        *(item for item in OBSERVABLES if item.name in CURVES),
        *(item for item in SGD.observables if item.name in [f"final_{name}" for name in CURVES]),
        *SCALARS,
    )
    method: ClassVar[type[Spectral]] = Spectral

    alpha: float = declare(2.0, "α", "samples per weight P/N", bounds="(0, inf)")
    ridge: float = declare(0.1, "λ", "ridge (weight decay)", bounds="[0, inf)")
    batch_fraction: float = declare(0.3, "b", "mean fraction of samples in a mini-batch", bounds="(0, 1]")
    learning_rate: float = declare(0.2, "η", "learning rate, the step in time", bounds="(0, inf)")
    label_noise: float = declare(0.0, "σ²", "variance of the label noise", bounds="[0, inf)")
    r0: float = declare(0.0, "C(0,0)", "variance of the weights at the start", bounds="[0, inf)")
    steps: int = declare(100, "T", "number of steps", bounds="[1, 1e9]")
    normalisation: str = declare(
        "unit", "", "a sample in the batch counts 1 (unit) or 1/b (inverse)", choices=("unit", "inverse")
    )

    def as_sgd(self) -> SGD:
        """The same problem for the Monte-Carlo solver and the simulation."""
        return SGD(data="teacher", **self.as_dict())

    def estimate(self, method: Spectral) -> dict[str, float]:
        nodes = self._nodes(method)
        return {"memory": 8.0 * nodes * 12, "seconds": 0.01 + 4e-9 * nodes * self.steps + 1e-9 * self.steps**2}

    def solve(self, method: Spectral, progress: Progress) -> Solution:
        """Exact curves; no standard errors."""
        check_memory(self.estimate(method)["memory"], "try fewer --nodes or --steps")
        with np.errstate(over="ignore", invalid="ignore"):
            values, gain, stationary = self._curves(MarchenkoPastur.quadrature(self.alpha, self._nodes(method)))
        good = np.all([np.isfinite(curve) & (np.abs(curve) < 1e100) for curve in values.values()], axis=0)
        kept = self.steps + 1 if good.all() else int(np.argmin(good))
        status = Status(CONVERGED, "closed form, exact to round-off")
        if kept <= self.steps:
            status = Status(
                DIVERGED,
                f"loss or norm left the float range after step {kept - 1}: the data up to there are kept; "
                "try a smaller --learning-rate",
            )
        curves = {name: self.observable(name).curve(curve[:kept]) for name, curve in values.items()}
        curves |= self.finals(curves)
        curves["stationary_train_loss"] = self.observable("stationary_train_loss").curve(np.array(stationary))
        curves["noise_gain"] = self.observable("noise_gain").curve(np.array(gain))
        axes = {name: axis for name, axis in self.as_sgd().coordinates(kept).items() if name in ("t", "step")}
        facts: dict[str, Any] = {"nodes": self._nodes(method)}
        return Solution(curves, axes, status, 0, method.as_dict(), facts)

    def _nodes(self, method: Spectral) -> int:
        # polynomials of degree 2·steps + 2 exactly, and 1/(bx + λ) to round-off unless λ is tiny and α near 1
        return method.nodes or 2 * self.steps + 2048

    def _curves(self, law: MarchenkoPastur) -> tuple[dict[str, Array], float, float]:
        """Curves at steps 0…T, the gain of the Volterra kernel and the stationary loss."""
        eta, lam, s2, alpha = self.learning_rate, self.ridge, self.label_noise, self.alpha
        b = self.batch_fraction
        mean, variance = (b, b * (1.0 - b)) if self.normalisation == "unit" else (1.0, (1.0 - b) / b)
        x = law.nodes
        curvature = mean * x + lam
        a = 1.0 - eta * curvature
        a0 = 1.0 - eta * lam
        steps = self.steps
        overlap, norm, gradient_descent = (np.empty(steps + 1) for _ in range(3))
        kick, drift = np.empty(steps + 1), np.empty(steps + 1)
        power, power0 = np.ones_like(x), np.float64(1.0)  # a^k at the nodes and at eigenvalue 0
        for k in range(steps + 1):
            learned = x * mean * (1.0 - power) / curvature  # x q_k, so u_k = 1 − x q_k
            q = mean * (1.0 - power) / curvature
            overlap[k] = law.mean(learned)
            norm[k] = law.mean(learned**2) + s2 * law.mean(x * q**2) + self.r0 * law.mean(power**2, power0**2)
            gradient_descent[k] = self._mean_loss(law, x, learned, power)
            kick[k] = law.mean(x**2 * power**2)
            drift[k] = law.mean(x * power**2)
            power, power0 = power * a, power0 * a0
        strength = eta**2 * variance
        loss = np.empty(steps + 1)
        for k in range(steps + 1):
            loss[k] = gradient_descent[k] + strength / alpha * (kick[:k][::-1] @ loss[:k])
            norm[k] += strength * (drift[:k][::-1] @ loss[:k])
        norm -= overlap**2
        values = {
            "magnetization": overlap,
            "norm": norm,
            "train_loss": 0.5 * loss,
            "test_error": (1.0 - overlap) ** 2 + norm + s2,
        }
        return values, *self._stationary(law, a, curvature, mean, strength)

    def _mean_loss(self, law: MarchenkoPastur, x: Array, learned: Array, power: Array) -> float:
        """Mean squared residual without sampling noise: signal, label noise and start, each through the spectrum."""
        alpha = self.alpha
        idle = max(0.0, 1.0 - 1.0 / alpha)  # directions of the labels that no weight can reach
        signal = law.mean(x * (1.0 - learned) ** 2) + self.r0 * law.mean(x * power**2)
        return float(signal / alpha + self.label_noise * (idle + law.mean((1.0 - learned) ** 2) / alpha))

    def _stationary(
        self, law: MarchenkoPastur, a: Array, curvature: Array, mean: float, strength: float
    ) -> tuple[float, float]:
        """Gain Σ_k of the Volterra kernel and the loss at infinite time; infinite gain and loss when unstable."""
        if np.any(np.abs(a) >= 1.0):
            return float("inf"), float("inf")
        x = law.nodes
        gain = float(strength / self.alpha * law.mean(x**2 / (1.0 - a**2)))
        loss = self._mean_loss(law, x, x * mean / curvature, np.zeros_like(x))
        return gain, 0.5 * loss / (1.0 - gain) if gain < 1.0 else float("inf")

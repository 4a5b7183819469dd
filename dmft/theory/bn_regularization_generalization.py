"""Generalisation against the load of one unit: batch normalisation, weight normalisation with gamma decay, vanilla.

Closed forms for the identity, replica-symmetric equations by quadrature for ReLU. Equation numbers are those of
docs/theory/bn_regularization_generalization.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ParameterError
from ..parameters import declare
from ..results.curve import Coordinate, Observable
from ..results.picture import Guide, Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import CONVERGED, NOT_CONVERGED, Status
from ..solvers.closed_form import ClosedForm
from .base import Model
from .batch_statistics import ACTIVATIONS, REFERENCES, check_batch, mean_deviation, zeta
from .bn_regularization import PENALTIES, test_error
from .registry import register

Array = np.ndarray
LOADS = np.array([0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 1.1, 1.4, 1.8, 2.4, 3.2, 4.4, 6.0, 8.0])
OPTIMISERS = ("wn-decay", "bn", "vanilla")
#: Ridge of vanilla training with ReLU, where the limit without ridge has no solution near the interpolation threshold.
SMALL_RIDGE = 1e-3


def ridge_error(alpha: float, ridge: float, label_noise: float) -> float:
    """ε of linear regression with ridge, eq. (1), and of its limit without."""
    if ridge == 0.0:
        if alpha == 1.0:
            return float("inf")
        if alpha < 1.0:
            return 0.5 * (1.0 - alpha + label_noise * alpha / (1.0 - alpha))
        return 0.5 * label_noise / (alpha - 1.0)
    half = 0.5 * (ridge + alpha - 1.0)
    root = np.sqrt(half**2 + ridge)
    # 1/g = λ + α/(1 + g), without cancellation for either sign
    g = 1.0 / (half + root) if half > 0.0 else (root - half) / ridge
    g2 = 1.0 / (1.0 / g**2 - alpha / (1.0 + g) ** 2)
    return float(0.5 * (ridge**2 * g2 + label_noise * (g - ridge * g2)))


def scaled_error(alpha: float, scale: float, label_noise: float) -> float:
    """ε of `scale` times least squares (of least norm), eq. (2): what exact batch normalisation learns."""
    if alpha == 1.0:
        return float("inf")
    if alpha > 1.0:
        return 0.5 * ((1.0 - scale) ** 2 + scale**2 * label_noise / (alpha - 1.0))
    noise = scale**2 * label_noise * alpha / (1.0 - alpha)
    return 0.5 * (1.0 - alpha + alpha * (1.0 - scale) ** 2 + noise)


@register
@dataclass(frozen=True)
class BNRegularizationGeneralization(Model):
    """Student and teacher with N weights and P = αN samples; the twin trains at N = `size`."""

    slug: ClassVar[str] = "bn-regularization/generalization"
    title: ClassVar[str] = "Generalisation of one normalised unit against the load"
    references: ClassVar[tuple[str, ...]] = REFERENCES
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("epsilon_gen_by_alpha", "ε_gen", "generalisation error", ("alpha",)),
        Observable("epsilon_gen_wn_decay", "ε_gen", "generalisation error of WN with gamma decay", ("alpha",)),
        Observable("epsilon_gen_bn", "ε_gen", "generalisation error of exact BN", ("alpha",)),
        Observable("epsilon_gen_vanilla", "ε_gen", "generalisation error of vanilla training", ("alpha",)),
        Observable("epsilon_gen", "ε_gen", "generalisation error at this load", ()),
        Observable("ridge", "λ_r", "ridge that the gamma decay amounts to, at this load", ()),
        Observable("zeta", "ζ", "strength of the gamma decay", ()),
        Observable("epsilon_gen_optimal", "ε_min", "generalisation error of the best ridge, at this load", ()),
    )
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel(
            "epsilon_gen_by_alpha",
            log="xy",
            guides=(
                Guide("epsilon_gen_wn_decay", label="WN + gamma decay"),
                Guide("epsilon_gen_vanilla", label="vanilla"),
                Guide("epsilon_gen_bn", label="exact BN"),
            ),
        ),
    )
    method: ClassVar[type[ClosedForm]] = ClosedForm
    sizes: ClassVar[tuple[int, ...]] = (100, 200, 300)

    alpha: float = declare(2.0, "α", "samples per weight P/N", bounds="(0, 1e4]")
    activation: str = declare("identity", "g", "activation of student and teacher", choices=ACTIVATIONS)
    optimiser: str = declare("wn-decay", "", "what is trained; bn: with exact batch statistics", choices=OPTIMISERS)
    batch: int = declare(32, "M", "samples of a batch, which set ζ", bounds="[1, 1e6]")
    zeta: float = declare(None, "ζ", "strength of the gamma decay [3/4M, 3/8M for ReLU]", kind=float, bounds="[0, inf)")
    penalty: str = declare("half", "", "half: ζγ²/2, or literal: ζγ² as published", choices=tuple(PENALTIES))
    label_noise: float = declare(0.25, "S", "variance of the label noise", bounds="[0, inf)")

    def check(self) -> None:
        check_batch(self.batch)
        self.resolve(zeta=float(zeta(np.array(self.batch), self.activation)))
        if self.optimiser == "bn" and self.activation == "relu":
            raise ParameterError(
                "optimiser = 'bn' with activation = 'relu': what exact batch normalisation learns is known for the "
                "identity only; give optimiser wn-decay or vanilla, or activation identity"
            )

    def ridge_of(self, alpha: float, optimiser: str) -> float:
        """λ_r = cαζ of the gamma decay; that of vanilla training is 0, or tiny for ReLU."""
        if optimiser == "wn-decay":
            return PENALTIES[self.penalty] * alpha * float(self.zeta)
        return 0.0 if self.activation == "identity" else SMALL_RIDGE

    def errors(self, loads: Array, optimiser: str) -> tuple[Array, bool]:
        """ε_gen at these loads, and whether all equations were solved; NaN where one was not."""
        if self.activation == "identity":
            if optimiser == "bn":
                scale = float(mean_deviation(np.array(self.batch)))
                return np.array([scaled_error(load, scale, self.label_noise) for load in loads]), True
            ridges = [self.ridge_of(load, optimiser) for load in loads]
            return np.array([ridge_error(a, r, self.label_noise) for a, r in zip(loads, ridges, strict=True)]), True
        from .replica_relu import solve_relu

        errors, start = np.full(len(loads), np.nan), None
        for index in np.argsort(loads)[::-1]:  # from many samples, where the solution is near the teacher
            found = solve_relu(loads[index], max(self.ridge_of(loads[index], optimiser), 1e-9), self.label_noise, start)
            if found.converged:
                start, m = found.point, float(found.point[0])
                gamma = np.sqrt(m**2 + np.exp(found.point[1]))
                errors[index] = test_error(gamma, m / gamma, "relu")
        return errors, bool(np.isfinite(errors).all())

    def estimate(self, method: ClosedForm) -> dict[str, float]:
        return {"memory": 1e7, "seconds": 0.01 if self.activation == "identity" else 4.0}

    def solve(self, method: ClosedForm, progress: Progress) -> Solution:
        """Curves over the load; exact to round-off (identity) or to 1e-9 within the replica-symmetric theory (ReLU)."""
        names = {"wn-decay": "epsilon_gen_wn_decay", "vanilla": "epsilon_gen_vanilla"}
        if self.activation == "identity":
            names["bn"] = "epsilon_gen_bn"
        loads, values, good = np.append(LOADS, self.alpha), {}, True
        for optimiser, name in names.items():
            found, fine = self.errors(loads, optimiser)
            values[name] = found[:-1]
            good &= fine
            if optimiser == self.optimiser:
                values["epsilon_gen_by_alpha"], values["epsilon_gen"] = found[:-1], found[-1]
        values["ridge"] = np.array(self.ridge_of(self.alpha, self.optimiser))
        values["zeta"] = np.array(float(self.zeta))
        if self.activation == "identity":
            values["epsilon_gen_optimal"] = np.array(ridge_error(self.alpha, self.label_noise, self.label_noise))
        curves = self.exact_curves(values)
        status = Status(
            CONVERGED, "closed form" if self.activation == "identity" else "replica-symmetric global minimum, to 1e-9"
        )
        if not good:
            status = Status(
                NOT_CONVERGED,
                "the equations have no solution near the interpolation threshold at some loads, which hold no number: "
                "give a larger --zeta or more --label-noise",
            )
        return Solution(curves, self.coordinates(), status, 0, method.as_dict())

    def coordinates(self) -> dict[str, Coordinate]:
        """The axis of theory and simulation alike."""
        return {"alpha": Coordinate("alpha", LOADS, "α", "samples per weight")}

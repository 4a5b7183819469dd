"""Self-training of a linear classifier on a Gaussian mixture: a supervised round, then rounds on its own labels.

Every round draws a fresh batch, labels it by the weights of the round before and minimises a convex loss with ridge.
Equation numbers are those of docs/theory/self_training.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import ParameterError
from ..parameters import Declared, declare
from ..results.curve import Coordinate, Curve, Observable
from ..results.picture import Guide, Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import CONVERGED, DIVERGED, INTERRUPTED, NOT_CONVERGED, Status
from .base import Model
from .pseudo_label_averages import NODES
from .pseudo_label_rounds import TOLERANCE, solve_round
from .pseudo_labels import LABELS, LOSSES, Round, Weights
from .registry import register

Array = np.ndarray
REFERENCES = (
    "T. Takahashi, The role of pseudo-labels in self-training linear classifiers on high-dimensional Gaussian mixture "
    "data, arXiv:2205.07739",
    "S. Oymak, T. C. Gulcu, Statistical and algorithmic insights for semi-supervised learning with self-training, "
    "arXiv:2006.11006",
    "C. Wei, K. Shen, Y. Chen, T. Ma, Theoretical analysis of self-training with deep networks on unlabeled data, "
    "ICLR 2021, arXiv:2010.03622",
)
ROUND = ("round",)
CURVES = (
    Observable("test_error", "ε", "test error", ROUND),
    Observable("magnetization", "m", "overlap with the direction of the classes", ROUND),
    Observable("norm", "q", "squared norm of the weights over N", ROUND),
    Observable("overlap", "R", "overlap with the weights of the round before", ROUND),
    Observable("susceptibility", "χ", "trace of the inverse Hessian over N", ROUND),
)
#: Squared norms below it end the rounds: labels of such weights would leave the range of numbers.
SMALLEST = 1e-280


@dataclass(frozen=True)
class PiecewiseQuadrature(Declared):
    """Accuracy where there is no closed form: the logistic loss."""

    nodes: int = declare(NODES, "", "nodes in each piece of the averages", bounds="[4, 200]")
    tolerance: float = declare(TOLERANCE, "", "of the fixed point, in logarithms", bounds="[1e-12, 1e-3]")


@register
@dataclass(frozen=True)
class SelfTraining(Model):
    """N weights; αN samples in each round."""

    slug: ClassVar[str] = "self-training"
    title: ClassVar[str] = "Self-training on fresh unlabelled batches: error round by round"
    references: ClassVar[tuple[str, ...]] = REFERENCES
    observables: ClassVar[tuple[Observable, ...]] = (
        *CURVES,
        CURVES[0].final(),
        Observable("supervised_test_error", "ε_0", "test error of the supervised round", ()),
        Observable("bayes_error", "ε_B", "smallest possible test error", ()),
        Observable("gain", "ε_0−ε_end", "test error of the supervised round minus that at the end", ()),
    )
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel(
            "test_error",
            log="",
            guides=(Guide("bayes_error", label="Bayes"), Guide("supervised_test_error", label="supervised")),
        ),
        Panel("magnetization"),
        Panel("norm"),
        Panel("overlap"),
    )
    method: ClassVar[type[PiecewiseQuadrature]] = PiecewiseQuadrature

    alpha_labeled: float = declare(0.5, "α_L", "labelled samples per weight", bounds="(0, 1e12]")
    alpha_unlabeled: float = declare(3.0, "α_U", "unlabelled samples per weight, in each round", bounds="(0, 1e12]")
    lambda_labeled: float = declare(1.0, "λ_L", "ridge of the supervised round", bounds="[0, 1e100]")
    lambda_unlabeled: float = declare(30.0, "λ_U", "ridge of the rounds on pseudo-labels", bounds="[0, 1e100]")
    delta: float = declare(0.8, "Δ", "variance of the noise of the data", bounds="(0, 1e100]")
    rounds: int = declare(5, "T", "rounds on pseudo-labels, after the supervised one", bounds="[1, 1e6]")
    loss: str = declare("square", "ℓ", "½(u − ŷ)², or the cross-entropy ln(1 + e^−ŷu)", choices=LOSSES)
    labels: str = declare(
        "hard", "", "pseudo-labels: the sign of the field s, or its mean label s (square), tanh s/2 (logistic)",
        choices=LABELS,
    )  # fmt: skip

    def check(self) -> None:
        for kind, alpha, ridge in (
            ("labeled", self.alpha_labeled, self.lambda_labeled),
            ("unlabeled", self.alpha_unlabeled, self.lambda_unlabeled),
        ):
            if ridge == 0.0:
                self._check_without_ridge(kind, alpha)

    def _check_without_ridge(self, kind: str, alpha: float) -> None:
        """Raise where the minimum is not unique, or at infinity."""
        given, cure = f"lambda_{kind} = 0 with alpha_{kind} = {alpha:g}", f"give lambda_{kind} > 0, e.g. 0.001"
        if self.loss == "logistic" and kind == "unlabeled" and self.labels == "hard":
            raise ParameterError(
                f"lambda_unlabeled = 0 with loss logistic and labels hard: the weights that make the labels separate "
                f"them, so the minimum is at infinity; {cure}"
            )
        needed = 1.0
        if self.loss == "logistic" and kind == "labeled":
            needed = separable_up_to(self.delta)
        if alpha <= needed:
            why = "the minimum is not unique" if needed == 1.0 else "the classes are separable, the minimum at infinity"
            raise ParameterError(f"{given} is not allowed: {why}; {cure}, or alpha_{kind} above {needed:.4g}")

    def warnings(self) -> tuple[str, ...]:
        if self.lambda_unlabeled == 0.0 and self.labels == "soft":
            return (
                "lambda_unlabeled = 0 with labels soft: the weights fit their own labels exactly and never change; "
                "give --lambda-unlabeled > 0",
            )
        return ()

    def default_sizes(self) -> tuple[int, ...]:
        """As many samples as the square loss, which needs no iteration, sees in seconds; fewer for the logistic."""
        samples = max(1.0, self.alpha_labeled, self.alpha_unlabeled)
        largest = int(np.clip((2e9 if self.loss == "square" else 2e8) / samples, 1.0, None) ** (1.0 / 3.0))
        largest = int(np.clip(largest, 20, 800))
        return tuple(sorted({max(2, largest // 4), max(2, largest // 2), largest}))

    @property
    def bayes_error(self) -> float:
        """Q(1/√Δ)."""
        from scipy.special import ndtr

        return float(ndtr(-1.0 / np.sqrt(self.delta)))

    def task(self, before: Weights | None) -> Round:
        """The supervised round, or that on labels of the weights `before`."""
        alpha, ridge = (
            (self.alpha_labeled, self.lambda_labeled)
            if before is None
            else (self.alpha_unlabeled, self.lambda_unlabeled)
        )
        return Round(alpha, ridge, self.delta, self.loss, self.labels, before)

    def estimate(self, method: PiecewiseQuadrature) -> dict[str, float]:
        each = 2e-4 if self.loss == "square" else 0.1 * (method.nodes / NODES) ** 2
        return {"memory": 1e7 * (method.nodes / NODES) ** 2 + 400.0 * self.rounds, "seconds": each * (self.rounds + 1)}

    def solve(self, method: PiecewiseQuadrature, progress: Progress) -> Solution:
        """Order parameters of every round; the square loss exact to round-off, others to the tolerance."""
        done: list[Weights] = []
        status = None
        progress.start("self-training", float(self.rounds + 1))
        try:
            while len(done) <= self.rounds and status is None:
                found = solve_round(self.task(done[-1] if done else None), method.nodes, method.tolerance)
                status = self._trouble(found, len(done))
                if status is None:
                    done.append(found)
                progress.update(1.0)
        except KeyboardInterrupt:
            status = Status(INTERRUPTED, f"interrupted after {len(done)} of {self.rounds + 1} rounds; run again")
        finally:
            progress.finish()
        if status is None:
            words = (
                "closed form, exact to round-off" if self.loss == "square" else f"fixed points to {method.tolerance:g}"
            )
            status = Status(CONVERGED, f"{self.rounds} rounds after the supervised one: {words}")
        values = {
            "test_error": [w.error(self.delta) for w in done],
            "magnetization": [w.m for w in done],
            "norm": [w.norm for w in done],
            "overlap": [w.overlap for w in done],
            "susceptibility": [w.chi for w in done],
        }
        curves = self.exact_curves(values)
        curves |= self.scalars(curves)
        facts = {"residual": max((w.residual for w in done), default=0.0)}
        return Solution(curves, self.coordinates(len(done)), status, 0, method.as_dict(), facts)

    def _trouble(self, found: Weights, number: int) -> Status | None:
        """Why the rounds must end before this one, if they must."""
        if not found.converged:
            return Status(
                NOT_CONVERGED,
                f"the equations of round {number} could not be solved (error of the fixed point {found.residual:.1g}): "
                "the rounds before are kept; try a larger ridge or more --nodes",
            )
        if not found.norm > SMALLEST or not np.isfinite([found.norm, found.chi]).all():
            return Status(
                DIVERGED,
                f"the weights left the range of numbers in round {number}: the rounds before are kept; "
                "try fewer --rounds or a smaller --lambda-unlabeled",
            )
        return None

    def scalars(self, curves: dict[str, Curve]) -> dict[str, Curve]:
        """Numbers about all rounds."""
        made = self.finals(curves)
        values = {"bayes_error": self.bayes_error}
        errors = curves["test_error"].values
        if len(errors):
            values |= {"supervised_test_error": errors[0], "gain": errors[0] - errors[-1]}
        return made | {name: self.observable(name).curve(np.array(value)) for name, value in values.items()}

    def coordinates(self, kept: int) -> dict[str, Coordinate]:
        """The axis of theory and simulation alike."""
        return {"round": Coordinate("round", np.arange(kept), "", "round")}


def separable_up_to(delta: float) -> float:
    """Samples per weight up to which the two classes can be separated, N → ∞: eq. (10)."""
    from scipy.optimize import minimize_scalar
    from scipy.special import ndtr

    def violation(angle: float) -> float:
        a = np.sin(angle) / np.sqrt(delta)
        square = (1.0 + a**2) * ndtr(-a) - a * np.exp(-0.5 * a**2) / np.sqrt(2.0 * np.pi)
        return float(max(square, 0.0) / np.cos(angle) ** 2)

    angles = np.linspace(0.0, 0.5 * np.pi, 201)[:-1]
    best = int(np.argmin([violation(angle) for angle in angles]))
    low, high = angles[max(best - 1, 0)], angles[min(best + 1, len(angles) - 1)]
    least = float(minimize_scalar(violation, bounds=(low, high), method="bounded", options={"xatol": 1e-10}).fun)
    return 1.0 / least if least > 0.0 else float("inf")

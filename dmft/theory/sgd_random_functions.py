"""SGD on the square loss of Gaussian random functions: closed DMFT, no Monte-Carlo.

P = αN functions f_μ with covariance h(w·w'/N), labels y_μ = f_μ(w*) + noise, cost Σ s ½(f_μ(w) − y_μ)² + (λ/2)‖w‖².
Equation numbers are those of docs/theory/sgd_random_functions.rst.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..errors import ParameterError
from ..parameters import declare
from ..results.curve import Coordinate, Curve, Observable
from ..results.picture import Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..solvers.closed_form import ClosedForm
from .base import Model, sizes_for
from .registry import register
from .sgd import OBSERVABLES, SGD, time_axes

if TYPE_CHECKING:
    from ..solvers.two_time.discrete import DiscreteProblem

Array = np.ndarray
NAMES = (
    "magnetization", "norm", "train_loss", "test_error", "correlation", "response", "noise_kernel", "memory_kernel",
)  # fmt: skip
CURVES = NAMES[:4]


@register
@dataclass(frozen=True)
class SGDRandomFunctions(Model):
    """SGD on random functions with h(q) = linear q + quadratic q² + cubic q³; h(q) = q is ``sgd/ridge``."""

    slug: ClassVar[str] = "sgd/random-functions"
    title: ClassVar[str] = "SGD on the square loss of Gaussian random functions, without sampling"
    references: ClassVar[tuple[str, ...]] = (
        "P. J. Kamali, P. Urbani, Stochastic gradient descent outperforms gradient descent in recovering a "
        "high-dimensional signal in a glassy energy landscape, arXiv:2309.04788",
    )
    observables: ClassVar[tuple[Observable, ...]] = (
        *(item for item in OBSERVABLES if item.name in NAMES),
        *(item for item in SGD.observables if item.name in [f"final_{name}" for name in CURVES]),
    )
    figure: ClassVar[tuple[Panel, ...]] = SGD.figure
    method: ClassVar[type[ClosedForm]] = ClosedForm

    alpha: float = declare(2.0, "α", "functions per weight P/N", bounds="(0, inf)")
    linear: float = declare(1.0, "h_1", "coefficient of q in the covariance h(q)", bounds="[0, 1e6]")
    quadratic: float = declare(0.5, "h_2", "coefficient of q² in the covariance h(q)", bounds="[0, 1e6]")
    cubic: float = declare(0.0, "h_3", "coefficient of q³ in the covariance h(q)", bounds="[0, 1e6]")
    ridge: float = declare(None, "λ", "ridge (weight decay) [0.1; on the sphere: 0]", kind=float, bounds="[0, inf)")
    batch_fraction: float = declare(0.3, "b", "mean fraction of functions in a mini-batch", bounds="(0, 1]")
    learning_rate: float = declare(0.2, "η", "learning rate, the step in time", bounds="(0, inf)")
    label_noise: float = declare(0.0, "σ²", "variance of the label noise", bounds="[0, inf)")
    m0: float = declare(0.0, "m(0)", "overlap with the signal at the start", bounds="(-inf, inf)")
    r0: float = declare(
        None,
        "C(0,0)",
        "variance of the weights at the start [0; on the sphere: 1 − m0²]",
        kind=float,
        bounds="[0, inf)",
    )
    sphere: bool = declare(False, "", "keep ‖w‖² = N by rescaling after each step, instead of a ridge")
    steps: int = declare(100, "T", "number of steps", bounds="[1, 1e9]")
    normalisation: str = declare(
        "unit", "", "a function in the batch counts 1 (unit) or 1/b (inverse)", choices=("unit", "inverse")
    )

    def check(self) -> None:
        if not self.linear + self.quadratic + self.cubic > 0.0:
            raise ParameterError(
                "linear = quadratic = cubic = 0: the functions vanish, give at least one positive coefficient"
            )
        if self.sphere:
            if self.ridge:
                raise ParameterError(f"ridge = {self.ridge:g} with sphere: the sphere replaces it, leave ridge out")
            rest = 1.0 - self.m0**2
            if rest < 0.0 or (self.r0 is not None and abs(self.r0 - rest) > 1e-12):
                raise ParameterError(f"m0 = {self.m0:g}, r0 = {self.r0} with sphere: give |m0| <= 1, leave r0 out")
        self.resolve(ridge=0.0 if self.sphere else 0.1, r0=1.0 - self.m0**2 if self.sphere else 0.0)

    def warnings(self) -> tuple[str, ...]:
        if not self.linear and not self.m0:
            what = "never leaves 0" if not self.r0 else "has m = 0 for ever"
            return (
                f"linear = 0 with m0 = 0: by symmetry the theory {what}, while N finite weights have an overlap "
                "of order sqrt(1/N); give --m0",
            )
        return ()

    @property
    def covariance(self) -> Array:
        """Coefficients of h, constant term first."""
        return np.array([0.0, self.linear, self.quadratic, self.cubic])

    @property
    def amplitude(self) -> float:
        """Value of s for a function in the batch."""
        return 1.0 if self.normalisation == "unit" else 1.0 / self.batch_fraction

    def test_error(self, m: Array, norm: Array) -> Array:
        """Mean squared error on fresh functions for overlap m and orthogonal norm C(t,t): eq. (13)."""
        h = np.polynomial.Polynomial(self.covariance)
        return h(norm + m * m) - 2.0 * h(m) + h(1.0) + self.label_noise

    def problem(self) -> DiscreteProblem:
        """The same model as the solver sees it."""
        from ..solvers.two_time.discrete import DiscreteProblem

        b, amplitude = self.batch_fraction, self.amplitude
        return DiscreteProblem(
            covariance=self.covariance, load=self.alpha, learning_rate=self.learning_rate,
            decay=1.0 - self.learning_rate * self.ridge, mean=b * amplitude, square=b * amplitude**2,
            label_noise=self.label_noise, m0=self.m0, r0=self.r0, sphere=self.sphere,
        )  # fmt: skip

    def default_sizes(self) -> tuple[int, ...]:
        degree = int(np.flatnonzero(self.covariance)[-1])
        return sizes_for(degree + 1.0, self.alpha)

    def estimate(self, method: ClosedForm) -> dict[str, float]:
        from ..solvers.two_time.discrete import estimate

        return estimate(self.steps)

    def solve(self, method: ClosedForm, progress: Progress) -> Solution:
        """Exact curves and kernels by recursion; no standard errors."""
        from ..solvers.two_time.discrete import solve

        values, status, facts = solve(self.problem(), self.steps, progress)
        norm = np.diagonal(values["correlation"])
        sample = {
            "magnetization": values["overlap"],
            "norm": norm,
            "train_loss": 0.5 * values["loss"],
            "test_error": self.test_error(values["overlap"], norm),
            "correlation": values["correlation"],
            "response": values["response"],
            "noise_kernel": values["noise"],
            "memory_kernel": values["memory"],
        }
        curves = self.curves(lambda item: item.curve(sample[item.name]) if len(norm) else None)
        return Solution(curves, self.coordinates(len(norm)), status, 0, method.as_dict(), facts)

    def curves(self, make: Callable[[Observable], Curve | None]) -> dict[str, Curve]:
        """Every observable that `make` knows, and the last values of the curves as scalars; theory and twin alike."""
        made = {item.name: make(item) for item in self.observables if item.name in NAMES}
        curves = {name: curve for name, curve in made.items() if curve is not None}
        return curves | self.finals(curves)

    def coordinates(self, times: int) -> dict[str, Coordinate]:
        """The axes: t = η·step, t_prime, and step as second scale of t."""
        return time_axes(self.learning_rate, times)

"""The effective noise of stochastic gradient descent: DMFT of SGD and persistent SGD on Gaussian data.

N weights, P = αN samples x = c v/√N + √Δ z, pre-activation r = w·x/√N, cost Σ s ℓ(yφ(r)) + (λ/2)‖w‖².
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..errors import ParameterError
from ..parameters import declare
from ..results.curve import Coordinate, Observable
from ..results.picture import Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.statistics import Moments
from ..results.status import Status
from ..solvers.marching.method import Marching
from ..solvers.markov import TwoStateChain
from .base import Model
from .losses import BUILT_IN, is_own
from .registry import register

if TYPE_CHECKING:
    from ..solvers.marching.problem import MarchingProblem, Sample

Array = np.ndarray
TWO_TIME = ("t", "t_prime")
REFERENCES = (
    "F. Mignacco, P. Urbani, The effective noise of stochastic gradient descent, J. Stat. Mech. 2022, arXiv:2112.10852",
    "F. Mignacco, F. Krzakala, P. Urbani, L. Zdeborová, Dynamical mean-field theory for stochastic gradient descent "
    "in Gaussian mixture classification, NeurIPS 2020, arXiv:2006.06098",
    "C. Gerbelot et al., Rigorous dynamical mean field theory for stochastic gradient descent methods, "
    "arXiv:2210.06591",
)
OBSERVABLES = (
    Observable("magnetization", "m", "overlap with the signal"),
    Observable("norm", "C(t,t)", "squared norm per weight, orthogonal to the signal"),
    Observable("train_loss", "ℓ", "training loss per sample, without the ridge"),
    Observable("train_error", "ε_train", "training error P(yφ(r) < 0)"),
    Observable("test_error", "ε_test", "error on fresh data (mean squared error for data teacher)"),
    Observable("correlation", "C", "two-time correlation, orthogonal to the signal", TWO_TIME),
    Observable("response", "R", "response of the weights to a field", TWO_TIME),
    Observable("noise_kernel", "M", "covariance of the gradient noise", TWO_TIME),
    Observable("memory_kernel", "K", "retarded memory kernel", TWO_TIME),
    Observable("margins", "P(yφ)", "density of margins yφ(r) at the end, as far as within ±8", ("margin",)),
)
#: Observables over time whose last values are also reported as scalars ``final_…``.
FINAL = ("magnetization", "norm", "train_loss", "train_error", "test_error")
MARGIN_EDGES = np.linspace(-8.0, 8.0, 161)


def time_axes(learning_rate: float, times: int) -> dict[str, Coordinate]:
    """t = η·step, t_prime, and step as second scale of t."""
    step = np.arange(times)
    t = learning_rate * step
    return {
        "t": Coordinate("t", t, "t", "time, learning rate times step"),
        "t_prime": Coordinate("t_prime", t, "t'", "earlier time"),
        "step": Coordinate("step", step, "k", "step", dim="t"),
    }


@register
@dataclass(frozen=True)
class SGD(Model):
    """SGD and persistent SGD; the step η is physical: exact at N → ∞ for every η, not a discretisation."""

    slug: ClassVar[str] = "sgd"
    title: ClassVar[str] = "SGD and persistent SGD on Gaussian mixtures, perceptrons and teachers"
    references: ClassVar[tuple[str, ...]] = REFERENCES
    observables: ClassVar[tuple[Observable, ...]] = OBSERVABLES + tuple(
        item.final() for item in OBSERVABLES if item.name in FINAL
    )
    figure: ClassVar[tuple[Panel, ...]] = tuple(
        Panel(name) for name in ("magnetization", "norm", "train_loss", "test_error", "correlation", "response")
    )
    method: ClassVar[type[Marching]] = Marching
    #: Runs from the same start on the same data, each with mini-batches of its own: 1 or 2.
    copies: ClassVar[int] = 1
    #: Uniform numbers that :meth:`draw` needs for one sample.
    draw_dimensions: ClassVar[int] = 2

    alpha: float = declare(2.0, "α", "samples per weight P/N", bounds="(0, inf)")
    delta: float = declare(
        None, "Δ", "variance of the data around their centres [0.5; teacher: 1]", kind=float, bounds="(0, inf)"
    )
    ridge: float = declare(None, "λ", "ridge (weight decay) [0.1; on the sphere: 0]", kind=float, bounds="[0, inf)")
    batch_fraction: float = declare(0.3, "b", "mean fraction of samples in a mini-batch", bounds="(0, 1]")
    learning_rate: float = declare(0.2, "η", "learning rate, the step in time", bounds="(0, inf)")
    persistence: float | None = declare(
        None, "τ", "time a sample stays out of the batch is τ on average; none = drawn anew each step",
        kind=float, bounds="(0, inf)",
    )  # fmt: skip
    data: str = declare(
        "two-cluster", "", "data set", choices=("two-cluster", "three-cluster", "random-labels", "teacher")
    )
    loss: Any = declare(
        None, "ℓ", "loss [logistic; teacher: square], or a dmft.Loss", kind=str, choices=BUILT_IN, custom=is_own
    )
    kappa: float = declare(0.0, "κ", "margin of the hinge2 loss", bounds="(-inf, inf)")
    door: float = declare(0.7, "L", "half width of the door φ(r) = r² − L²", bounds="(0, 1e6]")
    output: str = declare(
        None, "φ", "output function [door for three-cluster, else linear]", kind=str, choices=("linear", "door")
    )
    m0: float = declare(0.0, "m(0)", "overlap with the signal at the start", bounds="(-inf, inf)")
    r0: float = declare(1.0, "C(0,0)", "variance of the weights at the start", bounds="[0, inf)")
    label_noise: float = declare(0.0, "σ²", "variance of the label noise (data teacher)", bounds="[0, inf)")
    sphere: bool = declare(False, "", "keep ‖w‖² = N by rescaling after each step, instead of a ridge")
    steps: int = declare(100, "T", "number of steps", bounds="[1, 1e9]")
    normalisation: str = declare(
        "unit", "", "a sample in the batch counts 1 (unit) or 1/b (inverse)", choices=("unit", "inverse")
    )

    def check(self) -> None:
        regression = self.data == "teacher"
        self.resolve(
            delta=1.0 if regression else 0.5,
            loss="square" if regression else "logistic",
            ridge=0.0 if self.sphere else 0.1,
            output="door" if self.data == "three-cluster" else "linear",
        )
        self._check_sampling()
        self._check_data(regression)
        if self.sphere:
            if self.ridge:
                raise ParameterError(f"ridge = {self.ridge:g} with sphere: the sphere replaces it, leave ridge out")
            if abs(self.m0) > 1.0 or self.r0 != 1.0:
                raise ParameterError(f"m0 = {self.m0:g}, r0 = {self.r0:g} with sphere: give |m0| <= 1, leave r0 at 1")

    def _check_sampling(self) -> None:
        b, eta, tau = self.batch_fraction, self.learning_rate, self.persistence
        if tau is None:
            return
        if eta > tau:
            raise ParameterError(
                f"learning_rate = {eta:g} > persistence = {tau:g}: a sample cannot change state more than once "
                "a step, give persistence >= learning_rate"
            )
        least = eta / (tau + eta)
        if b < least * (1 - 1e-12):
            raise ParameterError(
                f"batch_fraction = {b:g} < η/(τ+η) = {least:.6g}: no such Markov chain; give a larger "
                "batch_fraction or persistence, or none for independent draws"
            )

    def _check_data(self, regression: bool) -> None:
        if regression and self.loss in ("logistic", "hinge2"):
            raise ParameterError(f"loss = {self.loss!r} with data 'teacher': labels are real numbers, give square")
        if regression and (self.delta != 1.0 or self.output != "linear"):
            raise ParameterError("data 'teacher' is defined for delta = 1 and output = linear: leave them out")
        if self.label_noise and not regression:
            raise ParameterError(f"label_noise = {self.label_noise:g}: only data teacher has it, not {self.data!r}")

    def warnings(self) -> tuple[str, ...]:
        if self.data == "three-cluster" and self.m0 == 0.0:
            return (
                "three-cluster data with m0 = 0: by symmetry the theory never leaves m = 0, while N finite weights "
                "start at ±sqrt(r0/N); give --m0",
            )
        if self.kappa and self.loss != "hinge2":
            return (f"kappa = {self.kappa:g} has no effect: it is the margin of loss hinge2, this is {self.loss}",)
        if self.door != 0.7 and self.output != "door":
            return (f"door = {self.door:g} has no effect: the output is {self.output}",)
        return ()

    @property
    def chain(self) -> TwoStateChain:
        """Mini-batch membership: Bernoulli draws, or the persistent chain of 2112.10852, eq. (5)."""
        b = self.batch_fraction
        if self.persistence is None:
            return TwoStateChain(b, b, 1.0 - b)
        rate = self.learning_rate / self.persistence
        return TwoStateChain(b, rate, min((1.0 - b) * rate / b, 1.0))

    @property
    def amplitude(self) -> float:
        """Value of s for a sample in the batch."""
        return 1.0 if self.normalisation == "unit" else 1.0 / self.batch_fraction

    @property
    def start_norm(self) -> float:
        """C(0,0): the orthogonal part of the start."""
        return 1.0 - self.m0**2 if self.sphere else self.r0

    def draw(self, uniforms: Array) -> tuple[Array, Array, Array]:
        """Centre c, field u along the signal and label y of samples, from uniform numbers (2, n)."""
        from scipy.special import ndtri

        first, field = uniforms[0], ndtri(uniforms[1])
        zero = np.zeros_like(first)
        sign = np.where(first < 0.5, -1.0, 1.0)
        if self.data == "two-cluster":
            return sign, field, sign
        if self.data == "random-labels":
            return zero, field, sign
        if self.data == "teacher":
            return zero, field, field + np.sqrt(self.label_noise) * ndtri(first)
        outer = np.where(first < 0.75, 1.0, -1.0)
        return np.where(first < 0.5, 0.0, outer), field, sign

    def draw_path(self, uniforms: Array) -> tuple[Array, Array, Array]:
        """Like :meth:`draw`, for the theory: one of each pair of paths that are mirror images.

        With an odd output function y → −y, c → −c, r → −r changes nothing, so all labels may be +1; with an even one
        c → −c, r → −r does, so all centres may be positive. One jump less for quasi-Monte-Carlo.
        """
        if self._labels_mirrored:
            uniforms = np.vstack((np.full(uniforms.shape[1], 0.75), uniforms))
        centre, field, label = self.draw(uniforms)
        mirrored = self.data == "three-cluster" and self.output == "door" and not is_own(self.loss)
        return np.abs(centre) if mirrored else centre, field, label

    @property
    def _labels_mirrored(self) -> bool:
        odd = self.output == "linear" and not is_own(self.loss)
        return odd and self.data in ("two-cluster", "random-labels")

    def test_error(self, m: Array, norm: Array) -> Array:
        """Error on fresh data for overlap m and orthogonal norm C(t,t)."""
        from scipy.special import erf, erfc

        if self.data == "teacher":
            return (1.0 - m) ** 2 + norm + self.label_noise
        if self.data == "random-labels":
            return np.full_like(m, 0.5)
        width = np.maximum(np.sqrt(2.0 * self.delta * (norm + m * m)), 1e-300)
        if self.output == "linear":
            if self.data == "two-cluster":
                return 0.5 * erfc(m / width)
            # three-cluster, φ(r) = r: y = −1 at c = 0 and y = +1 at c = ±1, half of each on the wrong side
            return np.full_like(m, 0.5)
        door = self.door
        inside = 0.5 * (erf((door - m) / width) + erf((door + m) / width))  # P(|r| < L) at c = ±1
        if self.data == "two-cluster":
            return np.full_like(m, 0.5)  # φ is even in r, the label is odd
        return 0.5 * erfc(door / width) + 0.5 * inside

    def derived(self, sample: Sample) -> Sample:
        """Observables over time that follow from the averages of one march or replica."""
        return {"test_error": self.test_error(sample["magnetization"], sample["norm"])}

    def at_end(self, sample: Sample, margin: Array) -> Sample:
        """Observables of the end of one march or replica, from its averages and the margins of its samples."""
        return {"margins": np.histogram(margin, MARGIN_EDGES)[0] / (len(margin) * np.diff(MARGIN_EDGES))}

    def problem(self) -> MarchingProblem:
        """The same model as the marching solver sees it."""
        from ..solvers.marching.problem import MarchingProblem, Nonlinearity
        from .kernels import sgd as kernels

        own = is_own(self.loss)
        kernel = kernels.evaluate_own(self.loss) if own else kernels.evaluate_built_in
        kind = BUILT_IN.index(self.loss) if not own else -1
        if self.data == "teacher" and not own:
            kind = kernels.REGRESSION
        parameters = np.array([kind, self.kappa, self.output == "door", self.door], dtype=float)

        return MarchingProblem(
            load=self.alpha, delta=self.delta, learning_rate=self.learning_rate,
            decay=1.0 - self.learning_rate * self.ridge, sphere=self.sphere, m0=self.m0, r0=self.start_norm,
            chain=self.chain, amplitude=self.amplitude, copies=self.copies,
            uniforms=self.draw_dimensions - self._labels_mirrored,
            draw=self.draw_path, evaluate=Nonlinearity(kernel, parameters), derived=self.derived, at_end=self.at_end,
        )  # fmt: skip

    def estimate(self, method: Marching) -> dict[str, float]:
        from ..solvers.marching.solve import estimate

        return estimate(self.problem(), self.steps, method)

    def solve(self, method: Marching, progress: Progress) -> Solution:
        """March the DMFT equations; see :mod:`dmft.solvers.marching.solve`."""
        from ..solvers.marching.solve import solve

        moments, status, diagnostics = solve(self.problem(), self.steps, method, progress)
        return self.solution(moments, status, method.as_dict(), diagnostics)

    def solution(
        self, moments: Moments, status: Status, method: dict[str, Any], diagnostics: dict[str, Any]
    ) -> Solution:
        """Means and standard errors as curves, the last values of those over time as scalars; theory and twin alike."""
        curves = {
            item.name: item.curve(moments.mean(item.name), moments.stderr(item.name))
            for item in self.observables
            if item.name in moments
        }
        times = len(curves["norm"].values) if "norm" in curves else 0
        curves |= self.finals(curves)
        used = {dim for curve in curves.values() for dim in curve.dims}
        axes = {name: axis for name, axis in self.coordinates(times).items() if axis.axis in used}
        return Solution(curves, axes, status, moments.count, method, diagnostics)

    def coordinates(self, times: int) -> dict[str, Coordinate]:
        """The axes of all observables: t = η·step, t_prime, margin, and step as second scale of t."""
        return time_axes(self.learning_rate, times) | {
            "margin": Coordinate("margin", 0.5 * (MARGIN_EDGES[1:] + MARGIN_EDGES[:-1]), "yφ(r)", "margin, bin centre"),
        }

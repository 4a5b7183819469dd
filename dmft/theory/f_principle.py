"""Frequency principle on the circle: how long gradient descent takes for each frequency, without a free parameter.

A wide two-layer ReLU network of which the first layer is trained has a fixed tangent kernel; on evenly spaced points
of the circle its eigenvectors are the Fourier modes. Equation numbers are those of docs/theory/f_principle.rst.
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
from ..results.status import CONVERGED, DIVERGED, Status
from ..solvers.closed_form import ClosedForm
from ..solvers.memory import check_memory
from .base import Model
from .registry import register

Array = np.ndarray
REFERENCES = (
    "Z.-Q. J. Xu, Y. Zhang, Y. Xiao, Training behavior of deep neural network in frequency domain, ICONIP 2019, "
    "arXiv:1807.01251",
    "R. Basri, D. Jacobs, Y. Kasten, S. Kritchman, The convergence rate of neural networks for learned functions of "
    "different frequencies, NeurIPS 2019, arXiv:1906.00425",
    "T. Luo, Z. Ma, Z.-Q. J. Xu, Y. Zhang, On the exact computation of linear frequency principle dynamics and its "
    "generalization, SIAM J. Math. Data Sci. (2022), arXiv:2010.08153",
    "Y. Zhang, Z.-Q. J. Xu, T. Luo, Z. Ma, Explicitizing an implicit bias of the frequency principle in two-layer "
    "neural networks, arXiv:1905.10264",
)
#: A mode counts as learned when this part of it is left.
LEVEL = 0.05
#: Times that are reported, but for rounding.
POINTS = 160
#: Larger amplitudes are called divergence.
LARGEST = 1e100
SPECTRUM, MODES = ("frequency",), ("step", "frequency")


@register
@dataclass(frozen=True)
class FPrinciple(Model):
    """Gradient descent for Σ_k cos kθ on the circle by a wide two-layer ReLU network (its twin has `size` neurons)."""

    slug: ClassVar[str] = "f-principle"
    title: ClassVar[str] = "Frequency principle: time to learn each frequency on the circle"
    references: ClassVar[tuple[str, ...]] = REFERENCES
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("mode_amplitude", "a_k", "part of a mode that is not learned yet", MODES),
        Observable("train_loss", "ℓ", "half the mean squared error", ("step",)),
        Observable("time_to_fit", "t_k", "step at which 5 % of a mode is left", SPECTRUM),
        Observable("time_to_fit_continuum", "t_k^∞", "the same for infinitely many points at rate ηn", SPECTRUM),
        Observable("quadratic_law", "∝k²", "time to fit of the largest even k, continued as k²", SPECTRUM),
        Observable("eigenvalue", "λ_k", "eigenvalue of the Gram matrix of the tangent kernel", SPECTRUM),
        Observable("kernel_coefficient", "c_k", "cosine coefficient of the tangent kernel", SPECTRUM),
        Observable("spectral_slope", "z", "slope of ln t_k against ln k over even k from 4 on", ()),
        Observable("weight_displacement", "‖w−w₀‖/‖w₀‖", "relative change of the weights at the end", ()),
    )
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel(
            "time_to_fit",
            log="xy",
            guides=(Guide("quadratic_law", label=r"$\propto k^2$"), Guide("time_to_fit_continuum", label="continuum")),
        ),
        Panel("eigenvalue", log="xy"),
        Panel("train_loss", log="xy"),
        Panel("mode_amplitude", log="y"),
    )
    method: ClassVar[type[ClosedForm]] = ClosedForm
    sizes: ClassVar[tuple[int, ...]] = (240, 480, 960)  # at the default samples they fill the gaps equally
    size_means: ClassVar[str] = "number of neurons"

    samples: int = declare(60, "n", "evenly spaced points on the circle", bounds="[4, 100000]")
    learning_rate: float = declare(0.03, "η", "learning rate of the loss ½Σ(f − y)²", bounds="(0, inf)")
    bias: bool = declare(True, "", "the neurons of the first layer have a trained bias, 0 at the start")
    max_frequency: int = declare(10, "k_max", "largest frequency of the target", bounds="[2, 50000]")
    steps: int = declare(3200, "T", "number of steps", bounds="[1, 1e8]")
    output_scale: float = declare(
        100.0, "κ", "factor of the network's output: large is lazy, small is rich (simulation)", bounds="(0, inf)"
    )
    directions: str = declare(
        "even", "", "start of the first layer: evenly spread or random (simulation)", choices=("even", "random")
    )

    def check(self) -> None:
        if 2 * self.max_frequency >= self.samples:
            raise ParameterError(
                f"max_frequency = {self.max_frequency} with samples = {self.samples}: points resolve frequencies below "
                f"samples/2, give at most {(self.samples - 1) // 2} or more samples"
            )

    def warnings(self) -> tuple[str, ...]:
        rate = self.learning_rate * float(self.eigenvalues.max())
        if rate >= 2.0:
            return (
                f"learning_rate = {self.learning_rate:g} times the largest eigenvalue is {rate:.3g}: gradient descent "
                "diverges from 2 on",
            )
        return ()

    @property
    def angles(self) -> Array:
        """θ of the samples (n,)."""
        return 2.0 * np.pi * np.arange(self.samples) / self.samples

    @property
    def frequencies(self) -> Array:
        """k = 0…k_max."""
        return np.arange(self.max_frequency + 1)

    @property
    def target(self) -> Array:
        """y (n,): the mean of all cosines, so that |y| ≤ 1."""
        return np.cos(np.outer(self.angles, self.frequencies)).mean(axis=1)

    @property
    def inputs(self) -> Array:
        """The samples as the network sees them, (n, 2), or (n, 3) and divided by √2 with a bias: eq. (1)."""
        circle = np.stack([np.cos(self.angles), np.sin(self.angles)], axis=1)
        if not self.bias:
            return circle
        return np.concatenate([circle, np.ones((self.samples, 1))], axis=1) / np.sqrt(2.0)

    @property
    def eigenvalues(self) -> Array:
        """Of the n × n Gram matrix, by frequency: the DFT of the row of eq. (2); aliases of k are part of it."""
        distance = np.minimum(self.angles, 2.0 * np.pi - self.angles)
        product = 0.5 * (np.cos(distance) + 1.0) if self.bias else np.cos(distance)
        spectrum = np.fft.rfft(product * (np.pi - distance) / (2.0 * np.pi)).real[: self.max_frequency + 1]
        # odd modes without bias are zero by symmetry if n is even; round-off must not make them learn
        return np.where(np.abs(spectrum) > 1e-13 * self.samples, spectrum, 0.0)

    @property
    def coefficients(self) -> Array:
        """c_k of the continuous kernel: eq. (3)."""
        k = self.frequencies.astype(float)
        even, unit = k % 2 == 0, np.where(k == 1, 2.0, k)
        law = np.where(even, 2.0 * (k**2 + 1.0) / (np.pi * (unit**2 - 1.0)) ** 2, 0.0)
        law[:2] = 1.0 / np.pi**2, 0.25
        if not self.bias:
            return law
        gate = np.where(even, 0.0, 2.0 / (np.pi * np.maximum(k, 1.0)) ** 2)
        gate[0] = 0.25
        return 0.5 * (law + gate)

    def times_to_fit(self, eigenvalues: Array) -> Array:
        """Steps until :data:`LEVEL` of a mode is left; infinite for those that gradient descent does not learn."""
        factor = np.abs(1.0 - self.learning_rate * eigenvalues)
        with np.errstate(divide="ignore"):
            return np.where(factor < 1.0, np.log(LEVEL) / np.minimum(np.log(factor), -1e-300), np.inf)

    def estimate(self, method: ClosedForm) -> dict[str, float]:
        memory = 8.0 * (POINTS * (self.max_frequency + 1) * 6.0 + self.samples * (self.max_frequency + 20.0))
        return {"memory": memory, "seconds": 0.01}

    def solve(self, method: ClosedForm, progress: Progress) -> Solution:
        """Exact for infinitely many neurons; no standard errors."""
        check_memory(self.estimate(method)["memory"], "try fewer --samples or a smaller --max-frequency")
        times = self.recorded_steps
        eigenvalues = self.eigenvalues
        with np.errstate(over="ignore", divide="ignore"):  # divergence is found in the values
            amplitude = np.abs(1.0 - self.learning_rate * eigenvalues) ** times[:, None]
        good = np.all(amplitude < LARGEST, axis=1)
        kept = len(times) if good.all() else int(np.argmin(good))
        status = Status(CONVERGED, "closed form, exact to round-off")
        if not np.all(np.abs(1.0 - self.learning_rate * eigenvalues) <= 1.0):
            status = Status(
                DIVERGED,
                f"modes grow: 1 − ηλ = {1.0 - self.learning_rate * float(eigenvalues.max()):.3g}; the data up to step "
                f"{times[kept - 1]} are kept; try a --learning-rate below {2.0 / float(eigenvalues.max()):.3g}",
            )
        coefficients = self.coefficients
        fit, gram = self.times_to_fit(eigenvalues), 0.5 * self.samples * coefficients
        gram[0] *= 2.0
        last = self.max_frequency - self.max_frequency % 2
        values: dict[str, Array] = {
            "mode_amplitude": amplitude[:kept],
            "train_loss": self.mean_loss(amplitude[:kept]),
            "time_to_fit": fit,
            "time_to_fit_continuum": self.times_to_fit(gram),
            "quadratic_law": fit[last] * (self.frequencies / last) ** 2,
            "eigenvalue": eigenvalues,
            "kernel_coefficient": coefficients,
            "spectral_slope": np.array(self.slope(fit)),
        }
        curves = self.exact_curves(values)
        facts: dict[str, Any] = {"largest_stable_rate": 2.0 / float(eigenvalues.max())}
        return Solution(curves, self.coordinates(kept), status, 0, method.as_dict(), facts)

    def mean_loss(self, amplitude: Array) -> Array:
        """½⟨(f − y)²⟩ of the amplitudes (…, k): Parseval."""
        weights = np.full(self.max_frequency + 1, 0.5) / (self.max_frequency + 1) ** 2
        weights[0] *= 2.0
        return 0.5 * (amplitude**2 @ weights)

    def slope(self, times: Array) -> float:
        """Slope of ln t_k over even k from 4 on (from 2 if there are no others); NaN for fewer than two of them."""
        k = np.arange(4, self.max_frequency + 1, 2) if self.max_frequency >= 6 else np.arange(2, self.max_frequency + 1)
        k = k[np.isfinite(times[k])]
        return float(np.polyfit(np.log(k), np.log(times[k]), 1)[0]) if len(k) > 1 else float("nan")

    @property
    def recorded_steps(self) -> Array:
        """Steps that are reported: 0 and evenly spaced logarithms."""
        return np.unique(np.concatenate([[0], np.round(np.geomspace(1, self.steps, POINTS)).astype(int)]))

    def coordinates(self, kept: int) -> dict[str, Coordinate]:
        """The axes of theory and simulation alike."""
        return {
            "step": Coordinate("step", self.recorded_steps[:kept].astype(float), "t", "step"),
            "frequency": Coordinate("frequency", self.frequencies.astype(float), "k", "frequency"),
        }


def crossing(times: Array, amplitude: Array, level: float) -> Array:
    """When amplitudes (…, T, k) fall below `level` for the first time; NaN where they do not.

    Between two times, the logarithm is interpolated linearly in time, which is exact for exponential decay.
    """
    below = amplitude < level
    after = np.argmax(below, axis=-2)[..., None, :]
    before = np.maximum(after - 1, 0)
    floor = np.finfo(float).tiny
    high, low = (np.log(np.maximum(np.take_along_axis(amplitude, i, -2)[..., 0, :], floor)) for i in (before, after))
    start, end = (np.asarray(times, dtype=float)[i[..., 0, :]] for i in (before, after))
    part = np.divide(high - np.log(level), high - low, out=np.ones_like(high), where=high > low)
    return np.where(below.any(axis=-2), start + part * (end - start), np.nan)

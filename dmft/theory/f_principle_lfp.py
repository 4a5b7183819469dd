"""Linear frequency principle (LFP): what a wide two-layer network learns from few points, and in which order.

Each frequency of the output relaxes as ∂_t û(ξ) = −γ²(ξ) û_ρ(ξ), with u_ρ the missing part at the data. Equation
numbers are those of docs/theory/f_principle_lfp.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ..errors import ParameterError
from ..parameters import Declared, declare
from ..results.curve import Coordinate, Observable
from ..results.picture import Guide, Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.statistics import infinite
from ..results.status import CONVERGED, Status
from ..solvers.kernel_flow import KernelFlow
from ..solvers.memory import check_memory
from .base import Model
from .f_principle import LEVEL, REFERENCES, crossing
from .kernels import frequency as kernels
from .registry import register
from .table import read_table

Array = np.ndarray
#: Five points of the reference calculation, and exclusive-or.
POINTS = {
    1: (((-0.8,), (-0.6,), (-0.3,), (-0.06,), (0.1,)), (0.25, -0.25, -0.07, 0.15, -0.05)),
    2: (((-0.6, -0.6), (-0.6, 0.6), (0.6, -0.6), (0.6, 0.6)), (-1.0, 1.0, 1.0, -1.0)),
}
#: Places along an axis in one and in two dimensions; times; frequencies; directions that a spectrum is averaged over.
PLACES, TIMES, FREQUENCIES, DIRECTIONS = {1: 201, 2: 41}, 100, 40, 32
#: The end, in relaxation times of the slowest mode.
PATIENCE = 30.0
LINE, PLANE = ("x",), ("x_2", "x_1")


@dataclass(frozen=True)
class Kernel(Declared):
    """Which kernel the theory takes."""

    kernel: str = declare(
        "lfp", "", "LFP, or the exact tangent kernel with its finite range of biases", choices=("lfp", "tangent")
    )


@register
@dataclass(frozen=True)
class FPrincipleLFP(Model):
    """Gradient flow of a wide network Σ a σ(w·x + b) from output 0 to interpolation (its twin has `size` neurons)."""

    slug: ClassVar[str] = "f-principle/lfp"
    title: ClassVar[str] = "Linear frequency principle: interpolation by a wide two-layer network"
    references: ClassVar[tuple[str, ...]] = REFERENCES
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("prediction", "h", "output at the end", LINE),
        Observable("natural_cubic_spline", "h_3", "natural cubic spline through the points", LINE),
        Observable("linear_spline", "h_1", "piecewise linear interpolation, beyond the points their chord", LINE),
        Observable("prediction_plane", "h", "output at the end", PLANE),
        Observable("spectral_remainder", "ε", "part of a frequency that is missing at the points", ("t", "frequency")),
        Observable("time_to_fit", "t_ξ", "time at which 5 % of a frequency is left", ("frequency",)),
        Observable("gamma_squared", "γ²", "rate of a frequency, per density of biases", ("frequency",)),
        Observable("train_loss", "ℓ", "half the mean squared error at the points"),
        Observable(
            "rms_difference",
            "Δ_LFP",
            "root mean square distance from the LFP solution, between the data",
            (),
        ),
        Observable("distance_to_cubic", "Δ_3", "root mean square distance from the cubic spline", ()),
        Observable("distance_to_linear", "Δ_1", "root mean square distance from the linear spline", ()),
        Observable("cubic_moment", "⟨r³⟩", "mean of |w|³, which weights the cubic spline", ()),
        Observable("linear_moment", "⟨a²r⟩", "mean of a²|w|, which weights the linear spline", ()),
        Observable("crossover_frequency", "ξ_c", "frequency at which both weigh the same (ReLU)", ()),
    )
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel(
            "prediction",
            guides=(Guide("natural_cubic_spline", label="cubic"), Guide("linear_spline", label="linear")),
        ),
        Panel("time_to_fit", log="xy"),
        Panel("gamma_squared", log="xy"),
        Panel("train_loss", log="xy"),
        Panel("prediction_plane"),
        Panel("spectral_remainder", log="xy"),
    )
    method: ClassVar[type[Kernel]] = Kernel
    sizes: ClassVar[tuple[int, ...]] = (2500, 5000, 10000)
    size_means: ClassVar[str] = "number of neurons"

    activation: str = declare("relu", "σ", "activation", choices=("relu", "tanh"))
    dimension: int = declare(1, "d", "dimension of the inputs; 2 for ReLU only", bounds="[1, 2]")
    data: str = declare(
        None, "", "CSV file with the columns x, y (d = 1) or x_1, x_2, y (d = 2) [five points; exclusive-or]", kind=str
    )
    weight_range: float = declare(3.0, "W", "|w| is uniform in [0, W], its direction random", bounds="(0, 100]")
    output_range: float = declare(0.1, "A", "a is uniform in ±A", bounds="[0, inf)")
    bias_range: float = declare(3.0, "B", "b is uniform in ±B", bounds="(0, inf)")

    def check(self) -> None:
        if self.activation == "tanh" and self.dimension == 2:
            raise ParameterError(
                "activation = 'tanh' with dimension = 2: the LFP is known for tanh in one dimension, give relu for two"
            )
        if len(np.unique(self.points, axis=0)) < len(self.points):
            raise ParameterError(f"data = {self.data!r}: two points have the same input, and cannot be interpolated")
        try:
            self.flow("lfp")
        except ValueError as error:
            raise ParameterError(
                f"data = {self.data!r} do not determine the limit ({error}): move or add points"
            ) from None

    def warnings(self) -> tuple[str, ...]:
        reach = self.weight_range * float(np.linalg.norm(self.points, axis=1).max())
        if reach > self.bias_range:
            return (
                f"bias_range = {self.bias_range:g} is below the largest |w·x| = {reach:.3g}: neurons do not cover the "
                "data evenly, as the LFP assumes",
            )
        return ()

    @cached_property
    def _table(self) -> Array:
        names = ("x", "y") if self.dimension == 1 else ("x_1", "x_2", "y")
        if self.data:
            return read_table(self.data, names, self.dimension + 1)
        points, values = POINTS[self.dimension]
        return np.column_stack([np.array(points), values])

    @property
    def points(self) -> Array:
        """Inputs (n, d)."""
        return self._table[:, :-1]

    @property
    def values(self) -> Array:
        """Targets (n,)."""
        return self._table[:, -1]

    @property
    def axes(self) -> list[Array]:
        """Places along each axis at which the output is reported: the range of the data and a tenth beyond."""
        low, high = self.points.min(axis=0), self.points.max(axis=0)
        beyond = 0.1 * np.maximum(high - low, 1e-300)
        return [np.linspace(a, b, PLACES[self.dimension]) for a, b in zip(low - beyond, high + beyond, strict=True)]

    @property
    def places(self) -> Array:
        """All places (m, d); the second coordinate is the slow one."""
        return np.stack(np.meshgrid(*self.axes), axis=-1).reshape(-1, self.dimension)

    def distance(self, first: Array, second: Array) -> float:
        """Root mean square difference of two outputs (m,) at the places within the range of the data."""
        low, high = self.points.min(axis=0), self.points.max(axis=0)
        inside = np.all((self.places >= low) & (self.places <= high), axis=1)
        return float(np.sqrt(np.mean((first - second)[inside] ** 2)))

    def gram(self, kind: str, others: Array) -> tuple[Array, Array]:
        """Kernel (m, n) between `others` and the data, per neuron, and the polynomials (m, p) at `others`."""
        if kind == "tangent":
            scales = (self.weight_range, self.output_range, self.bias_range)
            return kernels.tangent(others, self.points, self.activation, *scales), np.empty((len(others), 0))
        distance = np.linalg.norm(others[:, None, :] - self.points[None, :, :], axis=2)
        one = np.ones((len(others), 1))
        density = 0.5 / self.bias_range
        if self.activation == "tanh":
            return density * kernels.lfp_tanh(distance, self.weight_range, self.output_range), one
        kernel = kernels.lfp_relu(distance, self.weight_range, self.output_range, self.dimension)
        return density * kernel, np.concatenate([one, others], axis=1)

    def flow(self, kind: str) -> KernelFlow:
        """The dynamics at the data: eq. (7)."""
        return KernelFlow.of(*self.gram(kind, self.points), self.values)

    @cached_property
    def times(self) -> Array:
        """Times that are reported, by theory and twin alike: those of the LFP."""
        rates = self.flow("lfp").rates
        if not len(rates):  # as many polynomials as points: all is learned at once
            rates = np.ones(1)
        return np.geomspace(0.01 / rates[-1], PATIENCE / rates[0], TIMES)

    @property
    def frequencies(self) -> Array:
        """ξ, in cycles per unit of length: two decades about the inverse range of the data."""
        reach = max(float(np.ptp(self.points, axis=0).max()), 1e-300)
        return np.geomspace(0.1, 10.0, FREQUENCIES) * 10.0 ** np.round(-np.log10(reach))

    def estimate(self, method: Kernel) -> dict[str, float]:
        count, places = len(self.points), PLACES[self.dimension] ** self.dimension
        memory = 8.0 * (6.0 * count**2 + 8.0 * places * count + TIMES * FREQUENCIES * DIRECTIONS * 4.0)
        passes = {"lfp": 1.0, "tangent": 24.0 * (64.0 if self.dimension == 2 else 2.0)}[method.kernel]
        if method.kernel == "tangent" and self.activation == "tanh":
            passes *= kernels.BIASES
        return {"memory": memory, "seconds": 0.05 + passes * (count + places) * count * 4e-8 + 1e-9 * count**3}

    def solve(self, method: Kernel, progress: Progress) -> Solution:
        """Closed form for infinitely many neurons; no standard errors."""
        check_memory(self.estimate(method)["memory"], "try fewer points")
        flow = self.flow(method.kernel)
        # the end of the twin, which is not infinity for the modes of the exact kernel that are slower than the LFP
        prediction = flow.predict(self.times[-1:], *self.gram(method.kernel, self.places))[0]
        curves = self.curves(prediction, flow.residual(self.times))
        curves["gamma_squared"] = kernels.lfp_spectrum(
            self.frequencies, self.activation, self.weight_range, self.output_range, self.dimension
        )
        cubic, linear = kernels.moments(self.weight_range, self.output_range)
        curves |= {"cubic_moment": np.array(cubic), "linear_moment": np.array(linear)}
        if self.activation == "relu" and linear:
            curves["crossover_frequency"] = np.array(np.sqrt(cubic / linear) / (2.0 * np.pi))
        if self.dimension == 1:
            curves |= dict(zip(("natural_cubic_spline", "linear_spline"), self.splines(), strict=True))
        made = self.exact_curves(curves)
        facts: dict[str, Any] = {"points": len(self.points)}
        if len(flow.rates):
            facts |= {"slowest_rate": float(flow.rates[0]), "fastest_rate": float(flow.rates[-1])}
        status = Status(CONVERGED, "closed form, exact to round-off")
        return Solution(made, self.coordinates(), status, 0, method.as_dict(), facts)

    def curves(self, prediction: Array, residual: Array) -> dict[str, Array]:
        """Curves of theory and twin alike.

        Parameters
        ----------
        prediction : ndarray (m,)
            Output at the places.
        residual : ndarray (T, n)
            u or −u, what is missing at the points.
        """
        remainder = self.remainder(residual)
        found = {
            "spectral_remainder": remainder,
            "train_loss": 0.5 * np.mean(residual**2, axis=1),
            "time_to_fit": infinite(crossing(self.times, remainder, LEVEL)),
            "rms_difference": np.array(self.distance(prediction, self.lfp_prediction)),
        }
        if self.dimension == 2:
            return found | {"prediction_plane": prediction.reshape(PLACES[2], PLACES[2])}
        cubic, linear = self.splines()
        distances = {
            "distance_to_cubic": np.array(self.distance(prediction, cubic)),
            "distance_to_linear": np.array(self.distance(prediction, linear)),
        }
        return found | {"prediction": prediction} | distances

    @cached_property
    def lfp_prediction(self) -> Array:
        """The LFP solution (m,) at infinite time: eq. (8)."""
        return self.flow("lfp").predict(np.array([np.inf]), *self.gram("lfp", self.places))[0]

    def remainder(self, residual: Array) -> Array:
        """Spectrum of what is missing at the points (T, frequency) over that of the target: û_ρ of eq. (1)."""
        return self.spectrum(residual) / np.maximum(self.spectrum(self.values[None]), 1e-300)

    def spectrum(self, weights: Array) -> Array:
        """|Σ_i weights_i exp(−2πi ξ·x_i)| (T, frequency), root mean square over directions of ξ."""
        count = 1 if self.dimension == 1 else DIRECTIONS
        angles = np.pi * np.arange(count) / count
        directions = np.stack([np.cos(angles), np.sin(angles)])[: self.dimension]
        along = self.points @ directions  # (n, D)
        squares = np.zeros((len(weights), FREQUENCIES))
        for place in along.T:
            waves = np.exp(-2j * np.pi * np.multiply.outer(place, self.frequencies))
            squares += np.abs(weights @ waves) ** 2
        return np.sqrt(squares / count)

    def splines(self) -> tuple[Array, Array]:
        """The two limits at the places: natural cubic spline, and piecewise linear, which leaves along its chord."""
        from scipy.interpolate import CubicSpline

        order = np.argsort(self.points[:, 0])
        x, y, places = self.points[order, 0], self.values[order], self.axes[0]
        spline = CubicSpline(x, y, bc_type="natural")
        inside = np.clip(places, x[0], x[-1])
        cubic = spline(inside) + spline(inside, 1) * (places - inside)
        chord = y[0] + (y[-1] - y[0]) * (places - x[0]) / (x[-1] - x[0])
        linear = np.where(places == inside, np.interp(places, x, y), chord)
        return cubic, linear

    def coordinates(self, length: int = TIMES) -> dict[str, Coordinate]:
        """The axes; the first `length` times."""
        axes = {
            "t": Coordinate("t", self.times[:length], "t", "time: learning rate × steps × neurons"),
            "frequency": Coordinate("frequency", self.frequencies, "ξ", "frequency"),
        }
        if self.dimension == 1:
            return axes | {"x": Coordinate("x", self.axes[0], "x", "input")}
        first, second = self.axes
        return axes | {
            "x_1": Coordinate("x_1", first, "x_1", "first input"),
            "x_2": Coordinate("x_2", second, "x_2", "second input"),
        }

"""Two-layer ReLU network from a small start on two orthogonal inputs: each sign of the labels learns by itself.

f(x) = Σ_j a_j σ(w_j·x), L = (1/n) Σ (f(x_i) − y_i)². While f is nothing, each neuron obeys a linear equation; what
grows fastest is aligned with one input and balanced, and from there on f obeys a logistic equation. Equation numbers
are those of docs/theory/relu_neuron.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ..errors import ParameterError
from ..parameters import declare
from ..results.curve import Coordinate, Observable
from ..results.picture import Guide, Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import CONVERGED, Status
from ..solvers.closed_form import ClosedForm
from .base import Model
from .registry import register
from .relu_neuron import POINTS, REFERENCES

Array = np.ndarray
#: The start is followed for this many growth times of a label, and for the time that the other one takes to die out.
EARLY = 12.0
CURVES = (
    Observable("output", "f", "output of the network", ("t", "sample")),
    Observable("positive_output", "f_+", "output at the sample with a positive label"),
    Observable("negative_output", "f_-", "output at the sample with a negative label"),
    Observable("loss", "L", "mean squared residual"),
    Observable("squared_output_weights", "Σa²", "sum of the squared output weights"),
)
SCALARS = (
    Observable("positive_half_time", "t_+", "time when the positive label is learned to a half", ()),
    Observable("negative_half_time", "t_-", "time when the negative label is learned to a half", ()),
    Observable("final_squared_output_weights", "Σa²_∞", "sum of the squared output weights, at the end", ()),
    Observable("positive_target", "y_+", "the positive label", ()),
    Observable("negative_target", "y_-", "the negative label", ()),
)


@register
@dataclass(frozen=True)
class ReLUNeuronNetwork(Model):
    """Inputs (x, 1) and (−1/x, 1), which are orthogonal; neurons a_j = ±‖w_j‖ of size `scale`."""

    slug: ClassVar[str] = "relu-neuron/network"
    title: ClassVar[str] = "Two-layer ReLU network from a small start on orthogonal inputs: logistic learning"
    references: ClassVar[tuple[str, ...]] = REFERENCES
    observables: ClassVar[tuple[Observable, ...]] = CURVES + SCALARS
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel("positive_output", log="", guides=(Guide("positive_target"),)),
        Panel("negative_output", log="", guides=(Guide("negative_target"),)),
        Panel("loss", log=""),
        Panel("squared_output_weights", log="", guides=(Guide("final_squared_output_weights"),)),
    )
    method: ClassVar[type[ClosedForm]] = ClosedForm
    size_means: ClassVar[str] = "steps of gradient descent up to the last time"

    negative_input: float = declare(-0.5, "x_-", "input with the negative label", bounds="(-inf, inf)")
    positive_input: float | None = declare(
        None, "x_+", "input with the positive label [−1/negative_input]", kind=float, bounds="(-inf, inf)"
    )
    negative_label: float = declare(-1.0, "y_-", "negative label", bounds="(-inf, 0)")
    positive_label: float = declare(1.0, "y_+", "positive label", bounds="(0, inf)")
    neurons: int = declare(60, "m", "hidden neurons", bounds="[1, 1e6]")
    scale: float = declare(1e-6, "", "size of the weights at the start", bounds="(0, 1]")
    data_seed: int = declare(0, "seed", "seed of the start", bounds="[0, inf)")
    t_max: float | None = declare(
        None, "t_max", "time at the end [twice the later half-time]", kind=float, bounds="(0, inf)"
    )
    learning_rate: float = declare(1e-3, "η", "step of gradient descent in the simulation", bounds="(0, inf)")

    def check(self) -> None:
        if self.negative_input == 0.0:
            raise ParameterError("negative_input = 0: its partner −1/0 does not exist, give another one")
        self.resolve(positive_input=-1.0 / self.negative_input)
        overlap = float(np.prod(self.inputs[:, 0])) + 1.0
        if abs(overlap) > 1e-9:
            raise ParameterError(
                f"positive_input = {self.positive_input:g}, negative_input = {self.negative_input:g}: inputs (x, 1) "
                f"have overlap {overlap:g}, but the theory needs orthogonal ones: leave positive_input out"
            )

    def warnings(self) -> tuple[str, ...]:
        words = []
        for name, (amplitude, target) in {"negative": self.groups[0], "positive": self.groups[1]}.items():
            if amplitude == 0.0:
                words.append(
                    f"no neuron of this start can learn the {name} label: give more neurons or another data_seed"
                )
            elif amplitude > 0.01 * target:
                words.append(
                    f"scale = {self.scale:g}: the start is {amplitude / target:.0e} of the {name} label, "
                    "the logistic law is that of small starts (arXiv:2206.00939)"
                )
        return tuple(words)

    @property
    def inputs(self) -> Array:
        """(x, 1) of both samples, negative label first."""
        return np.array([[self.negative_input, 1.0], [self.positive_input, 1.0]])

    @property
    def targets(self) -> Array:
        """Their labels."""
        return np.array([self.negative_label, self.positive_label])

    @cached_property
    def start(self) -> tuple[Array, Array]:
        """a (m,) and w (m, 2): Gaussian hidden weights, output weights of equal size and random sign."""
        rng = np.random.default_rng(np.random.SeedSequence(self.data_seed, spawn_key=(1,)))
        w = self.scale * rng.standard_normal((self.neurons, 2))
        sign = 2.0 * rng.integers(0, 2, self.neurons) - 1.0
        return sign * np.linalg.norm(w, axis=1), w

    @property
    def rates(self) -> Array:
        """Growth rates (2/n) |y_k| ‖x_k‖ of a neuron, eq. (13); those of f are twice them."""
        return np.abs(self.targets) * np.linalg.norm(self.inputs, axis=1)

    @cached_property
    def groups(self) -> list[tuple[float, float]]:
        """f0 and |y| of the negative and the positive sample: eq. (14), from the early equation of every neuron."""
        from ..solvers.flow.solve import integrate
        from .kernels.relu_neuron import early_neuron

        a, w = self.start
        size, sign, rates = np.linalg.norm(self.inputs, axis=1), np.sign(a), self.rates
        state = np.column_stack([np.abs(a), w @ self.inputs.T / size]) / self.scale
        made = []
        for k, target in enumerate(self.targets):
            # only neurons of its sign grow along x_k; each label takes its own time, in which no number overflows
            mine = sign == np.sign(target)
            span = (EARLY + max(0.0, float(np.log(rates[k] / rates[1 - k])))) / rates[k]
            end = integrate(
                early_neuron, (0.0, span), state[mine], parameters=sign[mine, None],
                data=np.sign(self.targets) * rates, rtol=1e-10, atol=1e-14, max_step=0.05 / rates[k],
            ).y_end if mine.any() else np.zeros((0, 3))  # fmt: skip
            end = end[end[:, k + 1] > 0.0]
            mode = 0.5 * (end[:, 0] + end[:, k + 1]) * np.exp(-rates[k] * span) * self.scale
            made.append((float(size[k] * np.sum(mode**2)), abs(float(target))))
        return made

    @property
    def half_times(self) -> Array:
        """When f reaches y/2, eq. (15); infinite for a label that no neuron learns."""
        with np.errstate(divide="ignore"):
            return np.array([
                np.log((y - f0) / f0) / (2.0 * rate) if f0 < y else 0.0
                for (f0, y), rate in zip(np.array(self.groups), self.rates, strict=True)
            ])  # fmt: skip

    @property
    def times(self) -> Array:
        """Evenly spaced times."""
        finite = self.half_times[np.isfinite(self.half_times)]
        end = self.t_max or 2.0 * float(finite.max(initial=1.0 / self.rates.max()))
        return end * np.arange(POINTS + 1) / POINTS

    def estimate(self, method: ClosedForm) -> dict[str, float]:
        return {"memory": 8.0 * 40.0 * self.neurons, "seconds": 0.5 + 1e-3 * self.neurons}

    def solve(self, method: ClosedForm, progress: Progress) -> Solution:
        """The logistic curves, exact for a vanishing start; ``stderr`` is the size of the start, eq. (16)."""
        t = self.times
        sizes = []
        for (f0, y), rate in zip(self.groups, self.rates, strict=True):
            growth = -2.0 * rate * t
            sizes.append(y / (1.0 + (y / f0 - 1.0) * np.exp(growth)) if f0 > 0.0 else np.zeros_like(t))
        output = np.sign(self.targets) * np.array(sizes).T
        values = self.along(output, np.array(sizes).T @ (1.0 / np.linalg.norm(self.inputs, axis=1)))
        start = 2.0 * float(np.sum(self.start[0] ** 2) * max(1.0, np.linalg.norm(self.inputs, axis=1).max()))
        curves = {
            name: self.observable(name).curve(value, np.full_like(value, start)) for name, value in values.items()
        }
        negative, positive = self.half_times
        final = sum(
            y / size for (f0, y), size in zip(self.groups, np.linalg.norm(self.inputs, axis=1), strict=True) if f0
        )
        numbers = {
            "positive_half_time": positive, "negative_half_time": negative, "final_squared_output_weights": final,
            "positive_target": self.positive_label, "negative_target": self.negative_label,
        }  # fmt: skip
        curves |= self.exact_curves(numbers)
        facts: dict[str, Any] = {"f0": [f0 for f0, _ in self.groups]}
        status = Status(CONVERGED, "closed form, exact for a vanishing start")
        return Solution(curves, self.coordinates(len(t)), status, 0, method.as_dict(), facts)

    def along(self, output: Array, squares: Array) -> dict[str, Array]:
        """Observables along outputs (times, 2) and Σ a² (times,), of the theory or the simulation."""
        return {
            "output": output,
            "negative_output": output[:, 0],
            "positive_output": output[:, 1],
            "loss": np.mean((output - self.targets) ** 2, axis=1),
            "squared_output_weights": squares,
        }

    def coordinates(self, length: int) -> dict[str, Coordinate]:
        """Time and samples."""
        return {
            "t": Coordinate("t", self.times[:length], "t", "time"),
            "sample": Coordinate("sample", np.arange(2), "k", "sample, negative label first"),
        }

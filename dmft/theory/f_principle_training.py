"""Frequency principle in a deep network: which frequencies of the target are learned at which stage of training.

The theory is the lazy limit, in which the tangent kernel of infinitely wide layers is constant. Equation numbers are
those of docs/theory/f_principle_training.rst.
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
from ..results.statistics import infinite
from ..results.status import CONVERGED, DIVERGED, Status
from ..solvers.closed_form import ClosedForm
from ..solvers.memory import check_memory
from . import targets
from .base import Model
from .f_principle import REFERENCES, crossing
from .kernels.deep import TERMS, tangent_kernel
from .lists import is_sequence, joined, numbers
from .registry import register

Array = np.ndarray
#: A frequency counts as learned when its relative error is below this.
LEVEL = 0.1
#: Steps that are reported; stages of training, from 90 % of the loss to the last; times of the theory.
RECORDS, STAGES, LAST_STAGE, TIMES = 250, 40, 0.005, 400
#: Widths of the low-pass filter for images, in units of their median distance.
FILTERS = (0.2, 0.3, 0.4, 0.5, 0.7, 1.0)
SPECTRUM, PEAKS, FILTERED = ("step", "frequency"), ("step", "peak"), ("step", "filter_width")


@register
@dataclass(frozen=True)
class FPrincipleTraining(Model):
    """Full-batch training of a deep network; its twin has `size` neurons in the widest layer, others in proportion."""

    slug: ClassVar[str] = "f-principle/training"
    title: ClassVar[str] = "Frequency principle in the training of a deep network"
    references: ClassVar[tuple[str, ...]] = (
        *REFERENCES,
        "Z.-Q. J. Xu, Y. Zhang, T. Luo, Y. Xiao, Z. Ma, Frequency principle: Fourier analysis sheds light on deep "
        "neural networks, Commun. Comput. Phys. 28, 1746 (2020), arXiv:1901.06523",
    )
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("peak_error", "Δ_F", "relative error at the peaks of the target's spectrum", PEAKS),
        Observable("frequency_error", "Δ_F", "relative error of each frequency", SPECTRUM),
        Observable("train_loss", "ℓ", "mean squared error", ("step",)),
        Observable("error_at_loss", "Δ_F", "error of the peaks when the loss is reached", ("relative_loss", "peak")),
        Observable("time_to_fit", "t_k", "step at which the error of a peak falls below 10 %", ("peak",)),
        Observable("target_spectrum", "|f_k|", "Fourier amplitude of the target, per point", ("frequency",)),
        Observable("kernel_rate", "κ_k", "tangent kernel at a frequency, per point", ("frequency",)),
        Observable("prediction", "h", "output at the end", ("x",)),
        Observable("target_function", "f", "target", ("x",)),
        Observable("low_pass_error", "e_low", "relative error of the low-pass part", FILTERED),
        Observable("high_pass_error", "e_high", "relative error of the high-pass part", FILTERED),
        Observable(
            "low_pass_at_loss", "e_low", "low-pass error when the loss is reached", ("relative_loss", "filter_width")
        ),
        Observable(
            "high_pass_at_loss", "e_high", "high-pass error when the loss is reached", ("relative_loss", "filter_width")
        ),
        Observable("output_entropy", "H(T)", "entropy of the binned output, I(X;T)", ("step",), "bit"),
        Observable("output_information", "I(T;Y)", "information of the binned output on the target", ("step",), "bit"),
        Observable("target_entropy", "H(Y)", "entropy of the binned target", (), "bit"),
    )
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel("train_loss", log="y"),
        Panel("prediction", guides=(Guide("target_function", label="target"),)),
        Panel("time_to_fit", log="xy"),
        Panel("kernel_rate", log="xy"),
        Panel("output_information", x="output_entropy", guides=(Guide("target_entropy"),), log=""),
        Panel("peak_error", log=""),
        Panel("frequency_error", log="z"),
        Panel("error_at_loss", log="y"),
        Panel("low_pass_error", log="x"),
        Panel("high_pass_error", log="x"),
        Panel("low_pass_at_loss", log="xy"),
        Panel("high_pass_at_loss", log="xy"),
    )
    method: ClassVar[type[ClosedForm]] = ClosedForm
    size_means: ClassVar[str] = "neurons of the widest layer"

    target: str = declare(
        "two-sines", "f", "sin x + sin 4x, sin x + sin 3x + sin 5x, data (a CSV file), or 8 × 8 digits",
        choices=("two-sines", "three-sines", "data", "digits"),
    )  # fmt: skip
    data: str = declare(None, "", "CSV file with the columns x, y, evenly spaced in x; for target data", kind=str)
    samples: int = declare(
        None, "n", "points of the target, or images [61; digits: 300; data: all of the file]", kind=int,
        bounds="[4, 1e6]",
    )  # fmt: skip
    half_range: float = declare(10.0, "x_max", "the x of a sum of sines are in ±x_max", bounds="(0, inf)")
    discretisation: float = declare(0.0, "δ", "the target is rounded to multiples of δ; 0 = not", bounds="[0, inf)")
    activation: str = declare("tanh", "σ", "activation", choices=("tanh", "relu", "softplus", "identity"))
    widths: str = declare("200,200,200,100", "", "neurons of each hidden layer", custom=is_sequence)
    start_deviation: float = declare(
        0.05, "σ_0", "standard deviation of all weights and biases at the start", bounds="(0, inf)"
    )
    optimiser: str = declare("adam", "", "optimiser, on all samples at each step", choices=("adam", "sgd"))
    learning_rate: float = declare(2e-5, "η", "learning rate, of the mean squared error", bounds="(0, inf)")
    steps: int = declare(9000, "T", "number of steps", bounds="[1, 1e8]")
    target_loss: float = declare(3e-3, "ℓ_end", "a network with a lower loss is trained no more", bounds="[0, inf)")
    bins: int = declare(30, "", "bins of the output for its entropy", bounds="[2, 10000]")

    def check(self) -> None:
        object.__setattr__(self, "widths", joined(self.widths))
        object.__setattr__(self, "widths", joined(self.hidden))
        if (self.data is not None) != (self.target == "data"):
            raise ParameterError(
                f"target = {self.target!r} with data = {self.data!r}: target data takes a file, the others take none"
            )
        if self.target == "data" and self.samples is not None and self.samples != len(self._pairs[0]):
            raise ParameterError(f"samples = {self.samples}, but {self.data} has {len(self._pairs[0])}: leave it out")
        self.resolve(samples={"digits": 300}.get(self.target, len(self._pairs[0]) if self.target == "data" else 61))
        if self.target == "digits":
            self.pairs  # noqa: B018 — tells now if they are missing
        elif not np.ptp(self.pairs[1]) > 0.0:
            raise ParameterError(
                f"the target is constant (discretisation = {self.discretisation:g}): it has no frequency to learn"
            )

    def warnings(self) -> tuple[str, ...]:
        if self.target in targets.SINES:
            fastest, gap = targets.SINES[self.target][-1], 2.0 * self.half_range / (self.samples - 1)
            if fastest * gap > np.pi:
                return (
                    f"samples = {self.samples} leave sin {fastest:g}x fewer than two points a period: it is seen at "
                    "another frequency",
                )
        return ()

    @cached_property
    def _pairs(self) -> tuple[Array, Array]:
        if self.target == "digits":
            return targets.digits(self.samples)
        if self.target == "data":
            return targets.table(self.data)
        return targets.sines(self.target, self.samples, self.half_range)

    @property
    def pairs(self) -> tuple[Array, Array]:
        """Inputs (n, d) and targets (n, outputs)."""
        x, y = self._pairs
        return x, targets.discretise(y, self.discretisation)

    @property
    def hidden(self) -> tuple[int, ...]:
        """Widths of the hidden layers."""
        wanted = "neurons of each hidden layer, e.g. 200,200,100"
        found = numbers("widths", self.widths, wanted, whole=True, good=lambda n: bool(np.all((n > 0) & (n <= 10**6))))
        return tuple(int(number) for number in found)

    @property
    def on_a_line(self) -> bool:
        """True for a function of one variable, which has a Fourier transform."""
        return self.target != "digits"

    @cached_property
    def peaks(self) -> Array:
        """k of the peaks of the target's spectrum."""
        return targets.spectral_peaks(self.pairs[1][:, 0], 0.1)

    @cached_property
    def filters(self) -> Array:
        """Low-pass filters (filter, n, n) for images: averages with Gaussian weights of their distance, eq. (7)."""
        x = self.pairs[0]
        squares = np.maximum(np.sum(x**2, 1)[:, None] + np.sum(x**2, 1)[None, :] - 2.0 * x @ x.T, 0.0)
        median = np.median(squares[np.triu_indices(len(x), 1)])
        weights = np.exp(-squares / (2.0 * median * np.array(FILTERS)[:, None, None] ** 2))
        found: Array = weights / weights.sum(axis=2, keepdims=True)
        return found

    @property
    def recorded_steps(self) -> Array:
        """Evenly spaced steps that are reported."""
        return np.unique(np.round(np.linspace(0, self.steps, min(self.steps, RECORDS) + 1)).astype(int))

    @property
    def stages(self) -> Array:
        """Losses, relative to that of the output 0, at which the errors are compared."""
        return np.geomspace(0.9, LAST_STAGE, STAGES)

    def default_sizes(self) -> tuple[int, ...]:
        """The network as declared; smaller ones are another question for a network that is not lazy."""
        return (max(2, *self.hidden),)

    def estimate(self, method: ClosedForm) -> dict[str, float]:
        count = float(self.samples)
        outputs = 1.0 if self.on_a_line else 10.0
        memory = 8.0 * (count**2 * (12.0 if self.on_a_line else 24.0) + 2.0 * (TIMES + RECORDS) * count * outputs * 3.0)
        work = count**2 * (TERMS * 2.0 * len(self.hidden) * 3.0 + (TIMES + RECORDS) * outputs * 2.0) + 10.0 * count**3
        return {"memory": memory, "seconds": 0.1 + 1e-9 * work}

    def solve(self, method: ClosedForm, progress: Progress) -> Solution:
        """Infinitely wide layers: the errors at each stage of training and, for gradient descent, at each step."""
        check_memory(self.estimate(method)["memory"], "try fewer --samples")
        x = self.pairs[0]
        kernel, start = tangent_kernel(x, self.activation, self.hidden, *[self.start_deviation**2] * 2)
        rates, modes = np.linalg.eigh(kernel / len(x))
        rates = np.maximum(rates, 0.0)
        values: dict[str, Array] = {}
        if self.on_a_line:
            waves = np.fft.rfft(np.eye(len(x)), axis=0) / np.sqrt(len(x))
            values["kernel_rate"] = np.einsum("ki,ij,kj->k", waves, kernel / len(x), waves.conj()).real
        flow = np.geomspace(0.01 / max(float(rates[-1]), 1e-300), 1e3 / max(float(rates[-1] * 1e-9), 1e-300), TIMES)
        made = self._errors(np.exp(-np.multiply.outer(flow, rates)), modes, start)
        values |= self.at_stages(made)
        status, kept = Status(CONVERGED, "closed form of the lazy limit, exact to round-off"), 0
        if self.optimiser == "sgd":
            factor = 1.0 - 2.0 * self.learning_rate * rates
            with np.errstate(over="ignore"):
                power = factor ** self.recorded_steps[:, None]
            good = np.all(np.abs(power) < 1e100, axis=1)
            kept = len(good) if good.all() else int(np.argmin(good))
            values |= self._errors(power[:kept], modes, start)
            if np.abs(factor).max() > 1.0:
                status = Status(
                    DIVERGED,
                    f"gradient descent is unstable: the data up to step {self.recorded_steps[kept - 1]} are kept; "
                    f"try a --learning-rate below {1.0 / float(rates[-1]):.3g}",
                )
            if self.on_a_line:
                values["time_to_fit"] = infinite(crossing(self.recorded_steps, values["peak_error"], LEVEL))
        values |= self.about_the_target()
        curves = self.exact_curves(values)
        facts: dict[str, Any] = {"largest_stable_rate": 1.0 / max(float(rates[-1]), 1e-300)}
        return Solution(curves, self.coordinates(kept), status, 0, method.as_dict(), facts)

    def _errors(self, decay: Array, modes: Array, start: Array) -> dict[str, Array]:
        """Errors when the modes have decayed by `decay` (T, n); the random start adds its variance, eq. (6)."""
        y = self.pairs[1]
        measure = self.spectral if self.on_a_line else self.filtered
        missing = np.einsum("in,tn,no->tio", modes, decay, modes.T @ y, optimize=True)
        squares = measure(missing)
        variances, vectors = np.linalg.eigh(start)
        for variance, vector in zip(variances, vectors.T, strict=True):
            if variance > 1e-5 * variances.sum():  # smooth: few vectors hold all of it
                spread = np.sqrt(variance) * (decay * (vector @ modes)) @ modes.T
                for name, part in measure(spread[:, :, None]).items():
                    squares[name] = squares[name] + y.shape[1] * part
        return self.errors(squares)

    def spectral(self, missing: Array) -> dict[str, Array]:
        """Squared Fourier amplitudes (T, k) of what is missing (T, n, 1), and its mean square."""
        amplitude = np.fft.rfft(missing[:, :, 0], axis=1) / missing.shape[1]
        return {"train_loss": np.mean(missing**2, axis=(1, 2)), "frequency_error": np.abs(amplitude) ** 2}

    def filtered(self, missing: Array) -> dict[str, Array]:
        """Mean squares (T, filter) of the low-pass part of what is missing (T, n, outputs), and of the rest."""
        found: dict[str, list[Array]] = {"low_pass_error": [], "high_pass_error": []}
        for matrix in self.filters:
            low = matrix @ missing
            for name, part in (("low_pass_error", low), ("high_pass_error", missing - low)):
                found[name].append(np.sum(part**2, axis=(1, 2)) / missing.shape[1])
        loss = np.sum(missing**2, axis=(1, 2)) / missing.shape[1]
        return {"train_loss": loss, **{name: np.stack(parts, axis=1) for name, parts in found.items()}}

    def errors(self, squares: dict[str, Array]) -> dict[str, Array]:
        """Relative errors from squares of what is missing: square roots over those of the target."""
        values = {"train_loss": squares["train_loss"]}
        for name, square in squares.items():
            if name != "train_loss":
                whole = self._whole[name][0]
                seen = whole > 1e-4 * whole.max()  # a frequency that the target lacks has no relative error
                values[name] = np.sqrt(np.where(seen, square / np.where(seen, whole, 1.0), np.nan))
        if self.on_a_line:
            values["peak_error"] = values["frequency_error"][:, self.peaks]
        return values

    @cached_property
    def _whole(self) -> dict[str, Array]:
        """Squares when all of the target is missing."""
        return (self.spectral if self.on_a_line else self.filtered)(self.pairs[1][None])

    def at_stages(self, values: dict[str, Array]) -> dict[str, Array]:
        """Errors when the loss falls below each of the stages for the first time; NaN where it does not."""
        names = {"peak_error": "error_at_loss"}
        if not self.on_a_line:
            names = {"low_pass_error": "low_pass_at_loss", "high_pass_error": "high_pass_at_loss"}
        loss = np.log(np.maximum(values["train_loss"] / self._whole["train_loss"][0], 1e-300))
        levels = np.log(self.stages)
        below = loss[None, :] < levels[:, None]
        after = np.maximum(np.argmax(below, axis=1), 1)
        part = (loss[after - 1] - levels) / np.maximum(loss[after - 1] - loss[after], 1e-300)
        part = np.where(below.any(axis=1), np.clip(part, 0.0, 1.0), np.nan)[:, None]
        return {
            made: values[name][after - 1] * (1.0 - part) + values[name][after] * part for name, made in names.items()
        }

    def about_the_target(self) -> dict[str, Array]:
        """What does not depend on the network."""
        values = {"target_entropy": np.array(entropy(self.binned(self.pairs[1])))}
        if self.on_a_line:
            values["target_spectrum"] = np.sqrt(self._whole["frequency_error"][0])
            values["target_function"] = self.pairs[1][:, 0]
        return values

    def binned(self, outputs: Array) -> Array:
        """Labels (n,) of equal bins over the range of the target, beyond it the outermost; for images the largest."""
        y = self.pairs[1]
        if not self.on_a_line:
            return np.argmax(outputs, axis=1)
        low, high = float(y.min()), float(y.max())
        return np.clip(np.floor((outputs[:, 0] - low) / (high - low) * self.bins), 0, self.bins - 1).astype(int)

    def information(self, outputs: Array) -> tuple[float, float]:
        """H(T) and I(T;Y) in bits, eq. (8)."""
        mine, target = self.binned(outputs), self.binned(self.pairs[1])
        both = mine * (int(target.max()) + 1) + target
        return entropy(mine), entropy(mine) + entropy(target) - entropy(both)

    def coordinates(self, kept: int) -> dict[str, Coordinate]:
        """The axes; the first `kept` recorded steps."""
        axes = {"relative_loss": Coordinate("relative_loss", self.stages, "ℓ/ℓ_0", "loss over that of the output 0")}
        if kept:
            steps = self.recorded_steps[:kept].astype(float)
            axes["step"] = Coordinate("step", steps, "t", "step")
        if not self.on_a_line:
            widths = np.array(FILTERS)
            return axes | {"filter_width": Coordinate("filter_width", widths, "δ", "width of the filter")}
        x = self.pairs[0][:, 0]
        k = np.arange(len(x) // 2 + 1)
        return axes | {
            "frequency": Coordinate("frequency", k.astype(float), "k", "frequency"),
            "peak": Coordinate("peak", self.peaks.astype(float), "k", "frequency of a peak"),
            "x": Coordinate("x", x, "x", "input"),
        }


def entropy(labels: Array) -> float:
    """Of the empirical distribution of integers, in bits."""
    part = np.unique(labels, return_counts=True)[1] / len(labels)
    return float(-np.sum(part * np.log2(part)))

"""Gradient flow of one ReLU neuron with the square loss: exact trajectories, support vectors, growth of the norm.

L(w) = ½ Σ (σ(x_i·w) − y_i)². Inside a cone of fixed active samples the flow is a sum of exponentials; its switches are
found as zeros of such sums. Equation numbers are those of docs/theory/relu_neuron.rst.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..errors import ParameterError
from ..parameters import declare
from ..results.curve import Coordinate, Curve, Observable
from ..results.picture import Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..solvers.piecewise.method import Piecewise
from . import relu_data
from .base import Model
from .registry import register
from .relu_data import Samples

if TYPE_CHECKING:
    from ..solvers.piecewise.solve import Flows

Array = np.ndarray
REFERENCES = (
    "S. Lee, B. Sim, J. C. Ye, Support vectors and gradient dynamics of single-neuron ReLU networks, arXiv:2202.05510",
    "G. Vardi, O. Shamir, Implicit regularization in ReLU networks with the square loss, COLT 2021, arXiv:2012.05156",
    "E. Boursier, L. Pillaud-Vivien, N. Flammarion, Gradient flow dynamics of shallow ReLU networks for square loss "
    "and orthogonal inputs, NeurIPS 2022, arXiv:2206.00939",
)
#: Intervals between the times that are reported: the default sizes of a comparison are multiples of four times them.
POINTS = 125
#: The time at the end is chosen such that what is left of the way to the limit is this part of the whole.
LEFT = 1e-3
#: But it is at most so many times that of the fastest decay: a stable gradient descent must get there.
FASTEST = 400.0
#: Loss below this part of that at w = 0 is zero up to round-off.
ZERO = 1e-16
CURVES = (
    Observable("weights", "w", "weights", ("start", "t", "component")),
    Observable("loss", "L", "loss, half the sum of squared residuals", ("start", "t")),
    Observable("norm", "‖w‖", "norm of the weights", ("start", "t")),
    Observable("distance", "‖w−w*‖", "distance to w*, weights of zero loss", ("start", "t")),
    Observable("active_set", "σ'(x·w)", "1 for active samples", ("start", "t", "sample")),
    Observable("switching_times", "t_s", "times when a sample becomes active or inactive", ("start", "switch")),
    Observable("switching_samples", "i_s", "the samples that switch at these times", ("start", "switch")),
    Observable("support_set", "S_∞", "1 for support vectors: samples active at the end", ("start", "sample")),
    Observable("limit", "w_∞", "weights at infinite time", ("start", "component")),
)
SCALARS = (
    Observable("norm_increasing", "p_norm", "part of the starts from which the norm increases strictly, always", ()),
    Observable("reactivations", "n_re", "samples that become active again, per start", ()),
    Observable("dead", "p_dead", "part of the starts that end without any active sample", ()),
    Observable("zero_loss", "p_0", "part of the starts that end at zero loss", ()),
    Observable("norm_ratio", "‖w_∞‖/‖w_0‖", "growth of the norm, mean over starts", ()),
    Observable("switches", "n_s", "changes of the active set, per start", ()),
    Observable("final_loss", "L_∞", "loss at infinite time, mean over starts", ()),
)


def loss_of(x: Array, y: Array, w: Array) -> Array:
    """L of weights (..., d)."""
    return 0.5 * np.sum((np.maximum(w @ x.T, 0.0) - y) ** 2, axis=-1)


@register
@dataclass(frozen=True)
class ReLUNeuron(Model):
    """One ReLU neuron; all starts at once. With a single start its curves have no axis of starts."""

    slug: ClassVar[str] = "relu-neuron"
    title: ClassVar[str] = "Gradient flow of one ReLU neuron, exact: cones, support vectors, norm"
    references: ClassVar[tuple[str, ...]] = REFERENCES
    observables: ClassVar[tuple[Observable, ...]] = CURVES + SCALARS
    figure: ClassVar[tuple[Panel, ...]] = (
        *(Panel(name, family="start") for name in ("norm", "loss", "distance")),
        Panel("active_set"),
    )
    method: ClassVar[type[Piecewise]] = Piecewise
    size_means: ClassVar[str] = "steps of gradient descent up to t_max"

    data: str = declare(
        "gaussian", "", f"samples: {relu_data.ALLOWED} (arrays x and y, or a table whose last column is y)"
    )
    labels: str = declare(
        "teacher", "y", "labels of random data: σ(w*·x) with ‖w*‖ = 1, |N(0,1)| or N(0,1)", choices=relu_data.LABELS
    )
    dimension: int = declare(2, "d", "dimension of random data", bounds="[1, 1000]")
    samples: int = declare(20, "n", "number of random samples", bounds="[1, 1e6]")
    gamma: float = declare(1.0, "γ", "size of the third sample of vardi-shamir", bounds="(0, inf)")
    data_seed: int = declare(0, "seed", "seed of random data and starts", bounds="[0, inf)")
    init_norm: float = declare(
        None, "‖w_0‖", "norm of the start [0 for vardi-shamir, else 0.1]", kind=float, bounds="[0, inf)"
    )
    starts: int = declare(1, "", "initial conditions, in random directions", bounds="[1, 1e7]")
    slope_at_zero: int = declare(
        None, "σ'(0)", "1: samples with x·w(0) = 0 start active [1 for vardi-shamir, else 0]", kind=int, bounds="[0, 1]"
    )
    t_max: float | None = declare(
        None,
        "t_max",
        "time at the end [when 0.1 % of the way to the limit is left, or 400 times the fastest decay]",
        kind=float,
        bounds="(0, inf)",
    )
    learning_rate: float | None = declare(
        None, "η", "step of gradient descent in the simulation [t_max / size]", kind=float, bounds="(0, inf)"
    )

    def check(self) -> None:
        if not relu_data.known(self.data):
            raise ParameterError(f"data = {self.data!r} is not allowed: give {relu_data.ALLOWED}")
        named = self.data == "vardi-shamir"
        self.resolve(init_norm=0.0 if named else 0.1, slope_at_zero=1 if named else 0)

    def warnings(self) -> tuple[str, ...]:
        """Hypotheses of the theorems that the data do not fulfil, and options without effect."""
        words = []
        if self.instance.y.min() < 0.0:
            words.append(
                "negative labels: that the flow has no sliding modes, and that supports and norms obey the theorems, "
                "is proved for labels y ≥ 0 only (hypothesis of arXiv:2202.05510)"
            )
        if self.init_norm == 0.0 and self.starts > 1:
            words.append(f"starts = {self.starts} with init_norm = 0: all of them are the same")
        if self.gamma != 1.0 and self.data != "vardi-shamir":
            words.append(f"gamma = {self.gamma:g} has no effect: it belongs to data vardi-shamir")
        if self.data not in relu_data.DRAWN:
            default = type(self)()
            for name in ("labels", "dimension", "samples"):
                if getattr(self, name) != getattr(default, name):
                    words.append(f"{name} = {getattr(self, name)} has no effect: data {self.data} bring their own")
        return tuple(words)

    @cached_property
    def instance(self) -> Samples:
        """Samples and labels.

        Raises
        ------
        ParameterError
            If a file is not what it should be.
        MemoryLimitError
            Before random samples are drawn that would not fit.
        """
        if self.data == "vardi-shamir":
            return relu_data.vardi_shamir(self.gamma)
        if self.data not in relu_data.DRAWN:
            return relu_data.read(self.data)
        from ..solvers.memory import check_memory

        check_memory(24.0 * self.samples * self.dimension, "try fewer --samples or a smaller --dimension")
        rng = np.random.default_rng(np.random.SeedSequence(self.data_seed, spawn_key=(0,)))
        x, y, teacher = relu_data.draw(rng, 1, self.samples, self.dimension, self.data, self.labels)
        return Samples(x[0], y[0], None if teacher is None else teacher[0])

    @cached_property
    def initial(self) -> Array:
        """w(0), (starts, d)."""
        rng = np.random.default_rng(np.random.SeedSequence(self.data_seed, spawn_key=(1,)))
        return self.init_norm * relu_data.directions(rng, self.starts, self.instance.x.shape[1])

    def flows(self, method: Piecewise, progress: Progress, times: Array, keep: int) -> Flows:
        """The exact flows from all starts, with as many switches as `keep`."""
        from ..solvers.piecewise.solve import flow_relu

        return flow_relu(
            self.instance.x, self.instance.y, self.initial, t_eval=times, edge_active=bool(self.slope_at_zero),
            keep_switches=keep, max_switches=method.max_switches, progress=progress,
        )  # fmt: skip

    def estimate(self, method: Piecewise) -> dict[str, float]:
        n, d = self.instance.x.shape
        switches = 2.0 + n / 3.0
        seconds = 0.2 + self.starts * switches * (1e-6 + 4e-8 * n * d * d)
        return {"memory": self.starts * (POINTS + 1.0) * (16.0 * d + 9.0 * n + 48.0), "seconds": seconds}

    def solve(self, method: Piecewise, progress: Progress) -> Solution:
        """Exact curves, limits and switches; no standard errors."""
        from ..solvers.memory import check_memory

        check_memory(self.estimate(method)["memory"], "try fewer --starts")
        first = self.flows(method, progress, np.zeros(0), 0)
        times = self.times(first)
        flows = self.flows(method, progress, times, max(1, int(first.switches.max())))
        length = int(flows.saved.min())
        values = self.along(flows.w[:, :length])
        values |= {
            "active_set": flows.active[:, :length],
            "switching_times": flows.switch_times[:, : flows.switches.max()],
            "switching_samples": np.where(flows.switch_samples < 0, np.nan, flows.switch_samples)[
                :, : flows.switches.max()
            ],
            "support_set": flows.support,
            "limit": flows.limit,
        }
        curves = self.curves(values)
        curves |= self.exact_curves(self.scalars(flows))
        axes = self.coordinates(times[:length], curves)
        return Solution(curves, axes, flows.outcome(), 0, method.as_dict())

    def along(self, w: Array) -> dict[str, Array]:
        """Observables along trajectories w (starts, times, d), of the theory or the simulation."""
        values = {"weights": w, "loss": loss_of(self.instance.x, self.instance.y, w), "norm": np.linalg.norm(w, axis=2)}
        if self.target is not None:
            values["distance"] = np.linalg.norm(w - self.target[:, None, :], axis=2)
        return values

    @cached_property
    def target(self) -> Array | None:
        """w* of each start, (starts, d): the teacher, or else the limit if all limits have zero loss."""
        if self.instance.teacher is not None:
            return np.broadcast_to(self.instance.teacher, self.initial.shape)
        from ..results.progress import SILENT

        limit = self.flows(Piecewise(), SILENT, np.zeros(0), 0).limit
        return limit if np.all(self.is_zero(loss_of(self.instance.x, self.instance.y, limit))) else None

    def is_zero(self, loss: Array) -> Array:
        """Whether a loss is zero up to round-off."""
        return loss <= ZERO * 0.5 * np.sum(self.instance.y**2)

    def scalars(self, flows: Flows) -> dict[str, float]:
        """Numbers about all starts."""
        loss = loss_of(self.instance.x, self.instance.y, flows.limit)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.linalg.norm(flows.limit, axis=1) / self.init_norm
        return {
            "norm_increasing": flows.norm_increasing.mean(),
            "reactivations": flows.reactivations.mean(),
            "dead": (~flows.support.any(axis=1)).mean(),
            "zero_loss": self.is_zero(loss).mean(),
            "norm_ratio": ratio.mean() if self.init_norm else float("inf"),
            "switches": flows.switches.mean(),
            "final_loss": loss.mean(),
        }

    def times(self, flows: Flows) -> Array:
        """Evenly spaced times up to `t_max`; by default until the slowest start has nearly arrived, see FASTEST."""
        end = self.t_max
        if end is None:
            at_switch = self._at_last_switch(flows)
            end = max(
                last + self._remaining(w, limit, active, start)
                for last, w, limit, active, start in zip(
                    flows.last_switch, at_switch, flows.limit, flows.support, self.initial, strict=True
                )
            )
            end = min(end, FASTEST / float(np.linalg.norm(self.instance.x, 2) ** 2))
        return (end or 1.0) * np.arange(POINTS + 1) / POINTS

    def _at_last_switch(self, flows: Flows) -> Array:
        """w where each flow entered its last cone."""
        from ..results.progress import SILENT

        where = np.unique(flows.last_switch)
        w = np.empty_like(flows.limit)
        path = self.flows(Piecewise(), SILENT, where, 0).w
        index = np.searchsorted(where, flows.last_switch)
        w[:] = path[np.arange(len(w)), index]
        return np.where(np.isfinite(w), w, flows.limit)

    def _remaining(self, w: Array, limit: Array, active: Array, start: Array) -> float:
        """Time in the last cone until only :data:`LEFT` of the way from the start to the limit is left."""
        whole = LEFT * float(np.linalg.norm(limit - start))
        _, singular, right = np.linalg.svd(self.instance.x[active], full_matrices=False)
        amplitude, rate = np.abs(right @ (w - limit)), singular**2
        kept = (amplitude > 0.0) & (rate > 0.0)
        amplitude, rate = amplitude[kept], rate[kept]
        if not len(rate) or np.linalg.norm(amplitude) <= whole:
            return 0.0
        low, high = 0.0, 1.0 / float(rate.max())
        while np.linalg.norm(amplitude * np.exp(-rate * high)) > whole:
            low, high = high, 2.0 * high
        for _ in range(40):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if np.linalg.norm(amplitude * np.exp(-rate * middle)) > whole else (low, middle)
        return high

    def curves(self, values: Mapping[str, Array], stderr: Mapping[str, Array] | None = None) -> dict[str, Curve]:
        """Arrays with an axis of starts as curves; that axis is left out for a single start."""
        made = {}
        for name, array in values.items():
            observable, error = self.observable(name), (stderr or {}).get(name)
            if self.starts == 1:
                observable = replace(observable, dims=observable.dims[1:])
                array, error = array[0], None if error is None else error[0]
            made[name] = observable.curve(array, error)
        return made

    def coordinates(self, times: Array, curves: Mapping[str, Curve]) -> dict[str, Coordinate]:
        """The axes that the curves need."""
        n, d = self.instance.x.shape
        switches = curves["switching_times"].values.shape[-1] if "switching_times" in curves else 0
        axes = {
            "start": Coordinate("start", np.arange(self.starts), "", "initial condition"),
            "t": Coordinate("t", times, "t", "time"),
            "component": Coordinate("component", np.arange(d), "k", "component of the weights"),
            "sample": Coordinate("sample", np.arange(n), "i", "sample"),
            "switch": Coordinate("switch", np.arange(switches), "", "change of the active set"),
        }
        used = {dim for curve in curves.values() for dim in curve.dims}
        return {name: axis for name, axis in axes.items() if name in used}

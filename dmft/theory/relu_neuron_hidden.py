"""One hidden neuron v σ(w·x) with the square loss: flow of both layers, v² − ‖w‖² conserved.

The flow is smooth inside a cone of active samples: each is integrated to its exact edge, so no step crosses a kink.
Equation numbers are those of docs/theory/relu_neuron.rst.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ..parameters import declare, redeclare
from ..results.curve import Coordinate, Observable
from ..results.picture import Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import CONVERGED, INTERRUPTED, NOT_CONVERGED, Status
from ..solvers.flow.method import FlowMethod
from . import relu_data
from .base import Model
from .registry import register
from .relu_data import Samples
from .relu_neuron import POINTS, REFERENCES, ReLUNeuron

Array = np.ndarray
CURVES = (
    Observable("effective_weights", "u", "effective weights v w", ("t", "component")),
    Observable("loss", "L", "loss, half the sum of squared residuals"),
    Observable("norm", "‖u‖", "norm of the effective weights"),
    Observable("output_weight", "v", "output weight"),
    Observable("hidden_norm", "‖w‖", "norm of the hidden weights"),
    Observable("invariant", "v²−‖w‖²", "conserved difference of the layers"),
    Observable("active_set", "σ'(x·w)", "1 for active samples", ("t", "sample")),
    Observable("switching_times", "t_s", "times when a sample becomes active or inactive", ("switch",)),
    Observable("limit", "u_∞", "effective weights at the end", ("component",)),
    Observable("support_set", "S_∞", "1 for samples active at the end", ("sample",)),
)
SCALARS = (
    Observable("invariant_drift", "δ(v²−‖w‖²)", "largest change of the conserved difference", ()),
    Observable("final_loss", "L_end", "loss at the end", ()),
)


@register
@dataclass(frozen=True)
class ReLUNeuronHidden(Model):
    """One hidden neuron from v(0) = ε, w(0) = 0, where the slope of the ReLU is 1."""

    slug: ClassVar[str] = "relu-neuron/hidden"
    title: ClassVar[str] = "Gradient flow of one hidden ReLU neuron, both layers from a small start"
    references: ClassVar[tuple[str, ...]] = REFERENCES
    observables: ClassVar[tuple[Observable, ...]] = CURVES + SCALARS
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel("loss", log="y"), Panel("norm", log=""), Panel("output_weight", log=""), Panel("hidden_norm", log=""),
    )  # fmt: skip
    method: ClassVar[type[FlowMethod]] = FlowMethod
    size_means: ClassVar[str] = "steps of gradient descent up to t_max"

    data: str = redeclare(ReLUNeuron, "data", "vardi-shamir")
    labels: str = redeclare(ReLUNeuron, "labels", "teacher")
    dimension: int = redeclare(ReLUNeuron, "dimension", 2)
    samples: int = redeclare(ReLUNeuron, "samples", 20)
    gamma: float = redeclare(ReLUNeuron, "gamma", 5.0)
    data_seed: int = redeclare(ReLUNeuron, "data_seed", 0)
    init_scale: float = declare(1e-3, "ε", "output weight at the start", bounds="(0, inf)")
    t_max: float = declare(2.0, "t_max", "time at the end", bounds="(0, 1e9]")
    learning_rate: float | None = redeclare(ReLUNeuron, "learning_rate", None)

    def check(self) -> None:
        self.neuron  # noqa: B018 — checks the name of the data

    @cached_property
    def neuron(self) -> ReLUNeuron:
        """The single neuron with the same data."""
        return ReLUNeuron(
            data=self.data, labels=self.labels, dimension=self.dimension, samples=self.samples, gamma=self.gamma,
            data_seed=self.data_seed,
        )  # fmt: skip

    @property
    def instance(self) -> Samples:
        """Samples and labels."""
        return self.neuron.instance

    def warnings(self) -> tuple[str, ...]:
        default = self.gamma == type(self)().gamma and self.data not in relu_data.NAMED
        return tuple(words for words in self.neuron.warnings() if not (default and words.startswith("gamma")))

    @property
    def times(self) -> Array:
        """The times that are reported."""
        return self.t_max * np.arange(POINTS + 1) / POINTS

    @property
    def start(self) -> Array:
        """(w, v) at the start."""
        return np.append(np.zeros(self.instance.x.shape[1]), self.init_scale)

    def estimate(self, method: FlowMethod) -> dict[str, float]:
        n, d = self.instance.x.shape
        return {"memory": 8.0 * (POINTS + 1.0) * (d + n + 1.0), "seconds": 0.5 + 1e-7 * method.max_steps * n * d}

    def solve(self, method: FlowMethod, progress: Progress) -> Solution:
        """Integrate cone by cone; ``stderr`` is the change of each number at a hundred times the tolerance."""
        path, active, switches, status, facts = self._integrate(method, progress)
        rough = path
        if status.code != INTERRUPTED:  # Ctrl-C means all of it
            loose = replace(method, rtol=min(1e-3, 100.0 * method.rtol), atol=min(1.0, 100.0 * method.atol))
            rough = self._integrate(loose, progress)[0]
        length = min(len(path), len(rough))
        path, active = path[:length], active[:length]
        other = self.along(rough[:length])
        curves = {}
        for name, values in self.along(path).items():
            error = np.maximum(np.abs(values - other[name]), method.rtol * np.abs(values))
            curves[name] = self.observable(name).curve(values, error)
        drift = np.abs(curves["invariant"].values - self.init_scale**2).max()
        extra = {
            "active_set": active,
            "switching_times": np.array(switches),
            "limit": path[-1, :-1] * path[-1, -1],
            "support_set": active[-1],
            "invariant_drift": drift,
            "final_loss": curves["loss"].values[-1],
        }
        curves |= self.exact_curves(extra)
        axes = self.coordinates(len(path), len(switches))
        return Solution(curves, axes, status, 0, method.as_dict(), facts)

    def _integrate(
        self, method: FlowMethod, progress: Progress
    ) -> tuple[Array, Array, list[float], Status, dict[str, Any]]:
        """States (times, d + 1), active samples (times, n) and switching times, as far as they go."""
        from ..solvers.flow.solve import integrate
        from .kernels.relu_neuron import hidden_neuron, pre_activations

        x, y = self.instance.x, self.instance.y
        times, state, t = self.times, self.start, 0.0
        active = (x @ (x.T @ y) >= 0.0).astype(float)  # w leaves 0 along Σ y_i x_i, eq. (7)
        path, pattern = np.full((len(times), len(state)), np.nan), np.zeros((len(times), len(x)))
        switches: list[float] = []
        steps, nfev, most = 0, 0, 10 * len(x) + 100
        while True:
            later = times >= t
            flow = integrate(
                hidden_neuron, (t, self.t_max), state, parameters=active, data=np.concatenate([x.ravel(), y]),
                t_eval=times[later], events=pre_activations, terminal=[1] * len(x),
                direction=np.where(active > 0.0, -1.0, 1.0).tolist(), method=method.integrator, rtol=method.rtol,
                atol=method.atol * self.init_scale, max_steps=method.max_steps, progress=progress,
            )  # fmt: skip
            reached = np.flatnonzero(later)[: flow.saved[0]]
            path[reached], pattern[reached] = flow.y[0, : flow.saved[0]], active
            steps, nfev = steps + int(flow.accepted[0]), nfev + int(flow.nfev[0])
            if flow.status[0] != 1:
                status = flow.outcome()
                break
            state, t = flow.y_end[0], float(flow.t_end[0])
            switches.append(t)
            crossed = flow.event_counts[0] > 0
            active = np.where(crossed, 1.0 - active, active)
            if len(switches) > most or (len(switches) > 4 and switches[-1] - switches[-5] <= 1e-14 * t):
                words = f"the active set changes without end at t = {t:.6g}: the flow slides along the edge of a cone"
                status = Status(NOT_CONVERGED, f"{words}, which negative labels allow; the data up to there are kept")
                break
        done = int(np.sum(np.isfinite(path[:, 0])))
        if status.code == CONVERGED:
            status = Status(CONVERGED, f"to rtol {method.rtol:g} of each step, {len(switches)} switches at their edges")
        return path[:done], pattern[:done], switches, status, {"steps": steps, "nfev": nfev}

    def along(self, path: Array) -> dict[str, Array]:
        """Observables along states (times, d + 1), of the theory or the simulation."""
        w, v = path[:, :-1], path[:, -1]
        u = v[:, None] * w
        x, y = self.instance.x, self.instance.y
        residual = v[:, None] * np.maximum(w @ x.T, 0.0) - y
        return {
            "effective_weights": u,
            "loss": 0.5 * np.sum(residual**2, axis=1),
            "norm": np.linalg.norm(u, axis=1),
            "output_weight": v,
            "hidden_norm": np.linalg.norm(w, axis=1),
            "invariant": v**2 - np.sum(w**2, axis=1),
        }

    def coordinates(self, length: int, switches: int = -1) -> dict[str, Coordinate]:
        """The axes of all curves; those of samples and switches only where their number is given."""
        n, d = self.instance.x.shape
        axes = {
            "t": Coordinate("t", self.times[:length], "t", "time"),
            "component": Coordinate("component", np.arange(d), "k", "component of the weights"),
        }
        if switches >= 0:
            axes["sample"] = Coordinate("sample", np.arange(n), "i", "sample")
            axes["switch"] = Coordinate("switch", np.arange(switches), "", "change of the active set")
        return axes

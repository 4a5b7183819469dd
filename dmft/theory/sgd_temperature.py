"""Effective temperature of SGD: fluctuations against response in the stationary state.

When the training error stays positive, SGD with a ridge becomes stationary. Its effective temperature is what the
fluctuation–dissipation theorem makes of the displacement B between two times and the response χ to a field that is
switched on at the earlier one, T_eff = B / 2χ (arXiv:2112.10852, section 4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..errors import ParameterError
from ..parameters import declare, redeclare
from ..results.curve import Coordinate, Observable
from ..results.picture import Guide, Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.statistics import Moments
from ..results.status import NOT_CONVERGED, Status
from ..solvers.stationary.method import MarchingOrStationary
from .registry import register
from .sgd import FINAL, SGD

if TYPE_CHECKING:
    from ..solvers.marching.problem import Sample
    from ..solvers.stationary.state import Batch, Kernels

Array = np.ndarray
LAG = ("lag",)
OBSERVABLES = (
    Observable("effective_temperature", "T_eff", "effective temperature B/2χ", LAG),
    Observable("local_temperature", "T_loc", "local slope dB/2dχ of the fluctuation–dissipation plot", LAG),
    Observable("displacement", "B", "mean squared displacement per weight, orthogonal to the signal", LAG),
    Observable("susceptibility", "χ", "response to a constant field switched on at the waiting time", LAG),
    Observable("final_effective_temperature", "T_eff_end", "effective temperature at the largest lag", ()),
    Observable("small_noise_temperature", "T_0", "effective temperature for small noise: ½η(1−b)M(t,t)", ()),
    Observable("temperature_drift", "ΔT_eff", "mean over lags of T_eff at the last waiting time less at the first", ()),
    Observable("magnetization_drift", "Δm", "overlap at the last waiting time less that at the first", ()),
)
SMALL_NOISE = Guide("small_noise_temperature", label="small noise")
FIGURE = (
    Panel(
        "susceptibility",
        x="displacement",
        log="",
        guides=(
            Guide("small_noise_temperature", "x/y", 2.0, r"small noise, slope $1/2T_0$"),
            Guide("final_effective_temperature", "x/y", 2.0, r"slope $1/2T_\mathrm{eff}$ at the largest lag"),
        ),
        title="fluctuation–dissipation plot",
    ),
    Panel("effective_temperature", guides=(SMALL_NOISE,)),
    Panel("local_temperature", guides=(SMALL_NOISE,)),
    Panel("magnetization"),
    Panel("displacement"),
    Panel("susceptibility"),
    Panel("correlation"),
    Panel("response"),
)
#: Waiting times that are averaged over, evenly spread over the window.
WAITS = 5
#: Chords of the fluctuation–dissipation plot are at least this part of the largest χ long.
CHORD = 0.05
#: A drift is called one if it exceeds this many standard errors, and this part of the value itself.
SIGNIFICANT, TOLERATED = 3.0, 0.03
#: Weights that grow more than this without bound hide their drift behind error bars that grow with them.
GROWTH = 2.0
#: A displacement below this part of the norm is none.
NEGLIGIBLE = 1e-4


@register
@dataclass(frozen=True)
class SGDTemperature(SGD):
    """The stationary state of ``sgd``; all its parameters, with defaults of an under-parametrised problem."""

    slug: ClassVar[str] = "sgd/temperature"
    title: ClassVar[str] = "Effective temperature of SGD from the fluctuation–dissipation relation"
    observables: ClassVar[tuple[Observable, ...]] = (*SGD.observables, *OBSERVABLES)
    figure: ClassVar[tuple[Panel, ...]] = FIGURE
    method: ClassVar[type[MarchingOrStationary]] = MarchingOrStationary

    alpha: float = redeclare(SGD, "alpha", 3.0)
    ridge: float = declare(None, "λ", "ridge (weight decay) [0.3; on the sphere: 0]", kind=float, bounds="[0, inf)")
    data: str = redeclare(SGD, "data", "three-cluster")
    m0: float = redeclare(SGD, "m0", 1.0)
    steps: int = redeclare(SGD, "steps", 300)
    lags: int = declare(
        40, "", "largest lag, in steps; the waiting times are the last steps - 2 lags to steps - lags",
        bounds="[1, 1e6]",
    )  # fmt: skip

    def check(self) -> None:
        self.resolve(ridge=0.0 if self.sphere else 0.3)
        super().check()
        if self.steps < 3 * self.lags:
            raise ParameterError(
                f"steps = {self.steps} < 3 lags = {3 * self.lags}: nothing could become stationary before the two "
                "waiting times; give more steps or fewer lags"
            )

    def estimate(self, method: Any) -> dict[str, float]:
        if method.solver == "marching":
            return super().estimate(method)
        from ..solvers.stationary.solve import estimate

        return estimate(self.problem(), method, self.lags)

    def solve(self, method: Any, progress: Progress) -> Solution:
        """March into the stationary state, or solve for it: :mod:`dmft.solvers.stationary.solve`."""
        if method.solver == "marching":
            return super().solve(method, progress)
        from ..solvers.stationary.solve import solve

        moments, status, diagnostics = solve(self.problem(), method, self.lags, self.measure, progress)
        return self.solution(moments, status, method.as_dict(), diagnostics)

    def measure(self, batch: Batch, kernels: Kernels) -> dict[str, Any]:
        """Observables of the stationary solver, which has no times: functions of the lag and final values."""
        decaying = batch.correlation(kernels)
        norm = kernels.frozen + decaying[0]
        chi = self.learning_rate * np.cumsum(kernels.response[1:])
        displacement = 2.0 * (decaying[0] - decaying[1 : self.lags + 1])
        functions = self._lag_functions(displacement[None, :], chi[None, : self.lags])
        del functions["temperature_drift"]  # there is one waiting time only
        overlap = np.array(kernels.overlap)
        last = {
            "magnetization": overlap,
            "norm": norm,
            "train_loss": batch.loss,
            "train_error": batch.error,
            "test_error": self.test_error(overlap, np.array(norm)),
        }
        return {
            **functions,
            "small_noise_temperature": self._small_noise(batch.noise()),
            **{f"final_{name}": last[name] for name in FINAL},
            **super().at_end({}, batch.margin),
        }

    @property
    def waiting_times(self) -> Array:
        """Steps t_w at which the field is switched on, from steps − 2 lags to steps − lags."""
        first, last = self.steps - 2 * self.lags, self.steps - self.lags
        return np.unique(np.linspace(first, last, WAITS).round().astype(int))

    def at_end(self, sample: Sample, margin: Array) -> Sample:
        """Those of ``sgd``, and the functions of the lag; the response is that of the march, or of the simulation."""
        found = super().at_end(sample, margin)
        if len(sample["norm"]) <= self.steps:  # interrupted or diverged before the waiting times were over
            return found
        waits = self.waiting_times
        if "switched" in sample:
            chi = sample.pop("switched")
        elif "response" in sample:
            response = sample["response"]
            rows = waits[:, None] + np.arange(1, self.lags + 1)
            # χ(t_w + lag, t_w) = η Σ_{t_w <= s < t_w + lag} R(t_w + lag, s)
            total = [[response[t, w:t].sum() for t in row] for w, row in zip(waits, rows, strict=True)]
            chi = self.learning_rate * np.array(total)
        else:
            return found
        noise = sample["noise_kernel"].diagonal()[waits[0] :].mean()
        overlap = sample["magnetization"]
        return (
            found
            | self._lag_functions(self._displacement(sample["correlation"]), chi)
            | {
                "small_noise_temperature": self._small_noise(noise),
                "magnetization_drift": overlap[waits[-1]] - overlap[waits[0]],
            }
        )

    def _displacement(self, correlation: Array) -> Array:
        """B(t_w + lag, t_w) for every waiting time and lag."""
        early = self.waiting_times[:, None]
        late = early + np.arange(1, self.lags + 1)
        return correlation[late, late] + correlation[early, early] - 2.0 * correlation[late, early]

    def _lag_functions(self, displacement: Array, chi: Array) -> dict[str, Any]:
        """Functions of the lag, averaged over waiting times before the ratio is taken."""
        mean_b, mean_chi = displacement.mean(axis=0), chi.mean(axis=0)
        temperature = mean_b / (2.0 * mean_chi)
        by_wait = displacement / (2.0 * chi)
        return {
            "effective_temperature": temperature,
            "local_temperature": 0.5 * local_slope(mean_b, mean_chi),
            "displacement": mean_b,
            "susceptibility": mean_chi,
            "final_effective_temperature": temperature[-1],
            "temperature_drift": (by_wait[-1] - by_wait[0]).mean(),
        }

    def _small_noise(self, noise: float) -> float:
        """½ η b(1−b) a² αΔ E[ℓ'²], persistent batches: η → 2bτ − η.

        `noise` is M(t,t) = b a² αΔ E[ℓ'²], the mean over samples in the batch, which for small noise is that over all.
        """
        eta, b = self.learning_rate, self.batch_fraction
        step = eta if self.persistence is None else 2.0 * b * self.persistence - eta
        return 0.5 * step * (1.0 - b) * noise

    def solution(
        self, moments: Moments, status: Status, method: dict[str, Any], diagnostics: dict[str, Any]
    ) -> Solution:
        """That of ``sgd``; not converged if the two waiting times do not agree."""
        made = super().solution(moments, status, method, diagnostics)
        if status.success and "temperature_drift" in made and (grown := self._growth(made)) > GROWTH:
            sentence = (
                f"not stationary: ‖w‖² grows {grown:.3g}-fold between waiting times {self.waiting_times[0]} and "
                f"{self.waiting_times[-1]}; give a larger ridge, or a smaller learning_rate"
            )
            return replace(made, status=Status(NOT_CONVERGED, sentence))
        drifting = [name for name in ("temperature", "magnetization") if self._drifts(made, name)]
        if not (status.success and drifting):
            return made
        sentence = (
            f"not stationary between waiting times {self.waiting_times[0]} and {self.waiting_times[-1]} "
            f"({', '.join(drifting)}): give more --steps, or fewer --lags"
        )
        return replace(made, status=Status(NOT_CONVERGED, sentence))

    def _growth(self, made: Solution) -> float:
        """Factor by which ‖w‖² per weight grows between the first and the last waiting time."""
        size = made["norm"].values + made["magnetization"].values ** 2
        first, last = size[self.waiting_times[[0, -1]]]
        return float(last / first) if first > 0.0 else 1.0

    def _drifts(self, made: Solution, name: str) -> bool:
        """True if a drift is significant and more than a few per cent of the value."""
        if f"{name}_drift" not in made:
            return False
        drift = made[f"{name}_drift"]
        size: Callable[[], float] = {
            # of gradient descent, whose temperature is 0, only what would be seen beside the norm counts
            "temperature": lambda: float(
                np.abs(made["effective_temperature"].values).mean()
                + NEGLIGIBLE * made["norm"].last / made["susceptibility"].last
            ),
            "magnetization": lambda: float(np.sqrt(made["norm"].last + made["magnetization"].last ** 2)),
        }[name]
        error = drift.last_stderr or 0.0
        return abs(drift.last) > max(SIGNIFICANT * error, TOLERATED * size())

    def coordinates(self, times: int) -> dict[str, Coordinate]:
        """Those of ``sgd``, and the lag in steps with its time as second scale."""
        lag = np.arange(1, self.lags + 1)
        return super().coordinates(times) | {
            "lag": Coordinate("lag", lag, "k", "lag in steps"),
            "lag_time": Coordinate("lag_time", self.learning_rate * lag, "t - t_w", "lag in time", dim="lag"),
        }


def local_slope(rise: Array, run: Array) -> Array:
    """Slope of `rise` against `run` (both without their common start 0) over the shortest sufficient chord.

    Where the response has decayed, neighbouring lags alone have no slope but only noise.
    """
    y, x = np.concatenate(([0.0], rise)), np.concatenate(([0.0], run))
    last, least = len(x) - 1, CHORD * float(np.abs(x).max())
    slopes = np.zeros(last)
    for k in range(1, last + 1):
        for half in range(1, last + 1):
            low, high = max(k - half, 0), min(k + half, last)
            if abs(x[high] - x[low]) >= least or (low, high) == (0, last):
                break
        if x[high] != x[low]:
            slopes[k - 1] = (y[high] - y[low]) / (x[high] - x[low])
    return slopes

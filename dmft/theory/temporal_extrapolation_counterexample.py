"""Networks that fit every short sequence and fail on long ones: the cyclic-shift family and its basin.

Equation numbers are those of docs/theory/temporal_extrapolation_counterexample.rst.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from ..errors import ParameterError
from ..parameters import declare, redeclare
from ..results.curve import Coordinate, Observable
from ..results.picture import Guide, Panel
from ..results.progress import SILENT, Progress
from ..results.solution import Solution
from ..results.statistics import two_sigma_factor
from ..results.status import CONVERGED, Status, worst
from .linear_rnn import EXACT, OVER_TIME, SCALARS, Flows, LinearRNN, response
from .registry import register
from .temporal_extrapolation import TemporalExtrapolation, symmetric_start

Array = np.ndarray
#: Points of the two axes of the basin, and starts at each of them (the method's, if it has more).
PERTURBATIONS = np.geomspace(0.01, 1.0, 7)
MIXTURES = np.append(0.0, np.geomspace(0.01, 1.0, 9))
STARTS = 16
#: A flow stays in the basin if it ends at this part of the family's extrapolation error, or more.
STAYS = 0.5
BASIN_NAMES = ("error", "train_loss", "basin_fraction")
BASIN = tuple(
    item
    for dim, words in (("perturbation", "with noise"), ("mixture", "mixed with a symmetric start"))
    for item in (
        Observable(f"{dim}_error", "ε", f"extrapolation error at the end, median, {words}", (dim,)),
        Observable(f"{dim}_train_loss", "L", f"training loss at the end, median, {words}", (dim,)),
        Observable(f"{dim}_basin_fraction", "p", f"flows that keep half of the family's error, {words}", (dim,)),
    )
)


@register
@dataclass(frozen=True)
class TemporalExtrapolationCounterexample(LinearRNN):
    """A = α · cyclic shift, B = e_1, C = w* e_1ᵀ, mixed with a symmetric random start, plus noise."""

    slug: ClassVar[str] = "temporal-extrapolation/counterexample"
    title: ClassVar[str] = "Linear recurrent networks that fit short sequences and fail on long ones"
    observables: ClassVar[tuple[Observable, ...]] = (
        *OVER_TIME,
        *EXACT,
        *BASIN,
        *SCALARS,
        Observable("family_error", "ε_α", "extrapolation error of the family itself", ()),
        Observable("basin_edge", "c*", "mixture beyond which fewer than half of the flows keep it", ()),
    )
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel("train_loss", log="xy"),
        Panel("moments", log="", guides=(Guide("target_moments", label="teacher"),)),
        Panel(
            "perturbation_error", log="xy", guides=(Guide("family_error", label="family"),), title="family with noise"
        ),
        Panel(
            "mixture_error",
            log="y",
            guides=(Guide("family_error", label="family"),),
            title="mixed with a symmetric start",
        ),
        Panel("mixture_basin_fraction", log="", title="flows that keep half of the error"),
        Panel("perturbation_basin_fraction", log="x", title="the same, with noise"),
    )

    test_length: int = redeclare(LinearRNN, "test_length", 30)
    t_max: float = redeclare(LinearRNN, "t_max", 1e3)
    shift: float = declare(0.9, "α", "factor of the cyclic shift", bounds="(0, 1e3]")
    perturbation: float = declare(
        0.1, "s", "noise of variance s²/d added to every weight of the start", bounds="[0, 1e3]"
    )
    mixture: float = declare(0.0, "c", "part of a symmetric random start mixed with the family", bounds="[0, 1]")
    init_scale: float = redeclare(TemporalExtrapolation, "init_scale", 0.3)

    def check(self) -> None:
        super().check()
        if self.state_dim < self.train_length:
            raise ParameterError(
                f"state_dim = {self.state_dim} is not allowed with train_length = {self.train_length}: the shift "
                "hides from training only in as many dimensions, give --state-dim at least that"
            )
        if self.test_length <= self.state_dim:
            raise ParameterError(
                f"test_length = {self.test_length} is not allowed with state_dim = {self.state_dim}: the response "
                "comes back at lag d, give a longer one"
            )

    def family(self) -> Array:
        """The unperturbed network, eq. (1)."""
        d = self.state_dim
        first = np.eye(d)[0]
        return np.concatenate([self.shift * np.roll(np.eye(d), 1, axis=0).ravel(), first, self.teacher * first])

    def start(self, rng: np.random.Generator) -> Array:
        """(1 − c) family + c (a start of ``temporal-extrapolation``, symmetric) + noise: eq. (2)."""
        d = self.state_dim
        noise = self.perturbation / np.sqrt(d) * rng.standard_normal(d * d + 2 * d)
        return (1.0 - self.mixture) * self.family() + self.mixture * symmetric_start(d, self.init_scale, rng) + noise

    def family_error(self) -> float:
        """‖m_{k..T−1}‖ of the family: m_d = α^d w*, m_2d = α^2d w*, …."""
        beyond = response(self.family(), self.state_dim, self.test_length)[self.train_length :]
        with np.errstate(over="ignore"):
            return float(np.sqrt(np.sum(beyond**2)))

    def estimate(self, method: Flows) -> dict[str, float]:
        one = super().estimate(method)
        more = (len(PERTURBATIONS) + len(MIXTURES)) * max(STARTS, method.starts)
        each = self.seconds()[self.integrator(method)]
        return {"memory": one["memory"], "seconds": one["seconds"] + more * each}

    def solve(self, method: Flows, progress: Progress) -> Solution:
        """The flow from the start that was asked for, and the basin: where flows from others around the family end."""
        main = super().solve(method, progress)
        if not main.status.success:
            return main
        curves, axes, status = dict(main.curves), dict(main.coordinates), main.status
        along = {
            "perturbation": (PERTURBATIONS, [replace(self, mixture=0.0, perturbation=s) for s in PERTURBATIONS]),
            "mixture": (MIXTURES, [replace(self, mixture=c, perturbation=0.0) for c in MIXTURES]),
        }
        shares = {}
        for dim, (points, models) in along.items():
            rows, part = self._ends(models, method)
            status = worst(status, part)
            columns = np.array(rows).reshape(-1, 4).T
            shares[dim] = columns[2]
            axes[dim] = Coordinate(
                dim, points[: len(rows)], "s" if dim == "perturbation" else "c", f"{dim} of the start"
            )
            for name, values, error in zip(BASIN_NAMES, columns, (None, None, columns[3]), strict=False):
                curves[f"{dim}_{name}"] = self.observable(f"{dim}_{name}").curve(values, error)
        curves["family_error"] = self.observable("family_error").curve(np.array(self.family_error()))
        edge = half_way(axes["mixture"].values, shares["mixture"])
        curves["basin_edge"] = self.observable("basin_edge").curve(np.array(edge))
        return replace(main, curves=curves, coordinates=axes, status=status)

    def _ends(self, models: list[TemporalExtrapolationCounterexample], method: Flows) -> tuple[list[Any], Status]:
        """Median error, median loss, share of flows that stay and its error, for every model; until one fails."""
        count, allowed = max(STARTS, method.starts), STAYS * self.family_error()
        rows: list[Any] = []
        for model in models:
            flows = model.flow(model.starts(count), np.array([self.t_max]), method, SILENT)
            if not flows.success:
                return rows, flows.outcome()
            measured = self.measure(flows.y, response(flows.y, self.state_dim, self.test_length))
            ends = measured["extrapolation_error"][:, -1]
            share = float(np.mean(ends >= allowed))
            # the binomial error, with one more of either kind, as the share may be 0 or 1
            safe = (share * count + 1.0) / (count + 2.0)
            error = two_sigma_factor(count) * np.sqrt(safe * (1.0 - safe) / count)
            rows.append((np.median(ends), np.median(measured["train_loss"]), share, error))
        return rows, Status(CONVERGED, "")


def half_way(points: Array, shares: Array) -> float:
    """Where the share falls below one half, linearly between two points; the last point if it never does."""
    below = np.flatnonzero(shares < 0.5)
    if not len(below) or not below[0]:
        return float(points[0] if len(below) else points[-1])
    last = int(below[0])
    part = (shares[last - 1] - 0.5) / (shares[last - 1] - shares[last])
    return float(points[last - 1] + part * (points[last] - points[last - 1]))

"""Spherical p-spin model after a quench from infinite temperature: the standard benchmark of two-time dynamics.

H = −sqrt(N/2) Σ J s…s / N^{p/2} on the sphere ‖s‖² = N, with covariance N f(q), f(q) = q^p/2; Langevin dynamics at
temperature T (gradient flow at T = 0). Equation numbers are those of docs/theory/p_spin.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..parameters import declare
from ..results.curve import Coordinate, Observable
from ..results.picture import Guide, Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..solvers.two_time.method import TwoTime
from .base import Model, sizes_for
from .registry import register

if TYPE_CHECKING:
    from ..solvers.two_time.problem import TwoTimeProblem
    from ..solvers.two_time.report import Report

Array = np.ndarray
TWO_TIME = ("t", "t_prime")
AGING = ("waiting_time", "lag")
#: Intervals between the times that are reported; beyond `LONG` they grow with time.
POINTS, LONG = 100, 100.0
OBSERVABLES = (
    Observable("energy", "E", "energy per spin"),
    Observable("lagrange_multiplier", "μ", "Lagrange multiplier of the sphere"),
    Observable("correlation", "C", "two-time correlation", TWO_TIME),
    Observable("response", "R", "response to a field", TWO_TIME),
    Observable("susceptibility", "χ", "response to a field that stays on from t' to t", TWO_TIME),
    Observable("aging_correlation", "C(t_w+τ,t_w)", "correlation after a waiting time", AGING),
    Observable("aging_susceptibility", "χ(t_w+τ,t_w)", "susceptibility after a waiting time", AGING),
    Observable("time_ratio", "t_w/(t_w+τ)", "ratio of the two times", AGING),
    Observable("asymptotic_susceptibility", "χ_∞(C)", "susceptibility at infinite times for the same C", AGING),
)
SCALARS = (
    Observable("final_energy", "E_end", "energy per spin, at the end", ()),
    Observable("threshold_energy", "E_th", "energy that aging tends to, or equilibrium if it is reached", ()),
    Observable("plateau", "q", "correlation at which aging begins; 0 if equilibrium is reached", ()),
    Observable("aging_slope", "1/T_eff", "−dχ/dC between times of the aging scale; 1/T in equilibrium", ()),
)


@register
@dataclass(frozen=True)
class PSpin(Model):
    """Spherical p-spin model; random start, so C(t,0) = R(t,0)."""

    slug: ClassVar[str] = "p-spin"
    title: ClassVar[str] = "Spherical p-spin model after a quench: the two-time benchmark"
    references: ClassVar[tuple[str, ...]] = (
        "A. Crisanti, H. Horner, H.-J. Sommers, The spherical p-spin interaction spin-glass model: the dynamics, "
        "Z. Phys. B 92, 257 (1993)",
        "L. F. Cugliandolo, J. Kurchan, Analytical solution of the off-equilibrium dynamics of a long-range "
        "spin-glass model, Phys. Rev. Lett. 71, 173 (1993), arXiv:cond-mat/9303036",
        "L. F. Cugliandolo, D. S. Dean, Full dynamical solution for a spherical spin-glass model, J. Phys. A 28, 4213 "
        "(1995), arXiv:cond-mat/9502075",
    )
    observables: ClassVar[tuple[Observable, ...]] = OBSERVABLES + SCALARS
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel("energy", log="x", guides=(Guide("threshold_energy"),)),
        Panel("aging_correlation", family="waiting_time", log="x", guides=(Guide("plateau"),)),
        Panel(
            "aging_correlation",
            x="time_ratio",
            family="waiting_time",
            log="",
            title="the same against the ratio of times",
        ),
        Panel(
            "aging_susceptibility",
            x="aging_correlation",
            family="waiting_time",
            log="",
            guides=(Guide("asymptotic_susceptibility"),),
            title="fluctuation and dissipation",
        ),
        Panel("correlation"),
        Panel("response"),
    )
    method: ClassVar[type[TwoTime]] = TwoTime
    size_means: ClassVar[str] = "number of spins"

    p: int = declare(3, "p", "spins in each interaction", bounds="[2, 20]")
    temperature: float = declare(0.0, "T", "temperature; 0 = gradient flow", bounds="[0, 100]")
    t_max: float = declare(20.0, "t_max", "time at the end", bounds="(0, 1e7]")

    @property
    def dynamical_temperature(self) -> float:
        """T_d, above which equilibrium is reached in a time of order 1: eq. (8)."""
        p = self.p
        if p == 2:
            return 1.0
        return float(np.sqrt(0.5 * p * ((p - 2.0) / (p - 1.0)) ** (p - 2) / (p - 1.0)))

    @property
    def deficit(self) -> float:
        """1 − q of the plateau from which aging starts, below T_d: eq. (10)."""
        p, temperature = self.p, self.temperature
        # it is small like T: from 0 at T = 0 to 1/(p − 1) at T_d
        low, u, high = 0.0, 0.5 / (p - 1.0), 1.0 / (p - 1.0)
        while low < u < high:
            below = np.sqrt(0.5 * p * (p - 1.0)) * (1.0 - u) ** (0.5 * p - 1.0) * u < temperature
            low, high = (u, high) if below else (low, u)
            u = 0.5 * (low + high)
        return u

    @property
    def ages(self) -> bool:
        """True below T_d."""
        return self.temperature < self.dynamical_temperature

    @property
    def threshold_energy(self) -> float:
        """Energy at infinite time: equilibrium above T_d, aging at the threshold below: eqs. (9) and (10)."""
        p, temperature = self.p, self.temperature
        if not self.ages:
            return -0.5 / temperature
        if temperature < 1e-100:  # the limit, before numbers become subnormal
            return -float(np.sqrt(2.0 * (p - 1.0) / p))
        u = self.deficit
        lost = -np.expm1(p * np.log1p(-u))  # 1 − q^p
        violation = (p - 2.0) * u / (1.0 - u) if p > 2 else 0.0
        return float(-0.5 * (lost + violation * (1.0 - lost)) / temperature)

    def asymptotic(self, correlation: Array) -> tuple[float, float, Array]:
        """q, 1/T_eff and χ(C) at infinite times, from the fluctuation–dissipation ratio x: eqs. (10) and (11)."""
        p, temperature = self.p, self.temperature
        if not self.ages:
            return 0.0, 1.0 / temperature, (1.0 - correlation) / temperature
        u = self.deficit if temperature >= 1e-100 else 0.0
        # (1 − q)/T by its equation, which has a limit at T = 0
        fast = float((1.0 - u) ** (1.0 - 0.5 * p) / np.sqrt(0.5 * p * (p - 1.0)))
        slope, q = (p - 2.0) * fast / (1.0 - u), 1.0 - u
        near = (1.0 - correlation) / temperature if u else np.zeros_like(correlation)
        return q, slope, np.where(correlation >= q, near, fast + slope * (q - correlation))

    @property
    def report(self) -> Report:
        """The times of all curves: even up to :data:`LONG`, beyond growing like their logarithm; waiting times, lags.

        Waiting times are parts of t_max, or its decades down to 1.
        """
        from ..solvers.two_time.report import Report

        steps, t_max = np.arange(POINTS + 1) / POINTS, self.t_max
        if t_max <= LONG:
            t = t_max * steps
            return Report(t, t[[5, 10, 20, 40]], t[: 6 * POINTS // 10 + 1])
        decades = 10.0 ** -np.arange(5.0, 0.0, -1.0)
        waiting = t_max * decades[t_max * decades >= 1.0]
        return Report(_growing(t_max, steps), waiting, _growing(t_max - waiting[-1], steps))

    def problem(self) -> TwoTimeProblem:
        """The kernels of the solver, D = f'(C) and Σ = f''(C) R: eq. (3)."""
        from ..solvers.two_time.problem import TwoTimeProblem

        p = self.p
        noise_law, memory_law = np.zeros(p), np.zeros(p - 1)
        noise_law[-1], memory_law[-1] = 0.5 * p, 0.5 * p * (p - 1.0)
        return TwoTimeProblem(noise_law, memory_law, self.temperature)

    def default_sizes(self) -> tuple[int, ...]:
        return sizes_for(self.p)

    def estimate(self, method: TwoTime) -> dict[str, float]:
        from ..solvers.two_time.solve import estimate

        return estimate(self.problem(), self.report, method)

    def solve(self, method: TwoTime, progress: Progress) -> Solution:
        """Solve the equations to the method's tolerance; exact within it, so there are no standard errors."""
        from ..solvers.two_time.solve import solve

        values, status, facts = solve(self.problem(), self.report, method, progress)
        if not values:
            return Solution({}, {}, status, 0, method.as_dict(), facts)
        sample = {
            "energy": -values["driven"],
            "lagrange_multiplier": values["multiplier"],
            **{name: curve for name, curve in values.items() if name not in ("driven", "multiplier")},
            "final_energy": -values["driven"][-1],
            "threshold_energy": np.array(self.threshold_energy),
        }
        aged = sample.get("aging_correlation", np.zeros((0, 0)))
        plateau, slope, law = self.asymptotic(aged)
        if aged.size:
            report = self.report
            lags = report.lags[: aged.shape[1]]
            sample["time_ratio"] = report.waiting[:, None] / (report.waiting[:, None] + lags)
            law[:, lags == 0.0] = 0.0  # at T = 0 it jumps at C = 1
            sample["asymptotic_susceptibility"] = law
        sample.update(plateau=np.array(plateau), aging_slope=np.array(slope))
        curves = self.exact_curves(sample)
        coordinates = self.coordinates(len(sample["energy"]))
        if aged.size:
            coordinates["waiting_time"] = Coordinate("waiting_time", report.waiting, "t_w", "waiting time")
            coordinates["lag"] = Coordinate("lag", lags, "τ", "time after the waiting time")
        return Solution(curves, coordinates, status, 0, method.as_dict(), facts)

    def coordinates(self, length: int) -> dict[str, Coordinate]:
        """The axes: the first `length` times of the report, in theory and simulation alike."""
        t = self.report.t[:length]
        return {
            "t": Coordinate("t", t, "t", "time"),
            "t_prime": Coordinate("t_prime", t, "t'", "earlier time"),
        }


def _growing(end: float, steps: Array) -> Array:
    """Times from 0 to `end`, evenly spaced at first, then on a logarithmic scale."""
    t = np.expm1(steps * np.log1p(end))
    t[-1] = end
    return t

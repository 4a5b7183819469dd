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
from ..results.progress import Progress
from ..results.solution import Solution
from ..solvers.two_time.method import TwoTime
from .base import Model
from .registry import register

if TYPE_CHECKING:
    from ..solvers.two_time.problem import TwoTimeProblem

Array = np.ndarray
TWO_TIME = ("t", "t_prime")
#: Intervals between the times that are reported.
POINTS = 100
OBSERVABLES = (
    Observable("energy", "E", "energy per spin"),
    Observable("lagrange_multiplier", "μ", "Lagrange multiplier of the sphere"),
    Observable("correlation", "C", "two-time correlation", TWO_TIME),
    Observable("response", "R", "response to a field", TWO_TIME),
)
SCALARS = (
    Observable("final_energy", "E_end", "energy per spin, at the end", ()),
    Observable("threshold_energy", "E_th", "energy that aging tends to, or equilibrium if it is reached", ()),
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
    method: ClassVar[type[TwoTime]] = TwoTime

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
    def threshold_energy(self) -> float:
        """Energy at infinite time: equilibrium above T_d, aging at the threshold below: eqs. (9) and (10)."""
        p, temperature = self.p, self.temperature
        if temperature >= self.dynamical_temperature:
            return -0.5 / temperature
        if temperature < 1e-100:  # the limit, before numbers become subnormal
            return -float(np.sqrt(2.0 * (p - 1.0) / p))
        # u = 1 − q, which is small like T: from 0 at T = 0 to 1/(p − 1) at T_d
        low, u, high = 0.0, 0.5 / (p - 1.0), 1.0 / (p - 1.0)
        while low < u < high:
            below = np.sqrt(0.5 * p * (p - 1.0)) * (1.0 - u) ** (0.5 * p - 1.0) * u < temperature
            low, high = (u, high) if below else (low, u)
            u = 0.5 * (low + high)
        lost = -np.expm1(p * np.log1p(-u))  # 1 − q^p
        violation = (p - 2.0) * u / (1.0 - u) if p > 2 else 0.0
        return float(-0.5 * (lost + violation * (1.0 - lost)) / temperature)

    def problem(self) -> TwoTimeProblem:
        """The kernels of the solver, D = f'(C) and Σ = f''(C) R: eq. (3)."""
        from ..solvers.two_time.problem import TwoTimeProblem

        p = self.p
        noise_law, memory_law = np.zeros(p), np.zeros(p - 1)
        noise_law[-1], memory_law[-1] = 0.5 * p, 0.5 * p * (p - 1.0)
        return TwoTimeProblem(noise_law, memory_law, self.temperature)

    def estimate(self, method: TwoTime) -> dict[str, float]:
        from ..solvers.two_time.solve import estimate

        return estimate(self.problem(), self.t_max, POINTS, method)

    def solve(self, method: TwoTime, progress: Progress) -> Solution:
        """Solve the equations to the method's tolerance; exact within it, so there are no standard errors."""
        from ..solvers.two_time.solve import solve

        values, status, facts = solve(self.problem(), self.t_max, POINTS, method, progress)
        if not values:
            return Solution({}, {}, status, 0, method.as_dict(), facts)
        sample = {
            "energy": -values["driven"],
            "lagrange_multiplier": values["multiplier"],
            "correlation": values["correlation"],
            "response": values["response"],
        }
        curves = {name: self.observable(name).curve(value) for name, value in sample.items()}
        curves["final_energy"] = self.observable("final_energy").curve(sample["energy"][-1])
        curves["threshold_energy"] = self.observable("threshold_energy").curve(np.array(self.threshold_energy))
        return Solution(curves, self.coordinates(len(sample["energy"])), status, 0, method.as_dict(), facts)

    def coordinates(self, length: int) -> dict[str, Coordinate]:
        """The axes: the first `length` of :data:`POINTS` + 1 evenly spaced times, in theory and simulation alike."""
        t = self.t_max * np.arange(POINTS + 1)[:length] / POINTS
        return {
            "t": Coordinate("t", t, "t", "time"),
            "t_prime": Coordinate("t_prime", t, "t'", "earlier time"),
        }

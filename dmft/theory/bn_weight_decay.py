"""Periodic training under batch normalisation and weight decay: the smallest model, two weights and f = a sin²φ.

The angle between destabilisations falls to e^(−π²/8ηλ), far below the range of float64. Equation numbers are those of
docs/theory/bn_weight_decay.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from ..parameters import Declared, declare
from ..results.curve import Coordinate, Curve, Observable
from ..results.picture import Guide, Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.statistics import Moments
from ..results.status import CONVERGED, NOT_CONVERGED, Status
from ..solvers.map.scaled import from_log, to_log
from ..solvers.memory import check_memory
from .base import Model
from .registry import register
from .scale_invariant import REFERENCES, check_decay, contraction, inverse_contraction

Array = np.ndarray
#: Steps that are recorded, at most.
RECORDED = 4000
#: Part of 2ηλ below which the gradient does not count in the balance of ρ².
QUIET = 0.1
PROBABILITIES = np.linspace(0.1, 0.9, 9)
STEP, CYCLE = ("step",), ("cycle",)


@dataclass(frozen=True)
class MapMethod(Declared):
    """Starts for the distribution of periods: angles between φ₀ and φ₀/e, logarithmically uniform."""

    members: int = declare(16, "", "starts behind the distribution of periods", bounds="[2, 1e6]")
    seed: int = declare(0, "seed", "seed of the starts", bounds="[0, inf)")


@register
@dataclass(frozen=True)
class BNWeightDecay(Model):
    """SGD with weight decay on f(x, y) = a sin²φ."""

    slug: ClassVar[str] = "bn-weight-decay"
    title: ClassVar[str] = "Periodic training under weight decay: the smallest scale-invariant model"
    references: ClassVar[tuple[str, ...]] = REFERENCES
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("elr", "η̃", "effective learning rate", STEP),
        Observable("norm", "ρ", "norm of the weights", STEP),
        Observable("loss", "f", "loss", STEP),
        Observable("log_angle", "ln|tan φ|", "logarithm of the tangent of the angle", STEP),
        Observable("effective_gradient", "|g̃|", "norm of the effective gradient", STEP),
        Observable("elr_phase_a", "η̃_A", "effective learning rate where the loss falls", STEP),
        Observable("elr_phase_b", "η̃_B", "effective learning rate where the gradient is negligible", STEP),
        Observable("elr_phase_c", "η̃_C", "effective learning rate where the weights are thrown off", STEP),
        Observable("period", "T", "steps between the ends of two jumps", CYCLE, "step"),
        Observable("predicted_period", "T_law", "period by the law, from the state after the jump", CYCLE, "step"),
        Observable("period_quantile", "T", "quantile of the periods over starts", ("probability",), "step"),
        Observable("period_mean", "⟨T⟩", "mean period", (), "step"),
        Observable("period_std", "σ_T", "standard deviation of the period", (), "step"),
        Observable("n_periods", "n_T", "number of full periods", ()),
        Observable("scaled_period", "Tηλ", "mean period in units of 1/ηλ", ()),
        Observable(
            "period_law", "T_law", "period by the law: Toda at a noise floor that is reached, else mean", (), "step"
        ),
        Observable("prediction_error", "ΔT/T", "mean relative deviation of the predicted periods", ()),
        Observable("prediction_ratio", "⟨T⟩/⟨T_law⟩", "mean period over mean predicted period", ()),
        Observable("beta_max", "β_max", "largest β in a cycle, median over cycles", ()),
        Observable("beta_max_law", "β_max", "the same by the law", ()),
    )
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel(
            "elr_phase_b",
            log="y",
            guides=(Guide("elr_phase_a", label="A: loss falls"), Guide("elr_phase_c", label="C: jump")),
            title="ELR (line: phase B, gradient tiny)",
        ),
        Panel("log_angle", log=""),
        Panel("effective_gradient", x="elr", log="x", title="phase plane"),
        Panel("period", guides=(Guide("predicted_period", label="law"),)),
    )
    method: ClassVar[type[MapMethod]] = MapMethod
    sizes: ClassVar[tuple[int, ...]] = (2,)  # several would be the same runs, taken for independent ones
    size_means: ClassVar[str] = "no effect: the model has two weights"

    eta: float = declare(0.1, "η", "learning rate", bounds="(0, inf)")
    weight_decay: float = declare(0.03, "λ", "weight decay", bounds="(0, inf)")
    curvature: float = declare(1.0, "a", "height of the loss", bounds="(0, inf)")
    rho0: float = declare(1.0, "ρ_0", "norm of the weights at the start", bounds="(0, inf)")
    phi0: float = declare(0.1, "φ_0", "angle at the start", unit="rad", bounds="(0, 1.5707963)")
    noise_floor: float = declare(0.0, "φ_f", "smallest angle that noise leaves, 0 = none", bounds="[0, 0.5]")
    steps: int = declare(4000, "T", "number of steps", bounds="[1, 1e10]")

    def check(self) -> None:
        check_decay(self.eta, self.weight_decay)

    @property
    def k(self) -> float:
        """What a step of decay leaves of the weights."""
        return 1.0 - self.eta * self.weight_decay

    @property
    def rate(self) -> float:
        """Growth of ln β per step where the gradient is negligible, −2 ln k ≈ 2ηλ."""
        return -2.0 * float(np.log1p(-self.eta * self.weight_decay))

    @property
    def recorded_steps(self) -> Array:
        """Evenly spaced steps that are reported."""
        return np.arange(0, self.steps + 1, -(-self.steps // RECORDED))

    def starts(self, phi: Array) -> Array:
        """States (m, e, β) of the map for start angles."""
        mantissa, exponent = from_log(2.0 * np.log(np.tan(phi)))
        beta = np.full(len(phi), 2.0 * self.curvature * self.eta / self.rho0**2)
        return np.stack([mantissa, exponent, beta], axis=1)

    def drawn_angles(self, count: int, rng: np.random.Generator) -> Array:
        """Start angles of an ensemble."""
        return self.phi0 * np.exp(-rng.random(count))

    @property
    def map_parameters(self) -> Array:
        """k and the floor of tan²φ."""
        floor = np.log(np.tan(self.noise_floor)) if self.noise_floor else -np.inf
        return np.array([self.k, *(float(part) for part in from_log(np.array(2.0 * floor)))])

    def orbits(self, starts: Array, at: Array, progress: Progress) -> tuple[Any, list[Array], list[Array]]:
        """Orbits of the map; for each member the steps after its jumps, and ln|tan φ| and ln β there (…, 2)."""
        from ..solvers.map.solve import iterate
        from .kernels.sin2 import cycle, sin2

        call: dict[str, Any] = {"parameters": self.map_parameters, "events": cycle, "direction": (1.0, -1.0)}
        counted = iterate(sin2, starts, self.steps, keep_events=0, at=[], progress=progress, **call)
        keep = int(counted.event_counts.max())
        orbits = iterate(sin2, starts, self.steps, keep_events=keep, at=at, progress=progress, **call)
        ends, states = [], []
        for when, where in zip(orbits.when, orbits.where, strict=True):
            chosen = after_jumps(when[0], when[1])
            ends.append(when[1][chosen])
            m, e, beta = where[1][chosen].T
            states.append(np.stack([0.5 * to_log(m, e), np.log(beta)], axis=1))
        return orbits, ends, states

    def predicted_periods(self, log_beta: Array) -> tuple[Array, Array]:
        """Periods and ln β at the exit, by entrance and exit, eq. (7), from the states after jumps."""
        out = inverse_contraction(contraction(log_beta))
        return (out - log_beta) / self.rate, out

    @property
    def floor_is_reached(self) -> bool:
        """Whether the angle falls to the noise floor: without one it falls to e^(−π²/8ηλ)."""
        return self.noise_floor > 0.0 and -np.log(self.noise_floor) < np.pi**2 / (4.0 * self.rate)

    def laws(self, predicted: Array, out: Array) -> tuple[float, float]:
        """Period and largest β: eq. (8) with a noise floor, else means of eq. (7)."""
        if self.floor_is_reached:
            product, depth = self.eta * self.weight_decay, -np.log(self.noise_floor)
            return float(np.sqrt(2.0 * depth / product)), float(2.0 * np.exp(np.sqrt(2.0 * product * depth)))
        if not len(predicted):
            return float("nan"), float("nan")
        return float(predicted.mean()), float(np.exp(np.median(out)))

    def estimate(self, method: MapMethod) -> dict[str, float]:
        periods = 2.0 + self.steps * self.rate
        recorded = 8.0 * len(self.recorded_steps) * 20.0
        return {"memory": recorded + 128.0 * method.members * periods, "seconds": 0.1 + 6e-7 * self.steps}

    def solve(self, method: MapMethod, progress: Progress) -> Solution:
        """One orbit with its laws; the distribution of periods over starts has standard errors."""
        check_memory(self.estimate(method)["memory"], "try fewer --members or --steps")
        orbits, ends, states = self.orbits(self.starts(np.array([self.phi0])), self.recorded_steps, progress)
        curves = self.path_curves(orbits.y[0])
        periods = np.diff(ends[0])
        predicted, out = self.predicted_periods(states[0][:-1, 1]) if len(periods) else (np.zeros(0), np.zeros(0))
        period_law, beta_law = self.laws(predicted, out)
        if self.floor_is_reached:
            predicted = np.full(len(periods), period_law)
        scalars = self.period_scalars(periods) | {"period_law": period_law, "beta_max_law": beta_law}
        if len(periods):
            scalars["prediction_error"] = float(np.mean(np.abs(predicted / periods - 1.0)))
            scalars["prediction_ratio"] = float(periods.mean() / predicted.mean())
            scalars["beta_max"] = self.largest_beta(curves["elr"].values)
        values = {"period": periods, "predicted_period": predicted, **scalars}
        curves |= self.exact_curves(values)
        moments = Moments()
        rng = np.random.default_rng(np.random.SeedSequence(method.seed))
        if orbits.status.success and len(periods):
            angles = self.drawn_angles(method.members, rng)
            for jumps in self.orbits(self.starts(angles), np.zeros(0, dtype=int), progress)[1]:
                if len(jumps) > 1:
                    moments.add({"period_quantile": np.quantile(steady(np.diff(jumps)), PROBABILITIES)})
        if moments.count > 1:
            quantile = moments.mean("period_quantile"), moments.stderr("period_quantile")
            curves["period_quantile"] = self.observable("period_quantile").curve(*quantile)
        status = orbits.status if not orbits.status.success else self.told(len(periods))
        return Solution(curves, self.coordinates(len(periods)), status, moments.count, method.as_dict())

    def path_curves(self, path: Array) -> dict[str, Curve]:
        """Curves along one orbit (T, 3)."""
        log_tangent, beta = 0.5 * to_log(path[:, 0], path[:, 1]), path[:, 2]
        with np.errstate(over="ignore"):
            sine = 1.0 / (1.0 + np.exp(-2.0 * log_tangent))
            product = np.exp(log_tangent - np.logaddexp(0.0, 2.0 * log_tangent))  # sin φ cos φ
        elr = beta / (2.0 * self.curvature)
        gain = (beta * product) ** 2
        jumping = gain > 1.0 - self.k**2
        quiet = ~jumping & (gain < QUIET * (1.0 - self.k**2))
        jumping |= ~quiet & (beta > 2.0)
        values = {
            "elr": elr,
            "norm": np.sqrt(self.eta / elr),
            "loss": self.curvature * sine,
            "log_angle": log_tangent,
            "effective_gradient": 2.0 * self.curvature * product,
        }
        for name, inside in (("a", ~jumping & ~quiet), ("b", quiet), ("c", jumping)):
            inside = inside | np.append(False, inside[:-1])  # a step belongs to the phase that it comes from as well
            values[f"elr_phase_{name}"] = np.where(inside, elr, np.nan)
        return self.exact_curves(values)

    def period_scalars(self, periods: Array) -> dict[str, float]:
        """Numbers about the periods of one orbit, without the first if there are others: it knows the start."""
        kept = steady(periods)
        mean = float(kept.mean()) if len(kept) else float("nan")
        spread = float(kept.std(ddof=1)) if len(kept) > 1 else float("nan")
        scaled = mean * self.eta * self.weight_decay
        return {"period_mean": mean, "period_std": spread, "n_periods": float(len(kept)), "scaled_period": scaled}

    def largest_beta(self, elr: Array) -> float:
        """Median over cycles of the largest β, as far as the recorded steps show it."""
        beta = 2.0 * self.curvature * elr
        edges = np.flatnonzero((beta[1:] > 2.0) & (beta[:-1] <= 2.0)) + 1
        tops = [beta[first:last].max() for first, last in pairwise(edges)]
        return float(np.median(tops)) if tops else float(beta.max())

    def told(self, periods: int) -> Status:
        """The status for this number of full periods."""
        if periods:
            return Status(CONVERGED, f"{periods} full periods in {self.steps} steps; map exact to round-off")
        wait = max(0.0, float(np.log(self.rho0**2 / (self.curvature * self.eta))))  # until φ = 0 is unstable
        guess = self.steps + int((6.0 + wait) / self.rate)
        return Status(NOT_CONVERGED, f"no full period in {self.steps} steps: give more --steps, e.g. {guess}")

    def coordinates(self, periods: int) -> dict[str, Coordinate]:
        """The axes of theory and simulation alike."""
        return {
            "step": Coordinate("step", self.recorded_steps.astype(float), "t", "step"),
            "cycle": Coordinate("cycle", np.arange(periods, dtype=float), "n", "cycle"),
            "probability": Coordinate("probability", PROBABILITIES, "p", "part of the periods that are shorter"),
        }


def steady(periods: Array) -> Array:
    """Periods without the first, which knows the start, if there are others."""
    return periods[1:] if len(periods) > 1 else periods


def after_jumps(unstable: Array, shrinking: Array) -> Array:
    """Which of the steps `shrinking` (ρ begins to shrink) end a jump: the last before φ = 0 turns unstable again.

    A jump begins when φ = 0 has turned unstable; that of the last one is not known to be over.
    """
    unstable, shrinking = unstable[np.isfinite(unstable)], shrinking[np.isfinite(shrinking)]
    first, last = np.searchsorted(shrinking, unstable[:-1]), np.searchsorted(shrinking, unstable[1:])
    return np.unique(last[last > first] - 1)

"""Policy learning in high dimension: episodes of T decisions, rewarded only if enough of them are right.

The RL perceptron: two order parameters, their flow, its fixed points, and the optimal learning rate. Equation numbers
are those of docs/theory/rl_overfitting_perceptron.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import ParameterError
from ..parameters import declare
from ..results.curve import Coordinate, Curve, Observable
from ..results.picture import Guide, Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import DIVERGED, Status
from ..solvers.flow.method import FlowMethod
from .base import Model
from .policy_learning import FixedPoint, critical_share, fixed_points, passage_law, tails
from .registry import register

Array = np.ndarray
REFERENCES = (
    "N. Patel, S. Lee, S. Sarao Mannelli, S. Goldt, A. Saxe, RL perceptron: generalization dynamics of policy learning "
    "in high dimensions, Phys. Rev. X 15, 021051 (2025), arXiv:2306.10404",
)
#: Intervals between reported times.
POINTS = 100
CURVES = {
    "overlap": ("ρ", "overlap of policy and target"),
    "norm": ("Q", "squared norm of the policy over D"),
    "accuracy": ("P", "chance that one decision is right"),
    "reward": ("r", "chance that an episode is rewarded"),
}
OPTIMAL = {
    "overlap_optimal": ("ρ", "overlap under the optimal learning rate"),
    "reward_optimal": ("r", "reward under the optimal learning rate"),
}
#: Distances of the penalty ratio below its critical value, over that value, at which the passage is timed.
DISTANCES = np.geomspace(1e-1, 1e-6, 11)
#: Overlaps between which it is timed: this part of the critical one, and of the way from there to 1.
ENTRY, EXIT = 0.8, 0.25
#: Smallest sum of the rates: below it Q at a fixed point leaves the range of numbers.
SLOWEST = 1e-9
#: An overlap that is never reached.
NEVER = 2.0


@register
@dataclass(frozen=True)
class RLOverfittingPerceptron(Model):
    """Online learning by episodes; the twin has `size` weights, and time is episodes over weights."""

    slug: ClassVar[str] = "rl-overfitting/perceptron"
    title: ClassVar[str] = "Policy learning in high dimension: the RL perceptron, its stalls and optimal learning rate"
    references: ClassVar[tuple[str, ...]] = REFERENCES
    observables: ClassVar[tuple[Observable, ...]] = (
        *(Observable(name, *words) for name, words in CURVES.items()),
        Observable("learning_rate", "η_1", "learning rate of rewarded episodes"),
        *(Observable(name, *words) for name, words in OPTIMAL.items()),
        Observable("passage_time", "t_pass", "time to pass where learning is about to stall", ("distance",)),
        Observable("passage_law", "A/√δ", "law of a saddle-node bifurcation", ("distance",)),
        *(Observable(name, *words).final() for name, words in CURVES.items()),
        Observable("penalty_ratio", "κ", "penalty rate over reward rate", ()),
        Observable("critical_ratio", "κ_c", "penalty ratio from which learning can stall", ()),
        Observable("critical_overlap", "ρ_c", "overlap at which it stalls there", ()),
        Observable("fixed_points", "n_fix", "number of fixed points of positive overlap", ()),
        Observable("bad_overlap", "ρ_bad", "overlap of the stable fixed point", ()),
        Observable("bad_norm", "Q_bad", "squared norm at the stable fixed point", ()),
        Observable("bad_growth", "λ_bad", "slowest rate of the flow at the stable fixed point", ()),
        Observable("saddle_overlap", "ρ_s", "overlap of the unstable fixed point", ()),
        Observable("saddle_norm", "Q_s", "squared norm at the unstable fixed point", ()),
        Observable("saddle_growth", "λ_s", "rate at which the unstable fixed point is left", ()),
        Observable("learning_time", "t_half", "time at which half of the episodes are rewarded", ()),
        Observable("stalling_time", "t_bad", "time at which the overlap is within 1 % of the stable fixed point", ()),
        Observable("passage_exponent", "ν", "slope of ln passage time against ln distance, at the end", ()),
    )
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel("overlap", guides=(Guide("overlap_optimal", label="optimal rate"), Guide("bad_overlap"),
                                 Guide("saddle_overlap"))),
        Panel("reward", guides=(Guide("reward_optimal", label="optimal rate"),)),
        Panel("norm"),
        Panel("passage_time", log="xy", guides=(Guide("passage_law", label=r"$A/\sqrt{\kappa_c-\kappa}$"),)),
    )  # fmt: skip
    method: ClassVar[type[FlowMethod]] = FlowMethod
    sizes: ClassVar[tuple[int, ...]] = (300, 450, 600)

    horizon: int = declare(5, "T", "decisions of an episode", bounds="[1, 1000]")
    required: int = declare(None, "n", "right decisions that earn the reward [all]", kind=int, bounds="[1, 1000]")
    reward_rate: float = declare(1.0, "η_1", "learning rate of rewarded episodes", bounds="[0, 1e6]")
    penalty_rate: float = declare(0.0, "η_2", "learning rate of the others", bounds="[0, 1e6]")
    schedule: str = declare(
        "constant", "", "constant rates, or the sum that aligns fastest at their ratio", choices=("constant", "optimal")
    )
    overlap_init: float = declare(0.05, "ρ(0)", "overlap at the start", bounds="(-1, 1)")
    norm_init: float = declare(1.0, "Q(0)", "squared norm over D at the start", bounds="[1e-12, 1e12]")
    t_max: float = declare(100.0, "t_max", "time at the end, episodes over weights", bounds="(0, 1e9]")

    def check(self) -> None:
        self.resolve(required=self.horizon)
        if self.required > self.horizon:
            raise ParameterError(
                f"required = {self.required} with horizon = {self.horizon} is not allowed: an episode has only "
                f"{self.horizon} decisions; give required in [1, {self.horizon}] or a larger --horizon"
            )
        if self.reward_rate + self.penalty_rate < SLOWEST:
            raise ParameterError(
                f"reward_rate = {self.reward_rate:g} and penalty_rate = {self.penalty_rate:g} is not allowed: nothing "
                f"is learned; give rates that add up to {SLOWEST:g} or more"
            )
        if self.schedule == "optimal" and self.overlap_init <= 0.0:
            raise ParameterError(
                f"overlap_init = {self.overlap_init:g} with schedule = 'optimal' is not allowed: the optimal rate is "
                "infinite at overlap 0; give overlap_init in (0, 1)"
            )

    def warnings(self) -> tuple[str, ...]:
        _, overlap = critical_share(self.horizon, self.required)
        if self.schedule == "constant" and self.overlap_init > overlap and self.penalty_rate:
            return (f"overlap_init = {self.overlap_init:g} is beyond {overlap:.3g}, where learning stalls",)
        return ()

    @property
    def times(self) -> Array:
        """Reported times."""
        return self.t_max * np.arange(POINTS + 1) / POINTS

    @property
    def ratio(self) -> float:
        """κ; infinite without rewards."""
        return self.penalty_rate / self.reward_rate if self.reward_rate else float("inf")

    @property
    def start(self) -> tuple[float, float]:
        """θ and ln Q."""
        return float(np.arccos(self.overlap_init)), float(np.log(self.norm_init))

    def row(self, optimal: bool, bad: float = NEVER, end: float = NEVER) -> tuple[float, ...]:
        """Parameters of the compiled flow."""
        rates = (self.reward_rate, self.penalty_rate)
        return (*rates, float(self.horizon), float(self.required), float(optimal), bad, end)

    def estimate(self, method: FlowMethod) -> dict[str, float]:
        return {"memory": 1e6, "seconds": 0.2}

    def solve(self, method: FlowMethod, progress: Progress) -> Solution:
        """The flow with its milestones, that of the optimal rate, fixed points, and the passage where they appear."""
        from ..solvers.flow.solve import integrate
        from .kernels.rl_perceptron import episodes, milestones

        optimal = self.schedule == "optimal"
        points = fixed_points(self.reward_rate, self.penalty_rate, self.horizon, self.required)
        bad = next((point.overlap for point in points if point.stable), NEVER)
        rows = [self.row(optimal, NEVER if optimal else bad)]
        if self.overlap_init > 0.0:
            rows.append(self.row(True))
        flows = integrate(
            episodes, (0.0, self.t_max), [self.start] * len(rows), parameters=rows, t_eval=self.times,
            events=milestones, direction=(1.0, -1.0, 0.0), terminal=(0, 0, 0), keep_events=1, method=method.integrator,
            rtol=method.rtol, atol=method.atol, max_steps=method.max_steps, progress=progress,
        )  # fmt: skip
        kept = int(flows.saved[0])
        theta, log = flows.y[0, :kept].T
        values: dict[str, Any] = self.measure(np.cos(theta), log, theta)
        values["learning_rate"] = self.rates(theta, log) if optimal else np.full(kept, self.reward_rate)
        if len(rows) > 1 and int(flows.saved[1]) >= kept:
            found = self.measure(np.cos(flows.y[1, :kept, 0]), flows.y[1, :kept, 1], flows.y[1, :kept, 0])
            values |= {f"{name}_optimal": found[name] for name in ("overlap", "reward")}
        for name, when in zip(("learning_time", "stalling_time"), flows.t_events[0, :2, 0], strict=True):
            if np.isfinite(when):
                values[name] = when
        values |= self.landmarks(points) | self.passage(method)
        curves = self.curves(values)
        facts = {"evaluations": int(flows.nfev[0])}
        status = self.told(flows, bad)
        return Solution(curves, self.coordinates(kept), status, 0, method.as_dict(), facts)

    def measure(self, rho: Array, log_norm: Array, theta: Array) -> dict[str, Array]:
        """What the order parameters tell."""
        exact, more = tails(theta, self.horizon, self.required)
        accuracy = 1.0 - theta / np.pi
        with np.errstate(over="ignore"):
            norm = np.exp(log_norm)
        return {"overlap": rho, "norm": norm, "accuracy": accuracy, "reward": more + accuracy * exact}

    def rates(self, theta: Array, log_norm: Array) -> Array:
        """η1 of the optimal schedule, eq. (9)."""
        share = self.penalty_rate / (self.reward_rate + self.penalty_rate)
        exact, more = tails(theta, self.horizon, self.required)
        wins = more + (1.0 - theta / np.pi) * exact
        noise = (1.0 - 2.0 * share) * wins + share**2
        gain = self.horizon * np.exp(0.5 * log_norm) * np.sin(theta) ** 2 * exact
        return np.asarray((1.0 - share) * gain / (np.sqrt(2.0 * np.pi) * np.cos(theta) * noise))

    def schedule_at(self, times: Array) -> Array:
        """η1 at these times, increasing, of the infinite system: what the twin follows."""
        from ..solvers.flow.solve import integrate
        from .kernels.rl_perceptron import episodes

        if self.schedule == "constant":
            return np.full(len(times), self.reward_rate)
        flow = integrate(
            episodes, (0.0, max(self.t_max, times[-1])), self.start, parameters=self.row(True), t_eval=times, rtol=1e-8,
            atol=1e-10, max_steps=10_000_000,
        )  # fmt: skip
        return self.rates(flow.y[0, :, 0], flow.y[0, :, 1])

    def landmarks(self, points: list[FixedPoint]) -> dict[str, float]:
        """Numbers about fixed points."""
        share, overlap = critical_share(self.horizon, self.required)
        found = {
            "penalty_ratio": self.ratio,
            "critical_ratio": share / (1.0 - share) if share < 1.0 else float("inf"),
            "critical_overlap": overlap,
            "fixed_points": float(len(points)),
        }
        for name, kind in (("bad", True), ("saddle", False)):
            for point in [item for item in points if item.stable is kind][:1]:
                found[f"{name}_overlap"], found[f"{name}_norm"] = point.overlap, point.norm
                found[f"{name}_growth"] = point.growth[0].real
        return found

    def passage(self, method: FlowMethod) -> dict[str, Any]:
        """Times of flows just below the critical ratio to pass the place where the fixed points will be, eq. (8)."""
        from ..solvers.flow.solve import integrate
        from .kernels.rl_perceptron import episodes, milestones

        share, overlap = critical_share(self.horizon, self.required)
        if share == 1.0:
            return {}
        ratio = share / (1.0 - share)
        _, norm, amplitude = passage_law(1.0, self.horizon, self.required)
        end = overlap + EXIT * (1.0 - overlap)
        rows = [
            (1.0, ratio * (1.0 - distance), float(self.horizon), float(self.required), 0.0, NEVER, end)
            for distance in DISTANCES
        ]
        law = amplitude / np.sqrt(ratio * DISTANCES)
        flows = integrate(
            episodes, (0.0, 100.0 * float(law[-1])), (np.arccos(ENTRY * overlap), np.log(norm)), parameters=rows,
            events=milestones, direction=(1.0, -1.0, 1.0), terminal=(0, 0, 1), keep_events=1, method=method.integrator,
            rtol=method.rtol, atol=method.atol, max_steps=method.max_steps,
        )  # fmt: skip
        passed = flows.t_events[:, 2, 0]
        if not np.isfinite(passed).all():
            return {}
        exponent = np.polyfit(np.log(DISTANCES[-4:]), np.log(passed[-4:]), 1)[0]
        return {"passage_time": passed, "passage_law": law, "passage_exponent": float(exponent)}

    def told(self, flows: Any, bad: float) -> Status:
        """How the flow ended."""
        status: Status = flows.outcome()
        if int(flows.status[0]) == 0 and not np.isfinite(np.exp(np.minimum(flows.y[0, -1, 1], 1e3))):
            return Status(DIVERGED, "the norm left the range of numbers: try smaller rates or a shorter --t-max")
        if not status.success:
            return status
        words = f"flow integrated to t = {self.t_max:g}"
        if np.isfinite(flows.t_events[0, 1, 0]):
            return Status(status.code, f"{words}; stalls at overlap {bad:.4g} from t = {flows.t_events[0, 1, 0]:.4g}")
        return Status(status.code, words)

    def curves(self, values: dict[str, Any]) -> dict[str, Curve]:
        """Curves and scalars with the last values."""
        made = {name: self.observable(name).curve(np.array(value)) for name, value in values.items()}
        return made | self.finals(made)

    def coordinates(self, kept: int) -> dict[str, Coordinate]:
        """The axes of theory and simulation alike."""
        return {
            "t": Coordinate("t", self.times[:kept], "t", "episodes over weights"),
            "distance": Coordinate("distance", DISTANCES, "1−κ/κ_c", "distance below the critical penalty ratio"),
        }

"""Self-training by averaging: fresh batches, labels of the last average, rejection of samples with low confidence.

A map of one overlap. Equation numbers are those of docs/theory/self_training_averaging.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import ndtr

from ..parameters import declare
from ..results.curve import Coordinate, Curve, Observable
from ..results.picture import Guide, Panel
from ..results.progress import Progress
from ..results.solution import Solution
from ..results.status import CONVERGED, NOT_CONVERGED, Status
from ..solvers.closed_form import ClosedForm
from .base import Model
from .registry import register
from .self_training import REFERENCES, ROUND

Array = np.ndarray
#: Intervals of the overlap on which the map is shown, and fixed points are looked for.
SHOWN, SEARCHED = 100, 4000
#: Thresholds, in units of σ, at which the fixed point is shown.
THRESHOLDS = np.linspace(0.0, 4.0, 41)
#: Overlap over σ below which a series replaces the difference of two chances.
SMALL = 1e-5
#: Chance of acceptance below which nobody is accepted: its square leaves the range of numbers soon after.
NOBODY = 1e-140
CURVES = (
    Observable("overlap", "ρ", "overlap of the unit classifier with the direction of the classes", ROUND),
    Observable("test_error", "ε", "test error", ROUND),
    Observable("acceptance", "P_a", "part of the samples that are accepted", ROUND),
)


@register
@dataclass(frozen=True)
class SelfTrainingAveraging(Model):
    """x = yμ + σz in p dimensions, ‖μ‖ = 1; n = p/κ samples in each round. The twin has p = `size`."""

    slug: ClassVar[str] = "self-training/averaging"
    title: ClassVar[str] = "Self-training by averaging with rejection: overlap round by round, fixed points"
    references: ClassVar[tuple[str, ...]] = (REFERENCES[1], REFERENCES[0])
    observables: ClassVar[tuple[Observable, ...]] = (
        *CURVES,
        Observable("next_overlap", "ρ'", "overlap after a round", ("rho",)),
        Observable("same_overlap", "ρ'=ρ", "no change", ("rho",)),
        Observable("fixed_points", "ρ*", "fixed points of the map, from 0 upwards", ("fixed_point",)),
        Observable("fixed_point_slopes", "dρ'/dρ", "slope there; stable between −1 and 1", ("fixed_point",)),
        Observable("fixed_point_stable", "s*", "1 for stable fixed points", ("fixed_point",)),
        Observable("limit_by_threshold", "ρ_∞", "overlap after infinitely many rounds", ("threshold",)),
        Observable("limit_overlap", "ρ_∞", "overlap after infinitely many rounds", ()),
        *(item.final() for item in CURVES[:2]),
        Observable("bayes_error", "ε_B", "smallest possible test error", ()),
        Observable("gain", "ε_0−ε_end", "test error of the start minus that at the end", ()),
    )
    figure: ClassVar[tuple[Panel, ...]] = (
        Panel("overlap", log="", guides=(Guide("limit_overlap", label="fixed point"),)),
        Panel("test_error", log="", guides=(Guide("bayes_error", label="Bayes"),)),
        Panel("next_overlap", log="", guides=(Guide("same_overlap", label="no change"),), title="the map"),
        Panel("limit_by_threshold", log="", title="fixed point against the threshold"),
    )
    method: ClassVar[type[ClosedForm]] = ClosedForm
    sizes: ClassVar[tuple[int, ...]] = (250, 500, 1000)

    sigma: float = declare(0.7, "σ", "standard deviation of the noise of the data", bounds="(0, 1e50]")
    kappa: float = declare(0.5, "κ", "weights per sample of a round, p/n", bounds="(0, 1e50]")
    threshold: float = declare(
        0.0, "Γ", "samples count only if the size of their field is at least this", bounds="[0, 1e50]"
    )
    overlap_init: float = declare(0.4, "ρ_0", "overlap of the start", bounds="[-1, 1]")
    rounds: int = declare(4, "T", "rounds", bounds="[1, 1e6]")

    def warnings(self) -> tuple[str, ...]:
        if self.overlap_init == 0.0:
            return ("overlap_init = 0 is a fixed point by symmetry, where only finite sizes choose a side",)
        return ()

    @property
    def bayes_error(self) -> float:
        """Q(1/σ)."""
        return float(ndtr(-1.0 / self.sigma))

    def parts(self, rho: Array, threshold: Array | float) -> tuple[Array, Array, Array]:
        """A, B and P_a, eq. (1): pull along the classes, pull along the classifier, part that is accepted."""
        low, high = (threshold - rho) / self.sigma, (threshold + rho) / self.sigma
        right, wrong = ndtr(-low), ndtr(-high)
        bells = (np.exp(-0.5 * low**2) + np.exp(-0.5 * high**2)) / np.sqrt(2.0 * np.pi)
        # near ρ = 0 the difference of the chances is lost in round-off
        x, level = rho / self.sigma, (threshold / self.sigma) ** 2
        pull = np.where(np.abs(x) < SMALL, x * bells * (1.0 - x**2 * (level - 1.0) / 3.0), right - wrong)
        return pull, bells, right + wrong

    def step(self, rho: Array, threshold: Array | float | None = None) -> Array:
        """ρ' of eq. (2); NaN where nobody is accepted."""
        pull, along, accepted = self.parts(rho, self.threshold if threshold is None else threshold)
        s = self.sigma
        # over σ, so that no square of a large σ leaves the range of numbers
        a, k = pull / s, np.sqrt(self.kappa)
        length = np.hypot(np.sqrt(np.maximum(a**2 + 2.0 * a * along * rho + along**2, 0.0)), np.sqrt(accepted) * k)
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = (a + along * rho) / length
        return np.where(accepted >= NOBODY, moved, np.nan)

    def slope(self, rho: float, threshold: float | None = None) -> float:
        """dρ'/dρ, by a difference of fourth order."""
        h = 1e-4 * min(1.0, self.sigma)
        near = self.step(rho + h * np.array([-2.0, -1.0, 1.0, 2.0]), threshold)
        return float((near[0] - near[3] + 8.0 * (near[2] - near[1])) / (12.0 * h))

    def fixed_points(self, threshold: float | None = None) -> Array:
        """All fixed points in [0, 1], increasing; −ρ is one as well. Empty if nobody is accepted.

        Zeros of ρ'/ρ − 1 between neighbouring points that are dense near 0 and 1, and pairs of zeros between them.
        """
        from scipy.optimize import brentq, minimize_scalar

        def excess(rho: Any) -> Any:
            return self.step(rho, threshold) / rho - 1.0

        grid = np.sin(np.linspace(0.0, 0.5 * np.pi, SEARCHED + 1)[1:])
        grid = np.unique(np.concatenate([np.geomspace(1e-9, grid[0], 200), grid]))
        with np.errstate(under="ignore"):
            values = excess(grid)
        if not np.isfinite(values[0]):
            return np.zeros(0)
        if not np.isfinite(values).all():
            grid, values = grid[np.isfinite(values)], values[np.isfinite(values)]
        brackets = [(grid[i], grid[i + 1]) for i in np.flatnonzero(np.sign(values[1:]) * np.sign(values[:-1]) < 0.0)]
        sign = np.sign(values)
        size = np.abs(values)
        dips = np.flatnonzero((size[1:-1] < size[:-2]) & (size[1:-1] < size[2:]) & (sign[:-2] == sign[2:])) + 1
        for i in dips:  # a smooth function that turns around near zero may cross it twice
            around = (grid[i - 1], grid[i + 1])
            turn = minimize_scalar(lambda r, s=sign[i]: s * excess(r), bounds=around, method="bounded")
            if turn.fun < 0.0:
                brackets += [(around[0], turn.x), (turn.x, around[1])]
        roots = [brentq(excess, low, high, xtol=1e-14, rtol=1e-14) for low, high in brackets]
        return np.array([0.0, *sorted({*roots, *grid[values == 0.0]})])

    def limits(self, start: float, thresholds: Array) -> Array:
        """Where the map goes from `start`, at each threshold; NaN if nobody is accepted.

        The map increases, so the way ends at the next fixed point in the direction of the first step.
        """
        moved = self.step(np.full(len(thresholds), start), thresholds)
        side = np.sign(moved - start)

        def goes_on(rho: Array) -> Array:
            return (self.step(rho, thresholds) - rho) * side > 0.0

        low, high = np.full(len(thresholds), start), np.where(side >= 0.0, 1.0, -1.0)
        ways = np.sin(np.linspace(0.0, 0.5 * np.pi, SEARCHED // 4 + 1)[1:])[:, None]
        with np.errstate(invalid="ignore"):
            on = goes_on(start + (high - start) * ways)
        first = np.argmin(np.concatenate([on, np.zeros((1, len(thresholds)), dtype=bool)]), axis=0)
        ends = np.concatenate([[0.0], ways[:, 0], [1.0]])
        low, high = start + (high - start) * ends[first], start + (high - start) * ends[first + 1]
        for _ in range(60):
            middle = 0.5 * (low + high)
            on = goes_on(middle)
            low, high = np.where(on, middle, low), np.where(on, high, middle)
        found = np.where(side == 0.0, start, 0.5 * (low + high))
        found = np.where(np.abs(found) < 1e-15, 0.0, found)
        return np.where(np.isfinite(moved), found, np.nan)

    def solve(self, method: ClosedForm, progress: Progress) -> Solution:
        """The map from its start; exact to round-off."""
        path = [self.overlap_init]
        while len(path) <= self.rounds:
            rho = float(self.step(np.array(path[-1])))
            if not np.isfinite(rho):
                break
            path.append(rho)
        kept = np.array(path)
        values: dict[str, Any] = self.along(kept)
        points = self.fixed_points()
        slopes = np.array([self.slope(point) for point in points])
        shown = np.linspace(0.0, 1.0, SHOWN + 1)
        values |= {
            "fixed_points": points,
            "fixed_point_slopes": slopes,
            "fixed_point_stable": (np.abs(slopes) < 1.0).astype(float),
            "same_overlap": shown,
        }
        status = Status(CONVERGED, f"{self.rounds} rounds; map exact to round-off")
        if len(kept) <= self.rounds:
            status = self.nobody(len(kept))
        else:
            everywhere = self.step(shown)
            values |= {"next_overlap": everywhere} if np.isfinite(everywhere).all() else {}
            values["limit_by_threshold"] = self.limits(self.overlap_init, self.sigma * THRESHOLDS)
            values["limit_overlap"] = self.limits(self.overlap_init, np.array([self.threshold]))[0]
        curves = self.exact_curves(values)
        curves |= self.scalars(curves)
        return Solution(curves, self.coordinates(len(kept), len(points)), status, 0, method.as_dict())

    def nobody(self, number: int) -> Status:
        """The status of a run whose round `number` had no sample left."""
        return Status(
            NOT_CONVERGED,
            f"no sample was accepted in round {number}: the rounds before are kept; try a smaller --threshold "
            f"(now {self.threshold / self.sigma:.3g} standard deviations of the noise)",
        )

    def along(self, rho: Array) -> dict[str, Array]:
        """Curves over rounds at these overlaps."""
        return {
            "overlap": rho,
            "test_error": ndtr(-rho / self.sigma),
            "acceptance": self.parts(rho, self.threshold)[2],
        }

    def scalars(self, curves: dict[str, Curve]) -> dict[str, Curve]:
        """Numbers about all rounds."""
        errors = curves["test_error"].values
        values = {"bayes_error": self.bayes_error}
        if len(errors):
            values["gain"] = float(errors[0] - errors[-1])
        made = {name: self.observable(name).curve(np.array(value)) for name, value in values.items()}
        return self.finals(curves) | made

    def coordinates(self, kept: int, points: int) -> dict[str, Coordinate]:
        """The axes."""
        return {
            "round": Coordinate("round", np.arange(kept), "", "round"),
            "rho": Coordinate("rho", np.linspace(0.0, 1.0, SHOWN + 1), "ρ", "overlap before a round"),
            "fixed_point": Coordinate("fixed_point", np.arange(points), "i", "fixed point"),
            "threshold": Coordinate("threshold", self.sigma * THRESHOLDS, "Γ", "threshold"),
        }

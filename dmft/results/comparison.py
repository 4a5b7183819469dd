"""How well theory and simulation agree: z-scores, trend with size, verdict."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.special import ndtri

from .curve import Curve
from .solution import Solution

AGREES, DEVIATES = "agrees", "deviates"
#: Chance that a curve of correct theory is called deviating.
FALSE_ALARM = 0.01


@dataclass(frozen=True)
class ObservableComparison:
    """Agreement of one observable.

    Attributes
    ----------
    max_z : float
        Largest \\|simulation − theory\\| in combined standard errors; at infinite size if there are several sizes.
    threshold : float
        What max_z may be by chance: the normal quantile at 1 % false alarm for as many points.
    relative_error : float
        Root mean square of the deviation over that of the theory, at the largest size.
    deviation : tuple of float
        Root mean square deviation at each size.
    noise : tuple of float
        Root mean square combined standard error at each size.
    exponent : float
        p of a fit deviation ∝ N^−p; NaN for a single size or when the deviation is within the noise.
    agrees : bool
        max_z below the threshold.
    """

    max_z: float
    threshold: float
    relative_error: float
    deviation: tuple[float, ...]
    noise: tuple[float, ...]
    exponent: float
    agrees: bool


@dataclass(frozen=True)
class Comparison:
    """Agreement of all observables that both sides report."""

    sizes: tuple[int, ...]
    observables: dict[str, ObservableComparison] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """``agrees`` or ``deviates``."""
        good = bool(self.observables) and all(item.agrees for item in self.observables.values())
        return AGREES if good else DEVIATES

    @property
    def message(self) -> str:
        """The verdict as a sentence with its evidence and, if it fails, what to try."""
        if not self.observables:
            return "nothing to compare: theory and simulation have no common curve with error bars"
        name, worst = max(self.observables.items(), key=lambda pair: pair[1].max_z / pair[1].threshold)
        where = "extrapolated to N → ∞" if len(self.sizes) > 1 else f"at N = {self.sizes[0]}"
        evidence = f"largest deviation {worst.max_z:.1f} standard errors ({name}), {worst.threshold:.1f} expected by chance"
        if self.verdict == AGREES:
            return f"theory and simulation agree {where}: {evidence}"
        advice = (
            "" if len(self.sizes) > 1 else "; if this is a finite-size effect it shrinks with --size 500,1000,2000,4000"
        )
        return f"theory and simulation deviate {where}: {evidence}{advice}"


def compare_solutions(theory: Solution, simulations: dict[int, Solution]) -> Comparison:
    """Compare every curve that both sides have, with standard errors, at each size (number of weights).

    With several sizes the deviation at each point is fitted by a + c/N with weights from the standard errors,
    and the verdict is about a: corrections to DMFT for these averages are of order 1/N.
    """
    sizes = tuple(sorted(simulations))
    last = simulations[sizes[-1]]
    result = {}
    for name in theory:
        if name in last and theory[name].dims and last[name].stderr is not None:
            item = _compare_curve(theory[name], [simulations[size][name] for size in sizes], sizes)
            if item is not None:
                result[name] = item
    return Comparison(sizes, result)


def _compare_curve(theory: Curve, simulated: list[Curve], sizes: tuple[int, ...]) -> ObservableComparison | None:
    shape = tuple(min(lengths) for lengths in zip(*(c.values.shape for c in [theory, *simulated]), strict=True))
    cut = tuple(slice(length) for length in shape)
    expected = theory.values[cut]
    own = np.zeros(shape) if theory.stderr is None else theory.stderr[cut]
    difference = np.array([curve.values[cut] - expected for curve in simulated])
    noise = np.array([curve.stderr[cut] for curve in simulated])  # type: ignore[index]
    # points that are fixed by the start or by symmetry have no noise on either side and prove nothing
    alive = np.isfinite(expected) & np.all(np.isfinite(noise), axis=0)
    alive &= np.all(noise > 1e-12 * (1.0 + np.abs(expected)), axis=0)
    if theory.dims == ("t", "t_prime"):
        alive &= np.tri(*shape, dtype=bool)  # one triangle: the other is its mirror image, or zero
    if not alive.any():
        return None
    expected, own = expected[alive], own[alive]
    difference, noise = difference[:, alive], noise[:, alive]
    offset, error = _extrapolate(difference, noise, np.array(sizes, dtype=float))
    z = np.abs(offset) / np.sqrt(error**2 + own**2)
    combined = np.sqrt(noise**2 + own**2)
    deviation, scale = _rms(difference), _rms(combined)
    threshold = float(-ndtri(FALSE_ALARM / (2 * z.size)))
    max_z = float(z.max())
    return ObservableComparison(
        max_z=max_z,
        threshold=threshold,
        relative_error=float(deviation[-1] / max(float(np.sqrt(np.mean(expected**2))), 1e-300)),
        deviation=tuple(deviation),
        noise=tuple(scale),
        exponent=_exponent(deviation, scale, np.array(sizes, dtype=float)),
        agrees=max_z <= threshold,
    )


def _extrapolate(difference: np.ndarray, noise: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted least squares of ``a + c/N`` at every point: a and its standard error."""
    if len(sizes) == 1:
        return difference[0], noise[0]
    weight, x = 1.0 / noise**2, (1.0 / sizes)[:, None]
    s0, s1, s2 = weight.sum(0), (weight * x).sum(0), (weight * x * x).sum(0)
    determinant = s0 * s2 - s1**2
    offset = (s2 * (weight * difference).sum(0) - s1 * (weight * x * difference).sum(0)) / determinant
    return offset, np.sqrt(s2 / determinant)


def _rms(values: np.ndarray) -> list[float]:
    return [float(item) for item in np.sqrt(np.mean(values**2, axis=1))]


def _exponent(deviation: list[float], noise: list[float], sizes: np.ndarray) -> float:
    """Slope of ln deviation against ln N where the deviation stands out of the noise."""
    if len(sizes) < 2 or any(d < 2.0 * s for d, s in zip(deviation, noise, strict=True)):
        return float("nan")
    return float(-np.polyfit(np.log(sizes), np.log(deviation), 1)[0])

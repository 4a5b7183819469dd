"""How well theory and simulation agree: z-scores, trend with size, verdict."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import ndtri, stdtr

from .curve import Curve
from .solution import Solution
from .statistics import two_sigma_factor

AGREES, DEVIATES, UNDECIDED = "agrees", "deviates", "undecided"
#: Chance that a correct theory is called deviating, shared by all points of all its observables.
FALSE_ALARM = 0.01
#: Round-off of an exact simulation, relative to the largest number of a curve: some thousand operations in float64.
ROUND_OFF = 1e-12


@dataclass(frozen=True)
class ObservableComparison:
    """Agreement of one observable.

    Attributes
    ----------
    max_z : float
        Largest deviation in standard errors, as the normal z-score of the same (Student) probability; that of the
        extrapolation to infinite size if there are several sizes.
    threshold : float
        What max_z may be by chance: the normal quantile at 1 % false alarm for as many points and observables.
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
    #: Why there is nothing to compare.
    reason: str = ""

    @property
    def verdict(self) -> str:
        """``agrees`` or ``deviates``; ``undecided`` where there is nothing to compare."""
        if not self.observables:
            return UNDECIDED
        return AGREES if all(item.agrees for item in self.observables.values()) else DEVIATES

    @property
    def message(self) -> str:
        """The verdict as a sentence with its evidence and, if it fails, what to try."""
        if not self.observables:
            return f"nothing to compare: {self.reason or 'no curve that both sides report with error bars'}"
        name, worst = max(self.observables.items(), key=lambda pair: pair[1].max_z / pair[1].threshold)
        where = "extrapolated to N → ∞" if len(self.sizes) > 1 else f"at N = {self.sizes[0]}"
        evidence = (
            f"largest deviation {worst.max_z:.1f} standard errors ({name}), {worst.threshold:.1f} allowed by chance"
        )
        if self.verdict == AGREES:
            return f"theory and simulation agree {where}: {evidence}"
        advice = (
            "" if len(self.sizes) > 1 else "; if this is a finite-size effect it shrinks with --size 500,1000,2000,4000"
        )
        return f"theory and simulation deviate {where}: {evidence}{advice}"


def compare_solutions(theory: Solution, simulations: dict[int, Solution]) -> Comparison:
    """Compare every curve that both sides have, with standard errors, at each size (number of weights).

    With several sizes the deviation at each point is fitted by a + c/N, and the verdict is about a: corrections
    to DMFT for these averages are of order 1/N. A deterministic simulation (no samples) states the error of its step
    in time in place of standard errors.
    """
    sizes = tuple(sorted(size for size, solution in simulations.items() if solution.status.success))
    if not sizes or not theory.status.success:  # where both diverge anything agrees with anything
        return Comparison(sizes, reason="theory or simulation is not complete")
    rounded = simulations[sizes[-1]].exact
    if rounded:
        simulations = {size: _rounded(simulations[size]) for size in sizes}
    last = simulations[sizes[-1]]
    if last.samples == 1:
        return Comparison(sizes, reason=_without_errors(last.method.get("replicas", 1)))
    common = [name for name in theory if name in last and theory[name].dims and last[name].stderr is not None]
    if not common:
        return Comparison(sizes, reason=_without_theory(theory, last))
    samples = [theory.samples, *(simulations[size].samples for size in sizes)]
    result = {}
    for name in common:
        curves = [simulations[size][name] for size in sizes]
        item = _compare_curve(theory[name], curves, sizes, samples, FALSE_ALARM / len(common), rounded)
        if item is not None:
            result[name] = item
    return Comparison(sizes, result, "" if result else "the common curves do not fluctuate, or hold no number")


def _without_errors(replicas: int) -> str:
    """Words for a simulation of one sample, which may be what is left of several replicas."""
    if replicas == 1:
        return "one replica has no error bars, use --replicas 2 or more"
    return f"only one of {replicas} replicas gave a result, which has no error bars: give more replicas or a longer run"


def _without_theory(theory: Solution, simulation: Solution) -> str:
    """Words for a theory that says nothing about what the simulation measures."""
    measured = [name for name in simulation if simulation[name].dims]
    if not measured:
        return "the simulation reports no curves"
    more = ", …" if len(measured) > 3 else ""
    return f"the theory makes no prediction of what the simulation measures ({', '.join(measured[:3])}{more})"


def _rounded(solution: Solution) -> Solution:
    """An exact simulation with its round-off as errors, relative to the largest number of each curve."""
    curves = {}
    for name, curve in solution.items():
        finite = curve.values[np.isfinite(curve.values)]
        error = ROUND_OFF * max(float(np.abs(finite).max(initial=0.0)), 1e-300)
        curves[name] = replace(curve, stderr=np.full(curve.values.shape, error))
    return replace(solution, curves=curves)


def _compare_curve(
    theory: Curve, simulated: list[Curve], sizes: tuple[int, ...], samples: list[int], alarm: float, rounded: bool
) -> ObservableComparison | None:
    shape = tuple(min(lengths) for lengths in zip(*(c.values.shape for c in [theory, *simulated]), strict=True))
    cut = tuple(slice(length) for length in shape)
    expected = theory.values[cut]
    own = np.zeros(shape) if theory.stderr is None else theory.stderr[cut]
    with np.errstate(invalid="ignore"):  # both infinite
        difference = np.array([curve.values[cut] - expected for curve in simulated])
    noise = np.array([curve.stderr[cut] for curve in simulated])  # type: ignore[index]
    # points that are fixed by the start or by symmetry have no noise on either side and prove nothing
    alive = np.isfinite(expected) & np.isfinite(own) & np.all(np.isfinite(noise), axis=0)
    alive &= rounded | np.all(noise > 1e-12 * (1.0 + np.abs(expected)), axis=0)
    if theory.dims == ("t", "t_prime"):
        alive &= np.tri(*shape) > 0.0  # one triangle: the other is its mirror image, or zero
    if not alive.any():
        return None
    expected, own = expected[alive], own[alive]
    difference, noise = difference[:, alive], noise[:, alive]
    z = z_scores(difference, noise, own, sizes, samples)
    deviation, scale = _rms(difference), _rms(np.sqrt(noise**2 + own**2))
    threshold = float(-ndtri(alarm / (2 * z.size)))
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


def z_scores(
    difference: np.ndarray, noise: np.ndarray, own: np.ndarray, sizes: tuple[int, ...], samples: list[int]
) -> np.ndarray:
    """Normal scores of the deviation at every point, extrapolated to infinite size if there are several.

    Few samples make Student tails: with 8 replicas and 5000 points of a two-time kernel, six standard errors
    are nothing special. So each deviation is turned into its Student probability (Welch's degrees of freedom)
    and that into the normal score of the same probability.
    """
    weights = _extrapolation(np.sqrt(np.mean(noise**2, axis=1)), np.array(sizes, dtype=float))
    # the squares that add up to the variance, theory first, each with its degrees of freedom
    parts = np.vstack([own[None, :], weights[:, None] * noise])
    freedom = np.array([count - 1 if count > 1 else np.inf for count in samples])[:, None]
    factors = np.array([two_sigma_factor(count) if count > 1 else 1.0 for count in samples])[:, None]
    squares = (parts / factors) ** 2
    total = squares.sum(axis=0)
    nu = 1.0 / np.maximum(((squares / total) ** 2 / freedom).sum(axis=0), 1e-300)
    student = np.abs(weights @ difference) / np.sqrt(total)
    with np.errstate(divide="ignore"):
        return np.minimum(np.abs(ndtri(stdtr(nu, -student))), 40.0)  # beyond 40 the probability underflows


def _extrapolation(noise: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Weights w with Σ w_i d(N_i) = a for the least-squares fit d = a + c/N; one size is taken as it is."""
    if len(sizes) == 1:
        return np.ones(1)
    # sums over pairs: those of the normal equations cancel where a replica runs away and its size weighs nothing
    weight, x = np.maximum((noise.min() / noise) ** 2, 1e-250), 1.0 / sizes
    apart = x[None, :] - x[:, None]
    pairs = weight[:, None] * weight[None, :] * apart
    found: np.ndarray = (pairs @ x) / (0.5 * np.sum(pairs * apart))
    return found


def _rms(values: np.ndarray) -> list[float]:
    return [float(item) for item in np.sqrt(np.mean(values**2, axis=1))]


def _exponent(deviation: list[float], noise: list[float], sizes: np.ndarray) -> float:
    """Slope of ln deviation against ln N where the deviation stands out of the noise."""
    if len(sizes) < 2 or any(d < 2.0 * s for d, s in zip(deviation, noise, strict=True)):
        return float("nan")
    return float(-np.polyfit(np.log(sizes), np.log(deviation), 1)[0])

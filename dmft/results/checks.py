"""The statements that claims are made of: agreement, number, range, bound, order, exponent, monotony, maximum.

Numbers with standard errors count as equal within three of them, and as different from two on; curves allow for as many
points as they have, at 1 % false alarms in all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from scipy.special import ndtri

from .claims import Check, Outcome, Pick, Results, Values
from .comparison import AGREES, FALSE_ALARM, z_scores
from .numbers import number
from .run import Run

#: Standard errors within which numbers are equal, and from which on they are different.
EQUAL, DIFFERENT = 3.0, 2.0
#: What round-off does to exact numbers.
ROUND_OFF = 1e-12


def allowed(points: int, sides: int = 2) -> float:
    """Standard errors that the largest of so many deviations may reach by chance."""
    return float(-ndtri(FALSE_ALARM / (sides * points)))


def scores(one: Values, other: Values, allowance: np.ndarray | float = 0.0) -> np.ndarray:
    """Deviation beyond the allowance at every point, as normal scores of its Student probability; 40 for exact ones."""
    excess = np.abs(one.values - other.values) - allowance
    error = np.hypot(one.error, other.error)
    noisy = error > 0.0
    found = np.where(excess > 0.0, 40.0, 0.0)
    if np.any(noisy & (excess > 0.0)):
        parts = [np.broadcast_to(item, noisy.shape)[noisy][None, :] for item in (excess, other.error, one.error)]
        found[noisy] = z_scores(np.maximum(parts[0], 0.0), parts[1], parts[2][0], (1,), [one.samples, other.samples])
    return found


@dataclass(frozen=True)
class Agrees(Check):
    """Theory and simulation agree by the verdict of ``dmft compare``."""

    task: str = ""

    def judge(self, results: Results) -> Outcome:
        run = results[self.task] if self.task else next(iter(results.values()))
        comparison = run.comparison if isinstance(run, Run) else None
        if comparison is None or not comparison.observables:
            return Outcome(False, "theory and simulation: nothing to compare")
        items = comparison.observables
        name, worst = max(items.items(), key=lambda pair: pair[1].max_z / pair[1].threshold)
        error = items[name].relative_error
        words = "agree" if comparison.verdict == AGREES else "deviate"
        text = (
            f"theory and simulation {words}: max |z| {worst.max_z:.1f} ({name}), {worst.threshold:.1f} allowed; "
            f"relative deviation {error:.2g} at N = {comparison.sizes[-1]}"
        )
        vanishes = error > 1e100  # so does the theory, and there is no such thing as a relative error
        return Outcome(comparison.verdict == AGREES, text, worst.max_z, None if vanishes else error)


@dataclass(frozen=True)
class Equals(Check):
    """A number is the published one, or two numbers or curves are the same.

    Attributes
    ----------
    reference : str, tuple or Pick
        As published, in text: half a unit of its last digit is allowed. With its standard error: (value, error).
    within : float
        Relative deviation that the claim itself allows (of curves relative to the largest value).
    """

    pick: Pick
    reference: str | tuple[float, float] | Pick
    within: float = 0.0

    def judge(self, results: Results) -> Outcome:
        got, digits = self.pick.get(results), 0.0
        if isinstance(self.reference, Pick):
            other = self.reference.get(results)
        elif isinstance(self.reference, str):
            other, digits = Values(np.array(float(self.reference)), None), half_digit(self.reference)
        else:
            other = Values(np.array(self.reference[0]), np.array(self.reference[1]))
        difference, error = np.abs(got.values - other.values), np.hypot(got.error, other.error)
        scale = float(np.max(np.abs(other.values)))
        z = scores(got, other, self.within * scale + digits * (1 + 1e-9) + ROUND_OFF * scale)
        points = max(1, difference.size)
        passed = bool(np.max(z) <= (EQUAL if points == 1 else allowed(points))) and bool(
            np.all(np.isfinite(difference))
        )
        relative = float(np.max(difference)) / max(scale, 1e-300)
        tolerant = self.within > 0.0 or digits > 0.0  # then errors alone do not decide
        largest = float(np.max(z)) if np.any(error > 0.0) and not tolerant else None
        return Outcome(passed, self._words(got.values, error, relative), largest, relative)

    def _words(self, values: np.ndarray, error: np.ndarray, relative: float) -> str:
        if not isinstance(self.reference, Pick):
            text = self.reference if isinstance(self.reference, str) else number(*self.reference)
            within = f" within {self.within:.2g} of it" if self.within else ""
            return f"{self.pick} = {number(float(values), float(error) or None)}, claimed {text}{within}"
        within = f", {self.within:.2g} claimed" if self.within else ""
        return f"{self.pick} against {self.reference}: relative deviation {relative:.2g}{within}"


@dataclass(frozen=True)
class Between(Check):
    """Every value, or the ratio to another, lies in a range; the end that matters may be given alone."""

    pick: Pick
    low: float = -math.inf
    high: float = math.inf
    over: Pick | None = None

    def judge(self, results: Results) -> Outcome:
        got = self.pick.get(results)
        values, error, words = got.values, got.error, str(self.pick)
        if self.over is not None:
            other = self.over.get(results)
            with np.errstate(divide="ignore", invalid="ignore"):
                error = np.abs(values / other.values) * np.hypot(error / values, other.error / other.values)
                values = values / other.values
            words = f"{words} / {self.over}"
        passed = bool(np.all((values >= self.low) & (values <= self.high)))
        shown = (
            number(float(values), float(error) or None)
            if values.ndim == 0
            else f"{np.min(values):.4g} … {np.max(values):.4g}"
        )
        return Outcome(passed, f"{words} = {shown}, claimed {self._range()}")

    def _range(self) -> str:
        if math.isinf(self.high):
            return f"≥ {self.low:g}"
        return f"≤ {self.high:g}" if math.isinf(self.low) else f"{self.low:g} … {self.high:g}"


@dataclass(frozen=True)
class Bounded(Check):
    """A number or a curve stays below another at every point."""

    pick: Pick
    by: Pick

    def judge(self, results: Results) -> Outcome:
        low, high = self.pick.get(results), self.by.get(results)
        excess = low.values - high.values
        error = np.hypot(low.error, high.error)
        limit = allowed(max(1, excess.size), 1) * error + ROUND_OFF * np.abs(high.values)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = float(np.nanmax(low.values / high.values))
        text = f"{self.pick} ≤ {self.by}: largest ratio {ratio:.4g}"
        return Outcome(bool(np.all(excess <= limit)), text)


@dataclass(frozen=True)
class Ordered(Check):
    """Numbers in increasing order, each from the next by two standard errors at least."""

    picks: tuple[Pick, ...]

    def judge(self, results: Results) -> Outcome:
        found = [pick.get(results) for pick in self.picks]
        values = [float(item.values) for item in found]
        errors = [float(item.error) for item in found]
        steps = np.diff(values)
        noise = np.hypot(errors[1:], errors[:-1])
        passed = bool(np.all((steps > 0.0) & (steps >= DIFFERENT * noise)))
        shown = " < ".join(
            f"{number(value, error or None)} ({pick})"
            for value, error, pick in zip(values, errors, self.picks, strict=True)
        )
        gap = f"; smallest step {np.min(steps / noise):.1f} standard errors" if np.all(noise > 0.0) else ""
        return Outcome(passed, f"{shown if passed else 'not ' + shown}{gap}")


@dataclass(frozen=True)
class Slope(Check):
    """A power law: the slope of ln y against ln x (default: the axis of y) is the exponent, up to `within`."""

    y: Pick
    exponent: float
    within: float
    x: Pick | None = None

    def judge(self, results: Results) -> Outcome:
        y = self.y.get(results)
        x = y.axis if self.x is None else self.x.get(results).values
        assert x is not None, "a power law needs a curve"
        slope = float(np.polyfit(np.log(x), np.log(y.values), 1)[0])
        against = "" if self.x is None else f" against {self.x}"
        text = f"exponent of {self.y}{against}: {slope:.4g}, claimed {self.exponent:g} ± {self.within:g}"
        passed = abs(slope - self.exponent) <= self.within
        return Outcome(passed, text, None, abs(slope / self.exponent - 1.0) if self.exponent else None)


@dataclass(frozen=True)
class Monotone(Check):
    """A curve rises (or falls) along its axis: ends differ, and no step goes back by more than chance."""

    pick: Pick
    rising: bool = True

    def judge(self, results: Results) -> Outcome:
        got = self.pick.get(results)
        sign = 1.0 if self.rising else -1.0
        steps, noise = sign * np.diff(got.values), np.hypot(got.error[1:], got.error[:-1])
        scale = float(np.max(np.abs(got.values)))
        back = -allowed(max(1, steps.size), 1) * noise - ROUND_OFF * scale
        ends, ends_noise = sign * (got.values[-1] - got.values[0]), math.hypot(got.error[-1], got.error[0])
        passed = bool(np.all(steps >= back)) and bool(ends > DIFFERENT * ends_noise)
        first, last = (number(float(got.values[i]), float(got.error[i]) or None) for i in (0, -1))
        word = "rises" if self.rising else "falls"
        text = f"{self.pick} {word if passed else 'does not always ' + word[:-1]} from {first} to {last}"
        return Outcome(passed, text)


@dataclass(frozen=True)
class Peaks(Check):
    """A curve has its maximum inside a part of its axis, above both ends by two standard errors at least."""

    pick: Pick
    between: tuple[float, float] = field(default=(-math.inf, math.inf))

    def judge(self, results: Results) -> Outcome:
        got = self.pick.get(results)
        assert got.axis is not None, "a maximum needs a curve"
        top = int(np.argmax(got.values))
        where = float(got.axis[top])
        above = [
            float(got.values[top] - got.values[end]) - DIFFERENT * math.hypot(got.error[top], got.error[end])
            for end in (0, -1)
        ]
        passed = self.between[0] <= where <= self.between[1] and min(above) > 0.0
        ends = " and ".join(number(float(got.values[i]), float(got.error[i]) or None) for i in (0, -1))
        top_value = number(float(got.values[top]), float(got.error[top]) or None)
        return Outcome(passed, f"maximum of {self.pick}: {top_value} at {where:g}; at the ends {ends}")


def half_digit(text: str) -> float:
    """Half a unit of the last digit of a number in text.

    Examples
    --------
    >>> half_digit("35.604"), half_digit("1.2e-3"), half_digit("178")
    (0.0005, 5e-05, 0.5)
    """
    mantissa, _, power = text.lower().lstrip("+-").partition("e")
    places = len(mantissa.partition(".")[2])
    return 0.5 * 10.0 ** (int(power or 0) - places)

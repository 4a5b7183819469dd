"""Places on linear and logarithmic axes."""

from __future__ import annotations

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

Array = np.ndarray
#: Axes with at most so many points have their ticks there, named if this part of the axis apart.
FEW, APART = 8, 0.07


def positive(values: Array) -> Array:
    """Where a logarithm exists."""
    return np.isfinite(values) & (values > 0.0)


def many_decades(values: Array, ratio: float) -> bool:
    """True if all finite values are positive and the largest is more than `ratio` times the smallest."""
    finite = values[np.isfinite(values)]
    return bool(finite.size) and bool(finite.min() > 0.0) and bool(finite.max() > ratio * finite.min())


def crowded(points: Array) -> bool:
    """True if steps along an axis grow so much that on a linear one most points could not be told apart."""
    steps = np.diff(points)
    return len(steps) > 1 and bool(steps.min() > 0.0) and bool(steps.max() > 50.0 * steps.min())


def cell_edges(places: Array, log: bool) -> Array:
    """Borders of the cells around the points of an axis, half way to their neighbours."""
    values = np.log(places) if log else np.asarray(places, dtype=float)
    if len(values) == 1:
        edges = np.array([values[0] - 0.5, values[0] + 0.5])
    else:
        middle = 0.5 * (values[1:] + values[:-1])
        edges = np.concatenate([[2 * values[0] - middle[0]], middle, [2 * values[-1] - middle[-1]]])
    return np.exp(edges) if log else edges


def tick_logarithm(axis: Axis, values: Array, at_points: bool = True) -> None:
    """Ticks of a logarithmic axis: at the points if they are few, else at 1, 2, 5 of each decade, or whole decades."""
    found = np.unique(values[positive(values)].astype(float))
    if at_points and 1 < len(found) <= FEW:
        apart = APART * np.log(found[-1] / found[0])
        names, last = [], -np.inf
        for value in found:
            shown = np.log(value) - last >= apart
            names.append(_plain(value) if shown else "")
            last = np.log(value) if shown else last
        axis.set_ticks(found, names)
        axis.set_minor_locator(NullLocator())
    elif len(found) and found[-1] < 100.0 * found[0]:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if found[-1] > 5.0 * found[0] else tuple(range(1, 10))))
        axis.set_major_formatter(FuncFormatter(lambda value, _: _plain(value)))
    axis.set_minor_formatter(NullFormatter())


def tick_numbers(axis: Axis, values: Array) -> None:
    """Ticks of an axis that counts: at the points if they are few, else at whole numbers; others stay as they are."""
    found = np.unique(values[np.isfinite(values)])
    if not len(found) or not np.array_equal(found, found.round()):
        return
    if len(found) <= FEW:
        axis.set_ticks(found, [f"{value:g}" for value in found])
        axis.set_minor_locator(NullLocator())
    else:
        axis.set_major_locator(MaxNLocator("auto", integer=True))


def _plain(value: float) -> str:
    """A number as people write it: with a power of ten only where zeros would have to be counted."""
    if value == round(value) and value < 1e5:
        return str(int(value))
    mantissa, _, exponent = f"{value:.3g}".partition("e") if 1e-3 <= value < 1e4 else f"{value:.2e}".partition("e")
    if not exponent:
        return mantissa
    number = f"{float(mantissa):g}"
    power = f"10^{{{int(exponent)}}}"
    return f"${power}$" if number == "1" else rf"${number}\times{power}$"

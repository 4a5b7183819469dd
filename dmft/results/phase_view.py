"""What of a phase diagram is drawn, and the axes that it is drawn over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import NullLocator

from .curve import Coordinate, Curve
from .labels import axis_label, parameter_name
from .scales import cell_edges, many_decades, tick_logarithm, tick_numbers
from .solution import PARTS

if TYPE_CHECKING:
    from .phase import PhaseDiagram

Array = np.ndarray
#: Largest over smallest value from which on a scale is logarithmic.
MANY = 1e4


class View:
    """What of a diagram is drawn: the first axis, the second if there is one, the middle of all others."""

    def __init__(self, diagram: PhaseDiagram) -> None:
        self.diagram = diagram
        self.axes = (
            list(diagram.coordinates.values())
            if diagram.scattered
            else [diagram.coordinates[name] for name in diagram.axes]
        )
        order = sorted(range(len(self.axes)), key=lambda index: not is_numeric(self.axes[index]))  # numbers first
        self.first, self.second = self.axes[order[0]], None
        self._keep = [] if diagram.scattered else order[:2]
        self.shown = {} if diagram.scattered else {
            self.axes[index].name: self.axes[index].values[len(self.axes[index].values) // 2] for index in order[2:]
        }  # fmt: skip
        if not diagram.scattered and len(self.axes) > 1:
            self.second = self.axes[order[1]]

    def array(self, values: Array) -> Array:
        """An array over all axes as one over (first, second), or over the points."""
        if self.diagram.scattered:
            return values
        index = tuple(
            slice(None) if axis in self._keep else len(self.axes[axis].values) // 2 for axis in range(len(self.axes))
        )
        kept = values[index]
        return kept.T if len(self._keep) == 2 and self._keep[0] > self._keep[1] else kept

    def curve(self, name: str, part: str) -> tuple[Curve, Array, Array | None] | None:
        """An observable of one part: its labels, values where converged (else NaN), standard errors."""
        solution = getattr(self.diagram, part)
        if solution is None or name not in solution:
            return None
        curve = self.diagram.at_end(name, part)
        values = np.where(self.good, self.array(curve.values), np.nan)
        return curve, values, None if curve.stderr is None else self.array(curve.stderr)

    @property
    def good(self) -> Array:
        """Where points have converged."""
        return self.array(self.diagram.converged)

    def main(self, name: str) -> tuple[Curve, Array, Array | None]:
        """The observable of the first part that has it."""
        return next(filter(None, (self.curve(name, part) for part in PARTS)))


def over_decades(values: Array) -> bool:
    """True if positive values span so many decades that only their logarithm can be shown."""
    return many_decades(values, MANY)


def is_numeric(item: Coordinate) -> bool:
    """True unless the points are texts."""
    return item.values.dtype.kind != "U"


def places(item: Coordinate) -> Array:
    """Where the points are drawn: texts one beside the other."""
    return item.values if is_numeric(item) else np.arange(len(item.values))


def is_logarithmic(item: Coordinate) -> bool:
    """True if the points are spaced more evenly in the logarithm, over a decade or more."""
    if not is_numeric(item):
        return False
    values = np.unique(item.values.astype(float))
    if len(values) < 3 or values[0] <= 0.0 or values[-1] < 10.0 * values[0]:
        return False
    plain, logarithm = np.diff(values), np.diff(np.log(values))
    return bool(np.std(logarithm) / np.mean(logarithm) < np.std(plain) / np.mean(plain))


def edges(item: Coordinate) -> Array:
    """Borders of the cells around the points of an axis."""
    return cell_edges(places(item), is_logarithmic(item))


def label_axis(axes: Axes, side: str, item: Coordinate) -> None:
    """Words, scale and ticks of the axis ``x`` or ``y``."""
    axis: Axis = getattr(axes, f"{side}axis")
    axis.set_label_text(words(item))
    if is_logarithmic(item):
        axes.set(**{f"{side}scale": "log"})
        tick_logarithm(axis, item.values)
    elif is_numeric(item):
        tick_numbers(axis, item.values)
    else:
        axis.set_ticks(np.arange(len(item.values)), item.values)
        axis.set_minor_locator(NullLocator())


def words(item: Coordinate) -> str:
    """The symbol with its unit, else the name in words."""
    return axis_label(item) if item.symbol else parameter_name(item.name)

"""Families of curves in a figure: functions of two axes as lines, one for each point of the first."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from .curve import Coordinate, Curve
from .labels import axis_label, mathematics, parameter_name, value_text
from .panels import DECADES, GUIDE, STYLES, coordinate
from .picture import Panel
from .scales import many_decades

if TYPE_CHECKING:
    from .run import Run

#: Lines of a family; of more, evenly chosen ones are drawn. Ends of the colour map, neither too dark nor too bright.
MOST, COLOURS = 6, (0.1, 0.85)


def is_family(run: Run, panel: Panel) -> bool:
    """True if a panel shows several curves: with one axis it is a single one, whatever the panel says."""
    return bool(panel.family) and len(run[panel.y].dims) == 2


def draw_family(run: Run, panel: Panel, axes: Axes) -> None:
    """Theory as lines, simulation as marks of the same colours; guides in grey."""
    curve = run[panel.y]
    parts = [part for part in (run.theory, run.simulation) if part is not None and panel.y in part]
    members = coordinate(parts[0], curve.dims[0], len(curve.values))
    shown = np.unique(np.linspace(0, len(curve.values) - 1, min(MOST, len(curve.values))).round().astype(int))
    x: Coordinate | Curve = coordinate(parts[0], curve.dims[1], curve.values.shape[1])
    handles = []
    for part in parts:
        x = part.curves.get(panel.x) or coordinate(part, panel.x or curve.dims[1], curve.values.shape[1])
        across = np.broadcast_to(x.values, part[panel.y].values.shape)
        look = {"linestyle": "-"} if part is run.theory else {"linestyle": "", "marker": "o", "mfc": "white"}
        for place, row in zip(np.linspace(*COLOURS, len(shown)), shown, strict=True):
            colour = colormaps["viridis"](1.0 - place)
            drawn = axes.plot(across[row], part[panel.y].values[row], color=colour, zorder=2, **look)  # type: ignore
            handles += drawn if part is parts[0] else []
    symbol = mathematics(members.symbol) if members.symbol else parameter_name(members.name)
    words = [f"{symbol} = {value_text(float(members.values[row]))}" for row in shown]
    last = np.broadcast_to(x.values, curve.values.shape)[shown[-1]]
    positive = last[last > 0.0]
    if panel.is_log("x", many_decades(positive, DECADES) and last[0] >= 0.0):
        axes.set_xscale("log", nonpositive="mask")
    if panel.is_log("y", many_decades(curve.values, DECADES)):
        axes.set_yscale("log")
    lines, laws = _guides(run, panel, curve, last, axes)
    axes.legend([*handles, *lines], [*words, *laws], fontsize=6.5)
    axes.set_xlabel(axis_label(x))
    axes.set_ylabel(axis_label(curve))


def _guides(run: Run, panel: Panel, curve: Curve, x: np.ndarray, axes: Axes) -> tuple[list[Line2D], list[str]]:
    """Laws of the same shape, for the last line of the family; scalars as levels; with their names."""
    lines: list[Line2D] = []
    words = []
    for guide, style in zip(panel.guides, cycle(STYLES), strict=False):
        if guide.name not in run:
            continue
        law = run[guide.name]
        look: dict[str, Any] = {"color": GUIDE, "linestyle": style, "linewidth": 0.9, "zorder": 3}
        if law.dims == curve.dims:
            (line,) = axes.plot(x, law.values[-1], **look)
        elif not law.dims:
            line = axes.axhline(guide.factor * law.last, **look)
        else:
            continue
        lines.append(line)
        words.append(guide.label or mathematics(law.symbol))  # not its label: those are named above all panels
    return lines, words

"""Phase diagrams over one axis, or in slices of two: values with error bars."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from .curve import Curve
from .labels import axis_label, equation, mathematics, parameter_name
from .panels import GUIDE, SIMULATION, THEORY, draw_residual, residual
from .phase_maps import BAD
from .phase_view import View, label_axis, over_decades, places
from .solution import PARTS

#: Lines of one panel of slices; more cannot be told apart.
MOST_SLICES = 6
#: Colours of slices, from dark to light: order is seen without colour vision.
SLICES = "viridis"
Array = np.ndarray


def draw_over_one_axis(view: View, name: str, axes: Axes, below: Axes | None) -> None:
    """Theory as line through its points, simulation as marks, the difference below."""
    x = view.first
    place = places(x)
    for part, colour, style in (
        ("theory", THEORY, "o-"),
        ("simulation", SIMULATION, "o"),
        ("comparison", THEORY, "o-"),
    ):
        found = view.curve(name, part)
        if found is None:
            continue
        _, values, stderr = found
        look: dict[str, Any] = {"mfc": "white", "zorder": 3} if part == "simulation" else {"markersize": 2.2}
        axes.errorbar(place, values, stderr, fmt=style, color=colour, elinewidth=0.8, label=part, **look)
    crosses(axes, place[~view.good])
    axes.set_ylabel(axis_label(view.main(name)[0]))
    if over_decades(view.main(name)[1]):
        axes.set_yscale("log")
    lowest = axes
    apart = difference(view, name)
    if below is not None and apart is not None:
        draw_residual(below, place, apart)
        axes.tick_params(labelbottom=False)
        lowest = below
    label_axis(lowest, "x", x)


def difference(view: View, name: str) -> Array | None:
    """Simulation minus theory in standard errors; None if that cannot be told."""
    pair = [view.curve(name, part) for part in ("theory", "simulation")]
    if view.second is not None or (len(view.axes) > 1 and view.diagram.scattered) or None in pair:
        return None
    theory, simulation = (Curve("", found[1], found[2], ("x",), "", "") for found in pair if found is not None)
    z = residual(theory, simulation)
    return z if np.isfinite(z).any() else None


def draw_slices(view: View, name: str, axes: Axes) -> None:
    """The observable against the first axis, for values of the second: theory as lines, simulation as marks."""
    assert view.second is not None
    place, second = places(view.first), view.second
    count = len(second.values)
    picked = np.unique(np.linspace(0, count - 1, min(count, MOST_SLICES)).round().astype(int))
    colours = matplotlib.colormaps[SLICES](np.linspace(0.0, 0.85, len(picked)))
    symbol = mathematics(second.symbol) if second.symbol else parameter_name(second.name)
    twice = all(view.curve(name, part) is not None for part in ("theory", "simulation"))
    for colour, index in zip(colours, picked, strict=True):
        label = equation(symbol, second.values[index].item())
        for part in PARTS:
            found = view.curve(name, part)
            if found is None:
                continue
            _, values, stderr = found
            both = twice and part == "simulation"
            look: dict[str, Any] = {"fmt": "s", "mfc": "white"} if both else {"fmt": "o-", "markersize": 2.2}
            error = None if stderr is None else stderr[:, index]
            axes.errorbar(
                place, values[:, index], error, color=colour, elinewidth=0.8, label=None if both else label, **look
            )
    axes.set_ylabel(axis_label(view.main(name)[0]))
    if over_decades(view.main(name)[1]):
        axes.set_yscale("log")
    if twice:
        axes.plot([], [], "s", color=GUIDE, mfc="white", label="simulation")
    axes.legend(fontsize=6.5, handlelength=1.4, loc="upper left", bbox_to_anchor=(1.0, 1.02))  # beside all lines
    label_axis(axes, "x", view.first)


def crosses(axes: Axes, places: Array) -> None:
    """Points without a value, at the lower edge."""
    if len(places):
        axes.plot(places, np.full(len(places), 0.03), "x", color=BAD, transform=axes.get_xaxis_transform())

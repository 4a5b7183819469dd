"""Maps of a figure: functions of two axes as colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from .curve import Curve
from .labels import axis_label, simulation_label
from .panels import coordinate
from .picture import Panel
from .scales import cell_edges, crowded, positive, tick_logarithm, tick_numbers

if TYPE_CHECKING:
    from .run import Run

TWO_TIME = ("t", "t_prime")
#: Points across a map; more would not be seen.
PIXELS = 600


def draw_map(run: Run, panel: Panel, axes: Axes) -> None:
    """A function of two axes as colours; of two times with a simulation, theory and simulation fill a triangle each."""
    name, curve = panel.y, run[panel.y]
    main = run.theory if run.theory is not None and name in run.theory else run.simulation
    assert main is not None
    rows, columns = (coordinate(main, dim, size) for dim, size in zip(curve.dims, curve.values.shape, strict=True))
    values, two_sided = _triangles(run, curve)
    steps = tuple(slice(None, None, -(-size // PIXELS)) for size in values.shape)
    values = values[steps]
    style: dict[str, Any]
    if panel.is_log("z") and positive(values).any():
        values = np.where(positive(values), values, np.nan)
        style, beyond = {"norm": LogNorm(float(np.nanmin(values)), float(np.nanmax(values)))}, "neither"
    else:
        style, beyond = _colours(values)
    log = [
        panel.is_log(letter, crowded(item.values)) and bool(positive(item.values).any())
        for letter, item in (("y", rows), ("x", columns))
    ]
    places = []
    for axis, item in enumerate((rows, columns)):
        points = item.values[steps[axis]]
        if log[axis]:  # what lies at or below 0 has no place
            values, points = np.compress(points > 0.0, values, axis), points[points > 0.0]
        places.append(cell_edges(points, log[axis]))
    axes.set(yscale="log" if log[0] else "linear", xscale="log" if log[1] else "linear")
    for side, item, logarithmic in ((axes.yaxis, rows, log[0]), (axes.xaxis, columns, log[1])):
        (tick_logarithm if logarithmic else tick_numbers)(side, item.values)
    mesh = axes.pcolormesh(places[1], places[0], np.ma.masked_invalid(values), rasterized=True, **style)
    if curve.dims == TWO_TIME and not any(log):
        axes.set_aspect("equal")
        for side in (axes.xaxis, axes.yaxis):
            side.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    if two_sided:
        _name_sides(run, axes)
    draw_bar(axes, mesh, curve, beyond)
    axes.set_xlabel(axis_label(columns))
    axes.set_ylabel(axis_label(rows))


def draw_bar(axes: Axes, mesh: Any, curve: Curve, beyond: str = "neither") -> Axes:
    """The scale of colours beside a map, and what is beyond its ends."""
    beside = axes.inset_axes((1.03, 0.0, 0.045, 1.0))  # as high as the map, whatever room there is
    bar = axes.figure.colorbar(mesh, cax=beside, label=axis_label(curve), extend=beyond)
    # seams between vector rectangles show up in some viewers
    bar.solids.set_rasterized(True)  # type: ignore[union-attr]
    bar.outline.set_linewidth(0.6)
    return beside


def _name_sides(run: Run, axes: Axes) -> None:
    """What is above the diagonal and what below."""
    words: dict[str, Any] = {"path_effects": [withStroke(linewidth=2, foreground="white")], "fontsize": 7, "zorder": 4}
    axes.text(0.04, 0.96, "theory", ha="left", va="top", transform=axes.transAxes, **words)
    axes.text(0.96, 0.04, simulation_label(run), ha="right", va="bottom", transform=axes.transAxes, **words)


def _triangles(run: Run, curve: Curve) -> tuple[np.ndarray, bool]:
    """What a map shows (a causal function has nothing above its diagonal), and whether simulation is on it."""
    values = curve.values
    if curve.dims != TWO_TIME or values.shape[0] != values.shape[1]:
        return values, False
    upper = np.triu(np.ones(values.shape, dtype=bool), 1)
    causal = not values[upper].any()
    if not causal and not np.allclose(values, values.T, equal_nan=True):
        return values, False
    both = run.theory is not None and run.simulation is not None
    other = run.simulation[curve.name].values if both and curve.name in run.simulation else None  # type: ignore
    if other is not None and other.shape == values.shape:
        return np.where(upper, other.T, values), True
    if causal and not np.diagonal(values).any():  # response starts one step after the field
        upper |= np.eye(len(values), dtype=bool)
    return np.where(upper, np.nan, values) if causal else values, False


def _colours(values: np.ndarray) -> tuple[dict[str, Any], str]:
    """Colour map and limits; a diagonal that outshines all else goes beyond the limits (which the bar shows)."""
    finite = np.isfinite(values)
    off = finite & (np.eye(*values.shape) == 0.0)
    most, rest = (float(np.abs(values[part]).max(initial=0.0)) for part in (finite, off))
    shown = values[off if most / 3.0 > rest > 0.0 else finite]
    if not shown.size:
        return {"cmap": "cividis"}, "neither"
    low, high = float(shown.min()), float(shown.max())
    beyond = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}
    if low < -0.02 * high:
        limit = max(-low, high)
        style, low, high = {"cmap": "PuOr_r", "vmin": -limit, "vmax": limit}, -limit, limit
    else:
        style = {"cmap": "cividis", "vmin": low, "vmax": high}
    return style, beyond[bool(values[finite].min() < low), bool(values[finite].max() > high)]

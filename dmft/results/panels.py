"""The panels of a figure: curves with their residuals, two-time maps, a table of scalars."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator, MultipleLocator, NullLocator

from .curve import Coordinate, Curve
from .labels import axis_label, mathematics, short_name, simulation_label
from .numbers import number
from .run import Run
from .solution import Solution

THEORY, SIMULATION = "#0072B2", "#D55E00"  # blue and vermilion of Okabe and Ito
TWO_TIME = ("t", "t_prime")
MARKS = 25
#: A band narrower than this part of the curve's range is hidden by the line itself.
VISIBLE = 0.01
#: Points across a map; more would not be seen.
PIXELS = 600


def coordinate(solution: Solution, dim: str, length: int) -> Coordinate:
    """The points of an axis; their numbers where the solution has none."""
    found = solution.coordinates.get(dim)
    return found if found is not None else Coordinate(dim, np.arange(length), dim, dim)


def draw_curve(run: Run, name: str, axes: Axes, below: Axes | None) -> None:
    """Theory as line with ±2 standard errors, simulation as marks; the residual in `below`."""
    theory, simulation = (part[name] if part and name in part else None for part in (run.theory, run.simulation))
    curve = run[name]
    parts = [part for part in (run.theory, run.simulation) if part is not None and name in part]
    x = coordinate(parts[0], curve.dims[0], len(curve.values))
    shown = _thin(_support(parts[-1][name]))
    if theory is not None:
        _line(axes, x, theory)
    if simulation is not None:
        points = coordinate(parts[-1], curve.dims[0], len(simulation.values)).values
        stderr = None if simulation.stderr is None else simulation.stderr[shown]
        axes.errorbar(
            points[shown], simulation.values[shown], stderr, fmt="o", color=SIMULATION, mfc="white", elinewidth=0.8,
            zorder=3, label=simulation_label(run),
        )  # fmt: skip
    if is_histogram(x):
        inside = np.concatenate([x.values[_support(part[name])] for part in parts])
        if len(inside) > 1:
            half = 0.5 * float(x.values[1] - x.values[0])
            axes.set_xlim(inside.min() - half, inside.max() + half)
        axes.set_ylim(bottom=0.0)
    _scales(axes, x, [part[name] for part in parts])
    axes.set_ylabel(axis_label(curve))
    lowest = axes
    if below is not None and theory is not None and simulation is not None:
        values = residual(theory, simulation)
        shown = shown[shown < len(values)]
        draw_residual(below, x.values[shown], values[shown])
        axes.tick_params(labelbottom=False)
        lowest = below
    lowest.set_xlabel(axis_label(x))


def is_histogram(x: Coordinate) -> bool:
    """True if the points of this axis are bins."""
    return "bin" in x.long_name


def has_residual(run: Run, name: str) -> bool:
    """True if theory and simulation can be subtracted: same points, some combined standard error."""
    if not (run.theory and run.simulation and name in run.theory and name in run.simulation):
        return False
    theory, simulation = run.theory[name], run.simulation[name]
    count = min(len(theory.values), len(simulation.values))
    mine, other = (coordinate(part, theory.dims[0], count).values[:count] for part in (run.theory, run.simulation))
    return np.allclose(mine, other) and bool(np.isfinite(residual(theory, simulation)).any())


def residual(theory: Curve, simulation: Curve) -> np.ndarray:
    """Simulation minus theory in units of the combined standard error; NaN where that is zero or unknown."""
    count = min(len(theory.values), len(simulation.values))
    squares = np.zeros(count)
    for curve in (theory, simulation):
        if curve.stderr is not None:
            squares += curve.stderr[:count] ** 2
    scale = np.sqrt(squares)
    with np.errstate(invalid="ignore"):  # both infinite
        difference = simulation.values[:count] - theory.values[:count]
    # rounding leaves tiny errors on points that are fixed by the start; they mean nothing
    alive = np.isfinite(difference) & (scale > 1e-12 * (1.0 + np.abs(theory.values[:count])))
    return np.divide(difference, scale, out=np.full(count, np.nan), where=alive)


def draw_map(run: Run, name: str, axes: Axes) -> None:
    """A function of two times as colours; with a simulation, theory fills one triangle and simulation the other."""
    curve = run[name]
    main = run.theory if run.theory is not None and name in run.theory else run.simulation
    assert main is not None
    rows, columns = (coordinate(main, dim, size) for dim, size in zip(curve.dims, curve.values.shape, strict=True))
    values, two_sided = _triangles(run, curve)
    steps = tuple(slice(None, None, -(-size // PIXELS)) for size in values.shape)
    values = values[steps]
    style, beyond = _colours(values)
    mesh = axes.pcolormesh(
        columns.values[steps[1]], rows.values[steps[0]], np.ma.masked_invalid(values), shading="nearest",
        rasterized=True, **style,
    )  # fmt: skip
    if curve.dims == TWO_TIME:
        axes.set_aspect("equal")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    if two_sided:
        words: dict[str, Any] = {
            "path_effects": [withStroke(linewidth=2, foreground="white")],
            "fontsize": 7,
            "zorder": 4,
        }
        axes.text(0.04, 0.96, "theory", ha="left", va="top", transform=axes.transAxes, **words)
        axes.text(0.96, 0.04, simulation_label(run), ha="right", va="bottom", transform=axes.transAxes, **words)
    beside = axes.inset_axes((1.03, 0.0, 0.045, 1.0))  # as high as the map, whatever room there is
    bar = axes.figure.colorbar(mesh, cax=beside, label=axis_label(curve), extend=beyond)
    # seams between vector rectangles show up in some viewers
    bar.solids.set_rasterized(True)  # type: ignore[union-attr]
    bar.outline.set_linewidth(0.6)
    axes.set_xlabel(axis_label(columns))
    axes.set_ylabel(axis_label(rows))


def draw_scalars(run: Run, axes: Axes) -> None:
    """Names and values as text: what is left when nothing has an axis."""
    axes.set_axis_off()
    lines = [
        f"{short_name(curve)}: {mathematics(curve.symbol)} = {number(curve.last, curve.last_stderr)}"
        for curve in run.scalars.values()
    ]
    axes.text(0.0, 1.0, "\n".join(lines), va="top", transform=axes.transAxes, linespacing=1.6)


def _line(axes: Axes, x: Coordinate, theory: Curve) -> None:
    style: dict[str, Any] = {"drawstyle": "steps-mid"} if is_histogram(x) else {}
    axes.plot(x.values, theory.values, color=THEORY, label="theory", zorder=2, **style)
    if theory.stderr is None:
        return
    band = 2.0 * theory.stderr
    span = np.ptp(theory.values[np.isfinite(theory.values)]) if np.isfinite(theory.values).any() else 0.0
    if np.nanmax(band, initial=0.0) > VISIBLE * span:
        step: dict[str, Any] = {"step": "mid"} if style else {}
        low, high = theory.values - band, theory.values + band
        axes.fill_between(x.values, low, high, color=THEORY, alpha=0.25, linewidth=0, zorder=1, **step)


def draw_residual(axes: Axes, x: np.ndarray, values: np.ndarray) -> None:
    """Differences in standard errors, with the band of ±2."""
    axes.axhspan(-2.0, 2.0, color=THEORY, alpha=0.15, linewidth=0)
    axes.axhline(0.0, color=THEORY, linewidth=0.6)
    axes.plot(x, values, "o", color=SIMULATION, mfc="white", markersize=2.6)
    limit = max(3.2, 1.15 * float(np.abs(np.nan_to_num(values)).max(initial=0.0)))
    axes.set_ylim(-limit, limit)
    axes.yaxis.set_major_locator(MultipleLocator(2.0) if limit < 5.0 else MaxNLocator(4, symmetric=True))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylabel(r"$\Delta/\sigma$")


def _support(curve: Curve) -> np.ndarray:
    """Where a curve has values; of a histogram, the bins that hold all but the outermost 1 %."""
    alive = np.isfinite(curve.values)
    mass = np.cumsum(np.where(alive, np.abs(curve.values), 0.0))
    if curve.dims == ("margin",) and mass[-1] > 0.0:
        alive &= (mass >= 0.005 * mass[-1]) & (mass - np.abs(curve.values) <= 0.995 * mass[-1])
    return np.flatnonzero(alive)


def _thin(indices: np.ndarray) -> np.ndarray:
    """At most :data:`MARKS` of them, evenly."""
    return indices[:: max(1, -(-len(indices) // MARKS))]


def _scales(axes: Axes, x: Coordinate, curves: list[Curve]) -> None:
    """Logarithmic axes where a linear one would hide most points."""
    steps = np.diff(x.values)
    if len(steps) > 1 and steps.min() > 0 and steps.max() > 50.0 * steps.min():
        axes.set_xscale("log")
    values = np.concatenate([curve.values[np.isfinite(curve.values)] for curve in curves])
    if values.size and values.min() > 0 and values.max() > 1e3 * values.min():
        axes.set_yscale("log")


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

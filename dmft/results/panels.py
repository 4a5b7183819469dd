"""The panels of a figure: curves with their residuals and guides, a table of scalars. Maps: :mod:`.maps`."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, MultipleLocator, NullLocator

from .curve import Coordinate, Curve
from .labels import axis_label, mathematics, short_name, simulation_label
from .numbers import number
from .picture import Panel
from .scales import crowded, many_decades, positive, tick_logarithm, tick_numbers
from .solution import Solution

if TYPE_CHECKING:
    from .run import Run

THEORY, SIMULATION = "#0072B2", "#D55E00"  # blue and vermilion of Okabe and Ito
GUIDE = "0.35"
#: Dashed, dotted, dash-dotted, dash-dot-dotted.
STYLES: tuple[Any, ...] = ("--", ":", "-.", (0, (6.0, 1.5, 1.0, 1.5, 1.0, 1.5)))
MARKS = 25
#: A band narrower than this part of the curve's range is hidden by the line itself.
VISIBLE = 0.01
#: Largest over smallest value from which on a scale is logarithmic.
DECADES = 1e3


def coordinate(solution: Solution, dim: str, length: int) -> Coordinate:
    """The points of an axis; their numbers where the solution has none."""
    found = solution.coordinates.get(dim)
    return found if found is not None else Coordinate(dim, np.arange(length), dim, dim)


def abscissa(solution: Solution, panel: Panel, curve: Curve) -> tuple[Coordinate, np.ndarray | None]:
    """Points and standard errors along x: of the axis of a curve, a second scale of it, or another observable."""
    dim, other = curve.dims[0], solution.curves.get(panel.x)
    if other is not None:
        return Coordinate(other.name, other.values, other.symbol, other.long_name, other.unit, dim), other.stderr
    scale = solution.coordinates.get(panel.x)
    return scale if scale is not None else coordinate(solution, dim, len(curve.values)), None


def draw_curve(run: Run, panel: Panel, axes: Axes, below: Axes | None) -> None:
    """Theory as line with ±2 standard errors, simulation as marks, guides; the residual in `below`."""
    name = panel.y
    theory, simulation = (part[name] if part and name in part else None for part in (run.theory, run.simulation))
    curve = run[name]
    parts = [part for part in (run.theory, run.simulation) if part is not None and name in part]
    x, error = abscissa(parts[0], panel, curve)
    shown = _thin(_support(parts[-1][name]))
    if theory is not None:
        _line(axes, x, error, theory)
    if simulation is not None:
        points, spread = abscissa(parts[-1], panel, simulation)
        up, across = (None if item is None else item[shown] for item in (simulation.stderr, spread))
        axes.errorbar(
            points.values[shown], simulation.values[shown], up, across, fmt="o", color=SIMULATION, mfc="white",
            elinewidth=0.8, zorder=3, label=simulation_label(run),
        )  # fmt: skip
    if is_histogram(x):
        inside = np.concatenate([x.values[_support(part[name])] for part in parts])
        if len(inside) > 1:
            half = 0.5 * float(x.values[1] - x.values[0])
            axes.set_xlim(inside.min() - half, inside.max() + half)
        axes.set_ylim(bottom=0.0)
    _scales(axes, panel, x, [part[name] for part in parts])
    draw_guides(run, panel, x.values, axes)
    if axes.get_xscale() == "log":
        tick_logarithm(axes.xaxis, x.values, at_points=panel.x not in run)
    if axes.get_yscale() == "log":
        tick_logarithm(axes.yaxis, np.array(axes.get_ylim()), at_points=False)
    axes.set_ylabel(axis_label(curve))
    lowest = axes
    if below is not None and theory is not None and simulation is not None:
        values = residual(theory, simulation)
        shown = shown[shown < len(values)]
        draw_residual(below, x.values[shown], values[shown])
        axes.tick_params(labelbottom=False)
        lowest = below
    lowest.set_xlabel(axis_label(x))


def draw_guides(run: Run, panel: Panel, x: np.ndarray, axes: Axes) -> None:
    """Laws in grey, named in a legend of the panel. Lines through the origin end where the data do."""
    curve = run[panel.y]
    lines, words = [], []
    for guide, style in zip(panel.guides, cycle(STYLES), strict=False):
        if guide.name not in run:
            continue
        law = run[guide.name]
        look: dict[str, Any] = {"color": GUIDE, "linestyle": style, "linewidth": 0.9, "zorder": 1.5}
        if law.dims == curve.dims:
            lines += axes.plot(x[: len(law.values)], law.values[: len(x)], **look)
        elif law.dims or not np.isfinite(law.last):
            continue
        elif guide.ratio:
            across, up = _through_origin(axes, x, curve.values, guide.factor * law.last, guide.ratio == "x/y")
            lines += axes.plot(across, up, **look)
        else:
            lines.append(axes.axhline(guide.factor * law.last, **look))
        words.append(guide.label or mathematics(law.symbol))
    if lines:
        axes.legend(lines, words, fontsize=6.5)


def _through_origin(
    axes: Axes, x: np.ndarray, y: np.ndarray, slope: float, upright: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Points of ``y = slope · x``, or with `upright` of ``x = slope · y``, within the range of the data."""
    ends = []
    for values, scale in ((x, axes.get_xscale()), (y, axes.get_yscale())):
        alive = values[np.isfinite(values) & ((values > 0.0) | (scale != "log"))]
        alive = alive if scale == "log" else np.append(alive, 0.0)
        ends.append((alive.min(initial=np.inf), alive.max(initial=-np.inf)))
    (low, high), (least, most) = ends if not upright else ends[::-1]
    steps = np.geomspace(low, high, 200) if low > 0.0 else np.linspace(low, high, 200)
    other = slope * steps
    inside = (other >= least) & (other <= most)
    pair = steps[inside], other[inside]
    return pair[::-1] if upright else pair


def is_histogram(x: Coordinate) -> bool:
    """True if the points of this axis are bins."""
    return "bin" in x.long_name


def has_residual(run: Run, panel: Panel) -> bool:
    """True if theory and simulation can be subtracted: same points, some combined standard error."""
    name = panel.y
    if not (run.theory and run.simulation and name in run.theory and name in run.simulation):
        return False
    if panel.x in run:
        return False
    theory, simulation = run.theory[name], run.simulation[name]
    if len(theory.dims) != 1:
        return False
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


def draw_scalars(run: Run, axes: Axes) -> None:
    """Names and values as text: what is left when nothing has an axis."""
    axes.set_axis_off()
    lines = [
        f"{short_name(curve)}: {mathematics(curve.symbol)} = {number(curve.last, curve.last_stderr)}"
        for curve in run.scalars.values()
    ]
    axes.text(0.0, 1.0, "\n".join(lines), va="top", transform=axes.transAxes, linespacing=1.6)


def _line(axes: Axes, x: Coordinate, error: np.ndarray | None, theory: Curve) -> None:
    """The line of the theory; bands where errors along y, or of a parametric curve along x, can be seen."""
    style: dict[str, Any] = {"drawstyle": "steps-mid"} if is_histogram(x) else {}
    axes.plot(x.values, theory.values, color=THEORY, label="theory", zorder=2, **style)
    look: dict[str, Any] = {"color": THEORY, "alpha": 0.25, "linewidth": 0, "zorder": 1}
    look |= {"step": "mid"} if style else {}
    for fill, place, values, stderr in (
        (axes.fill_between, x.values, theory.values, theory.stderr),
        (axes.fill_betweenx, theory.values, x.values, error),
    ):
        if stderr is None:
            continue
        band = 2.0 * stderr
        span = np.ptp(values[np.isfinite(values)]) if np.isfinite(values).any() else 0.0
        if np.nanmax(band, initial=0.0) > VISIBLE * span:
            fill(place, values - band, values + band, **look)


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


def _scales(axes: Axes, panel: Panel, x: Coordinate, curves: list[Curve]) -> None:
    """Logarithmic axes where the panel asks for them, or else where a linear one would hide most points."""
    values = np.concatenate([curve.values for curve in curves])
    if panel.is_log("x", crowded(x.values)) and positive(x.values).any():
        axes.set_xscale("log", nonpositive="mask")
    elif x.axis == x.name or x.values.dtype.kind == "i":  # steps have no halves
        tick_numbers(axes.xaxis, x.values)
    if panel.is_log("y", many_decades(values, DECADES)) and positive(values).any():
        axes.set_yscale("log")

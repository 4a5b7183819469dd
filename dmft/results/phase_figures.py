"""Figures of phase diagrams: slices with error bars, maps with the contour of the transition, all raw points."""

from __future__ import annotations

import string
import textwrap
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.tri import Triangulation

from ..errors import ParameterError
from .curve import Coordinate, Curve
from .figures import CURVE, MAP, NARROW, RESIDUAL, STYLE, WIDE, RunFigure
from .labels import axis_label, mathematics, parameter_name, short_name, value_text
from .panels import SIMULATION, THEORY, draw_residual, residual
from .phase import PhaseDiagram

MOST = 4
#: Lines of one panel of slices; more cannot be told apart.
MOST_SLICES = 6
#: Colours of slices, from dark to light: order is seen without colour vision.
SLICES = "viridis"
BAD = "#000000"
#: Largest over smallest value from which on a scale is logarithmic.
MANY = 1e4
Array = np.ndarray


def plot(diagram: PhaseDiagram, observables: list[str] | None = None) -> Figure:
    """Draw a phase diagram.

    Parameters
    ----------
    observables : list of str, optional
        Scalars, or curves whose last values are drawn. Default: the first four scalars; without scalars, curves.

    Returns
    -------
    Figure
        One row for each observable: over one axis a curve with error bars (theory as line with its points,
        simulation as marks, their difference in standard errors below); over two axes of numbers a map with the
        contour of the transition and beside it slices. Where points have not converged there are crosses.

    Raises
    ------
    UnknownNameError, ParameterError
        If there is no such observable, or nothing to draw.

    Notes
    -----
    The contour is at the value in the middle of the steepest change between neighbouring points. Of further axes the
    middle value is shown, which the title tells.
    """
    names = list(dict.fromkeys(observables)) if observables is not None else list(diagram.observables[:MOST])
    for name in names:
        diagram.at_end(name)  # raises if there is no such observable
    if not names:
        raise ParameterError("this phase diagram holds no data: every point failed or is missing")
    view = View(diagram)
    with matplotlib.rc_context(fname=STYLE):
        mapped = view.second is not None or (diagram.scattered and len(view.axes) == 2)
        heights = [height for name in names for height in _heights(view, name, mapped)]
        width = WIDE if mapped and not diagram.scattered else NARROW
        figure = RunFigure((width, sum(heights) + 0.5), layout="constrained")
        figure.get_layout_engine().set(h_pad=0.03, w_pad=0.05, hspace=0.0)  # type: ignore[union-attr,call-arg]
        columns = 2 if width == WIDE else 1
        grid = figure.add_gridspec(len(heights), columns, height_ratios=heights)
        top, letters = 0, iter(string.ascii_lowercase)
        for name in names:
            depth = len(_heights(view, name, mapped))
            heading = short_name(diagram.at_end(name))
            panels = [figure.add_subplot(grid[top, column]) for column in range(columns)]
            below = figure.add_subplot(grid[top + 1, 0], sharex=panels[0]) if depth == 2 else None
            _draw(view, name, panels, below)
            for axes in panels:
                letter = f"({next(letters, '')}) " if len(names) * columns > 1 else ""
                axes.set_title(letter + heading, loc="left")
            top += depth
        _head(view, figure, 110 if width == WIDE else 56)
    return figure


class View:
    """What of a diagram is drawn: the first axis, the second if there is one, the middle of all others."""

    def __init__(self, diagram: PhaseDiagram) -> None:
        self.diagram = diagram
        self.axes = (
            list(diagram.coordinates.values())
            if diagram.scattered
            else [diagram.coordinates[name] for name in diagram.axes]
        )
        order = sorted(range(len(self.axes)), key=lambda index: not _numeric(self.axes[index]))  # numbers first
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
        found = next(filter(None, (self.curve(name, part) for part in ("theory", "simulation", "comparison"))))
        return found


def _heights(view: View, name: str, mapped: bool) -> list[float]:
    if mapped:
        return [MAP]
    return [CURVE, RESIDUAL] if _difference(view, name) is not None else [CURVE]


def _draw(view: View, name: str, panels: list[Axes], below: Axes | None) -> None:
    if view.diagram.scattered:
        if len(view.axes) == 2:
            _scattered_map(view, name, panels[0])
        else:
            _curve(view, name, panels[0], None)
    elif view.second is None:
        _curve(view, name, panels[0], below)
    elif _numeric(view.second):
        _map(view, name, panels[0])
        _slices(view, name, panels[1])
    else:
        _slices(view, name, panels[1])
        _categories(view, name, panels[0])


def _curve(view: View, name: str, axes: Axes, below: Axes | None) -> None:
    """Theory as line through its points, simulation as marks, the difference below."""
    x = view.first
    place = _places(x)
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
    _crosses(axes, place[~view.good])
    axes.set_ylabel(axis_label(view.main(name)[0]))
    if _decades(view.main(name)[1]):
        axes.set_yscale("log")
    lowest = axes
    difference = _difference(view, name)
    if below is not None and difference is not None:
        draw_residual(below, place, difference)
        axes.tick_params(labelbottom=False)
        lowest = below
    _label_x(lowest, x)


def _difference(view: View, name: str) -> Array | None:
    """Simulation minus theory in standard errors; None if that cannot be told."""
    pair = [view.curve(name, part) for part in ("theory", "simulation")]
    if view.second is not None or (len(view.axes) > 1 and view.diagram.scattered) or None in pair:
        return None
    theory, simulation = (Curve("", found[1], found[2], ("x",), "", "") for found in pair if found is not None)
    z = residual(theory, simulation)
    return z if np.isfinite(z).any() else None


def _map(view: View, name: str, axes: Axes) -> None:
    assert view.second is not None
    curve, values, _ = view.main(name)
    x, y = view.first, view.second
    mesh = axes.pcolormesh(
        _edges(x), _edges(y), np.ma.masked_invalid(values.T), shading="flat", rasterized=True, norm=_norm(values)
    )
    level = transition(values)
    if level is not None:
        axes.contour(x.values, y.values, np.ma.masked_invalid(values.T), [level], colors="white", linewidths=1.6)
        axes.contour(x.values, y.values, np.ma.masked_invalid(values.T), [level], colors=BAD, linewidths=0.8)
    _raw_points(view, axes)
    _bar(axes, mesh, curve, level)
    _label_x(axes, x)
    _label_y(axes, y)


def _raw_points(view: View, axes: Axes) -> None:
    """Where the grid has its points: dots, crosses where they have not converged."""
    assert view.second is not None
    across, up = np.meshgrid(_places(view.first), _places(view.second), indexing="ij")
    axes.plot(across[view.good], up[view.good], ".", color="white", mec=BAD, mew=0.3, markersize=2.4)
    axes.plot(across[~view.good], up[~view.good], "x", color=BAD, markersize=3.2)


def _scattered_map(view: View, name: str, axes: Axes) -> None:
    curve, values, _ = view.main(name)
    x, y = view.axes
    alive = np.isfinite(values)
    across, up = (np.log(item.values) if _logarithmic(item) else item.values for item in (x, y))
    _label_x(axes, x)  # sets the scales: triangles are drawn in those of the moment
    _label_y(axes, y)
    mesh, level = None, None
    if alive.sum() > 2 and np.linalg.matrix_rank(np.column_stack([across, up, np.ones_like(up)])[alive]) == 3:
        # triangles in the coordinates of the figure, which may be logarithms
        net = Triangulation(across[alive], up[alive])
        shown = Triangulation(x.values[alive], y.values[alive], net.triangles)
        mesh = axes.tripcolor(shown, values[alive], rasterized=True, norm=_norm(values))
        ends = values[alive][net.edges]
        level = _middle(ends[:, 0], ends[:, 1], _decades(values))
        if level is not None:
            axes.tricontour(shown, values[alive], [level], colors="white", linewidths=1.6)
            axes.tricontour(shown, values[alive], [level], colors=BAD, linewidths=0.8)
    axes.plot(x.values[alive], y.values[alive], ".", color="white", mec=BAD, mew=0.3, markersize=2.4)
    axes.plot(x.values[~alive], y.values[~alive], "x", color=BAD, markersize=3.2)
    if mesh is not None:
        _bar(axes, mesh, curve, level)


def _slices(view: View, name: str, axes: Axes) -> None:
    """The observable against the first axis, for values of the second: theory as lines, simulation as marks."""
    assert view.second is not None
    place, second = _places(view.first), view.second
    count = len(second.values)
    picked = np.unique(np.linspace(0, count - 1, min(count, MOST_SLICES)).round().astype(int))
    colours = matplotlib.colormaps[SLICES](np.linspace(0.0, 0.85, len(picked)))
    symbol = mathematics(second.symbol) if second.symbol else parameter_name(second.name)
    for colour, index in zip(colours, picked, strict=True):
        label = f"{symbol}\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{value_text(second.values[index].item())}"
        for part in ("theory", "simulation", "comparison"):
            found = view.curve(name, part)
            if found is None:
                continue
            _, values, stderr = found
            both = part == "simulation" and view.curve(name, "theory") is not None
            look: dict[str, Any] = {"fmt": "s", "mfc": "white"} if both else {"fmt": "o-", "markersize": 2.2}
            error = None if stderr is None else stderr[:, index]
            axes.errorbar(
                place, values[:, index], error, color=colour, elinewidth=0.8, label=None if both else label, **look
            )
    axes.set_ylabel(axis_label(view.main(name)[0]))
    if _decades(view.main(name)[1]):
        axes.set_yscale("log")
    axes.legend(fontsize=6.5, handlelength=1.4)
    _label_x(axes, view.first)


def _categories(view: View, name: str, axes: Axes) -> None:
    """Rows of colours, one for each text of the second axis."""
    assert view.second is not None
    curve, values, _ = view.main(name)
    count = len(view.second.values)
    shown = np.ma.masked_invalid(values.T)
    mesh = axes.pcolormesh(_edges(view.first), np.arange(count + 1) - 0.5, shown, rasterized=True, norm=_norm(values))
    _raw_points(view, axes)
    _bar(axes, mesh, curve, None)
    _label_x(axes, view.first)
    _label_y(axes, view.second)


def transition(values: Array) -> float | None:
    """The value halfway up the steepest change between neighbours on a grid; None if nothing changes.

    Over many decades (:func:`_decades`) changes are those of the logarithm.
    """
    pairs = []
    for axis, size in enumerate(values.shape):
        pairs.append([np.take(values, np.arange(size - 1) + side, axis).ravel() for side in (0, 1)])
    low, high = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
    return _middle(low, high, _decades(values)) if min(values.shape) > 1 else None


def _middle(one: Array, other: Array, decades: bool) -> float | None:
    if decades:
        exponent = _middle(np.log(one), np.log(other), False)
        return None if exponent is None else float(np.exp(exponent))
    change = np.abs(other - one)
    if not np.isfinite(change).any() or not np.nanmax(change) > 0.0:
        return None
    steepest = int(np.nanargmax(change))
    return float(0.5 * (one[steepest] + other[steepest]))


def _norm(values: Array) -> Normalize:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return Normalize(0.0, 1.0)
    kind = LogNorm if _decades(values) else Normalize
    return kind(float(finite.min()), float(finite.max()))


def _decades(values: Array) -> bool:
    """True if positive values span so many decades that only their logarithm can be shown."""
    finite = values[np.isfinite(values)]
    return bool(finite.size) and bool(finite.min() > 0.0) and bool(finite.max() > MANY * finite.min())


def _bar(axes: Axes, mesh: Any, curve: Curve, level: float | None) -> None:
    beside = axes.inset_axes((1.03, 0.0, 0.045, 1.0))
    bar = axes.figure.colorbar(mesh, cax=beside, label=axis_label(curve))
    bar.outline.set_linewidth(0.6)
    if level is not None:
        beside.axhline(level, color="white", linewidth=1.6)
        beside.axhline(level, color=BAD, linewidth=0.8)


def _crosses(axes: Axes, places: Array) -> None:
    """Points without a value, at the lower edge."""
    if len(places):
        axes.plot(places, np.full(len(places), 0.03), "x", color=BAD, transform=axes.get_xaxis_transform())


def _numeric(item: Coordinate) -> bool:
    return item.values.dtype.kind != "U"


def _places(item: Coordinate) -> Array:
    return item.values if _numeric(item) else np.arange(len(item.values))


def _logarithmic(item: Coordinate) -> bool:
    """True if the points are spaced more evenly in the logarithm, over a decade or more."""
    if not _numeric(item):
        return False
    values = np.unique(item.values.astype(float))
    if len(values) < 3 or values[0] <= 0.0 or values[-1] < 10.0 * values[0]:
        return False
    plain, logarithm = np.diff(values), np.diff(np.log(values))
    return bool(np.std(logarithm) / np.mean(logarithm) < np.std(plain) / np.mean(plain))


def _edges(item: Coordinate) -> Array:
    """Borders of the cells around the points of an axis."""
    values = _places(item).astype(float)
    log = _logarithmic(item)
    values = np.log(values) if log else values
    if len(values) == 1:
        edges = np.array([values[0] - 0.5, values[0] + 0.5])
    else:
        middle = 0.5 * (values[1:] + values[:-1])
        edges = np.concatenate([[2 * values[0] - middle[0]], middle, [2 * values[-1] - middle[-1]]])
    return np.exp(edges) if log else edges


def _label_x(axes: Axes, item: Coordinate) -> None:
    axes.set_xlabel(_words(item))
    if _logarithmic(item):
        axes.set_xscale("log")
    if not _numeric(item):
        axes.set_xticks(np.arange(len(item.values)), item.values)
        axes.minorticks_off()


def _label_y(axes: Axes, item: Coordinate) -> None:
    axes.set_ylabel(_words(item))
    if _logarithmic(item):
        axes.set_yscale("log")
    if not _numeric(item):
        axes.set_yticks(np.arange(len(item.values)), item.values)
        axes.tick_params(axis="y", which="minor", left=False, right=False)


def _words(item: Coordinate) -> str:
    return axis_label(item) if item.symbol else parameter_name(item.name)


def _head(view: View, figure: Figure, width: int) -> None:
    """Model, fixed parameters that are not the defaults, values of the axes that are not drawn, and the status."""
    diagram = view.diagram
    shown = {diagram.coordinates[name].symbol or name: value for name, value in view.shown.items()}
    parts = [
        f"{parameter_name(name)}\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{value_text(value)}"
        for name, value in [*diagram.changed.items(), *((name, value.item()) for name, value in shown.items())]
    ]
    words = diagram.model.replace("$", r"\$") + (": " + ", ".join(parts) if parts else "")
    if not diagram.status.success:
        words += f" ({diagram.status.code})"
    words = textwrap.fill(words, width, break_long_words=False, break_on_hyphens=False)
    handles, names = figure.axes[0].get_legend_handles_labels()
    if view.second is None and len(names) > 1:
        figure.legend(
            handles, names, loc="outside upper left", ncols=2, title=words, title_fontsize=9, alignment="left"
        )
        return
    figure.suptitle(words, x=0.02, ha="left")

"""Phase diagrams over two axes as colours, with the contour of the transition and all raw points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.tri import Triangulation

from .curve import Curve
from .maps import draw_bar
from .phase_view import View, edges, is_logarithmic, label_axis, over_decades, places

Array = np.ndarray
BAD = "#000000"
#: Strokes of the transition, colour and width: black on white, seen on every colour.
STROKES = (("white", 1.6), (BAD, 0.8))


def draw_grid(view: View, name: str, axes: Axes) -> None:
    """Colours over two axes of numbers, the contour of the transition, all points of the grid."""
    assert view.second is not None
    curve, values, _ = view.main(name)
    x, y = view.first, view.second
    mesh = axes.pcolormesh(
        edges(x), edges(y), np.ma.masked_invalid(values.T), shading="flat", rasterized=True, norm=_norm(values)
    )
    level = transition(values)
    if level is not None:
        _contour(axes.contour, x.values, y.values, np.ma.masked_invalid(values.T), [level])
    _raw_points(view, axes)
    _bar(axes, mesh, curve, level)
    label_axis(axes, "x", x)
    label_axis(axes, "y", y)


def _contour(draw: Callable[..., Any], *where: Any) -> None:
    """The transition by a method of the axes; matplotlib would dash it at a negative value."""
    for colour, width in STROKES:
        draw(*where, colors=colour, linewidths=width, linestyles="solid")


def _raw_points(view: View, axes: Axes) -> None:
    """Where the grid has its points: dots, crosses where they have not converged."""
    assert view.second is not None
    across, up = np.meshgrid(places(view.first), places(view.second), indexing="ij")
    axes.plot(across[view.good], up[view.good], ".", color="white", mec=BAD, mew=0.3, markersize=2.4)
    axes.plot(across[~view.good], up[~view.good], "x", color=BAD, markersize=3.2)


def draw_scattered(view: View, name: str, axes: Axes) -> None:
    """The same for points that form no grid, by triangles between them."""
    curve, values, _ = view.main(name)
    x, y = view.axes
    alive = np.isfinite(values)
    across, up = (np.log(item.values) if is_logarithmic(item) else item.values for item in (x, y))
    label_axis(axes, "x", x)  # sets the scales: triangles are drawn in those of the moment
    label_axis(axes, "y", y)
    mesh, level = None, None
    if alive.sum() > 2 and np.linalg.matrix_rank(np.column_stack([across, up, np.ones_like(up)])[alive]) == 3:
        # triangles in the coordinates of the figure, which may be logarithms
        net = Triangulation(across[alive], up[alive])
        shown = Triangulation(x.values[alive], y.values[alive], net.triangles)
        mesh = axes.tripcolor(shown, values[alive], rasterized=True, norm=_norm(values))
        ends = values[alive][net.edges]
        level = _middle(ends[:, 0], ends[:, 1], over_decades(values))
        if level is not None:
            _contour(axes.tricontour, shown, values[alive], [level])
    axes.plot(x.values[alive], y.values[alive], ".", color="white", mec=BAD, mew=0.3, markersize=2.4)
    axes.plot(x.values[~alive], y.values[~alive], "x", color=BAD, markersize=3.2)
    if mesh is not None:
        _bar(axes, mesh, curve, level)


def draw_categories(view: View, name: str, axes: Axes) -> None:
    """Rows of colours, one for each text of the second axis."""
    assert view.second is not None
    curve, values, _ = view.main(name)
    count = len(view.second.values)
    shown = np.ma.masked_invalid(values.T)
    mesh = axes.pcolormesh(edges(view.first), np.arange(count + 1) - 0.5, shown, rasterized=True, norm=_norm(values))
    _raw_points(view, axes)
    _bar(axes, mesh, curve, None)
    label_axis(axes, "x", view.first)
    label_axis(axes, "y", view.second)


def transition(values: Array) -> float | None:
    """The value halfway up the steepest change between neighbours on a grid; None if nothing changes.

    Over many decades (:func:`over_decades`) changes are those of the logarithm.
    """
    pairs = []
    for axis, size in enumerate(values.shape):
        pairs.append([np.take(values, np.arange(size - 1) + side, axis).ravel() for side in (0, 1)])
    low, high = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
    return _middle(low, high, over_decades(values)) if min(values.shape) > 1 else None


def _middle(one: Array, other: Array, decades: bool) -> float | None:
    if decades:
        exponent = _middle(np.log(one), np.log(other), False)
        return None if exponent is None else float(np.exp(exponent))
    with np.errstate(invalid="ignore"):  # both infinite
        change = np.abs(other - one)
    if not np.isfinite(change).any() or not np.nanmax(change) > 0.0:
        return None
    steepest = int(np.nanargmax(change))
    return float(0.5 * (one[steepest] + other[steepest]))


def _norm(values: Array) -> Normalize:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return Normalize(0.0, 1.0)
    kind = LogNorm if over_decades(values) else Normalize
    return kind(float(finite.min()), float(finite.max()))


def _bar(axes: Axes, mesh: Any, curve: Curve, level: float | None) -> None:
    beside = draw_bar(axes, mesh, curve)
    if level is not None:
        for colour, width in STROKES:
            beside.axhline(level, color=colour, linewidth=width)

"""Figures of phase diagrams: slices with error bars, maps with the contour of the transition, all raw points."""

from __future__ import annotations

import string
import textwrap
from typing import TYPE_CHECKING

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..errors import ParameterError
from .figures import CURVE, MAP, NARROW, RESIDUAL, STYLE, WIDE, RunFigure
from .labels import heading, short_name
from .phase_maps import draw_categories, draw_grid, draw_scattered
from .phase_slices import difference, draw_over_one_axis, draw_slices
from .phase_view import View, is_numeric

if TYPE_CHECKING:
    from .phase import PhaseDiagram

MOST = 4


def plot(diagram: PhaseDiagram, observables: str | list[str] | None = None) -> Figure:
    """Draw a phase diagram.

    Parameters
    ----------
    observables : str or list of str, optional
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
    if isinstance(observables, str):
        observables = [observables]
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


def _heights(view: View, name: str, mapped: bool) -> list[float]:
    if mapped:
        return [MAP]
    return [CURVE, RESIDUAL] if difference(view, name) is not None else [CURVE]


def _draw(view: View, name: str, panels: list[Axes], below: Axes | None) -> None:
    if view.diagram.scattered:
        if len(view.axes) == 2:
            draw_scattered(view, name, panels[0])
        else:
            draw_over_one_axis(view, name, panels[0], None)
    elif view.second is None:
        draw_over_one_axis(view, name, panels[0], below)
    elif is_numeric(view.second):
        draw_grid(view, name, panels[0])
        draw_slices(view, name, panels[1])
    else:
        draw_slices(view, name, panels[1])
        draw_categories(view, name, panels[0])


def _head(view: View, figure: Figure, width: int) -> None:
    """Model, fixed parameters that are not the defaults, values of the axes that are not drawn, and the status."""
    diagram = view.diagram
    shown = {diagram.coordinates[name].symbol or name: value for name, value in view.shown.items()}
    words = heading(diagram.model, [*diagram.changed.items(), *((name, value.item()) for name, value in shown.items())])
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

"""Figures of runs, fit to print: theory as line, simulation as marks, residuals below, two-time maps."""

from __future__ import annotations

import io
import os
import string
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
from matplotlib.figure import Figure

from ..errors import OutputError, ParameterError
from .atomic import write_bytes
from .families import draw_family, is_family
from .labels import short_name, title
from .maps import draw_map
from .panels import draw_curve, draw_scalars, has_residual
from .picture import FORMATS, Panel

if TYPE_CHECKING:
    from .run import Run

STYLE = Path(__file__).with_name("publication.mplstyle")
#: Width of one and of two columns of a paper, inches.
NARROW, WIDE = 3.4, 7.0
#: Heights of a row of curves, of residuals, of maps, inches.
CURVE, RESIDUAL, MAP = 1.95, 0.6, 2.9
#: Panels of a run whose model declares none.
MOST_CURVES, MOST_MAPS = 6, 2


class RunFigure(Figure):
    """A figure that notebooks show without pyplot."""

    def _repr_png_(self) -> bytes:
        return render(self, ".png", dpi=150)


def plot(run: Run, observables: str | Panel | Sequence[str | Panel] | None = None) -> Figure:
    """Draw a run.

    Parameters
    ----------
    run : Run
        Theory, simulation or both.
    observables : str, Panel or sequence of them, optional
        Curves or functions of two axes by name, or panels. Default: those that the model declares
        (``run.figure``); if it declares none, the first curves over the main axis
        and the first maps.

    Returns
    -------
    Figure
        Of matplotlib, 7 inches wide (3.4 for a single panel). Not registered with pyplot.

    Raises
    ------
    UnknownNameError
        If the run has no such observable.
    ParameterError
        If an observable has no axis, or more than two.
    """
    panels = chosen(run, observables)
    with matplotlib.rc_context(fname=STYLE):  # everything that is not in this file is matplotlib's default
        panels.sort(key=lambda panel: is_map(run, panel))  # curves first, in their order
        columns = 2 if len(panels) > 1 else 1
        rows = [panels[i : i + columns] for i in range(0, len(panels), columns)]
        heights = [height for row in rows for height in _heights(run, row)]
        figure = RunFigure((WIDE if columns == 2 else NARROW, sum(heights or [CURVE]) + 0.5), layout="constrained")
        figure.get_layout_engine().set(h_pad=0.03, w_pad=0.05, hspace=0.0)  # type: ignore[union-attr,call-arg]
        if not panels:
            draw_scalars(run, figure.add_subplot())
        else:
            _draw(run, figure, rows, heights, columns)
        _head(run, figure, columns)
    return figure


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a figure as pdf, png or svg (by suffix), whole or not at all; an existing file is replaced.

    Raises
    ------
    OutputError
        If the suffix is another one, or the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise OutputError(f"{path} ends in {suffix!r}: figures can be written as {', '.join(FORMATS)}")
    write_bytes(path, render(figure, suffix))
    return path


def render(figure: Figure, suffix: str, dpi: float | None = None) -> bytes:
    """The content of a file with this suffix."""
    image = io.BytesIO()
    with matplotlib.rc_context(fname=STYLE):
        figure.savefig(image, format=suffix[1:], metadata=FORMATS[suffix], dpi=dpi)
    return image.getvalue()


def chosen(run: Run, observables: str | Panel | Sequence[str | Panel] | None) -> list[Panel]:
    """What to draw; a name is the panel of it that the model declares, if there is one."""
    if isinstance(observables, (str, Panel)):
        observables = [observables]
    if observables is not None:
        declared = {panel.y: panel for panel in reversed(run.figure) if not panel.x}
        panels = [item if isinstance(item, Panel) else declared.get(item, Panel(item)) for item in observables]
        for panel in panels:
            _check(run, panel)
        return list(dict.fromkeys(panels))
    declared_and_there = [
        panel for panel in run.figure if panel.y in run and len(run[panel.y].dims) in (1, 2) and _has_x(run, panel)
    ]
    if declared_and_there:
        return declared_and_there
    axes = [curve.dims[0] for curve in run.main.values() if len(curve.dims) == 1]
    curves = [Panel(name) for name, curve in run.main.items() if axes and curve.dims == (axes[0],)]
    maps = [Panel(name) for name, curve in run.main.items() if len(curve.dims) == 2]
    return curves[:MOST_CURVES] + maps[:MOST_MAPS]


def _check(run: Run, panel: Panel) -> None:
    dims = run[panel.y].dims
    if len(dims) not in (1, 2):
        drawn = [name for name, curve in run.main.items() if len(curve.dims) in (1, 2)]
        raise ParameterError(f"{panel.y} has {len(dims)} axes and cannot be drawn: give some of {', '.join(drawn)}")
    if not _has_x(run, panel):
        raise ParameterError(f"{panel.y} cannot be drawn against {panel.x!r}: give an observable over the same axis")


def _has_x(run: Run, panel: Panel) -> bool:
    """True if every side that has y has x as well, on the same axis."""
    if not panel.x:
        return True
    parts = [part for part in (run.theory, run.simulation) if part is not None and panel.y in part]
    return all(
        part[panel.x].dims == part[panel.y].dims
        if panel.x in part
        else panel.x in part.coordinates
        and part.coordinates[panel.x].axis == part[panel.y].dims[-1 if is_family(run, panel) else 0]
        for part in parts
    )


def is_map(run: Run, panel: Panel) -> bool:
    """True if a panel is a map, not a curve or a family of curves."""
    return len(run[panel.y].dims) == 2 and not is_family(run, panel)


def _heights(run: Run, row: list[Panel]) -> list[float]:
    height = MAP if any(is_map(run, panel) for panel in row) else CURVE
    if not any(not is_map(run, panel) and has_residual(run, panel) for panel in row):
        return [height]
    return [CURVE if height == CURVE else MAP - RESIDUAL, RESIDUAL]


def _draw(run: Run, figure: Figure, rows: list[list[Panel]], heights: list[float], columns: int) -> None:
    grid = figure.add_gridspec(len(heights), columns, height_ratios=heights)
    top, letters = 0, iter(string.ascii_lowercase)
    for row in rows:
        depth = len(_heights(run, row))
        for column, panel in enumerate(row):
            below = None
            if is_map(run, panel):
                axes = figure.add_subplot(grid[top : top + depth, column])
                draw_map(run, panel, axes)
            elif is_family(run, panel):
                axes = figure.add_subplot(grid[top : top + depth, column])
                draw_family(run, panel, axes)
            elif has_residual(run, panel):
                axes = figure.add_subplot(grid[top, column])
                below = figure.add_subplot(grid[top + 1, column], sharex=axes)
                draw_curve(run, panel, axes, below)
            else:
                axes = figure.add_subplot(grid[top : top + depth, column])
                draw_curve(run, panel, axes, None)
            letter = f"({next(letters, '')}) " if columns > 1 else ""
            axes.set_title(letter + (panel.title or short_name(run[panel.y])), loc="left")
        top += depth


def _head(run: Run, figure: Figure, columns: int) -> None:
    """Title and legend above all panels, the title as that of the legend: they cannot overlap."""
    words = textwrap.fill(title(run), 130 if columns == 2 else 60, break_long_words=False, break_on_hyphens=False)
    found: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(name, handle)
    names = sorted(found, key=lambda name: name != "theory")  # first, wherever it was drawn first
    if found:
        figure.legend(
            [found[name] for name in names], names, loc="outside upper left", ncols=2, title=words, title_fontsize=9,
            alignment="left",
        )  # fmt: skip
    else:
        figure.suptitle(words, x=0.02, ha="left")

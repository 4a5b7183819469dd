"""Figures of runs, fit to print: theory as line, simulation as marks, residuals below, two-time maps."""

from __future__ import annotations

import io
import os
import string
import textwrap
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from ..errors import OutputError, ParameterError
from .atomic import replacing
from .labels import short_name, title
from .panels import draw_curve, draw_map, draw_scalars, has_residual
from .run import Run

STYLE = Path(__file__).with_name("publication.mplstyle")
#: Width of one and of two columns of a paper, inches.
NARROW, WIDE = 3.4, 7.0
#: Heights of a row of curves, of residuals, of maps, inches.
CURVE, RESIDUAL, MAP = 1.95, 0.6, 2.9
MOST_CURVES = 6
#: Shown by default where present; other runs show their first curves.
LEADING = ("magnetization", "norm", "train_loss", "test_error")
#: Runs that hold the first of these curves are about it: shown with the others, as far as present.
SUBJECTS = (
    ("effective_temperature", "local_temperature", "displacement", "susceptibility", "magnetization", "norm"),
    ("distance", *LEADING),
    ("gaps", *LEADING),
)
MAPS = ("correlation", "response")
#: Formats by suffix, with metadata that does not change from one day to the next.
FORMATS = {
    ".pdf": {"Creator": "dmft", "Producer": "dmft", "CreationDate": None},
    ".png": {"Software": "dmft"},
    ".svg": {"Creator": "dmft", "Date": None},
}


class RunFigure(Figure):
    """A figure that notebooks show without pyplot."""

    def _repr_png_(self) -> bytes:
        return render(self, ".png", dpi=150)


def plot(run: Run, observables: list[str] | None = None) -> Figure:
    """Draw a run.

    Parameters
    ----------
    run : Run
        Theory, simulation or both.
    observables : list of str, optional
        Curves or two-time kernels by name. Default: what the run is about (:data:`SUBJECTS`), else the
        first curves over the main axis; and the maps of correlation and response.

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
    names = chosen(run, observables)
    with matplotlib.rc_context(fname=STYLE):  # everything that is not in this file is matplotlib's default
        curves = [name for name in names if len(run[name].dims) == 1]
        maps = [name for name in names if len(run[name].dims) == 2]
        columns = 2 if len(names) > 1 else 1
        rows = [part[i : i + columns] for part in (curves, maps) for i in range(0, len(part), columns)]
        heights = [height for row in rows for height in _heights(run, row)]
        figure = RunFigure((WIDE if columns == 2 else NARROW, sum(heights or [CURVE]) + 0.5), layout="constrained")
        figure.get_layout_engine().set(h_pad=0.03, w_pad=0.05, hspace=0.0)  # type: ignore[union-attr,call-arg]
        if not names:
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
    image = render(figure, suffix)
    with replacing(path, force=True) as sink:
        sink.write(image)
    return path


def render(figure: Figure, suffix: str, dpi: float | None = None) -> bytes:
    """The content of a file with this suffix."""
    image = io.BytesIO()
    with matplotlib.rc_context(fname=STYLE):
        figure.savefig(image, format=suffix[1:], metadata=FORMATS[suffix], dpi=dpi)
    return image.getvalue()


def chosen(run: Run, observables: list[str] | None) -> list[str]:
    """Names of what to draw, curves first."""
    if observables is not None:
        for name in observables:
            dims = run[name].dims
            if len(dims) not in (1, 2):
                drawn = [name for name, curve in run.main.items() if len(curve.dims) in (1, 2)]
                raise ParameterError(
                    f"{name} has {len(dims)} axes and cannot be drawn: give some of {', '.join(drawn)}"
                )
        return list(dict.fromkeys(observables))
    maps = [name for name in MAPS if name in run.main and len(run.main[name].dims) == 2]
    for subject in SUBJECTS:
        if subject[0] in run.main:
            return [name for name in subject if name in run.main and len(run.main[name].dims) == 1] + maps
    axes = [curve.dims[0] for curve in run.main.values() if len(curve.dims) == 1]
    curves = [name for name, curve in run.main.items() if axes and curve.dims == (axes[0],)]
    leading = [name for name in LEADING if name in curves]
    return (leading if len(leading) == len(LEADING) else curves[:MOST_CURVES]) + maps


def _heights(run: Run, row: list[str]) -> list[float]:
    if len(run[row[0]].dims) == 2:
        return [MAP]
    return [CURVE, RESIDUAL] if any(has_residual(run, name) for name in row) else [CURVE]


def _draw(run: Run, figure: Figure, rows: list[list[str]], heights: list[float], columns: int) -> None:
    grid = figure.add_gridspec(len(heights), columns, height_ratios=heights)
    top, letters = 0, iter(string.ascii_lowercase)
    for row in rows:
        depth = len(_heights(run, row))
        for column, name in enumerate(row):
            below = None
            if len(run[name].dims) == 2:
                axes = figure.add_subplot(grid[top, column])
                draw_map(run, name, axes)
            elif has_residual(run, name):
                axes = figure.add_subplot(grid[top, column])
                below = figure.add_subplot(grid[top + 1, column], sharex=axes)
                draw_curve(run, name, axes, below)
            else:
                axes = figure.add_subplot(grid[top : top + depth, column])
                draw_curve(run, name, axes, None)
            letter = f"({next(letters, '')}) " if columns > 1 else ""
            axes.set_title(letter + short_name(run[name]), loc="left")
        top += depth


def _head(run: Run, figure: Figure, columns: int) -> None:
    """Title and legend above all panels, the title as that of the legend: they cannot overlap."""
    words = textwrap.fill(title(run), 130 if columns == 2 else 60, break_long_words=False, break_on_hyphens=False)
    for axes in figure.axes:
        handles, names = axes.get_legend_handles_labels()
        if handles:
            figure.legend(
                handles, names, loc="outside upper left", ncols=2, title=words, title_fontsize=9, alignment="left"
            )
            return
    figure.suptitle(words, x=0.02, ha="left")

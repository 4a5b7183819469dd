"""What a notebook shows for a run or a phase diagram: status, numbers and a small figure, all in one text."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from .numbers import number

if TYPE_CHECKING:
    from .phase import PhaseDiagram
    from .run import Run

GOOD, HALF, BAD = "#009E73", "#E69F00", "#D55E00"
_COLOURS = {
    "converged": GOOD, "interrupted": HALF, "not_converged": BAD, "diverged": BAD, "complete": GOOD, "failed": BAD,
    "agrees": GOOD, "undecided": HALF, "deviates": BAD,
}  # fmt: skip
#: Pixels that a figure is wide at most, and the observables of a phase diagram that it shows.
WIDTH, SHOWN = 640, 2


def run_html(run: Run) -> str:
    """Model, status, verdict, scalars with standard errors, parameters, and a figure if it can be drawn."""
    parts = [_head(run.model, run.status.code, run.status.message)]
    if run.comparison is not None:
        parts.append(f"<br>{_coloured(run.comparison.verdict)}: {_text(run.comparison.message)}")
    scalars = (
        (curve.name, f"{curve.symbol} = {number(curve.last, curve.last_stderr)}", curve.long_name)
        for curve in run.scalars.values()
    )
    parts.append(_image(run))
    parts.append(_details("Scalars", scalars, open_=True))
    parts += _options(run)
    return "<div>" + "".join(parts) + "</div>"


def phase_html(diagram: PhaseDiagram) -> str:
    """Model, status, axes, the range of each scalar, failed points, and a figure if it can be drawn."""
    parts = [_head(f"{diagram.model}: {diagram.kind}", diagram.status.code, diagram.status.message)]
    axes = ((name, item.symbol, _span(item.values)) for name, item in diagram.coordinates.items())
    scalars = ((name, curve.symbol, _span(curve.values), curve.long_name) for name, curve in diagram.scalars.items())
    failures = (
        (", ".join(f"{name} = {value}" for name, value in item["point"].items()), item["error"])
        for item in diagram.failures
    )
    parts.append(_image(diagram, list(diagram.observables[:SHOWN])))
    parts.append(_details("Axes", axes, open_=True))
    parts.append(_details("Scalars", scalars, open_=True))
    parts.append(_details("Failed points", failures))
    parts += _options(diagram)
    return "<div>" + "".join(parts) + "</div>"


def _head(name: str, code: str, message: str) -> str:
    return f"<strong>{_text(name)}</strong> {_coloured(code)}: {_text(message)}"


def _coloured(code: str) -> str:
    return f'<strong style="color:{_COLOURS[code]}">{_text(code.replace("_", " "))}</strong>'


def _options(result: Run | PhaseDiagram) -> list[str]:
    parameters = ((name, "none" if value is None else value) for name, value in result.parameters.items())
    return [_details("Parameters", parameters), _details("Method", result.method.items())]


def _span(values: np.ndarray) -> str:
    """Smallest to largest finite number, or all words."""
    if values.dtype.kind == "U":
        return ", ".join(values)
    finite = values[np.isfinite(values)]
    return f"{finite.min():.6g} to {finite.max():.6g}" if finite.size else "no number"


def _details(name: str, rows: Iterable[tuple[object, ...]], open_: bool = False) -> str:
    lines = ["".join(f'<td style="text-align:left">{_text(cell)}</td>' for cell in row) for row in rows]
    if not lines:
        return ""
    table = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<details{' open' if open_ else ''}><summary>{name}</summary><table>{table}</table></details>"


def _image(result: Run | PhaseDiagram, observables: list[str] | None = None) -> str:
    """The figure as data, or nothing: a repr must not fail because of a broken matplotlib."""
    try:
        from .figures import render

        data = base64.b64encode(render(result.plot(observables), ".png", dpi=100)).decode()
    except Exception as error:
        return f"<p>No figure: {_text(error)}</p>"
    look = f"max-width:{WIDTH}px;width:100%;background:white"
    return f'<br><img alt="curves of {_text(result.model)}" style="{look}" src="data:image/png;base64,{data}">'


def _text(value: object) -> str:
    return html.escape(str(value))

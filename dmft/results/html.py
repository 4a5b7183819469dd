"""What a notebook shows for a run: a table and a small figure."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .numbers import number

if TYPE_CHECKING:
    from .run import Run

_COLOURS = {"converged": "#009E73", "interrupted": "#E69F00", "not_converged": "#D55E00", "diverged": "#D55E00"}


def run_html(run: Run) -> str:
    """Model, status, verdict, parameters, scalars with standard errors, and a figure if it can be drawn."""
    colour = _COLOURS[run.status.code]
    parts = [
        f"<strong>{_text(run.model)}</strong> ",
        f'<span style="color:{colour}">{_text(run.status.code)}</span>: {_text(run.status.message)}',
    ]
    if run.comparison is not None:
        parts.append(f"<br><strong>{_text(run.comparison.verdict)}</strong>: {_text(run.comparison.message)}")
    parameters = ((name, "none" if value is None else value) for name, value in run.parameters.items())
    scalars = (
        (curve.name, f"{curve.symbol} = {number(curve.last, curve.last_stderr)}", curve.long_name)
        for curve in run.scalars.values()
    )
    parts.append(_image(run))
    parts.append(_details("Scalars", scalars, open_=True))
    parts.append(_details("Parameters", parameters))
    parts.append(_details("Method", run.method.items()))
    return "<div>" + "".join(parts) + "</div>"


def _details(name: str, rows: Iterable[tuple[object, ...]], open_: bool = False) -> str:
    lines = ["".join(f'<td style="text-align:left">{_text(cell)}</td>' for cell in row) for row in rows]
    if not lines:
        return ""
    table = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<details{' open' if open_ else ''}><summary>{name}</summary><table>{table}</table></details>"


def _image(run: Run) -> str:
    """The default figure as data, or nothing: a repr must not fail because of a broken matplotlib."""
    try:
        from .figures import plot, render

        data = base64.b64encode(render(plot(run), ".png", dpi=100)).decode()
    except Exception as error:
        return f"<p>No figure: {_text(error)}</p>"
    return f'<br><img alt="curves of {_text(run.model)}" src="data:image/png;base64,{data}">'


def _text(value: object) -> str:
    return html.escape(str(value))

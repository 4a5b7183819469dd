"""What a command prints on stdout: one JSON object or a short table."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..results.numbers import number

if TYPE_CHECKING:
    from ..results.comparison import Comparison
    from ..results.curve import Curve
    from ..results.phase import PhaseDiagram
    from ..results.run import Run


#: Characters of a line of text.
WIDTH = 110


def print_json(content: Any) -> None:
    """One strictly valid JSON object on one line; NaN and infinity become null."""
    click.echo(json.dumps(_finite(content), allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def run_object(run: Run, file: Path | None) -> dict[str, Any]:
    """The JSON object of a run: its summary, the comparison if there is one, and the file."""
    content = run.summary()
    if run.comparison is not None:
        content["comparison"] = comparison_object(run.comparison)
    return {**content, "file": None if file is None else str(file)}


def comparison_object(comparison: Comparison) -> dict[str, Any]:
    """Verdict and numbers of a comparison."""
    return {
        "verdict": comparison.verdict,
        "message": comparison.message,
        "sizes": list(comparison.sizes),
        "observables": {
            name: {
                "max_z": item.max_z,
                "threshold": item.threshold,
                "relative_error": item.relative_error,
                "exponent": item.exponent,
                "deviation": list(item.deviation),
                "noise": list(item.noise),
                "agrees": bool(item.agrees),
            }
            for name, item in comparison.observables.items()
        },
    }


def run_lines(run: Run, title: str, most: int | None = None) -> list[str]:
    """The table of a run; at `most` so many lines of scalars and half as many of observables that were compared."""
    head = (f"{run.model}: {title}", f"{run.status.code}: {run.status.message}")
    lines = [*head, ""] if most is None else [*(line for text in head for line in hanging(text, "", "  ")), ""]
    lines += scalar_lines(run.scalars.values(), most)
    if run.comparison is not None:
        lines += ["", *comparison_lines(run.comparison, None if most is None else most // 2)]
    return lines


def scalar_lines(scalars: Iterable[Curve], most: int | None = None) -> list[str]:
    """Name, symbol and value ± standard error of each scalar; side by side where there would be more than `most`."""
    rows = [(item.name, item.symbol, number(item.last, item.last_stderr)) for item in scalars]
    lines = table(rows) or ["no scalars"]
    if most is None or len(lines) <= most:
        return lines
    width = max(map(len, lines))
    beside = max(1, min(-(-len(lines) // most), WIDTH // (width + 2)))
    height = -(-len(lines) // beside)
    columns = [lines[first : first + height] for first in range(0, len(lines), height)]
    joined = ["  ".join(cell.ljust(width) for cell in row).rstrip() for row in zip_longest(*columns, fillvalue="")]
    return shortened(joined, most, "scalars")


def shortened(lines: list[str], most: int, what: str) -> list[str]:
    """The first lines, and in place of the others that there are more."""
    return lines if len(lines) <= most else [*lines[: most - 1], f"  … more {what}: dmft info FILE -v"]


def comparison_lines(comparison: Comparison, most: int | None = None) -> list[str]:
    """The verdict and a line for each observable, those that deviate most first if there are more than `most`."""
    rows: list[Sequence[str]] = [("observable", "max z", "allowed", "relative error", "exponent", "")]
    items = list(comparison.observables.items())
    left = 0 if most is None else max(0, len(items) - most)
    if left:
        items = sorted(items, key=lambda pair: -pair[1].max_z / pair[1].threshold)[:most]
    for name, item in items:
        exponent = "" if math.isnan(item.exponent) else f"{item.exponent:.2f}"
        verdict = "agrees" if item.agrees else "deviates"
        rows.append(
            (name, f"{item.max_z:.2f}", f"{item.threshold:.2f}", f"{item.relative_error:.2g}", exponent, verdict)
        )
    more = [f"  … and {left} that deviate less"] if left else []
    message = [comparison.message] if most is None else hanging(comparison.message, "", "  ")
    return [*message, *(table(rows) if comparison.observables else []), *more]


def table(rows: Sequence[Sequence[str]], indent: int = 2) -> list[str]:
    """Left-aligned columns."""
    if not rows:
        return []
    widths = [max(places(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        " " * indent
        + "  ".join(cell + " " * (width - places(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def hanging(text: str, first: str, others: str) -> list[str]:
    """Lines of at most :data:`WIDTH` characters; runs of blanks, which are columns, stay."""
    if len(first + text) <= WIDTH:
        return [first + text]
    head, tail = text[: WIDTH - len(first)].rpartition(" ")[::2]
    rest = tail + text[WIDTH - len(first) :]
    if not head.strip():  # one long word
        return [first + text]
    return [(first + head).rstrip(), *hanging(rest.lstrip(), others, others)]


def places(text: str) -> int:
    """Places that a text takes on a screen: a tilde above a letter, as in η̃, takes none."""
    return sum(not unicodedata.combining(character) for character in text)


def seconds(value: float) -> str:
    """A duration for people."""
    if value < 100.0:
        return f"{value:.2g} s"
    if value < 6000.0:
        return f"{value / 60.0:.0f} min"
    hours = value / 3600.0
    return f"{hours:.1f} h" if hours < 1000.0 else f"{hours:.3g} h"


def sweep_object(diagram: PhaseDiagram, file: Path | None) -> dict[str, Any]:
    """The JSON object of a sweep."""
    scalars = diagram.scalars
    arrays = {} if not diagram.observables else {name: diagram[name] for name in diagram}
    return {
        "model": diagram.model,
        "kind": diagram.kind,
        "parameters": diagram.parameters,
        "method": diagram.method,
        "status": diagram.status.code,
        "axes": {name: item.values.tolist() for name, item in diagram.coordinates.items()},
        "points": {"total": int(diagram.states.size), **diagram.counts},
        "failures": list(diagram.failures),
        "scalars": {
            name: dict(zip(("min", "max"), value_range(curve), strict=True)) for name, curve in scalars.items()
        },
        "curves": {
            name: {"dims": list(curve.dims), "shape": list(curve.values.shape)}
            for name, curve in arrays.items()
            if name not in scalars
        },
        "file": None if file is None else str(file),
    }


def sweep_lines(diagram: PhaseDiagram, title: str, most: int | None = None) -> list[str]:
    """The table of a sweep: axes, and the range of each scalar, at `most` so many."""
    lines = [f"{diagram.model}: {title}", f"{diagram.kind}, {diagram.status.code}: {diagram.status.message}", ""]
    axes = []
    for name, item in diagram.coordinates.items():
        values = item.values
        ends = ", ".join(values) if values.dtype.kind == "U" else f"{values.min():g} to {values.max():g}"
        axes.append((name, item.symbol, f"{len(values)} values", ends))
    lines += table(axes)
    rows: list[Sequence[str]] = [("", "", "smallest", "largest")]
    for name, curve in diagram.scalars.items():
        low, high = value_range(curve)
        rows.append((name, curve.symbol, f"{low:.6g}", f"{high:.6g}"))
    ranges = table(rows) if most is None else shortened(table(rows), most, "scalars")
    return [*lines, "", *ranges] if len(rows) > 1 else lines


def value_range(curve: Curve) -> tuple[float, float]:
    """Smallest and largest finite value; NaN if there is none."""
    import numpy as np

    finite = curve.values[np.isfinite(curve.values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (math.nan, math.nan)

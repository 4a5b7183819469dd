"""What a command prints on stdout: one JSON object or a short table."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..results.numbers import number

if TYPE_CHECKING:
    from ..results.comparison import Comparison
    from ..results.curve import Curve
    from ..results.phase import PhaseDiagram
    from ..results.run import Run


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


def run_lines(run: Run, title: str) -> list[str]:
    """The table of a run."""
    lines = [f"{run.model}: {title}", f"{run.status.code}: {run.status.message}", ""]
    lines += scalar_lines(run.scalars.values())
    if run.comparison is not None:
        lines += ["", *comparison_lines(run.comparison)]
    return lines


def scalar_lines(scalars: Iterable[Curve]) -> list[str]:
    """Name, symbol and value ± standard error of each scalar."""
    rows = [(item.name, item.symbol, number(item.last, item.last_stderr)) for item in scalars]
    return table(rows) or ["no scalars"]


def comparison_lines(comparison: Comparison) -> list[str]:
    """The verdict and a line for each observable."""
    rows: list[Sequence[str]] = [("observable", "max z", "allowed", "relative error", "exponent", "")]
    for name, item in comparison.observables.items():
        exponent = "" if math.isnan(item.exponent) else f"{item.exponent:.2f}"
        verdict = "agrees" if item.agrees else "deviates"
        rows.append(
            (name, f"{item.max_z:.2f}", f"{item.threshold:.2f}", f"{item.relative_error:.2g}", exponent, verdict)
        )
    return [comparison.message, *(table(rows) if comparison.observables else [])]


def table(rows: Sequence[Sequence[str]], indent: int = 2) -> list[str]:
    """Left-aligned columns."""
    if not rows:
        return []
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        " " * indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


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


def sweep_lines(diagram: PhaseDiagram, title: str) -> list[str]:
    """The table of a sweep: axes, and the range of each scalar."""
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
    return [*lines, "", *table(rows)] if len(rows) > 1 else lines


def value_range(curve: Curve) -> tuple[float, float]:
    """Smallest and largest finite value; NaN if there is none."""
    import numpy as np

    finite = curve.values[np.isfinite(curve.values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (math.nan, math.nan)

"""Words of a figure: symbols as mathematics, units, values, the title."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from .curve import Coordinate, Curve

if TYPE_CHECKING:
    from .run import Run

#: Commands and groups of mathtext, which stay; functions, with their argument; words, not products of variables.
WORDS = re.compile(
    r"\\[A-Za-z]+|\{[^{}]*\}|(?P<d>d?)(?P<function>ln|lg|tan|max|min)(?![a-z]) ?|[A-Za-z]{2,}|(?P<space> )"
)


def _upright(found: re.Match[str]) -> str:
    if found["function"]:
        gap = r"\ " if found[0].endswith(" ") else r"\,"
        return rf"{found['d']}\mathrm{{{found['function']}}}{gap}"
    if found["space"]:
        return r"\ "
    return found[0] if found[0][0] in "\\{" else rf"\mathrm{{{found[0]}}}"


@cache
def mathematics(symbol: str) -> str:
    """A symbol such as ``ε_test`` or ``C(t,t')`` as mathtext; as it is where mathtext does not understand it."""
    from matplotlib.mathtext import MathTextParser

    plain = symbol.replace("$", r"\$")
    text = re.sub(r"([%#&])", r"\\\1", plain).replace("'", "′").replace("*", "^{*}")  # a star is no product
    text = re.sub(r"_([A-Za-z]+)_([A-Za-z]+)", r"_{\\mathrm{\1,\2}}", text)  # mathtext knows no second subscript
    text = re.sub(r"_([A-Za-z][A-Za-z0-9]*)", r"_{\\mathrm{\1}}", text)
    text = WORDS.sub(_upright, text)
    try:
        MathTextParser("path").parse(f"${text}$")
    except (ValueError, RuntimeError):
        return plain
    return f"${text}$"


def axis_label(item: Curve | Coordinate) -> str:
    """Symbol and unit; two-time symbols get their arguments, the unit 1 is not shown."""
    symbol = item.symbol or item.name
    if isinstance(item, Curve) and item.dims == ("t", "t_prime") and "(" not in symbol:
        symbol += "(t,t')"
    return mathematics(symbol) + ("" if item.unit in ("", "1") else f" [{item.unit}]")


def short_name(curve: Curve) -> str:
    """The long name up to its first comma, semicolon or parenthesis, which explain more than a panel has room for."""
    return re.split(r"[,;]| \(", curve.long_name or curve.name, maxsplit=1)[0].replace("$", r"\$")


def title(run: Run) -> str:
    """Model, the parameters that differ from the defaults, and the status unless converged."""
    words = heading(run.model, run.changed.items())
    return words if run.status.success else f"{words} ({run.status.code.replace('_', ' ')})"


def heading(model: str, values: Iterable[tuple[str, Any]]) -> str:
    """Model, and names or symbols with their values."""
    parts = [equation(parameter_name(name), value) for name, value in values]
    return model.replace("$", r"\$") + (": " + ", ".join(parts) if parts else "")


def equation(name: str, value: Any) -> str:
    """``name = value`` without a line break in it."""
    return f"{name}\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{value_text(value)}"


def simulation_label(run: Run) -> str:
    """Legend entry of the simulation, with its size."""
    size = run.simulation.method.get("size") if run.simulation is not None else None
    return "simulation" if size is None else f"simulation, $N={size}$"


def parameter_name(name: str) -> str:
    """Words or a symbol in place of a name."""
    return name.replace("_", " ") if re.fullmatch(r"[a-z]{2,}[a-z_]+", name) else mathematics(name)


def value_text(value: Any) -> str:
    """A value as mathtext, or as it is."""
    if isinstance(value, float):
        mantissa, _, exponent = f"{value:.4g}".partition("e")
        return rf"${mantissa}\times10^{{{int(exponent)}}}$" if exponent else f"${mantissa}$"
    return str(value).replace("$", r"\$")

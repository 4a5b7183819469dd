"""What is varied: ``0.5:4:15``, ``log:0.1:10:9``, ``two-cluster,three-cluster``, lists; names that vary together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import ParameterError, UnknownNameError
from ..parameters import Parameter
from ..results.curve import Coordinate

SYNTAX = "give FIRST:LAST:NUMBER, log:FIRST:LAST:NUMBER or VALUE,VALUE,…"
MOST_POINTS = 1_000_000


@dataclass(frozen=True)
class Axis:
    """One dimension: the values that one name, or several zipped ones, take together.

    Attributes
    ----------
    names : tuple of str
        Swept parameters; the first gives the dimension its name.
    rows : tuple of tuple
        One value for each name, validated.
    logarithmic : bool
        The range was logarithmic.
    """

    names: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    logarithmic: bool = False

    @property
    def numeric(self) -> bool:
        """True if the first name has numbers for values."""
        return all(_is_number(row[0]) for row in self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def bounds(self) -> tuple[float, float]:
        """Smallest and largest value of the first name."""
        values = [float(row[0]) for row in self.rows]
        return min(values), max(values)


def parse(name: str, given: Any, declared: Parameter) -> Axis:
    """The axis of one parameter.

    Parameters
    ----------
    given : str, sequence or tuple
        ``"0.5:4:15"`` or the tuple ``(0.5, 4, 15)``: so many points from first to last, evenly; ``"log:0.1:10:9"``:
        evenly in the logarithm; ``"v1,v2"`` or a list or array: these values.
    declared : Parameter
        Validates every value.

    Raises
    ------
    ParameterError
        If a range is empty, runs backwards or is not one of numbers, or a value is not allowed.

    Notes
    -----
    Numbers of a range are rounded to 12 digits, so that a refined grid has the points of the coarse one. Ranges of
    integers are rounded to integers.
    """
    logarithmic = False
    if isinstance(given, str):
        words = [word.strip() for word in given.strip().split(":")]
        logarithmic = words[0] == "log"
        if logarithmic or len(words) > 1:
            values = _range(name, given, words[1:] if logarithmic else words, declared, logarithmic)
        else:
            values = [word.strip() for word in given.split(",")]
            if any(value == "" for value in values):
                raise ParameterError(f"{name} = {given!r} has an empty value: {SYNTAX}")
    elif isinstance(given, tuple):
        words = ["" if value is None else str(value) for value in given]
        values = _range(name, given, words, declared, False)
    elif isinstance(given, Iterable) and not isinstance(given, (Mapping, bytes)):
        values = list(given)
    else:
        values = [given]
    if not values:
        raise ParameterError(f"{name} has no values: {SYNTAX}, or a list of values")
    checked = [declared.validate(value) for value in values]
    for value in checked:
        if not isinstance(value, (bool, int, float, str, type(None))):
            raise ParameterError(f"{name} = {value} cannot be swept: give numbers, texts or true and false")
    return Axis((name,), tuple((value,) for value in checked), logarithmic)


def zipped(axes: Sequence[Axis], groups: Sequence[Sequence[str]]) -> tuple[Axis, ...]:
    """The axes in order of their values, those of each group of names made into one along which all vary together.

    Raises
    ------
    ParameterError
        If a group has one name only, one that is not swept or in another group, or lists of unequal lengths; if a
        value is given twice.
    """
    left = {axis.names[0]: axis for axis in axes}
    made: dict[str, Axis] = {}
    for group in groups:
        text = ",".join(group)
        if len(set(group)) < max(2, len(group)):
            raise ParameterError(f"zip {text} is not allowed: give two or more different names, e.g. alpha,ridge")
        for name in group:
            if name not in left:
                raise UnknownNameError(f"name in zip {text}: it is not swept, or in two groups;", name, left)
        parts = [left.pop(name) for name in group]
        if len({len(part) for part in parts}) > 1:
            lengths = ", ".join(f"{part.names[0]} has {len(part)}" for part in parts)
            raise ParameterError(f"zip {text}: unequal numbers of values ({lengths}): give as many for each name")
        rows = zip(*(part.rows for part in parts), strict=True)
        made[group[0]] = Axis(tuple(group), tuple(tuple(row[0] for row in several) for several in rows))
    order = [axis.names[0] for axis in axes]
    finished = [_in_order(axis) for axis in [*left.values(), *made.values()]]
    return tuple(sorted(finished, key=lambda axis: order.index(axis.names[0])))


def _in_order(axis: Axis) -> Axis:
    """Sorted by the first name where that has numbers; whatever order the values were given in."""
    if len(set(axis.rows)) < len(axis.rows):
        row = next(row for row in axis.rows if axis.rows.count(row) > 1)
        words = ", ".join(f"{name} = {value}" for name, value in zip(axis.names, row, strict=True))
        raise ParameterError(f"{words} is given twice: give each value once")
    return replace(axis, rows=tuple(sorted(axis.rows, key=lambda row: row[0]))) if axis.numeric else axis


def grid(axes: Sequence[Axis]) -> list[dict[str, Any]]:
    """All points, the last axis fastest."""
    total = math.prod(len(axis) for axis in axes)
    if total > MOST_POINTS:
        raise ParameterError(f"{total} points are too many: give fewer values, at most {MOST_POINTS} points in all")
    rows = itertools.product(*(axis.rows for axis in axes))
    names = [axis.names for axis in axes]
    return [dict(zip(itertools.chain(*names), itertools.chain(*row), strict=True)) for row in rows]


def coordinates(axes: Sequence[Axis], declared: Mapping[str, Parameter]) -> dict[str, Coordinate]:
    """The values of every swept name along its dimension: numbers, or texts where there is anything else."""
    made = {}
    for axis in axes:
        for position, name in enumerate(axis.names):
            column = [row[position] for row in axis.rows]
            made[name] = coordinate(declared[name], column, "" if position == 0 else axis.names[0])
    return made


def coordinate(declared: Parameter, values: Sequence[Any], dim: str = "") -> Coordinate:
    """The values of one parameter as points of an axis."""
    if all(_is_number(value) for value in values):
        array = np.array(values, dtype=np.int64 if declared.kind is int else np.float64)
    else:
        array = np.array([_word(value) for value in values])
    return Coordinate(declared.name, array, declared.symbol, declared.doc, declared.unit or "1", dim)


def _range(name: str, given: Any, words: Sequence[str], declared: Parameter, logarithmic: bool) -> list[Any]:
    if declared.kind not in (int, float):
        raise ParameterError(f"{name} = {given!r}: a range needs numbers, give values: {declared.allowed}")
    numbers: list[float] = []
    with suppress(ValueError):
        numbers = [float(word) for word in words]
    if len(numbers) != 3 or not all(map(math.isfinite, numbers)) or numbers[2] != int(numbers[2]):
        raise ParameterError(f"{name} = {given!r} is not a range: {SYNTAX}")
    first, last, count = numbers[0], numbers[1], int(numbers[2])
    if count < 2:
        raise ParameterError(f"{name} = {given!r} is empty: a range needs two points or more; for one give its value")
    if first >= last:
        what = "is empty" if first == last else "runs backwards"
        raise ParameterError(f"{name} = {given!r} {what}: give the smaller end first, e.g. {name}=0.5:4:15")
    if count > MOST_POINTS:
        raise ParameterError(f"{name} = {given!r} has too many points: give at most {MOST_POINTS}")
    if logarithmic and first <= 0.0:
        raise ParameterError(f"{name} = {given!r} is not allowed: a logarithmic range needs numbers above 0")
    inner = np.geomspace(first, last, count) if logarithmic else np.linspace(first, last, count)
    values = [first, *(float(f"{value:.12g}") for value in inner[1:-1]), last]
    if declared.kind is float:
        return values
    integers = [round(value) for value in values]
    if len(set(integers)) < count:
        raise ParameterError(f"{name} = {given!r} holds fewer than {count} different integers: ask for fewer points")
    return integers


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _word(value: Any) -> str:
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)

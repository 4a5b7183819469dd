"""The way back from the groups of arrays that :mod:`dmft.results.layout` makes; whatever is missing is said."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import FileFormatError
from .comparison import Comparison, ObservableComparison
from .curve import Coordinate, Curve
from .layout import ARRAYS, NUMBERS, PROVENANCE, Attributes, Group, Variable
from .picture import from_plain
from .solution import Solution
from .status import ORDER, Status


def restored_run(attrs: Attributes, groups: Mapping[str, Group]) -> dict[str, Any]:
    """The fields of the run that :func:`dmft.results.layout.describe` described.

    Raises
    ------
    FileFormatError
        If something is missing or malformed.
    """
    if not groups.keys() & {"theory", "simulation"}:
        raise FileFormatError("there is neither a group /theory nor /simulation")
    provenance = restored_provenance(attrs)
    restored_status(attrs, "/")
    return {
        "model": get_attribute(attrs, "/", "model", str),
        "parameters": get_json(attrs, "/", "parameters", dict),
        "changed": get_json(attrs, "/", "changed", dict),
        "theory": restored_solution(groups, "theory"),
        "simulation": restored_solution(groups, "simulation"),
        "comparison": _comparison(groups),
        "references": tuple(get_json(attrs, "/", "references", list)),
        "provenance": provenance,
        "figure": from_plain(get_json(attrs, "/", "figure", list)) if "figure" in attrs else (),
    }


def restored_solution(groups: Mapping[str, Group], name: str) -> Solution | None:
    """The solution in a group, None if there is no such group."""
    group = groups.get(name)
    if group is None:
        return None
    partners = {item.attrs.get("ancillary_variables") for item in group.variables.values()}
    curves, where = {}, f"/{name}"
    for key, item in group.variables.items():
        if key in partners:
            continue
        partner, stderr = item.attrs.get("ancillary_variables"), None
        if partner is not None:
            if partner not in group.variables or group.variables[partner].dims != item.dims:
                raise FileFormatError(f"variable {partner!r} of {where} is missing or malformed")
            stderr = group.variables[partner].values
        curves[key] = Curve(key, item.values, stderr, item.dims, *restored_labels(item, f"{where}/{key}"))
    coordinates = {}
    for key, item in group.coordinates.items():
        labels = restored_labels(item, f"{where}/{key}")
        coordinates[key] = Coordinate(key, item.values, *labels, dim="" if item.dims == (key,) else item.dims[0])
    method, diagnostics = (get_json(group.attrs, where, key, dict) for key in ("method", "diagnostics"))
    samples = get_attribute(group.attrs, where, "samples", int)
    return Solution(curves, coordinates, restored_status(group.attrs, where), samples, method, diagnostics)


def restored_provenance(attrs: Attributes) -> dict[str, Any]:
    """What the root tells about the origin."""
    provenance = {}
    for name, kind in PROVENANCE.items():
        if name in attrs:
            of_kind = get_json if kind is dict else get_attribute
            provenance[name] = of_kind(attrs, "/", name, kind)
    return provenance


def restored_labels(item: Variable, where: str) -> tuple[str, str, str]:
    """Symbol, long name and unit."""
    symbol, long_name, unit = (get_attribute(item.attrs, where, key, str) for key in ("symbol", "long_name", "units"))
    return symbol, long_name, unit


def _comparison(groups: Mapping[str, Group]) -> Comparison | None:
    group = groups.get("comparison")
    if group is None:
        return None
    observables = {}
    for name, given in get_json(group.attrs, "/comparison", "observables", dict).items():
        fields: dict[str, Any] = {key: math.nan if given[key] is None else given[key] for key in NUMBERS}
        fields |= {key: tuple(group.variables[f"{name}_{key}"].values.tolist()) for key in ARRAYS}
        observables[name] = ObservableComparison(**fields)
    return Comparison(tuple(group.coordinates["size"].values.tolist()), observables, group.attrs.get("reason", ""))


def restored_status(attrs: Attributes, where: str) -> Status:
    """How it ended."""
    code = get_attribute(attrs, where, "status", str)
    if code not in ORDER:
        raise FileFormatError(f"attribute 'status' of {where} is {code!r}, known are {', '.join(ORDER)}")
    return Status(code, get_attribute(attrs, where, "status_message", str))


def get_attribute(attrs: Attributes, where: str, name: str, kind: type) -> Any:
    """An attribute that must be there and of this kind."""
    if name not in attrs:
        raise FileFormatError(f"attribute {name!r} of {where} is missing")
    value = attrs[name]
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, kind):
        raise FileFormatError(f"attribute {name!r} of {where} is {value!r}, expected {kind.__name__}")
    return value


def get_json(attrs: Attributes, where: str, name: str, kind: type) -> Any:
    """A value that is kept as JSON."""
    try:
        value = json.loads(get_attribute(attrs, where, name, str))
    except json.JSONDecodeError:
        raise FileFormatError(f"attribute {name!r} of {where} is not JSON") from None
    if not isinstance(value, kind):
        raise FileFormatError(f"attribute {name!r} of {where} is not a JSON {kind.__name__}")
    return value
